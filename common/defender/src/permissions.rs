//! Which application permissions the app registration needs, by what it is used for.

use cordon_records::{Action, ActionKind};

use crate::endpoint::Endpoint;

/// Permissions of which each is enough, the least first.
pub type Permissions = &'static [&'static str];

/// What reading alerts needs.
#[must_use]
pub const fn to_read_alerts() -> Permissions {
    Endpoint::Alert.permissions()
}

/// What reading machines and their actions needs.
#[must_use]
pub const fn to_read_machines() -> Permissions {
    Endpoint::Machine.permissions()
}

/// What sending mail through Microsoft Graph needs.
#[must_use]
pub const fn to_send_mail() -> Permissions {
    Endpoint::SendMail.permissions()
}

/// What asking for an action of this kind needs. None for a cancellation: that needs what the cancelled action does. None
/// for what Microsoft no longer takes.
#[must_use]
pub fn to_ask_for(kind: ActionKind) -> Permissions {
    Endpoint::of(kind).map_or(&[], Endpoint::permissions)
}

/// What asking for this action needs.
#[must_use]
pub fn to_ask_for_action(action: &Action) -> Permissions {
    match action {
        Action::Cancel { what, .. } => to_ask_for(*what),
        other => to_ask_for(other.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_but_a_cancellation_has_a_permission_and_a_cancellation_has_that_of_its_kind() {
        for kind in ActionKind::TAKEN {
            assert_eq!(to_ask_for(*kind).is_empty(), *kind == ActionKind::Cancel, "{kind}");
        }
        let cancel = Action::Cancel { what: ActionKind::Scan, comment: "c".into() };
        assert_eq!(to_ask_for_action(&cancel), ["Machine.Scan"]);
    }
}
