//! The respond role: the one writer that may act.
//!
//! `responder.rs` and the files it names are pure and decide everything; `hold.rs` is the shell around them;
//! `tenant.rs` is the port to Defender.

mod asker;
mod attempt;
mod batch;
mod book;
mod calls;
mod cancel;
mod doubt;
mod event;
mod facts;
mod follow;
mod genesis;
mod hold;
mod inbound;
mod intake;
mod link;
mod order;
mod others;
mod ours;
mod people;
mod preflight;
mod refused;
mod release;
mod report;
mod responder;
mod retry;
mod room;
mod switches;
mod tail;
mod tenant;
#[cfg(test)]
mod tests;
mod timer;
mod writes;

pub use book::Book;
pub use event::ActivePolicy;
pub use genesis::init_ledger;
pub use hold::Respond;
pub use ours::{Mark, mark_in};
pub use responder::Terms;
pub use retry::Retry;
pub use room::{Room, room_for};
pub use switches::waits_for_the_breaker;
pub use tenant::{DefenderTenant, Tenant};

/// The consumer group of respond, without the prefix.
pub const GROUP: &str = "act-respond";
