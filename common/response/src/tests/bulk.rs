//! Many isolations are taken back by one signed word, and what failed for a missing permission is asked for again.

use std::time::Duration;

use cordon_policy::Isolation;
use cordon_records::{
    ActionKey, ActionKind, ActionState, ActionStatus, AttemptState, Command, LedgerRecord, MachineActionId,
    NamedIsolation, Report,
};
use jiff::SignedDuration;

use super::office::{ANN, BOB, attempted, config_of_the_office, config_with, machine, signed, unsigned};
use super::samples::{an, decision, pending};
use super::world::{World, plan};
use crate::Config;
use crate::event::{Answer, Effect, Event};
use crate::facts::FreshFacts;

/// A world in which these machines were isolated by us.
fn isolated(machines: &[&str]) -> World {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    for machine in machines {
        world.decide(decision(&format!("a-{machine}"), machine));
    }
    world.run();
    let ends: Vec<_> = world.calls.iter().map(|(key, ..)| ended(key, ActionStatus::Succeeded)).collect();
    world.until_followed(&ends);
    world.run();
    world
}

fn ended(key: &ActionKey, status: ActionStatus) -> crate::facts::ActionSnapshot {
    let mut end = pending(key);
    end.status = status;
    end
}

fn isolation(machine: &str) -> NamedIsolation {
    let decision = decision(&format!("a-{machine}"), machine);
    NamedIsolation { key: decision.planned[0].key.clone(), machine: super::office::machine(machine) }
}

fn release_each(machines: &[&str]) -> Command {
    let isolations: Vec<NamedIsolation> = machines.iter().map(|machine| isolation(machine)).collect();
    Command::ReleaseEach { count: u32::try_from(isolations.len()).unwrap(), isolations }
}

/// The machines that were released, in order.
fn released(world: &World) -> Vec<String> {
    let releases = world.orders.iter().filter(|order| order.action.kind() == ActionKind::Release);
    releases.map(|order| order.machine.to_string()).collect()
}

#[test]
fn several_isolations_are_taken_back_by_one_word_each_by_an_action_of_its_own() {
    let mut world = isolated(&["m1", "m2", "m3"]);
    world.says(ANN, release_each(&["m1", "m3"]), "c-1");
    assert_eq!(released(&world), ["m1", "m3"], "{:?}", world.told());
    let accepted: Vec<(String, String)> = world
        .reports
        .iter()
        .filter_map(|report| match report {
            Report::Action(it) if it.requested_by.is_some() && it.state == ActionState::Accepted => {
                Some((it.key.as_ref()?.to_string(), it.alert.id.to_string()))
            }
            Report::Action(_) | Report::Notice(_) => None,
        })
        .collect();
    assert_eq!(accepted.len(), 2);
    assert_ne!(accepted[0].0, accepted[1].0, "each has its own key");
    assert_eq!((accepted[0].1.as_str(), accepted[1].1.as_str()), ("a-m1", "a-m3"));
    // A copy does nothing.
    world.say(signed(ANN, release_each(&["m1", "m3"]), "c-1", world.at.wall));
    world.run();
    assert_eq!((released(&world).len(), world.told().len()), (2, 1), "{:?}", world.told());
}

#[test]
fn one_that_was_let_back_or_isolated_anew_by_others_is_left_alone_and_its_report_says_so() {
    let mut world = isolated(&["m1", "m2", "m3"]);
    world.isolated.insert(machine("m1"), Isolation::None);
    let by_hand = MachineActionId::new("by-hand").unwrap();
    world.isolated.insert(machine("m2"), Isolation::Isolated { id: by_hand });
    world.says(ANN, release_each(&["m1", "m2", "m3"]), "c-1");
    assert_eq!(released(&world), ["m3"]);
    let covered: Vec<String> = world.reasons().into_iter().filter(|why| why.contains("standing-isolation")).collect();
    assert!(covered[0].contains("the machine is not isolated"), "{covered:?}");
    assert!(covered[1].contains("isolated anew by action by-hand") && covered[1].contains("left alone"), "{covered:?}");
}

#[test]
fn while_nobody_can_read_whose_isolation_stands_it_is_held_and_neither_pause_nor_breaker_is_in_its_way() {
    let mut world = isolated(&["m1", "m2"]);
    world.say(unsigned(Command::Pause, "p-1", world.at.wall));
    world.run();
    world.isolated.insert(machine("m1"), Isolation::Unknown);
    world.says(ANN, release_each(&["m1", "m2"]), "c-1");
    assert_eq!(released(&world), ["m2"]);
    assert_eq!(world.steps().iter().filter(|step| **step == (ActionKind::Release, ActionState::Held)).count(), 1);
}

#[test]
fn what_was_not_called_yet_or_waits_for_a_new_attempt_is_stopped_and_not_released() {
    let config = Config { waits: attempted(2, 300), ..config_of_the_office() };
    let mut world = World::restored(config, Vec::new());
    world.decide(decision("a-m1", "m1"));
    world.run();
    let end = ended(&world.calls[0].0, ActionStatus::Failed);
    world.until_followed(&[end]);
    world.run();
    // Its fresh read is under way: nothing was called yet.
    world.decide(decision("a-m2", "m2"));
    world.say(signed(ANN, release_each(&["m1", "m2"]), "c-1", world.at.wall));
    world.run();
    world.pass(Duration::from_secs(301));
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate], "{:?}", world.reasons());
    let cancelled = world.steps().iter().filter(|step| **step == (ActionKind::Isolate, ActionState::Cancelled)).count();
    let covered = world.steps().iter().filter(|step| **step == (ActionKind::Release, ActionState::Covered)).count();
    assert_eq!((cancelled, covered), (2, 2), "{:?}", world.steps());
}

#[test]
fn a_list_that_is_empty_cut_or_names_a_machine_twice_does_nothing() {
    let cases = [
        (Vec::new(), 0, "names nothing"),
        (vec![isolation("m1")], 2, "says that it names 2, and names 1"),
        (vec![isolation("m1"), isolation("m1")], 2, "names m1 twice"),
        ((0..501).map(|n| isolation(&format!("m{n}"))).collect(), 501, "at most 500"),
    ];
    for (isolations, count, part) in cases {
        let mut world = isolated(&["m1"]);
        world.says(ANN, Command::ReleaseEach { isolations, count }, "c-1");
        assert!(world.told()[0].contains(part), "{part} is not in {:?}", world.told());
        assert_eq!(released(&world).len(), 0);
    }
}

#[test]
fn an_isolation_that_the_ledger_does_not_have_is_refused_alone() {
    let mut world = isolated(&["m1"]);
    world.says(ANN, release_each(&["m9", "m1"]), "c-1");
    assert_eq!(released(&world), ["m1"]);
    assert!(world.reasons().iter().any(|why| why.contains("the ledger has no isolation")), "{:?}", world.reasons());
}

#[test]
fn a_crash_anywhere_in_it_releases_each_once_also_when_its_time_is_over_meanwhile() {
    let mut world = isolated(&["m1", "m2", "m3"]);
    let command = signed(ANN, release_each(&["m1", "m2", "m3"]), "c-1", world.at.wall);
    let before = world.log.len();
    world.say(command.clone());
    world.run();
    let position = LedgerRecord::CommandsPosition { next: 1, newest: None };
    let applied = world.log.iter().position(|record| *record == position).unwrap();
    assert!(applied >= before + 3, "each release is written before the command is done with");
    for (cut, late) in (before..=applied).flat_map(|cut| [(cut, false), (cut, true)]) {
        let wall = world.at.wall + SignedDuration::from_mins(if late { 20 } else { 0 });
        let mut next = World::restored_at(config_of_the_office(), world.log[..cut].to_vec(), wall);
        next.isolated = ["m1", "m2", "m3"].iter().fold(world.isolated.clone(), |mut all, name| {
            let id = pending(&isolation(name).key).id;
            all.insert(machine(name), Isolation::Isolated { id });
            all
        });
        next.give(Event::Command(0, None, Ok(command.clone())));
        next.run();
        let begun = cut > before;
        let expected = if begun || !late { 3 } else { 0 };
        assert_eq!(
            (released(&next).len(), next.told().len()),
            (expected, usize::from(expected == 0)),
            "cut at {cut}, late: {late}: {:?}",
            next.told()
        );
    }
}

#[test]
fn the_breaker_remembers_which_window_was_full() {
    let mut world = World::restored(config_with("{hold: {kinds: []}, caps: {all_rules: {10m: 1}}}"), Vec::new());
    for n in 1..=2 {
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
        world.run();
    }
    let latch = world.responder.ledger().breaker().cloned().unwrap();
    assert_eq!((latch.on, latch.window_s), (true, Some(600)));
    world.says(BOB, Command::Resume { notice: format!("breaker_latched@{}", latch.at) }, "c-1");
    let latch = world.responder.ledger().breaker().cloned().unwrap();
    assert_eq!((latch.on, latch.window_s), (false, Some(600)), "also after it was lifted");
}

/// A world in which an action of this kind failed because a permission was missing.
fn forbidden(kind: ActionKind) -> (World, ActionKey) {
    let mut world = World::ready_for(kind).restarted(config_of_the_office());
    world.decide(plan("a1", "m1", vec![an(kind)]));
    world.run_with(&mut |_| Answer::Forbidden("isolate was refused: HTTP 403 Forbidden".into()));
    world.pass(Duration::from_secs(10));
    world.run_with(&mut |_| Answer::Forbidden("isolate was refused: HTTP 403 Forbidden".into()));
    assert_eq!(world.states().last(), Some(&ActionState::Failed), "{kind}: {:?}", world.reasons());
    let key = plan("a1", "m1", vec![an(kind)]).planned[0].key.clone();
    (world, key)
}

#[test]
fn what_failed_for_a_missing_permission_is_asked_for_once_more_by_a_persons_word_and_no_oftener() {
    for kind in [ActionKind::Isolate, ActionKind::Release, ActionKind::Scan, ActionKind::UpdateAlert] {
        let (mut world, key) = forbidden(kind);
        let calls = world.orders.len();
        assert!(world.reasons().last().unwrap().contains(&format!("cordon retry {key}")), "{:?}", world.reasons());
        world.pass(Duration::from_secs(600));
        world.run();
        assert_eq!(world.orders.len(), calls, "{kind}: nobody asks by itself");
        world.says(ANN, Command::Retry { key: key.clone() }, "c-1");
        world.pass(Duration::from_secs(10));
        world.run();
        assert_eq!(world.orders.len(), calls + 1, "{kind}: {:?} {:?}", world.reasons(), world.told());
        assert_eq!(world.responder.ledger().get(&key).unwrap().attempt, 2, "{kind}");
        world.says(ANN, Command::Retry { key: key.clone() }, "c-2");
        assert!(world.told()[0].contains("only what failed for a missing permission"), "{:?}", world.told());
        assert_eq!(world.orders.len(), calls + 1, "{kind}");
    }
}

#[test]
fn a_retry_that_fails_the_same_way_may_be_asked_for_anew_and_one_that_guards_hold_waits() {
    let (mut world, key) = forbidden(ActionKind::Isolate);
    world.say(signed(ANN, Command::Retry { key: key.clone() }, "c-1", world.at.wall));
    world.run_with(&mut |_| Answer::Forbidden("HTTP 403 Forbidden".into()));
    world.pass(Duration::from_secs(1));
    // By now the alert is old.
    world.pass(Duration::from_secs(7_200));
    world.says(ANN, Command::Retry { key: key.clone() }, "c-2");
    assert_eq!((world.states().last(), world.orders.len()), (Some(&ActionState::Held), 2), "{:?}", world.reasons());
    let approval = world.approval();
    world.says(BOB, approval, "c-3");
    assert_eq!(world.orders.len(), 3, "{:?}", world.told());
    assert!(world.calls[2].2.ends_with("#3]"), "{}", world.calls[2].2);
}

#[test]
fn what_failed_for_another_reason_or_did_not_fail_is_not_asked_for_again() {
    let key = decision("a1", "m1").planned[0].key.clone();
    for (answer, part) in [
        (Answer::Rejected("400 OsPlatformNotSupported".into()), "stands at failed: 400 OsPlatformNotSupported"),
        (Answer::Accepted(pending(&key)), "stands at accepted"),
    ] {
        let mut world = World::restored(config_of_the_office(), Vec::new());
        world.decide(decision("a1", "m1"));
        world.run_with(&mut |_| answer.clone());
        world.says(ANN, Command::Retry { key: key.clone() }, "c-1");
        assert!(world.told()[0].contains(part), "{part} is not in {:?}", world.told());
        assert_eq!(world.orders.len(), 1);
    }
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.says(ANN, Command::Retry { key }, "c-1");
    assert!(world.told()[0].contains("there is no action"), "{:?}", world.told());
}

#[test]
fn a_crash_anywhere_in_a_retry_asks_once() {
    let (mut world, key) = forbidden(ActionKind::Isolate);
    let command = signed(ANN, Command::Retry { key: key.clone() }, "c-1", world.at.wall);
    let before = world.log.len();
    world.say(command.clone());
    while !world.log.contains(&LedgerRecord::CommandsPosition { next: 1, newest: None }) {
        if let Some(Effect::Read { .. }) = world.waiting.front() {
            world.waiting.rotate_left(1);
        }
        assert!(world.step(&mut |_| panic!("nothing is called before the fresh read")));
    }
    for cut in before..=world.log.len() {
        let mut next = World::restored_at(config_of_the_office(), world.log[..cut].to_vec(), world.at.wall);
        next.give(Event::Command(0, None, Ok(command.clone())));
        next.run();
        assert_eq!((next.orders.len(), next.told().len()), (1, 0), "cut at {cut}: {:?}", next.told());
        assert!(next.calls[0].2.ends_with("#2]"), "cut at {cut}: {}", next.calls[0].2);
        let stands = next.responder.ledger().get(&key).unwrap().state;
        assert_eq!(stands, AttemptState::Reported(ActionState::Accepted));
    }
}

/// A world in which the answer to the isolation of m1 was lost, the settled list does not show it, and the second attempt
/// waits; in its fresh read, or, with the quota spent, in its queue.
fn second_attempt(read: bool) -> World {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(decision("a-m1", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    if !read {
        world.decide(decision("a-m2", "m2"));
        world.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(900), spent: true });
    }
    world.pass(Duration::from_secs(121));
    let key = super::reconcile::look(&mut world).expect("the settled look");
    world.give(Event::Looked(key, Ok(Vec::new())));
    assert_eq!(matches!(world.waiting.front(), Some(Effect::Read { .. })), read, "{:?}", world.waiting);
    world.orders.clear();
    world
}

#[test]
fn a_second_attempt_that_is_stopped_does_not_hide_the_first_which_may_still_come_through() {
    for read in [true, false] {
        let mut world = second_attempt(read);
        // The first call shows in Defender only now.
        let late = MachineActionId::new("late").unwrap();
        world.say(signed(ANN, release_each(&["m1"]), "c-1", world.at.wall));
        while !matches!(world.waiting.back(), Some(Effect::Read { .. })) || world.waiting.len() > 1 {
            assert!(world.step(&mut |_| panic!("nothing is called")), "no fresh read: {:?}", world.reasons());
        }
        let Some(Effect::Read { key, .. }) = world.waiting.pop_front() else { panic!("no fresh read") };
        let mark = format!("High severity alert [cordon:{}#1]", isolation("m1").key);
        let kind = cordon_records::ActionType::Isolate;
        let stands = super::reconcile::listed("late", kind, ActionStatus::Succeeded, mark);
        let facts = FreshFacts {
            machine: decision("a-m1", "m1").machine,
            isolation: Isolation::Isolated { id: late },
            newest: Some(stands),
            ..FreshFacts::missing()
        };
        world.give(Event::Facts(key, Ok(Box::new(facts))));
        world.run();
        assert_eq!(released(&world), ["m1"], "{:?}", world.reasons());
        let told = (ActionKind::Isolate, ActionState::NeedsHuman);
        assert!(world.steps().contains(&told), "nobody says that it was cancelled: {:?}", world.steps());
    }
}

#[test]
fn a_crash_after_any_write_of_it_releases_each_machine_exactly_once() {
    let names = ["m1", "m2", "m3"];
    let mut world = isolated(&names);
    let command = signed(ANN, release_each(&names), "c-1", world.at.wall);
    let (before, stands) = (world.log.len(), world.isolated.clone());
    world.say(command.clone());
    // What was called when the log had come so far.
    let mut called = vec![(before, Vec::new())];
    while world.step(&mut |key| Answer::Accepted(pending(key))) {
        called.push((world.log.len(), released(&world)));
    }
    assert_eq!(released(&world).len(), 3);
    // The call after the last record may have been made, or not.
    for (cut, made) in (before..=world.log.len()).flat_map(|cut| [(cut, true), (cut, false)]) {
        let until = |(at, _): &&(usize, Vec<String>)| *at < cut || (made && *at == cut);
        let done = called.iter().rfind(until).map(|(_, done)| done.clone()).unwrap_or_default();
        let mut next = World::restored_at(config_of_the_office(), world.log[..cut].to_vec(), world.at.wall);
        next.isolated.clone_from(&stands);
        for name in &done {
            next.isolated.insert(machine(name), Isolation::None);
        }
        if next.responder.ledger().commands_next() == 0 {
            next.give(Event::Command(0, None, Ok(command.clone())));
        }
        for _ in 0..3 {
            next.run();
            next.pass(Duration::from_secs(121));
        }
        let mut all: Vec<String> = done.into_iter().chain(released(&next)).collect();
        all.sort();
        assert_eq!((all, next.told().len()), (names.map(str::to_owned).to_vec(), 0), "cut at {cut}, {made}");
    }
}

#[test]
fn who_approved_what_failed_for_a_missing_permission_has_not_approved_what_is_asked_for_again() {
    let config = || Config { mode: cordon_records::Mode::Approve, ..config_of_the_office() };
    let mut world = World::restored(config(), Vec::new());
    world.decide(decision("a1", "m1"));
    world.run();
    let approval = world.approval();
    world.say(signed(BOB, approval, "c-1", world.at.wall));
    world.run_with(&mut |_| Answer::Forbidden("HTTP 403 Forbidden".into()));
    let key = world.calls[0].0.clone();
    world.says(ANN, Command::Retry { key: key.clone() }, "c-2");
    let entry = world.responder.ledger().get(&key).unwrap();
    assert_eq!((world.calls.len(), entry.approvals.len()), (1, 0), "{:?}", world.reasons());
    assert_eq!(entry.state, AttemptState::Reported(ActionState::Held), "{:?}", world.reasons());
    // The same word by which Bob approved the attempt before is none for this one.
    let approval = world.approval();
    world.says(BOB, approval, "c-3");
    assert_eq!(world.calls.len(), 2, "{:?} {:?}", world.reasons(), world.told());
}

#[test]
fn a_release_says_which_other_alerts_wanted_the_machine_isolated() {
    for one in [false, true] {
        let config = config_with("hold: {kinds: [], released_by_person_within: 1h}");
        let mut world = isolated(&["m1", "m2"]).restarted(config);
        let id = pending(&isolation("m1").key).id;
        world.isolated.insert(machine("m1"), Isolation::Isolated { id });
        world.decide(decision("a-second", "m1"));
        world.run();
        assert_eq!(world.states().last(), Some(&ActionState::Covered), "{:?}", world.reasons());
        let before = world.reports.len();
        match one {
            true => world.says(ANN, Command::Release { machine: machine("m1") }, "c-1"),
            false => world.says(ANN, release_each(&["m1", "m2"]), "c-1"),
        }
        let ends: Vec<_> = world.calls.iter().map(|(key, ..)| ended(key, ActionStatus::Succeeded)).collect();
        world.until_followed(&ends);
        world.run();
        let told = "; alert a-second wanted this machine isolated, too";
        let says: Vec<String> =
            world.reasons().split_off(before).into_iter().filter(|why| why.ends_with(told)).collect();
        let stays = world.reports[before..].iter().filter_map(|report| match report {
            Report::Action(it) => it.keeps_connected_s,
            Report::Notice(_) => None,
        });
        let each = if one { 2 } else { 4 };
        assert_eq!(stays.collect::<Vec<u64>>(), vec![3_600; each], "as the guards say, when taken and when done");
        assert_eq!(says.len(), 2, "when it is taken and when it is done, of one machine: {:?}", world.reasons());
    }
}
