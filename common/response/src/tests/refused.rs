//! The tenant refuses our application: what is held for that, what people are told, and how it goes on.

use std::time::Duration;

use cordon_policy::Isolation;
use cordon_records::{ActionRecord, ActionState, Command, CommandRecord, LedgerEntry, Report, TenantId};
use jiff::Timestamp;

use super::office::{ANN, config_of_the_office, machine, unsigned};
use super::samples::{config, decision, start};
use super::world::World;
use crate::event::{Effect, Event, Unreadable};

/// As the client words it, with the cause beyond the 160th character.
const WHY: &str = "Entra gave no token for scope https://api.securitycenter.microsoft.com/.default (HTTP 401 invalid_client: \
                   AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client \
                   secret value, not the client secret ID.); check tenant_id, client_id, client_secret and scope";

/// Answers every read with a refusal and carries the rest out; gives how many reads there were.
fn refuse(world: &mut World) -> usize {
    let mut reads = 0;
    while let Some(effect) = world.waiting.pop_front() {
        if let Effect::Read { key, .. } = effect {
            reads += 1;
            let failure = Unreadable { why: WHY.to_owned(), retry_after: None, refused: true };
            world.give(Event::Facts(key, Err(failure)));
        } else {
            world.waiting.push_front(effect);
            world.step(&mut |key| panic!("{key} was called"));
        }
    }
    reads
}

/// So many isolations that a wrong secret holds.
fn held(actions: usize) -> World {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    (0..actions).for_each(|n| world.decide(decision(&format!("a{n}"), &format!("m{n}"))));
    refuse(&mut world);
    assert_eq!(world.states(), vec![ActionState::Held; actions], "{:?}", world.reasons());
    world
}

fn last(world: &World) -> &ActionRecord {
    match world.reports.last() {
        Some(Report::Action(record)) => record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_is_told_at_once_with_its_whole_cause_in_front_and_the_decision_is_settled() {
    let mut world = held(1);
    let report = last(&world);
    assert!(report.reason.starts_with(WHY), "{}", report.reason);
    assert!(report.reason.contains("approving would change nothing"), "{}", report.reason);
    assert!(report.tenant_refuses);
    assert_eq!(world.settled.len(), 1);
    world.pass(Duration::from_secs(59));
    assert_eq!(refuse(&mut world), 0);
}

#[test]
fn no_approval_is_taken_for_what_an_approval_cannot_lift() {
    let mut world = held(1);
    let approval = world.approval();
    world.says(ANN, approval, "c-1");
    let told = world.told().join("\n");
    assert!(told.contains("no approval lifts what holds") && told.contains("AADSTS7000215"), "{told}");
    assert_eq!(world.states(), [ActionState::Held]);
}

#[test]
fn once_the_tenant_takes_us_again_it_goes_on_by_itself() {
    let mut world = held(1);
    world.pass(Duration::from_secs(60));
    world.run();
    assert_eq!(world.states(), [ActionState::Held, ActionState::Accepted]);
    assert_eq!(world.calls.len(), 1);
    assert!(!last(&world).tenant_refuses);
}

#[test]
fn what_is_still_refused_is_told_no_second_time_and_is_looked_at_each_minute() {
    let mut world = held(1);
    for _ in 0..5 {
        world.pass(Duration::from_secs(60));
        assert_eq!(refuse(&mut world), 1);
    }
    assert_eq!(world.states(), [ActionState::Held]);
}

#[test]
fn of_many_a_few_are_read_again_and_all_once_one_is_answered() {
    let mut world = held(10);
    world.pass(Duration::from_secs(60));
    assert_eq!(refuse(&mut world), 8);
    world.pass(Duration::from_secs(60));
    world.run();
    assert_eq!(world.states()[10..], [ActionState::Accepted; 10], "{:?}", world.told());
}

#[test]
fn a_new_holder_looks_at_once() {
    let world = held(2);
    let mut next = world.restarted(config());
    next.run();
    assert_eq!(next.states(), [ActionState::Accepted, ActionState::Accepted]);
}

#[test]
fn a_hold_for_another_reason_after_it_is_a_step_of_its_own() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    // What holds it then only a read can tell.
    world.isolated.insert(machine("m1"), Isolation::Released { at: start(), by: "bert@example.com".into() });
    world.decide(decision("a1", "m1"));
    refuse(&mut world);
    let (first, intent) = (last(&world).id.clone(), last(&world).intent.clone());
    world.pass(Duration::from_secs(60));
    world.run();
    assert_eq!(world.states(), [ActionState::Held, ActionState::Held]);
    assert_ne!((&first, &intent), (&last(&world).id, &last(&world).intent));
    let approval = world.approval();
    world.says(ANN, approval, "c-1");
    assert_eq!(world.calls.len(), 1, "{:?}", world.told());
}

#[test]
fn a_pause_keeps_it_from_being_read_and_from_being_told_again() {
    let mut world = held(1);
    let mut pause = CommandRecord::unsigned(Command::Pause, "somebody".into(), "drill".into(), world.at.wall);
    pause.tenant = Some(TenantId::new("tenant").unwrap());
    world.say(pause);
    world.run();
    for _ in 0..3 {
        world.pass(Duration::from_secs(60));
        assert_eq!(refuse(&mut world), 0);
    }
    assert_eq!(world.states(), [ActionState::Held]);
}

/// Everything that is held now.
fn held_now(world: &World) -> Vec<LedgerEntry> {
    let held = world.responder.ledger().waiting().iter().map(|(_, key)| world.responder.ledger().get(key).unwrap());
    held.cloned().collect()
}

/// What the breaker holds is a person's to decide; nothing of the refusal is left in it.
fn assert_to_be_approved(world: &mut World) {
    let held = held_now(world);
    assert_eq!((world.calls.len(), held.len()), (10, 30), "{:?}", world.told());
    for entry in &held {
        assert!(!entry.tenant_refuses && !entry.reason.contains("until that is fixed"), "{}", entry.reason);
    }
    let entry = &held[0];
    world.says(ANN, Command::Approve { key: entry.key.clone(), intent: entry.intent() }, "c-1");
    let told = world.told().join("\n");
    assert!(!told.contains("no approval lifts"), "{told}");
    assert!(world.states().contains(&ActionState::Approved), "{told}");
}

#[test]
fn what_the_breaker_holds_once_the_tenant_takes_us_again_can_be_approved() {
    let mut world = held(40);
    world.pass(Duration::from_secs(60));
    world.run();
    assert_to_be_approved(&mut world);
}

#[test]
fn what_is_read_when_the_tenant_takes_us_again_can_be_approved_behind_the_breaker_also_after_a_failed_read() {
    let mut world = held(40);
    world.pass(Duration::from_secs(60));
    let first = world.waiting.iter().position(|effect| matches!(effect, Effect::Read { .. })).unwrap();
    let Some(Effect::Read { key, .. }) = world.waiting.remove(first) else { unreachable!() };
    world.give(Event::Facts(key, Err(broken())));
    world.run();
    world.pass(Duration::from_secs(60));
    world.run();
    assert_to_be_approved(&mut world);
}

#[test]
fn a_pause_that_comes_before_its_turn_leaves_it_held_for_the_refusal_and_tells_nobody_again() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    // On one machine one at a time is read.
    (0..2).for_each(|n| world.decide(decision(&format!("a{n}"), "m1")));
    refuse(&mut world);
    world.pass(Duration::from_secs(60));
    let before = world.states();
    world.say(unsigned(Command::Pause, "p-1", world.at.wall));
    assert_eq!(refuse(&mut world), 1);
    assert_eq!(world.states(), before);
    assert!(held_now(&world).iter().all(|entry| entry.tenant_refuses && entry.reason.starts_with(WHY)));
}

fn broken() -> Unreadable {
    Unreadable { why: "the server answered 503".into(), retry_after: None, refused: false }
}

/// Answers every read with a failure of the server, for as long as it is tried.
fn break_down(world: &mut World) {
    for _ in 0..40 {
        while let Some(effect) = world.waiting.pop_front() {
            if let Effect::Read { key, .. } = effect {
                world.give(Event::Facts(key, Err(broken())));
            } else {
                world.waiting.push_front(effect);
                world.step(&mut |key| panic!("{key} was called"));
            }
        }
        world.pass(Duration::from_secs(15));
    }
}

#[test]
fn an_outage_after_a_refusal_is_told_as_what_it_is_and_moves_no_deadline() {
    let mut world = held(1);
    let deadline = held_now(&world)[0].expires_at;
    break_down(&mut world);
    let [entry] = &held_now(&world)[..] else { panic!("{:?}", world.reasons()) };
    assert!(!entry.tenant_refuses && entry.reason.contains("could not be read"), "{}", entry.reason);
    assert!(entry.guards.iter().any(|verdict| verdict.why.contains("503")), "{:?}", entry.guards);
    assert!(!entry.reason.contains("approving would change nothing"), "{}", entry.reason);
    assert_eq!(entry.expires_at, deadline);
    assert_eq!(world.states(), [ActionState::Held, ActionState::Held]);
}

#[test]
fn who_may_decide_only_once_the_tenant_answers_has_the_whole_time_for_it() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    // What holds it then only a read can tell.
    world.isolated.insert(machine("m1"), Isolation::Released { at: start(), by: "bert@example.com".into() });
    world.decide(decision("a1", "m1"));
    refuse(&mut world);
    let until = |world: &World| -> Option<Timestamp> { held_now(world)[0].expires_at };
    let first = until(&world);
    world.pass(Duration::from_secs(60));
    world.run();
    assert!(until(&world) > first);
}

#[test]
fn what_runs_out_while_the_tenant_refuses_us_says_so_and_not_that_nobody_decided() {
    let mut world = held(1);
    world.pass(config().waits.hold_for + Duration::from_secs(1));
    assert_eq!(refuse(&mut world), 0);
    let told = last(&world);
    assert_eq!((told.state, told.tenant_refuses), (ActionState::Expired, true));
    assert!(told.reason.starts_with("its time is over. Cordon was refused until then"), "{}", told.reason);
    assert!(told.reason.ends_with(WHY), "{}", told.reason);
}
