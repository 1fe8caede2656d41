//! Many machines at once, and many kinds in any order.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cordon_records::{
    ActionKey, ActionKind, ActionState, ActionStatus, AttemptState, Command, DecisionRecord, LedgerEntry, MachineId,
};
use proptest::prelude::*;

use super::office::{ANN, attempted, config_of_the_office, machine, signed};
use super::samples::{an, decision, pending};
use super::world::{World, plan};
use crate::Config;
use crate::event::{Answer, Effect, Event};
use crate::lane::Lane;

#[test]
fn a_flood_of_ten_thousand_machines_leaves_the_caps_number_of_orders_and_one_notice_within_thirty_seconds() {
    let began = Instant::now();
    let mut world = World::new();
    for n in 0..10_000 {
        while !world.responder.has_room() {
            assert!(world.step(&mut |key| Answer::Accepted(pending(key))));
        }
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
    }
    for _ in 0..1_000_000 {
        if !world.step(&mut |key| Answer::Accepted(pending(key))) {
            break;
        }
    }
    let took = began.elapsed();
    eprintln!("10,000 machines took {} ms", took.as_millis());
    assert_eq!((world.orders.len(), world.notices(), world.settled.len()), (10, 1, 10_000));
    let held = world.states().iter().filter(|state| **state == ActionState::Held).count();
    assert_eq!(held, 9_990);
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[derive(Debug, Clone)]
enum Move {
    Step,
    /// Carries out another effect than the next one.
    Later(usize),
    Decide(u8, Vec<usize>),
    Follow(u8),
    Pass(u16),
    Restart,
    /// A person lets this machine back.
    Release(u8),
    /// A person says yes to something that is held, or cancels something that is not.
    Approve(usize),
    Cancel(usize),
}

fn moves() -> impl Strategy<Value = Vec<(Move, u8)>> {
    let one = prop_oneof![
        14 => Just(Move::Step),
        4 => (0usize..6).prop_map(Move::Later),
        4 => (0u8..6, prop::collection::vec(0..ActionKind::ALL.len(), 1..4)).prop_map(|(n, kinds)| Move::Decide(n, kinds)),
        2 => (0u8..5).prop_map(Move::Follow),
        3 => (0u16..400).prop_map(Move::Pass),
        1 => Just(Move::Restart),
        1 => (0u8..2).prop_map(Move::Release),
        1 => (0usize..20).prop_map(Move::Approve),
        1 => (0usize..20).prop_map(Move::Cancel),
    ];
    prop::collection::vec((one, any::<u8>()), 1..160)
}

fn planned(n: u8, kinds: &[usize]) -> DecisionRecord {
    let mut seen = BTreeSet::new();
    let kinds = kinds.iter().filter(|kind| seen.insert(**kind)).map(|kind| an(ActionKind::ALL[*kind]));
    plan(&format!("a{n}"), &format!("m{}", n / 3), kinds.collect())
}

fn twice() -> Config {
    Config { waits: attempted(2, 60), ..config_of_the_office() }
}

/// A person's command about whatever of the ledger this number picks.
fn word(world: &World, step: &Move) -> Option<Command> {
    let ledger = world.responder.ledger();
    let pick = |n: usize, held: bool| {
        let is_held = |state| state == AttemptState::Reported(ActionState::Held);
        let entries: Vec<&LedgerEntry> = ledger.entries().filter(|entry| is_held(entry.state) == held).collect();
        entries.get(n % entries.len().max(1)).copied()
    };
    match step {
        Move::Release(n) => Some(Command::Release { machine: machine(&format!("m{n}")) }),
        Move::Approve(n) => {
            pick(*n, true).map(|entry| Command::Approve { key: entry.key.clone(), intent: entry.intent() })
        }
        Move::Cancel(n) => pick(*n, false).map(|entry| Command::Cancel { key: entry.key.clone() }),
        Move::Step | Move::Later(_) | Move::Decide(..) | Move::Follow(_) | Move::Pass(_) | Move::Restart => None,
    }
}

fn is_machine_action(key: &ActionKey) -> bool {
    let all = (0..6).flat_map(|n| planned(n, &(0..ActionKind::ALL.len()).collect::<Vec<_>>()).planned);
    all.into_iter().any(|planned| planned.key == *key && planned.action.kind().is_machine_action())
}

fn answer(key: &ActionKey, dice: u8) -> Answer {
    match dice % 8 {
        0 => Answer::Lost("the connection broke".into()),
        1 => Answer::NotDone { why: "429".into(), after: Duration::from_secs(5), spent: false },
        2 => Answer::Rejected("400".into()),
        3 => Answer::AlreadyRunning,
        _ if is_machine_action(key) => Answer::Accepted(pending(key)),
        _ => Answer::Done("done".into()),
    }
}

/// What is out: orders whose answer is awaited, by machine and lane.
fn open_orders(world: &World) -> Vec<(MachineId, Lane)> {
    let orders = world.waiting.iter().flat_map(|effect| match effect {
        Effect::Act { order, .. } => vec![(**order).clone()],
        Effect::ActTogether { orders, .. } => orders.clone(),
        _ => Vec::new(),
    });
    orders.map(|order| (order.machine, Lane::of(&order.action, &order.alert))).collect()
}

fn follow(world: &mut World, dice: u8) {
    let position = world.waiting.iter().position(|effect| matches!(effect, Effect::Follow { .. }));
    let Some(Effect::Follow { ids, .. }) = position.and_then(|position| world.waiting.remove(position)) else { return };
    let statuses = [ActionStatus::Pending, ActionStatus::Succeeded, ActionStatus::Failed, ActionStatus::Cancelled];
    let standings = ids.into_iter().map(|id| {
        let mut standing = pending(&planned(0, &[0]).planned[0].key);
        (standing.id, standing.status) = (id, statuses[usize::from(dice) % 4].clone());
        standing
    });
    world.give(Event::Followed(Ok(standings.collect())));
}

/// The answers that say of an order that it was certainly not sent or not done: only those may repeat a number.
fn may_repeat(dice: u8) -> bool {
    matches!(dice % 8, 1 | 3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn in_any_order_of_events_one_lane_has_one_order_out_and_no_attempt_is_ordered_twice(moves in moves()) {
        let mut world = World::restored(twice(), Vec::new());
        let (mut ordered, mut said) = (BTreeSet::new(), 0);
        for (step, dice) in moves {
            if let Some(command) = word(&world, &step) {
                said += 1;
                world.say(signed(ANN, command, &format!("c-{said}"), world.at.wall));
            }
            let (calls, together) = (world.orders.len(), world.together.len());
            match step {
                Move::Step => { world.step(&mut |key| answer(key, dice)); }
                Move::Later(n) => {
                    if n < world.waiting.len() {
                        let effect = world.waiting.remove(n).unwrap();
                        // Writes of the ledger keep their order; everything else may be quicker than what was before it.
                        if matches!(effect, Effect::WriteIntent(..) | Effect::WriteClaim(_) | Effect::Record { .. }) {
                            world.waiting.insert(n, effect);
                        } else {
                            world.waiting.push_front(effect);
                        }
                    }
                    world.step(&mut |key| answer(key, dice));
                }
                Move::Decide(n, kinds) => world.decide(planned(n, &kinds)),
                Move::Follow(dice) => follow(&mut world, dice),
                Move::Pass(s) => world.pass(Duration::from_secs(u64::from(s))),
                Move::Restart => world = world.restarted(twice()),
                Move::Release(_) | Move::Approve(_) | Move::Cancel(_) => {}
            }
            let lanes = open_orders(&world);
            let distinct: BTreeSet<_> = lanes.iter().cloned().collect();
            prop_assert_eq!(distinct.len(), lanes.len(), "two orders of one lane are out: {:?}", lanes);
            let new = world.orders.iter().skip(calls).chain(world.together.iter().skip(together).flatten());
            for order in new {
                // The mark at the end of the comment names key and attempt.
                if !may_repeat(dice) {
                    prop_assert!(ordered.insert(order.comment.clone()), "ordered twice: {}", order.comment);
                }
            }
        }
    }
}
