//! From the records of the log to the state, and back: what is written again when the log's newest word is not the true one.

use std::collections::BTreeMap;

use cordon_policy::Fleet;
use cordon_records::{ActionKey, CommandId, Latch, LedgerRecord, StampedRecord};

use super::{Applied, LedgerState};

impl LedgerState {
    /// Takes one record in log order. What a stale writer says is set aside, but what it did is not: entries of one key
    /// merge monotonically, so that its earlier state never undoes a later one and its later one is never lost. What it
    /// closed late counts only where nothing else is known.
    pub fn apply(&mut self, read: StampedRecord) {
        // The genesis record is written on request, by nobody who holds the ledger.
        let held = !matches!(read.record(), LedgerRecord::Genesis(_));
        let is_stale = held && read.epoch().is_some_and(|epoch| epoch < self.epoch);
        self.epoch = self.epoch.max(read.epoch().unwrap_or(0));
        let record = read.into_record();
        let key = record.key();
        let switch = match &record {
            LedgerRecord::Breaker(latch) | LedgerRecord::Pause(latch) => Some(latch.clone()),
            _ => None,
        };
        let stands = match record {
            LedgerRecord::Action(entry) => self.merge(*entry) && !is_stale,
            LedgerRecord::Closed(closed) if is_stale && self.knows(&closed.key) => false,
            LedgerRecord::Closed(closed) => self.close(closed) && !is_stale,
            other => {
                if is_stale {
                    self.set_aside(&other);
                } else {
                    self.take(other);
                }
                !is_stale
            }
        };
        if stands {
            self.astray.remove(&key);
        } else {
            self.astray.insert(key, switch);
        }
    }

    /// Notes what a stale writer says of a command that was not applied as far as we know: of that, too, a record is to be
    /// written, since nothing else keeps compaction from keeping the stale one.
    pub(crate) fn set_aside(&mut self, stale: &LedgerRecord) {
        if let LedgerRecord::Applied { id, until, offset, set_aside: false } = stale
            && !self.applied.contains_key(id)
        {
            self.not_applied.insert(id.clone(), Applied { until: *until, offset: *offset });
        }
    }

    /// Somebody wrote a tombstone, under this epoch if it says so. The holder of its time removes what nobody can ask for
    /// any more. Of anybody else's, a stale holder's or that of a person who does not know that what was done would be done
    /// again, what is known stays known.
    pub fn erased(&mut self, key: &str, epoch: Option<u64>) {
        if epoch.is_some_and(|epoch| epoch >= self.epoch) && self.remove(key) {
            self.astray.remove(key);
        } else if self.record(key).is_some() {
            self.astray.insert(key.to_owned(), None);
        }
    }

    /// The keys whose newest record in the log is not what this ledger says, once; of a switch also what that record says,
    /// where it was not deleted.
    pub(crate) fn take_astray(&mut self) -> BTreeMap<String, Option<Latch>> {
        std::mem::take(&mut self.astray)
    }

    /// What is known of a Kafka key, as it is written; nothing when nothing is.
    #[must_use]
    pub(crate) fn record(&self, key: &str) -> Option<LedgerRecord> {
        match key {
            "genesis" => self.genesis.clone().map(LedgerRecord::Genesis),
            "claim" => self.claim.clone().map(LedgerRecord::Claim),
            "breaker" => self.breaker.clone().map(LedgerRecord::Breaker),
            "pause" => self.pause.clone().map(LedgerRecord::Pause),
            "commands" => {
                Some(LedgerRecord::CommandsPosition { next: self.commands_next, newest: self.commands_newest })
            }
            "policy" => self.policy.clone().map(LedgerRecord::Policy),
            "fleet" => self.fleet.map(|Fleet { machines, at }| LedgerRecord::FleetSize { machines, at }),
            other => self.action(other).or_else(|| self.command(other)),
        }
    }

    fn action(&self, key: &str) -> Option<LedgerRecord> {
        let key = ActionKey::new(key.strip_prefix("action/")?).ok()?;
        let closed = || self.closed.get(&key).map(LedgerRecord::Closed);
        self.entries.get(&key).cloned().map(|entry| LedgerRecord::Action(Box::new(entry))).or_else(closed)
    }

    fn command(&self, key: &str) -> Option<LedgerRecord> {
        let id = CommandId::new(key.strip_prefix("command/")?).ok()?;
        let (Applied { until, offset }, set_aside) = match (self.applied(&id), self.not_applied.get(&id)) {
            (Some(applied), _) => (applied, false),
            (None, not_applied) => (*not_applied?, true),
        };
        Some(LedgerRecord::Applied { id, until, offset, set_aside })
    }

    /// What a writer whose claim stood says.
    pub(super) fn take(&mut self, record: LedgerRecord) {
        match record {
            LedgerRecord::Genesis(genesis) => self.genesis = Some(genesis),
            LedgerRecord::Claim(claim) => self.claim = Some(claim),
            LedgerRecord::Breaker(latch) => self.breaker = Some(latch),
            LedgerRecord::Pause(latch) => self.pause = Some(latch),
            LedgerRecord::CommandsPosition { next, newest } => {
                (self.commands_next, self.commands_newest) = (next, newest);
            }
            LedgerRecord::Applied { id, until, offset, set_aside: false } => {
                self.not_applied.remove(&id);
                self.applied.insert(id, Applied { until, offset });
            }
            LedgerRecord::Applied { id, until, offset, set_aside: true } => {
                self.applied.remove(&id);
                self.not_applied.insert(id, Applied { until, offset });
            }
            LedgerRecord::Policy(standing) => self.policy = Some(standing),
            LedgerRecord::FleetSize { machines, at } => self.fleet = Some(Fleet { machines, at }),
            // Actions merge, whoever writes them.
            LedgerRecord::Action(_) | LedgerRecord::Closed(_) => {}
        }
    }
}
