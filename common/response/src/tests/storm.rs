//! Many alerts at once.

use std::time::Duration;

use cordon_policy::Guards;
use cordon_records::{ActionState, ActionStatus, Report};

use super::samples::{config, decision, pending};
use super::world::World;
use crate::responder::Config;

#[test]
fn five_hundred_alerts_on_a_hundred_machines_leave_the_caps_number_of_calls_and_one_notice() {
    let mut world = World::new();
    for n in 0..500 {
        world.decide(decision(&format!("a{n}"), &format!("m{}", n % 100)));
        world.run();
    }
    assert_eq!(world.calls.len(), 10);
    assert_eq!(world.notices(), 1);
    assert_eq!(world.settled.len(), 500);
    let held = world.states().iter().filter(|state| **state == ActionState::Held).count();
    let covered = world.states().iter().filter(|state| **state == ActionState::Covered).count();
    assert_eq!(10 + held + covered, 500);
}

#[test]
fn the_cap_and_the_breaker_survive_a_restart() {
    let mut world = World::new();
    for n in 0..20 {
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
    }
    world.run();
    assert_eq!(world.calls.len(), 10);
    let mut after = World::restored(config(), world.log);
    for n in 20..40 {
        after.decide(decision(&format!("a{n}"), &format!("m{n}")));
    }
    after.run();
    assert_eq!((after.calls.len(), after.notices()), (0, 0));
}

#[test]
fn resuming_lifts_the_breaker_that_the_notice_named_and_no_other() {
    let mut world = World::new();
    for n in 0..20 {
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
    }
    world.run();
    let notice = world
        .reports
        .iter()
        .find_map(|report| match report {
            Report::Notice(notice) => Some(notice.id.clone()),
            Report::Action(_) => None,
        })
        .unwrap();
    assert!(world.responder.resume_switch("breaker_latched@2020-01-01T00:00:00Z", world.at).is_empty());
    assert!(world.responder.ledger().breaker().unwrap().on);
    world.responder.resume_switch(&notice, world.at);
    assert!(!world.responder.ledger().breaker().unwrap().on);
}

#[test]
fn what_ends_with_one_look_is_told_in_parts_and_an_isolation_that_comes_meanwhile_does_not_wait_for_them() {
    let guards =
        Guards::load("guards.yaml", "caps: {all_rules: {1h: 100}, fleet_share: {1d: 100%, floor: 100}}").unwrap();
    let mut world = World::restored(Config { guards, ..config() }, Vec::new());
    let succeeded = |world: &World| world.states().iter().filter(|state| **state == ActionState::Succeeded).count();
    for n in 0..20 {
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
    }
    world.run();
    let mut ended: Vec<_> = world.calls.iter().map(|(key, ..)| pending(key)).collect();
    ended.iter_mut().for_each(|standing| standing.status = ActionStatus::Succeeded);
    world.until_followed(&ended);
    world.run();
    assert_eq!((world.calls.len(), succeeded(&world)), (20, 16));
    world.decide(decision("a20", "m20"));
    world.run();
    assert_eq!((world.calls.len(), succeeded(&world)), (21, 16));
    world.pass(Duration::from_millis(100));
    world.run();
    assert_eq!(succeeded(&world), 20);
}
