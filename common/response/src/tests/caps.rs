//! What the caps count.

use std::time::Duration;

use cordon_policy::Guards;
use cordon_records::{ActionKind, ActionState, Mode, RuleId};
use jiff::SignedDuration;

use super::samples::{config, decision};
use super::world::World;
use crate::event::Answer;

fn not_done() -> Answer {
    Answer::NotDone { why: "429".into(), after: Duration::from_secs(5), spent: false }
}

#[test]
fn an_attempt_that_was_made_again_under_its_number_counts_once_also_after_a_restart() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    for _ in 0..12 {
        world.run_with(&mut |_| not_done());
        world.pass(Duration::from_secs(5));
    }
    world.run();
    assert_eq!((world.states(), world.notices()), (vec![ActionState::Accepted], 0));
    assert_eq!(world.calls.len(), 13, "twelve that were not done, and one that was");

    for restarted in [false, true] {
        let mut world = if restarted { World::restored(config(), world.log.clone()) } else { World::new() };
        let before = if restarted { 1 } else { 0 };
        for n in 0..20 {
            world.decide(decision(&format!("b{n}"), &format!("n{n}")));
        }
        world.run();
        assert_eq!(world.calls.len() + before, 10, "restarted: {restarted}");
    }
}

#[test]
fn a_cap_may_look_back_further_than_a_day() {
    let mut week = config();
    week.guards = Guards::load("guards.yaml", "caps:\n  all_rules: {7d: 2}\nhold:\n  alert_older_than: 30d\n").unwrap();
    let mut world = World::restored(week, Vec::new());
    for (n, alert) in ["a1", "a2", "a3"].into_iter().enumerate() {
        world.decide(decision(alert, &format!("m{n}")));
        world.run();
        world.pass(Duration::from_secs(2 * 86_400));
        world.run();
    }
    assert_eq!(world.calls.len(), 2);
    assert!(world.states().contains(&ActionState::Held), "{:?}", world.states());
}

#[test]
fn a_rules_limit_may_look_back_further_than_every_cap() {
    let mut old = config();
    old.guards = Guards::load("guards.yaml", "hold:\n  alert_older_than: 30d\n").unwrap();
    let mut world = World::restored(old, Vec::new());
    for alert in ["a1", "a2"] {
        let mut limited = decision(alert, alert);
        limited.planned[0].limits = vec![(7 * 86_400, 1)];
        world.decide(limited);
        world.run();
        world.pass(Duration::from_secs(2 * 86_400));
        world.run();
    }
    assert_eq!(world.calls.len(), 1);
    assert!(world.states().contains(&ActionState::Held), "{:?}", world.states());
}

#[test]
fn a_retry_takes_the_place_of_its_own_attempt_and_not_of_another_rules_at_the_same_instant() {
    let mut world = World::new();
    for (alert, rule) in [("a1", "one"), ("a2", "two")] {
        let mut limited = decision(alert, alert);
        limited.planned[0].rules = vec![RuleId::new(rule).unwrap()];
        limited.planned[0].limits = vec![(3_600, 1)];
        world.decide(limited);
    }
    // The one whose key sorts first comes back last.
    let first = ["a1", "a2"].map(|alert| decision(alert, alert).planned[0].key.clone()).into_iter().min().unwrap();
    world.run_with(&mut |key| {
        let after = Duration::from_secs(if *key == first { 60 } else { 5 });
        Answer::NotDone { why: "429".into(), after, spent: false }
    });
    world.pass(Duration::from_secs(5));
    world.run();
    world.pass(Duration::from_secs(60));
    world.run();
    assert_eq!((world.calls.len(), world.states()), (4, vec![ActionState::Accepted, ActionState::Accepted]));
}

#[test]
fn a_rehearsal_counts_what_it_would_have_done_and_not_what_it_would_have_refused() {
    let mut shadow = config();
    shadow.mode = Mode::Shadow;
    shadow.guards = Guards::load("guards.yaml", "never:\n  names: ['never*']\n").unwrap();
    let mut world = World::restored(shadow, Vec::new());
    for n in 0..30 {
        world.decide(decision(&format!("r{n}"), &format!("never{n}")));
    }
    for n in 0..12 {
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
    }
    world.run();
    let would_act = world.reasons().into_iter().filter(|reason| reason.contains("would have been done")).count();
    assert_eq!(would_act, 10, "{:?}", world.reasons());
    assert!(world.calls.is_empty());
}

#[test]
fn a_call_is_as_old_as_its_intent_less_the_lease_and_never_from_the_future() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    let intent = world.at.wall;
    let at = |seconds: i64| intent + SignedDuration::from_secs(seconds);
    let lease = Duration::from_secs(30);
    let calls = |now| {
        let calls = world.responder.ledger().calls_of_the_last_hour(lease, now).into_iter();
        calls.map(|(kind, age)| (kind == ActionKind::Isolate).then_some(age)).collect::<Option<Vec<_>>>().unwrap()
    };
    assert_eq!(calls(at(90)), [Duration::from_secs(60)]);
    assert_eq!(calls(at(20)), [Duration::ZERO], "it may just have gone out");
    assert_eq!(calls(at(-500)), [Duration::ZERO], "the clock was set back");
    assert_eq!(calls(at(3_630)), [Duration::from_secs(3_600)]);
    assert!(calls(at(3_631)).is_empty());
}
