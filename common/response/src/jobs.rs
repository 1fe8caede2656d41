//! The actions on their way. Pure.
//!
//! What a job waits for and when it is due change together here, so that no job that rests is forgotten.

use std::collections::BTreeMap;
use std::time::Instant;

use cordon_policy::Asker;
use cordon_records::{ActionKey, LedgerEntry, Mode};

use super::asker::{asker, is_approved};
use super::preflight::is_plain;
use super::schedule::{Due, Schedule};
use super::urgency::Urgency;
use super::waited::Watched;

/// Where a job stands between two events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Phase {
    /// Waits for its machine or its turn.
    Queued,
    /// The fresh read is under way.
    Reading,
    /// The INTENT, made at this monotonic instant, is on its way to the broker.
    IntentSent(Instant),
    /// The INTENT is at this offset and waits to be read back.
    IntentAt(Instant, i64),
    /// The call is under way.
    Calling,
    /// Nothing was done; the fresh read is repeated at this instant.
    Resting(Instant),
    /// The answer was lost, or names an action that the list does not show yet; the list is read at this instant.
    InDoubt(Instant),
    /// The list is being read.
    Looking {
        /// Whether the settle time has passed.
        settled: bool,
    },
}

impl Phase {
    /// When it ends by itself.
    const fn until(self) -> Option<Instant> {
        match self {
            Self::Resting(until) | Self::InDoubt(until) => Some(until),
            Self::Queued
            | Self::Reading
            | Self::IntentSent(_)
            | Self::IntentAt(..)
            | Self::Calling
            | Self::Looking { .. } => None,
        }
    }
}

/// One action on its way.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub entry: LedgerEntry,
    pub offset: Option<i64>,
    /// The action before it in its decision: this one begins when that one is settled.
    pub after: Option<ActionKey>,
    phase: Phase,
    /// How soon its turn comes.
    pub urgency: Urgency,
    /// Failed reads in a row.
    pub tries: u32,
    /// The attempt in `entry` was definitely not done and may be made again under its number.
    pub again: bool,
    /// The attempt in `entry` has its number, but no INTENT yet.
    pub numbered: bool,
    /// How often Defender said that another action is running.
    pub busy: u32,
    /// Defender did nothing, since another isolation is on its way; from this instant on its list must show that one.
    pub listed_by: Option<Instant>,
    /// Of one in doubt: up to when it was watched.
    pub watched: Option<Watched>,
    /// Its call is not shared with others.
    pub alone: bool,
    /// Why a fresh read found it needless, while the list is searched for an earlier attempt of it.
    pub needless: Option<String>,
}

impl Job {
    /// One that has not begun and that no decision waits for.
    pub(super) fn new(entry: LedgerEntry) -> Self {
        let (phase, urgency) = (Phase::Queued, Urgency::of(&entry));
        Self {
            entry,
            offset: None,
            after: None,
            phase,
            urgency,
            tries: 0,
            again: false,
            numbered: false,
            busy: 0,
            listed_by: None,
            watched: None,
            alone: false,
            needless: None,
        }
    }

    /// One that the decision at `offset` plans, after another one.
    pub(super) fn planned(entry: LedgerEntry, urgency: Urgency, (offset, after): (i64, Option<ActionKey>)) -> Self {
        Self { offset: Some(offset), after, urgency, ..Self::new(entry) }
    }

    /// One whose attempt has its number, but no INTENT yet.
    pub(super) fn numbered(entry: LedgerEntry) -> Self {
        Self { numbered: true, ..Self::new(entry) }
    }

    /// Where it stands.
    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// The call of the newest attempt was certainly not done: it is made again under its number.
    pub(super) const fn not_called(&mut self) {
        (self.again, self.entry.undone) = (true, true);
    }

    /// Whether it needs no fresh read for sure: it is only rehearsed, or a person is still to be asked. What else needs none
    /// is found out when its turn comes.
    pub(super) fn costs_no_read(&self) -> bool {
        let asks = self.entry.mode == Mode::Approve && asker(&self.entry) == Asker::Rules && !is_approved(&self.entry);
        (self.entry.mode == Mode::Shadow || asks) && is_plain(&self.entry)
    }

    /// Whether it has begun and waits for nothing but its own reads and calls.
    pub(super) const fn is_on_its_way(&self) -> bool {
        match self.phase {
            Phase::Reading | Phase::IntentSent(_) | Phase::IntentAt(..) | Phase::Calling => true,
            Phase::Queued | Phase::Resting(_) | Phase::InDoubt(_) | Phase::Looking { .. } => false,
        }
    }

    /// Whether a call may be out, or comes out at any moment: nobody can say yet what there is to cancel.
    pub(super) const fn is_under_way(&self) -> bool {
        match self.phase {
            Phase::IntentSent(_) | Phase::IntentAt(..) | Phase::Calling | Phase::InDoubt(_) | Phase::Looking { .. } => {
                true
            }
            Phase::Queued | Phase::Reading | Phase::Resting(_) => false,
        }
    }
}

/// The actions on their way, by their keys.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    by_key: BTreeMap<ActionKey, Job>,
}

impl Jobs {
    pub(super) fn get(&self, key: &ActionKey) -> Option<&Job> {
        self.by_key.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &ActionKey) -> Option<&mut Job> {
        self.by_key.get_mut(key)
    }

    pub(super) fn contains(&self, key: &ActionKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// All of them, in the order of their keys.
    pub(super) fn all(&self) -> impl Iterator<Item = &Job> {
        self.by_key.values()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Job> {
        self.by_key.values_mut()
    }

    /// Takes a job that has not begun.
    pub(super) fn insert(&mut self, job: Job) {
        self.by_key.insert(job.entry.key.clone(), job);
    }

    /// Has this job stand there from now on.
    pub(super) fn set(&mut self, key: &ActionKey, phase: Phase, schedule: &mut Schedule) {
        let Some(job) = self.by_key.get_mut(key) else { return };
        job.phase = phase;
        match phase.until() {
            Some(until) => schedule.set(Due::Job(key.clone()), until),
            None => _ = schedule.cancel(&Due::Job(key.clone())),
        }
    }

    /// Takes a job out, with whatever it waits for.
    pub(super) fn remove(&mut self, key: &ActionKey, schedule: &mut Schedule) -> Option<Job> {
        schedule.cancel(&Due::Job(key.clone()));
        self.by_key.remove(key)
    }
}
