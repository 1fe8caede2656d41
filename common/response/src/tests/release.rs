//! A person lets a machine back, at every moment of its isolation.

use std::time::Duration;

use cordon_policy::Isolation;
use cordon_records::{
    ActionKind, ActionState, ActionStatus, Command, LedgerRecord, MachineActionId, Mode, Report, StampedRecord,
};
use jiff::SignedDuration;

use super::office::{ANN, config_of_the_office, machine, signed, unsigned};
use super::samples::{an, decision, pending};
use super::world::{World, plan};
use crate::Config;
use crate::event::{Answer, Effect, Event};

fn release() -> Command {
    Command::Release { machine: machine("m1") }
}

/// Carries out everything as Defender would: what is cancelled is done with the answer, all else is accepted.
fn healthy(world: &mut World) {
    for _ in 0..1_000 {
        let cancels = |effect: &Effect| match effect {
            Effect::Act { order, .. } => order.cancels.is_some(),
            _ => false,
        };
        let is_cancel = world.waiting.front().is_some_and(cancels);
        let stepped = world.step(&mut |key| match is_cancel {
            true => Answer::Done("Defender took the cancellation".into()),
            false => Answer::Accepted(pending(key)),
        });
        if !stepped {
            return;
        }
    }
    panic!("the responder never comes to rest");
}

/// The first isolation ends so.
fn isolation_ends(world: &mut World, status: ActionStatus) {
    let isolation = world.orders.iter().find(|order| order.action.kind() == ActionKind::Isolate).unwrap();
    let mut end = pending(&isolation.key);
    end.status = status;
    world.until_followed(&[end]);
    healthy(world);
}

/// A world in which machine m1 was isolated, by us.
fn isolated() -> World {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(decision("a1", "m1"));
    world.run();
    isolation_ends(&mut world, ActionStatus::Succeeded);
    world
}

#[test]
fn a_machine_that_we_isolated_is_let_back_once_with_the_persons_name_and_reason() {
    let mut world = isolated();
    world.says(ANN, release(), "c-1");
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Release]);
    let comment = &world.orders[1].comment;
    assert!(comment.starts_with("looked at it (asked for by ann@example.com) [cordon:"), "{comment}");
    let Some(Report::Action(last)) = world.reports.last() else { panic!("no report") };
    assert_eq!((last.state, last.requested_by.as_deref()), (ActionState::Accepted, Some("ann@example.com")));
    assert_eq!(last.alert.id.as_str(), "a1", "its mails belong to the thread of the isolation");
}

#[test]
fn a_machine_that_somebody_else_isolated_is_let_back_and_one_that_is_not_isolated_is_not_called() {
    for (stands, calls, state) in [
        (Isolation::Isolated { id: MachineActionId::new("by-hand").unwrap() }, 1, ActionState::Accepted),
        (Isolation::Unknown, 1, ActionState::Accepted),
        (Isolation::None, 0, ActionState::Covered),
    ] {
        let mut world = World::restored(config_of_the_office(), Vec::new());
        world.isolated.insert(machine("m1"), stands.clone());
        world.says(ANN, release(), "c-1");
        assert_eq!((world.orders.len(), world.states()), (calls, vec![state]), "{stands:?}");
    }
}

#[test]
fn neither_pause_nor_breaker_nor_shadow_mode_keeps_a_person_from_letting_a_machine_back() {
    let world = isolated();
    let shadow = Config { mode: Mode::Shadow, ..config_of_the_office() };
    let mut next = world.restarted(shadow);
    next.say(unsigned(Command::Pause, "p-1", next.at.wall));
    next.run();
    next.says(ANN, release(), "c-1");
    assert_eq!(next.called(), [ActionKind::Release], "{:?}", next.reasons());
}

#[test]
fn a_pending_isolation_is_cancelled_and_the_release_waits_for_its_end() {
    for (end, calls) in [
        // Cancelled before it took effect: nothing is left to release.
        (ActionStatus::Cancelled, vec![ActionKind::Isolate, ActionKind::Cancel]),
        // The cancellation came too late.
        (ActionStatus::Succeeded, vec![ActionKind::Isolate, ActionKind::Cancel, ActionKind::Release]),
    ] {
        for restart in [false, true] {
            let mut world = World::restored(config_of_the_office(), Vec::new());
            world.decide(decision("a1", "m1"));
            world.run();
            world.say(signed(ANN, release(), "c-1", world.at.wall));
            healthy(&mut world);
            assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Cancel], "{end:?}");
            assert_eq!(world.orders[1].cancels, Some(pending(&world.orders[0].key).id));
            let first = world.orders.clone();
            if restart {
                world = world.restarted(config_of_the_office());
                healthy(&mut world);
                assert!(world.orders.is_empty(), "{:?}", world.called());
                world.orders = first;
            }
            isolation_ends(&mut world, end.clone());
            world.pass(Duration::from_secs(1));
            healthy(&mut world);
            assert_eq!(world.called(), calls, "{end:?}, restart: {restart}");
            let covered = world.steps().contains(&(ActionKind::Release, ActionState::Covered));
            assert_eq!(covered, end == ActionStatus::Cancelled, "{:?}", world.steps());
        }
    }
}

#[test]
fn an_isolation_that_was_not_called_yet_ends_at_once() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(600), spent: false });
    world.orders.clear();
    world.says(ANN, release(), "c-1");
    world.pass(Duration::from_secs(601));
    world.run();
    assert!(world.orders.is_empty(), "{:?}", world.called());
    assert_eq!(
        world.steps(),
        [(ActionKind::Isolate, ActionState::Cancelled), (ActionKind::Release, ActionState::Covered)]
    );
    assert!(world.reasons()[0].contains("ann@example.com released the machine"), "{:?}", world.reasons());
}

#[test]
fn an_isolation_in_doubt_is_settled_first_and_is_not_attempted_anew_against_the_persons_word() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    world.says(ANN, release(), "c-1");
    assert_eq!(world.orders.len(), 1, "nothing goes out while nobody knows what the first call did");
    for _ in 0..5 {
        world.pass(Duration::from_secs(61));
        world.run();
    }
    // The settled list did not know it: no second isolation, and nothing to release.
    assert_eq!(world.called(), [ActionKind::Isolate], "{:?}", world.reasons());
    let (isolation, release) = (ActionKind::Isolate, ActionKind::Release);
    let steps = world.steps();
    assert!(
        steps.contains(&(isolation, ActionState::Held)) && steps.contains(&(release, ActionState::Covered)),
        "{steps:?}"
    );
}

#[test]
fn what_a_person_released_stays_released_for_a_day_and_is_isolated_after_it() {
    let mut world = isolated();
    world.says(ANN, release(), "c-1");
    let held = |world: &mut World, alert: &str| {
        let mut later = decision(alert, "m1");
        later.alert.newest_moment = Some(world.at.wall);
        world.decide(later);
        world.run();
        world.states().last().copied()
    };
    assert_eq!(held(&mut world, "a2"), Some(ActionState::Accepted), "it waits while the release is on its way");
    let mut end = pending(&world.orders[1].key);
    end.status = ActionStatus::Succeeded;
    world.until_followed(&[end]);
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Held));
    assert!(world.reasons().last().unwrap().contains("released by ann@example.com"), "{:?}", world.reasons());
    assert_eq!(held(&mut world, "a3"), Some(ActionState::Held));
    let mut world = world.restarted(config_of_the_office());
    assert_eq!(held(&mut world, "a4"), Some(ActionState::Held), "also for the next holder");
    world.pass(Duration::from_secs(24 * 3_600 + 60));
    world.run();
    // The pure world reads alerts of its start; the age guard is not what is tested here.
    world.give(Event::Policy(Box::new(super::policy::in_force("hold: {alert_older_than: 365d}"))));
    assert_eq!(held(&mut world, "a5"), Some(ActionState::Accepted), "{:?}", world.reasons());
}

#[test]
fn killed_after_any_record_the_release_is_made_once_and_the_isolation_never_again() {
    for pending_isolation in [true, false] {
        let mut world = World::restored(config_of_the_office(), Vec::new());
        world.decide(decision("a1", "m1"));
        world.run();
        if !pending_isolation {
            isolation_ends(&mut world, ActionStatus::Succeeded);
        }
        let (before, isolated) = (world.log.len(), world.isolated.clone());
        let command = signed(ANN, release(), "c-1", world.at.wall);
        world.say(command.clone());
        healthy(&mut world);
        for cut in before..=world.log.len() {
            let mut next = World::restored_at(config_of_the_office(), world.log[..cut].to_vec(), world.at.wall);
            next.isolated.clone_from(&isolated);
            if next.responder.ledger().commands_next() == 0 {
                next.give(Event::Command(0, None, Ok(command.clone())));
            }
            for _ in 0..4 {
                healthy(&mut next);
                next.pass(Duration::from_secs(61));
            }
            healthy(&mut next);
            let calls = next.called();
            let count = |kind| calls.iter().filter(|called| **called == kind).count();
            assert_eq!(count(ActionKind::Isolate), 0, "cut at {cut}: {calls:?}");
            assert!(count(ActionKind::Cancel) <= 1 && count(ActionKind::Release) <= 2, "cut at {cut}: {calls:?}");
            assert!(next.told().is_empty(), "cut at {cut}: {:?}", next.told());
        }
    }
}

#[test]
fn a_person_cancels_exactly_the_action_that_they_name() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    let other = cordon_records::Sha1::new(&"0b".repeat(20)).unwrap();
    let other = cordon_records::Action::StopFile { sha1: other, comment: "that one".into() };
    world.decide(plan("a1", "m1", vec![an(ActionKind::StopFile), other]));
    healthy(&mut world);
    world.pass(Duration::from_secs(1));
    healthy(&mut world);
    assert_eq!(world.orders.len(), 2, "{:?}", world.steps());
    let first = world.orders[0].key.clone();
    world.say(signed(ANN, Command::Cancel { key: first.clone() }, "c-1", world.at.wall));
    healthy(&mut world);
    assert_eq!(world.orders[2].cancels, Some(pending(&first).id));
    assert!(world.orders[2].comment.contains("asked for by ann@example.com"));
}

#[test]
fn what_is_held_or_waits_for_a_new_attempt_is_cancelled_without_a_call_and_what_has_ended_is_refused() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    let mut asking = decision("a1", "m1");
    asking.planned[0].mode = Mode::Approve;
    let key = asking.planned[0].key.clone();
    world.decide(asking);
    world.run();
    world.says(ANN, Command::Cancel { key: key.clone() }, "c-1");
    assert_eq!((world.states().last(), world.orders.len()), (Some(&ActionState::Cancelled), 0));
    assert!(world.told().is_empty());

    let mut world = isolated();
    let key = world.orders[0].key.clone();
    world.says(ANN, Command::Cancel { key }, "c-2");
    assert!(world.told()[0].contains("has ended: there is nothing to cancel"), "{:?}", world.told());
    assert!(
        world.log.iter().any(|record| matches!(record, LedgerRecord::Applied { .. })),
        "a copy must not find a better moment"
    );
}

#[test]
fn a_yes_that_was_said_before_the_machine_was_let_back_isolates_it_no_more() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    let mut asking = decision("a1", "m1");
    asking.planned[0].mode = Mode::Approve;
    world.decide(asking);
    world.run();
    let approval = world.approval();
    world.say(signed(ANN, approval, "c-1", world.at.wall));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    assert_eq!(world.called(), [ActionKind::Isolate]);
    world.pass(Duration::from_secs(10));
    world.says(super::office::BOB, release(), "c-2");
    for _ in 0..5 {
        world.pass(Duration::from_secs(61));
        world.run();
    }
    // The settled list did not know the first call.
    assert_eq!(world.called(), [ActionKind::Isolate], "{:?}", world.reasons());
}

#[test]
fn a_release_is_remembered_although_defenders_list_knows_an_older_one() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    let long_ago = world.at.wall - jiff::SignedDuration::from_hours(30);
    world.isolated.insert(machine("m1"), Isolation::Released { at: long_ago, by: "bert".into() });
    world.says(ANN, release(), "c-1");
    world.decide(decision("a1", "m1"));
    world.run();
    assert_eq!(world.states(), [ActionState::Covered, ActionState::Held], "{:?}", world.reasons());
}

#[test]
fn two_people_who_let_one_machine_back_cancel_its_isolation_once() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(decision("a1", "m1"));
    world.run();
    for (by, id) in [(ANN, "c-1"), (super::office::BOB, "c-2")] {
        world.say(signed(by, release(), id, world.at.wall));
        healthy(&mut world);
    }
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Cancel], "{:?}", world.steps());
}

#[test]
fn a_command_is_done_with_only_when_what_it_ended_is_durable() {
    let resting = || {
        let mut world = World::restored(config_of_the_office(), Vec::new());
        world.decide(decision("a1", "m1"));
        world.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(600), spent: true });
        world
    };
    let key = decision("a1", "m1").planned[0].key.clone();
    for command in [release(), Command::Cancel { key: key.clone() }] {
        let mut world = resting();
        world.say(signed(ANN, command.clone(), "c-1", world.at.wall));
        let writes = world.waiting.iter().filter_map(|effect| match effect {
            Effect::Record { ledger, .. } => Some(ledger),
            _ => None,
        });
        let position = LedgerRecord::CommandsPosition { next: 1, newest: None };
        let mut writes = writes.filter(|ledger| ledger.iter().any(|written| *written.record() == position));
        let last = writes.next_back().expect("the position is written");
        // Two writes of one key follow each other, so the position waits for whatever ends the action.
        let ends = |record: &StampedRecord| matches!(record.record(), LedgerRecord::Action(entry) if entry.key == key);
        let done = last.iter().position(|written| *written.record() == position);
        let end = last.iter().position(ends);
        assert!(end.is_some() && end < done, "{command:?}: {last:?}");
    }
}

#[test]
fn a_rules_release_during_a_pause_is_held_and_not_taken_for_done() {
    let mut world = isolated();
    world.say(unsigned(Command::Pause, "p-1", world.at.wall));
    world.decide(plan("a1", "m1", vec![an(ActionKind::Release)]));
    world.run();
    assert_eq!(world.steps().last(), Some(&(ActionKind::Release, ActionState::Held)), "{:?}", world.reasons());
}

#[test]
fn a_word_without_a_signature_stops_no_release_that_a_person_asked_for() {
    let mut world = isolated();
    world.say(signed(ANN, release(), "c-1", world.at.wall));
    let asked = world.responder.ledger().entries().find(|entry| entry.requested_by.is_some()).unwrap().key.clone();
    world.say(unsigned(Command::Deny { key: asked }, "d-1", world.at.wall));
    world.run();
    assert!(world.told()[0].contains("waits for nobody: it stands at approved"), "{:?}", world.told());
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Release]);
}

#[test]
fn a_rules_release_lets_no_machine_back_that_a_later_decision_has_isolated_meanwhile() {
    let mut world = World::new();
    let mut isolate = plan("a2", "m1", vec![an(ActionKind::Isolate)]);
    let decided = isolate.decided_at;
    isolate.decided_at = decided + SignedDuration::from_secs(1);
    world.decide(isolate);
    world.run();
    let mut end = pending(&world.calls[0].0);
    end.status = ActionStatus::Succeeded;
    world.until_followed(&[end]);
    world.run();

    // It was put aside while the more urgent isolation was taken in.
    world.decide(plan("a1", "m1", vec![an(ActionKind::Release)]));
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate]);
    assert_eq!(world.states().last(), Some(&ActionState::Refused));
    let reasons = world.reasons();
    assert_eq!(
        reasons.last().unwrap(),
        "a later decision isolated m1.example.com for alert a2: what was decided before lets nobody back"
    );
    let mut later = plan("a1", "m1", vec![an(ActionKind::Release)]);
    later.decided_at = decided + SignedDuration::from_secs(2);
    world.decide(later);
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Release], "the alert was judged anew, later");
}

#[test]
fn a_rules_release_that_people_have_approved_is_done_whatever_was_decided_since() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    let by_hand = MachineActionId::new("by-hand").unwrap();
    world.isolated.insert(machine("m1"), Isolation::Isolated { id: by_hand });
    world.decide(plan("a1", "m1", vec![an(ActionKind::Release)]));
    world.run();
    assert_eq!(world.states(), [ActionState::Held], "{:?}", world.reasons());
    let mut later = plan("a2", "m1", vec![an(ActionKind::Isolate)]);
    later.decided_at += SignedDuration::from_secs(1);
    world.decide(later);
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Covered), "{:?}", world.reasons());
    let approval = world.approval();
    world.says(ANN, approval, "c-1");
    assert_eq!(world.called(), [ActionKind::Release], "{:?}", world.reasons());
}
