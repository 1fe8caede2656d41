//! Where one attempt stands, and the order of its life.

use serde::{Deserialize, Serialize};

use crate::report::ActionState;

/// Where one attempt stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// About to call. After a crash: in doubt.
    Intent,
    /// The call's outcome is unknown until the list of machine actions has been read.
    InDoubt,
    /// Settled as this report says.
    Reported(ActionState),
}

impl AttemptState {
    /// Where it stands, in a word: as a report says it, or `intent`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::InDoubt => "in_doubt",
            Self::Reported(state) => state.as_str(),
        }
    }

    /// Place in the order of an attempt's life; later beats earlier when records merge.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::Intent => 1,
            Self::InDoubt => 2,
            Self::Reported(state) => match state {
                ActionState::Would
                | ActionState::Held
                | ActionState::Approved
                | ActionState::Denied
                | ActionState::Expired
                | ActionState::Refused
                | ActionState::Covered
                | ActionState::InDoubt => 3,
                ActionState::Accepted | ActionState::Overdue => 4,
                // A person is asked for at the end of an accepted action, too: that nobody knows its outcome.
                ActionState::NeedsHuman
                | ActionState::Succeeded
                | ActionState::Failed
                | ActionState::TimedOut
                | ActionState::Cancelled
                | ActionState::ClosedMeanwhile => 5,
            },
        }
    }
}
