//! What people approve and deny, and what counts as their word.

use std::time::Duration;

use cordon_policy::Isolation;
use cordon_records::{
    ActionKind, ActionState, Command, CommandId, CommandRecord, DecisionRecord, LedgerRecord, Mode, RefusalCause,
    Report, TenantId,
};
use jiff::SignedDuration;

use super::keys::Pen;
use super::office::{ANN, BOB, EVE, config_of_the_office, config_with, machine, signed, unsigned};
use super::samples::{an, config, decision, start};
use super::world::{World, plan};
use crate::Config;
use crate::event::Event;

/// A decision that wants approval.
pub fn asking(alert: &str, machine: &str) -> DecisionRecord {
    let mut decision = decision(alert, machine);
    decision.planned[0].mode = Mode::Approve;
    decision
}

/// The alert of what is held comes anew, and is as new as that.
pub fn comes_anew(world: &mut World) {
    let mut again = asking("a1", "m1");
    again.alert.newest_moment = Some(world.at.wall);
    world.decide(again);
}

/// A world in which one isolation is held.
pub fn held() -> World {
    held_under(config_of_the_office())
}

fn held_under(config: Config) -> World {
    let mut world = World::restored(config, Vec::new());
    world.decide(asking("a1", "m1"));
    world.run();
    assert_eq!(world.states(), [ActionState::Held], "{:?}", world.reasons());
    world
}

#[test]
fn what_is_approved_is_asked_of_the_guards_once_more_and_done_once() {
    let mut world = held();
    let approval = world.approval();
    world.says(ANN, approval, "c-1");
    assert_eq!(world.states(), [ActionState::Held, ActionState::Approved, ActionState::Accepted]);
    assert_eq!((world.orders.len(), world.intents()), (1, 1));
    let Some(Report::Action(last)) = world.reports.last() else { panic!("no report") };
    let mode = last.guards.iter().find(|verdict| verdict.guard == "mode").unwrap();
    assert!(mode.why.ends_with("; approved"), "{}", mode.why);
    assert_eq!(last.approvals[0].by, "ann@example.com");
    assert!(last.approvals[0].key.starts_with("SHA256:"));
}

/// Every way in which a command may be wrong, with a word of the reason and its cause.
fn wrong(world: &World) -> Vec<(CommandRecord, &'static str, RefusalCause)> {
    let (now, approval) = (world.at.wall, world.approval());
    let of = |change: &dyn Fn(&mut CommandRecord)| {
        let mut record = unsigned(approval.clone(), "c-1", now);
        change(&mut record);
        Pen::ed25519(ANN).signed(&record)
    };
    let minutes = |count| now + SignedDuration::from_mins(count);
    let mut altered = of(&|_| {});
    altered.why = "what somebody else wrote".into();
    vec![
        (unsigned(approval.clone(), "c-1", now), "it is not signed", RefusalCause::NotGenuine),
        (signed(EVE, approval.clone(), "c-1", now), "does not name", RefusalCause::NotGenuine),
        (altered, "alter", RefusalCause::NotGenuine),
        (of(&|record| record.tenant = Some(TenantId::new("other").unwrap())), "tenant other", RefusalCause::NotGenuine),
        (of(&|record| record.tenant = None), "names no tenant", RefusalCause::NotGenuine),
        (of(&|record| record.id = None), "no id", RefusalCause::NotGenuine),
        (of(&|record| record.expires_at = None), "no end", RefusalCause::NotGenuine),
        (of(&|record| record.expires_at = Some(now)), "came too late", RefusalCause::TooLate),
        (of(&|record| record.expires_at = Some(minutes(16))), "longer than 15m", RefusalCause::Configuration),
        (
            of(&|record| (record.at, record.expires_at) = (minutes(6), Some(minutes(7)))),
            "yet to come",
            RefusalCause::Configuration,
        ),
        (
            of(&|record| {
                let Command::Approve { intent, .. } = &mut record.command else { panic!("no approval") };
                *intent = cordon_records::IntentHash::new("0123456789abcdef").unwrap();
            }),
            "no longer what was looked at",
            RefusalCause::NotPossible,
        ),
    ]
}

#[test]
fn a_command_that_is_forged_altered_expired_or_meant_for_something_else_does_nothing_and_is_told() {
    for (command, part, cause) in wrong(&held()) {
        let mut world = held();
        let offset = world.say(command);
        world.run();
        let told = world.told();
        assert!(told.len() == 1 && told[0].contains(part), "{part} is not in {told:?}");
        assert_eq!(world.causes(), [cause], "{part}");
        assert!(matches!(world.reports.last(), Some(Report::Notice(notice))
            if notice.id == format!("command_refused@commands/0/{offset}")));
        assert_eq!((world.states(), world.orders.len()), (vec![ActionState::Held], 0), "{part}");
        // What is right counts all the same afterwards.
        let approval = world.approval();
        world.says(BOB, approval, "c-2");
        assert_eq!(world.orders.len(), 1, "{part}");
    }
}

#[test]
fn a_refusal_is_named_anew_on_a_topic_that_was_made_anew_and_alike_where_its_command_is_read_again() {
    let garbage = |minute: i64| {
        Event::Command(0, Some(start() + SignedDuration::from_mins(minute)), Err("expected value".to_owned()))
    };
    let named = |world: &World| -> Vec<String> {
        let ids = world.reports.iter().filter(|report| matches!(report, Report::Notice(_)));
        ids.map(|report| report.id().to_owned()).collect()
    };
    let (mut world, mut again) = (World::new(), World::new());
    world.give(garbage(0));
    world.run();
    again.pass(Duration::from_secs(60));
    again.give(garbage(0));
    again.run();
    assert_eq!(named(&world), ["command_refused@commands/0/0@2026-11-22T18:00:00Z"]);
    assert_eq!(named(&again), named(&world));
    world.give(garbage(5));
    world.run();
    assert_eq!(named(&world)[1..], ["command_refused@commands/0/0@2026-11-22T18:05:00Z"]);
}

#[test]
fn a_refusal_says_whether_there_is_nothing_to_do_or_what_was_asked_for_is_not_so() {
    let mut world = held();
    let approval = world.approval();
    let Command::Approve { key, .. } = &approval else { panic!("no approval") };
    let unknown = cordon_records::ActionKey::new("ffffffffffffffff").unwrap();
    world.says(ANN, approval.clone(), "c-1");
    // The isolation is accepted now.
    for (command, cause) in [
        (approval.clone(), RefusalCause::NothingToDo),
        (Command::Resume { notice: "paused@2026-11-22T22:41:08Z".into() }, RefusalCause::NothingToDo),
        (Command::Deny { key: key.clone() }, RefusalCause::NotPossible),
        (Command::Cancel { key: unknown.clone() }, RefusalCause::NotPossible),
        (Command::Deny { key: unknown.clone() }, RefusalCause::NotPossible),
        (Command::Retry { key: unknown.clone() }, RefusalCause::NotPossible),
        (Command::ReleaseEach { isolations: Vec::new(), count: 0 }, RefusalCause::NotPossible),
    ] {
        let before = world.causes().len();
        world.says(BOB, command.clone(), &format!("c-{}", before + 2));
        assert_eq!(world.causes()[before..], [cause], "{command:?}: {:?}", world.told());
    }
    // A copy may be a replay.
    let before = world.causes().len();
    world.says(ANN, approval, "c-1");
    assert_eq!(world.causes()[before..], [RefusalCause::NotGenuine], "{:?}", world.told());
}

#[test]
fn what_is_no_command_at_all_is_told_and_what_follows_is_read() {
    use crate::event::Event;
    let mut world = held();
    world.give(Event::Command(0, None, Err("expected value at line 1".into())));
    world.run();
    assert!(world.told()[0].contains("commands/0/0 is no command: expected value"), "{:?}", world.told());
    assert_eq!(world.causes(), [RefusalCause::NotGenuine]);
    let approval = signed(ANN, world.approval(), "c-1", world.at.wall);
    world.give(Event::Command(1, None, Ok(approval)));
    world.run();
    assert_eq!(world.orders.len(), 1);
}

#[test]
fn a_copy_of_a_command_does_nothing_also_of_one_that_was_refused_and_also_after_a_restart() {
    let mut world = held();
    let command = signed(ANN, Command::Release { machine: machine("m1") }, "c-1", world.at.wall);
    world.say(command.clone());
    world.run();
    let nothing = Command::Cancel { key: cordon_records::ActionKey::new("ffffffffffffffff").unwrap() };
    let refused = signed(ANN, nothing, "c-2", world.at.wall);
    world.say(refused.clone());
    world.run();
    for mut world in [world.restarted(config_of_the_office()), world] {
        let before = (world.orders.len(), world.told().len());
        for copy in [&command, &refused] {
            world.say(copy.clone());
            world.run();
        }
        assert_eq!((world.orders.len(), world.told().len()), (before.0, before.1 + 2));
        assert!(world.told().iter().rev().take(2).all(|text| text.contains("this is a copy")), "{:?}", world.told());
    }
}

#[test]
fn a_command_that_is_read_again_after_a_crash_is_neither_obeyed_twice_nor_called_a_copy() {
    let mut world = held();
    let command = signed(ANN, world.approval(), "c-1", world.at.wall);
    world.say(command.clone());
    let before = world.log.len();
    world.run();
    let position = LedgerRecord::CommandsPosition { next: 1, newest: None };
    let applied = world.log.iter().position(|record| *record == position).unwrap();
    // kill -9 after each record that the command led to: the position comes last.
    for cut in before..=applied {
        let log = world.log[..cut].to_vec();
        let mut next = World::restored_at(config_of_the_office(), log, world.at.wall);
        next.give(crate::event::Event::Command(0, None, Ok(command.clone())));
        for _ in 0..3 {
            next.run();
            next.pass(Duration::from_secs(121));
        }
        next.run();
        assert_eq!(
            (next.orders.len(), next.told().len()),
            (1, 0),
            "cut at {cut}: {:?} {:?}",
            next.reasons(),
            next.told()
        );
    }
}

#[test]
fn an_approval_survives_a_restart_before_its_action_has_begun() {
    let mut world = held();
    let approval = world.approval();
    world.say(signed(ANN, approval, "c-1", world.at.wall));
    // The approval becomes durable, the fresh read does not come back.
    while !world.log.contains(&LedgerRecord::CommandsPosition { next: 1, newest: None }) {
        if let Some(crate::event::Effect::Read { .. }) = world.waiting.front() {
            world.waiting.rotate_left(1);
        }
        assert!(world.step(&mut |_| panic!("nothing is called before the fresh read")));
    }
    let mut next = world.restarted(config_of_the_office());
    next.run();
    assert_eq!((next.orders.len(), next.states()), (1, vec![ActionState::Accepted]));
}

#[test]
fn offboarding_takes_two_people_and_one_person_twice_is_one() {
    let mut world = World::restored(config_with(""), Vec::new());
    world.decide(plan("a1", "m1", vec![an(ActionKind::Offboard)]));
    world.run();
    let approval = world.approval();
    world.says(ANN, approval.clone(), "c-1");
    assert!(world.reasons().last().unwrap().contains("it takes 2 people"), "{:?}", world.reasons());
    world.says(ANN, approval.clone(), "c-2");
    assert!(world.told()[0].contains("approved it already; it takes another person"), "{:?}", world.told());
    assert!(world.orders.is_empty());
    let mut world = world.restarted(config_with(""));
    world.says(BOB, approval, "c-3");
    assert_eq!((world.orders.len(), world.states()[0]), (1, ActionState::Approved));
    let Some(Report::Action(last)) = world.reports.last() else { panic!("no report") };
    let by: Vec<&str> = last.approvals.iter().map(|yes| yes.by.as_str()).collect();
    assert_eq!(by, ["ann@example.com", "bob@example.com"]);
}

#[test]
fn above_so_many_approvals_in_an_hour_everything_takes_two_people() {
    let config = || config_with("approvals: {two_people: {kinds: [], above: {1h: 1}}}");
    let mut world = held_under(config());
    let approval = world.approval();
    world.says(ANN, approval, "c-1");
    assert_eq!(world.orders.len(), 1);
    world.decide(asking("a2", "m2"));
    world.run();
    let approval = world.approval();
    world.says(ANN, approval.clone(), "c-2");
    assert_eq!(world.orders.len(), 1, "{:?}", world.reasons());
    world.says(BOB, approval, "c-3");
    assert_eq!(world.orders.len(), 2);
}

#[test]
fn nobody_approves_what_they_asked_for_themselves() {
    let mut world = held();
    let held = world.log.iter().rev().find_map(|record| match record {
        LedgerRecord::Action(entry) => Some((**entry).clone()),
        _ => None,
    });
    let mut entry = held.unwrap();
    entry.requested_by = Some("ann@example.com".into());
    let mut log = world.log.clone();
    log.push(LedgerRecord::Action(Box::new(entry)));
    world = World::restored(config_of_the_office(), log);
    let approval = world.approval();
    world.says(ANN, approval.clone(), "c-1");
    assert!(world.told()[0].contains("ann@example.com asked for it, and cannot approve it too"), "{:?}", world.told());
    world.says(BOB, approval, "c-2");
    assert_eq!(world.orders.len(), 1);
}

#[test]
fn an_approval_lifts_neither_pause_nor_a_closed_alert_and_what_is_held_on_is_approved_anew() {
    let mut world = held();
    let (approval, now) = (world.approval(), world.at.wall);
    world.say(unsigned(Command::Pause, "p-1", now));
    world.run();
    world.pass(Duration::from_secs(1));
    world.says(ANN, approval.clone(), "c-1");
    assert_eq!(world.states(), [ActionState::Held, ActionState::Approved, ActionState::Held]);
    let Some(Report::Action(again)) = world.reports.last() else { panic!("no report") };
    assert!(again.reason.starts_with("approved by ann@example.com, but held all the same: pause"), "{}", again.reason);
    let held: Vec<String> = world.reports.iter().map(|report| report.id().to_owned()).collect();
    assert!(
        held.iter().collect::<std::collections::BTreeSet<_>>().len() == held.len(),
        "two steps of one name: {held:?}"
    );
    world.says(BOB, Command::Resume { notice: format!("paused@{now}") }, "c-2");
    assert_eq!(world.orders.len(), 0, "what was held stays held");
    world.says(ANN, approval, "c-3");
    assert!(world.told().last().unwrap().contains("no longer what was looked at"), "{:?}", world.told());
    let approval = world.approval();
    world.says(ANN, approval, "c-4");
    assert_eq!(world.orders.len(), 1);
}

#[test]
fn anybody_may_deny_and_what_was_denied_stays_denied() {
    let mut world = held();
    let Command::Approve { key, .. } = world.approval() else { panic!("no approval") };
    let approval = world.approval();
    let mut word = CommandRecord::unsigned(Command::Deny { key }, "bert".into(), "a test".into(), world.at.wall);
    word.id = Some(CommandId::new("d-1").unwrap());
    world.say(word);
    world.run();
    assert_eq!(world.states(), [ActionState::Held, ActionState::Denied]);
    assert_eq!(world.reasons()[1], "denied by bert: a test");
    world.says(ANN, approval, "c-1");
    assert!(world.told()[0].contains("waits for nobody: it stands at denied"), "{:?}", world.told());
    world.decide(asking("a1", "m1"));
    world.run();
    assert_eq!((world.states().len(), world.orders.len()), (2, 0));
}

#[test]
fn a_lower_ceiling_holds_for_what_was_approved_before_it() {
    let mut world = held();
    let approval = world.approval();
    world.say(signed(ANN, approval, "c-1", world.at.wall));
    let log = world.log.clone();
    let mut shadow = World::restored(Config { mode: Mode::Shadow, ..config_of_the_office() }, log);
    shadow.say(signed(ANN, shadow.approval(), "c-1", shadow.at.wall));
    shadow.run();
    assert_eq!((shadow.orders.len(), shadow.states().last()), (0, Some(&ActionState::Would)));
}

#[test]
fn a_switch_is_lifted_by_a_signed_word_that_names_its_happening_and_by_no_other() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    let now = world.at.wall;
    world.say(unsigned(Command::Pause, "p-1", now));
    world.run();
    let notice = format!("paused@{now}");
    world.say(unsigned(Command::Resume { notice: notice.clone() }, "r-0", now));
    world.run();
    assert!(world.responder.is_paused(), "anybody may stop it; to go on takes a key");
    world.says(ANN, Command::Resume { notice: "paused@2020-01-01T00:00:00Z".into() }, "r-1");
    assert!(world.responder.is_paused());
    world.says(ANN, Command::Resume { notice: notice.clone() }, "r-2");
    assert!(!world.responder.is_paused());
    assert!(world.told().last().unwrap().contains("ann@example.com lifted paused@"), "{:?}", world.told());
    let told = world.told().len();
    world.says(BOB, Command::Resume { notice }, "r-3");
    assert_eq!(world.told().len(), told, "it is lifted already: nothing to refuse and nothing to tell");
}

#[test]
fn a_word_that_was_refused_for_its_clock_or_its_length_is_not_obeyed_when_it_is_given_again_later() {
    let mut world = held();
    let mut early = unsigned(world.approval(), "c-1", world.at.wall);
    early.at = world.at.wall + SignedDuration::from_mins(6);
    early.expires_at = Some(early.at + SignedDuration::from_mins(10));
    let early = Pen::ed25519(ANN).signed(&early);
    world.say(early.clone());
    world.run();
    world.pass(Duration::from_secs(420));
    world.say(early);
    world.run();
    assert!(
        world.told()[0].contains("yet to come") && world.told()[1].contains("this is a copy"),
        "{:?}",
        world.told()
    );
    assert!(world.orders.is_empty());
}

#[test]
fn a_long_reason_is_no_forgery() {
    let mut world = held();
    let mut long = unsigned(world.approval(), "c-1", world.at.wall);
    (long.why, long.by) = ("é".repeat(5_000), "b".repeat(5_000));
    world.say(Pen::ed25519(ANN).signed(&long));
    world.run();
    assert_eq!((world.orders.len(), world.told()), (1, Vec::new()));
    let Some(Report::Action(last)) = world.reports.last() else { panic!("no report") };
    assert_eq!(last.approvals[0].why.chars().count(), 1_000);
}

#[test]
fn how_many_were_asked_lately_is_counted_by_our_clock_and_not_by_the_approvers() {
    let mut world = held_under(config_with("approvals: {two_people: {kinds: [], above: {10m: 1}}}"));
    let dated = |world: &World, id: &str| {
        let mut back = unsigned(world.approval(), id, world.at.wall - SignedDuration::from_mins(12));
        back.expires_at = Some(world.at.wall + SignedDuration::from_mins(2));
        Pen::ed25519(ANN).signed(&back)
    };
    let first = dated(&world, "c-1");
    world.say(first);
    world.run();
    assert_eq!(world.orders.len(), 1, "{:?}", world.told());
    world.decide(asking("a2", "m2"));
    world.run();
    let second = dated(&world, "c-2");
    world.say(second);
    world.run();
    assert_eq!(world.orders.len(), 1, "it takes another person by now: {:?}", world.reasons());
}

#[test]
fn a_no_that_came_too_late_is_still_a_no() {
    let mut world = held();
    let Command::Approve { key, .. } = world.approval() else { panic!("no approval") };
    world.pass(Duration::from_secs(86_401));
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Expired));
    world.say(CommandRecord::unsigned(Command::Deny { key }, "bert".into(), "no".into(), world.at.wall));
    world.run();
    comes_anew(&mut world);
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Denied));
}

#[test]
fn what_is_being_judged_anew_is_not_approved_and_a_no_ends_it() {
    // A hold that only a fresh read tells of.
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.isolated.insert(machine("m1"), Isolation::Released { at: start(), by: "bert@example.com".into() });
    world.decide(decision("a1", "m1"));
    world.run();
    let approval = world.approval();
    let Command::Approve { key, .. } = &approval else { panic!("no approval") };
    let hold_for = config().waits.hold_for;
    world.at.mono += hold_for;
    world.at.wall += SignedDuration::try_from(hold_for).unwrap();
    let mut again = decision("a1", "m1");
    again.alert.newest_moment = Some(world.at.wall);
    world.decide(again);
    // The clock is set back, so that the hold seems to stand again.
    world.at.wall -= SignedDuration::from_hours(1);
    world.say(signed(ANN, approval.clone(), "c-1", world.at.wall));
    world.say(CommandRecord::unsigned(Command::Deny { key: key.clone() }, "bert".into(), "no".into(), world.at.wall));
    world.run();
    assert!(world.told()[0].contains("is being judged anew"), "{:?}", world.told());
    assert_eq!((world.states().last(), world.orders.len()), (Some(&ActionState::Denied), 0));
    assert_eq!(world.settled.len(), 2, "the decision that took it up is settled");
}

#[test]
fn a_stale_writers_record_undoes_no_word_of_a_person() {
    let mut world = held();
    let stale = world.log.iter().rev().find_map(|record| match record {
        LedgerRecord::Action(entry) => Some((**entry).clone()),
        _ => None,
    });
    let mut stale = stale.unwrap();
    let Command::Approve { key, .. } = world.approval() else { panic!("no approval") };
    world = world.restarted(config_of_the_office());
    world.say(CommandRecord::unsigned(Command::Deny { key: key.clone() }, "bert".into(), "no".into(), world.at.wall));
    world.run();
    stale.at = world.at.wall;
    world.append(LedgerRecord::Action(Box::new(stale)));
    world.run();
    let stands = world.responder.ledger().get(&key).unwrap().state;
    assert_eq!(stands, cordon_records::AttemptState::Reported(ActionState::Denied));
}
