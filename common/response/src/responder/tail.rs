//! The ledger's tail: what is written there by ourselves, and what a stale writer writes, such as a holder that was frozen
//! and wakes. Pure.
//!
//! How far a stale writer came with an action counts, since it may have called; nothing else that it says does. Either
//! way the holder writes the key again under its own epoch: compaction keeps the newest record of a key, and the next
//! holder would believe it.

use cordon_records::{Latch, LedgerEntry, LedgerRecord, StampedRecord};

use super::super::event::{Effect, Moment, SwitchSetRight};
use super::super::settlement::OnDurable;
use super::Responder;

impl Responder {
    /// Takes a record that was read back. What we wrote up to there, an INTENT or our claim, stands with no higher claim
    /// before it.
    pub(super) fn tailed(&mut self, offset: i64, read: StampedRecord, at: Moment) {
        self.tailed_to = self.tailed_to.max(offset);
        match read.epoch() {
            Some(epoch) if epoch > self.epoch => {
                self.effects.push(Effect::Superseded(epoch));
                return;
            }
            Some(epoch) if epoch == self.epoch => {}
            // A record without an epoch is not ours either: a build before the stamp woke up.
            Some(_) | None => self.set_right(read, at),
        }
        self.tail_reached(at);
    }

    /// Takes a tombstone that was read. Of what we removed ourselves nothing is known any more.
    pub(super) fn erased(&mut self, offset: i64, key: &str, at: Moment) {
        self.tailed_to = self.tailed_to.max(offset);
        if self.ledger.record(key).is_some() {
            self.write_again(key, at);
            self.tell_set_right(key, None);
        }
        self.tail_reached(at);
    }

    /// Does what waits for what was written up to here: no claim above ours stood before it, or we would have been superseded.
    fn tail_reached(&mut self, at: Moment) {
        self.call_read_back(at);
        self.remove_read_back(at);
    }

    /// Writes again every key of which the restored log's newest record is not the true one.
    pub(super) fn write_again_what_is_astray(&mut self, at: Moment) {
        for (key, found) in self.ledger.take_astray() {
            self.write_again(&key, at);
            self.tell_set_right(&key, found);
        }
    }

    fn set_right(&mut self, stale: StampedRecord, at: Moment) {
        let key = stale.record().key();
        match stale.record() {
            LedgerRecord::Action(entry) => return self.rewrite(entry.as_ref().clone(), &key, at),
            // What we know in full we bring to its end ourselves.
            LedgerRecord::Closed(closed) if !self.ledger.knows(&closed.key) => self.ledger.apply(stale),
            LedgerRecord::Breaker(found) | LedgerRecord::Pause(found) => {
                self.write_again(&key, at);
                return self.tell_set_right(&key, Some(found.clone()));
            }
            said @ LedgerRecord::Applied { .. } => self.ledger.set_aside(said),
            LedgerRecord::Closed(_)
            | LedgerRecord::Claim(_)
            | LedgerRecord::Genesis(_)
            | LedgerRecord::CommandsPosition { .. }
            | LedgerRecord::Policy(_)
            | LedgerRecord::FleetSize { .. } => {}
        }
        self.write_again(&key, at);
    }

    /// A switch that holds everything, or lets it go, is not put right in silence.
    fn tell_set_right(&mut self, switch: &str, found: Option<Latch>) {
        let stands = match switch {
            "breaker" => self.ledger.breaker().cloned(),
            "pause" => self.ledger.pause().cloned(),
            _ => None,
        };
        if let Some(stands) = stands {
            self.effects.push(Effect::SwitchSetRight(SwitchSetRight { switch: switch.to_owned(), found, stands }));
        }
    }

    /// Writes what we know of a key. Of a count that we have not made we know nothing: we shall write it when we have.
    fn write_again(&mut self, key: &str, at: Moment) {
        let Some(record) = self.ledger.record(key).or_else(|| never_put_on(key, at)) else { return };
        self.record(Vec::new(), vec![record], OnDurable::default());
    }

    fn rewrite(&mut self, stale: LedgerEntry, written_under: &str, at: Moment) {
        let key = stale.key.clone();
        let written = self.ledger.learn(stale);
        // What is closed stays so.
        let (Some(written), Some(entry)) = (written, self.ledger.get(&key).cloned()) else {
            return self.write_again(written_under, at);
        };
        let offset = self.give_way(&entry);
        self.plan_retry(&entry, at);
        self.set_timer(&entry, at);
        let then = OnDurable::settle(offset);
        self.write(Vec::new(), vec![written], then);
        if entry.is_open() && !self.jobs.contains(&key) {
            self.resume(&entry, at);
        }
        if entry.other_action.is_some() {
            self.follow.add(&entry, &mut self.schedule, at);
        }
    }

    /// Ends our job if the stale writer got further with the same action than we did, and none of our own attempts
    /// is on its way. Gives back the offset that the job would have settled.
    fn give_way(&mut self, entry: &LedgerEntry) -> Option<i64> {
        let job = self.jobs.get(&entry.key)?;
        let further = entry.attempt > 0
            && entry.supersedes(&job.entry)
            && (entry.attempt, entry.state) != (job.entry.attempt, job.entry.state);
        if job.is_intended() || !further {
            return None;
        }
        self.jobs.remove(&entry.key, &mut self.schedule)?.offset
    }
}

/// A switch that only a stale writer has put on, off.
fn never_put_on(key: &str, at: Moment) -> Option<LedgerRecord> {
    let why = "only a writer that another had taken over from had put it on".into();
    let off = Latch { on: false, by: "respond".into(), why, at: at.wall, window_s: None };
    match key {
        "breaker" => Some(LedgerRecord::Breaker(off)),
        "pause" => Some(LedgerRecord::Pause(off)),
        _ => None,
    }
}
