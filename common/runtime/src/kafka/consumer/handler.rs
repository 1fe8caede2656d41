//! What a stage does with one record.

use std::future::Future;
use std::time::Duration;

use cordon_records::DeadLetterReason;

use crate::kafka::records::{Inbound, Outbound};

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Write these; the input is done when all are confirmed.
    Emit(Vec<Outbound>),
    /// Nothing to do, for this reason (a metric label).
    Skip(&'static str),
    /// It cannot be handled, ever.
    DeadLetter {
        /// Why.
        reason: DeadLetterReason,
        /// For people; no bodies, no tokens.
        detail: String,
    },
    /// Try again later. The record's key waits, others go on.
    Retry {
        /// When.
        after: Duration,
        /// For the log.
        why: String,
    },
    /// Stop the stage; the record stays unsettled.
    Halt(String),
}

/// The work of a stage on one record.
pub trait Handler: Send + Sync + 'static {
    /// Handles a record. It may be called again for the same record, after a retry, a rebalance or a restart.
    fn handle(&self, record: &Inbound) -> impl Future<Output = Outcome> + Send;
}
