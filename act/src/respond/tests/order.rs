//! What begins when: the order within a decision, and what excludes what on one machine.

use std::time::Duration;

use cordon_records::{Action, ActionKind, ActionState, ScanType};
use cordon_runtime::kafka::Fate;

use super::world::{World, an, pending, plan};
use crate::respond::event::{Answer, Effect, Event};

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
    assert_eq!(world.settled, [(0, Fate::Sent)]);
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
    world.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(60) });
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
    assert_eq!(world.settled, [(0, Fate::Sent), (1, Fate::Sent)]);
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
    let own_lane = |kind: &&ActionKind| !matches!(kind, ActionKind::Cancel | ActionKind::UpdateAlert);
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
    done.status = cordon_defender::ActionStatus::Succeeded;
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
    let many = || vec![an(ActionKind::Scan), an(ActionKind::Tag), an(ActionKind::Investigate), an(ActionKind::Isolate)];
    for n in 0..200 {
        world.decide(plan(&format!("a{n}"), &format!("m{n}"), many()));
    }
    assert!(world.responder.has_room());
    for n in 200..300 {
        world.decide(plan(&format!("a{n}"), &format!("m{n}"), many()));
    }
    assert!(!world.responder.has_room());
}
