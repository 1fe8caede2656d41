//! The actions on their way, found by key, machine and lane, and by what they wait for; those that wait for their turn, in
//! its order. Pure.
//!
//! Where a job stands, when it is due and where it is found change together here, so that no job that rests is forgotten and
//! no turn walks over all jobs.

use std::collections::{BTreeMap, BTreeSet};

use cordon_records::{ActionKey, ActionKind, LedgerEntry, MachineId};

use super::event::OutOfPlace;
use super::job::{Job, Question, State, Step};
use super::lane::Place;
use super::ledger::take_from;
use super::schedule::{Due, Schedule};
use super::urgency::{Backlog, Reads, Turn};

/// The actions on their way.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    by_key: BTreeMap<ActionKey, Job>,
    on: BTreeMap<MachineId, BTreeSet<ActionKey>>,
    /// Those that have begun, lane by lane.
    places: BTreeMap<Place, BTreeSet<ActionKey>>,
    /// How many of each kind have begun and wait for nothing but their own reads and calls.
    kinds: BTreeMap<ActionKind, usize>,
    /// INTENTs that are to be read back, by their offset.
    written: BTreeSet<(i64, ActionKey)>,
    reads: Reads,
    /// Those that wait for their turn.
    backlog: Backlog,
    /// Questions whose answer nobody waits for any more: their job was taken out, or has begun anew.
    dropped: BTreeMap<(ActionKey, Question), usize>,
}

impl Jobs {
    pub(super) fn get(&self, key: &ActionKey) -> Option<&Job> {
        self.by_key.get(key)
    }

    /// For changes of what it carries; where it stands changes by steps.
    pub(super) fn get_mut(&mut self, key: &ActionKey) -> Option<&mut Job> {
        self.by_key.get_mut(key)
    }

    /// What is to be written of it.
    pub(super) fn entry_mut(&mut self, key: &ActionKey) -> Option<&mut LedgerEntry> {
        self.by_key.get_mut(key).map(|job| &mut job.entry)
    }

    pub(super) fn contains(&self, key: &ActionKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// All of them, in the order of their keys.
    pub(super) fn all(&self) -> impl Iterator<Item = &Job> {
        self.by_key.values()
    }

    /// The tenant refuses us nothing any more: none of them is held for that, and whatever holds one next has the whole time.
    pub(super) fn taken_again(&mut self) {
        for (key, job) in self.by_key.iter_mut().filter(|(_, job)| job.entry.tenant_refuses) {
            (job.entry.tenant_refuses, job.entry.expires_at) = (false, None);
            self.backlog.costs(key, job.cost());
        }
    }

    /// How many wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        self.backlog.len()
    }

    /// Those that wait for their turn, in no order.
    pub(super) fn queued(&self) -> impl Iterator<Item = &Job> {
        self.backlog.all().filter_map(|(key, _)| self.by_key.get(key))
    }

    /// How many have come to wait so far.
    pub(super) const fn arrivals(&self) -> u64 {
        self.backlog.arrivals()
    }

    /// The next after this one in turn, of those that came before so many arrivals, which may read if it has to.
    pub(super) fn next_in_turn(&self, after: Option<Turn>, arrivals: u64) -> Option<(Turn, &Job)> {
        let (turn, key) = self.backlog.next(after, arrivals, |cost| self.reads.has_room(cost))?;
        self.by_key.get(key).map(|job| (turn, job))
    }

    /// Where this one stands among those that wait, if it does.
    pub(super) fn turn_of(&self, key: &ActionKey) -> Option<Turn> {
        self.backlog.turn_of(key)
    }

    /// Those of this machine, in the order of their keys.
    pub(super) fn on(&self, machine: &MachineId) -> impl Iterator<Item = &Job> {
        self.on.get(machine).into_iter().flatten().filter_map(|key| self.by_key.get(key))
    }

    /// Those that have begun in this lane of this machine.
    pub(super) fn begun_at(&self, place: &Place) -> impl Iterator<Item = &Job> {
        self.places.get(place).into_iter().flatten().filter_map(|key| self.by_key.get(key))
    }

    /// Whether one of this kind has begun and waits for nothing but its own reads and calls.
    pub(super) fn any_on_its_way(&self, kind: ActionKind) -> bool {
        self.kinds.contains_key(&kind)
    }

    /// Those whose INTENT is at or before this offset and has not been read back, in the order of their keys.
    pub(super) fn written_up_to(&self, offset: i64) -> BTreeSet<ActionKey> {
        self.written.iter().take_while(|(at, _)| *at <= offset).map(|(_, key)| key.clone()).collect()
    }

    /// Takes a job in.
    pub(super) fn insert(&mut self, job: Job, schedule: &mut Schedule) {
        let key = job.entry.key.clone();
        self.remove(&key, schedule);
        self.on.entry(job.place().0.clone()).or_default().insert(key.clone());
        self.index(&job, schedule);
        self.by_key.insert(key, job);
    }

    /// Has a job take a step.
    ///
    /// # Errors
    /// There is no such job, or the step cannot come where it stands.
    pub(super) fn step(&mut self, key: &ActionKey, step: Step, schedule: &mut Schedule) -> Result<(), OutOfPlace> {
        let Some(mut job) = self.by_key.remove(key) else { return Err(no_job(step.name(), key)) };
        // One that stays where it is keeps its turn.
        let moves = job.may(&step);
        if moves {
            self.unindex(&job, schedule);
        }
        let taken = job.on(step);
        if moves {
            self.index(&job, schedule);
        }
        self.by_key.insert(key.clone(), job);
        taken
    }

    /// Takes a job out, wherever it stands. An answer that it waits for is expected all the same.
    pub(super) fn remove(&mut self, key: &ActionKey, schedule: &mut Schedule) -> Option<Job> {
        let job = self.by_key.remove(key)?;
        self.unindex(&job, schedule);
        take_from(&mut self.on, &job.place().0, key);
        if let Some(question) = job.awaits() {
            *self.dropped.entry((key.clone(), question)).or_default() += 1;
        }
        Some(job)
    }

    /// Whether this answer is one that the job of this key waits for. Nobody waits for that to a question whose job was
    /// taken out since.
    ///
    /// # Errors
    /// It was never asked for.
    pub(super) fn awaits(&mut self, key: &ActionKey, question: Question) -> Result<bool, OutOfPlace> {
        if let Some(job) = self.by_key.get_mut(key).filter(|job| job.awaits() == Some(question)) {
            job.is_told();
            return Ok(true);
        }
        let dropped = (key.clone(), question);
        match self.dropped.get_mut(&dropped) {
            Some(left @ 2..) => *left -= 1,
            Some(_) => _ = self.dropped.remove(&dropped),
            None => return Err(self.out_of_place(question.answer(), key)),
        }
        Ok(false)
    }

    /// What to say of an event that cannot come where this job stands.
    pub(super) fn out_of_place(&self, event: &'static str, key: &ActionKey) -> OutOfPlace {
        match self.by_key.get(key) {
            Some(job) => OutOfPlace { event, key: Some(key.clone()), state: job.state().name() },
            None => no_job(event, key),
        }
    }

    /// Fails if one is found where it does not stand, or not where it does.
    #[cfg(test)]
    pub(super) fn assert_found(&self) {
        let (mut anew, mut schedule) = (Self::default(), Schedule::default());
        self.all().for_each(|job| anew.insert(job.clone(), &mut schedule));
        assert_eq!((&anew.on, &anew.places, &anew.kinds), (&self.on, &self.places, &self.kinds));
        assert_eq!((&anew.written, &anew.reads), (&self.written, &self.reads));
        let waiting = |jobs: &Self| jobs.backlog.all().map(|(key, cost)| (key.clone(), cost)).collect::<Vec<_>>();
        assert_eq!(waiting(&anew), waiting(self));
    }

    fn index(&mut self, job: &Job, schedule: &mut Schedule) {
        let key = &job.entry.key;
        if let Some(until) = job.state().until() {
            schedule.set(Due::Job(key.clone()), until);
        }
        if matches!(job.state(), State::Queued(_)) {
            self.backlog.push(key.clone(), job.urgency, job.cost());
        } else {
            self.places.entry(job.place().clone()).or_default().insert(key.clone());
        }
        if job.is_on_its_way() {
            *self.kinds.entry(job.entry.action.kind()).or_default() += 1;
        }
        if matches!(job.state(), State::Reading(_)) {
            self.reads.begin(job.urgency.weight);
        }
        if let State::IntentAt(_, offset) = job.state() {
            self.written.insert((*offset, key.clone()));
        }
    }

    fn unindex(&mut self, job: &Job, schedule: &mut Schedule) {
        let key = &job.entry.key;
        schedule.cancel(&Due::Job(key.clone()));
        take_from(&mut self.places, job.place(), key);
        self.backlog.remove(key);
        if job.is_on_its_way() {
            let kind = job.entry.action.kind();
            match self.kinds.get_mut(&kind) {
                Some(left @ 2..) => *left -= 1,
                Some(_) | None => _ = self.kinds.remove(&kind),
            }
        }
        if matches!(job.state(), State::Reading(_)) {
            self.reads.end(job.urgency.weight);
        }
        if let State::IntentAt(_, offset) = job.state() {
            self.written.remove(&(*offset, key.clone()));
        }
    }
}

fn no_job(event: &'static str, key: &ActionKey) -> OutOfPlace {
    OutOfPlace { event, key: Some(key.clone()), state: "no job" }
}
