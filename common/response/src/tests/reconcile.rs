//! What the list of machine actions says of an action whose outcome is unknown, and what it may keep to itself.

use std::time::Duration;

use cordon_policy::Isolation;
use cordon_records::{
    ActionKey, ActionKind, ActionState, ActionStatus, ActionType, AlertStatus, AttemptState, LedgerRecord,
    MachineAction, MachineActionId, Mode, Verdict,
};

use super::samples::{config, decision, start};
use super::world::World;
use crate::event::{Answer, Effect, Event, Unreadable};
use crate::facts::{FreshFacts, isolation};

fn lost() -> Answer {
    Answer::Lost("the connection broke".into())
}

fn broken() -> Unreadable {
    Unreadable { why: "the server answered 403".into(), retry_after: None, refused: false }
}

fn key(alert: &str, machine: &str) -> ActionKey {
    decision(alert, machine).planned[0].key.clone()
}

pub(super) fn listed(id: &str, kind: ActionType, status: ActionStatus, comment: String) -> MachineAction {
    MachineAction {
        id: MachineActionId::new(id).unwrap(),
        kind,
        status,
        machine_id: None,
        requestor: Some("anna".into()),
        comment: Some(comment),
        scope: None,
        created: Some(start()),
        updated: None,
        cancelled_by: None,
        error_code: None,
    }
}

/// The next look at the list, with everything before it carried out.
pub(super) fn look(world: &mut World) -> Option<ActionKey> {
    for _ in 0..1_000 {
        if let Some(Effect::Look(key, _)) = world.waiting.front() {
            let key = key.clone();
            world.waiting.pop_front();
            return Some(key);
        }
        if !world.step(&mut |_| lost()) {
            return None;
        }
    }
    panic!("the responder never comes to rest");
}

#[test]
fn an_accepted_action_without_an_outcome_ends_with_a_person_and_no_longer_covers_the_machine() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    world.pass(Duration::from_secs(74 * 3_600));
    world.run();
    assert_eq!(world.states(), [ActionState::Accepted, ActionState::NeedsHuman]);

    for mut world in [World::restored(config(), world.log.clone()), world] {
        let mut fresh = decision("a2", "m1");
        fresh.alert.newest_moment = Some(world.at.wall);
        world.decide(fresh);
        assert!(
            world.waiting.iter().any(|effect| matches!(effect, Effect::Read { .. })),
            "the machine is judged again: {:?}",
            world.waiting
        );
    }
}

#[test]
fn a_follow_up_whose_list_is_never_readable_ends_with_a_person() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    world.pass(Duration::from_secs(74 * 3_600));
    for look in 1..=60 {
        let entry = world.responder.ledger().get(&key("a1", "m1")).unwrap();
        assert_eq!(entry.state, AttemptState::Reported(ActionState::Accepted), "one look is no reason: {look}");
        unreadable(&mut world);
        world.pass(Duration::from_secs(300));
    }
    world.run();
    let entry = world.responder.ledger().get(&key("a1", "m1")).unwrap();
    assert_eq!(entry.state, AttemptState::Reported(ActionState::NeedsHuman));
}

/// Lets whatever is due happen; the look at accepted actions fails.
fn unreadable(world: &mut World) {
    while let Some(effect) = world.waiting.front() {
        if matches!(effect, Effect::Follow { .. }) {
            world.waiting.pop_front();
            world.give(Event::Followed(Err(broken())));
        } else {
            world.step(&mut |_| panic!("nothing is called"));
        }
    }
}

#[test]
fn an_end_that_came_while_nobody_held_the_ledger_is_read_although_the_first_look_after_days_fails() {
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    before.run();
    before.at.wall += jiff::SignedDuration::from_hours(80);
    let mut world = before.restarted(config());
    world.pass(Duration::from_secs(5));
    unreadable(&mut world);
    let told = world.reasons();
    assert!(told.iter().all(|reason| reason.contains("its list cannot be read: ")), "{told:?}");
    let mut end = super::samples::pending(&before.calls[0].0);
    end.status = cordon_records::ActionStatus::Succeeded;
    world.until_followed(&[end]);
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Succeeded));
}

#[test]
fn a_restart_while_a_refused_call_rests_makes_it_again_under_its_number_and_doubts_nothing() {
    for kind in [ActionKind::Isolate, ActionKind::Scan, ActionKind::Tag] {
        let mut before = World::new();
        before.decide(super::world::plan("a1", "m1", vec![super::samples::an(kind)]));
        before.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(60), spent: true });
        let mut world = before.restarted(config());
        world.decide(super::world::plan("a1", "m1", vec![super::samples::an(kind)]));
        world.run();
        assert_eq!((world.orders.len(), world.settled.len()), (1, 1), "{kind}: {:?}", world.reasons());
        assert_eq!(world.calls[0].2, before.calls[0].2, "{kind}: the same attempt");
        assert_eq!(world.intents_counted(), 1, "{kind}");
    }
}

#[test]
fn a_list_that_stays_unreadable_asks_for_a_person_and_lets_the_machines_other_alerts_go_on() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| lost());
    world.decide(decision("a2", "m1"));
    for _ in 0..200 {
        world.pass(Duration::from_secs(121));
        match look(&mut world) {
            Some(key) => world.give(Event::Looked(key, Err(broken()))),
            None => break,
        }
    }
    world.run_with(&mut |_| lost());
    assert!(world.states().contains(&ActionState::NeedsHuman), "{:?}", world.states());
    assert_eq!(world.settled.len(), 2, "{:?}", world.settled);
}

#[test]
fn already_running_is_no_lost_answer_and_the_list_is_asked_whose_it_is_before_anything_is_called_again() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    // The list does not show the running one yet.
    world.run_with(&mut |_| Answer::AlreadyRunning);
    assert_eq!((world.calls.len(), world.states().len()), (1, 0), "{:?}", world.states());
    world.pass(Duration::from_secs(31));
    let asked = look(&mut world).expect("a look before the settle time");
    world.give(Event::Looked(asked, Ok(Vec::new())));
    world.pass(Duration::from_secs(31));
    let asked = look(&mut world).expect("another look");
    let other = listed("x", ActionType::Isolate, ActionStatus::Pending, "by hand".into());
    world.give(Event::Looked(asked, Ok(vec![other])));
    world.run();
    assert_eq!((world.calls.len(), world.states()), (1, vec![ActionState::Covered]));
    let said = &world.reasons()[0];
    assert!(said.starts_with("an isolation is under way already, asked for by anna: \"by hand\""), "{said}");
    assert_eq!(world.settled.len(), 1);
}

#[test]
fn an_isolation_that_defender_calls_running_and_never_lists_is_asked_for_once_more_and_then_told_to_a_person() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::AlreadyRunning);
    world.pass(Duration::from_secs(119));
    world.run_with(&mut |_| Answer::AlreadyRunning);
    assert_eq!(world.calls.len(), 1, "nothing is called before the settle time");
    for _ in 0..20 {
        world.pass(Duration::from_secs(31));
        world.run_with(&mut |_| Answer::AlreadyRunning);
    }
    assert_eq!((world.calls.len(), world.states()), (2, vec![ActionState::NeedsHuman]));
    assert!(world.reasons()[0].contains("already running, but its list shows none"), "{:?}", world.reasons());
    assert_eq!(world.settled.len(), 1);
}

#[test]
fn where_nobody_can_say_whose_isolation_runs_it_is_told_after_the_settle_time() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    let asked = loop {
        if let Some(Effect::Look(key, _)) = world.waiting.front() {
            break key.clone();
        }
        assert!(world.step(&mut |_| Answer::AlreadyRunning));
    };
    world.waiting.pop_front();
    world.give(Event::Looked(asked, Err(broken())));
    for _ in 0..3 {
        world.pass(Duration::from_secs(31));
        let asked = look(&mut world).expect("a look");
        world.give(Event::Looked(asked, Err(broken())));
        world.run();
    }
    assert!(world.states().is_empty(), "{:?}", world.states());
    world.pass(Duration::from_secs(31));
    let asked = look(&mut world).expect("the settled look");
    world.give(Event::Looked(asked, Err(broken())));
    world.run();
    assert_eq!((world.calls.len(), world.states()), (1, vec![ActionState::InDoubt]));
    assert!(world.reasons()[0].contains("already running, and its list cannot be read"), "{:?}", world.reasons());
}

#[test]
fn our_own_earlier_attempt_that_the_list_shows_late_is_followed_and_not_taken_for_somebody_elses() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| lost());
    let mark = world.calls[0].2.clone();
    world.pass(Duration::from_secs(121));
    let asked = look(&mut world).expect("the settled look");
    world.give(Event::Looked(asked, Ok(Vec::new())));
    let Some(Effect::Read { key, .. }) = world.waiting.pop_front() else { panic!("no fresh read") };
    let id = MachineActionId::new("late").unwrap();
    let facts = decision("a1", "m1");
    let facts = FreshFacts {
        alert: Some(facts.alert),
        machine: facts.machine,
        isolation: Isolation::Running { id: id.clone() },
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    let asked = look(&mut world).expect("a look for our mark");
    world.give(Event::Looked(asked, Ok(vec![listed("late", ActionType::Isolate, ActionStatus::Pending, mark)])));
    world.run();
    assert_eq!(world.states(), [ActionState::InDoubt, ActionState::Accepted]);
    assert_eq!(world.calls.len(), 1);
    let entry = world.responder.ledger().get(&self::key("a1", "m1")).unwrap();
    assert_eq!(entry.machine_action_id, Some(id));
}

#[test]
fn the_mark_of_the_first_attempt_is_found_when_the_second_is_in_doubt() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| lost());
    world.pass(Duration::from_secs(121));
    world.run_with(&mut |_| lost());
    assert_eq!(world.calls.len(), 2);
    let first = world.calls[0].2.clone();
    world.pass(Duration::from_secs(121));
    let asked = look(&mut world).expect("a look");
    world.give(Event::Looked(asked, Ok(vec![listed("first", ActionType::Isolate, ActionStatus::Pending, first)])));
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Accepted));
}

#[test]
fn an_accepted_entry_without_an_id_is_never_called_again() {
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    before.run();
    let mut log = before.log.clone();
    for record in &mut log {
        if let LedgerRecord::Action(entry) = record {
            entry.machine_action_id = None;
        }
    }
    let mut world = World::restored(config(), log);
    world.pass(Duration::from_secs(121));
    world.run();
    assert!(world.calls.is_empty());
    assert_eq!(world.states(), [ActionState::NeedsHuman]);
    assert_eq!(world.responder.ledger().open().count(), 0, "it covers nothing any more");
}

#[test]
fn a_new_attempt_after_a_restart_keeps_to_the_mode_of_today() {
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    before.run_with(&mut |_| lost());
    let mut shadow = config();
    shadow.mode = Mode::Shadow;
    let mut world = World::restored(shadow, before.log);
    world.pass(Duration::from_secs(121));
    world.run();
    assert!(world.calls.is_empty(), "{:?}", world.calls);
    assert_eq!(world.states(), [ActionState::NeedsHuman]);
}

#[test]
fn an_outcome_that_a_stale_writer_recorded_late_ends_the_doubt_without_a_second_call() {
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    before.run();
    // The holder froze after the answer; its record of it comes after the next one's claim.
    let outcome = |record: &LedgerRecord| matches!(record, LedgerRecord::Action(e) if e.machine_action_id.is_some());
    let log: Vec<LedgerRecord> = before.log.iter().filter(|record| !outcome(record)).cloned().collect();
    let late = before.log.last().cloned().unwrap();
    let mut world = World::restored(config(), log);
    world.decide(decision("a1", "m1"));
    world.append(late);
    world.run();
    world.pass(Duration::from_secs(121));
    world.run();
    assert!(world.calls.is_empty(), "{:?}", world.calls);
    let entry = world.responder.ledger().get(&key("a1", "m1")).unwrap();
    assert_eq!(entry.state, AttemptState::Reported(ActionState::Accepted));
    assert_eq!(world.settled.len(), 1);
}

#[test]
fn an_alert_closed_while_its_isolation_is_in_doubt_is_reported() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| lost());
    let mut closed = decision("a1", "m1");
    closed.alert.status = AlertStatus::Resolved;
    closed.verdict = Verdict::Nothing;
    world.decide(closed);
    world.run();
    assert_eq!(world.states(), [ActionState::InDoubt, ActionState::ClosedMeanwhile]);
}

#[test]
fn an_isolation_of_unknown_status_or_without_a_time_is_never_taken_for_none() {
    let released = listed("r", ActionType::Unisolate, ActionStatus::Succeeded, "by hand".into());
    let mut undated = listed("u", ActionType::Isolate, ActionStatus::Pending, "by hand".into());
    undated.created = None;
    assert!(matches!(isolation(&[undated, released]), Isolation::Running { .. }));

    let odd = listed("o", ActionType::Isolate, ActionStatus::Other("Queued".into()), "by hand".into());
    assert_eq!(isolation(&[odd]), Isolation::Unknown);
}

#[test]
fn whoever_cancels_an_isolation_is_not_fought() {
    let mut cancelled = listed("c", ActionType::Isolate, ActionStatus::Cancelled, "High [cordon:k#1]".into());
    cancelled.cancelled_by = Some("bert".into());
    assert_eq!(isolation(&[cancelled]), Isolation::Released { at: start(), by: "bert".into() });
    let failed = listed("f", ActionType::Isolate, ActionStatus::Failed, "by hand".into());
    assert_eq!(isolation(&[failed]), Isolation::None);
}

#[test]
fn of_two_actions_in_doubt_on_one_machine_one_is_done_and_then_covers_the_other() {
    let mut log = Vec::new();
    for alert in ["a1", "a2"] {
        let mut before = World::new();
        before.decide(decision(alert, "m1"));
        before.run_with(&mut |_| lost());
        log.extend(before.log);
    }
    let mut world = World::restored(config(), log);
    for _ in 0..3 {
        world.pass(Duration::from_secs(121));
        world.run();
    }
    assert_eq!((world.calls.len(), world.states()), (1, vec![ActionState::Accepted, ActionState::Covered]));
}

#[test]
fn a_release_in_doubt_that_a_fresh_read_finds_needless_ends_and_is_not_read_for_ever() {
    let mut world = World::ready_for(ActionKind::Release);
    world.decide(super::world::plan("a1", "m1", vec![super::samples::an(ActionKind::Release)]));
    world.run_with(&mut |_| lost());
    // Somebody isolated the machine once more and cancelled that: it is connected, and no release is listed.
    let machine = cordon_records::MachineId::new("m1").unwrap();
    world.isolated.insert(machine, Isolation::Released { at: world.at.wall, by: "bert".into() });
    world.pass(Duration::from_secs(121));
    world.run();
    assert_eq!((world.calls.len(), world.states().last()), (1, Some(&ActionState::Covered)), "{:?}", world.reasons());
    assert!(world.reasons().last().unwrap().contains("the machine is not isolated"), "{:?}", world.reasons());
}

#[test]
fn what_made_an_isolation_needless_is_not_believed_any_longer_where_the_list_could_not_be_read_meanwhile() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| lost());
    world.pass(Duration::from_secs(121));
    let asked = look(&mut world).expect("the settled look");
    world.give(Event::Looked(asked, Ok(Vec::new())));
    // The fresh read finds somebody else's isolation on its way; whose it is cannot be found out, and meanwhile it fails.
    let machine = cordon_records::MachineId::new("m1").unwrap();
    let by_hand = MachineActionId::new("by-hand").unwrap();
    world.isolated.insert(machine.clone(), Isolation::Running { id: by_hand });
    let asked = look(&mut world).expect("a look for the earlier attempt");
    world.give(Event::Looked(asked, Err(broken())));
    world.isolated.remove(&machine);
    world.pass(Duration::from_secs(121));
    world.run();
    let states = vec![ActionState::InDoubt, ActionState::Accepted];
    assert_eq!((world.calls.len(), world.states()), (2, states), "{:?}", world.reasons());
}
