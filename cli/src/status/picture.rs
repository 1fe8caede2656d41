//! What there is to tell.

use std::collections::BTreeMap;

use cordon_act::respond::Book;
use cordon_records::{ActionState, AttemptState, Claim, Latch, PolicyStanding, PollCursor, StampedRecord};
use jiff::Timestamp;

/// The installation as its topics show it.
#[derive(Debug, Default)]
pub struct Picture {
    /// Who writes the ledger.
    pub claim: Option<Claim>,
    /// The writer's rules and guards.
    pub policy: Option<PolicyStanding>,
    /// Rule set and time of the newest decision.
    pub decided: Option<(String, Timestamp)>,
    /// The breaker.
    pub breaker: Option<Latch>,
    /// The pause switch.
    pub pause: Option<Latch>,
    /// Number of machines, and when they were counted.
    pub fleet: Option<(u64, Timestamp)>,
    /// Actions on their way.
    pub open: usize,
    /// Actions on their way whose end is overdue.
    pub overdue: usize,
    /// Actions that wait for a person.
    pub held: usize,
    /// Isolations that end by themselves: how many, and when the next one does.
    pub timers: Option<(usize, Timestamp)>,
    /// How far the poll has come.
    pub cursor: Option<PollCursor>,
    /// Records that each reader has yet to settle.
    pub lag: BTreeMap<&'static str, i64>,
    /// Records that no stage could handle.
    pub dead_letters: i64,
}

impl Picture {
    /// Takes the ledger, in log order.
    pub fn take_ledger(&mut self, records: impl IntoIterator<Item = StampedRecord>, now: Timestamp) {
        let mut book = Book::default();
        records.into_iter().for_each(|record| book.apply(record));
        let waits = |expires_at: Option<Timestamp>| expires_at.is_none_or(|until| now < until);
        self.held = book
            .entries()
            .filter(|entry| entry.state == AttemptState::Reported(ActionState::Held) && waits(entry.expires_at))
            .count();
        self.timers = book.timers().first().map(|(next, _)| (book.timers().len(), *next));
        self.open = book.open_count();
        self.overdue = book.open().filter(|entry| entry.alarmed).count();
        self.fleet = book.fleet.map(|fleet| (fleet.machines, fleet.at));
        (self.claim, self.policy, self.breaker, self.pause) = (book.claim, book.policy, book.breaker, book.pause);
    }
}
