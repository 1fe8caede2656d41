//! What has ended is kept in short, a little at a time, so that the ledger does not grow with what was done; and what nobody
//! can ask for any more leaves it: closed actions, once no decision and no alert about them can come again, what was only
//! rehearsed after a week, and commands whose time is over. Pure.
//!
//! A tombstone has no value that could say who wrote it, and compaction would let that of a stale holder erase what its
//! successor has written since. So, first, one is written only within the lease of a claim of ours that was written again for
//! it and read back with no higher one before it, as a call is made. Second, it names its epoch in a header, so that whoever
//! restores the log knows those of a stale holder. Third, a key under which something is known is written again wherever
//! such a tombstone is read, live or at a restart; Cordon's topics are compacted no sooner than after a day.

use std::time::{Duration, Instant};

use cordon_records::{ActionKey, Cleanup, ClosedEntry, LedgerRecord, Topic};
use jiff::{SignedDuration, Timestamp};

use super::super::event::{Effect, Moment};
use super::super::jobs::Jobs;
use super::super::ledger::{LOOKED_AT, Part, Reach, rehearsals_known_from};
use super::super::schedule::{Due, Schedule};
use super::super::settlement::OnDurable;
use super::Responder;

/// How long until anybody looks again for what may go where there is nothing.
const AGAIN: Duration = Duration::from_secs(3_600);

/// How long between two steps.
pub(super) const STEP: Duration = Duration::from_secs(1);

/// How many are looked at in one step of the walk.
const LOOKED_AT_ONCE: usize = 200;

/// How many are removed at once.
const REMOVED_AT_ONCE: usize = 100;

/// How far the wall clock may run from the monotonic one before it is not believed: what is closed by a clock that was set
/// wrong stays closed when it is set right.
const DRIFT: SignedDuration = SignedDuration::from_mins(10);

/// For so long Defender serves an alert, and may change it.
const ALERTS_SERVED: Duration = Duration::from_secs(180 * 86_400);

/// How long a command is kept after its end: clocks of well-kept machines differ by less.
const COMMAND_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How long a closed action is kept: a decision may come again as long as its topic is kept, and its alert as long as it is
/// served.
fn kept() -> Duration {
    let decisions = match Topic::Decisions.spec().cleanup {
        Cleanup::Delete(kept) => kept,
        Cleanup::Compact => Duration::MAX,
    };
    decisions.saturating_add(ALERTS_SERVED)
}

/// What is about to be removed, once the claim that was written for it is read back.
#[derive(Debug)]
struct Removal {
    /// Since before that claim was made: the lease counts from here.
    since: Instant,
    keys: Vec<String>,
    /// Where that claim stands, once the broker has confirmed it. One that was written before proves nothing: a higher one may
    /// stand behind it that we have not read.
    claimed_at: Option<i64>,
}

/// How far the ledger's upkeep has come.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// When the tenure began.
    began: Moment,
    /// How far this walk through what has ended has come.
    place: Option<(Timestamp, ActionKey)>,
    removal: Option<Removal>,
}

impl Upkeep {
    pub(super) const fn new(at: Moment) -> Self {
        Self { began: at, place: None, removal: None }
    }

    /// Whether the wall clock has gone on as time has since the tenure began.
    fn believes(&self, at: Moment) -> bool {
        let passed = SignedDuration::try_from(at.mono.saturating_duration_since(self.began.mono)).unwrap_or_default();
        let drift = at.wall.duration_since(self.began.wall).checked_sub(passed).unwrap_or(SignedDuration::MAX);
        drift.abs() <= DRIFT
    }
}

impl Responder {
    /// Closes some of what nobody asks any more for.
    pub(super) fn shorten(&mut self, at: Moment) {
        if !self.upkeep.believes(at) {
            self.schedule.set(Due::Shorten, at.mono + self.config.close_every);
            return;
        }
        // What ended later may not be closed in any case.
        let until = at.wall.checked_sub(LOOKED_AT).unwrap_or(Timestamp::MIN);
        let (jobs, schedule) = (&self.jobs, &self.schedule);
        let under_way = |key: &ActionKey| is_under_way(jobs, schedule, key);
        let part = Part { after: self.upkeep.place.clone(), until, most: LOOKED_AT_ONCE, now: at.wall };
        let reach = Reach::of(&self.config.guards);
        let (closed, place) = self.ledger.closable(&part, &reach, under_way);
        self.schedule.set(Due::Shorten, at.mono + if place.is_some() { STEP } else { self.config.close_every });
        self.upkeep.place = place;
        if !closed.is_empty() {
            self.record(Vec::new(), closed, OnDurable::default());
        }
    }

    /// Looks for what nobody can ask for any more, and writes our claim again, to know that we still hold the ledger. One
    /// removal waits for its claim at a time, so that it is known whose claim is confirmed.
    pub(super) fn remove_some(&mut self, at: Moment) {
        self.schedule.set(Due::Remove, at.mono + AGAIN);
        if self.upkeep.removal.is_some() || !self.upkeep.believes(at) {
            return;
        }
        let old = SignedDuration::try_from(kept()).unwrap_or(SignedDuration::MAX);
        let day = at.wall.checked_sub(old).map_or(0, ClosedEntry::day_of);
        let ended = at.wall.checked_sub(COMMAND_KEPT).unwrap_or(Timestamp::MIN);
        let days = (day, rehearsals_known_from(at.wall));
        let keys = self.ledger.removable((days, ended), REMOVED_AT_ONCE);
        let Some(claim) = self.ledger.claim().cloned().filter(|_| !keys.is_empty()) else { return };
        self.upkeep.removal = Some(Removal { since: at.mono, keys, claimed_at: None });
        let claim = self.ledger.transition(LedgerRecord::Claim(claim));
        self.effects.push(Effect::WriteClaim(Box::new(claim)));
    }

    /// The broker confirmed the claim that was written for a removal.
    pub(super) fn claim_written(&mut self, offset: i64, at: Moment) {
        let Some(removal) = self.upkeep.removal.as_mut().filter(|removal| removal.claimed_at.is_none()) else {
            return self.out_of_place("claim written", None, "no removal waits for it");
        };
        removal.claimed_at = Some(offset);
        self.remove_read_back(at);
    }

    /// Removes what is about to be removed, if the tail has reached its claim, and within the lease.
    pub(super) fn remove_read_back(&mut self, at: Moment) {
        let reached = |removal: &mut Removal| removal.claimed_at.is_some_and(|offset| offset <= self.tailed_to);
        let Some(Removal { since, keys, .. }) = self.upkeep.removal.take_if(reached) else { return };
        let until = since + self.config.lease;
        if at.mono >= until {
            return;
        }
        let keys: Vec<String> = keys.into_iter().filter(|key| self.ledger.remove(key)).collect();
        self.schedule.set(Due::Remove, at.mono + STEP);
        self.effects.push(Effect::Remove { keys, epoch: self.epoch, until });
    }
}

/// Whether something waits for this action, beside what its entry says.
fn is_under_way(jobs: &Jobs, schedule: &Schedule, key: &ActionKey) -> bool {
    let waits = [Due::Retry(key.clone()), Due::Link(key.clone()), Due::Look(key.clone())];
    jobs.contains(key) || waits.iter().any(|due| schedule.has(due))
}
