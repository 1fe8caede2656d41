//! What is recorded for backtests: what the guards were told, and what is in doubt since when and until when.

use std::time::Duration;

use cordon_policy::{Guards, Isolation, Recorded, judge};
use cordon_records::{
    ActionRecord, ActionState, ActionStatus, ActionType, AlertStatus, AttemptState, CountedFleet, Counter, Genesis,
    GuardVerdict, Latch, LedgerEntry, LedgerRecord, Report, Ruling,
};
use jiff::SignedDuration;

use super::reconcile::{listed, look};
use super::samples::{config, decision, pending, start};
use super::world::World;
use crate::event::{Answer, Effect, Event, Unreadable};
use crate::facts::FreshFacts;

fn reports(world: &World) -> Vec<ActionRecord> {
    let action = |report: &Report| match report {
        Report::Action(record) => Some((**record).clone()),
        Report::Notice(_) => None,
    };
    world.reports.iter().filter_map(action).collect()
}

fn entries(world: &World) -> Vec<LedgerEntry> {
    let entry = |record: &LedgerRecord| match record {
        LedgerRecord::Action(entry) => Some((**entry).clone()),
        _ => None,
    };
    world.log.iter().filter_map(entry).collect()
}

fn rulings(verdicts: &[GuardVerdict]) -> Vec<(String, Ruling)> {
    verdicts.iter().map(|verdict| (verdict.guard.clone(), verdict.ruling)).collect()
}

/// What these guards say to a recorded action when they are told what was recorded, and nothing else.
fn judged_again(report: &ActionRecord, guards: &Guards) -> Vec<(String, Ruling)> {
    let recorded = Recorded::of(report).expect("the report has facts");
    rulings(&judge(guards, &recorded.case()).verdicts)
}

/// A world with one decision, whose fresh read brings this.
fn read(change: impl FnOnce(&mut FreshFacts)) -> World {
    let mut world = World::new();
    let decided = decision("a1", "m1");
    let mut facts = FreshFacts {
        alert: Some(decided.alert.clone()),
        machine: decided.machine.clone(),
        isolation: Isolation::None,
        ..FreshFacts::missing()
    };
    change(&mut facts);
    world.give(Event::Counted(Ok(4_000)));
    world.decide(decided);
    while !matches!(world.waiting.front(), Some(Effect::Read { .. })) {
        world.step(&mut |key| Answer::Accepted(pending(key)));
    }
    let Some(Effect::Read { key, .. }) = world.waiting.pop_front() else { panic!("no fresh read") };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    world
}

#[test]
fn what_the_guards_were_told_is_on_the_report_and_leads_them_to_the_same_verdicts_again() {
    let guards = config().guards;
    let released = Isolation::Released { at: start(), by: "bob@example.com".into() };
    let cases: [(&str, World, ActionState); 6] = [
        ("nothing against it", read(|_| {}), ActionState::Accepted),
        ("closed", read(|it| it.alert.as_mut().unwrap().status = AlertStatus::Resolved), ActionState::Refused),
        ("a server", read(|it| it.machine.as_mut().unwrap().os = Some("WindowsServer2022".into())), ActionState::Held),
        ("no machine", read(|it| it.machine = None), ActionState::Held),
        ("released by a person", read(|it| it.isolation = released), ActionState::Held),
        ("the list cannot be read", read(|it| it.isolation = Isolation::Unknown), ActionState::Held),
    ];
    for (name, world, state) in cases {
        let report = reports(&world).into_iter().find(|report| report.state == state);
        let report = report.unwrap_or_else(|| panic!("{name}: {:?}", world.states()));
        let facts = report.facts.clone().unwrap();
        assert_eq!(facts.guard_set, guards.hash(), "{name}");
        assert_eq!(facts.fleet.map(|fleet| fleet.machines), Some(4_000), "{name}");
        assert_eq!(judged_again(&report, &guards), rulings(&report.guards), "{name}");
    }
}

#[test]
fn a_fact_that_could_not_be_had_is_told_from_one_that_says_no() {
    let facts = |world: &World| reports(world).remove(0).facts.unwrap();
    let all = facts(&read(|_| {}));
    assert!(all.read && all.alert_read && all.machine.is_some() && all.isolation == Isolation::None);
    let none = facts(&read(|it| *it = FreshFacts::missing()));
    assert!(none.read && !none.alert_read && none.machine.is_none() && none.isolation == Isolation::Unknown);
    assert_eq!(none.actions, None);
}

#[test]
fn what_a_pause_holds_says_that_nothing_was_read_for_it() {
    let pause = Latch { on: true, by: "anna".into(), why: "w".into(), at: start(), window_s: None };
    let mut world = World::restored(config(), vec![LedgerRecord::Pause(pause)]);
    world.decide(decision("a1", "m1"));
    world.run();
    let report = reports(&world).remove(0);
    let facts = report.facts.clone().unwrap();
    assert_eq!((report.state, facts.read, facts.alert_read, facts.paused), (ActionState::Held, false, false, true));
    assert_eq!(judged_again(&report, &config().guards), rulings(&report.guards));
}

#[test]
fn the_facts_of_a_large_alert_fit_a_report_and_say_how_much_they_leave_out() {
    let world = read(|it| {
        let tags = (0..5_000).map(|tag| format!("tag-{tag}")).collect();
        it.machine.as_mut().unwrap().tags = Some(tags);
        let alert = it.alert.as_mut().unwrap();
        alert.title = "t".repeat(100_000);
        alert.users = (0..5_000).map(|user| format!("user-{user}@example.com")).collect();
        alert.users[0] = "x".repeat(10_000);
    });
    let facts = reports(&world).remove(0).facts.unwrap();
    assert!(serde_json::to_vec(&facts).unwrap().len() < 60_000);
    assert_eq!((facts.users.len(), facts.left_out), (100, 9_800));
}

#[test]
fn the_facts_wait_in_the_ledger_for_their_report_and_no_longer() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    world.run();
    assert!(reports(&world)[0].facts.is_some());
    assert_eq!(entries(&world).pop().unwrap().facts, None, "the report in doubt has them");
    // Another process finds on the list what was left as an INTENT, of which nothing is reported.
    let mark = world.calls[0].2.clone();
    let intent = world.intent_at();
    world.log.truncate(intent + 1);
    assert!(entries(&world).pop().unwrap().facts.is_some(), "the report of the outcome is still to come");
    let mut world = World::restored(config(), world.log);
    world.pass(Duration::from_secs(121));
    let key = look(&mut world).expect("the settled look");
    let found = listed("late", ActionType::Isolate, ActionStatus::Pending, mark);
    world.give(Event::Looked(key, Ok(vec![found])));
    world.run();
    let last = reports(&world).pop().unwrap();
    assert_eq!(last.state, ActionState::Accepted);
    assert!(last.facts.is_some());
    assert_eq!(entries(&world).pop().unwrap().facts, None);
}

#[test]
fn an_action_in_doubt_says_since_when_and_until_when_it_rests() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    let (entry, until) = (entries(&world).pop().unwrap(), world.at.wall + SignedDuration::from_secs(120));
    assert_eq!((entry.state, entry.rests_until), (AttemptState::InDoubt, Some(until)));
    assert_eq!(entry.asked_at(), entry.intents[0]);
    let report = reports(&world).remove(0);
    let expected = format!("the connection broke; it rests until {until}, then Defender's list of actions is read");
    assert_eq!((report.state, report.reason), (ActionState::InDoubt, expected));
}

#[test]
fn an_intent_that_another_process_left_is_written_down_as_in_doubt_from_the_own_observation() {
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    while before.calls.is_empty() {
        assert!(before.step(&mut |_| Answer::Lost("the connection broke".into())));
    }
    let later = start() + SignedDuration::from_mins(30);
    let mut world = World::restored_at(config(), before.log, later);
    world.run();
    let in_doubt: Vec<&LedgerEntry> = world.responder.ledger().in_doubt().collect();
    assert_eq!(in_doubt.len(), 1);
    assert_eq!(in_doubt[0].rests_until, Some(later + SignedDuration::from_secs(120)));
    assert_eq!(in_doubt[0].reason, "the process that was about to do it ended");
    assert!(in_doubt[0].asked_at() < later, "since it was asked for");
    let written = entries(&world).pop().unwrap();
    assert_eq!((written.state, written.rests_until), (AttemptState::InDoubt, in_doubt[0].rests_until));
    assert_eq!(world.states(), [], "people are told what comes of it");
}

#[test]
fn each_count_of_the_fleet_is_told_to_decide_with_who_counted_and_a_count_that_failed_is_not() {
    let made = start() - SignedDuration::from_hours(24);
    let genesis = LedgerRecord::Genesis(Genesis { cluster_id: "ours".into(), at: made });
    let mut world = World::restored(config(), vec![genesis]);
    world.give(Event::Counted(Err(Unreadable { why: "503".into(), retry_after: None, refused: false })));
    world.run();
    assert_eq!(world.published, []);
    world.give(Event::Counted(Ok(3_000)));
    world.run();
    let counted = |at, epoch| CountedFleet { machines: 3_000, at, by: Some(Counter { ledger: made, epoch }) };
    assert_eq!(world.published, [counted(world.at.wall, 1)]);
    let mut next = world.restarted(config());
    next.give(Event::Counted(Ok(3_000)));
    next.run();
    assert_eq!(next.published, [counted(next.at.wall, 2)], "the next holder's beats it");
}

#[test]
fn what_is_held_since_no_fresh_read_succeeded_says_that_nothing_was_read() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    while world.states().is_empty() {
        match world.waiting.front() {
            Some(Effect::Read { key, .. }) => {
                let key = key.clone();
                world.waiting.pop_front();
                world.give(Event::Facts(key, Err(Unreadable { why: "503".into(), retry_after: None, refused: false })));
            }
            Some(_) => {
                world.step(&mut |key| Answer::Accepted(pending(key)));
            }
            None => world.pass(Duration::from_secs(200)),
        }
    }
    let report = reports(&world).remove(0);
    let facts = report.facts.unwrap();
    assert_eq!((report.state, facts.read, facts.alert_read), (ActionState::Held, false, false));
}

#[test]
fn a_look_that_failed_says_until_when_it_rests_now_and_a_new_attempt_rests_no_more() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    world.pass(Duration::from_secs(121));
    let key = look(&mut world).expect("the settled look");
    world.give(Event::Looked(key, Err(Unreadable { why: "503".into(), retry_after: None, refused: false })));
    let until = Some(world.at.wall + SignedDuration::from_secs(30));
    world.run();
    assert_eq!(entries(&world).pop().unwrap().rests_until, until);
    assert_eq!(world.states(), [ActionState::InDoubt], "nobody is told again");
    world.pass(Duration::from_secs(31));
    let key = look(&mut world).expect("the next look");
    world.give(Event::Looked(key, Ok(Vec::new())));
    world.run();
    let second = entries(&world).into_iter().find(|entry| entry.attempt == 2).expect("a new attempt");
    assert_eq!((second.state, second.rests_until), (AttemptState::Intent, None));
}

#[test]
fn facts_are_on_the_report_that_follows_from_their_verdict_and_not_on_later_ones() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    let mark = world.calls[0].2.clone();
    world.pass(Duration::from_secs(121));
    let key = look(&mut world).expect("the settled look");
    let found = listed("late", ActionType::Isolate, ActionStatus::Pending, mark);
    world.give(Event::Looked(key, Ok(vec![found])));
    world.run();
    let with: Vec<_> = reports(&world).iter().map(|report| (report.state, report.facts.is_some())).collect();
    assert_eq!(with, [(ActionState::InDoubt, true), (ActionState::Accepted, false)]);
}
