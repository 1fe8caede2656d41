//! The responder against a make-believe broker and tenant: events in, effects out, time in hand.

mod caps;
mod clocks;
mod crash;
mod doubt;
mod index;
mod order;
mod policy;
mod shell;
mod storm;
mod way;
pub(super) mod world;
