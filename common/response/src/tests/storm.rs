//! Many alerts at once.

use cordon_records::{ActionState, Report};

use super::samples::{config, decision};
use super::world::World;

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
