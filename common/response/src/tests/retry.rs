//! What Defender reports as failed, and what it does not report at all.

use std::time::Duration;

use cordon_records::{ActionKind, ActionState, ActionStatus, AlertStatus};

use super::office::attempted;
use super::samples::{an, config, decision, pending};
use super::world::{World, plan};
use crate::Config;
use crate::event::{Answer, Effect, Event};
use crate::facts::FreshFacts;

fn attempts(attempts: u32) -> Config {
    Config { waits: attempted(attempts, 300), ..config() }
}

/// A world in which the isolation was accepted and then ended so.
fn ended(config: Config, status: ActionStatus) -> World {
    let mut world = World::restored(config, Vec::new());
    world.decide(decision("a1", "m1"));
    world.run();
    end(&mut world, status);
    world
}

fn end(world: &mut World, status: ActionStatus) {
    let mut end = pending(&world.calls[0].0);
    end.status = status;
    world.until_followed(&[end]);
    world.run();
}

#[test]
fn a_failed_isolation_is_attempted_anew_after_its_time_with_an_intent_of_its_own_and_no_oftener_than_policy_says() {
    for status in [ActionStatus::Failed, ActionStatus::TimeOut] {
        let mut world = ended(attempts(2), status.clone());
        assert!(world.reasons()[1].contains("a new attempt is due in 300 s"), "{:?}", world.reasons());
        world.pass(Duration::from_secs(299));
        world.run();
        assert_eq!(world.orders.len(), 1);
        world.pass(Duration::from_secs(1));
        assert!(world.waiting.iter().any(|effect| matches!(effect, Effect::Read { .. })), "a fresh read comes first");
        world.run();
        assert_eq!((world.orders.len(), world.intents()), (2, 2));
        assert!(world.calls[1].2.ends_with("#2]"), "{}", world.calls[1].2);
        end(&mut world, status);
        for _ in 0..10 {
            world.pass(Duration::from_secs(600));
            world.run();
        }
        assert_eq!(world.orders.len(), 2);
        let loud =
            world.states().iter().filter(|state| matches!(state, ActionState::Failed | ActionState::TimedOut)).count();
        assert_eq!(loud, 2, "each failed attempt is reported: {:?}", world.states());
    }
}

#[test]
fn without_a_word_in_the_policy_nothing_is_attempted_twice() {
    let mut world = ended(config(), ActionStatus::Failed);
    world.pass(Duration::from_secs(100_000));
    world.run();
    assert_eq!(world.orders.len(), 1);
}

#[test]
fn neither_another_kind_nor_what_was_cancelled_or_refused_is_attempted_anew() {
    for kind in [ActionKind::Scan, ActionKind::Release, ActionKind::CollectPackage] {
        let mut world = World::ready_for(kind).restarted(attempts(3));
        world.decide(plan("a1", "m1", vec![an(kind)]));
        world.run();
        end(&mut world, ActionStatus::Failed);
        world.pass(Duration::from_secs(301));
        world.run();
        assert_eq!(world.orders.len(), 1, "{kind}");
    }
    let mut cancelled = ended(attempts(3), ActionStatus::Cancelled);
    let mut refused = World::restored(attempts(3), Vec::new());
    refused.decide(decision("a1", "m1"));
    refused.run_with(&mut |_| Answer::Rejected("400 OsPlatformNotSupported".into()));
    for world in [&mut cancelled, &mut refused] {
        world.pass(Duration::from_secs(301));
        world.run();
        assert_eq!(world.orders.len(), 1);
    }
}

#[test]
fn a_restart_before_the_new_attempt_neither_forgets_nor_hurries_nor_doubles_it() {
    let mut before = ended(attempts(2), ActionStatus::Failed);
    before.pass(Duration::from_secs(100));
    let mut world = World::restored_at(attempts(2), before.log.clone(), before.at.wall);
    world.pass(Duration::from_secs(195));
    world.run();
    assert!(world.orders.is_empty());
    world.pass(Duration::from_secs(6));
    world.run();
    assert_eq!((world.orders.len(), world.intents()), (1, 2));
    assert!(world.calls[0].2.ends_with("#2]"));
    // And a restart after it.
    let mut after = World::restored_at(attempts(2), world.log.clone(), world.at.wall);
    after.pass(Duration::from_secs(400));
    after.run();
    assert!(after.orders.is_empty());
}

#[test]
fn what_failed_days_before_the_restart_is_left_alone() {
    let before = ended(attempts(1), ActionStatus::Failed);
    let later = before.at.wall + jiff::SignedDuration::from_hours(48);
    let mut world = World::restored_at(attempts(2), before.log, later);
    world.pass(Duration::from_secs(1_000));
    world.run();
    assert!(world.orders.is_empty() && world.reports.is_empty(), "{:?}", world.reports);
}

#[test]
fn an_alert_that_was_closed_meanwhile_gets_no_new_attempt_and_says_so_once_over_restarts() {
    let mut world = ended(attempts(2), ActionStatus::Failed);
    world.pass(Duration::from_secs(300));
    let Some(Effect::Read { key, .. }) = world.waiting.pop_back() else { panic!("no fresh read: {:?}", world.waiting) };
    let mut closed = decision("a1", "m1");
    closed.alert.status = AlertStatus::Resolved;
    let facts = FreshFacts {
        alert: Some(closed.alert),
        machine: closed.machine,
        isolation: cordon_policy::Isolation::None,
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Refused));
    let mut after = World::restored_at(attempts(2), world.log.clone(), world.at.wall);
    after.pass(Duration::from_secs(400));
    after.run();
    assert_eq!((world.orders.len(), after.orders.len(), after.reports.len()), (1, 0, 0));
}

#[test]
fn a_new_attempt_whose_answer_is_lost_is_not_taken_for_the_failed_one_before() {
    let mut world = ended(attempts(2), ActionStatus::Failed);
    world.pass(Duration::from_secs(300));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    let failed = cordon_records::MachineAction {
        id: pending(&world.calls[0].0).id,
        kind: cordon_records::ActionType::Isolate,
        status: ActionStatus::Failed,
        machine_id: None,
        requestor: None,
        comment: Some(world.calls[0].2.clone()),
        scope: None,
        created: Some(super::samples::start()),
        updated: None,
        cancelled_by: None,
        error_code: None,
    };
    world.pass(Duration::from_secs(121));
    let look = world.waiting.iter().position(|effect| matches!(effect, Effect::Look(..))).expect("a look");
    let Some(Effect::Look(key, _)) = world.waiting.remove(look) else { unreachable!() };
    world.give(Event::Looked(key, Ok(vec![failed])));
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::NeedsHuman), "{:?}", world.reasons());
}

#[test]
fn what_stays_in_doubt_is_told_with_the_reason_and_not_as_if_no_attempt_had_had_a_clear_answer() {
    let lost = |_: &_| Answer::Lost("the connection broke".into());
    let told = "nobody knows whether it was done (the connection broke), and Defender lists no such action; look at the \
                machine";
    let mut scanned = World::new();
    scanned.decide(plan("a1", "m1", vec![an(ActionKind::Scan)]));
    // The first attempt of this one failed, as Defender says.
    let mut isolated = ended(attempts(2), ActionStatus::Failed);
    isolated.pass(Duration::from_secs(300));
    for (world, calls) in [(&mut scanned, 1), (&mut isolated, 2)] {
        world.run_with(&mut { lost });
        world.pass(Duration::from_secs(121));
        world.run_with(&mut { lost });
        assert_eq!(world.orders.len(), calls);
        assert_eq!(world.states().last(), Some(&ActionState::NeedsHuman), "{:?}", world.reasons());
        assert_eq!(world.reasons().last().unwrap(), told);
    }
}

#[test]
fn an_end_that_stays_out_is_told_once_for_each_attempt_also_over_restarts_and_is_still_followed() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    for _ in 0..(14 * 12) {
        world.pass(Duration::from_secs(5));
        world.run();
    }
    assert_eq!(world.states(), [ActionState::Accepted], "not before its time");
    let mut restarted = World::restored_at(config(), world.log.clone(), world.at.wall);
    for world in [&mut world, &mut restarted] {
        for _ in 0..(4 * 12) {
            world.pass(Duration::from_secs(5));
            world.run();
        }
        assert_eq!(world.states().last(), Some(&ActionState::Overdue));
    }
    assert_eq!(restarted.states(), [ActionState::Overdue]);

    let mut again = World::restored_at(config(), restarted.log.clone(), restarted.at.wall);
    for _ in 0..60 {
        again.pass(Duration::from_secs(60));
        again.run();
    }
    assert!(again.states().is_empty(), "told already");
    let mut done = pending(&world.calls[0].0);
    done.status = ActionStatus::Succeeded;
    again.until_followed(&[done]);
    again.run();
    assert_eq!(again.states(), [ActionState::Succeeded]);
}

#[test]
fn the_alarm_asks_first_so_that_an_end_that_nobody_had_read_yet_is_no_alarm() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    for _ in 0..(14 * 12) {
        world.pass(Duration::from_secs(5));
        world.run();
    }
    let mut done = pending(&world.calls[0].0);
    done.status = ActionStatus::Succeeded;
    let asked = world.at.mono;
    world.until_followed(&[done]);
    world.run();
    assert!(world.at.mono - asked <= Duration::from_secs(65), "the look comes at the time of the alarm");
    assert_eq!(world.states(), [ActionState::Accepted, ActionState::Succeeded]);
}
