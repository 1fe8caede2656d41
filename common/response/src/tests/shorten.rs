//! What has ended is kept in short, after its time and not before; nothing of it is done again.

use std::time::Duration;

use cordon_records::{ActionKey, ActionKind, ActionState, ActionStatus, Command, LedgerRecord, Mode, StampedRecord};
use jiff::SignedDuration;

use super::office::{ANN, config_of_the_office, config_with};
use super::people::{asking, held};
use super::samples::{an, config, decision, pending};
use super::stale::compacted;
use super::world::{World, plan};
use crate::facts::ActionSnapshot;
use crate::ledger::LedgerState;

const DAY: Duration = Duration::from_secs(86_400);

/// Lets hours pass, and what is due in them be done.
pub fn hours_pass(world: &mut World, hours: u16) {
    for _ in 0..hours / 24 {
        world.pass(DAY);
        world.run();
    }
    for _ in 0..hours % 24 {
        world.pass(Duration::from_secs(3_600));
        world.run();
    }
}

impl World {
    /// Lets days pass, and what is due in them be done.
    pub fn days(&mut self, days: u32) {
        for _ in 0..days {
            self.pass(DAY);
            self.run();
        }
        // One walk takes several steps.
        for _ in 0..20 {
            self.pass(Duration::from_secs(1));
            self.run();
        }
    }

    fn short(&self, key: &ActionKey) -> bool {
        self.responder.ledger().closed(key).is_some()
    }

    fn in_full(&self, key: &ActionKey) -> bool {
        self.responder.ledger().get(key).is_some()
    }

    /// Defender says that everything accepted has come to this end.
    pub fn ends(&mut self, status: &ActionStatus) {
        let open = self.responder.ledger().open().map(|entry| pending(&entry.key));
        let ended: Vec<_> = open.map(|end| ActionSnapshot { status: status.clone(), ..end }).collect();
        self.until_followed(&ended);
        self.run();
    }
}

#[test]
fn what_has_ended_is_closed_after_its_time_and_nothing_of_it_is_done_again() {
    let mut world = World::new();
    let scan = plan("a1", "m1", vec![an(ActionKind::Scan)]);
    let key = scan.planned[0].key.clone();
    world.decide(scan.clone());
    world.run();
    world.ends(&ActionStatus::Succeeded);
    world.days(6);
    assert!(world.in_full(&key), "the caps may ask for it");
    world.days(2);
    assert!(world.short(&key) && !world.in_full(&key));
    let last = world.stamped.last().unwrap().clone();
    assert!(matches!(last.record(), LedgerRecord::Closed(closed) if closed.key == key), "{last:?}");
    assert!(serde_json::to_vec(&last).unwrap().len() <= 150);
    let logs: [Vec<StampedRecord>; 2] = [world.stamped.clone(), compacted(&world.stamped)];
    for log in logs {
        let mut next = World::restored_from(config(), log, world.at.wall);
        next.decide(scan.clone());
        next.run();
        assert!(next.short(&key) && next.calls.is_empty() && next.reports.is_empty(), "it is settled for good");
        assert_eq!(next.settled.len(), 1);
    }
}

#[test]
fn an_isolation_that_stands_is_kept_in_full_and_closed_after_it_was_let_back() {
    let mut world = World::restored(config_with("hold: {kinds: [], alert_older_than: 9999d}"), Vec::new());
    let key = decision("a1", "m1").planned[0].key.clone();
    world.decide(decision("a1", "m1"));
    world.run();
    world.ends(&ActionStatus::Succeeded);
    world.days(400);
    assert!(world.in_full(&key), "its machine is cut off");
    world.says(ANN, Command::Release { machine: super::office::machine("m1") }, "c-1");
    world.ends(&ActionStatus::Succeeded);
    world.days(9);
    assert!(world.short(&key), "{:?}", world.responder.ledger().get(&key));
    // Its alert is about another machine now.
    let moved = decision("a1", "m2");
    let before = world.calls.len();
    world.decide(moved);
    world.run();
    assert_eq!((world.calls.len(), world.states().last()), (before, Some(&ActionState::Held)));
    assert!(
        world.reasons().last().unwrap().contains("an isolation on another machine already"),
        "{:?}",
        world.reasons()
    );
}

#[test]
fn what_is_held_or_on_its_way_is_never_closed() {
    let mut world = World::new();
    let key = decision("a1", "m1").planned[0].key.clone();
    world.decide(decision("a1", "m1"));
    world.run();
    world.days(2);
    assert!(world.in_full(&key), "Defender has not answered");
    let mut world = held();
    let key = asking("a1", "m1").planned[0].key.clone();
    world.pass(Duration::from_secs(86_000));
    world.run();
    assert!(world.in_full(&key));
}

#[test]
fn a_no_to_what_expired_weeks_ago_is_still_final() {
    let mut world = held();
    let key = asking("a1", "m1").planned[0].key.clone();
    world.days(21);
    assert_eq!(world.states().last(), Some(&ActionState::Expired));
    world.says(ANN, Command::Deny { key }, "c-9");
    super::people::comes_anew(&mut world);
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Denied));
}

#[test]
fn what_expired_is_closed_and_judged_again_by_a_new_decision() {
    let mut world = held();
    let key = asking("a1", "m1").planned[0].key.clone();
    world.days(3);
    assert_eq!(world.states().last(), Some(&ActionState::Expired));
    world.days(31);
    assert!(world.short(&key));
    let log = compacted(&world.stamped);
    let mut next = World::restored_from(config_of_the_office(), log, world.at.wall);
    for world in [&mut world, &mut next] {
        super::people::comes_anew(world);
        world.run();
        assert_eq!(world.states().last(), Some(&ActionState::Held));
        assert!(world.in_full(&key) && !world.short(&key));
        let mut after = world.restarted(config_of_the_office());
        assert!(after.in_full(&key), "its long form is the newest record of its key");
        after.says(ANN, Command::Deny { key: key.clone() }, "c-9");
        after.days(2);
        assert!(after.short(&key));
        super::people::comes_anew(&mut after);
        after.run();
        assert!(after.short(&key), "what people denied is not held again");
    }
}

#[test]
fn people_are_told_that_what_they_name_has_ended_long_ago() {
    let mut world = held();
    let key = asking("a1", "m1").planned[0].key.clone();
    world.says(ANN, Command::Deny { key: key.clone() }, "c-1");
    world.days(2);
    assert!(world.short(&key));
    let commands =
        [Command::Deny { key: key.clone() }, Command::Cancel { key: key.clone() }, Command::Retry { key: key.clone() }];
    for (number, command) in commands.into_iter().enumerate() {
        world.says(ANN, command, &format!("c-1{number}"));
        let told = world.told();
        assert!(told.last().unwrap().contains("waits for nobody: it has ended as denied"), "{told:?}");
    }
}

#[test]
fn many_are_closed_a_little_at_a_time_and_all_of_them() {
    let mut world = World::new();
    for n in 0..500 {
        let mut rehearsed = plan(&format!("a{n}"), &format!("m{n}"), vec![an(ActionKind::Scan)]);
        rehearsed.planned[0].mode = Mode::Shadow;
        world.decide(rehearsed);
        world.run();
    }
    world.at.mono += DAY * 5;
    world.at.wall += SignedDuration::from_hours(24 * 5);
    let before = world.stamped.len();
    world.pass(Duration::ZERO);
    world.run();
    let first = world.stamped.len() - before;
    assert!((1..=200).contains(&first), "{first} in one step");
    for _ in 0..5 {
        world.pass(Duration::from_secs(1));
        world.run();
    }
    assert_eq!(world.responder.ledger().closed_count(), 500);
    assert_eq!(world.responder.ledger().entries().count(), 0);
    let wakes = world.responder.next_wake().unwrap().saturating_duration_since(world.at.mono);
    assert!(wakes > Duration::from_secs(60), "and then it rests: {wakes:?}");
}

#[test]
fn a_clock_that_was_set_wrong_closes_nothing() {
    let mut world = World::new();
    let key = decision("a1", "m1").planned[0].key.clone();
    world.decide(decision("a1", "m1"));
    world.run();
    world.ends(&ActionStatus::Failed);
    // The wall clock jumps by a year, and time has not passed.
    world.at.wall += SignedDuration::from_hours(24 * 365);
    for _ in 0..5 {
        world.pass(Duration::from_secs(3_600));
        world.run();
    }
    assert!(world.in_full(&key));
}

#[test]
fn of_two_short_forms_of_one_action_that_of_the_later_holder_and_attempt_stands() {
    let closed = |epoch: u64, attempt: u32, state| {
        let json = serde_json::json!({
            "entry": "closed", "key": "00000000000000aa", "state": state, "attempt": attempt, "epoch": epoch,
        });
        let record: StampedRecord = serde_json::from_value(json).unwrap();
        record
    };
    let key = ActionKey::new("00000000000000aa").unwrap();
    let mut ledger = LedgerState::default();
    let mut stands = |record| {
        ledger.apply(record);
        ledger.closed(&key).map(|closed| (closed.attempt, closed.state))
    };
    assert_eq!(stands(closed(2, 2, "failed")), Some((2, ActionState::Failed)));
    assert_eq!(stands(closed(2, 1, "denied")), Some((2, ActionState::Failed)), "an earlier attempt");
    assert_eq!(stands(closed(2, 3, "denied")), Some((3, ActionState::Denied)));
    assert_eq!(stands(closed(3, 1, "succeeded")), Some((1, ActionState::Succeeded)), "a later holder knows better");
    assert_eq!(stands(closed(2, 9, "denied")), Some((1, ActionState::Succeeded)), "a stale one does not");
}
