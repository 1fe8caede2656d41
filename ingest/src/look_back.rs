//! How far back a round asks. Pure: both clocks are passed in.
//!
//! Most rounds look back by the overlap. Now and then one, the sweep, looks back a day: servers have been seen to show
//! alerts hours after their `lastUpdateTime` (intelmq pull request 1910), long after the overlap has passed over them.
//! What was produced is remembered as far back as the sweep looks, so it brings only what was late.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The backward reach of a poll.
#[derive(Debug, Clone)]
pub struct LookBack {
    /// How far ordinary rounds look behind the watermark.
    pub overlap: Duration,
    /// From one sweep to the next.
    pub sweep_interval: Duration,
    /// How far a sweep looks behind the present.
    pub sweep_window: Duration,
    /// Where the very first round of this installation began: nothing older is ever asked for.
    pub from: Timestamp,
    swept: Option<Instant>,
}

impl LookBack {
    /// A reach whose first round is a sweep.
    #[must_use]
    pub const fn new((overlap, sweep_interval, sweep_window): (Duration, Duration, Duration), from: Timestamp) -> Self {
        Self { overlap, sweep_interval, sweep_window, from, swept: None }
    }

    /// Whether the next round is to be a sweep.
    #[must_use]
    pub fn sweep_is_due(&self, mono: Instant) -> bool {
        self.swept.is_none_or(|swept| mono.saturating_duration_since(swept) >= self.sweep_interval)
    }

    /// A sweep that began then has been completed.
    pub const fn swept(&mut self, began: Instant) {
        self.swept = Some(began);
    }

    /// Where an ordinary round begins.
    #[must_use]
    pub fn ordinary(&self, watermark: Timestamp) -> Timestamp {
        earlier(watermark, self.overlap)
    }

    /// Where a sweep begins: never later than an ordinary round would.
    #[must_use]
    pub fn sweep(&self, watermark: Timestamp, now: Timestamp) -> Timestamp {
        let ordinary = self.ordinary(watermark);
        earlier(now, self.sweep_window).min(ordinary).max(self.from.min(ordinary))
    }
}

/// An instant before another, or the earliest there is.
#[must_use]
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// An instant after another, or the latest there is.
#[must_use]
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn reach(from: &str) -> LookBack {
        LookBack::new((HOUR / 6, HOUR, HOUR * 24), at(from))
    }

    #[test]
    fn the_first_round_sweeps_and_then_one_in_every_interval() {
        let (mut reach, start) = (reach("2026-11-01T00:00:00Z"), Instant::now());
        assert!(reach.sweep_is_due(start));
        reach.swept(start);
        assert!(!reach.sweep_is_due(start + HOUR - Duration::from_millis(1)));
        assert!(reach.sweep_is_due(start + HOUR));
    }

    #[test]
    fn a_sweep_never_asks_for_what_was_before_the_installation() {
        let (watermark, now) = (at("2026-11-22T18:00:00Z"), at("2026-11-22T18:00:05Z"));
        assert_eq!(reach("2026-11-22T12:00:00Z").sweep(watermark, now), at("2026-11-22T12:00:00Z"));
        assert_eq!(reach("2026-11-01T00:00:00Z").sweep(watermark, now), at("2026-11-21T18:00:05Z"));
    }

    #[test]
    fn after_a_pause_longer_than_its_window_a_sweep_begins_where_an_ordinary_round_would() {
        let (watermark, now) = (at("2026-11-19T18:00:00Z"), at("2026-11-22T18:00:00Z"));
        assert_eq!(reach("2026-11-01T00:00:00Z").sweep(watermark, now), at("2026-11-19T17:50:00Z"));
    }
}
