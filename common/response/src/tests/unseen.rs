//! What ends by a word although an earlier call of it may have come through: nobody is told that nothing stands.

use std::time::Duration;

use cordon_records::{
    ActionKey, ActionKind, ActionState, ActionStatus, AttemptState, Command, CommandRecord, LedgerRecord, Mode,
};

use super::office::{ANN, attempted, config_of_the_office, config_with, machine, signed};
use super::samples::{an, config, decision, pending};
use super::world::{World, plan};
use crate::Config;
use crate::event::{Answer, Event};
use crate::facts::ActionSnapshot;

const LOST: &str = "the connection broke";

fn key() -> ActionKey {
    decision("a1", "m1").planned[0].key.clone()
}

/// A world in which the answer to the isolation of m1 was lost, the settled list does not show it, and the second attempt
/// is judged on this configuration.
fn after_a_lost_call(then: Config) -> World {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Lost(LOST.into()));
    let mut world = world.restarted(then);
    world.pass(Duration::from_secs(121));
    let key = super::reconcile::look(&mut world).expect("the settled look");
    world.give(Event::Looked(key, Ok(Vec::new())));
    world.run();
    assert!(world.orders.is_empty(), "{:?}", world.reasons());
    world
}

/// An isolation that failed is attempted three times.
fn thrice() -> Config {
    Config { waits: attempted(3, 300), ..config_of_the_office() }
}

fn followed_to(status: ActionStatus) -> ActionSnapshot {
    ActionSnapshot { status, ..pending(&key()) }
}

/// A world with two attempts of the isolation of m1: of the first the answer was lost, or Defender said that it failed. The
/// second has been asked for.
fn asked_for_twice(config: Config, lost: bool) -> World {
    let mut world = World::restored(config, Vec::new());
    world.decide(decision("a1", "m1"));
    if lost {
        world.run_with(&mut |_| Answer::Lost(LOST.into()));
        world.pass(Duration::from_secs(121));
        let looked = super::reconcile::look(&mut world).expect("the settled look");
        world.give(Event::Looked(looked, Ok(Vec::new())));
    } else {
        world.run();
        world.until_followed(&[followed_to(ActionStatus::Failed)]);
        world.pass(Duration::from_secs(301));
    }
    world.run();
    world
}

fn careful() -> Config {
    Config { mode: Mode::Approve, ..config_of_the_office() }
}

/// The same, and the second attempt waits for an approval.
fn held_after_a_lost_call() -> World {
    let world = after_a_lost_call(careful());
    assert_eq!(world.states(), [ActionState::Held], "{:?}", world.reasons());
    world
}

/// That a person is asked to look, and that nothing was called.
fn asks_to_look(world: &World, beginning: &str) {
    assert_eq!(world.states().last(), Some(&ActionState::NeedsHuman), "{:?}", world.reasons());
    let why = world.reasons().pop().unwrap();
    assert!(why.starts_with(beginning), "{why}");
    assert!(why.contains("nobody knows what came of an earlier one"), "{why}");
    assert!(why.contains("action center, or at `cordon isolated`"), "{why}");
    assert!(world.orders.is_empty());
}

#[test]
fn what_is_cancelled_denied_or_expired_while_it_is_held_after_a_lost_call_asks_a_person_to_look() {
    let deny = |world: &World| {
        CommandRecord::unsigned(Command::Deny { key: key() }, "bert".into(), "no".into(), world.at.wall)
    };
    let cancel = |world: &World| signed(ANN, Command::Cancel { key: key() }, "c-1", world.at.wall);
    for (command, beginning) in [
        (Some(cancel as fn(&World) -> CommandRecord), "cancelled by ann@example.com: looked at it"),
        (Some(deny), "denied by bert: no"),
        (None, "nobody decided in time"),
    ] {
        let mut world = held_after_a_lost_call();
        let command = command.map(|command| command(&world));
        match &command {
            Some(command) => {
                world.say(command.clone());
            }
            None => world.pass(Duration::from_secs(86_401)),
        }
        world.run();
        asks_to_look(&world, beginning);
        // Killed before the command was done with: it is read again, and done already.
        let Some(command) = command else { continue };
        let ended = |record: &LedgerRecord| matches!(record, LedgerRecord::Action(entry) if entry.reason.starts_with(beginning));
        let log = world.log[..=world.log.iter().position(ended).unwrap()].to_vec();
        let mut next = World::restored_at(careful(), log, world.at.wall);
        next.say(command);
        next.run();
        assert!(next.told().is_empty() && next.states().is_empty(), "{:?} {:?}", next.told(), next.reasons());
    }
}

#[test]
fn what_a_guard_refuses_or_shadow_mode_stops_after_a_lost_call_asks_a_person_to_look() {
    let never = config_with("{hold: {kinds: []}, never: {names: [\"m1*\"]}}");
    asks_to_look(&after_a_lost_call(never), "never-list: ");
    let shadow = Config { mode: Mode::Shadow, ..config_of_the_office() };
    asks_to_look(&after_a_lost_call(shadow), "shadow mode: would have been done");
}

#[test]
fn a_new_attempt_that_is_taken_back_says_what_is_known_of_those_before_the_failed_one() {
    for (lost, by_person) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut world = asked_for_twice(thrice(), lost);
        world.until_followed(&[followed_to(ActionStatus::Failed)]);
        world.run();
        assert_eq!(world.orders.len(), 2, "{:?}", world.reasons());
        if by_person {
            world.says(ANN, Command::Cancel { key: key() }, "c-1");
        } else {
            world.decide(plan("a1", "m1", vec![an(ActionKind::Cancel)]));
            world.run();
        }
        let ended = if lost { ActionState::NeedsHuman } else { ActionState::Cancelled };
        assert!(world.steps().contains(&(ActionKind::Isolate, ended)), "{lost}: {:?}", world.steps());
        if !by_person {
            let told = if lost { ActionState::NeedsHuman } else { ActionState::Succeeded };
            assert_eq!(world.steps().last(), Some(&(ActionKind::Cancel, told)), "{lost}: {:?}", world.reasons());
        }
        let mut after = world.restarted(thrice());
        after.pass(Duration::from_secs(301));
        after.run();
        assert!(after.orders.is_empty(), "{:?}", after.reasons());
    }
}

#[test]
fn a_release_goes_out_where_a_call_before_the_failed_one_was_lost_and_not_where_all_have_failed() {
    let named = || cordon_records::NamedIsolation { key: key(), machine: machine("m1") };
    for lost in [true, false] {
        let mut world = asked_for_twice(thrice(), lost);
        world.until_followed(&[followed_to(ActionStatus::Failed)]);
        world.run();
        world.say(signed(ANN, Command::ReleaseEach { isolations: vec![named()], count: 1 }, "c-1", world.at.wall));
        let reads = |world: &World| world.waiting.iter().any(|it| matches!(it, crate::event::Effect::Read { .. }));
        let read = reads(&world);
        world.run();
        assert_eq!(read, lost, "{:?}", world.reasons());
        if !lost {
            let why = world.reasons().pop().unwrap();
            assert_eq!(why, "nothing came of its isolation so far, and no new attempt of it is made");
        }
    }
}

#[test]
fn an_alert_is_held_on_a_second_machine_while_a_lost_call_for_the_first_may_come_through() {
    let mut first = held_after_a_lost_call();
    first.says(ANN, Command::Cancel { key: key() }, "c-1");
    for mut world in [held_after_a_lost_call(), first] {
        world = world.restarted(config());
        world.decide(decision("a1", "m2"));
        world.run();
        assert!(world.orders.is_empty(), "{:?}", world.reasons());
        assert!(world.reasons().pop().unwrap().contains("has an isolation on m1.example.com already"));
    }
}

#[test]
fn an_approval_of_what_is_held_after_a_lost_call_keeps_that_in_doubt_when_the_new_one_fails() {
    let mut world = held_after_a_lost_call();
    let approval = world.approval();
    world.say(signed(ANN, approval, "c-1", world.at.wall));
    world.run_with(&mut |_| Answer::Rejected("400".into()));
    let entry = world.responder.ledger().get(&key()).unwrap();
    assert_eq!((world.orders.len(), entry.unseen, entry.leaves_doubt()), (1, Some(1), true));
}

#[test]
fn what_failed_for_a_missing_permission_and_is_held_and_denied_when_asked_for_again_was_never_in_doubt() {
    let mut world = World::restored(careful(), Vec::new());
    world.decide(decision("a1", "m1"));
    world.run();
    let approval = world.approval();
    world.say(signed(ANN, approval, "c-1", world.at.wall));
    world.run_with(&mut |_| Answer::Forbidden("HTTP 403 Forbidden".into()));
    world.says(ANN, Command::Retry { key: key() }, "c-2");
    assert_eq!(world.states().last(), Some(&ActionState::Held), "{:?}", world.reasons());
    world.say(CommandRecord::unsigned(Command::Deny { key: key() }, "bert".into(), "no".into(), world.at.wall));
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Denied), "{:?}", world.reasons());
    let entry = world.responder.ledger().get(&key()).unwrap();
    assert_eq!((entry.unseen, entry.leaves_doubt()), (Some(0), false));
}

#[test]
fn the_end_of_a_second_attempt_says_that_nobody_knows_what_came_of_the_first() {
    for (status, ended) in [
        (ActionStatus::Cancelled, ActionState::NeedsHuman),
        (ActionStatus::Failed, ActionState::Failed),
        (ActionStatus::TimeOut, ActionState::TimedOut),
        (ActionStatus::Succeeded, ActionState::Succeeded),
    ] {
        let mut world = asked_for_twice(config_of_the_office(), true);
        world.until_followed(&[followed_to(status)]);
        world.run();
        let why = world.reasons().pop().unwrap();
        assert_eq!(world.states().last(), Some(&ended), "{why}");
        assert_eq!(why.contains("nobody knows what came of an earlier"), ended != ActionState::Succeeded, "{why}");
    }
}

#[test]
fn a_second_attempt_that_defender_refuses_says_that_nobody_knows_what_came_of_the_first() {
    let mut world = held_after_a_lost_call();
    let approval = world.approval();
    world.say(signed(ANN, approval, "c-1", world.at.wall));
    world.run_with(&mut |_| Answer::Rejected("400".into()));
    let why = world.reasons().pop().unwrap();
    assert_eq!(world.states().last(), Some(&ActionState::Failed), "{why}");
    assert!(why.contains("nobody knows what came of an earlier attempt: look at"), "{why}");
}

#[test]
fn a_call_for_several_alerts_that_was_refused_leaves_no_doubt_when_one_of_them_is_cancelled() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    let of = |alert: &str| plan(alert, "m1", vec![an(ActionKind::UpdateAlert)]);
    let first = of("a1").planned[0].key.clone();
    for alert in ["a1", "a2"] {
        world.decide(of(alert));
    }
    world.run();
    world.pass(Duration::from_millis(500));
    let mut calls = 0;
    while world.step(&mut |_| Answer::Rejected("400".into())) && calls == 0 {
        calls = world.together.len();
    }
    assert_eq!(world.together.len(), 1);
    world.says(ANN, Command::Cancel { key: first.clone() }, "c-1");
    let entry = world.responder.ledger().get(&first).unwrap();
    assert_eq!(entry.state, AttemptState::Reported(ActionState::Cancelled), "{:?}", world.reasons());
}

#[test]
fn what_defender_calls_running_and_never_lists_was_not_done_for_us() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::AlreadyRunning);
    for _ in 0..20 {
        world.pass(Duration::from_secs(31));
        world.run_with(&mut |_| Answer::Rejected("400".into()));
    }
    let entry = world.responder.ledger().get(&key()).unwrap();
    assert_eq!((world.calls.len(), entry.unseen, entry.leaves_doubt()), (2, Some(0), false), "{:?}", world.reasons());
}
