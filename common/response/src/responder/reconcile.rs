//! Actions whose outcome is unknown: after a lost answer, or found as a bare INTENT in a restored ledger. Pure.

use std::time::{Duration, Instant};

use cordon_records::{ActionKey, ActionKind, ActionState, AttemptState, LedgerEntry, LedgerRecord, MachineAction};

use super::super::asker::asker;
use super::super::event::{Effect, Moment, Unreadable};
use super::super::facts::{ActionSnapshot, in_effect};
use super::super::follow::ACCEPTED;
use super::super::job::{Attempt, Job, Question, Sought, State, Step};
use super::super::ours::{Asked, Listed, find_ours, misapplied};
use super::super::schedule::Due;
use super::super::settlement::OnDurable;
use super::super::waited::Watched;
use super::Responder;

/// What Defender's `ActiveRequestAlreadyExists` says.
const RUNNING: &str = "Defender says that such an action is already running";

/// Why what another process left as INTENT is in doubt.
const ENDED: &str = "the process that was about to do it ended";

/// How long to wait before a list that could not be read is asked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// How often in a row the list may be unreadable, about half an hour, before a person is asked. Until then the
/// machine's other alerts wait.
const LOOKS: u32 = 60;

/// An isolate or a release in doubt gets one new attempt when the settled list does not know it.
const ATTEMPTS: u32 = 2;

/// How long an action rests that Defender refused because another one runs, and how long until the list is looked at again.
const BUSY_AGAIN: Duration = Duration::from_secs(30);

/// How often, ten minutes altogether. Its decision waits as long.
const BUSY: u32 = 20;

impl Responder {
    /// Goes on with everything that the ledger shows on its way.
    pub(super) fn resume_open(&mut self, at: Moment) {
        let open: Vec<LedgerEntry> = self.ledger.open().cloned().collect();
        for entry in &open {
            self.resume(entry, at);
        }
        self.follow_others(at);
    }

    /// Goes on with one open entry. What another process left as INTENT may have been called: it is in doubt, and
    /// the wait counts from our own observation, since the other's clock means nothing here; what earlier holders have
    /// waited by theirs is taken off. The ceiling of today
    /// holds for a new attempt, not the one under which the last was made.
    pub(super) fn resume(&mut self, entry: &LedgerEntry, at: Moment) {
        if entry.state == ACCEPTED && entry.machine_action_id.is_some() {
            self.follow.add(entry, &mut self.schedule, at);
            return;
        }
        let mut entry = entry.clone();
        if !asker(&entry).is_person() {
            entry.mode = entry.mode.min(self.config.mode);
        }
        if entry.state == AttemptState::Reported(ActionState::Approved) {
            self.queue(entry);
            return;
        }
        let key = entry.key.clone();
        if entry.state == AttemptState::Intent && entry.undone {
            // It was certainly not called: it is made once more, under its number.
            return self.begin_job(Job::new(entry, Attempt::Again));
        }
        let listed = entry.action.kind().is_machine_action();
        let rests = self.config.settle.saturating_sub(Duration::from_secs(entry.waited_s));
        self.jobs.insert(Job::in_doubt(entry, at.mono + rests), &mut self.schedule);
        if listed {
            self.watch(&key, at);
            self.rest(&key, rests, at);
        } else {
            self.lost(&key, ENDED.into(), at);
        }
    }

    /// Writes down that an action is in doubt, and until when it rests: whoever looks at the ledger sees it.
    fn rest(&mut self, key: &ActionKey, rests: Duration, at: Moment) {
        let until = at.wall.checked_add(rests).ok();
        let Some(job) = self.jobs.get_mut(key) else { return self.misplaced("rest", key) };
        if job.entry.state == AttemptState::Intent {
            job.entry.state = AttemptState::InDoubt;
            ENDED.clone_into(&mut job.entry.reason);
            job.entry.at = at.wall;
        }
        job.entry.rests_until = until;
        let entry = job.entry.clone();
        self.record(Vec::new(), vec![LedgerRecord::Action(Box::new(entry))], OnDurable::default());
    }

    /// Has the list read for this.
    pub(super) fn look(&mut self, key: &ActionKey, sought: Sought) {
        let Some(machine) = self.jobs.get(key).map(|job| job.entry.machine.id.clone()) else {
            return self.misplaced("look", key);
        };
        if self.step(key, Step::Look(sought)) {
            self.effects.push(Effect::Look(key.clone(), machine));
        }
    }

    pub(super) fn looked(&mut self, key: &ActionKey, found: Result<Vec<MachineAction>, Unreadable>, at: Moment) {
        if !self.is_awaited(key, Question::List) {
            return;
        }
        let Some((sought, unread)) = self.jobs.get(key).and_then(|job| Some((job.sought()?.clone(), job.unread())))
        else {
            return self.misplaced("list", key);
        };
        match (found, sought) {
            (Ok(actions), sought) => self.found(key, &actions, sought, at),
            (Err(failure), Sought::Running(listed_by)) => {
                self.unlisted(key, listed_by, format!("{RUNNING}, and its list cannot be read: {}", failure.why), at);
            }
            // Nobody has heard of it so far, and nobody can say whose isolation it is.
            (Err(failure), Sought::RunningSettled) => {
                self.doubt(key, format!("{RUNNING}, and its list cannot be read: {}", failure.why), at);
            }
            // What made it needless may end until the list can be read: then that is judged anew.
            (Err(failure), Sought::Lost | Sought::Needless(_)) if unread < LOOKS => {
                let rests = failure.retry_after.unwrap_or(LOOK_AGAIN).max(LOOK_AGAIN);
                let is_told = self.jobs.get(key).is_some_and(|job| job.entry.state == AttemptState::InDoubt);
                if self.step(key, Step::LookAgain(at.mono + rests, None)) && is_told {
                    self.rest(key, rests, at);
                }
            }
            (Err(failure), Sought::Lost | Sought::Needless(_)) => {
                let why = format!(
                    "nobody knows whether it was done, and the list of actions stays unreadable: {}; look at the machine",
                    failure.why
                );
                self.finish(key, ActionState::NeedsHuman, why, at);
            }
        }
    }

    fn found(&mut self, key: &ActionKey, actions: &[MachineAction], sought: Sought, at: Moment) {
        let Some(job) = self.jobs.get(key) else { return self.misplaced("found", key) };
        let asked = Asked { key, machine: &job.entry.machine.id, action: &job.entry.action };
        match find_ours(actions, &asked, job.entry.attempt) {
            Listed::Ours(ours) => self.accept(key, &ActionSnapshot::from(ours), at),
            Listed::Misapplied(how) => self.finish(key, ActionState::NeedsHuman, misapplied(&how), at),
            Listed::Nothing => self.not_listed(key, actions, sought, at),
        }
    }

    /// The list does not show ours. Somebody else's may do instead.
    fn not_listed(&mut self, key: &ActionKey, actions: &[MachineAction], sought: Sought, at: Moment) {
        let Some(job) = self.jobs.get(key) else { return self.misplaced("not listed", key) };
        if job.entry.state == ACCEPTED {
            let why = "Defender took the request, but its list does not show it; look at the machine".into();
            self.finish(key, ActionState::NeedsHuman, why, at);
        } else if let Some(other) = in_effect(actions, &job.entry.action) {
            self.covered_by(key, other, at);
        } else {
            self.nowhere(key, sought, at);
        }
    }

    /// The list shows nothing that is or does what was wanted.
    fn nowhere(&mut self, key: &ActionKey, sought: Sought, at: Moment) {
        let Some(job) = self.jobs.get(key) else { return self.misplaced("nowhere", key) };
        let most = ATTEMPTS.max(self.config.waits.retry.attempts);
        let is_repeated = is_repeated(job.entry.action.kind()) && job.entry.attempt < most;
        match sought {
            Sought::Needless(why) => self.finish(key, ActionState::Covered, why, at),
            Sought::Running(listed_by) => {
                self.unlisted(key, listed_by, format!("{RUNNING}, but its list does not show one yet"), at);
            }
            Sought::Lost | Sought::RunningSettled if is_repeated => {
                // Where Defender answered that another action is at work, nothing was done for us; the attempt keeps its
                // number.
                if let Some(entry) = self.jobs.entry_mut(key) {
                    entry.undone = sought == Sought::RunningSettled;
                }
                _ = self.step(key, Step::Repeat(at.mono));
            }
            Sought::RunningSettled => {
                let why = format!("{RUNNING}, but its list shows none; look at the machine");
                self.finish(key, ActionState::NeedsHuman, why, at);
            }
            Sought::Lost => {
                let why = format!(
                    "nobody knows whether it was done ({}), and Defender lists no such action; look at the machine",
                    job.entry.reason
                );
                self.finish(key, ActionState::NeedsHuman, why, at);
            }
        }
    }

    /// Defender did nothing, because another action is at work.
    pub(super) fn already_running(&mut self, key: &ActionKey, at: Moment) {
        let Some(job) = self.jobs.get(key) else { return self.misplaced("already running", key) };
        if job.entry.action.kind().is_machine_action() {
            self.look(key, Sought::Running(None));
        } else {
            self.finish(key, ActionState::Covered, RUNNING.into(), at);
        }
    }

    /// Another action runs, and the list does not show one that would do instead. That nothing was done for us is certain.
    /// For an isolation the list is looked at until it shows whose it is; that it shows none is believed only after the
    /// settle time. Of every other kind what runs may be about another file or other commands: it is asked for again, for a
    /// while.
    fn unlisted(&mut self, key: &ActionKey, listed_by: Option<Instant>, why: String, at: Moment) {
        let Some(job) = self.jobs.get_mut(key) else { return self.misplaced("unlisted", key) };
        if job.entry.action.kind() == ActionKind::Isolate {
            let listed_by = listed_by.unwrap_or(at.mono + self.config.settle);
            let until = (at.mono + BUSY_AGAIN).min(listed_by);
            _ = self.step(key, Step::LookAgain(until, Some(listed_by)));
        } else if job.busy < BUSY {
            job.busy += 1;
            _ = self.step(key, Step::NotCalled(at.mono + BUSY_AGAIN));
        } else {
            let minutes = BUSY_AGAIN.saturating_mul(BUSY).as_secs() / 60;
            self.finish(key, ActionState::Failed, format!("{why}; it was asked for over {minutes} min"), at);
        }
    }
}

impl Responder {
    /// This action is in doubt, and watched from now on.
    pub(super) fn watch(&mut self, key: &ActionKey, at: Moment) {
        let watched = Watched::from(at.mono);
        if let Some(job) = self.jobs.get_mut(key) {
            job.watched = Some(watched);
            self.schedule.set(Due::Waited(key.clone()), watched.next());
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
        let next = watched.next();
        job.entry.waited_s = job.entry.waited_s.saturating_add(passed).min(settle);
        let entry = job.entry.clone();
        self.schedule.set(Due::Waited(key.clone()), next);
        self.record(Vec::new(), vec![LedgerRecord::Action(Box::new(entry))], OnDurable::default());
    }
}

/// Whether a lost attempt that the list does not know is made anew. Of the others a second one might do harm, and
/// nobody is cut off without it.
const fn is_repeated(kind: ActionKind) -> bool {
    matches!(kind, ActionKind::Isolate | ActionKind::Release)
}
