//! What the guards were told when they were asked: recorded with their verdicts, so that a backtest can ask them again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::AlertSummary;
use crate::ids::MachineActionId;
use crate::machine::MachineSummary;

/// The number of onboarded machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// How many.
    pub machines: u64,
    /// When they were counted.
    pub at: Timestamp,
}

/// What Defender's list of machine actions says of the machine's isolation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Isolation {
    /// The list could not be read.
    Unknown,
    /// No isolation stands or runs.
    None,
    /// One is on its way.
    Running {
        /// That action.
        id: MachineActionId,
    },
    /// The newest finished action is an isolation that succeeded.
    Isolated {
        /// That action.
        id: MachineActionId,
    },
    /// The newest finished action is a release.
    Released {
        /// When.
        at: Timestamp,
        /// Who asked for it.
        by: String,
    },
}

/// The newest of the machine's actions in Defender's list, of whatever kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestAction {
    /// Defender's id.
    pub id: MachineActionId,
    /// Its type, in Defender's spelling (`Isolate`).
    pub kind: String,
    /// Its status, in Defender's spelling (`Succeeded`).
    pub status: String,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

/// Defender's list of the machine's actions, read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListedActions {
    /// The newest of them; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<NewestAction>,
}

/// What the guards were told about one action. A part that could not be had is absent: the guards were told so, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardFacts {
    /// Hash of the guards that were asked; their text is on `policies`.
    pub guard_set: String,
    /// The moment for which they judged.
    pub at: Timestamp,
    /// Whether anything was read. A pause or a latched breaker holds an action without a fresh read; alert and machine are
    /// then those of the decision, and nobody looked at the isolation. Where every fresh read failed, nothing was read either.
    pub read: bool,
    /// The alert as the guards were told of it, without its title and its users.
    pub alert: AlertSummary,
    /// Whether that is what was read then. If not, the alert could not be had, or was not asked for, because a person or a
    /// timer wants the action.
    pub alert_read: bool,
    /// Everybody on the alert or logged on, as far as known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// The machine as it was then; absent when it could not be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineSummary>,
    /// The machine as it was when the rules decided, where that says something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled: Option<MachineSummary>,
    /// Whether it was isolated, and by whom.
    pub isolation: Isolation,
    /// Defender's list of its actions; absent when it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<ListedActions>,
    /// Whether the isolation that stood or ran was Cordon's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ours: bool,
    /// Whether it was known to cut off less than this action would.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub narrower: bool,
    /// Who had asked for it, and how much it cut off: `analyst@example.com (Selective)`; absent where that was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated_by: Option<String>,
    /// Another machine that had an isolation for this very alert: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<String>,
    /// The fleet's size; absent when it was never counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Fleet>,
    /// Whether a person had paused all actions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// Whether the breaker had latched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latched: bool,
    /// How many users and tags were left out, so that a report fits its record. Not 0: the verdict cannot be repeated for
    /// sure.
    #[serde(default, skip_serializing_if = "is_none_left_out")]
    pub left_out: usize,
}

/// At most so many users, and so many tags, are recorded.
const MOST: usize = 100;

/// A user or a tag that has more bytes than this is left out: half a name would be another name.
const LONGEST: usize = 256;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_none_left_out(left_out: &usize) -> bool {
    *left_out == 0
}

impl GuardFacts {
    /// Leaves out what would make a report too large, and says how much.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.alert.title.clear();
        self.alert.users.clear();
        let readings = [&mut self.machine, &mut self.polled].into_iter().flatten();
        let tags: usize = readings.filter_map(|machine| machine.tags.as_mut()).map(bound).sum();
        self.left_out = bound(&mut self.users) + tags;
        self
    }
}

fn bound(texts: &mut Vec<String>) -> usize {
    let before = texts.len();
    texts.retain(|text| text.len() <= LONGEST);
    texts.truncate(MOST);
    before - texts.len()
}
