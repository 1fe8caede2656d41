//! What there is to tell.

use std::collections::BTreeMap;

use cordon_act::respond::Book;
use cordon_records::{
    ActionKey, ActionKind, ActionState, AttemptState, Claim, Latch, LedgerEntry, PolicyStanding, PollCursor,
    StampedRecord, dead_letter_header as header,
};
use jiff::Timestamp;

use crate::dlq::Letter;
use crate::dlq::seen::{SeenUpTo, Void};
use crate::escape;

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
    /// Actions of which nobody knows whether they were done, the oldest first.
    pub doubts: Vec<InDoubt>,
    /// Actions that wait for a person.
    pub held: usize,
    /// Isolations that end by themselves: how many, and when the next one does.
    pub timers: Option<(usize, Timestamp)>,
    /// How far the poll has come.
    pub cursor: Option<PollCursor>,
    /// Records that each reader has yet to settle.
    pub lag: BTreeMap<&'static str, i64>,
    /// Records that no stage could handle.
    pub dead_letters: DeadLetters,
}

/// The dead letters that are kept.
#[derive(Debug, Default)]
pub struct DeadLetters {
    /// How many.
    pub kept: usize,
    /// How many of them nobody has seen, by stage and reason.
    pub unseen: BTreeMap<String, usize>,
    /// When the oldest of those died.
    pub oldest: Option<Timestamp>,
    /// What people said they had seen of a topic that is gone.
    pub void: Vec<Void>,
}

impl DeadLetters {
    /// Takes one up.
    pub fn take(&mut self, letter: Letter<'_>, seen: &SeenUpTo) {
        self.kept += 1;
        if !seen.is_unseen(letter.place()) {
            return;
        }
        let word = |name| letter.said(name).map_or_else(|| "unknown".to_owned(), escape::text);
        *self.unseen.entry(format!("{} {}", word(header::STAGE), word(header::REASON))).or_default() += 1;
        let died = letter.said(header::FAILED_AT).and_then(|at| at.parse().ok()).or(letter.0.timestamp);
        self.oldest = [self.oldest, died].into_iter().flatten().min();
    }

    /// How many nobody has seen.
    pub fn unseen_count(&self) -> usize {
        self.unseen.values().sum()
    }
}

/// An action of which nobody knows whether it was done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InDoubt {
    /// Its key, for `cordon approvals show`.
    pub key: ActionKey,
    /// What was to be done.
    pub kind: ActionKind,
    /// The machine's name, else its id.
    pub machine: String,
    /// When it was asked for.
    pub since: Timestamp,
    /// Until when nothing is done about it.
    pub until: Option<Timestamp>,
    /// Why nobody knows.
    pub why: String,
}

impl From<&LedgerEntry> for InDoubt {
    fn from(entry: &LedgerEntry) -> Self {
        Self {
            key: entry.key.clone(),
            kind: entry.action.kind(),
            machine: entry.machine.label().to_owned(),
            since: entry.asked_at(),
            until: entry.rests_until,
            why: entry.reason.clone(),
        }
    }
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
        self.doubts = book.in_doubt().map(InDoubt::from).collect();
        self.doubts.sort_by_key(|doubt| doubt.since);
        self.overdue = book.open().filter(|entry| entry.alarmed).count();
        self.fleet = book.fleet.map(|fleet| (fleet.machines, fleet.at));
        (self.claim, self.policy, self.breaker, self.pause) = (book.claim, book.policy, book.breaker, book.pause);
    }
}
