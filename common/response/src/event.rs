//! What the responder hears of the world, and what it wants done there: the vocabulary between it and its shell.

use std::time::{Duration, Instant};

use cordon_policy::Guards;
use cordon_records::{
    Action, ActionKey, AlertId, CommandRecord, CountedFleet, DecisionRecord, Latch, MachineAction, MachineActionId,
    MachineId, PolicyStanding, RecordOutcome, Report, StampedRecord,
};
use cordon_signing::AllowedSigners;
use jiff::Timestamp;

use super::facts::{ActionSnapshot, FreshFacts};
use super::ours::{self, Asked};
use super::settlement::{Settled, WriteId};

/// The same instant on two clocks: the wall for records and guards, the monotonic one for leases and waits.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Wall-clock time, UTC.
    pub wall: Timestamp,
    /// Monotonic time of this process.
    pub mono: Instant,
}

/// Rules and guards in force, as far as the responder works with them.
#[derive(Debug, Clone)]
pub struct ActivePolicy {
    /// The guards that judge what comes from now on.
    pub guards: Guards,
    /// Whose signatures count.
    pub signers: AllowedSigners,
    /// What the ledger keeps of them.
    pub standing: PolicyStanding,
}

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A decision came in, at this offset.
    Decision(i64, Box<DecisionRecord>),
    /// A record of the ledger was read back, own or foreign.
    Tailed(i64, Box<StampedRecord>),
    /// A tombstone of this key was read from the ledger.
    Erased(i64, String),
    /// A person's word was read at this offset, or what stands in its place and is none; and when it was written there.
    Command(i64, Option<Timestamp>, Result<CommandRecord, String>),
    /// The fresh read ended.
    Facts(ActionKey, Result<Box<FreshFacts>, Unreadable>),
    /// The broker confirmed an INTENT at this offset.
    IntentWritten(ActionKey, i64),
    /// The broker confirmed our claim, which was written again, at this offset.
    ClaimWritten(i64),
    /// The call ended.
    Answered(ActionKey, Answer),
    /// The one call for all of these ended.
    AnsweredTogether(Vec<ActionKey>, Answer),
    /// This write is durable, whole.
    Recorded(WriteId),
    /// The list was read for an action in doubt.
    Looked(ActionKey, Result<Vec<MachineAction>, Unreadable>),
    /// The list was read for the follow-up.
    Followed(Result<Vec<ActionSnapshot>, Unreadable>),
    /// The link to a package was asked for.
    Linked(ActionKey, Result<String, Unreadable>),
    /// The fleet was counted.
    Counted(Result<u64, Unreadable>),
    /// Other rules or guards are in force, or the files are wrong.
    Policy(Box<ActivePolicy>),
    /// Time passed.
    Tick,
}

/// A read that failed; trying again may work.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// Why, for people.
    pub why: String,
    /// The server's wish.
    pub retry_after: Option<Duration>,
    /// Whether the tenant refuses us (no token, no permission): then trying again helps only once people have fixed that.
    pub refused: bool,
}

/// How a call that has an effect ended.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Defender took it, and lists it until it ends.
    Accepted(ActionSnapshot),
    /// Defender answered with an action that somebody else asked for, and did nothing more.
    Others(Box<MachineAction>),
    /// Defender did under our mark what was not asked for: what, for people.
    Misapplied(String),
    /// It is done: what was done, for people.
    Done(String),
    /// Certainly not done; the same attempt may be made again after this time.
    NotDone {
        /// Why, for people.
        why: String,
        /// When to try again.
        after: Duration,
        /// Whether the quota of this kind of call is spent, so that every other one would be refused as well.
        spent: bool,
    },
    /// Defender says that such an action is already running on the machine.
    AlreadyRunning,
    /// Certainly not done, and it never will be.
    Rejected(String),
    /// Certainly not done: our application lacks the permission.
    Forbidden(String),
    /// Nobody knows.
    Lost(String),
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accepted(standing) => write!(f, "accepted as {} ({})", standing.id, standing.status.as_str()),
            Self::Others(action) => write!(f, "answered with {}, action {}", ours::other(action), action.id),
            Self::Misapplied(why) => write!(f, "not what was asked for: {why}"),
            Self::Done(what) => write!(f, "done: {what}"),
            Self::NotDone { why, after, .. } => write!(f, "not done, again in {} s: {why}", after.as_secs()),
            Self::AlreadyRunning => f.write_str("such an action is already running"),
            Self::Forbidden(why) => write!(f, "forbidden: {why}"),
            Self::Rejected(why) => write!(f, "rejected: {why}"),
            Self::Lost(why) => write!(f, "lost: {why}"),
        }
    }
}

/// One call that has an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// For which action.
    pub key: ActionKey,
    /// The alert behind it.
    pub alert: AlertId,
    /// The machine.
    pub machine: MachineId,
    /// What to do.
    pub action: Action,
    /// The author's words with our mark, where the call takes a comment.
    pub comment: String,
    /// Of a cancellation: what Defender is to cancel.
    pub cancels: Option<MachineActionId>,
    /// Whether a person asks for it: then it is done during a pause, too.
    pub by_person: bool,
}

impl Order {
    /// What the answer is compared with.
    #[must_use]
    pub const fn asked(&self) -> Asked<'_> {
        Asked { key: &self.key, machine: &self.machine, action: &self.action }
    }
}

/// A switch of which the log's newest record was not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchSetRight {
    /// Its key in the ledger: `breaker` or `pause`.
    pub switch: String,
    /// What was found there; absent where the record was deleted.
    pub found: Option<Latch>,
    /// What stands.
    pub stands: Latch,
}

/// Something came where it cannot come: a mistake of the responder's or of its shell. It was not dropped in silence, and
/// it has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfPlace {
    /// What came.
    pub event: &'static str,
    /// For which action.
    pub key: Option<ActionKey>,
    /// What stood there.
    pub state: &'static str,
}

/// Something to be done by the shell.
#[derive(Debug)]
pub enum Effect {
    /// Read alert, machine and the machine's actions afresh.
    Read {
        /// For which action.
        key: ActionKey,
        /// The alert, and its last change as far as known: where a list may be searched from. Absent where the action
        /// does not depend on it.
        alert: Option<(AlertId, Option<Timestamp>)>,
        /// The machine.
        machine: MachineId,
    },
    /// Append the INTENT of this action to the ledger and report the offset.
    WriteIntent(ActionKey, Box<StampedRecord>),
    /// Append our claim once more to the ledger and report the offset.
    WriteClaim(Box<StampedRecord>),
    /// Carry out the order, unless `until` has passed or the tenure is lost.
    Act {
        /// What to do.
        order: Box<Order>,
        /// The end of the lease.
        until: Instant,
    },
    /// Carry out these orders, which want equal changes of alerts, with one call; as [`Effect::Act`] otherwise.
    ActTogether {
        /// What to do.
        orders: Vec<Order>,
        /// The end of the first lease.
        until: Instant,
    },
    /// Publish the reports, then write the ledger records, then say so.
    Record {
        /// Names this write.
        write: WriteId,
        /// For `actions`.
        reports: Vec<Report>,
        /// For `ledger`.
        ledger: Vec<StampedRecord>,
    },
    /// Delete these keys from the ledger under our epoch, unless `until` has passed.
    Remove {
        /// The Kafka keys. Nothing is known under them any more.
        keys: Vec<String>,
        /// The epoch of our claim.
        epoch: u64,
        /// The end of the lease.
        until: Instant,
    },
    /// List the machine's actions, for an action in doubt.
    Look(ActionKey, MachineId),
    /// List what became of these actions.
    Follow {
        /// Defender's ids.
        ids: Vec<MachineActionId>,
        /// The oldest was created after this instant.
        since: Timestamp,
    },
    /// Ask for the link to the package that this action collected.
    FetchLink(ActionKey, MachineActionId),
    /// Count the onboarded machines.
    CountFleet,
    /// Tell decide, on `policies`, how many there are. Nothing waits for it.
    PublishFleet(CountedFleet),
    /// Say that a switch was not as we left it, and is written again as we have it.
    SwitchSetRight(SwitchSetRight),
    /// `commands` was made anew, so that its offsets begin again: it had been read up to this one.
    CommandsMadeAnew(i64),
    /// The decision at this offset is done with.
    Settle(i64, RecordOutcome),
    /// Say that something came where it cannot come.
    OutOfPlace(OutOfPlace),
    /// Stop: another process holds a higher claim.
    Superseded(u64),
}

impl From<Settled> for Effect {
    fn from(Settled(offset, outcome): Settled) -> Self {
        Self::Settle(offset, outcome)
    }
}
