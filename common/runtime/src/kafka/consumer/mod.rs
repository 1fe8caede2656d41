//! The loop of stages that share partitions, and what the election shares with it.
//!
//! `poll` is the one thread that talks to the group, with librdkafka's callbacks in `hooks`, backpressure in `gate` and the
//! way out in `leave`. `registry` knows what is in flight and who may still settle, [`offsets`] which offset may be
//! committed. `lanes` says who works on which record, `accounts` how it ends; [`consume()`] puts them together.

pub(super) mod accounts;
pub(super) mod breaker;
mod commit_health;
pub(super) mod consume;
pub mod dead_letter;
pub(super) mod event;
mod gate;
pub(super) mod handler;
mod hooks;
mod lanes;
mod leave;
mod loss;
mod offsets;
pub(super) mod panics;
pub(super) mod poll;
pub(super) mod registry;
