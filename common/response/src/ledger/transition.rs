//! What the holder changes, and its epoch on what is written of that; only an INTENT takes its epoch where it is made. Pure.

use std::collections::BTreeMap;
use std::ops::Bound;

use cordon_records::{ActionKey, CommandId, LedgerEntry, LedgerRecord, StampedRecord};
use jiff::Timestamp;

use super::LedgerState;
use super::closing::{Around, Reach, cut_off, needed, short};

/// A part of what was reported.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// What was looked at last.
    pub after: Option<(Timestamp, ActionKey)>,
    /// Nothing that was reported later.
    pub until: Timestamp,
    /// How many.
    pub most: usize,
    /// The present time.
    pub now: Timestamp,
}

impl LedgerState {
    /// From now on the holder of the claim of this epoch writes.
    pub(crate) const fn hold(&mut self, epoch: u64) {
        self.writer = epoch;
    }

    /// Takes over what the holder changes, and gives what is to be written for it.
    #[must_use = "what is not written is forgotten by the next holder"]
    pub(crate) fn transition(&mut self, change: LedgerRecord) -> StampedRecord {
        let written = change.stamped(self.writer);
        match written.record().clone() {
            LedgerRecord::Action(entry) => {
                self.merge(*entry);
            }
            LedgerRecord::Closed(closed) => {
                self.close(closed);
            }
            other => self.take(other),
        }
        written
    }

    /// Takes over an entry that is written by and by, or as it stands then.
    pub(crate) fn put(&mut self, entry: LedgerEntry) {
        let _written_later = self.transition(LedgerRecord::Action(Box::new(entry)));
    }

    /// Takes over what another writer did, as it says so.
    pub(crate) fn learn(&mut self, entry: LedgerEntry) {
        self.merge(entry);
    }

    /// Looks at a part of what was reported, in the order in which it was: what may be closed, as its short form, and where
    /// to go on.
    pub(crate) fn closable(
        &self,
        part: &Part,
        reach: &Reach,
        under_way: impl Fn(&ActionKey) -> bool,
    ) -> (Vec<LedgerRecord>, Option<(Timestamp, ActionKey)>) {
        let Part { after, until, most, now } = part;
        let after = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let due = self.reported.range((after, Bound::Unbounded)).take_while(|(at, _)| at <= until);
        let looked: Vec<&(Timestamp, ActionKey)> = due.take(*most).collect();
        let latched = self.breaker.as_ref().filter(|latch| latch.on).map(|latch| latch.at);
        // Of a machine with many entries they are asked once.
        let mut of_machines = BTreeMap::new();
        let mut short_of = |key: &ActionKey| {
            let entry = self.entries.get(key)?;
            let machine = &entry.machine.id;
            let around = Around {
                under_way: under_way(key),
                machine_is_busy: self.open.contains_key(machine),
                cut_off: *of_machines.entry(machine).or_insert_with(|| cut_off(self.entries_on(machine))),
                latched,
            };
            if needed(entry, &around, reach, *now).is_some() { None } else { short(entry, *now) }
        };
        let closed = looked.iter().filter_map(|(_, key)| short_of(key)).map(LedgerRecord::Closed).collect();
        let next = if looked.len() < *most { None } else { looked.last().map(|last| (*last).clone()) };
        (closed, next)
    }

    /// At most so many Kafka keys of what may go: closed before this day, or a command that ended before this instant.
    pub(crate) fn removable(&self, (day, ended): (u16, Timestamp), most: usize) -> Vec<String> {
        let closed = self.closed.closed_before(day, most).into_iter().map(|key| format!("action/{key}"));
        let commands = self.applied.iter().chain(&self.not_applied).filter(|(_, it)| it.until < ended);
        closed.chain(commands.map(|(id, _)| format!("command/{id}"))).take(most).collect()
    }

    /// Forgets what may go under this Kafka key; says whether there was something. What is known in full never goes.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        if let Some(key) = key.strip_prefix("action/").and_then(|key| ActionKey::new(key).ok()) {
            return self.closed.remove(&key);
        }
        let command = key.strip_prefix("command/").and_then(|id| CommandId::new(id).ok());
        command.is_some_and(|id| self.applied.remove(&id).or(self.not_applied.remove(&id)).is_some())
    }
}
