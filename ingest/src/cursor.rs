//! How far the poll has come, folded from the records on `cursors`.

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
}
