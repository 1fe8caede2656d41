//! Who writes to a state log from here on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// "I write from here on." A higher epoch beats a lower one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// One more than the highest epoch before it.
    pub epoch: u64,
    /// Who: host, process and a random part.
    pub owner: String,
    /// When.
    pub at: Timestamp,
}

impl Claim {
    /// The Kafka key, on every state log.
    pub const KEY: &str = "claim";
}

/// A claim as it stands on every state log. What else stands there is its owner's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum ClaimRecord {
    /// Who writes now.
    Claim(Claim),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CursorRecord, LedgerRecord};

    #[test]
    fn the_owner_of_a_log_reads_a_claim_as_one_of_its_own_records() {
        let claim = Claim { epoch: 7, owner: "me".into(), at: Timestamp::UNIX_EPOCH };
        let written = serde_json::to_string(&ClaimRecord::Claim(claim.clone())).unwrap();
        let (cursor, ledger) = (CursorRecord::Claim(claim.clone()), LedgerRecord::Claim(claim));
        assert_eq!([cursor.key(), &ledger.key()], [Claim::KEY; 2]);
        assert_eq!(serde_json::from_str::<CursorRecord>(&written).unwrap(), cursor);
        assert_eq!(serde_json::from_str::<LedgerRecord>(&written).unwrap(), ledger);
    }
}
