//! For how long a holder has watched an action in doubt: written down every ten seconds, so that its successor need not
//! begin the wait anew. Pure.
//!
//! It counts what the holder itself has seen pass on its monotonic clock, and nothing else: no wall clock, no time of the
//! broker. Two holders never count the same time, since what a stale one writes after the claim of the next counts for
//! nothing.

use std::time::{Duration, Instant};

use cordon_records::{ActionKey, LedgerRecord};

use super::event::Moment;
use super::job::{Job, State};
use super::responder::Responder;
use super::schedule::Due;
use super::settlement::OnDurable;

/// How often it is written down.
pub(super) const EVERY: Duration = Duration::from_secs(10);

/// Up to when an action in doubt was watched, as far as that is written down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Watched(Instant);

impl Watched {
    /// The whole periods that have passed since then, in seconds; they count as written down.
    fn take(&mut self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.0).as_secs() / EVERY.as_secs() * EVERY.as_secs();
        self.0 += Duration::from_secs(passed);
        passed
    }
}

impl Responder {
    /// This action is in doubt, and watched from now on.
    pub(super) fn watch(&mut self, key: &ActionKey, at: Moment) {
        if let Some(job) = self.jobs.get_mut(key) {
            job.watched = Some(Watched(at.mono));
            self.schedule.set(Due::Waited(key.clone()), at.mono + EVERY);
        }
    }

    /// Writes down what was waited, as long as it is waited for. More than the settle time is of no use to anybody.
    pub(super) fn write_what_was_waited(&mut self, key: &ActionKey, at: Moment) {
        let settle = self.config.settle.as_secs();
        let waits = |job: &&mut Job| matches!(job.state(), State::InDoubt(..)) && job.entry.waited_s < settle;
        // Its list is being read by now, or it is not in doubt any more, or has waited long enough.
        let Some(job) = self.jobs.get_mut(key).filter(waits) else { return };
        // What waits for another action to be listed is not watched.
        let Some(watched) = &mut job.watched else { return };
        let passed = watched.take(at.mono);
        let next = watched.0 + EVERY;
        job.entry.waited_s = job.entry.waited_s.saturating_add(passed).min(settle);
        job.entry.epoch = self.epoch;
        let entry = job.entry.clone();
        self.schedule.set(Due::Waited(key.clone()), next);
        self.record(Vec::new(), vec![LedgerRecord::Action(Box::new(entry))], OnDurable::default());
    }
}
