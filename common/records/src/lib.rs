//! The records that cross Kafka: ids, topics, headers, and one file per record; beside them what Defender lists of an action
//! ([`MachineAction`]), how a record that was read ended ([`RecordOutcome`]), and one of each tool for [`text`].
//!
//! Pure types. This crate knows no broker, no HTTP client and no runtime, so that the policy, the backtest and
//! any later tool can read a topic without them. Readers ignore unknown fields and default missing ones: a
//! record written by any earlier version stays readable (`examples/` holds one of each and a test reads them).

mod action;
mod alert;
mod by_name;
mod claim;
mod clock;
mod command;
mod cursor;
pub mod cut;
mod dead_letter;
mod decision;
mod enriched;
mod error_class;
mod facts;
mod headers;
mod health;
mod ids;
mod known;
mod ledger;
pub mod lenient;
mod machine;
mod machine_action;
mod open_enum;
mod outcome;
mod policy;
mod repair;
mod report;
mod sighting;
pub mod spelling;
pub mod text;
mod topics;
mod verbatim;
mod words;

pub use action::{
    Action, ActionKind, AlertChanges, DeviceValue, Impact, Indicator, IndicatorAction, IndicatorType, IsolationType,
    KindRow, Listed, LiveCommand, Mode, ReleaseTerms, Retired, ScanType, TagChange, Target,
};
pub use alert::{Alert, AlertSummary, Evidence, LoggedOnUser, RelatedUser};
pub use claim::{Claim, ClaimRecord};
pub use clock::{Clock, SystemClock};
pub use command::{
    Approval, Command, CommandPlace, CommandRecord, MAX_COMMAND, MAX_NAMED, NamedApproval, NamedIsolation,
    SIGNATURE_NAMESPACE,
};
pub use cursor::{CursorRecord, PollCursor};
pub use cut::{Cut, CutUnit};
pub use dead_letter::{DeadLetterReason, header as dead_letter_header};
pub use decision::{DecisionRecord, MatchedRule, PlannedAction, Verdict};
pub use enriched::{EnrichedRecord, Missing};
pub use error_class::{Classified, ErrorClass};
pub use facts::{Fleet, GuardFacts, Isolation, ListedActions, NewestAction};
pub use headers::{Header, Headers};
pub use health::{HEALTH_COUNTS_FOR, HEALTH_REPEATED_EVERY, StageHealth, Wait, Waiting};
pub use ids::{ActionKey, AlertId, CommandId, IdError, IntentHash, MachineActionId, MachineId, RuleId, Sha1, TenantId};
pub use known::known;
pub use ledger::{
    AlertMark, AttemptState, ClosedEntry, FailureCause, Genesis, Latch, LedgerEntry, LedgerRecord, PolicyStanding,
    StampedRecord, WholeSummary,
};
pub use machine::{Machine, MachineSummary};
pub use machine_action::{ActionStatus, ActionType, MachineAction};
pub use outcome::RecordOutcome;
pub use policy::{
    CountedFleet, Counter, PolicyFile, PolicyKind, PolicyMissing, PolicyRecord, PolicyText, PolicyTexts, policy_texts,
};
pub use report::{
    ActionRecord, ActionState, CANCELLED_BY, DENIED_BY, GuardVerdict, HELD_ALL_THE_SAME, HELD_TOO_LONG, Notice,
    NoticeKind, OtherAction, RefusalCause, Report, Ruling,
};
pub use sighting::{AlertRecord, Change, Source};
pub use spelling::{AlertStatus, Classification, Severity};
pub use text::digest;
pub use topics::{Cleanup, Topic, TopicSpec};
pub use verbatim::Verbatim;

#[doc(hidden)]
pub use serde;

/// The version that this build writes into every record. It grows only when a reader must know the difference;
/// a new optional field does not change it.
pub const SCHEMA_VERSION: u32 = 1;

/// The version of a record of an alert, or of a decision on one, of which a part was cut: a build that passes over the mark
/// would take the part for the whole, so it refuses the record.
const CUT_SCHEMA_VERSION: u32 = 2;

/// The version of a ledger entry that a build from before bulk commands would get wrong: it would take it for what one person
/// asked for, or said yes to, by itself. So it refuses the ledger.
const BULK_SCHEMA_VERSION: u32 = 2;

/// The version that a record of an alert, or of a decision on one, is written with, by what was cut of the alert.
#[must_use]
pub const fn schema_version_of(cut: &[Cut]) -> u32 {
    if cut.is_empty() { SCHEMA_VERSION } else { CUT_SCHEMA_VERSION }
}

pub(crate) fn schema_version() -> u32 {
    SCHEMA_VERSION
}

/// Reads a version and refuses one that is newer than this build's: such a record says something that this reader would
/// get wrong. During an upgrade readers go first; whatever comes too early is dead-lettered and can be sent again.
pub(crate) fn known_version<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    version_up_to(SCHEMA_VERSION, from)
}

/// The same for a record that may be of a cut alert.
pub(crate) fn known_version_of_alert<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    version_up_to(CUT_SCHEMA_VERSION, from)
}

/// The same for an entry of the ledger.
pub(crate) fn known_version_of_entry<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    version_up_to(BULK_SCHEMA_VERSION, from)
}

fn version_up_to<'de, D: serde::Deserializer<'de>>(newest: u32, from: D) -> Result<u32, D::Error> {
    let version = <u32 as serde::Deserialize>::deserialize(from)?;
    if version > newest {
        return Err(serde::de::Error::custom(format!(
            "schema_version {version} is newer than {newest}, the newest that this build reads; upgrade this stage, then \
             send the record again"
        )));
    }
    Ok(version)
}
