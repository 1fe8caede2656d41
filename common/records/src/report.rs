//! Reports: the record on the `actions` topic that tells each step of an action.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::{Action, Mode};
use crate::alert::AlertSummary;
use crate::command::Approval;
use crate::facts::GuardFacts;
use crate::ids::{ActionKey, IntentHash, MachineActionId, RuleId};
use crate::machine::MachineSummary;
use crate::words::words;
use crate::{known_version, schema_version};

/// What the reason of an expiry begins with where the tenant took us; the reason of the hold follows.
pub const HELD_TOO_LONG: &str = "nobody decided in time; it was held by ";

/// What the reason begins with of what a person said no to; who and why follow.
pub const DENIED_BY: &str = "denied by ";

/// What the reason begins with of what a person has cancelled; who and why follow.
pub const CANCELLED_BY: &str = "cancelled by ";

/// Stands in the reason of a hold between who approved it and why a guard held it all the same.
pub const HELD_ALL_THE_SAME: &str = ", but held all the same: ";

words!(
    /// Where an action stands. Its name is part of record ids, of metrics and of reports.
    ActionState {
        /// A guard forbids it, also with approval.
        Refused = "refused",
        /// A guard wants a person to decide.
        Held = "held",
        /// It would have been done, but the mode is shadow.
        Would = "would",
        /// Somebody's or our own isolation of the machine already stands or runs; nothing to do.
        Covered = "covered",
        /// The call's answer was lost; the list of machine actions will tell.
        InDoubt = "in_doubt",
        /// Defender took the request. The machine is not isolated yet.
        Accepted = "accepted",
        /// Defender says it is done.
        Succeeded = "succeeded",
        /// Defender refused the request, or says that it failed.
        Failed = "failed",
        /// Defender gave up waiting for the machine (about three days).
        TimedOut = "timed_out",
        /// A person cancelled it.
        Cancelled = "cancelled",
        /// A person must look: the rules or the call could not be judged.
        NeedsHuman = "needs_human",
        /// People closed the alert while the action was still on its way.
        ClosedMeanwhile = "closed_meanwhile",
        /// People approved what was held; guards and fresh facts are asked once more before anything is done.
        Approved = "approved",
        /// A person said no to what was held.
        Denied = "denied",
        /// Nobody said anything in time about what was held.
        Expired = "expired",
        /// Defender took the request, but names no end in time; it is still followed.
        Overdue = "overdue",
    }
);

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

/// A machine action that somebody else asked for, and that has the effect which we wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherAction {
    /// Defender's id for it.
    pub id: MachineActionId,
    /// Who asked for it: a person's sign-in name, or an app's name or id.
    pub by: String,
    /// How far it reaches, as Defender writes it: `Full`, `Selective` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl std::fmt::Display for OtherAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "{} ({scope})", self.by),
            None => f.write_str(&self.by),
        }
    }
}

/// One step of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version")]
    pub schema_version: u32,
    /// `key#attempt#state`, and what is held on after a yes `#intent#yeses`: a repeated report has the same id.
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
    /// What those guards were told. On the report that follows from their verdict, not on later ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<GuardFacts>,
    /// Defender's id for it, once accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_action_id: Option<MachineActionId>,
    /// Somebody else's action that has the effect: then this step tells of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_action: Option<OtherAction>,
    /// Id of the decision behind it.
    pub decision: String,
    /// When a held action stops waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What an approval of it must name, so that it approves this and nothing else. Only while it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentHash>,
    /// Held because the tenant refuses our application (no token, no permission to read): no approval lifts that. Or
    /// expired while it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tenant_refuses: bool,
    /// Of a release that a person asked for or approved: for so many seconds after it, as the guards say, rules isolate this
    /// machine only with an approval. Absent where an older build wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps_connected_s: Option<u64>,
    /// The person who asked for it, as their key is known; absent when rules asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// Where the outcome can be fetched: the link to an investigation package. It works for a short time only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
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
    /// A command did nothing: [`RefusalCause`] says why.
    CommandRefused,
    /// Changed rules or guards are in force.
    PolicyReloaded,
    /// Changed rules or guards are wrong; the old ones stay in force.
    PolicyRefused,
}

impl NoticeKind {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BreakerLatched => "breaker_latched",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::CommandRefused => "command_refused",
            Self::PolicyReloaded => "policy_reloaded",
            Self::PolicyRefused => "policy_refused",
        }
    }

    /// When the breaker latched that the notice of this id told of; `None` where it told of something else.
    #[must_use]
    pub fn latched_at(notice: &str) -> Option<Timestamp> {
        notice.strip_prefix(Self::BreakerLatched.as_str())?.strip_prefix('@')?.parse().ok()
    }
}

/// Why a command did nothing, as far as people do something else about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCause {
    /// It is not what it claims to be: not signed, altered, signed by somebody who may not, a copy, or no command at all.
    NotGenuine,
    /// What respond or a clock is set to keeps it from counting.
    Configuration,
    /// Its time is over.
    TooLate,
    /// What it asks for is so already, or what it is about has ended.
    NothingToDo,
    /// It may well be genuine, but as things stand it cannot be done.
    NotPossible,
}

/// Something about the whole responder rather than one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version")]
    pub schema_version: u32,
    /// `kind@instant of the happening`, of a refused command [`CommandPlace::refusal`](crate::CommandPlace::refusal): a
    /// repeated notice has the same id.
    pub id: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// One line for people.
    pub text: String,
    /// Why a command was refused. Only on such a notice, and absent where an older build wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<RefusalCause>,
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
