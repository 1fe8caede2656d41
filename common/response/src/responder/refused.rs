//! What is held because the tenant refuses our application: it gives no token, or forbids what has to be read first. Pure.
//!
//! No approval lifts that, so none is asked for or taken. People are told once, with the cause; the actions are read again
//! now and then, a few at a time, and all of them as soon as one read is answered. Every guard is asked anew then.

use std::time::Duration;

use cordon_records::{ActionKey, ActionState, AttemptState, LedgerEntry};
use jiff::Timestamp;

use super::super::event::Moment;
use super::super::facts::FreshFacts;
use super::super::schedule::Due;
use super::Responder;

/// How long until the next look whether the tenant takes us again.
const AGAIN: Duration = Duration::from_secs(60);

/// How many are read then: each asks for a token anew.
const AT_ONCE: usize = 8;

/// What is said after the cause.
const NOT_YOURS: &str = "until that is fixed nothing can be read or done here, and approving would change nothing; it goes \
                         on by itself after that";

/// Whether the tenant refuses us.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Why, while anything is held for that.
    why: Option<String>,
}

impl Responder {
    /// The fresh read was refused to us. What the guards say without it stands, but for a hold the cause is this.
    pub(super) fn refused(&mut self, key: &ActionKey, why: String, at: Moment) {
        let Some(job) = self.jobs.get_mut(key) else { return self.misplaced("refusal", key) };
        self.schedule.set_first(Due::ReadAgain, at.mono + AGAIN);
        if job.offset.is_none() && self.ledger.get(key).is_some_and(|entry| is_held_for_it(entry, at.wall)) {
            // People were told, and the ledger says so already.
            self.jobs.remove(key, &mut self.schedule);
            self.refusals.why = Some(why);
            return;
        }
        job.entry.tenant_refuses = true;
        job.entry.reason.clone_from(&why);
        self.rule(key, FreshFacts { read: false, ..FreshFacts::missing() }, at);
        if self.ledger.get(key).is_some_and(|entry| is_held_for_it(entry, at.wall)) {
            self.refusals.why = Some(why);
        }
    }

    /// Why the tenant refuses us, while anything is held for that.
    #[must_use]
    pub fn tenant_refuses(&self) -> Option<&str> {
        self.refusals.why.as_deref()
    }

    /// Why it is held, if that is because the tenant refuses us.
    pub(super) fn refusal(&self, key: &ActionKey) -> Option<String> {
        let entry = &self.jobs.get(key)?.entry;
        entry.tenant_refuses.then(|| format!("{}; {NOT_YOURS}", entry.reason))
    }

    /// A fresh read of this one was answered: if it was refused before, so were others, and that is over for all of them.
    /// Whatever holds one of them next is another question, with the whole time to decide it.
    pub(super) fn taken_again(&mut self, key: &ActionKey, at: Moment) {
        if !self.jobs.get(key).is_some_and(|job| job.entry.tenant_refuses) {
            return;
        }
        self.refusals.why = None;
        self.read_again(usize::MAX, at);
        self.jobs.taken_again();
    }

    /// A switch holds this one before it was read again: it stays held for the refusal, since no read was answered, and
    /// people are not told again. False of one that is not held for it.
    pub(super) fn stays_refused(&mut self, key: &ActionKey, at: Moment) -> bool {
        let stays = self.jobs.get(key).is_some_and(|job| is_held_for_it(&job.entry, at.wall));
        if stays {
            self.jobs.remove(key, &mut self.schedule);
            self.schedule.set_first(Due::ReadAgain, at.mono + AGAIN);
        }
        stays
    }

    /// Takes up what the ledger holds for it.
    pub(super) fn resume_refused(&mut self, at: Moment) {
        let mut held = self.ledger.waiting().iter().filter_map(|(_, key)| self.ledger.get(key));
        let first = held.find(|entry| is_held_for_it(entry, at.wall));
        self.refusals.why = first.map(|entry| entry.reason.clone());
        if self.refusals.why.is_some() {
            self.schedule.set(Due::ReadAgain, at.mono);
        }
    }

    pub(super) fn read_again_now(&mut self, at: Moment) {
        self.read_again(AT_ONCE, at);
    }

    fn read_again(&mut self, most: usize, at: Moment) {
        let waiting = self.ledger.waiting().iter().filter(|(_, key)| !self.jobs.contains(key));
        let entries = waiting.filter_map(|(_, key)| self.ledger.get(key));
        let refused: Vec<LedgerEntry> =
            entries.filter(|entry| is_held_for_it(entry, at.wall)).take(most).cloned().collect();
        if refused.is_empty() && !self.jobs.all().any(|job| job.entry.tenant_refuses) {
            self.refusals.why = None;
            return;
        }
        self.schedule.set(Due::ReadAgain, at.mono + AGAIN);
        if !self.ledger.holding().is_empty() {
            // A pause or the breaker would hold them without a read, and people would be told again.
            return;
        }
        for mut entry in refused {
            entry.mode = entry.mode.min(self.config.mode);
            self.queue(entry);
        }
    }
}

/// Why the tenant refused us what this is held for.
pub(super) fn cause_of_refusal(entry: &LedgerEntry) -> Option<&str> {
    let said = entry.tenant_refuses.then_some(entry.reason.as_str())?;
    Some(said.strip_suffix(NOT_YOURS).and_then(|cause| cause.strip_suffix("; ")).unwrap_or(said))
}

fn is_held_for_it(entry: &LedgerEntry, now: Timestamp) -> bool {
    entry.tenant_refuses
        && entry.state == AttemptState::Reported(ActionState::Held)
        && entry.expires_at.is_none_or(|until| now < until)
}
