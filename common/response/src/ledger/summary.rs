//! What people look at, kept apart: the topic `summary` has of the ledger what is kept in full (open, held, standing) and the
//! state of the switches. Its size follows what is open, not what ever was. Pure.
//!
//! The ledger is the truth. Of each key `summary` has the newest record that the ledger has, or none; every record and every
//! tombstone names its writer in the headers, the ledger by the instant at which it was made and the claim by its epoch. What
//! a former holder says late is passed over. Where it stands in the place of what compaction took, the summary is not whole, until
//! the holder, which looks for it now and then, has written the key again.

use std::collections::{BTreeMap, BTreeSet};

use cordon_records::{Counter, LedgerRecord, WholeSummary};
use jiff::Timestamp;

use super::LedgerState;
use super::read::{Broken, RawRecord};

/// The singletons that are mirrored.
const SINGLE: [&str; 7] = ["genesis", "claim", "breaker", "pause", "commands", "policy", "fleet"];

/// What is to be written to `summary`, by Kafka key: a record, or a tombstone.
pub type SummaryChanges = BTreeMap<String, Option<LedgerRecord>>;

/// What a record of the ledger changes on `summary`. Applied commands are not looked at.
#[must_use]
pub fn mirrored(record: &LedgerRecord) -> Option<(String, Option<LedgerRecord>)> {
    match record {
        LedgerRecord::Applied { .. } => None,
        LedgerRecord::Closed(_) => Some((record.key(), None)),
        LedgerRecord::Action(_)
        | LedgerRecord::Genesis(_)
        | LedgerRecord::Claim(_)
        | LedgerRecord::Breaker(_)
        | LedgerRecord::Pause(_)
        | LedgerRecord::CommandsPosition { .. }
        | LedgerRecord::Policy(_)
        | LedgerRecord::FleetSize { .. } => Some((record.key(), Some(record.clone()))),
    }
}

/// What `summary` is to say of a ledger.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SummaryRecords(BTreeMap<String, LedgerRecord>);

impl SummaryRecords {
    /// That of this ledger.
    #[must_use]
    pub fn of(ledger: &LedgerState) -> Self {
        let single = SINGLE.into_iter().filter_map(|key| ledger.record(key));
        let actions = ledger.entries().map(|entry| LedgerRecord::Action(Box::new(entry.clone())));
        Self(single.chain(actions).map(|record| (record.key(), record)).collect())
    }

    /// What it is to say of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&LedgerRecord> {
        self.0.get(key)
    }

    /// The keys of which it is to say something.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Takes what the ledger says since.
    pub fn take(&mut self, record: &LedgerRecord) {
        match mirrored(record) {
            Some((key, Some(record))) => {
                self.0.insert(key, record);
            }
            Some((key, None)) => {
                self.0.remove(&key);
            }
            None => {}
        }
    }

    /// What is to be written so that the topic says this.
    #[must_use]
    pub fn differences(&self, found: &SummaryFold) -> SummaryChanges {
        let differs = |key: &String, record: &LedgerRecord| {
            found.words.astray.contains(key) || found.records.get(key) != Some(record)
        };
        let wrong = self.0.iter().filter(|(key, record)| differs(key, record));
        let wrong = wrong.map(|(key, record)| (key.clone(), Some(record.clone())));
        let known = found.records.keys().chain(&found.words.astray).cloned().chain(found.broken.keys());
        let gone = known.filter(|key| !self.0.contains_key(key)).map(|key| (key, None));
        gone.chain(wrong).collect()
    }
}

/// Why `summary` does not say all that there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotWhole {
    /// There is no mark and no claim.
    #[error("respond has written none yet")]
    Never,
    /// The newest claim has no mark.
    #[error("its holder (epoch {0}) has not brought it up to date yet")]
    Behind(u64),
    /// A former holder's word may stand in the place of a newer one.
    #[error("a former holder of respond wrote over {0}")]
    Astray(String),
    /// What stands there cannot be read.
    #[error("{0}")]
    Unreadable(super::UnreadableRecord),
}

/// What `summary` is to say of this key of this ledger.
#[must_use]
pub fn summarised(ledger: &LedgerState, key: &str) -> Option<LedgerRecord> {
    mirrored(&ledger.record(key)?).and_then(|(_, record)| record)
}

/// Who had the last word of each key of `summary`, while that is read.
#[derive(Debug, Clone, Default)]
pub struct LastWords {
    newest: Option<Counter>,
    /// Keys of which a former holder had it: that is the one which compaction keeps.
    astray: BTreeSet<String>,
}

impl LastWords {
    /// Takes the next record in the order of the log. Says whether it is the holder's of its time: what a former one says late
    /// does not count, whatever it says.
    pub fn take(&mut self, raw: &RawRecord<'_>) -> bool {
        let Some(key) = raw.key_text() else { return false };
        let by = raw.holder();
        if by < self.newest {
            // The mark is written again soon.
            if key != WholeSummary::KEY {
                self.astray.insert(key.to_owned());
            }
            return false;
        }
        self.newest = by;
        self.astray.remove(key);
        true
    }

    /// The keys over which a former holder wrote; none where this one is not the holder any more, and its successor sees to it.
    #[must_use]
    pub fn astray_under(self, holder: Counter) -> BTreeSet<String> {
        if self.newest == Some(holder) { self.astray } else { BTreeSet::new() }
    }
}

/// The topic `summary` while it is read.
#[derive(Debug, Clone, Default)]
pub struct SummaryFold {
    records: BTreeMap<String, LedgerRecord>,
    words: LastWords,
    whole: Option<(Counter, Timestamp)>,
    broken: Broken,
}

impl SummaryFold {
    /// Takes the next record in the order of the log; `place` names it for people.
    pub fn take(&mut self, raw: &RawRecord<'_>, place: impl FnOnce() -> String) {
        // The holder's own word is what stands, if it can still be read.
        let Some(key) = raw.key_text().filter(|_| self.words.take(raw)) else { return };
        match raw.value {
            None => {
                self.broken.put_right(raw);
                self.forget(key);
            }
            Some(value) if key == WholeSummary::KEY => {
                self.whole = raw.holder().zip(WholeSummary::read(value).map(|mark| mark.at));
            }
            Some(value) => match self.broken.read(raw, value, place) {
                Some(record) => {
                    self.records.insert(key.to_owned(), record.into_record());
                }
                None => self.forget(key),
            },
        }
    }

    fn forget(&mut self, key: &str) {
        self.records.remove(key);
        if key == WholeSummary::KEY {
            self.whole = None;
        }
    }

    /// What is open, held or standing, and the switches, and when the holder last said that it is: after
    /// [`WholeSummary::COUNTS_FOR`] it may lack what came since.
    ///
    /// # Errors
    /// When it may lack something: nobody may say "none" then.
    pub fn finish(self) -> Result<(LedgerState, Timestamp), NotWhole> {
        let newest = self.words.newest.ok_or(NotWhole::Never)?;
        let whole = self.whole.filter(|(by, _)| *by == newest);
        let (_, at) = whole.ok_or(NotWhole::Behind(newest.epoch))?;
        if let Some(key) = self.words.astray.into_iter().find(|key| !self.records.contains_key(key)) {
            return Err(NotWhole::Astray(key));
        }
        if let Some(unreadable) = self.broken.into_all().into_iter().next() {
            return Err(NotWhole::Unreadable(unreadable));
        }
        let mut ledger = LedgerState::default();
        // One record of each key is left, so none is stale beside another.
        self.records.into_values().for_each(|record| ledger.apply(record.into()));
        Ok((ledger, at))
    }
}
