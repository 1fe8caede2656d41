//! The ordinary way of one action.

use std::time::Duration;

use cordon_policy::Isolation;
use cordon_records::{ActionState, ActionStatus, AlertStatus, Command, CommandRecord, Mode, RecordOutcome, Verdict};
use jiff::SignedDuration;

use super::samples::{config, decision, pending, start};
use super::world::World;
use crate::event::{Answer, Effect, Event, Unreadable};
use crate::facts::FreshFacts;

#[test]
fn an_alert_that_matches_is_called_once_and_confirmed_by_the_follow_up() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    assert_eq!(world.calls.len(), 1);
    assert!(world.calls[0].2.starts_with("High severity alert [cordon:"), "{}", world.calls[0].2);
    assert!(world.calls[0].2.ends_with("#1]"));
    assert_eq!(world.states(), [ActionState::Accepted]);
    assert_eq!(world.settled, [(0, RecordOutcome::Sent)]);

    world.pass(Duration::from_secs(5));
    let followed = world.waiting.pop_front().expect("a look at the accepted action");
    assert!(matches!(&followed, Effect::Follow { ids, .. } if ids.len() == 1), "{followed:?}");
    let mut done = pending(&world.calls[0].0);
    done.status = ActionStatus::Succeeded;
    world.give(Event::Followed(Ok(vec![done])));
    world.run();
    assert_eq!(world.states(), [ActionState::Accepted, ActionState::Succeeded]);
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn nothing_is_called_before_the_intent_is_read_back() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    let key = decision("a1", "m1").planned[0].key.clone();
    // The fleet count and the read are done; the INTENT is confirmed by the broker but not yet read back.
    while !matches!(world.waiting.front(), Some(Effect::WriteIntent(..))) {
        assert!(world.step(&mut |_| unreachable!("no call yet")));
    }
    world.waiting.clear();
    world.give(Event::IntentWritten(key, 1_000));
    assert!(world.waiting.is_empty(), "{:?}", world.waiting);
}

#[test]
fn the_same_alert_again_calls_nothing() {
    let mut world = World::new();
    for _ in 0..3 {
        world.decide(decision("a1", "m1"));
        world.run();
    }
    assert_eq!(world.calls.len(), 1);
    assert_eq!(
        world.settled,
        [(0, RecordOutcome::Sent), (1, RecordOutcome::Skipped("known")), (2, RecordOutcome::Skipped("known"))]
    );
}

#[test]
fn a_second_alert_on_a_machine_that_is_being_isolated_is_covered_without_a_read() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    world.decide(decision("a2", "m1"));
    assert!(!world.waiting.iter().any(|effect| matches!(effect, Effect::Read { .. })));
    world.run();
    assert_eq!(world.states(), [ActionState::Accepted, ActionState::Covered]);
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn an_alert_that_was_closed_before_the_call_is_refused_and_may_come_back() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    let Some(Effect::Read { key, .. }) = world.waiting.pop_back() else { panic!("no fresh read") };
    let closed = decision("a1", "m1");
    let mut alert = closed.alert.clone();
    alert.status = AlertStatus::Resolved;
    let facts = FreshFacts {
        alert: Some(alert),
        machine: closed.machine.clone(),
        isolation: Isolation::None,
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    assert_eq!(world.states(), [ActionState::Refused]);
    assert!(world.calls.is_empty());

    world.decide(decision("a1", "m1"));
    world.run();
    assert_eq!(world.calls.len(), 1, "people reopened the alert");
}

#[test]
fn facts_that_cannot_be_read_hold_the_action_after_five_tries() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    for _ in 0..5 {
        while let Some(effect) = world.waiting.pop_front() {
            if let Effect::Read { key, .. } = effect {
                let failure = Unreadable { why: "the server answered 503".into(), retry_after: None, refused: false };
                world.give(Event::Facts(key, Err(failure)));
            }
        }
        world.pass(Duration::from_secs(400));
    }
    assert_eq!(world.settled, []);
    world.run();
    assert!(world.calls.is_empty());
    assert!(matches!(
        world.responder.ledger().settled(&decision("a1", "m1").planned[0].key, Mode::Auto, world.at.wall),
        Some("held")
    ));
}

#[test]
fn in_shadow_mode_the_rehearsal_is_reported_and_nothing_is_called() {
    let mut shadow = config();
    shadow.mode = Mode::Shadow;
    let mut world = World::restored(shadow, Vec::new());
    world.decide(decision("a1", "m1"));
    world.run();
    assert_eq!(world.states(), [ActionState::Would]);
    assert_eq!((world.calls.len(), world.intents()), (0, 0));
}

#[test]
fn a_decision_that_needs_a_human_is_reported_and_settled() {
    let mut world = World::new();
    let mut unclear = decision("a1", "m1");
    unclear.verdict = Verdict::NeedsHuman;
    unclear.machine = None;
    unclear.planned.clear();
    world.decide(unclear);
    world.run();
    assert_eq!(world.states(), [ActionState::NeedsHuman]);
    assert_eq!(world.settled, [(0, RecordOutcome::Sent)]);
}

#[test]
fn a_pause_holds_everything_after_it_and_is_obeyed_once() {
    let mut world = World::new();
    let pause = CommandRecord::unsigned(Command::Pause, "anna".into(), "drill".into(), start());
    world.give(Event::Command(0, None, Ok(pause.clone())));
    world.give(Event::Command(0, None, Ok(pause)));
    world.decide(decision("a1", "m1"));
    world.run();
    assert_eq!(world.states(), [ActionState::Held]);
    assert_eq!((world.calls.len(), world.notices()), (0, 1));
}

#[test]
fn an_alert_closed_while_its_isolation_is_on_its_way_is_reported() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    let mut closed = decision("a1", "m1");
    closed.alert.status = AlertStatus::Resolved;
    closed.verdict = Verdict::Nothing;
    world.decide(closed);
    world.run();
    assert_eq!(world.states(), [ActionState::Accepted, ActionState::ClosedMeanwhile]);
}

#[test]
fn a_definite_refusal_of_the_call_is_a_failure_and_is_not_repeated() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Rejected("400 OsPlatformNotSupported".into()));
    world.decide(decision("a1", "m1"));
    world.run();
    assert_eq!(world.states(), [ActionState::Failed]);
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn an_alert_waits_for_an_action_that_may_still_be_stopped_and_is_then_judged_by_itself() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(60), spent: false });
    world.decide(decision("a2", "m1"));
    world.pass(Duration::from_secs(61));
    // People closed the first alert while it rested.
    let Some(Effect::Read { key, alert, .. }) = world.waiting.pop_front() else { panic!("no fresh read") };
    assert_eq!(alert.as_ref().map(|(id, _)| id.as_str()), Some("a1"), "the action that was begun goes first");
    let mut closed = decision("a1", "m1");
    closed.alert.status = AlertStatus::Resolved;
    let facts = FreshFacts {
        alert: Some(closed.alert),
        machine: closed.machine,
        isolation: Isolation::None,
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    assert_eq!(world.states(), [ActionState::Refused, ActionState::Accepted]);
}

#[test]
fn many_alerts_on_a_machine_in_doubt_leave_room_for_other_machines() {
    let mut world = World::new();
    world.decide(decision("a0", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    for n in 1..400 {
        world.decide(decision(&format!("a{n}"), "m1"));
    }
    assert!(world.responder.has_room());
    world.decide(decision("b", "m2"));
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Accepted));
}

#[test]
fn what_waits_for_its_turn_takes_room() {
    let mut world = World::new();
    for n in 0..300 {
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
    }
    assert!(!world.responder.has_room());
}

#[test]
fn a_decision_is_settled_only_after_the_report_that_its_alert_was_closed_is_durable() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    let mut closed = decision("a1", "m1");
    closed.alert.status = AlertStatus::Resolved;
    world.decide(closed);
    assert!(!world.waiting.iter().any(|effect| matches!(effect, Effect::Settle(..))), "{:?}", world.waiting);
    world.run();
    assert_eq!(world.states(), [ActionState::Accepted, ActionState::ClosedMeanwhile]);
    assert_eq!(world.settled, [(0, RecordOutcome::Sent), (1, RecordOutcome::Sent)]);
}

#[test]
fn a_decision_that_plans_nothing_is_settled() {
    let mut world = World::new();
    let mut empty = decision("a1", "m1");
    empty.planned.clear();
    world.decide(empty);
    world.run();
    assert_eq!(world.settled, [(0, RecordOutcome::Skipped("nothing_to_do"))]);
}

#[test]
fn the_fresh_read_cannot_turn_the_action_to_another_spelling_of_the_machine() {
    let mut world = World::new();
    world.decide(decision("a1", "ABC"));
    let Some(Effect::Read { key, .. }) = world.waiting.pop_back() else { panic!("no fresh read") };
    let facts = decision("a1", "abc");
    let facts = FreshFacts {
        alert: Some(facts.alert),
        machine: facts.machine,
        isolation: Isolation::None,
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    assert_eq!(world.calls[0].1.as_str(), "ABC");
}

#[test]
fn a_pause_between_the_intent_and_the_call_stops_the_call() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    while !matches!(world.waiting.front(), Some(Effect::WriteIntent(..))) {
        assert!(world.step(&mut |_| unreachable!("no call yet")));
    }
    let pause = CommandRecord::unsigned(Command::Pause, "anna".into(), "drill".into(), start());
    world.give(Event::Command(0, None, Ok(pause)));
    world.run();
    assert_eq!((world.calls.len(), world.states()), (0, vec![ActionState::Held]));
}

#[test]
fn an_alert_that_defender_no_longer_knows_is_held() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    let Some(Effect::Read { key, .. }) = world.waiting.pop_back() else { panic!("no fresh read") };
    let facts = FreshFacts {
        alert: None,
        machine: decision("a1", "m1").machine,
        isolation: Isolation::None,
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    assert_eq!((world.calls.len(), world.states()), (0, vec![ActionState::Held]));
}

#[test]
fn a_decision_is_settled_only_after_its_outcome_is_durable() {
    for answer in [Answer::Rejected("400".into()), Answer::Lost("the connection broke".into())] {
        let mut world = World::new();
        world.decide(decision("a1", "m1"));
        while world.calls.is_empty() {
            world.step(&mut |_| answer.clone());
        }
        let recorded = world.waiting.iter().any(|effect| matches!(effect, Effect::Record { .. }));
        let settled = world.waiting.iter().any(|effect| matches!(effect, Effect::Settle(..)));
        assert!(recorded && !settled && world.settled.is_empty(), "{:?}", world.waiting);
        world.run();
        assert_eq!(world.settled, [(0, RecordOutcome::Sent)]);
    }
}

#[test]
fn what_people_say_on_a_topic_that_was_made_anew_counts_and_what_was_read_before_does_not_count_again() {
    let pause = |by: &str| CommandRecord::unsigned(Command::Pause, by.into(), "drill".into(), start());
    let after = |minutes: i64| Some(start() + SignedDuration::from_mins(minutes));
    let mut world = World::new();
    for (offset, by) in [(0, "anna"), (1, "bob")] {
        world.give(Event::Command(offset, after(offset), Ok(pause(by))));
    }
    world.run();
    let by = |world: &World| world.responder.ledger().pause().map(|latch| latch.by.clone());
    for mut world in [world.restarted(config()), world] {
        // From a backup, or because the end of the topic was lost: read again from its beginning.
        world.give(Event::Command(0, after(0), Ok(pause("anna"))));
        world.run();
        assert_eq!((by(&world), world.responder.ledger().commands_next()), (Some("bob".to_owned()), 2));
        // On a topic that was made anew, at offsets that had been read.
        for (offset, who) in [(0, "carl"), (1, "dora")] {
            world.give(Event::Command(offset, after(offset + 5), Ok(pause(who))));
            world.run();
            assert_eq!((by(&world), world.responder.ledger().commands_next()), (Some(who.to_owned()), offset + 1));
        }
    }
}
