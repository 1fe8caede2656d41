//! Actions whose outcome is unknown: after a lost answer, or found as a bare INTENT in a restored ledger. Pure.

use std::time::Duration;

use cordon_defender::MachineAction;
use cordon_records::{ActionKey, ActionState, AttemptState, LedgerEntry};

use super::facts::{Standing, find_ours, running};
use super::responder::{Job, Moment, Phase, Responder, Unreadable};

/// How long to wait before a list that could not be read is asked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

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
    /// the wait counts from our own observation, since the other's clock means nothing here.
    pub(super) fn resume(&mut self, entry: &LedgerEntry, at: Moment) {
        if entry.state == AttemptState::Reported(ActionState::Accepted) && entry.machine_action_id.is_some() {
            self.follow.add(entry, at);
            return;
        }
        let phase = Phase::InDoubt(at.mono + self.terms.settle);
        let job = Job { entry: entry.clone(), offset: None, phase, tries: 0, again: false };
        self.jobs.insert(entry.key.clone(), job);
    }

    pub(super) fn looked(&mut self, key: &ActionKey, found: Result<Vec<MachineAction>, Unreadable>, at: Moment) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        let actions = match found {
            Ok(actions) => actions,
            Err(failure) => {
                job.phase = Phase::InDoubt(at.mono + failure.retry_after.unwrap_or(LOOK_AGAIN));
                return;
            }
        };
        let ours = find_ours(&actions, key.as_str(), job.entry.attempt);
        if let Some(ours) = ours {
            let standing = Standing::from(ours);
            self.accept(key, &standing, at);
        } else if let Some(other) = running(&actions) {
            let why = format!("{} is already isolating the machine (action {})", Standing::from(other).by, other.id);
            self.finish(key, ActionState::Covered, why, at);
        } else if job.entry.attempt < ATTEMPTS {
            job.tries = 0;
            job.phase = Phase::Resting(at.mono);
        } else {
            let why = "the call's answer was lost twice and Defender lists no such action; look at the machine".into();
            self.finish(key, ActionState::NeedsHuman, why, at);
        }
    }
}
