//! What was decided live, as the topics tell it: each record's decision, and the rules and guards that they name.
//!
//! Of a decision only a sum is kept, beside where it stands: those that come out otherwise are read again ([`check`]).

mod check;
mod policies;

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::{Mutex, PoisonError};

use cordon_policy::RuleSet;
use cordon_records::{DecisionRecord, Verdict};

use crate::error::BacktestError;
use crate::input::{Chunk, Source, cores, each_chunk};
use crate::place::Place;
use crate::unread::Unread;

pub use check::Check;
pub use policies::{Policies, Whose};

/// What was decided on one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Noted {
    /// The record: its partition, and its offset there.
    record: (i32, i64),
    /// Where the decision stands.
    at: i64,
    /// Which of the rule sets decided.
    set: usize,
    /// What [`sum`] gives for the decision.
    sum: u64,
    /// Whether anything follows from it.
    acts: bool,
}

/// A rule set that decisions name.
#[derive(Debug)]
struct Set {
    hash: String,
    /// Why its text cannot be had, if it cannot.
    rules: Result<RuleSet, String>,
}

/// See the module.
#[derive(Debug)]
pub struct Recorded {
    /// The topic of the records.
    topic: String,
    sets: Vec<Set>,
    /// In the order of the records, each once.
    noted: Vec<Noted>,
    /// The set of the last decision.
    newest: usize,
}

impl Recorded {
    /// Reads the decisions on the records of this topic, and the rules that they name.
    ///
    /// # Errors
    /// When they cannot be read, or there are none, or no text of their newest rules is at hand.
    pub fn read(decisions: &mut dyn Source, topic: &str, policies: &Policies) -> Result<(Self, Unread), BacktestError> {
        let hashes: Mutex<Vec<String>> = Mutex::default();
        let take = |met: &mut Met, chunk: &Chunk| {
            met.take(topic, chunk, &hashes);
            Ok::<(), BacktestError>(())
        };
        let (all, _) = each_chunk(decisions, cores(), Met::default, take)?;
        let Met { mut noted, unread } = all.into_iter().fold(Met::default(), Met::and);
        noted.sort_unstable();
        // Of a decision that was delivered again, the first counts.
        noted.dedup_by_key(|noted| noted.record);
        let hashes = hashes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let newest = noted.iter().max_by_key(|noted| noted.at).map(|noted| noted.set);
        let wrong = |why: String| BacktestError::Input { what: "what was decided".to_owned(), why };
        let newest = newest.ok_or_else(|| wrong(format!("no decision on a record of {topic} is recorded")))?;
        let set = |hash: String| Set { rules: policies.rules(&hash), hash };
        let sets: Vec<Set> = hashes.into_iter().map(set).collect();
        match sets.get(newest).map(|set| &set.rules) {
            Some(Ok(_)) => Ok((Self { topic: topic.to_owned(), sets, noted, newest }, unread)),
            Some(Err(why)) => Err(wrong(format!("its newest rules cannot be had: {why}"))),
            None => Err(BacktestError::Broken("a decision names no rule set".to_owned())),
        }
    }

    fn of(&self, partition: i32, offset: i64) -> Option<&Noted> {
        let found = self.noted.binary_search_by_key(&(partition, offset), |noted| noted.record);
        self.noted.get(found.ok()?)
    }

    /// Whether the decision of this id at this offset is the one that counts.
    #[must_use]
    pub fn is_first(&self, id: &str, at: i64) -> bool {
        let noted = place(&self.topic, id).and_then(|(partition, offset)| self.of(partition, offset));
        noted.is_some_and(|noted| noted.at == at)
    }

    /// The rules by which the record of this place was decided, if it was and their text is at hand.
    #[must_use]
    pub fn rules_at(&self, place: &Place) -> Option<&RuleSet> {
        self.rules_of(self.of(place.partition?, place.number)?)
    }

    fn rules_of(&self, noted: &Noted) -> Option<&RuleSet> {
        self.sets.get(noted.set)?.rules.as_ref().ok()
    }

    /// The rules of the last decision.
    #[must_use]
    pub fn newest(&self) -> Option<&RuleSet> {
        self.sets.get(self.newest)?.rules.as_ref().ok()
    }

    /// The hashes of all rule sets that decided, and of each why its text cannot be had, if so.
    pub fn sets(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.sets.iter().map(|set| (set.hash.as_str(), set.rules.as_ref().err().map(String::as_str)))
    }
}

/// What one thread has met on the topic.
#[derive(Debug, Default)]
struct Met {
    noted: Vec<Noted>,
    unread: Unread,
}

impl Met {
    fn take(&mut self, topic: &str, chunk: &Chunk, hashes: &Mutex<Vec<String>>) {
        for (number, why) in &chunk.refused {
            self.unread.add(chunk.place(*number), why.clone());
        }
        for (at, bytes) in chunk.records() {
            match serde_json::from_slice(bytes) {
                Ok(decision) => self.noted.extend(note(topic, at, decision, hashes)),
                Err(error) => self.unread.add(chunk.place(at), error.to_string()),
            }
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.noted.extend(other.noted);
        self.unread.merge(other.unread);
        self
    }
}

/// Takes note of a decision; `None` of one about something else.
fn note(topic: &str, at: i64, decision: DecisionRecord, hashes: &Mutex<Vec<String>>) -> Option<Noted> {
    let record = place(topic, &decision.id)?;
    let mut hashes = hashes.lock().unwrap_or_else(PoisonError::into_inner);
    let known = hashes.iter().position(|known| *known == decision.rule_set);
    let set = known.unwrap_or_else(|| {
        hashes.push(decision.rule_set.clone());
        hashes.len() - 1
    });
    drop(hashes);
    let acts = decision.verdict != Verdict::Nothing;
    Some(Noted { record, at, set, sum: sum(decision), acts })
}

/// The partition and offset in `topic/partition/offset`.
fn place(topic: &str, id: &str) -> Option<(i32, i64)> {
    let (partition, offset) = id.strip_prefix(topic)?.strip_prefix('/')?.split_once('/')?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

/// Tells a decision from every other on the same record. When it was made, and what was known of the fleet, is no part of what
/// rules decide.
fn sum(decision: DecisionRecord) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(&serde_json::to_vec(&bare(decision)).unwrap_or_default());
    hasher.finish()
}

/// The decision without what follows from no rule.
fn bare(decision: DecisionRecord) -> DecisionRecord {
    DecisionRecord { id: String::new(), fleet: None, decided_at: decision.enriched_at, ..decision }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_names_its_record_only_where_it_is_of_this_topic() {
        assert_eq!(place("cordon.enriched", "cordon.enriched/3/42"), Some((3, 42)));
        for other in ["cordon.enriched-2/3/42", "other/3/42", "cordon.enriched/3", "cordon.enriched/x/1", ""] {
            assert_eq!(place("cordon.enriched", other), None, "{other}");
        }
    }
}
