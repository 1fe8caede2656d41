//! What is known of the calls of an action when it ends, and what people are told where that is not all. Pure.

use cordon_records::{Action, ActionState, LedgerEntry};

/// Whether Defender was called for it, whatever came of that.
pub(super) fn was_called(entry: &LedgerEntry) -> bool {
    !entry.intents.is_empty()
}

/// How an action ends, as far as nobody knows what came of a call of it. Where people, a guard, time or a cancellation end
/// it, a person has to look; where its newest attempt failed, the reason says what is not known of those before.
pub(super) fn with_what_is_unseen(
    entry: &LedgerEntry,
    (state, reason): (ActionState, String),
) -> (ActionState, String) {
    match state {
        ActionState::Cancelled
        | ActionState::Denied
        | ActionState::Expired
        | ActionState::Refused
        | ActionState::Would
            if entry.leaves_doubt() =>
        {
            let why = "no further attempt is made, but nobody knows what came of an earlier one";
            (ActionState::NeedsHuman, format!("{reason}; {why}: {}", where_to_look(entry)))
        }
        ActionState::Failed | ActionState::TimedOut if entry.doubts_earlier() => {
            (state, format!("{reason}; nobody knows what came of an earlier attempt: {}", where_to_look(entry)))
        }
        ActionState::Cancelled
        | ActionState::Denied
        | ActionState::Expired
        | ActionState::Refused
        | ActionState::Would
        | ActionState::Failed
        | ActionState::TimedOut
        | ActionState::Held
        | ActionState::Approved
        | ActionState::Covered
        | ActionState::InDoubt
        | ActionState::Accepted
        | ActionState::Overdue
        | ActionState::Succeeded
        | ActionState::NeedsHuman
        | ActionState::ClosedMeanwhile => (state, reason),
    }
}

/// Where a person finds out whether it was done.
pub(super) fn where_to_look(entry: &LedgerEntry) -> String {
    match &entry.action {
        Action::Tag { tag, .. } => format!("look at the machine's tags for {tag}"),
        Action::SetDeviceValue { .. } => "look at the machine's device value".into(),
        Action::UpdateAlert(_) => format!("look at alert {}", entry.alert.id),
        Action::Indicator(indicator) => format!("look for {} among the indicators", indicator.value),
        Action::Investigate { .. } => "look at the machine's automated investigations".into(),
        Action::Cancel { what, .. } => format!("look at the {what} in the machine's action center"),
        Action::Isolate { .. } | Action::Release { .. } => {
            "look at the machine's action center, or at `cordon isolated`".into()
        }
        Action::RestrictCode { .. }
        | Action::UnrestrictCode { .. }
        | Action::Scan { .. }
        | Action::CollectPackage { .. }
        | Action::StopFile { .. }
        | Action::LiveResponse { .. }
        | Action::Offboard { .. } => "look at the machine's action center".into(),
    }
}
