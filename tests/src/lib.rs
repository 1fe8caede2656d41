//! Support for the tests of the whole pipeline: real brokers, real processes, waiting with a deadline.
//!
//! [`broker`] finds or starts Apache Kafka, [`engine`] does it in containers, [`cluster`] from jars, [`secured`] with TLS,
//! logins and access lists. [`processes`] runs
//! the stage binaries and hurts them. [`oracle`] reads topics without our code, [`meddle`] writes to them, and
//! deletes them, behind the stages' backs; [`load`] keeps alerts coming,
//! [`hops`] says where the time went,
//! [`rules`] gives a pipeline other rules,
//! [`relay`] comes between clients and a broker and cuts them off, [`site`] is a pipeline with one; [`groups`] knows what is committed, [`progress`]
//! how long nothing moved, [`invariants`] says what must hold afterwards. [`wait`] replaces every sleep. [`soak`]
//! mixes all faults by chance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test support: a failure is a panic")]

#[cfg(test)]
mod architecture;
pub mod broker;
pub mod chance;
pub mod cluster;
pub mod engine;
pub mod groups;
pub mod hops;
pub mod invariants;
pub mod load;
pub mod mails;
pub mod meddle;
pub mod office;
pub mod oracle;
pub mod percentile;
pub mod pipeline;
pub mod processes;
pub mod progress;
pub mod relay;
pub mod rules;
pub mod secured;
pub mod site;
pub mod soak;
pub mod usage;

pub use cordon_wait as wait;
