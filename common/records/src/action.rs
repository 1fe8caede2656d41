//! Actions: what may be done to a machine, to an alert or in the tenant, and with which settings.
//!
//! Names, settings and limits follow Microsoft's pages under "Response actions" of the Defender for Endpoint API.

mod kind;
mod settings;

use serde::{Deserialize, Serialize};

use crate::ids::{ActionKey, AlertId, MachineId, Sha1, TenantId};

pub use kind::{ActionKind, Impact, KindRow, Listed, Retired, Target};
pub use settings::{
    AlertChanges, DeviceValue, Indicator, IndicatorAction, IndicatorType, IsolationType, LiveCommand, ReleaseTerms,
    ScanType, TagChange,
};

/// What to do. The machine and the alert stand beside it in the record that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Cut the machine off the network; Defender's own channel stays.
    Isolate {
        /// How much is cut.
        isolation: IsolationType,
        /// The rule author's words for the action's comment.
        comment: String,
        /// When Cordon lets the machine back by itself; absent: never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseTerms>,
    },
    /// Let the machine back (`unisolate`).
    Release {
        /// Why.
        comment: String,
    },
    /// Let only programs run that Microsoft has signed.
    RestrictCode {
        /// Why.
        comment: String,
    },
    /// Lift that restriction.
    UnrestrictCode {
        /// Why.
        comment: String,
    },
    /// Run an antivirus scan.
    Scan {
        /// How thorough.
        scan: ScanType,
        /// Why.
        comment: String,
    },
    /// Collect an investigation package; its download link comes with the report of success.
    CollectPackage {
        /// Why.
        comment: String,
    },
    /// Start an automated investigation; Microsoft takes none any more ([`ActionKind::retired`]).
    Investigate {
        /// Why.
        comment: String,
    },
    /// Stop a file's processes and quarantine it.
    StopFile {
        /// The file.
        sha1: Sha1,
        /// Why.
        comment: String,
    },
    /// Run live response commands, in order; one that fails skips the rest.
    LiveResponse {
        /// The commands.
        commands: Vec<LiveCommand>,
        /// Why.
        comment: String,
    },
    /// Take the machine out of Defender.
    Offboard {
        /// Why.
        comment: String,
    },
    /// Put a tag on the machine, or take one off.
    Tag {
        /// The tag.
        tag: String,
        /// On or off.
        change: TagChange,
    },
    /// Say what the machine is worth.
    SetDeviceValue {
        /// The value.
        value: DeviceValue,
    },
    /// Change the alert.
    UpdateAlert(AlertChanges),
    /// Submit an indicator: a file, address or name that Defender treats so in the whole tenant.
    Indicator(Indicator),
    /// Cancel our own action of this kind for the same alert and machine, as long as it has not ended.
    Cancel {
        /// The kind of that action.
        what: ActionKind,
        /// Why.
        comment: String,
    },
}

impl Action {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::Isolate { .. } => ActionKind::Isolate,
            Self::Release { .. } => ActionKind::Release,
            Self::RestrictCode { .. } => ActionKind::RestrictCode,
            Self::UnrestrictCode { .. } => ActionKind::UnrestrictCode,
            Self::Scan { .. } => ActionKind::Scan,
            Self::CollectPackage { .. } => ActionKind::CollectPackage,
            Self::Investigate { .. } => ActionKind::Investigate,
            Self::StopFile { .. } => ActionKind::StopFile,
            Self::LiveResponse { .. } => ActionKind::LiveResponse,
            Self::Offboard { .. } => ActionKind::Offboard,
            Self::Tag { .. } => ActionKind::Tag,
            Self::SetDeviceValue { .. } => ActionKind::SetDeviceValue,
            Self::UpdateAlert(_) => ActionKind::UpdateAlert,
            Self::Indicator(_) => ActionKind::Indicator,
            Self::Cancel { .. } => ActionKind::Cancel,
        }
    }

    /// The author's words; `""` where the action carries none.
    #[must_use]
    pub fn comment(&self) -> &str {
        match self {
            Self::Isolate { comment, .. }
            | Self::Release { comment }
            | Self::RestrictCode { comment }
            | Self::UnrestrictCode { comment }
            | Self::Scan { comment, .. }
            | Self::CollectPackage { comment }
            | Self::Investigate { comment }
            | Self::StopFile { comment, .. }
            | Self::LiveResponse { comment, .. }
            | Self::Offboard { comment }
            | Self::Cancel { comment, .. } => comment,
            Self::UpdateAlert(changes) => changes.comment.as_deref().unwrap_or_default(),
            Self::Indicator(indicator) => &indicator.description,
            Self::Tag { .. } | Self::SetDeviceValue { .. } => "",
        }
    }

    /// What tells two actions of one kind on one machine apart, as part of the action key: the file, the indicator's
    /// value, the tag, what is cancelled. `None` where a machine has only one at a time.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::StopFile { sha1, .. } => Some(sha1.as_str()),
            Self::Indicator(indicator) => Some(&indicator.value),
            Self::Tag { tag, .. } => Some(tag),
            Self::Cancel { what, .. } => Some(what.as_str()),
            Self::Isolate { .. }
            | Self::Release { .. }
            | Self::RestrictCode { .. }
            | Self::UnrestrictCode { .. }
            | Self::Scan { .. }
            | Self::CollectPackage { .. }
            | Self::Investigate { .. }
            | Self::LiveResponse { .. }
            | Self::Offboard { .. }
            | Self::SetDeviceValue { .. }
            | Self::UpdateAlert(_) => None,
        }
    }

    /// The kind whose effect this action takes back: what a cancellation names, else what stands in the kind's row.
    #[must_use]
    pub const fn undoes(&self) -> Option<ActionKind> {
        match self {
            Self::Cancel { what, .. } => Some(*what),
            other => other.kind().row().undoes,
        }
    }
}

impl ActionKey {
    /// Derives the key: 16 hexadecimal digits of SHA-256 over tenant, alert, machine and kind, and over what tells two
    /// actions of one kind apart ([`Action::detail`]).
    #[must_use]
    pub fn derive(tenant: &TenantId, alert: &AlertId, machine: &MachineId, action: &Action) -> Self {
        let mut parts = vec![tenant.as_str(), alert.as_str(), machine.as_str(), action.kind().as_str()];
        parts.extend(action.detail());
        Self::of(&parts)
    }
}

/// How far an action may go. The order is the order of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Decide and report what would have been done; do nothing.
    Shadow,
    /// Wait for a person.
    Approve,
    /// Do it.
    Auto,
}

impl Mode {
    /// The name in files and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Approve => "approve",
            Self::Auto => "auto",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_action_key_ignores_how_the_isolation_is_done_and_tells_everything_else_apart() {
        let key = |alert: &str, machine: &str| {
            ActionKey::derive(
                &TenantId::new("t").unwrap(),
                &AlertId::new(alert).unwrap(),
                &MachineId::new(machine).unwrap(),
                &Action::Isolate { isolation: IsolationType::Full, comment: "c".into(), release: None },
            )
        };
        assert_eq!(key("a", "bc"), key("a", "bc"));
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("a", "b").as_str().len(), 16);
    }
}
