//! The mark on `summary` which says that it is whole.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Written by the holder of respond once `summary` says what its ledger does: from here on it follows the ledger, and what
/// is not there is not open, held or standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeSummary {
    /// The epoch of the holder's claim.
    pub epoch: u64,
    /// When the holder had compared it with its ledger.
    pub at: Timestamp,
}

impl WholeSummary {
    /// The Kafka key.
    pub const KEY: &'static str = "whole";
}
