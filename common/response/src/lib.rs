//! The life of an action, from the decision that plans it to its end: pure, with time passed in.
//!
//! [`Responder`] is a state machine: it takes an [`Event`] and gives the [`Effect`]s that its shell carries out. [`LedgerState`] is what
//! the ledger says, folded. The act stage is that shell, with Kafka and Defender around it; the command line reads the same
//! ledger with the same [`LedgerState`]. This crate knows no broker, no HTTP client and no runtime.
//!
//! The parts of an action's way, in order: `intake.rs`, `order.rs`, `preflight.rs`, `attempt.rs`, `reconcile.rs`, `follow.rs`,
//! `refused.rs`, `retry.rs`; whose turn it is: `urgency.rs`; whose an action is: `ours.rs`, `others.rs`; of single kinds: `batch.rs`, `cancel.rs`, `link.rs`,
//! `release.rs`, `timer.rs`. What people say comes in through `people/`: `command.rs` takes it, `authority.rs` says
//! whether it counts, `done.rs` says what comes of it, `approval.rs` decides what is held, `bulk.rs` what one word asks for many.
//! What may come where one action stands is the table of `job.rs`; all that are on their way are in `jobs.rs`, and everything
//! that has a time in the one queue of `schedule.rs`. An event that cannot come where its action stands changes nothing and
//! is told ([`Effect::OutOfPlace`]).
//! When a decision is done with is the business of `settlement.rs`.
//! Which kinds of call have spent their quota says `quota.rs`. `responder.rs` only routes: from an event, or from what is due,
//! to whoever owns it.
//! Beside them `switches.rs` (breaker, pause, fleet size), `shorten.rs`, which keeps in short what has ended, `remove.rs`,
//! which removes what nobody can ask for, and `tail.rs`, which follows the ledger and sets right what a stale writer wrote there.

mod asker;
mod attempt;
mod batch;
mod cancel;
mod event;
pub mod facts;
mod follow;
mod intake;
mod job;
mod jobs;
mod lane;
mod ledger;
mod link;
mod order;
mod others;
pub mod ours;
mod outline;
mod people;
mod preflight;
mod quota;
mod reconcile;
mod refused;
mod release;
mod remove;
mod report;
mod responder;
mod retry;
mod room;
mod schedule;
mod settlement;
mod shorten;
mod switches;
mod tail;
#[cfg(test)]
mod tests;
mod timer;
mod unseen;
mod urgency;
mod waited;

pub use event::{ActivePolicy, Answer, Effect, Event, Moment, Order, OutOfPlace, SwitchSetRight, Unreadable};
pub use ledger::{CONNECTION_KEPT, LedgerState};
pub use outline::DecisionOutline;
pub use responder::{Config, Responder};
pub use retry::Retry;
pub use room::{Room, room_for, waits_for_the_breaker};
pub use settlement::WriteId;
pub use urgency::Urgency;
