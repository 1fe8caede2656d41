//! Whether judging gives what was decided, record by record.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cordon_records::{DecisionRecord, Topic};
use cordon_runtime::kafka::{KafkaSettings, RangeReader, Span};
use serde_json::Value;

use super::{Noted, Recorded, bare, sum};
use crate::document::{Difference, Reproduced};
use crate::error::BacktestError;
use crate::record::Record;

/// So many differences are told.
const TOLD: usize = 100;

/// A value that is longer is cut.
const LONG: usize = 160;

/// Compares while records are judged, on every thread.
#[derive(Debug)]
pub struct Check {
    recorded: Arc<Recorded>,
    decisions: AtomicU64,
    exact: AtomicU64,
    without_text: AtomicU64,
    undecided: AtomicU64,
    /// The first that come out otherwise, by record.
    differing: Mutex<BTreeMap<(i32, i64), Noted>>,
}

impl Check {
    /// Nothing compared yet.
    #[must_use]
    pub fn new(recorded: Arc<Recorded>) -> Self {
        let [decisions, exact, without_text, undecided] = Default::default();
        Self { recorded, decisions, exact, without_text, undecided, differing: Mutex::default() }
    }

    /// Compares the decision on one record, and says whether anything followed from what was decided.
    pub fn take(&self, record: &Record, (partition, offset): (i32, i64)) -> bool {
        let Some(noted) = self.recorded.of(partition, offset) else {
            self.undecided.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        self.decisions.fetch_add(1, Ordering::Relaxed);
        let Some(rules) = self.recorded.rules_of(noted) else {
            self.without_text.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        if record.decide(rules, String::new()).is_ok_and(|again| sum(again) == noted.sum) {
            self.exact.fetch_add(1, Ordering::Relaxed);
        } else {
            let mut differing = self.differing.lock().unwrap_or_else(PoisonError::into_inner);
            differing.insert((partition, offset), *noted);
            if differing.len() > TOLD {
                differing.pop_last();
            }
        }
        noted.acts
    }

    /// How exactly it was reproduced; what was not is read once more to say why: records here, decisions there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn end(self, kafka: &KafkaSettings, decided: &KafkaSettings) -> Result<Reproduced, BacktestError> {
        let differing = self.differing.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut differences = Vec::with_capacity(differing.len());
        let enriched = RangeReader::open(kafka, Topic::Enriched)?;
        let decisions = RangeReader::open(decided, Topic::Decisions)?;
        for ((partition, offset), noted) in differing {
            let record = one(&enriched, partition, offset)?;
            let decision = one(&decisions, 0, noted.at)?;
            let place = format!("{}/{partition}/{offset}", enriched.topic_name());
            let why = match (record, decision) {
                (Some(record), Some(decision)) => self.recorded.why(&noted, &record, &decision),
                (None, _) | (_, None) => "it was deleted while this ran".to_owned(),
            };
            differences.push(Difference { place, why });
        }
        Ok(Reproduced {
            decisions: self.decisions.into_inner(),
            exact: self.exact.into_inner(),
            without_text: self.without_text.into_inner(),
            undecided: self.undecided.into_inner(),
            differences,
            ..Reproduced::default()
        })
    }
}

fn one(reader: &RangeReader, partition: i32, offset: i64) -> Result<Option<Vec<u8>>, BacktestError> {
    let mut found = None;
    reader.drain(&[Span { partition, from: offset, to: offset + 1 }], |lent| {
        found = lent.value.filter(|_| lent.offset == offset).map(<[u8]>::to_vec);
        std::ops::ControlFlow::Break(())
    })?;
    Ok(found)
}

impl Recorded {
    /// Why a decision comes out otherwise.
    fn why(&self, noted: &Noted, record: &[u8], decision: &[u8]) -> String {
        let Some(rules) = self.rules_of(noted) else { return "its rules' text is not at hand".to_owned() };
        let again = Record::read(record)
            .and_then(|record| record.decide(rules, String::new()).map_err(|error| error.to_string()));
        let then = serde_json::from_slice::<DecisionRecord>(decision).map_err(|error| error.to_string());
        match (then.map(bare), again.map(bare)) {
            (Ok(then), Ok(again)) => told(&value(&then), &value(&again)),
            (Err(why), _) => format!("the decision cannot be read: {why}"),
            (_, Err(why)) => format!("the record cannot be judged: {why}"),
        }
    }
}

fn value(decision: &DecisionRecord) -> Value {
    serde_json::to_value(decision).unwrap_or_default()
}

/// The fields that differ, with both values.
fn told(then: &Value, again: &Value) -> String {
    let (Some(then), Some(again)) = (then.as_object(), again.as_object()) else { return String::new() };
    let keys: std::collections::BTreeSet<&String> = then.keys().chain(again.keys()).collect();
    let differing = keys.into_iter().filter(|key| then.get(*key) != again.get(*key));
    let field = |key: &String| format!("{key} was {} and is {} now", short(then.get(key)), short(again.get(key)));
    differing.map(field).collect::<Vec<_>>().join("; ")
}

fn short(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "absent".to_owned(), Value::to_string);
    match text.char_indices().nth(LONG) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_names_the_fields_with_both_values_and_cuts_long_ones() {
        let then = json!({"verdict": "act", "same": 1, "planned": ["x".repeat(500)]});
        let again = json!({"verdict": "nothing", "same": 1, "more": 2});
        let told = told(&then, &again);
        assert!(told.starts_with("more was absent and is 2 now; planned was [\"xxx"), "{told}");
        assert!(told.ends_with("verdict was \"act\" and is \"nothing\" now") && told.len() < 400, "{told}");
    }
}
