//! How far the poll has come, folded from the records on `cursors`, and how far back of that a round asks. Both clocks are
//! passed in.
//!
//! Most rounds look back by the overlap. Now and then one, the sweep, looks back a day: servers have been seen to show
//! alerts hours after their `lastUpdateTime` (intelmq pull request 1910), long after the overlap has passed over them.
//! What was produced is remembered as far back as the sweep looks, so it brings only what was late.

use std::time::{Duration, Instant};

use cordon_records::{CursorRecord, Headers, PollCursor};
use cordon_runtime::kafka::Inbound;
use jiff::Timestamp;

/// The newest cursor on the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursors {
    newest: Option<PollCursor>,
}

impl Cursors {
    /// Takes one record, in log order. A cursor of a lower epoch comes from a poller that woke from a freeze: it is
    /// true, but older, so it is left aside. What cannot be read is left aside too: without a cursor the poll looks
    /// further back, which can only duplicate.
    pub fn fold(&mut self, record: &Inbound) {
        if record.value.is_none() {
            // A tombstone: `cordon check` asks the broker for its time with them.
            return;
        }
        match record.json::<CursorRecord>() {
            Ok(CursorRecord::Poll(cursor)) => self.take(cursor),
            Ok(CursorRecord::Claim(_)) => {}
            Err(error) => {
                tracing::warn!(position = %record.position(), %error, "left aside an unreadable cursor record")
            }
        }
    }

    fn take(&mut self, cursor: PollCursor) {
        if self.newest.as_ref().is_none_or(|newest| cursor.epoch >= newest.epoch) {
            self.newest = Some(cursor);
        }
    }

    /// The newest cursor; absent on the very first start.
    #[must_use]
    pub fn newest(self) -> Option<PollCursor> {
        self.newest
    }
}

/// A cursor, ready for the log: key, headers and value.
#[must_use]
pub fn poll(cursor: &PollCursor, at: Timestamp) -> (String, Headers, Vec<u8>) {
    let record = CursorRecord::Poll(cursor.clone());
    let (key, epoch) = (record.key(), cursor.epoch);
    let headers = Headers::event("ingest", &format!("cursor.{key}"), &format!("{key}@{epoch}@{at}"), at, key);
    // Text, numbers and instants are always JSON; an empty value would be left aside by every reader.
    (key.to_owned(), headers, serde_json::to_vec(&record).unwrap_or_default())
}

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
    use std::sync::Arc;

    use cordon_records::{Claim, ClaimRecord, Topic};

    use super::*;

    fn record((key, headers, value): (String, Headers, Vec<u8>)) -> Inbound {
        Inbound {
            topic: Topic::Cursors,
            topic_name: Arc::from("cordon.cursors"),
            partition: 0,
            offset: 0,
            key: Some(key.into_bytes()),
            headers,
            value: Some(value),
            timestamp: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn cursor(epoch: u64, second: i64) -> PollCursor {
        PollCursor { watermark: at(second), covered_until: at(second), from: None, epoch }
    }

    #[test]
    fn the_cursor_of_a_poller_that_woke_from_a_freeze_is_left_aside() {
        let mut cursors = Cursors::default();
        for written in [cursor(1, 10), cursor(2, 20), cursor(1, 15), cursor(2, 30)] {
            cursors.fold(&record(poll(&written, at(0))));
        }
        assert_eq!(cursors.clone().newest(), Some(cursor(2, 30)));
        cursors.fold(&record(poll(&cursor(1, 40), at(0))));
        assert_eq!(cursors.newest(), Some(cursor(2, 30)));
    }

    #[test]
    fn claims_and_rubbish_do_not_move_the_cursor() {
        let mut cursors = Cursors::default();
        let claim = ClaimRecord::Claim(Claim { epoch: 7, owner: "me".into(), at: at(0) });
        cursors.fold(&record((Claim::KEY.into(), Headers::default(), serde_json::to_vec(&claim).unwrap())));
        cursors.fold(&record(("poll".into(), Headers::default(), b"{}".to_vec())));
        assert_eq!(cursors.newest(), None);
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn reach(from: &str) -> LookBack {
        LookBack::new((HOUR / 6, HOUR, HOUR * 24), instant(from))
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
        let (watermark, now) = (instant("2026-11-22T18:00:00Z"), instant("2026-11-22T18:00:05Z"));
        assert_eq!(reach("2026-11-22T12:00:00Z").sweep(watermark, now), instant("2026-11-22T12:00:00Z"));
        assert_eq!(reach("2026-11-01T00:00:00Z").sweep(watermark, now), instant("2026-11-21T18:00:05Z"));
    }

    #[test]
    fn after_a_pause_longer_than_its_window_a_sweep_begins_where_an_ordinary_round_would() {
        let (watermark, now) = (instant("2026-11-19T18:00:00Z"), instant("2026-11-22T18:00:00Z"));
        assert_eq!(reach("2026-11-01T00:00:00Z").sweep(watermark, now), instant("2026-11-19T17:50:00Z"));
    }
}
