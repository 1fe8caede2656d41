//! What the state finds by machine and by instant is what a walk over all its entries would find.

use cordon_records::{ActionKey, ActionState, AttemptState, LedgerEntry, LedgerRecord, MachineId, Mode};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::ledger::LedgerState;

const EXAMPLE: &str = include_str!("../../../../common/records/examples/v1/ledger-action.json");

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn key(number: u8) -> ActionKey {
    serde_json::from_str(&format!("\"{number:032x}\"")).unwrap()
}

/// One write: which key, how the machine's id is spelt, which state, which attempt, and the instants.
type CommandOutput = (u8, bool, usize, u32, Vec<i64>, i64);

const STATES: [AttemptState; 5] = [
    AttemptState::Intent,
    AttemptState::InDoubt,
    AttemptState::Reported(ActionState::Accepted),
    AttemptState::Reported(ActionState::Would),
    AttemptState::Reported(ActionState::Succeeded),
];

fn entry((number, upper, state, attempt, intents, moment): CommandOutput) -> LedgerEntry {
    let LedgerRecord::Action(mut entry) = serde_json::from_str(EXAMPLE).unwrap() else { panic!("an action") };
    entry.key = key(number);
    entry.machine.id = MachineId::new(if upper { "AB" } else { "ab" }).unwrap();
    entry.state = STATES[state];
    entry.attempt = attempt;
    entry.intents = intents.into_iter().map(at).collect();
    entry.at = at(moment);
    *entry
}

fn writes() -> impl Strategy<Value = Vec<CommandOutput>> {
    let intents = proptest::collection::vec(0i64..50, 0..4);
    proptest::collection::vec((0u8..4, any::<bool>(), 0..STATES.len(), 0u32..3, intents, 0i64..50), 0..30)
}

proptest! {
    #[test]
    fn attempts_and_open_entries_are_those_of_a_walk_over_all_entries(writes in writes(), since in -1i64..50) {
        let mut ledger = LedgerState::default();
        for written in writes {
            let _written = ledger.enter(entry(written));
        }
        let all: Vec<&LedgerEntry> = (0..4).filter_map(|number| ledger.get(&key(number))).collect();
        for mode in [Mode::Auto, Mode::Shadow] {
            let would = |entry: &&LedgerEntry| mode == Mode::Shadow && entry.state == STATES[3];
            let rehearsed = all.iter().copied().filter(would).map(|entry| entry.at);
            let made = all.iter().flat_map(|entry| entry.intents.iter().copied());
            let mut expected: Vec<Timestamp> = made.chain(rehearsed).filter(|moment| *moment > at(since)).collect();
            expected.sort();
            let found: Vec<Timestamp> = ledger.attempts(at(since), mode, None).iter().map(|attempt| attempt.at).collect();
            prop_assert_eq!(found, expected);
        }
        prop_assert_eq!(ledger.open_count(), all.iter().filter(|entry| entry.is_open()).count());
        for machine in ["ab", "AB"].map(|id| MachineId::new(id).unwrap()) {
            let expected = all.iter().filter(|entry| entry.is_open() && entry.machine.id == machine && entry.key != key(0));
            prop_assert_eq!(ledger.open_on(&machine, &key(0)).count(), expected.count());
        }
    }
}
