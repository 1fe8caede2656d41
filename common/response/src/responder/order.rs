//! Which action may begin when: what excludes what on one machine, and the order within one decision. Pure.

use cordon_records::{ActionState, AttemptState, LedgerEntry};

use super::super::event::Moment;
use super::super::follow::ACCEPTED;
use super::super::job::Job;
use super::super::lane::{Lane, cancels, covers};
use super::super::outline::DecisionOutline;
use super::super::urgency::Urgency;
use super::Responder;

/// How many actions may wait for their turn before no further decision is taken in.
const BACKLOG: usize = 256;

/// How many actions may wait in all, whatever for. The decisions behind them are put aside, so that an urgent one among them
/// is seen: less than the reader takes in before it pauses.
const MOST: usize = 900;

/// How many may wait until not even a decision that is pressing is taken in before its turn.
const PRESSING: usize = 4 * BACKLOG;

/// How many writes may be on their way to the broker before no further decision is taken in: each keeps its records in memory.
const WRITES: usize = 512;

impl Responder {
    /// Whether another decision may be taken in. What only waits for its own machine, or for the action before it,
    /// takes no room: one machine in doubt must not keep all others waiting.
    #[must_use]
    pub fn has_room(&self) -> bool {
        if self.settlement.under_way() >= WRITES {
            return false;
        }
        if self.jobs.waiting() < BACKLOG {
            return true;
        }
        if self.jobs.waiting() >= MOST {
            return false;
        }
        self.jobs.queued().filter(|job| !self.must_wait(job)).take(BACKLOG).count() < BACKLOG
    }

    /// Has a new job wait for its turn.
    pub(super) fn begin_job(&mut self, job: Job) {
        self.jobs.insert(job, &mut self.schedule);
    }

    /// How urgent a decision is under the ceiling over the rules' modes; `None` where it asks for nothing.
    #[must_use]
    pub fn urgency(&self, decision: &DecisionOutline) -> Option<Urgency> {
        decision.urgency(self.config.mode)
    }

    /// Whether a decision of this urgency may be taken in before all that came earlier and waits outside, the most urgent of
    /// which has this rank. One that is as urgent goes first: none waits for ever behind those that came later.
    #[must_use]
    pub fn may_go_first(&self, urgency: Urgency, first_outside: Option<u8>) -> bool {
        let is_first = first_outside.is_none_or(|rank| urgency.rank() < rank);
        is_first && urgency.is_pressing() && self.jobs.waiting() < PRESSING
    }

    /// Whether the next of what waits outside may be taken in, the most urgent of which has this rank. For what is pressing there
    /// is as much room there as for one that comes now.
    #[must_use]
    pub fn has_room_for(&self, first_outside: Option<u8>) -> bool {
        let is_pressing = first_outside.is_some_and(Urgency::is_pressing_rank);
        self.has_room() || (is_pressing && self.jobs.waiting() < PRESSING)
    }

    /// How many actions wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.jobs.waiting()
    }

    /// Starts as many queued jobs as may read at once, the most urgent first, and whatever needs no read.
    pub(super) fn start_queued(&mut self, at: Moment) {
        // What ends at once may make room for what was passed over, and bring others.
        while self.start_in_turn(at) {}
    }

    /// Looks once at each queued job for whose cost there is room. Says whether one of them ended at once.
    fn start_in_turn(&mut self, at: Moment) -> bool {
        // What comes to wait meanwhile has its turn the next time.
        let (arrivals, mut last, mut one_ended) = (self.jobs.arrivals(), None, false);
        while let Some((turn, job)) = self.jobs.next_in_turn(last, arrivals) {
            last = Some(turn);
            if self.must_wait(job) {
                continue;
            }
            let key = job.entry.key.clone();
            let reads = self.start(&key, at);
            one_ended |= !reads && self.jobs.turn_of(&key) != last;
        }
        one_ended
    }

    fn must_wait(&self, job: &Job) -> bool {
        let is_busy = self.jobs.begun_at(job.place()).any(|other| !cancels(&job.entry, &other.entry));
        let recording = job.offset.is_some_and(|offset| self.settlement.is_recording(offset));
        let kind = job.entry.action.kind();
        is_busy
            || recording
            || (!job.costs_no_read() && self.quotas.is_spent(kind, self.jobs.any_on_its_way(kind), &self.schedule))
            || self.is_before_its_turn(job)
            || self.follows_one_begun(job)
            || self.is_excluded(job)
            || self.target_is_under_way(&job.entry)
    }

    /// Whether the action before it in its decision is not settled yet. Whatever that one becomes, this one's turn
    /// comes then.
    fn is_before_its_turn(&self, job: &Job) -> bool {
        let before = job.after.as_ref().and_then(|before| self.jobs.get(before));
        // One that a later decision took in does not come before this one: two decisions would wait for each other.
        before.is_some_and(|before| before.offset.is_some() && before.offset <= job.offset)
    }

    /// Whether another action of the same lane was begun and has no outcome yet. It goes first: a guard may still
    /// stop it, and then it covers nobody. Of two that were begun, the one with the lower key goes first.
    fn follows_one_begun(&self, job: &Job) -> bool {
        let (key, lane) = (&job.entry.key, &job.place().1);
        let is_begun = |entry: &LedgerEntry| {
            // What people approved or asked for is in the state, but not begun.
            entry.is_open() && entry.state != AttemptState::Reported(ActionState::Approved)
        };
        let begun = self.ledger.get(key).is_some_and(is_begun);
        let others = self.ledger.open_on(&job.entry.machine.id, key).filter(|other| is_begun(other));
        // What a cancellation cancels is not in its way.
        let others = others.filter(|other| !cancels(&job.entry, other));
        let mut others = others.filter(|other| Lane::of(&other.action, &other.alert.id) == *lane);
        others.any(|other| self.jobs.contains(&other.key) && !(begun && *key < other.key))
    }

    /// Whether Defender is at work on the opposite: a machine that is being let back is isolated only after that, and
    /// the other way round.
    fn is_excluded(&self, job: &Job) -> bool {
        let kind = job.entry.action.kind();
        if !kind.is_about_connection() {
            return false;
        }
        let Some(opposite) = kind.undone_by() else {
            // It begins, so that it can have our pending isolation cancelled, and only then waits.
            return self.waits_for_isolation(&job.entry);
        };
        self.accepted_on(&job.entry).any(|open| open.action.kind() == opposite)
    }

    /// Our own action that Defender has taken, has not ended, and does what this one is to do.
    pub(super) fn covering<'a>(&'a self, entry: &'a LedgerEntry) -> Option<&'a LedgerEntry> {
        self.accepted_on(entry).find(|open| covers(&open.action, &entry.action))
    }

    /// Our other actions on the same machine that Defender has taken and that have not ended.
    pub(super) fn accepted_on<'a>(&'a self, entry: &'a LedgerEntry) -> impl Iterator<Item = &'a LedgerEntry> {
        let others = self.ledger.open_on(&entry.machine.id, &entry.key);
        others.filter(|open| open.state == ACCEPTED && !self.jobs.contains(&open.key))
    }
}
