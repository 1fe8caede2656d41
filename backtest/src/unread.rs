//! What could not be read, of the records and of what is recorded beside them: counted, and the first of it named.

use std::ops::ControlFlow;

use serde::de::DeserializeOwned;

use crate::document::{Example, Unreadable};
use crate::error::BacktestError;
use crate::input::Source;
use crate::place::Place;

/// How many are named.
const EXAMPLES: usize = 20;

/// See the module. The order in which they come does not matter.
#[derive(Debug, Default)]
pub struct Unread {
    records: u64,
    first: Vec<(Place, String)>,
}

impl Unread {
    /// One that could not be read, and why.
    pub fn add(&mut self, place: Place, why: String) {
        self.records += 1;
        self.first.push((place, why));
        if self.first.len() > 4 * EXAMPLES {
            self.keep_first();
        }
    }

    /// Those that another has met.
    pub fn merge(&mut self, other: Self) {
        self.records += other.records;
        self.first.extend(other.first);
        self.keep_first();
    }

    /// How many there are.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    fn keep_first(&mut self) {
        self.first.sort();
        self.first.truncate(EXAMPLES);
    }

    /// As outputs tell it.
    #[must_use]
    pub fn told(&self) -> Unreadable {
        let mut first: Vec<&(Place, String)> = self.first.iter().collect();
        first.sort();
        let examples = first.into_iter().take(EXAMPLES);
        let examples = examples.map(|(place, why)| Example { place: place.to_string(), why: why.clone() });
        Unreadable { records: self.records, examples: examples.collect() }
    }
}

/// Reads every record of a source as a `T`, and gives each with its offset; gives back what is none.
///
/// # Errors
/// When the source cannot be read to its end.
pub fn each<T: DeserializeOwned>(
    source: &mut dyn Source,
    mut take: impl FnMut(i64, T),
) -> Result<Unread, BacktestError> {
    let mut unread = Unread::default();
    source.read(&mut |chunk| {
        for (number, why) in &chunk.refused {
            unread.add(chunk.place(*number), why.clone());
        }
        for (number, bytes) in chunk.records() {
            match serde_json::from_slice(bytes) {
                Ok(record) => take(number, record),
                Err(error) => unread.add(chunk.place(number), error.to_string()),
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: i64) -> Place {
        Place { origin: "t".into(), partition: Some(0), number }
    }

    #[test]
    fn all_are_counted_and_the_first_are_named_whoever_met_them() {
        let up: Vec<i64> = (100..200).collect();
        let down: Vec<i64> = up.iter().rev().copied().collect();
        for late in [up, down] {
            let (mut one, mut other) = (Unread::default(), Unread::default());
            late.into_iter().for_each(|number| one.add(place(number), "late".to_owned()));
            (0..3).for_each(|number| other.add(place(number), "early".to_owned()));
            one.merge(other);
            let told = one.told();
            let places: Vec<&str> = told.examples.iter().map(|example| example.place.as_str()).collect();
            assert_eq!((told.records, places.len()), (103, EXAMPLES));
            assert_eq!(places[..5], ["t/0/0", "t/0/1", "t/0/2", "t/0/100", "t/0/101"]);
        }
    }
}
