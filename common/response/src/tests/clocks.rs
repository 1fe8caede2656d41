//! A wall clock that is set an hour forward or back while an action is on its way.

use std::time::Duration;

use cordon_records::ActionState;
use jiff::SignedDuration;

use super::samples::decision;
use super::world::World;
use crate::event::{Answer, Effect, Event};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A world in which the INTENT of one action is about to be written.
fn before_the_intent() -> World {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    while !matches!(world.waiting.front(), Some(Effect::WriteIntent(..))) {
        assert!(world.step(&mut |_| unreachable!("no call yet")));
    }
    world
}

/// The INTENT is written and read back; says whether that permits the call.
fn read_back(world: &mut World) -> bool {
    let Some(Effect::WriteIntent(key, record)) = world.waiting.pop_front() else { unreachable!() };
    let offset = world.append_stamped(*record);
    world.give(Event::IntentWritten(key, offset));
    world.waiting.iter().any(|effect| matches!(effect, Effect::Act { .. }))
}

#[test]
fn a_wall_clock_that_is_set_neither_shortens_nor_prolongs_the_lease() {
    for step in [HOUR, -HOUR] {
        let mut world = before_the_intent();
        world.at.wall += step;
        world.at.mono += Duration::from_secs(29);
        assert!(read_back(&mut world), "{step:?}: the lease has a second left");

        let mut world = before_the_intent();
        world.at.wall += step;
        world.at.mono += Duration::from_secs(31);
        assert!(!read_back(&mut world), "{step:?}: the lease is over");
    }
}

#[test]
fn a_wall_clock_that_is_set_neither_shortens_nor_prolongs_the_rest_of_an_action_in_doubt() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    assert_eq!(world.states(), [ActionState::InDoubt]);
    world.at.wall += HOUR * 24;
    world.give(Event::Tick);
    world.run();
    assert_eq!(world.calls.len(), 1, "the list may lag as long as before");
    world.at.wall -= HOUR * 24;
    world.pass(Duration::from_secs(121));
    world.run();
    assert_eq!(world.calls.len(), 2, "a clock that was set back does not prolong it");
}

#[test]
fn under_a_wrong_clock_a_new_alert_is_held_and_says_which_way_the_clock_is_wrong() {
    for (step, said) in [(HOUR, "old, more than 1h"), (-HOUR, "in the future: a clock is wrong")] {
        let mut world = World::new();
        world.at.wall += step;
        world.decide(decision("a1", "m1"));
        world.run();
        assert_eq!((world.states(), world.calls.len()), (vec![ActionState::Held], 0));
        assert!(world.reasons()[0].contains(said), "{:?}", world.reasons());
    }
}

#[test]
fn a_clock_that_is_set_back_frees_no_cap() {
    let mut world = World::new();
    for n in 0..10 {
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
    }
    world.run();
    assert_eq!(world.calls.len(), 10);
    // Within what the age guard takes for the ordinary difference of clocks.
    world.at.wall -= SignedDuration::from_mins(5);
    world.decide(decision("b", "n"));
    world.run();
    assert_eq!(world.calls.len(), 10);
    assert_eq!(world.states().last(), Some(&ActionState::Held));
}
