//! The records on the compacted `cursors` topic: who polls, and how far the poll has come.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::claim::Claim;

/// A record on `cursors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum CursorRecord {
    /// Who polls now.
    Claim(Claim),
    /// How far the alert poll has come.
    Poll(PollCursor),
}

impl CursorRecord {
    /// The Kafka key.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Claim(_) => Claim::KEY,
            Self::Poll(_) => "poll",
        }
    }
}

/// How far the alert poll has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollCursor {
    /// The newest `lastUpdateTime` received from the vendor; never our own clock.
    pub watermark: Timestamp,
    /// Every alert that the API served before this instant is on the topic.
    pub covered_until: Timestamp,
    /// Where the very first round of this installation began: nothing that was last updated before is asked for.
    /// Absent in cursors written before there were sweeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The poller's epoch.
    pub epoch: u64,
}
