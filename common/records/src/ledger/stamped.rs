//! The stamp on every record of the ledger: the epoch of the claim under which it was written.

use serde::{Deserialize, Serialize};

use super::LedgerRecord;

/// How the record of a closed action begins, as it is written.
const CLOSED: &[u8] = br#"{"entry":"closed","#;

/// A record on `ledger` with the epoch of its writer: what is written, and what is read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Wire")]
pub struct StampedRecord {
    record: LedgerRecord,
    epoch: Option<u64>,
}

impl StampedRecord {
    /// The record of the holder of the claim of `epoch`; one that names an epoch keeps its own.
    pub(super) fn new(record: LedgerRecord, epoch: u64) -> Self {
        Self { epoch: record.own_epoch().or(Some(epoch)), record }
    }

    /// Reads one as it stands on the topic. Of closed actions there may be a million: theirs is the short way.
    ///
    /// # Errors
    /// When it is no such record.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        if bytes.starts_with(CLOSED) {
            return serde_json::from_slice(bytes).map(LedgerRecord::Closed).map(Self::from);
        }
        serde_json::from_slice(bytes)
    }

    /// The epoch of the claim under which it was written; absent on one of a build before there was a stamp.
    #[must_use]
    pub const fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// What it says.
    #[must_use]
    pub const fn record(&self) -> &LedgerRecord {
        &self.record
    }

    /// What it says, without the stamp.
    #[must_use]
    pub fn into_record(self) -> LedgerRecord {
        self.record
    }
}

/// A record as it is, which a build before the stamp would have written.
impl From<LedgerRecord> for StampedRecord {
    fn from(record: LedgerRecord) -> Self {
        Self { epoch: record.own_epoch(), record }
    }
}

impl Serialize for StampedRecord {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten)]
            record: &'a LedgerRecord,
            #[serde(skip_serializing_if = "Option::is_none")]
            epoch: Option<u64>,
        }
        let epoch = if self.record.own_epoch().is_some() { None } else { self.epoch };
        Written { record: &self.record, epoch }.serialize(to)
    }
}

/// What is read: the record, and its field `epoch`, whether that is the record's own or the stamp.
#[derive(Deserialize)]
struct Wire {
    #[serde(flatten)]
    record: LedgerRecord,
    #[serde(flatten)]
    stamp: Stamp,
}

#[derive(Deserialize)]
struct Stamp {
    #[serde(default)]
    epoch: Option<u64>,
}

impl From<Wire> for StampedRecord {
    fn from(wire: Wire) -> Self {
        Self { record: wire.record, epoch: wire.stamp.epoch }
    }
}
