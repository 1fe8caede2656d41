//! What is counted while records are judged. Tallies of several threads merge; the order does not matter.

use cordon_policy::{Condition, Judged, Rule, RuleSet};
use jiff::Timestamp;

use crate::document::{Example, NearMiss};
use crate::found::Findings;
use crate::place::Place;
use crate::unread::Unread;

/// How many parts of a rule that never matched are named.
const PARTS: usize = 5;

/// All that one thread has counted.
#[derive(Debug, Default)]
pub struct Tally {
    /// Records that were judged.
    pub records: u64,
    /// When the first of them was made.
    pub first: Option<Timestamp>,
    /// When the last was.
    pub last: Option<Timestamp>,
    /// Records outside of the time that was asked for.
    pub outside: u64,
    /// Records that could not be read.
    pub unread: Unread,
    /// The rules of each side, in the order of the side's rule set.
    pub sides: Vec<Vec<RuleTally>>,
    /// What people found.
    pub found: Findings,
}

impl Tally {
    /// Nothing counted yet, for these rule sets. Only of the first it is found out what keeps its rules from matching.
    #[must_use]
    pub fn of(sides: &[&RuleSet]) -> Self {
        let of = |(number, rules): (usize, &&RuleSet)| {
            rules.rules().iter().map(|rule| RuleTally::of(rule, number == 0)).collect()
        };
        Self { sides: sides.iter().enumerate().map(of).collect(), ..Self::default() }
    }

    /// A record was judged that was made at this time.
    pub fn judged(&mut self, at: Timestamp) {
        self.judged_from_to(1, (at, at));
    }

    /// So many records were judged, the first of which was made then, and the last.
    pub fn judged_from_to(&mut self, records: u64, (first, last): (Timestamp, Timestamp)) {
        self.records += records;
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = Some(self.last.map_or(last, |known| known.max(last)));
    }

    /// Adds what another has counted over the same rule sets.
    pub fn merge(&mut self, other: Self) {
        self.records += other.records;
        self.outside += other.outside;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
        self.unread.merge(other.unread);
        self.found.merge(other.found);
        for (own, others) in self.sides.iter_mut().zip(other.sides) {
            own.iter_mut().zip(others).for_each(|(own, other)| own.merge(other));
        }
    }
}

/// The part that alone does not hold, if all others do.
pub fn only_missing(parts: impl Iterator<Item = Option<Judged>>) -> Option<usize> {
    let mut only = None;
    for (number, judged) in parts.enumerate() {
        match (judged, only) {
            (Some(Judged::True), _) => {}
            (Some(Judged::False), None) => only = Some(number),
            _ => return None,
        }
    }
    only
}

/// What is counted of one rule.
#[derive(Debug, Default)]
pub struct RuleTally {
    /// Records on which it was true.
    pub matched: u64,
    /// Records on which it could not be judged.
    pub errors: u64,
    /// The first of these, by place.
    error: Option<(Place, String)>,
    /// What must all hold, and on how many records it alone did not.
    parts: Vec<(String, Condition, u64)>,
}

impl RuleTally {
    fn of(rule: &Rule, with_parts: bool) -> Self {
        let parts = if with_parts { rule.parts() } else { Vec::new() };
        Self { parts: parts.into_iter().map(|(text, part)| (text, part, 0)).collect(), ..Self::default() }
    }

    /// Counts what the rule says of a record. `part` judges one of its parts, by number; where it cannot, nothing is counted
    /// of it.
    pub fn count(
        &mut self,
        judged: &Judged,
        part: impl FnMut(usize, &Condition) -> Option<Judged>,
        place: impl Fn() -> Place,
    ) {
        match judged {
            Judged::True => self.matched += 1,
            Judged::False if self.matched == 0 => self.count_near_miss(part),
            Judged::False => {}
            Judged::Unknown(why) | Judged::Cut(why) => {
                self.errors += 1;
                let place = place();
                if self.error.as_ref().is_none_or(|(first, _)| place < *first) {
                    self.error = Some((place, why.clone()));
                }
            }
        }
    }

    /// Whether exactly one part did not hold, and which: only of interest as long as the rule has never matched.
    fn count_near_miss(&mut self, mut judge: impl FnMut(usize, &Condition) -> Option<Judged>) {
        let only = only_missing(self.parts.iter().enumerate().map(|(number, (_, part, _))| judge(number, part)));
        if let Some((_, _, misses)) = only.and_then(|number| self.parts.get_mut(number)) {
            *misses += 1;
        }
    }

    /// Counts so many records on which it was true.
    pub const fn holds_on(&mut self, records: u64) {
        self.matched += records;
    }

    /// Counts so many records from which one part alone kept it.
    pub fn nearly_holds_on(&mut self, records: u64, part: usize) {
        if let Some((_, _, misses)) = self.parts.get_mut(part) {
            *misses += records;
        }
    }

    /// Counts so many records on which it could not be judged.
    pub const fn fails_on(&mut self, records: u64) {
        self.errors += records;
    }

    /// The first of these.
    pub fn fails_first(&mut self, place: Place, why: String) {
        self.error = Some((place, why));
    }

    fn merge(&mut self, other: Self) {
        self.matched += other.matched;
        self.errors += other.errors;
        self.error = match (self.error.take(), other.error) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self.parts.iter_mut().zip(other.parts).for_each(|(own, other)| own.2 += other.2);
    }

    /// An example of a record on which it could not be judged.
    #[must_use]
    pub fn error(&self) -> Option<Example> {
        self.error.as_ref().map(|(place, why)| Example { place: place.to_string(), why: why.clone() })
    }

    /// What alone kept it from matching, if it never did.
    #[must_use]
    pub fn nearest(&self) -> Vec<NearMiss> {
        if self.matched > 0 {
            return Vec::new();
        }
        let missed = self.parts.iter().filter(|(_, _, records)| *records > 0);
        let mut nearest: Vec<NearMiss> =
            missed.map(|(part, _, records)| NearMiss { part: part.clone(), records: *records }).collect();
        nearest.sort_by(|one, other| other.records.cmp(&one.records).then_with(|| one.part.cmp(&other.part)));
        nearest.truncate(PARTS);
        nearest
    }
}
