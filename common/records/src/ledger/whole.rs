//! The mark on `summary` which says that it is whole.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Written by the holder of respond once `summary` says what its ledger does: from here on it follows the ledger, and what
/// is not there is not open, held or standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeSummary {
    /// The epoch of the holder's claim.
    pub epoch: u64,
    /// When the holder last had nothing left to write: it says so anew every 30 seconds.
    pub at: Timestamp,
}

impl WholeSummary {
    /// The Kafka key.
    pub const KEY: &'static str = "whole";

    /// So long the mark counts. After that nobody keeps the summary up to date: its holder has died, cannot write it, or is of
    /// a build that does not know it.
    pub const COUNTS_FOR: SignedDuration = SignedDuration::from_mins(2);

    /// The mark that stands on the topic; nothing where that is none.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok()
    }
}
