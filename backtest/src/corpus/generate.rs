//! Records in the order of their time, without keeping them all: an alert's updates wait in a heap until they are due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cordon_records::EnrichedRecord;
use jiff::{SignedDuration, Timestamp};

use super::chance::Chance;
use super::company::{Company, Seen};

/// How long the range is that alerts are spread over.
const DAYS: u64 = 90;

/// See the module.
#[derive(Debug)]
pub struct Records {
    company: Company,
    chance: Chance,
    /// How many alerts are still to be made.
    left: u64,
    number: u64,
    /// When the next alert is made.
    next: Timestamp,
    /// Between two alerts, in milliseconds, on the average.
    apart: u64,
    /// How many follow at once: a storm.
    burst: u64,
    updates: BinaryHeap<Reverse<Seen>>,
}

impl Records {
    /// So many alerts, from this time on.
    #[must_use]
    pub fn new(seed: u64, alerts: u64, from: Timestamp) -> Self {
        let apart = (DAYS * 86_400_000).checked_div(alerts).unwrap_or(1).max(1);
        Self {
            company: Company::new(seed, alerts),
            chance: Chance::of(seed ^ 0x7469_6d65, 0),
            left: alerts,
            number: 0,
            next: from,
            apart,
            burst: 0,
            updates: BinaryHeap::new(),
        }
    }

    /// The next that happens.
    fn seen(&mut self) -> Option<Seen> {
        let is_update_due = self.updates.peek().is_some_and(|Reverse(update)| self.left == 0 || update.at <= self.next);
        if is_update_due {
            return self.updates.pop().map(|Reverse(update)| update);
        }
        self.left = self.left.checked_sub(1)?;
        let seen = Seen { at: self.next, alert: self.number, update: 0, made: self.next };
        self.number += 1;
        self.plan_updates(&seen);
        self.next = later(self.next, self.pause());
        Some(seen)
    }

    /// Milliseconds to the next alert: long ones and short ones, and now and then a burst.
    fn pause(&mut self) -> u64 {
        if self.burst > 0 {
            self.burst -= 1;
            return self.chance.below(400);
        }
        if self.chance.in_thousand(2) {
            self.burst = 5 + self.chance.tailed(120);
        }
        self.chance.below(2 * self.apart)
    }

    fn plan_updates(&mut self, seen: &Seen) {
        let mut at = seen.made;
        for update in 1..=self.company.updates(seen.alert) {
            at = later(at, 60_000 + self.chance.tailed(4 * 86_400_000));
            self.updates.push(Reverse(Seen { at, update, ..*seen }));
        }
    }
}

fn later(at: Timestamp, milliseconds: u64) -> Timestamp {
    let pause = SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    at.checked_add(pause).unwrap_or(at)
}

impl Iterator for Records {
    type Item = EnrichedRecord;

    fn next(&mut self) -> Option<EnrichedRecord> {
        loop {
            let seen = self.seen()?;
            if let Some(record) = self.company.record(&seen) {
                return Some(record);
            }
        }
    }
}
