//! Cancelling our own actions, at every moment of their way.

use std::time::Duration;

use cordon_records::{
    Action, ActionKind, ActionState, ActionStatus, Command, DecisionRecord, LedgerRecord, Mode, RefusalCause,
};

use super::office::{ANN, BOB, attempted, config_of_the_office, signed};
use super::samples::{an, config, decision, pending};
use super::world::{World, plan};
use crate::Config;
use crate::event::{Answer, Effect, Event};
use crate::facts::ActionSnapshot;

fn cancel(what: ActionKind) -> DecisionRecord {
    plan("a1", "m1", vec![Action::Cancel { what, comment: "a false positive".into() }])
}

/// Accepts machine actions and does the others, as Defender would.
fn healthy(world: &mut World) {
    let cancels: Vec<_> =
        [ActionKind::Isolate, ActionKind::Scan].map(|kind| cancel(kind).planned.remove(0).key).into_iter().collect();
    world.run_with(&mut |key| match cancels.contains(key) {
        true => Answer::Done("Defender took the cancellation".into()),
        false => Answer::Accepted(pending(key)),
    });
}

#[test]
fn what_defender_has_taken_is_cancelled_there_by_its_id_and_its_end_comes_through_the_follow_up() {
    for kind in [ActionKind::Isolate, ActionKind::Scan] {
        let mut world = World::new();
        world.decide(plan("a1", "m1", vec![an(kind)]));
        healthy(&mut world);
        // Looks are minutes apart by now; a cancellation is looked at soon.
        for _ in 0..30 {
            world.pass(Duration::from_secs(60));
            healthy(&mut world);
        }
        world.decide(cancel(kind));
        healthy(&mut world);
        let id = pending(&world.calls[0].0).id;
        assert_eq!(world.orders[1].cancels, Some(id), "{kind}");
        assert_eq!(world.steps().last(), Some(&(ActionKind::Cancel, ActionState::Succeeded)), "{kind}");
        let mut end = pending(&world.calls[0].0);
        end.status = ActionStatus::Cancelled;
        let before = world.at.mono;
        world.until_followed(&[end]);
        assert!(world.at.mono - before <= Duration::from_secs(5), "{kind}");
        healthy(&mut world);
        assert_eq!(world.steps().last(), Some(&(kind, ActionState::Cancelled)), "{kind}");
        assert_eq!(world.orders.len(), 2, "{kind}");
    }
}

#[test]
fn what_was_not_called_yet_ends_before_any_call_whatever_it_waits_for() {
    for reading in [false, true] {
        let mut world = World::new();
        world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
        if !reading {
            world.run_with(&mut |_| Answer::NotDone {
                why: "429".into(),
                after: Duration::from_secs(600),
                spent: false,
            });
            world.orders.clear();
        }
        // Of the two reads, that of the cancellation comes first.
        world.decide(cancel(ActionKind::Isolate));
        let isolate = plan("a1", "m1", vec![an(ActionKind::Isolate)]).planned.remove(0).key;
        let late: std::collections::VecDeque<Effect> = {
            let is_late = |effect: &Effect| matches!(effect, Effect::Read { key, .. } if *key == isolate);
            let (late, rest) = world.waiting.drain(..).partition(|effect| is_late(effect));
            world.waiting = rest;
            late
        };
        world.run();
        world.waiting.extend(late);
        world.run();
        world.pass(Duration::from_secs(601));
        world.run();
        assert!(world.orders.is_empty(), "reading: {reading}");
        assert_eq!(
            world.steps(),
            [(ActionKind::Isolate, ActionState::Cancelled), (ActionKind::Cancel, ActionState::Succeeded)],
            "reading: {reading}"
        );
        assert_eq!(world.settled.len(), 2);
    }
}

#[test]
fn a_cancellation_waits_while_the_call_is_out_and_then_cancels_what_came_of_it() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
    while !matches!(world.waiting.front(), Some(Effect::Act { .. })) {
        assert!(world.step(&mut |_| unreachable!()));
    }
    world.decide(cancel(ActionKind::Isolate));
    assert!(!world.waiting.iter().any(|effect| matches!(effect, Effect::Read { .. })), "{:?}", world.waiting);
    healthy(&mut world);
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Cancel]);
}

#[test]
fn a_cancellation_waits_for_an_action_in_doubt_and_takes_no_room() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    world.decide(cancel(ActionKind::Isolate));
    healthy(&mut world);
    assert_eq!((world.called(), world.responder.has_room()), (vec![ActionKind::Isolate], true));
    for _ in 0..3 {
        world.pass(Duration::from_secs(121));
        healthy(&mut world);
    }
    // Nothing was found: no new attempt is made, and nobody says that the first came to nothing.
    let ends = [(ActionKind::Isolate, ActionState::NeedsHuman), (ActionKind::Cancel, ActionState::NeedsHuman)];
    assert!(ends.iter().all(|end| world.steps().contains(end)), "{:?}", world.steps());
    assert_eq!(world.called(), [ActionKind::Isolate]);
}

#[test]
fn with_nothing_to_cancel_nothing_is_read_or_called() {
    let other_alert = plan("a2", "m1", vec![an(ActionKind::Isolate)]);
    let other_machine = plan("a1", "m2", vec![an(ActionKind::Isolate)]);
    let other_kind = plan("a1", "m1", vec![an(ActionKind::Scan)]);
    for other in [other_alert, other_machine, other_kind] {
        let mut world = World::new();
        world.decide(other);
        world.run();
        world.decide(cancel(ActionKind::Isolate));
        assert!(!world.waiting.iter().any(|effect| matches!(effect, Effect::Read { .. })), "{:?}", world.waiting);
        world.run();
        assert_eq!(world.states(), [ActionState::Accepted, ActionState::Covered]);
        assert_eq!(world.orders.len(), 1);
    }
}

#[test]
fn what_ended_between_intent_and_call_is_not_cancelled_any_more() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
    world.run();
    world.pass(Duration::from_secs(5));
    let Some(Effect::Follow { .. }) = world.waiting.pop_front() else { panic!("no look") };
    world.decide(cancel(ActionKind::Isolate));
    while !matches!(world.waiting.front(), Some(Effect::WriteIntent(..))) {
        assert!(world.step(&mut |_| unreachable!()));
    }
    let mut end = pending(&world.calls[0].0);
    end.status = ActionStatus::Succeeded;
    world.give(Event::Followed(Ok(vec![end])));
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate]);
    assert_eq!(world.steps().last(), Some(&(ActionKind::Cancel, ActionState::Covered)));
}

#[test]
fn a_cancellation_drops_the_new_attempt_of_a_failed_isolation_for_good() {
    let twice = || Config { waits: attempted(2, 300), ..config() };
    let mut world = World::restored(twice(), Vec::new());
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
    world.run();
    let mut end = pending(&world.calls[0].0);
    end.status = ActionStatus::Failed;
    world.until_followed(&[end]);
    world.run();
    world.decide(cancel(ActionKind::Isolate));
    world.run();
    let mut after = World::restored(twice(), world.log.clone());
    for world in [&mut world, &mut after] {
        world.pass(Duration::from_secs(301));
        world.run();
    }
    assert_eq!((world.orders.len(), after.orders.len()), (1, 0));
    assert!(world.steps().contains(&(ActionKind::Isolate, ActionState::Cancelled)), "{:?}", world.steps());
}

#[test]
fn rules_do_not_call_back_what_a_person_asked_for() {
    use super::office::{ANN, config_of_the_office, machine, signed};
    use cordon_records::Command;
    let mut world = World::ready_for(ActionKind::Release).restarted(config_of_the_office());
    world.say(signed(ANN, Command::Release { machine: machine("m1") }, "c-1", world.at.wall));
    world.run();
    assert_eq!(world.called(), [ActionKind::Release]);
    // The person's release bears the alert of the isolation.
    world.decide(plan("a0", "m1", vec![Action::Cancel { what: ActionKind::Release, comment: "no".into() }]));
    world.run();
    assert_eq!(world.called(), [ActionKind::Release], "{:?}", world.steps());
}

#[test]
fn what_is_cancelled_after_an_attempt_that_nobody_saw_the_end_of_is_said_to_be_so() {
    for by_person in [true, false] {
        let mut world = World::restored(config_of_the_office(), Vec::new());
        world.decide(decision("a1", "m1"));
        world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
        world.pass(Duration::from_secs(121));
        let key = super::reconcile::look(&mut world).expect("the settled look");
        world.give(Event::Looked(key.clone(), Ok(Vec::new())));
        let command = signed(ANN, Command::Cancel { key }, "c-1", world.at.wall);
        if by_person {
            world.say(command.clone());
        } else {
            world.decide(plan("a1", "m1", vec![an(ActionKind::Cancel)]));
            // Its fresh read comes back before that of the isolation.
            world.waiting.rotate_left(1);
        }
        world.run();
        let told = world.steps();
        assert!(told.contains(&(ActionKind::Isolate, ActionState::NeedsHuman)), "{told:?}");
        assert!(!told.contains(&(ActionKind::Cancel, ActionState::Succeeded)), "{told:?}");
        assert_eq!(world.orders.len(), 1, "{:?}", world.reasons());
        assert!(world.reasons().iter().any(|why| why.contains("nobody knows what came of an earlier one")));
        if by_person {
            // Killed before the command was done with: it is read again, and done already.
            let until = |record: &LedgerRecord| matches!(record, LedgerRecord::Applied { .. });
            let log = world.log[..world.log.iter().position(until).unwrap()].to_vec();
            let mut next = World::restored_at(config_of_the_office(), log, world.at.wall);
            next.say(command);
            next.run();
            assert!(next.told().is_empty() && next.orders.is_empty(), "{:?}", next.told());
        }
    }
}

/// A world in which one isolation waits for approval.
fn held_under(config: Config) -> World {
    let mut world = World::restored(config, Vec::new());
    let mut asking = plan("a1", "m1", vec![an(ActionKind::Isolate)]);
    asking.planned[0].mode = Mode::Approve;
    world.decide(asking);
    world.run();
    assert_eq!(world.states(), [ActionState::Held], "{:?}", world.reasons());
    world
}

#[test]
fn what_somebody_cancelled_is_said_to_be_cancelled_already_and_by_whom() {
    let mut world = held_under(config_of_the_office());
    let Command::Approve { key, .. } = world.approval() else { panic!("no approval") };
    world.says(ANN, Command::Cancel { key: key.clone() }, "c-1");
    assert_eq!(world.states().last(), Some(&ActionState::Cancelled));
    assert!(world.told().is_empty(), "{:?}", world.told());
    for mut world in [world.restarted(config_of_the_office()), world] {
        let steps = world.states().len();
        world.says(BOB, Command::Cancel { key: key.clone() }, "c-2");
        let told = world.told();
        assert!(told[0].contains("is cancelled already (cancelled by ann@example.com"), "{told:?}");
        assert_eq!(world.causes(), [RefusalCause::NothingToDo]);
        assert_eq!((world.states().len(), world.orders.len()), (steps, 0));
    }
}

#[test]
fn a_command_where_nobody_may_sign_is_refused_as_a_gap_in_the_configuration() {
    let nobody = Config { signers: config().signers, ..config_of_the_office() };
    assert!(nobody.signers.is_empty());
    let mut world = held_under(nobody);
    let approval = world.approval();
    world.says(ANN, approval, "c-1");
    let told = world.told();
    assert!(told[0].contains("nobody may sign yet") && told[0].contains("no sign of an attack"), "{told:?}");
    assert_eq!(world.causes(), [RefusalCause::Configuration]);
    assert_eq!(world.states(), [ActionState::Held]);
}

/// Defender names our app as who cancelled it, or somebody else.
fn cancelled_by(who: &str, isolation: &cordon_records::ActionKey) -> ActionSnapshot {
    let (status, detail) = (ActionStatus::Cancelled, Some(format!("cancelled by {who}")));
    ActionSnapshot { status, cancelled_by: Some(who.to_owned()), detail, ..pending(isolation) }
}

/// Our app, as Defender names it.
const APP: &str = "0b3c51aa-93d1-4a5e-8a0f-0a3d0f6f3b1e";

#[test]
fn what_defender_cancelled_for_us_is_cancelled_by_the_person_or_rule_that_asked_and_not_by_our_app() {
    let key = plan("a1", "m1", vec![an(ActionKind::Isolate)]).planned.remove(0).key;
    let by_ann = |command| (Some(command), "cancelled by ann@example.com: looked at it");
    for (asked, expected) in [
        by_ann(Command::Cancel { key: key.clone() }),
        by_ann(Command::Release { machine: super::office::machine("m1") }),
        (None, "cancelled by rule one-rule: a false positive"),
    ] {
        let mut world = World::restored(config_of_the_office(), Vec::new());
        world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
        world.run();
        match asked {
            Some(command) => world.say(signed(ANN, command, "c-1", world.at.wall)),
            None => {
                world.decide(cancel(ActionKind::Isolate));
                0
            }
        };
        world.run_with(&mut |_| Answer::Done("Defender took the cancellation".into()));
        assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Cancel], "{:?}", world.reasons());
        for mut world in [world.restarted(config_of_the_office()), world] {
            world.until_followed(&[cancelled_by(APP, &key)]);
            world.run();
            assert!(world.reasons().contains(&expected.to_owned()), "{expected}: {:?}", world.reasons());
        }
    }
}

#[test]
fn what_somebody_else_cancelled_at_defender_is_theirs_whatever_we_asked_for() {
    let key = plan("a1", "m1", vec![an(ActionKind::Isolate)]).planned.remove(0).key;
    for (asks, who) in [(true, "analyst@contoso.com"), (false, "analyst@contoso.com"), (false, APP)] {
        let mut world = World::restored(config_of_the_office(), Vec::new());
        world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
        world.run();
        if asks {
            world.say(signed(ANN, Command::Cancel { key: key.clone() }, "c-1", world.at.wall));
            world.run_with(&mut |_| Answer::Done("Defender took the cancellation".into()));
            assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Cancel]);
        }
        world.until_followed(&[cancelled_by(who, &key)]);
        world.run();
        let expected = format!("the action was cancelled (cancelled by {who})");
        assert!(world.reasons().contains(&expected), "{asks}, {who}: {:?}", world.reasons());
    }
}

#[test]
fn a_cancellation_of_an_earlier_attempt_says_nothing_of_the_next() {
    let twice = Config { waits: attempted(2, 300), ..config_of_the_office() };
    let key = plan("a1", "m1", vec![an(ActionKind::Isolate)]).planned.remove(0).key;
    let mut world = World::restored(twice, Vec::new());
    world.decide(plan("a1", "m1", vec![an(ActionKind::Isolate)]));
    world.run();
    world.say(signed(ANN, Command::Cancel { key: key.clone() }, "c-1", world.at.wall));
    world.run_with(&mut |_| Answer::Done("Defender took the cancellation".into()));
    // The cancellation came too late for that.
    world.until_followed(&[ActionSnapshot { status: ActionStatus::Failed, ..pending(&key) }]);
    world.pass(Duration::from_secs(301));
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Cancel, ActionKind::Isolate]);
    world.until_followed(&[cancelled_by(APP, &key)]);
    world.run();
    let expected = format!("the action was cancelled (cancelled by {APP})");
    assert!(world.reasons().contains(&expected), "{:?}", world.reasons());
}
