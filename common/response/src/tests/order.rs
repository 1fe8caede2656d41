//! What begins when: the order within a decision, and what excludes what on one machine.

use std::time::Duration;

use cordon_records::{
    Action, ActionKind, ActionState, AlertChanges, AlertStatus, IsolationType, Mode, RecordOutcome, ScanType,
};

use super::samples::{an, pending};
use super::world::{World, plan};
use crate::event::{Answer, Effect, Event};

/// Carries out everything; what is named is lost, everything else accepted.
fn run_losing(world: &mut World, lost: ActionKind) {
    let lost: Vec<_> = plan("a1", "m1", vec![an(lost)]).planned.into_iter().map(|planned| planned.key).collect();
    world.run_with(&mut |key| {
        if lost.contains(key) { Answer::Lost("the connection broke".into()) } else { Answer::Accepted(pending(key)) }
    });
}

fn read(kind: ActionKind) -> impl Fn(&Effect) -> bool {
    let key = plan("a1", "m1", vec![an(kind)]).planned.remove(0).key;
    move |effect| matches!(effect, Effect::Read { key: of, .. } if *of == key)
}

#[test]
fn the_actions_of_one_decision_begin_in_their_order_each_after_the_one_before_is_durable() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::CollectPackage), an(ActionKind::Isolate), an(ActionKind::Scan)]));
    loop {
        let reading = world.waiting.iter().filter(|effect| matches!(effect, Effect::Read { .. })).count();
        let recording = world.waiting.iter().filter(|effect| matches!(effect, Effect::Record { .. })).count();
        assert!(reading + recording <= 1, "{:?}", world.waiting);
        if !world.step(&mut |key| Answer::Accepted(pending(key))) {
            break;
        }
    }
    assert_eq!(world.called(), [ActionKind::CollectPackage, ActionKind::Isolate, ActionKind::Scan]);
    assert_eq!(world.settled, [(0, RecordOutcome::Sent)]);
}

#[test]
fn the_next_action_begins_whatever_the_one_before_became() {
    for answer in [Answer::Rejected("403 Forbidden".into()), Answer::Lost("the connection broke".into())] {
        let mut world = World::new();
        world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate), an(ActionKind::Scan)]));
        world.run_with(&mut |_| answer.clone());
        assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Scan], "{answer}");
    }
    let mut world = World::new();
    let mut held = plan("a1", "m1", vec![an(ActionKind::Isolate), an(ActionKind::Scan)]);
    held.planned[0].mode = cordon_records::Mode::Approve;
    world.decide(held);
    world.run();
    assert_eq!(world.steps(), [(ActionKind::Isolate, ActionState::Held), (ActionKind::Scan, ActionState::Accepted)]);
}

#[test]
fn an_action_that_rests_keeps_those_after_it_waiting_and_those_of_other_decisions_not() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate), an(ActionKind::Scan)]));
    world.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(60), spent: false });
    world.decide(plan("a2", "m1", vec![an(ActionKind::CollectPackage)]));
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::CollectPackage]);
    world.pass(Duration::from_secs(61));
    world.run();
    assert_eq!(world.called()[2..], [ActionKind::Isolate, ActionKind::Scan]);
}

#[test]
fn a_known_action_before_it_keeps_a_new_one_waiting_only_until_that_one_is_settled() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate), an(ActionKind::Scan)]));
    assert!(!world.waiting.iter().any(read(ActionKind::Scan)), "{:?}", world.waiting);
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Scan]);
    assert_eq!(world.settled, [(0, RecordOutcome::Sent), (1, RecordOutcome::Sent)]);
}

#[test]
fn a_machine_whose_isolation_is_in_doubt_is_scanned_and_collected_from_but_not_released() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
    run_losing(&mut world, ActionKind::Isolate);
    for (alert, kind) in [("a2", ActionKind::Scan), ("a3", ActionKind::Release), ("a4", ActionKind::CollectPackage)] {
        world.decide(plan(alert, "m1", vec![an(kind)]));
    }
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Scan, ActionKind::CollectPackage]);
}

#[test]
fn every_kind_queues_behind_its_own_kind_on_the_machine_and_behind_no_other() {
    // An investigation is refused unread.
    let own_lane =
        |kind: &&ActionKind| !matches!(kind, ActionKind::Cancel | ActionKind::UpdateAlert | ActionKind::Investigate);
    for kind in ActionKind::ALL.iter().filter(own_lane) {
        let mut world = World::new();
        world.decide(plan("a1", "m1", vec![an(*kind)]));
        world.decide(plan("a2", "m1", vec![an(*kind)]));
        let reads = world.waiting.iter().filter(|effect| matches!(effect, Effect::Read { .. })).count();
        assert_eq!(reads, 1, "{kind}");
        world.decide(plan("a3", "m2", vec![an(*kind)]));
        let reads = world.waiting.iter().filter(|effect| matches!(effect, Effect::Read { .. })).count();
        assert_eq!(reads, 2, "{kind} on another machine");
    }
}

#[test]
fn an_isolation_waits_until_our_release_of_the_machine_has_ended() {
    let mut world = World::ready_for(ActionKind::Release);
    world.decide(plan("a1", "m1", vec![an(ActionKind::Release)]));
    world.run();
    world.decide(plan("a2", "m1", vec![an(ActionKind::Isolate)]));
    world.run();
    assert_eq!(world.called(), [ActionKind::Release]);
    assert!(world.responder.has_room());

    let mut done = pending(&world.calls[0].0);
    done.status = cordon_records::ActionStatus::Succeeded;
    world.pass(Duration::from_secs(5));
    let followed = world.waiting.pop_front();
    assert!(matches!(followed, Some(Effect::Follow { .. })), "{followed:?}");
    world.give(Event::Followed(Ok(vec![done])));
    world.run();
    assert_eq!(world.called(), [ActionKind::Release, ActionKind::Isolate]);
}

#[test]
fn our_running_action_covers_the_same_wish_of_another_alert_and_no_other_wish() {
    let full = Action::Scan { scan: ScanType::Full, comment: "all of it".into() };
    let other_file =
        Action::StopFile { sha1: cordon_records::Sha1::new(&"0b".repeat(20)).unwrap(), comment: "that one".into() };
    for (first, second, covered) in [
        (an(ActionKind::Scan), an(ActionKind::Scan), true),
        (full.clone(), an(ActionKind::Scan), true),
        (an(ActionKind::Scan), full, false),
        (an(ActionKind::CollectPackage), an(ActionKind::CollectPackage), true),
        (an(ActionKind::StopFile), an(ActionKind::StopFile), true),
        (an(ActionKind::StopFile), other_file, false),
        (an(ActionKind::Isolate), an(ActionKind::Isolate), true),
    ] {
        let mut world = World::new();
        let told = format!("{first:?} and {second:?}");
        world.decide(plan("a1", "m1", vec![first]));
        world.run();
        world.decide(plan("a2", "m1", vec![second]));
        world.run();
        let expected = if covered { ActionState::Covered } else { ActionState::Accepted };
        assert_eq!(world.states(), [ActionState::Accepted, expected], "{told}");
    }
}

#[test]
fn a_decision_of_many_actions_takes_the_room_of_one() {
    let mut world = World::new();
    let many =
        || vec![an(ActionKind::Scan), an(ActionKind::Tag), an(ActionKind::CollectPackage), an(ActionKind::Isolate)];
    for n in 0..200 {
        world.decide(plan(&format!("a{n}"), &format!("m{n}"), many()));
    }
    assert!(world.responder.has_room());
    for n in 200..300 {
        world.decide(plan(&format!("a{n}"), &format!("m{n}"), many()));
    }
    assert!(!world.responder.has_room());
}

#[test]
fn while_the_quota_of_a_kind_is_spent_it_costs_no_reads_and_other_kinds_go_on_and_then_one_goes_first() {
    let reads = |world: &World| world.waiting.iter().filter(|effect| matches!(effect, Effect::Read { .. })).count();
    let mut world = World::new();
    world.decide(plan("a0", "m0", vec![an(ActionKind::CollectPackage)]));
    world.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(90), spent: true });
    for n in 1..100 {
        world.decide(plan(&format!("a{n}"), &format!("m{n}"), vec![an(ActionKind::CollectPackage)]));
    }
    assert_eq!(reads(&world), 0);
    assert!(world.responder.has_room(), "what waits for a quota keeps no other alert waiting");
    world.decide(plan("b", "m200", vec![an(ActionKind::Isolate)]));
    assert_eq!(reads(&world), 1);
    world.run();
    world.pass(Duration::from_secs(89));
    assert_eq!(reads(&world), 0);
    let due = world.responder.next_wake().unwrap();
    assert!(due <= world.at.mono + Duration::from_secs(1));
    world.pass(Duration::from_secs(1));
    assert_eq!(reads(&world), 1, "one shows whether the quota is there again");
    world.run_with(&mut |_| Answer::Done("started".into()));
    assert_eq!(world.orders.len(), 102, "and then all");
}

#[test]
fn two_decisions_of_one_alert_never_wait_for_each_other() {
    let mut world = World::new();
    let (scan, tag) = (an(ActionKind::Scan), an(ActionKind::Tag));
    // The scan of the machine waits behind that of another alert; the tag of ours ends as closed and may be judged anew.
    world.decide(plan("a0", "m1", vec![scan.clone()]));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    let mut closed = plan("a1", "m1", vec![tag.clone(), scan.clone()]);
    closed.alert.status = cordon_records::AlertStatus::Resolved;
    world.decide(closed.clone());
    let Some(Effect::Read { key, .. }) = world.waiting.pop_back() else { panic!("no read: {:?}", world.waiting) };
    let facts = crate::facts::FreshFacts {
        alert: Some(closed.alert),
        machine: closed.machine,
        isolation: cordon_policy::Isolation::None,
        ..crate::facts::FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    world.decide(plan("a1", "m1", vec![scan, tag]));
    for _ in 0..6 {
        world.pass(Duration::from_secs(61));
        world.run();
    }
    assert_eq!(world.settled.len(), 3, "{:?} {:?}", world.settled, world.reasons());
}

#[test]
fn a_selective_isolation_does_not_cover_a_full_one() {
    let isolate = |isolation| Action::Isolate { isolation, comment: "c".into(), release: None };
    for (first, second, state) in [
        (IsolationType::Selective, IsolationType::Full, ActionState::Held),
        (IsolationType::Full, IsolationType::Selective, ActionState::Covered),
        (IsolationType::Full, IsolationType::Full, ActionState::Covered),
    ] {
        for stands in [false, true] {
            let mut world = World::new();
            world.decide(plan("a1", "m1", vec![isolate(first)]));
            world.run();
            if stands {
                let mut end = pending(&world.calls[0].0);
                end.status = cordon_records::ActionStatus::Succeeded;
                world.until_followed(&[end]);
                world.run();
            }
            world.decide(plan("a2", "m1", vec![isolate(second)]));
            world.run();
            assert_eq!(world.states().last(), Some(&state), "{first:?} {second:?} {stands}: {:?}", world.reasons());
            assert_eq!(world.orders.len(), 1);
        }
    }
}

#[test]
fn an_alert_that_our_own_rule_closed_raises_no_alarm_about_what_was_begun_before() {
    let close = AlertChanges { status: Some(AlertStatus::Resolved), ..AlertChanges::default() };
    for (ours, alarms) in [(true, 0), (false, 1)] {
        let mut world = World::new();
        let mut actions = vec![an(ActionKind::StopFile)];
        actions.extend(ours.then(|| Action::UpdateAlert(close.clone())));
        world.decide(plan("a1", "m1", actions));
        let stop = world.waiting.front().is_some();
        assert!(stop);
        for _ in 0..3 {
            world.run_with(&mut |key| Answer::Accepted(pending(key)));
            world.pass(Duration::from_secs(1));
        }
        let mut closed = plan("a1", "m1", Vec::new());
        closed.alert.status = AlertStatus::Resolved;
        world.decide(closed);
        world.run();
        let told = world.states().into_iter().filter(|state| *state == ActionState::ClosedMeanwhile).count();
        assert_eq!(told, alarms, "{:?}", world.reasons());
    }
}

#[test]
fn a_plan_that_acts_takes_the_place_of_a_rehearsal_of_the_same_action_that_waits_for_its_turn() {
    for weaker in [Mode::Shadow, Mode::Approve] {
        let mut world = World::new();
        world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
        let stricter = plan("a2", "m1", vec![an(ActionKind::Isolate)]);
        let mut rehearsed = stricter.clone();
        rehearsed.planned[0].mode = weaker;
        world.decide(rehearsed);
        world.decide(stricter.clone());
        let first = plan("a1", "m1", vec![an(ActionKind::Isolate)]).planned.remove(0).key;
        world.run_with(&mut |key| {
            if *key == first { Answer::Rejected("400".into()) } else { Answer::Accepted(pending(key)) }
        });
        let called: Vec<_> = world.orders.iter().map(|order| order.key.clone()).collect();
        assert_eq!(called, [first, stricter.planned[0].key.clone()], "{weaker:?}");
        world.settled.sort_unstable_by_key(|(offset, _)| *offset);
        assert_eq!(world.settled.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 1, 2], "{weaker:?}");
    }
}

#[test]
fn an_older_decision_that_comes_later_does_not_take_the_place_of_what_the_newer_one_only_asks_for() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
    let older = plan("a2", "m1", vec![an(ActionKind::Isolate)]);
    let mut newer = older.clone();
    newer.planned[0].mode = Mode::Approve;
    newer.decided_at = older.decided_at + jiff::SignedDuration::from_secs(1);
    world.decide(newer);
    world.decide(older.clone());
    world.run_with(&mut |_| Answer::Rejected("400".into()));
    assert!(!world.orders.iter().any(|order| order.key == older.planned[0].key));
    assert!(world.steps().contains(&(ActionKind::Isolate, ActionState::Held)));
}
