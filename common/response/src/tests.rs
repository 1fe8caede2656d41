//! The responder against a make-believe broker and tenant: events in, effects out, time in hand.

mod batch;
mod bulk;
mod cancel;
mod caps;
mod clocks;
mod crash;
mod elsewhere;
mod expiry;
mod index;
mod job;
#[path = "../../signing/tests/support/mod.rs"]
mod keys;
mod kinds;
mod naive;
mod noticed;
mod office;
mod order;
mod ours;
mod people;
mod policy;
mod read;
mod readings;
mod reconcile;
mod recorded;
mod refused;
mod rehearsed;
mod release;
mod remove;
mod retry;
mod samples;
mod shorten;
mod stale;
mod storm;
mod storm_kinds;
mod summary;
mod timer;
mod told;
mod unread;
mod unseen;
mod urgent;
mod waited;
mod way;
mod world;

// What `samples` is made of.
use crate::facts::ActionSnapshot;
use crate::{Config, Waits};
