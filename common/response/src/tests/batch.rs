//! Changes of several alerts in one call.

use std::time::Duration;

use cordon_records::{Action, ActionKind, ActionState, AlertChanges, Command, CommandRecord};

use super::samples::{an, start};
use super::world::{World, plan};
use crate::event::{Answer, Event};

fn assigned(to: &str) -> Action {
    Action::UpdateAlert(AlertChanges { assigned_to: Some(to.into()), ..AlertChanges::default() })
}

fn done(world: &mut World) {
    world.run_with(&mut |_| Answer::Done("changed".into()));
}

#[test]
fn equal_changes_that_are_ready_together_go_out_as_one_call_and_each_has_its_intent_and_its_report() {
    let mut world = World::new();
    for n in 0..8 {
        world.decide(plan(&format!("a{n}"), "m1", vec![assigned(if n < 6 { "anna" } else { "bert" })]));
    }
    world.decide(plan("b", "m2", vec![assigned("carl")]));
    done(&mut world);
    assert_eq!((world.intents(), world.together.len(), world.orders.len()), (9, 0, 0), "they wait for company");
    world.pass(Duration::from_millis(500));
    done(&mut world);
    let mut sizes: Vec<usize> = world.together.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!((sizes, world.orders.len()), (vec![2, 6], 1), "one alert alone has a call of its own");
    for orders in &world.together {
        assert!(orders.iter().all(|order| order.action == orders[0].action));
    }
    assert_eq!((world.states(), world.settled.len()), (vec![ActionState::Succeeded; 9], 9));
}

#[test]
fn the_one_answer_settles_all_whatever_it_is() {
    for (answer, state) in [
        (Answer::Rejected("403 Forbidden".into()), ActionState::Failed),
        (Answer::Lost("the connection broke".into()), ActionState::NeedsHuman),
    ] {
        let mut world = World::new();
        for n in 0..3 {
            world.decide(plan(&format!("a{n}"), "m1", vec![an(ActionKind::UpdateAlert)]));
        }
        world.run();
        world.pass(Duration::from_millis(500));
        world.run_with(&mut |_| answer.clone());
        assert_eq!((world.together.len(), world.states()), (1, vec![state; 3]));
        assert_eq!(world.settled.len(), 3);
    }
}

#[test]
fn what_was_not_done_is_asked_anew_and_gathers_again_under_its_number() {
    let mut world = World::new();
    for n in 0..3 {
        world.decide(plan(&format!("a{n}"), "m1", vec![an(ActionKind::UpdateAlert)]));
    }
    world.run();
    world.pass(Duration::from_millis(500));
    world.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(5), spent: false });
    world.pass(Duration::from_secs(5));
    done(&mut world);
    world.pass(Duration::from_millis(500));
    done(&mut world);
    assert_eq!(world.together.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    assert_eq!((world.states(), world.intents_counted()), (vec![ActionState::Succeeded; 3], 3));
}

#[test]
fn no_call_carries_more_than_fifty_alerts() {
    let mut config = super::samples::config();
    config.guards =
        cordon_policy::Guards::load("guards.yaml", "caps: {all_rules: {1h: 90}, fleet_share: {1d: 1%, floor: 90}}\n")
            .unwrap();
    let mut world = World::restored(config, Vec::new());
    for n in 0..75 {
        world.decide(plan(&format!("a{n}"), "m1", vec![an(ActionKind::UpdateAlert)]));
    }
    done(&mut world);
    world.pass(Duration::from_millis(500));
    done(&mut world);
    assert_eq!(world.together.iter().map(Vec::len).collect::<Vec<_>>(), [50, 25], "{:?}", world.reasons().first());
}

#[test]
fn a_pause_while_they_gather_stops_them_all() {
    let mut world = World::new();
    for n in 0..3 {
        world.decide(plan(&format!("a{n}"), "m1", vec![an(ActionKind::UpdateAlert)]));
    }
    world.run();
    let pause = CommandRecord::unsigned(Command::Pause, "anna".into(), "drill".into(), start());
    world.give(Event::Command(0, None, Ok(pause)));
    world.pass(Duration::from_millis(500));
    world.run();
    assert_eq!((world.together.len(), world.orders.len()), (0, 0));
    assert_eq!(world.states(), [ActionState::Held; 3]);
}

#[test]
fn a_lease_that_ends_while_they_gather_permits_nothing() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::UpdateAlert)]));
    world.run();
    world.at.mono += Duration::from_secs(31);
    world.give(Event::Tick);
    assert!(world.orders.is_empty());
    world.pass(Duration::ZERO);
    done(&mut world);
    world.pass(Duration::from_millis(500));
    done(&mut world);
    assert_eq!(world.states(), [ActionState::Succeeded], "a fresh read and a new lease");
}

#[test]
fn a_no_to_several_alerts_is_asked_for_one_by_one_so_that_one_of_them_spoils_no_other() {
    let mut world = World::new();
    for alert in ["a1", "a2", "a3"] {
        world.decide(plan(alert, "m1", vec![an(ActionKind::UpdateAlert)]));
    }
    world.run();
    world.pass(Duration::from_millis(500));
    let mut answers = 0;
    world.run_with(&mut |_| {
        answers += 1;
        // The one call for all, and then that for the one which is gone.
        if answers <= 2 { Answer::Rejected("404".into()) } else { Answer::Done("changed".into()) }
    });
    assert_eq!(world.together.len(), 1);
    let mut states = world.states();
    states.sort_by_key(|state| state.as_str());
    assert_eq!(states, [ActionState::Failed, ActionState::Succeeded, ActionState::Succeeded]);
    assert_eq!((world.orders.len(), world.intents_counted()), (3, 3), "each under its number");
}
