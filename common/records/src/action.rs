//! Actions on machines, and the record on the `actions` topic that tells each step of one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::AlertSummary;
use crate::ids::{ActionKey, MachineActionId, RuleId};
use crate::machine::MachineSummary;
use crate::{known_version, schema_version};

/// What to do to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Cut the machine off the network; Defender's own channel stays.
    Isolate {
        /// How much is cut.
        isolation: IsolationType,
        /// The rule author's words for the action's comment.
        comment: String,
    },
}

impl Action {
    /// The kind's stable name: part of the action key, of metrics and of reports.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Isolate { .. } => "isolate",
        }
    }

    /// The rule author's comment.
    #[must_use]
    pub fn comment(&self) -> &str {
        match self {
            Self::Isolate { comment, .. } => comment,
        }
    }
}

/// `IsolationType` of the isolate call. Source: Microsoft's page "Isolate machine API".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IsolationType {
    /// Everything but Defender's channel.
    Full,
    /// Outlook, Teams and Skype keep working.
    Selective,
}

impl IsolationType {
    /// Microsoft's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Selective => "Selective",
        }
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

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// A guard forbids it, also with approval.
    Refused,
    /// A guard wants a person to decide.
    Held,
    /// It would have been done, but the mode is shadow.
    Would,
    /// Somebody's or our own isolation of the machine already stands or runs; nothing to do.
    Covered,
    /// The call's answer was lost; the list of machine actions will tell.
    InDoubt,
    /// Defender took the request. The machine is not isolated yet.
    Accepted,
    /// Defender says it is done.
    Succeeded,
    /// Defender refused the request, or says that it failed.
    Failed,
    /// Defender gave up waiting for the machine (about three days).
    TimedOut,
    /// A person cancelled it.
    Cancelled,
    /// A person must look: the rules or the call could not be judged.
    NeedsHuman,
    /// People closed the alert while the action was still on its way.
    ClosedMeanwhile,
}

impl ActionState {
    /// The stable name: part of record ids, of metrics and of reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Would => "would",
            Self::Covered => "covered",
            Self::InDoubt => "in_doubt",
            Self::Accepted => "accepted",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::NeedsHuman => "needs_human",
            Self::ClosedMeanwhile => "closed_meanwhile",
        }
    }
}

/// What a guard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Nothing against it.
    Pass,
    /// Another action already has the effect.
    Covered,
    /// A person decides.
    Hold,
    /// No.
    Refuse,
}

/// One guard's word on one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardVerdict {
    /// The guard's stable name (`never-list`, `age`, `caps` …).
    pub guard: String,
    /// What it says.
    pub ruling: Ruling,
    /// Why, for people.
    pub why: String,
}

/// One step of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version")]
    pub schema_version: u32,
    /// `key#attempt#state`: a repeated report has the same id.
    pub id: String,
    /// What makes it the same action. Absent for a decision that needs a person before any action is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ActionKey>,
    /// Number of the attempt, from 1; 0 when none was made.
    #[serde(default)]
    pub attempt: u32,
    /// Where the action stands.
    pub state: ActionState,
    /// What was to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The alert behind it.
    pub alert: AlertSummary,
    /// The machine; absent when the alert names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineSummary>,
    /// The rules that asked for it.
    #[serde(default)]
    pub rules: Vec<RuleId>,
    /// The conditions of those rules, as written.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// The mode in force: the lower of the rules' and the stage's.
    pub mode: Mode,
    /// Why it stands there, in one line for people.
    pub reason: String,
    /// Every guard that was asked.
    #[serde(default)]
    pub guards: Vec<GuardVerdict>,
    /// Defender's id for it, once accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_action_id: Option<MachineActionId>,
    /// Id of the decision behind it.
    pub decision: String,
    /// When a held action stops waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When this step happened.
    pub at: Timestamp,
}

impl ActionRecord {
    /// The id of one step, the same however often it is reported.
    #[must_use]
    pub fn step_id(key: &ActionKey, attempt: u32, state: ActionState) -> String {
        format!("{key}#{attempt}#{}", state.as_str())
    }
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A cap was reached; everything is held until a person resumes.
    BreakerLatched,
    /// A person paused all actions.
    Paused,
    /// A person resumed.
    Resumed,
}

impl NoticeKind {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BreakerLatched => "breaker_latched",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
        }
    }
}

/// Something about the whole responder rather than one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version")]
    pub schema_version: u32,
    /// `kind@instant of the happening`: a repeated notice has the same id.
    pub id: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// One line for people.
    pub text: String,
    /// When it happened.
    pub at: Timestamp,
}

/// A record on `actions`. Keyed by machine id where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// A step of an action.
    Action(Box<ActionRecord>),
    /// A notice about the responder.
    Notice(Notice),
}

impl Report {
    /// The record's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Action(record) => &record.id,
            Self::Notice(notice) => &notice.id,
        }
    }
}
