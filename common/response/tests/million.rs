//! A million closed actions in memory. A process of its own, so that nothing else is measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Instant;

use cordon_records::{ActionKey, AlertId, AlertMark, ClosedEntry, LedgerRecord, MachineActionId, StampedRecord};
use cordon_response::LedgerState;

const MILLION: u64 = 1_000_000;

/// What the documents promise.
const MEMORY: u64 = 64 * 1024;

/// The resident memory of this process, in KiB; nothing where the system does not say.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

/// As respond writes it, with a key as even as a digest is.
fn record(number: u64) -> Vec<u8> {
    let even = |salt: u64| (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(salt | 1);
    let (one, other) = (even(0xBF58_476D_1CE4_E5B9), even(0x94D0_49BB_1331_11EB));
    let id = format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        one >> 32,
        one & 0xffff,
        one & 0xfff,
        other & 0xfff,
        other >> 16
    );
    let closed = ClosedEntry {
        key: ActionKey::new(format!("{one:016x}")).unwrap(),
        state: cordon_records::ActionState::Succeeded,
        attempt: 1,
        id: Some(MachineActionId::new(id).unwrap()),
        alert: Some(AlertMark::of(&AlertId::new(format!("da{number}_1")).unwrap())),
        again: false,
        day: Some(20_787),
        epoch: 7,
    };
    serde_json::to_vec(&LedgerRecord::Closed(closed).stamped(7)).unwrap()
}

#[test]
fn a_million_closed_actions_take_64_mib_at_most_and_are_all_known() {
    let records: Vec<Vec<u8>> = (0..64).map(record).collect();
    let mut ledger = LedgerState::default();
    records.iter().for_each(|bytes| ledger.apply(StampedRecord::read(bytes).unwrap()));
    let before = resident();
    let (mut made, start) = (std::time::Duration::ZERO, Instant::now());
    for number in 64..MILLION {
        let making = Instant::now();
        let bytes = record(number);
        made += making.elapsed();
        ledger.apply(StampedRecord::read(&bytes).unwrap());
    }
    let folded = start.elapsed().saturating_sub(made);
    let taken = resident().zip(before).map(|(after, before)| after - before);
    println!("folded in {folded:?}, {taken:?} KiB more");
    assert_eq!(ledger.closed_count(), 1_000_000);
    for number in (0..MILLION).step_by(9_973) {
        let LedgerRecord::Closed(closed) = StampedRecord::read(&record(number)).unwrap().into_record() else {
            panic!()
        };
        assert_eq!(ledger.closed(&closed.key), Some(closed));
    }
    if let Some(taken) = taken {
        assert!(taken <= MEMORY, "{taken} KiB");
    }
}
