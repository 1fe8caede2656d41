//! The responder against a make-believe broker and tenant: events in, effects out, time in hand.

mod batch;
mod cancel;
mod caps;
mod clocks;
mod crash;
mod doubt;
mod index;
mod kinds;
mod order;
mod policy;
mod retry;
mod shell;
mod storm;
mod storm_kinds;
mod way;
pub(super) mod world;
