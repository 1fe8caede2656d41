//! What has ended is kept in short, a little at a time, so that the ledger does not grow with what was done. Pure.

use std::time::Duration;

use cordon_records::ActionKey;
use jiff::{SignedDuration, Timestamp};

use super::event::Moment;
use super::ledger::{LOOKED_AT, Part, Reach};
use super::responder::Responder;
use super::schedule::Due;
use super::settlement::OnDurable;

/// How long until the next walk through what has ended.
const WALK_AGAIN: Duration = Duration::from_secs(3_600);

/// How long between two steps of one walk.
pub(super) const STEP: Duration = Duration::from_secs(1);

/// How many are looked at in one step.
const AT_ONCE: usize = 200;

/// How far the wall clock may run from the monotonic one before it is not believed: what is closed by a clock that was set
/// wrong stays closed when it is set right.
const DRIFT: SignedDuration = SignedDuration::from_mins(10);

/// The walk through what has ended.
#[derive(Debug)]
pub(super) struct Shortening {
    began: Moment,
    /// How far this walk has come.
    place: Option<(Timestamp, ActionKey)>,
}

impl Shortening {
    pub(super) const fn new(at: Moment) -> Self {
        Self { began: at, place: None }
    }

    /// Whether the wall clock has gone on as time has since the tenure began.
    pub(super) fn is_believed(&self, at: Moment) -> bool {
        let passed = SignedDuration::try_from(at.mono.saturating_duration_since(self.began.mono)).unwrap_or_default();
        let drift = at.wall.duration_since(self.began.wall).checked_sub(passed).unwrap_or(SignedDuration::MAX);
        drift.abs() <= DRIFT
    }
}

impl Responder {
    /// Closes some of what nobody asks any more for.
    pub(super) fn shorten(&mut self, at: Moment) {
        if !self.shortening.is_believed(at) {
            self.schedule.set(Due::Shorten, at.mono + WALK_AGAIN);
            return;
        }
        // What ended later may not be closed in any case.
        let until = at.wall.checked_sub(LOOKED_AT).unwrap_or(Timestamp::MIN);
        let under_way = |key: &ActionKey| self.is_under_way(key);
        let part = Part { after: self.shortening.place.clone(), until, most: AT_ONCE, now: at.wall };
        let reach = Reach::of(&self.config.guards);
        let (closed, place) = self.ledger.closable(&part, &reach, under_way);
        self.schedule.set(Due::Shorten, at.mono + if place.is_some() { STEP } else { WALK_AGAIN });
        self.shortening.place = place;
        if !closed.is_empty() {
            self.record(Vec::new(), closed, OnDurable::default());
        }
    }

    /// Whether something waits for this action, beside what its entry says.
    fn is_under_way(&self, key: &ActionKey) -> bool {
        let waits = [Due::Retry(key.clone()), Due::Link(key.clone()), Due::Look(key.clone())];
        self.jobs.contains(key) || waits.iter().any(|due| self.schedule.has(due))
    }
}
