//! The topics that a build of 2026-11-29 wrote (`common/records/examples/recorded/v1`): this build goes on with them as
//! that one would have.

use std::time::Duration;

use cordon_records::{
    ActionKind, ActionState, AttemptState, DecisionRecord, LedgerEntry, LedgerRecord, MachineId, StampedRecord,
};
use jiff::Timestamp;
use serde_json::Value;

use super::samples::config;
use super::world::World;
use crate::event::Effect;
use crate::ledger::LedgerState;

const LEDGER: &str = include_str!("../../../../common/records/examples/recorded/v1/ledger.ndjson");
const DECISIONS: &str = include_str!("../../../../common/records/examples/recorded/v1/decisions.ndjson");

fn records<T: serde::de::DeserializeOwned>(topic: &str) -> Vec<T> {
    let value = |line: &str| serde_json::from_str::<Value>(line).unwrap()["value"].as_str().map(str::to_owned);
    topic.lines().filter_map(value).filter_map(|value| serde_json::from_str(&value).ok()).collect()
}

/// Shortly after the recording ended.
fn soon() -> Timestamp {
    "2026-11-29T17:45:00Z".parse().unwrap()
}

fn restored() -> World {
    World::restored_from(config(), records::<StampedRecord>(LEDGER), soon())
}

/// What is known of the machine PC-n, of this kind of action, newest last.
fn on(ledger: &LedgerState, number: u32, kind: ActionKind) -> Vec<AttemptState> {
    let machine = MachineId::new(format!("{number:040x}")).unwrap();
    let mut entries: Vec<&LedgerEntry> =
        ledger.entries_on(&machine).filter(|entry| entry.action.kind() == kind).collect();
    entries.sort_by_key(|entry| entry.at);
    entries.iter().map(|entry| entry.state).collect()
}

fn reported(state: ActionState) -> AttemptState {
    AttemptState::Reported(state)
}

#[test]
fn every_kind_of_action_and_every_state_stands_as_it_was_recorded() {
    let world = restored();
    let ledger = world.responder.ledger();
    let done = [
        ActionKind::CollectPackage,
        ActionKind::Isolate,
        ActionKind::RestrictCode,
        ActionKind::StopFile,
        ActionKind::Scan,
        ActionKind::LiveResponse,
        ActionKind::Investigate,
        ActionKind::Tag,
        ActionKind::SetDeviceValue,
        ActionKind::Indicator,
        ActionKind::UpdateAlert,
        ActionKind::UnrestrictCode,
        ActionKind::Release,
    ];
    for kind in done {
        assert_eq!(on(ledger, 1, kind), [reported(ActionState::Succeeded)], "{kind}");
    }
    let isolations = [
        (3, ActionState::Held),
        (5, ActionState::Denied),
        (7, ActionState::Would),
        (8, ActionState::Refused),
        (9, ActionState::Failed),
        (10, ActionState::Cancelled),
        (11, ActionState::Accepted),
        (30, ActionState::Held),
        (31, ActionState::Held),
    ];
    for (machine, state) in isolations {
        assert_eq!(on(ledger, machine, ActionKind::Isolate), [reported(state)], "PC-{machine}");
    }
    assert_eq!(on(ledger, 2, ActionKind::Isolate), [ActionState::Succeeded, ActionState::Covered].map(reported));
    assert_eq!(on(ledger, 4, ActionKind::Release), [reported(ActionState::Succeeded)]);
    assert_eq!(on(ledger, 6, ActionKind::Offboard), [reported(ActionState::Held)]);
    assert_eq!(on(ledger, 10, ActionKind::Cancel), [reported(ActionState::Succeeded)]);
    assert_eq!(on(ledger, 12, ActionKind::Isolate), [AttemptState::InDoubt]);
    assert_eq!(ledger.timers().len(), 1, "the isolation of PC-2 ends by itself");
    let notices: Vec<String> = ledger.holding().iter().map(|it| it.split('@').next().unwrap().to_owned()).collect();
    assert_eq!(notices, ["breaker_latched", "paused"]);
    assert_eq!((ledger.commands_next(), ledger.genesis().is_some(), ledger.epoch()), (6, true, 2));
}

#[test]
fn nothing_recorded_is_decided_anew_and_during_the_recorded_pause_nothing_is_called() {
    let mut world = restored();
    world.run();
    let before = world.calls.len() + world.orders.len();
    for decision in records::<DecisionRecord>(DECISIONS) {
        world.decide(decision);
    }
    world.run();
    assert_eq!((world.calls.len() + world.orders.len(), before), (0, 0));
    let held = |world: &World| world.responder.ledger().waiting().len();
    assert_eq!(held(&world), held(&restored()), "what was held waits as before");
    assert_eq!(world.settled.len(), records::<DecisionRecord>(DECISIONS).len());
}

#[test]
fn the_recorded_doubt_rests_its_time_and_is_looked_up() {
    let mut world = restored();
    world.waiting.clear();
    world.pass(Duration::from_secs(119));
    let looks = |world: &World| world.waiting.iter().filter(|effect| matches!(effect, Effect::Look(..))).count();
    assert_eq!(looks(&world), 0);
    world.pass(Duration::from_secs(2));
    assert_eq!(looks(&world), 1);
    world.run();
    assert!(world.calls.is_empty(), "no new attempt during a pause: {:?}", world.calls);
}

#[test]
fn the_recorded_timer_is_due_when_it_was_due() {
    let world = restored();
    let (at, _) = world.responder.ledger().timers().first().cloned().unwrap();
    assert_eq!(at.to_string().get(..16), Some("2026-11-29T21:44"));
}

#[test]
fn what_this_build_writes_on_a_recorded_ledger_goes_on_from_it() {
    let mut world = restored();
    world.run();
    let count = records::<StampedRecord>(LEDGER).len();
    let claim = &world.stamped[count];
    assert!(matches!(claim.record(), LedgerRecord::Claim(claim) if claim.epoch == 2), "{claim:?}");
    assert!(world.stamped[count..].iter().all(|record| record.epoch() == Some(2)));
}
