//! Lost answers, frozen processes and stale writers.

use std::time::Duration;

use cordon_records::{ActionState, AttemptState, Claim, LedgerRecord};
use proptest::prelude::*;

use super::samples::{config, decision, pending, start};
use super::world::World;
use crate::event::{Answer, Effect, Event};

fn lost() -> Answer {
    Answer::Lost("the connection broke".into())
}

#[test]
fn a_lost_answer_is_looked_up_after_the_settle_time_and_tried_once_more() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| lost());
    assert_eq!(world.states(), [ActionState::InDoubt]);
    assert_eq!(world.settled.len(), 1, "in doubt is settled: the ledger drives it from here");

    world.pass(Duration::from_secs(119));
    world.run_with(&mut |_| lost());
    assert_eq!(world.calls.len(), 1, "nothing before the settle time");
    world.pass(Duration::from_secs(2));
    world.run_with(&mut |_| lost());
    assert_eq!(world.calls.len(), 2);
    assert!(world.calls[1].2.ends_with("#2]"), "a new attempt has a new number");

    for _ in 0..20 {
        world.pass(Duration::from_secs(121));
        world.run_with(&mut |_| lost());
    }
    assert_eq!(world.calls.len(), 2, "never a third");
    assert_eq!(world.states().last(), Some(&ActionState::NeedsHuman));
}

#[test]
fn an_intent_found_after_a_restart_is_in_doubt_and_calls_nothing_before_the_settle_time() {
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    while before.calls.is_empty() {
        assert!(before.step(&mut |_| lost()));
    }
    // kill -9 right after the socket write: the ledger holds the bare INTENT.
    let log: Vec<LedgerRecord> = before.log.clone();
    let mut world = World::restored(config(), log);
    world.decide(decision("a1", "m1"));
    world.run();
    world.pass(Duration::from_secs(100));
    world.run();
    assert!(world.calls.is_empty());
}

#[test]
fn a_process_that_wakes_after_its_lease_calls_nothing_under_the_old_intent() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    while !matches!(world.waiting.front(), Some(Effect::WriteIntent(..))) {
        world.step(&mut |_| unreachable!());
    }
    let Some(Effect::WriteIntent(key, record)) = world.waiting.pop_front() else { unreachable!() };
    world.at.mono += Duration::from_secs(31);
    let offset = world.append_stamped(*record);
    world.give(Event::IntentWritten(key, offset));
    assert!(!world.waiting.iter().any(|effect| matches!(effect, Effect::Act { .. })), "{:?}", world.waiting);
}

#[test]
fn a_higher_claim_before_the_intent_is_read_back_ends_the_tenure_without_a_call() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    while !matches!(world.waiting.front(), Some(Effect::WriteIntent(..))) {
        world.step(&mut |_| unreachable!());
    }
    world.append(LedgerRecord::Claim(Claim { epoch: 9, owner: "other".into(), at: start() }));
    assert!(world.waiting.iter().any(|effect| matches!(effect, Effect::Superseded(9))));
}

#[test]
fn what_a_stale_writer_touched_is_written_again_and_never_undoes_a_later_state() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    let mut stale = world.responder.ledger().get(&world.calls[0].0).unwrap().clone();
    stale.state = AttemptState::Intent;
    world.append_stamped(LedgerRecord::Action(Box::new(stale)).stamped(0));
    world.run();
    let Some(LedgerRecord::Action(last)) = world.log.last() else { panic!("nothing was rewritten") };
    assert_eq!(last.state, AttemptState::Reported(ActionState::Accepted));
    assert_eq!(last.epoch(), 1);
}

#[derive(Debug, Clone, Copy)]
enum Move {
    Step,
    Decide(u8),
    Pass(u8),
    Restart,
}

fn moves() -> impl Strategy<Value = Vec<(Move, u8)>> {
    let one = prop_oneof![
        12 => Just(Move::Step),
        3 => (0u8..4).prop_map(Move::Decide),
        2 => (0u8..200).prop_map(Move::Pass),
        1 => Just(Move::Restart),
    ];
    prop::collection::vec((one, any::<u8>()), 1..120)
}

proptest! {
    #[test]
    fn whatever_crashes_and_whatever_is_lost_no_attempt_is_called_twice(moves in moves()) {
        let mut world = World::new();
        let mut called = std::collections::BTreeSet::new();
        for (step, dice) in moves {
            match step {
                Move::Decide(n) => world.decide(decision(&format!("a{n}"), &format!("m{}", n / 2))),
                Move::Pass(s) => world.pass(Duration::from_secs(u64::from(s))),
                Move::Restart => {
                    let log = world.log.clone();
                    let calls = std::mem::take(&mut world.calls);
                    world = World::restored(config(), log);
                    world.calls = calls;
                }
                Move::Step => {
                    world.step(&mut |key| match dice % 4 {
                        0 => lost(),
                        1 => Answer::NotDone { why: "429".into(), after: Duration::from_secs(5), spent: false },
                        _ => Answer::Accepted(pending(key)),
                    });
                }
            }
            for (key, _, comment) in std::mem::take(&mut world.calls) {
                // A call that was certainly not done may be repeated under its number.
                if dice % 4 != 1 {
                    prop_assert!(called.insert(comment.clone()), "{key} was called twice as {comment}");
                }
            }
        }
    }
}
