//! How a record that a stage read ended.

use crate::dead_letter::DeadLetterReason;

/// How a record ended: each that came in is counted and settled under one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// What follows from it is written and confirmed.
    Sent,
    /// Nothing followed, for this reason (a metric label).
    Skipped(&'static str),
    /// It is in the dead letters.
    DeadLettered(DeadLetterReason),
}
