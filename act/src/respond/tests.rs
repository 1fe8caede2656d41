//! The responder against a make-believe broker and tenant: events in, effects out, time in hand.

mod crash;
mod storm;
mod way;
mod world;
