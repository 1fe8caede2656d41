//! respond's memory: the records on the compacted `ledger` topic, and how two records of one action merge.
//!
//! On the wire every record is a [`StampedRecord`]: what it says, and beside it the epoch of the claim under which it was
//! written. A record without one is of a build before there was a stamp; it counts as written under the highest claim read
//! before it. A record of a lower epoch than one read before it is a stale writer's: of an action it is merged, since what
//! was done was done; anything else it says is set aside, and the holder writes the key again, since compaction keeps the
//! newest record of a key and not the true one. Builds before the stamp pass over it, as over every field they do not know.
//!
//! An action that has ended for good is written as [`ClosedEntry`], under the key of its entry and in its place, once nobody
//! asks any more for what that leaves out: no cap counts it, no timer runs, no isolation stands that it bears on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::{Action, Mode};
use crate::alert::AlertSummary;
use crate::claim::Claim;
use crate::command::Approval;
use crate::facts::GuardFacts;
use crate::ids::{ActionKey, CommandId, IntentHash, MachineActionId, RuleId};
use crate::machine::MachineSummary;
use crate::report::{ActionState, GuardVerdict, OtherAction};
use crate::{known_version_of_entry, schema_version};

mod closed;
mod doubt;
mod stamped;
mod state;
mod whole;

pub use closed::{AlertMark, ClosedEntry};
pub use stamped::StampedRecord;
pub use state::AttemptState;
pub use whole::WholeSummary;

/// A record on `ledger`. The Kafka key is [`LedgerRecord::key`], so that compaction keeps the newest of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum LedgerRecord {
    /// Which cluster this ledger belongs to. Written once, on request.
    Genesis(Genesis),
    /// Who writes now.
    Claim(Claim),
    /// Where one action stands.
    Action(Box<LedgerEntry>),
    /// An action that has ended for good, in the place of its entry.
    Closed(ClosedEntry),
    /// The breaker: latched when a cap is reached, until a person resumes.
    Breaker(Latch),
    /// The pause switch.
    Pause(Latch),
    /// How far `commands` has been read: the next offset.
    CommandsPosition {
        /// Next offset to read.
        next: i64,
        /// When the newest that was read was written there; older builds do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        newest: Option<Timestamp>,
    },
    /// A signed command that was applied, so that it is applied once. Needed until it would do nothing anyway.
    #[serde(rename = "obeyed")]
    Applied {
        /// The command.
        id: CommandId,
        /// When it expires.
        until: Timestamp,
        /// Its offset on `commands`: read again there after a crash it is the same command, anywhere else a copy.
        offset: i64,
        /// It was not applied: only a writer said so that another had taken over from, and this is written over its word,
        /// which compaction would keep. Builds that do not know the field take the command for applied.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        set_aside: bool,
    },
    /// Which rules and guards the writer has in force.
    Policy(PolicyStanding),
    /// The number of onboarded machines, for share caps.
    FleetSize {
        /// How many.
        machines: u64,
        /// When they were counted.
        at: Timestamp,
    },
}

impl LedgerRecord {
    /// The Kafka key.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Genesis(_) => "genesis".into(),
            Self::Claim(_) => Claim::KEY.into(),
            Self::Action(entry) => action_key(&entry.key),
            Self::Closed(closed) => action_key(&closed.key),
            Self::Breaker(_) => "breaker".into(),
            Self::Pause(_) => "pause".into(),
            Self::CommandsPosition { .. } => "commands".into(),
            Self::Applied { id, .. } => format!("command/{id}"),
            Self::Policy(_) => "policy".into(),
            Self::FleetSize { .. } => "fleet".into(),
        }
    }

    /// This record as the holder of the claim of `epoch` writes it.
    #[must_use]
    pub fn stamped(mut self, epoch: u64) -> StampedRecord {
        match &mut self {
            Self::Action(entry) => entry.stamp(epoch),
            Self::Closed(closed) => closed.epoch = epoch,
            // A claim is its own stamp.
            Self::Claim(_)
            | Self::Genesis(_)
            | Self::Breaker(_)
            | Self::Pause(_)
            | Self::CommandsPosition { .. }
            | Self::Applied { .. }
            | Self::Policy(_)
            | Self::FleetSize { .. } => {}
        }
        StampedRecord::new(self, epoch)
    }

    /// The epoch that the record itself names.
    fn own_epoch(&self) -> Option<u64> {
        match self {
            Self::Action(entry) => Some(entry.epoch),
            Self::Closed(closed) => Some(closed.epoch),
            Self::Claim(claim) => Some(claim.epoch),
            Self::Genesis(_)
            | Self::Breaker(_)
            | Self::Pause(_)
            | Self::CommandsPosition { .. }
            | Self::Applied { .. }
            | Self::Policy(_)
            | Self::FleetSize { .. } => None,
        }
    }
}

fn action_key(key: &ActionKey) -> String {
    format!("action/{key}")
}

/// The ledger's birth certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The cluster's id.
    pub cluster_id: String,
    /// When the ledger was made.
    pub at: Timestamp,
}

/// A switch that stays where it was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latch {
    /// On = actions are held.
    pub on: bool,
    /// Who or what put it there.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// Of the breaker: the window of the cap that was reached, in seconds. The attempts in it filled the cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_s: Option<u64>,
}

/// Rules and guards of the writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyStanding {
    /// Hash of the rule set in force.
    pub rule_set: String,
    /// How many rules it has.
    pub rules: usize,
    /// Why the files as they are now are not in force; absent while they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Since when it stands so.
    pub at: Timestamp,
}

/// Why an action failed, where something follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// Defender refused the call for a permission that our application does not have (HTTP 403).
    MissingPermission,
}

/// Everything respond knows of one action key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version_of_entry")]
    pub schema_version: u32,
    /// The action.
    pub key: ActionKey,
    /// The epoch of the claim under which this was written; 0 before it was.
    epoch: u64,
    /// Number of the newest attempt, from 1; 0 when none was made.
    pub attempt: u32,
    /// Where it stands.
    pub state: AttemptState,
    /// When each attempt's INTENT was written, oldest first. Caps count these.
    #[serde(default)]
    pub intents: Vec<Timestamp>,
    /// What is to be done.
    pub action: Action,
    /// The alert behind it.
    pub alert: AlertSummary,
    /// The machine.
    pub machine: MachineSummary,
    /// The machine as it was when the rules decided, where a fresh read says something else: what protected it then still
    /// does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled: Option<MachineSummary>,
    /// The rules that ask for it.
    pub rules: Vec<RuleId>,
    /// Their conditions, as written.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// The mode in force.
    pub mode: Mode,
    /// The rules' own limits: at most so many attempts in so many seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<(u64, u32)>,
    /// Why it stands there.
    #[serde(default)]
    pub reason: String,
    /// Every guard that was asked.
    #[serde(default)]
    pub guards: Vec<GuardVerdict>,
    /// What those guards were told, until a report has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<GuardFacts>,
    /// Of an action in doubt: until when it rests before Defender's list is believed, by the writer's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<Timestamp>,
    /// Defender's id, once accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_action_id: Option<MachineActionId>,
    /// Somebody else's action that has the effect, and whose end is awaited or was told. It never becomes ours: that is
    /// what `machine_action_id` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_action: Option<OtherAction>,
    /// Id of the decision behind it.
    pub decision: String,
    /// When that decision was made; absent where a person or a timer asked, and where an older build wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// When a held action stops waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The person who asked for it, as their key is known; absent when rules asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The action that this one is about: what a person cancels, or whose time is over. Absent when rules asked, and
    /// when a person lets a machine back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<ActionKey>,
    /// Who approved what is held, so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// When Cordon is to release the machine by itself. Set when an isolation succeeds, taken away once that is dealt
    /// with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_at: Option<Timestamp>,
    /// Whether the alarm about an outcome that stays out was given for this attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alarmed: bool,
    /// The newest call was certainly not done, or has failed. An INTENT of it is to be made again under its number;
    /// without this word it is in doubt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undone: bool,
    /// Of how many attempts before the newest nobody has seen the end. Absent before the first, and where an older build
    /// wrote it: [`LedgerEntry::leaves_doubt`] takes that for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<u32>,
    /// For how long this attempt has rested in doubt under the eyes of earlier holders, in seconds of their monotonic
    /// clocks, up to now: its holder writes it every ten seconds. A successor waits that much less; a new call begins at 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_s: u64,
    /// Why it failed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<FailureCause>,
    /// Held because the tenant refuses our application (no token, no permission to read), whatever the guards say: no
    /// approval lifts that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tenant_refuses: bool,
    /// The signed command by which a person asked for this attempt anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_again: Option<CommandId>,
    /// When this was written.
    pub at: Timestamp,
}

impl LedgerEntry {
    /// An action of which nothing is known yet but what is to be done, and which nobody has written.
    #[must_use]
    pub fn new(
        key: ActionKey,
        action: Action,
        (alert, machine): (AlertSummary, MachineSummary),
        at: Timestamp,
    ) -> Self {
        Self {
            schema_version: crate::SCHEMA_VERSION,
            key,
            epoch: 0,
            attempt: 0,
            state: AttemptState::Reported(ActionState::Would),
            intents: Vec::new(),
            action,
            alert,
            machine,
            polled: None,
            rules: Vec::new(),
            conditions: Vec::new(),
            mode: Mode::Shadow,
            limits: Vec::new(),
            reason: String::new(),
            guards: Vec::new(),
            facts: None,
            rests_until: None,
            machine_action_id: None,
            other_action: None,
            decision: String::new(),
            decided_at: None,
            expires_at: None,
            requested_by: None,
            about: None,
            approvals: Vec::new(),
            release_at: None,
            alarmed: false,
            undone: false,
            unseen: None,
            waited_s: 0,
            cause: None,
            tenant_refuses: false,
            asked_again: None,
            at,
        }
    }

    /// The epoch of the claim under which this was written; 0 before it was. Only [`LedgerRecord::stamped`] gives it one.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Makes this what the holder of the claim of `epoch` writes: under that epoch, and in the version that a reader must
    /// know to get it right.
    fn stamp(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.schema_version =
            if self.is_bulk_and_not_ended() { crate::BULK_SCHEMA_VERSION } else { crate::SCHEMA_VERSION };
    }

    /// Whether it is held or on its way by a command about many: the release of one isolation and of no other, or a yes that
    /// lifts one breaker and no other guard.
    fn is_bulk_and_not_ended(&self) -> bool {
        let releases = matches!(self.action, Action::Release { .. });
        let takes_back = releases && self.requested_by.is_some() && self.about.is_some();
        let by_notice = self.approvals.iter().any(|yes| yes.notice.is_some());
        let is_held = self.state == AttemptState::Reported(ActionState::Held);
        (takes_back || by_notice) && (is_held || self.is_open())
    }

    /// When the newest attempt was begun; without one, when this was written.
    #[must_use]
    pub fn asked_at(&self) -> Timestamp {
        self.intents.last().copied().unwrap_or(self.at)
    }

    /// Whether this record replaces `older` when both are read: a later attempt, or the same attempt further on
    /// in its life. Equal standing goes to the writer with the higher claim, since a stale one knows less, and then to the
    /// record read later, so that merging in log order is deterministic.
    #[must_use]
    pub fn supersedes(&self, older: &Self) -> bool {
        (self.attempt, self.state.rank(), self.epoch) >= (older.attempt, older.state.rank(), older.epoch)
    }

    /// Names exactly what is held, for approvals: whoever approves this approves nothing else. A new hold of the same
    /// action has another name, since it expires at another instant.
    #[must_use]
    pub fn intent(&self) -> IntentHash {
        let action = serde_json::to_string(&self.action).unwrap_or_default();
        let until = self.expires_at.map(|at| at.to_string()).unwrap_or_default();
        let attempt = self.attempt.to_string();
        IntentHash::of(&[
            self.key.as_str(),
            &attempt,
            &action,
            self.machine.id.as_str(),
            self.alert.id.as_str(),
            &until,
        ])
    }

    /// Whether it failed because a permission was missing: then a person may ask for it once more.
    #[must_use]
    pub fn lacked_permission(&self) -> bool {
        let cause = Some(FailureCause::MissingPermission);
        self.state == AttemptState::Reported(ActionState::Failed) && self.cause == cause
    }

    /// The machine action whose end is awaited: ours once Defender took it, or somebody else's that has the effect.
    #[must_use]
    pub fn awaited(&self) -> Option<&MachineActionId> {
        if self.state == AttemptState::Reported(ActionState::Accepted) {
            self.machine_action_id.as_ref()
        } else if self.state == AttemptState::Reported(ActionState::Covered) {
            self.other_action.as_ref().map(|other| &other.id)
        } else {
            None
        }
    }

    /// Whether the attempt is still on its way: a restart must go on with it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(
            self.state,
            AttemptState::Intent
                | AttemptState::InDoubt
                | AttemptState::Reported(ActionState::Accepted | ActionState::InDoubt | ActionState::Approved)
        )
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}
