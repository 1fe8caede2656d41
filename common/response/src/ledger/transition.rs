//! What the holder changes, and its epoch on what is written of that: there is no other way to change what is known, or to
//! stamp a record. Pure.

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

    /// The same of an entry.
    #[must_use = "what is not written is forgotten by the next holder"]
    pub(crate) fn enter(&mut self, entry: LedgerEntry) -> StampedRecord {
        self.transition(LedgerRecord::Action(Box::new(entry)))
    }

    /// What is known of these, as it is to be written once more.
    #[must_use = "it is written to follow an earlier write"]
    pub(crate) fn again<'a>(&mut self, keys: impl IntoIterator<Item = &'a ActionKey>) -> Vec<StampedRecord> {
        let known = keys.into_iter().filter_map(|key| self.entries.get(key).cloned());
        let known: Vec<LedgerEntry> = known.collect();
        known.into_iter().map(|entry| self.enter(entry)).collect()
    }

    /// Takes over what another writer did, as it says so, and gives what is to be written of it: what is known by now.
    /// Nothing where the action is closed, and stays so.
    #[must_use = "compaction keeps the other's record"]
    pub(crate) fn learn(&mut self, entry: LedgerEntry) -> Option<StampedRecord> {
        let key = entry.key.clone();
        self.merge(entry);
        self.again([&key]).pop()
    }

    /// A command was read that was written there at this instant, whether it is new or not.
    pub(crate) fn has_read(&mut self, written_at: Option<Timestamp>) {
        self.commands_newest = self.commands_newest.max(written_at);
    }

    /// Looks at a part of what was reported, in the order in which it was: what may be closed, as its short form, and where
    /// to go on.
    pub(crate) fn closable(
        &mut self,
        part: &Part,
        reach: &Reach,
        under_way: impl Fn(&ActionKey) -> bool,
    ) -> (Vec<LedgerRecord>, Option<(Timestamp, ActionKey)>) {
        let Part { after, until, most, now } = part;
        let after = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let due = self.reported.range((after, Bound::Unbounded)).take_while(|(at, _)| at <= until);
        let looked: Vec<&(Timestamp, ActionKey)> = due.take(*most).collect();
        let latched = self.breaker.as_ref().filter(|latch| latch.on).map(|latch| latch.at);
        let mut cut_offs = std::mem::take(&mut self.cut_offs);
        let mut short_of = |key: &ActionKey| {
            let entry = self.entries.get(key)?;
            let machine = &entry.machine.id;
            let around = Around {
                under_way: under_way(key),
                machine_is_busy: self.open.contains_key(machine),
                cut_off: *cut_offs.entry(machine.clone()).or_insert_with(|| cut_off(self.entries_on(machine))),
                latched,
            };
            if needed(entry, &around, reach, *now).is_some() { None } else { short(entry, *now) }
        };
        let closed = looked.iter().filter_map(|(_, key)| short_of(key)).map(LedgerRecord::Closed).collect();
        let next = if looked.len() < *most { None } else { looked.last().map(|last| (*last).clone()) };
        self.cut_offs = cut_offs;
        (closed, next)
    }

    /// At most so many Kafka keys of what may go: closed before the first of these days, or only rehearsed before the second, or
    /// a command that ended before this instant.
    pub(crate) fn removable(&self, (days, ended): ((u16, u16), Timestamp), most: usize) -> Vec<String> {
        let closed = self.closed.before(days, most).into_iter().map(|key| format!("action/{key}"));
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
