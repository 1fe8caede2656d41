//! What is held and nobody decides in time.

use std::time::Duration;

use cordon_records::ActionState;
use jiff::SignedDuration;

use super::office::{ANN, config_of_the_office};
use super::people::{asking, comes_anew, held};
use super::samples::config;
use super::world::World;

#[test]
fn what_nobody_decides_in_time_expires_once_also_over_a_restart_and_is_judged_anew_by_the_next_decision() {
    let mut world = held();
    let approval = world.approval();
    let next = world.responder.next_wake().unwrap();
    assert!(next <= world.at.mono + config().waits.hold_for);
    world.pass(Duration::from_secs(86_399));
    world.run();
    assert_eq!(world.states(), [ActionState::Held]);
    let mut restarted = world.restarted(config_of_the_office());
    for world in [&mut world, &mut restarted] {
        world.pass(Duration::from_secs(1));
        world.run();
        world.pass(Duration::from_secs(86_400));
        world.run();
        assert_eq!(world.states().last(), Some(&ActionState::Expired));
        assert_eq!(world.states().iter().filter(|state| **state == ActionState::Expired).count(), 1);
        world.says(ANN, approval.clone(), "c-1");
        assert!(world.told().last().unwrap().contains("waits for nobody"), "{:?}", world.told());
    }
    comes_anew(&mut world);
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Held));
}

#[test]
fn a_decision_that_takes_up_what_has_just_expired_lets_nobody_wake_in_vain() {
    let mut world = held();
    // The decision comes at the very instant, before the clock has told of it.
    let hold_for = config().waits.hold_for;
    world.at.mono += hold_for;
    world.at.wall += SignedDuration::try_from(hold_for).unwrap();
    comes_anew(&mut world);
    assert!(world.responder.next_wake().is_none_or(|due| due > world.at.mono), "it would turn and turn");
    world.run();
    assert_eq!(world.states(), [ActionState::Held, ActionState::Held]);
}

#[test]
fn thousands_that_expire_together_are_ended_in_turns_and_all_of_them() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    for n in 0..1_000 {
        world.decide(asking(&format!("a{n}"), &format!("m{n}")));
        world.run();
    }
    world.pass(Duration::from_secs(86_400));
    for _ in 0..10 {
        world.run();
        world.give(crate::event::Event::Tick);
    }
    assert_eq!(world.states().iter().filter(|state| **state == ActionState::Expired).count(), 1_000);
}
