//! What was only rehearsed is known for a week: until then it is not told again, then it leaves the ledger.

use std::time::Duration;

use cordon_records::{ActionKey, ActionKind, ActionState, ClosedEntry, DecisionRecord, LedgerRecord, Mode, Ruling};
use jiff::{SignedDuration, Timestamp};

use super::office::config_with;
use super::samples::{an, config, start};
use super::stale::{claim, closed_as, compacted};
use super::world::{World, plan};
use crate::Config;

fn rehearsed(alert: &str) -> DecisionRecord {
    let mut decision = plan(alert, "m1", vec![an(ActionKind::Scan)]);
    decision.planned[0].mode = Mode::Shadow;
    decision
}

fn comes(world: &mut World, decision: &DecisionRecord) {
    world.decide(decision.clone());
    world.run();
}

/// Lets time pass until so many days have begun since the start.
fn until_day(world: &mut World, day: i64) {
    let midnight = start().as_second() / 86_400 * 86_400 + day * 86_400;
    let left = Timestamp::from_second(midnight).unwrap().duration_since(world.at.wall);
    world.pass(Duration::try_from(left).unwrap());
    for _ in 0..20 {
        world.run();
        world.pass(Duration::from_secs(1));
    }
    world.run();
}

/// By default a rehearsal is kept in full for a day; by the others for as long as the cap reaches back.
fn configs() -> [Config; 2] {
    [config(), config_with("{hold: {kinds: [], alert_older_than: 9999d}, caps: {gentle: {20d: 1000}}}")]
}

#[test]
fn what_was_rehearsed_is_told_again_after_a_full_week_and_not_before_however_it_is_kept() {
    for (config, in_full) in configs().into_iter().zip([false, true]) {
        let mut world = World::restored(config.clone(), Vec::new());
        let key = rehearsed("a1").planned[0].key.clone();
        comes(&mut world, &rehearsed("a1"));
        assert_eq!(world.states(), [ActionState::Would]);
        for day in [1, 3, 7] {
            until_day(&mut world, day);
            // The next holder finds what compaction leaves.
            let mut next = World::restored_from(config.clone(), compacted(&world.stamped), world.at.wall);
            comes(&mut next, &rehearsed("a1"));
            assert_eq!(next.states(), [], "day {day}, in full: {in_full}");
        }
        comes(&mut world, &rehearsed("a1"));
        assert_eq!((world.states().len(), world.removed.len()), (1, 0), "it was told");
        assert_eq!(world.responder.ledger().get(&key).is_some(), in_full);
        until_day(&mut world, 8);
        comes(&mut world, &rehearsed("a1"));
        assert_eq!(world.states(), [ActionState::Would; 2], "in full: {in_full}");
        assert!(world.responder.ledger().get(&key).is_some(), "and it is known anew");
        comes(&mut world, &rehearsed("a1"));
        assert_eq!(world.states().len(), 2);
    }
}

#[test]
fn a_rule_that_goes_from_shadow_to_acting_acts_on_the_next_decision_whether_its_rehearsal_is_known_or_forgotten() {
    for day in [0, 2, 7, 9] {
        let mut world = World::restored(configs()[1].clone(), Vec::new());
        comes(&mut world, &rehearsed("a1"));
        if day > 0 {
            until_day(&mut world, day);
        }
        let mut acting = rehearsed("a1");
        acting.planned[0].mode = Mode::Auto;
        comes(&mut world, &acting);
        comes(&mut world, &acting);
        assert_eq!((world.orders.len(), world.orders[0].comment.ends_with("#1]")), (1, true), "day {day}");
    }
}

#[test]
fn what_is_rehearsed_anew_does_not_stand_in_its_own_way() {
    let mut world = World::restored(
        config_with("{hold: {kinds: [], alert_older_than: 9999d}, caps: {gentle: {20d: 3}}}"),
        Vec::new(),
    );
    for alert in ["a1", "a2", "a3"] {
        comes(&mut world, &rehearsed(alert));
    }
    until_day(&mut world, 8);
    let passes = |world: &mut World, alert| {
        let decision = rehearsed(alert);
        comes(world, &decision);
        let entry = world.responder.ledger().get(&decision.planned[0].key).unwrap();
        entry.guards.iter().all(|verdict| verdict.ruling == Ruling::Pass)
    };
    assert!(!passes(&mut world, "a4"), "the cap is full");
    assert!(passes(&mut world, "a1"), "of three one is its own");
    assert!(!passes(&mut world, "a5"), "and it counts again");
}

#[test]
fn a_rule_in_shadow_fills_the_ledger_with_a_week_of_alerts_however_long_it_lasts() {
    let mut world = World::new();
    for day in 0..40 {
        for alert in 0..5 {
            comes(&mut world, &rehearsed(&format!("a{day}-{alert}")));
        }
        until_day(&mut world, day + 1);
        let ledger = world.responder.ledger();
        let known = ledger.closed_count() + ledger.entries().count();
        assert!(known <= 5 * 9, "{known} on day {day}");
    }
    assert_eq!(world.states().len(), 200, "each is told");
    assert!(world.removed.len() >= 5 * 31, "{}", world.removed.len());
}

#[test]
fn what_defender_was_called_for_before_it_was_rehearsed_is_not_forgotten() {
    let now = start() + SignedDuration::from_hours(24 * 30);
    let closed = |number: u8, attempt: u32, again: bool, state| {
        let key = ActionKey::new(format!("{number:016x}")).unwrap();
        let day = Some(ClosedEntry::day_of(start()));
        LedgerRecord::Closed(ClosedEntry { day, again, ..closed_as(&key, state, (attempt, 1)) }).stamped(1)
    };
    let called = closed(1, 1, true, ActionState::Would);
    let expired = closed(2, 0, true, ActionState::Expired);
    let refused = closed(3, 0, false, ActionState::Refused);
    let only = closed(4, 0, true, ActionState::Would);
    let log = vec![claim(1), called, expired, refused, only.clone()];
    let mut world = World::restored_from(config(), log, now);
    for _ in 0..5 {
        world.pass(Duration::from_secs(1));
        world.run();
    }
    assert_eq!((world.removed.clone(), world.responder.ledger().closed_count()), (vec![only.record().key()], 3));
}
