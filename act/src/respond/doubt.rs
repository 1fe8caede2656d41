//! Actions whose outcome is unknown: after a lost answer, or found as a bare INTENT in a restored ledger. Pure.

use std::time::Duration;

use cordon_defender::MachineAction;
use cordon_records::{ActionKey, ActionState, AttemptState, LedgerEntry};

use super::facts::{Standing, find_ours, isolating};
use super::responder::{Effect, Job, Moment, Phase, Responder, Unreadable};

/// What Defender's `ActiveRequestAlreadyExists` says.
const RUNNING: &str = "Defender says that an isolation is already running";

/// Defender has taken it, and names no end yet.
pub(super) const ACCEPTED: AttemptState = AttemptState::Reported(ActionState::Accepted);

/// How long to wait before a list that could not be read is asked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// How often in a row the list may be unreadable, about half an hour, before a person is asked. Until then the
/// machine's other alerts wait.
const LOOKS: u32 = 60;

/// An isolate in doubt gets one new attempt when the settled list does not know it.
const ATTEMPTS: u32 = 2;

impl Responder {
    /// Goes on with everything that the ledger shows on its way.
    pub(super) fn resume_open(&mut self, at: Moment) {
        let open: Vec<LedgerEntry> = self.book.open().cloned().collect();
        for entry in &open {
            self.resume(entry, at);
        }
    }

    /// Goes on with one open entry. What another process left as INTENT may have been called: it is in doubt, and
    /// the wait counts from our own observation, since the other's clock means nothing here. The ceiling of today
    /// holds for a new attempt, not the one under which the last was made.
    pub(super) fn resume(&mut self, entry: &LedgerEntry, at: Moment) {
        if entry.state == ACCEPTED && entry.machine_action_id.is_some() {
            self.follow.add(entry, at);
            return;
        }
        let mut entry = entry.clone();
        entry.mode = entry.mode.min(self.terms.mode);
        let key = entry.key.clone();
        let phase = Phase::InDoubt(at.mono + self.terms.settle);
        self.jobs.insert(key, Job { phase, ..Job::new(entry, None) });
    }

    /// Has the list read. `settled` says that whatever was called is in it, if it was done.
    pub(super) fn look(&mut self, key: &ActionKey, settled: bool) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        job.phase = Phase::Looking { settled };
        self.effects.push(Effect::Look(key.clone(), job.entry.machine.id.clone()));
    }

    pub(super) fn looked(&mut self, key: &ActionKey, found: Result<Vec<MachineAction>, Unreadable>, at: Moment) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        let settled = matches!(job.phase, Phase::Looking { settled: true });
        match found {
            Ok(actions) => self.found(key, &actions, settled, at),
            Err(failure) if !settled => {
                self.doubt(key, format!("{RUNNING}, and its list cannot be read: {}", failure.why), at);
            }
            Err(failure) if job.tries < LOOKS => {
                job.tries += 1;
                job.phase = Phase::InDoubt(at.mono + failure.retry_after.unwrap_or(LOOK_AGAIN));
            }
            Err(failure) => {
                let why = format!(
                    "nobody knows whether it was done, and the list of actions stays unreadable: {}; look at the machine",
                    failure.why
                );
                self.finish(key, ActionState::NeedsHuman, why, at);
            }
        }
    }

    fn found(&mut self, key: &ActionKey, actions: &[MachineAction], settled: bool, at: Moment) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        if let Some(ours) = find_ours(actions, key.as_str(), job.entry.attempt) {
            self.accept(key, &Standing::from(ours), at);
        } else if job.entry.state == ACCEPTED {
            let why = "Defender took the request, but its list does not show it; look at the machine".into();
            self.finish(key, ActionState::NeedsHuman, why, at);
        } else if let Some(other) = isolating(actions) {
            let by = Standing::from(other).by;
            let why = format!("{by} has isolated the machine or is doing so (action {})", other.id);
            self.finish(key, ActionState::Covered, why, at);
        } else if !settled {
            self.doubt(key, format!("{RUNNING}, but its list does not show one yet"), at);
        } else if job.entry.attempt < ATTEMPTS {
            job.tries = 0;
            job.phase = Phase::Resting(at.mono);
        } else {
            let why = "no attempt got a clear answer, and Defender lists no such action; look at the machine".into();
            self.finish(key, ActionState::NeedsHuman, why, at);
        }
    }
}
