//! The life of an action, from the decision that plans it to its end: pure, with time passed in.
//!
//! [`Responder`] is a state machine: it takes an [`Event`] and gives the [`Effect`]s that its shell carries out. [`LedgerState`] is what
//! the ledger says, folded. The act stage is that shell, with Kafka and Defender around it; the command line reads the same
//! ledger with the same [`LedgerState`]. This crate knows no broker, no HTTP client and no runtime.
//!
//! The steps are children of `responder.rs`, which only routes: from an event, or from what is due, to whoever owns it. In the
//! order of an action's way: `intake.rs`, `order.rs`, `preflight.rs`, `attempt.rs`, `reconcile.rs`, `follow.rs`, `refused.rs`,
//! `retry.rs`; whose an action is: `others.rs`; of single kinds: `cancel.rs`, `release.rs`, `timer.rs`. What people say comes
//! in through `command.rs`; `approval.rs` decides what is held, `bulk.rs` what one word asks for many. Beside them
//! `switches.rs` (breaker, pause, fleet size), `upkeep.rs`, which keeps in short what has ended and removes what nobody can
//! ask for, and `tail.rs`, which follows the ledger and sets right what a stale writer wrote there.
//!
//! What owns a state stands beside the responder and knows nothing of it. What may come where one action stands is the table
//! of `job.rs`; all that are on their way are in `jobs.rs`, and everything that has a time in the one queue of `schedule.rs`.
//! An event that cannot come where its action stands changes nothing and is told ([`Effect::OutOfPlace`]). When a decision is
//! done with is the business of `settlement.rs`; which accepted actions are followed, of `follow.rs`; which kinds of call have
//! spent their quota, of `quota.rs`; whose turn it is, of `urgency.rs`. So are the pure judgements: what excludes, covers and
//! cancels what (`lane.rs`), whose a machine action is (`ours.rs`), what is known of a call (`unseen.rs`), whether a person's
//! word counts and what comes of it (`people/authority.rs`, `people/done.rs`).

mod asker;
mod event;
pub mod facts;
mod follow;
mod job;
mod jobs;
mod lane;
mod ledger;
pub mod ours;
mod outline;
mod people;
mod quota;
mod report;
mod responder;
mod room;
mod schedule;
mod settlement;
#[cfg(test)]
mod tests;
mod unseen;
mod urgency;
mod waited;
mod waits;

pub use event::{ActivePolicy, Answer, Effect, Event, Moment, Order, OutOfPlace, SwitchSetRight, Unreadable};
pub use ledger::{
    CONNECTION_KEPT, LastWords, LedgerFold, LedgerState, NotWhole, RawRecord, SummaryChanges, SummaryFold,
    SummaryRecords, UnreadableRecord, mirrored, summarised,
};
pub use outline::DecisionOutline;
pub use responder::{Config, Responder, Retry};
pub use room::{Room, room_for, waits_for_the_breaker};
pub use settlement::WriteId;
pub use urgency::Urgency;
pub use waits::{Waits, not_too_often};
