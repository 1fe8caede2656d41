//! How many machines are onboarded, and when that was known: caps on a share of the fleet ask for it.

use std::ops::ControlFlow;

use cordon_records::Fleet;
use jiff::{SignedDuration, Timestamp};

use crate::error::BacktestError;
use crate::input::Source;

/// A count that is older counts for nothing live either.
pub const TOO_OLD: SignedDuration = SignedDuration::from_hours(24);

/// What stands in a decision before the count. No text in it can look like that: there the quotes would be escaped.
const MARK: &[u8] = b"\"fleet\":{";

/// The counts that decisions have noted, in the order of their time, and what somebody assumes where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleets {
    counts: Vec<Fleet>,
    /// The text of the count that was taken last: nearly every decision repeats it.
    last: Vec<u8>,
    assumed: Option<u64>,
}

impl Fleets {
    /// Nothing recorded; so many are assumed.
    #[must_use]
    pub fn assumed(assumed: Option<u64>) -> Self {
        Self { assumed, ..Self::default() }
    }

    /// What decisions have noted, and so many assumed where they have noted nothing.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(decisions: &mut dyn Source, assumed: Option<u64>) -> Result<Self, BacktestError> {
        let mut fleets = Self::assumed(assumed);
        decisions.read(&mut |chunk| {
            chunk.records().for_each(|(_, decision)| fleets.take(decision));
            ControlFlow::Continue(())
        })?;
        Ok(fleets.sorted())
    }

    /// Takes the count out of a recorded decision, without reading the rest of it.
    fn take(&mut self, decision: &[u8]) {
        let Some(at) = decision.windows(MARK.len()).rposition(|window| window == MARK) else { return };
        let text = decision.get(at + MARK.len() - 1..).unwrap_or_default();
        let end = text.iter().position(|byte| *byte == b'}').map_or(0, |end| end + 1);
        let text = text.get(..end).unwrap_or_default();
        if text == self.last {
            return;
        }
        if let Ok(count) = serde_json::from_slice::<Fleet>(text) {
            self.last = text.to_vec();
            self.counts.push(count);
        }
    }

    /// Brings the counts into the order of their time.
    fn sorted(mut self) -> Self {
        self.counts.sort_by_key(|count| (count.at, count.machines));
        self.counts.dedup();
        self
    }

    /// How many there were at this time, as far as anybody knew.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Option<u64> {
        let known = self.counts.partition_point(|count| count.at <= now);
        let newest = known.checked_sub(1).and_then(|newest| self.counts.get(newest));
        newest.filter(|count| now.duration_since(count.at) <= TOO_OLD).map(|count| count.machines).or(self.assumed)
    }

    /// Whether it is told for any time.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        self.assumed.is_some() || !self.counts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).unwrap()
    }

    fn decision(hour: i64, machines: u64) -> Vec<u8> {
        let fleet = Fleet { machines, at: at(hour) };
        let alert = r#"says "fleet":{"machines":9,"at":"x"} and \"fleet\":{"#;
        serde_json::to_vec(&serde_json::json!({"alert": alert, "fleet": fleet, "seen_at": at(hour)})).unwrap()
    }

    #[test]
    fn the_newest_count_that_was_known_then_holds_for_a_day_and_before_any_what_is_assumed() {
        let mut fleets = Fleets::assumed(Some(7));
        for taken in [decision(10, 100), decision(10, 100), decision(12, 120), decision(11, 110)] {
            fleets.take(&taken);
        }
        let fleets = fleets.sorted();
        let told: Vec<Option<u64>> = [9, 10, 11, 12, 36, 37].map(|hour| fleets.at(at(hour))).to_vec();
        assert_eq!(told, [Some(7), Some(100), Some(110), Some(120), Some(120), Some(7)]);
        assert!(fleets.is_told() && !Fleets::default().is_told());
    }

    #[test]
    fn a_text_that_looks_like_a_count_is_none() {
        let mut fleets = Fleets::default();
        let alert = r#"{"fleet":{"machines":9,"at":"2026-01-01T00:00:00Z"}}"#;
        fleets.take(&serde_json::to_vec(&serde_json::json!({"alert": {"title": alert}})).unwrap());
        fleets.take(b"\"fleet\":{");
        fleets.take(b"\"fleet\":{}");
        assert_eq!(fleets, Fleets::default());
    }
}
