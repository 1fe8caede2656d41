//! From a topic of ledger records to what it says: the one way in which respond restores it and people look at it. Pure.
//!
//! A topic is read in its order, tombstones included. What cannot be read counts until its key is written again or deleted:
//! so an operator can put it right.

use std::collections::BTreeMap;

use cordon_records::{Counter, Headers, StampedRecord};

use super::LedgerState;

/// Under which header a record says the epoch of the claim under which it was written, where its value does not.
const EPOCH: &str = "epoch";

/// Under which header a record on `summary` names its ledger, by the instant at which that was made: one that was made anew
/// counts its claims from the start.
const LEDGER: &str = "ledger";

/// A record as it stands on the topic.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// The Kafka key.
    pub key: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a Headers,
    /// The value; absent is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl<'a> RawRecord<'a> {
    /// The headers of a record, or of a tombstone, of the holder of the claim of this epoch.
    #[must_use]
    pub fn headers_of(epoch: u64) -> Headers {
        let mut headers = Headers::default();
        headers.set(EPOCH, &epoch.to_string());
        headers
    }

    /// The same, with the ledger: of what this holder writes to `summary`.
    #[must_use]
    pub fn headers_of_holder(by: Counter) -> Headers {
        let mut headers = Self::headers_of(by.epoch);
        headers.set(LEDGER, &by.ledger.to_string());
        headers
    }

    /// The holder that its headers name.
    pub(super) fn holder(&self) -> Option<Counter> {
        Some(Counter { ledger: self.headers.text(LEDGER)?.parse().ok()?, epoch: self.epoch()? })
    }

    /// The epoch that its headers name.
    pub(super) fn epoch(&self) -> Option<u64> {
        self.headers.text(EPOCH)?.parse().ok()
    }

    /// The key, if it is text.
    pub(super) fn key_text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.key?).ok()
    }
}

/// A record that cannot be read and was never put right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct UnreadableRecord {
    /// topic/partition/offset.
    pub place: String,
    /// Why.
    pub why: String,
}

/// What could not be read so far, by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Broken(BTreeMap<Option<Vec<u8>>, UnreadableRecord>);

impl Broken {
    /// Reads the value of a record that is no tombstone; notes it where it cannot be read.
    pub(super) fn read(
        &mut self,
        raw: &RawRecord<'_>,
        value: &[u8],
        place: impl FnOnce() -> String,
    ) -> Option<StampedRecord> {
        match StampedRecord::read(value) {
            Ok(record) => {
                self.put_right(raw);
                Some(record)
            }
            Err(error) => {
                let unreadable = UnreadableRecord { place: place(), why: error.to_string() };
                self.0.insert(raw.key.map(<[u8]>::to_vec), unreadable);
                None
            }
        }
    }

    /// Its key was written again, or deleted.
    pub(super) fn put_right(&mut self, raw: &RawRecord<'_>) {
        // Of a million records none may be broken.
        if !self.0.is_empty() {
            self.0.remove(&raw.key.map(<[u8]>::to_vec));
        }
    }

    /// Their keys, as far as they are text.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        self.0.keys().filter_map(|key| String::from_utf8(key.clone()?).ok())
    }

    pub(super) fn into_all(self) -> Vec<UnreadableRecord> {
        self.0.into_values().collect()
    }
}

/// The `ledger` while it is read.
#[derive(Debug, Clone, Default)]
pub struct LedgerFold {
    ledger: LedgerState,
    broken: Broken,
}

impl LedgerFold {
    /// Takes the next record in the order of the log; `place` names it for people.
    pub fn take(&mut self, raw: &RawRecord<'_>, place: impl FnOnce() -> String) {
        let Some(value) = raw.value else {
            self.broken.put_right(raw);
            // Under a key that is no text stands none of ours.
            raw.key_text().into_iter().for_each(|key| self.ledger.erased(key, raw.epoch()));
            return;
        };
        if let Some(record) = self.broken.read(raw, value, place) {
            self.ledger.apply(record);
        }
    }

    /// What the topic says, and what of it nobody can read.
    #[must_use]
    pub fn finish(self) -> (LedgerState, Vec<UnreadableRecord>) {
        (self.ledger, self.broken.into_all())
    }
}
