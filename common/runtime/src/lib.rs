//! What every stage shares: one consumer loop, one way to be elected, one producer, dead letters, and the frame of
//! a process (settings, logs, metrics, health, shutdown).
//!
//! Read in this order: [`process`] (how a stage starts), [`kafka`] (what it does with topics).

pub mod beside;
pub mod context;
mod heartbeat;
pub mod kafka;
pub mod process;
pub mod telemetry;
pub mod time;
