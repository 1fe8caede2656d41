//! A doubt that outlives its holders: each writes down for how long it has watched.

use std::time::Duration;

use cordon_records::{AttemptState, LedgerRecord};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::reconcile::look;
use super::samples::{config, decision};
use super::world::World;
use crate::event::{Answer, Event};

const SETTLE: u64 = 120;

/// An isolation whose answer was lost.
fn in_doubt() -> World {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    assert_eq!(world.calls.len(), 1);
    world
}

/// Lets so many seconds pass, one by one, and says after how many of them the list was asked for.
fn watch(world: &mut World, seconds: u64) -> Option<u64> {
    (1..=seconds).find(|_| {
        world.pass(Duration::from_secs(1));
        look(world).is_some()
    })
}

/// What the ledger's newest record says that was waited.
fn written(world: &World) -> u64 {
    let waited = |record: &LedgerRecord| match record {
        LedgerRecord::Action(entry) => Some(entry.waited_s),
        _ => None,
    };
    world.log.iter().rev().find_map(waited).unwrap()
}

#[test]
fn a_doubt_is_resolved_although_its_holder_is_killed_every_forty_seconds() {
    let mut world = in_doubt();
    let mut lives = 1;
    while watch(&mut world, 39).is_none() {
        lives += 1;
        assert!(lives < 10, "nobody ever looks: {} s are written down", written(&world));
        world = world.restarted(config());
    }
    // Of each life the whole tens count: 4 × 30 s.
    assert_eq!((lives, written(&world)), (4, SETTLE));
}

#[test]
fn what_was_waited_is_written_every_ten_seconds_under_the_same_attempt_and_nobody_is_told() {
    let mut world = in_doubt();
    let (records, reports) = (world.log.len(), world.reports.len());
    let until = world.responder.ledger().in_doubt().next().unwrap().rests_until;
    assert_eq!(watch(&mut world, 59), None);
    let entries: Vec<_> = world.log[records..]
        .iter()
        .map(|record| match record {
            LedgerRecord::Action(entry) => (entry.waited_s, entry.attempt, entry.state, entry.rests_until),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [10, 20, 30, 40, 50].map(|waited| (waited, 1, AttemptState::InDoubt, until));
    assert_eq!(entries, expected);
    assert_eq!(world.reports.len(), reports);
}

#[test]
fn a_holder_that_slept_has_seen_the_time_pass_and_a_wall_clock_that_jumps_counts_for_nothing() {
    let mut world = in_doubt();
    world.at.wall += SignedDuration::from_hours(5);
    world.pass(Duration::from_secs(10));
    world.run();
    assert_eq!(written(&world), 10);
    world.pass(Duration::from_secs(45));
    world.run();
    assert_eq!(written(&world), 50);
    assert_eq!(watch(&mut world, 66), Some(65), "120 s in all");
}

#[test]
fn a_new_attempt_has_waited_for_nothing() {
    let mut world = in_doubt();
    assert_eq!(watch(&mut world, 120), Some(120));
    assert_eq!(written(&world), SETTLE);
    let key = decision("a1", "m1").planned[0].key.clone();
    world.give(Event::Looked(key, Ok(Vec::new())));
    world.run_with(&mut |_| Answer::Lost("again".into()));
    assert_eq!((world.calls.len(), written(&world)), (2, 0));
    assert_eq!(watch(&mut world, 121), Some(120));
}

proptest! {
    /// However long each holder lives, the list is not believed before `settle` was watched in all, and not much later.
    #[test]
    fn nobody_looks_before_the_settle_time_was_watched_in_all(lives in prop::collection::vec(1_u64..70, 1..60)) {
        let mut world = in_doubt();
        let (mut watched, mut noted) = (0, 0);
        for life in lives {
            let needed = SETTLE - noted;
            let looked = watch(&mut world, life);
            prop_assert_eq!(looked, (life >= needed).then_some(needed));
            watched += looked.unwrap_or(life);
            if looked.is_some() {
                prop_assert!(watched >= SETTLE);
                return Ok(());
            }
            noted += life / 10 * 10;
            prop_assert_eq!(written(&world), noted);
            world = world.restarted(config());
            prop_assert!(world.calls.is_empty(), "nothing is called anew");
        }
    }
}
