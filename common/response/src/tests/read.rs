//! A topic that is read from outside says what it says to respond: tombstones, stale holders and what was put right.

use cordon_records::{ActionState, Headers, LedgerRecord, StampedRecord};

use super::samples::decision;
use super::stale::{claim, closed_as};
use crate::{LedgerFold, RawRecord};

fn take(fold: &mut LedgerFold, key: &str, headers: &Headers, value: Option<&[u8]>) {
    let raw = RawRecord { key: Some(key.as_bytes()), headers, value };
    fold.take(&raw, || format!("cordon.ledger/0/{key}"));
}

fn record(fold: &mut LedgerFold, record: &StampedRecord) {
    let value = serde_json::to_vec(record).unwrap();
    take(fold, &record.record().key(), &Headers::default(), Some(&value));
}

#[test]
fn a_tombstone_of_the_holder_removes_and_one_of_a_stale_holder_or_of_nobody_does_not() {
    let key = decision("a1", "m1").planned[0].key.clone();
    let closed = LedgerRecord::Closed(closed_as(&key, ActionState::Denied, (1, 3))).stamped(3);
    for (epoch, is_known) in [(Some(3), false), (Some(4), false), (Some(2), true), (None, true)] {
        let mut fold = LedgerFold::default();
        record(&mut fold, &claim(3));
        record(&mut fold, &closed);
        let headers = epoch.map(RawRecord::headers_of).unwrap_or_default();
        take(&mut fold, &format!("action/{key}"), &headers, None);
        let (ledger, unreadable) = fold.finish();
        assert_eq!((ledger.closed(&key).is_some(), unreadable), (is_known, Vec::new()), "{epoch:?}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_place_until_its_key_is_written_again_or_deleted() {
    let good = serde_json::to_vec(&claim(3)).unwrap();
    for (cure, is_cured) in [(Some(&good[..]), true), (None, true), (Some(&b"worse"[..]), false)] {
        let mut fold = LedgerFold::default();
        take(&mut fold, "claim", &Headers::default(), Some(b"{"));
        take(&mut fold, "claim", &Headers::default(), cure);
        let unreadable = fold.finish().1;
        assert_eq!(unreadable.is_empty(), is_cured);
        assert!(unreadable.iter().all(|it| it.to_string().starts_with("cordon.ledger/0/claim: ")), "{unreadable:?}");
    }
}
