//! An action that has ended for good, in short: what keeps it from being done again, and what others still ask of it.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::LedgerEntry;
use crate::ids::{ActionKey, AlertId, MachineActionId};
use crate::report::ActionState;
use crate::text::digest;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// All that is kept of an action that has ended for good: at most 150 bytes, and 26 more where it has isolated a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedEntry {
    /// The action.
    pub key: ActionKey,
    /// How it ended.
    pub state: ActionState,
    /// Number of the last attempt; 0 when none was made.
    pub attempt: u32,
    /// Defender's id of it, if it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MachineActionId>,
    /// Of an isolation that cut its machine off, or may have: for which alert. Another machine is not cut off for it by
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertMark>,
    /// A new decision may judge it again: nobody decided in time, its alert was closed, or it was only rehearsed. Builds that
    /// do not know this leave it as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// When it was closed, or, where it was [only rehearsed](Self::was_only_rehearsed), when it was: in days since 1970-01-01
    /// UTC; a build that does not say counts as never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<u16>,
    /// The epoch of the claim under which this was written.
    pub epoch: u64,
}

impl ClosedEntry {
    /// Whether it takes the place of `entry`, which was read before it: its attempt is not an earlier one.
    #[must_use]
    pub const fn ends(&self, entry: &LedgerEntry) -> bool {
        self.attempt >= entry.attempt
    }

    /// Whether it stays although `entry` was read after it. Who wrote an entry under a higher claim than the one it was
    /// closed under knows that it did not end so, or took up what a new decision may.
    #[must_use]
    pub const fn outlives(&self, entry: &LedgerEntry) -> bool {
        let taken_up = entry.epoch > self.epoch || (self.again && entry.epoch == self.epoch);
        self.ends(entry) && !taken_up
    }

    /// Whether it says nothing but what would have been done: no attempt was ever made, so nothing hangs on its being known.
    #[must_use]
    pub fn was_only_rehearsed(&self) -> bool {
        let nothing_done = self.attempt == 0 && self.id.is_none() && self.alert.is_none();
        self.state == ActionState::Would && self.again && nothing_done
    }

    /// The day of an instant, as [`ClosedEntry::day`] counts.
    #[must_use]
    pub fn day_of(at: Timestamp) -> u16 {
        u16::try_from(at.as_second() / DAY_S).unwrap_or(if at.as_second() < 0 { 0 } else { u16::MAX })
    }
}

/// What tells an alert from every other in a closed entry: 8 bytes of SHA-256 over its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertMark(pub u64);

impl AlertMark {
    /// The mark of this alert.
    #[must_use]
    pub fn of(alert: &AlertId) -> Self {
        Self(u64::from_str_radix(&digest(&[alert.as_str()], 8), 16).unwrap_or_default())
    }
}

impl Serialize for AlertMark {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for AlertMark {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}
