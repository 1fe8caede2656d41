//! What a breaker holds is approved by its notice: no more than the caps leave, and above ten by two people.

use std::time::Duration;

use cordon_policy::{Recorded, judge};
use cordon_records::{
    ActionKey, ActionState, AttemptState, Command, CommandId, CommandRecord, GuardVerdict, LedgerEntry, LedgerRecord,
    NamedApproval, Report, Ruling,
};

use super::office::{ANN, BOB, config_with, signed, unsigned};
use super::samples::decision;
use super::world::World;
use crate::event::Event;
use crate::{Config, room_for, waits_for_the_breaker};

fn config(caps: &str) -> Config {
    config_with(&format!("{{hold: {{kinds: []}}, caps: {{{caps}, fleet_share: {{1d: 1%, floor: 1000}}}}}}"))
}

/// A world in which this cap is used up, and so many machines wait for the breaker.
fn latched(caps: &str, waiting: u32) -> (World, String) {
    let mut world = World::restored(config(caps), Vec::new());
    while world.responder.ledger().breaker().is_none() {
        let n = world.settled.len();
        world.decide(decision(&format!("first-{n}"), &format!("first-{n}")));
        world.run();
    }
    for n in 1..waiting {
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
        world.run();
    }
    let notice = format!("breaker_latched@{}", world.responder.ledger().breaker().unwrap().at);
    (world, notice)
}

/// What waits, the longest waiting first.
fn waiting(world: &World) -> Vec<LedgerEntry> {
    let ledger = world.responder.ledger();
    let latched = ledger.breaker().unwrap().at;
    let mut held: Vec<LedgerEntry> =
        ledger.entries().filter(|entry| waits_for_the_breaker(entry, latched)).cloned().collect();
    held.sort_by_key(|entry| entry.at);
    held
}

fn approve(notice: &str, entries: &[LedgerEntry]) -> Command {
    let named = |entry: &LedgerEntry| NamedApproval { key: entry.key.clone(), intent: entry.intent() };
    let actions: Vec<NamedApproval> = entries.iter().map(named).collect();
    Command::ApproveEach { notice: notice.to_owned(), count: u32::try_from(actions.len()).unwrap(), actions }
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

#[test]
fn the_breakers_notice_names_the_machines_that_wait() {
    let mut world = World::restored(config("all_rules: {10m: 1}"), Vec::new());
    for n in 0..40 {
        world.decide(decision(&format!("a{n}"), &format!("m{n}")));
    }
    world.run();
    let told = world.told().remove(0);
    assert!(told.starts_with("all_rules 10m reached: 1 attempts in 10 min. Every further action is held"), "{told}");
    assert!(told.contains("\nThese wait by now, and more may follow:\nm"), "{told}");
    assert!(told.lines().last().unwrap().starts_with("and "), "{told}");
}

#[test]
fn what_the_breaker_holds_is_done_as_far_as_the_caps_leave_room_and_the_breaker_stays_on() {
    let (mut world, notice) = latched("all_rules: {10m: 2, 1h: 3}", 4);
    let held = waiting(&world);
    assert_eq!((held.len(), world.orders.len()), (4, 2));
    world.says(ANN, approve(&notice, &held[..1]), "c-1");
    assert!(
        world.told().last().unwrap().contains("1 are named, and the caps leave 0 now (caps: all_rules"),
        "{:?}",
        world.told()
    );
    world.pass(minutes(11));
    world.says(ANN, approve(&notice, &held[..2]), "c-2");
    assert!(world.told().last().unwrap().contains("2 are named, and the caps leave 1 now"), "{:?}", world.told());
    assert_eq!(world.orders.len(), 2);
    world.says(ANN, approve(&notice, &held[..1]), "c-3");
    assert_eq!(world.orders.len(), 3, "{:?} {:?}", world.reasons(), world.told());
    assert_eq!(world.calls[2].0, held[0].key);
    let Some(Report::Action(last)) = world.reports.last() else { panic!("no report") };
    assert_eq!(last.approvals[0].notice.as_deref(), Some(notice.as_str()));
    world.decide(decision("late", "late"));
    world.run();
    assert_eq!((world.states().last(), world.orders.len()), (Some(&ActionState::Held), 3), "the breaker stays on");
}

#[test]
fn a_cap_that_was_used_up_meanwhile_holds_what_was_approved_by_notice() {
    let (mut world, notice) = latched("all_rules: {10m: 1}", 2);
    let held = waiting(&world);
    world.pass(minutes(11));
    let before = world.orders.len();
    // Neither has begun when the other is applied, so that there seems to be room for each.
    world.say(signed(BOB, approve(&notice, &held[1..2]), "c-1", world.at.wall));
    world.says(ANN, approve(&notice, &held[..1]), "c-2");
    assert_eq!((world.orders.len(), world.told().len()), (before + 1, 1), "{:?}", world.told());
    let reason = "approved by ann@example.com, but held all the same: caps";
    assert!(world.reasons().iter().any(|it| it.contains(reason)), "{:?}", world.reasons());
}

#[test]
fn above_ten_it_takes_two_people_however_they_are_portioned_out() {
    for (first, second) in [(11, 0), (6, 5)] {
        let (mut world, notice) = latched("all_rules: {10m: 20}", 11);
        world.pass(minutes(11));
        let (held, before) = (waiting(&world), world.orders.len());
        world.says(ANN, approve(&notice, &held[..first]), "c-1");
        if second > 0 {
            assert_eq!(world.orders.len(), before + first, "{:?}", world.told());
            world.says(ANN, approve(&notice, &held[first..]), "c-2");
        }
        let alone = if second > 0 { first } else { 0 };
        assert_eq!(world.orders.len(), before + alone, "{:?}", world.told());
        assert!(world.reasons().last().unwrap().contains("it takes 2 people"), "{:?}", world.reasons());
        let rest = if second > 0 { &held[first..] } else { &held[..] };
        world.says(ANN, approve(&notice, rest), "c-3");
        assert!(
            world.told().last().unwrap().contains("approved it already; it takes another person"),
            "{:?}",
            world.told()
        );
        world.says(BOB, approve(&notice, rest), "c-4");
        assert_eq!(world.orders.len(), before + 11, "{:?}", world.told());
    }
}

#[test]
fn the_same_breaker_spelt_in_another_way_is_the_same_breaker() {
    let (mut world, notice) = latched("all_rules: {10m: 20}", 11);
    world.pass(minutes(11));
    let (held, before) = (waiting(&world), world.orders.len());
    world.says(ANN, approve(&notice, &held[..6]), "c-1");
    assert_eq!(world.orders.len(), before + 6, "{:?}", world.told());
    let instant: jiff::Timestamp = notice.split_once('@').unwrap().1.parse().unwrap();
    let elsewhere = instant.display_with_offset(jiff::tz::offset(1));
    world.says(ANN, approve(&format!("breaker_latched@{elsewhere}"), &held[6..]), "c-2");
    assert_eq!(world.orders.len(), before + 6, "{:?}", world.told());
    assert!(world.reasons().last().unwrap().contains("it takes 2 people"), "{:?}", world.reasons());
}

#[test]
fn a_list_with_anything_wrong_in_it_does_nothing_at_all() {
    let (mut world, notice) = latched("all_rules: {10m: 2}", 2);
    world.pass(minutes(11));
    let held = waiting(&world);
    let mut vip = held[1].clone();
    vip.guards.push(GuardVerdict { guard: "hold-users".into(), ruling: Ruling::Hold, why: "ceo".into() });
    let mut log = world.log.clone();
    log.push(LedgerRecord::Action(Box::new(vip)));
    let world = World::restored_at(config("all_rules: {10m: 2}"), log, world.at.wall);
    let of = |change: &dyn Fn(&mut Vec<NamedApproval>)| {
        let Command::ApproveEach { mut actions, .. } = approve(&notice, &held[..1]) else { panic!("many") };
        change(&mut actions);
        Command::ApproveEach { notice: notice.clone(), count: u32::try_from(actions.len()).unwrap(), actions }
    };
    let other = NamedApproval { key: held[1].key.clone(), intent: held[1].intent() };
    let cases = [
        (of(&|list| list.push(other.clone())), "held for another reason, too"),
        (of(&|list| list.push(list[0].clone())), "twice"),
        (of(&|list| list[0].intent = other.intent.clone()), "no longer what was looked at"),
        (of(&|list| list[0].key = ActionKey::new("ffffffffffffffff").unwrap()), "there is no action"),
        (approve("breaker_latched@2026-11-22T17:00:00Z", &held[..1]), "is not the breaker that holds now"),
    ];
    for (command, part) in cases {
        let mut world = World::restored_at(config("all_rules: {10m: 2}"), world.log.clone(), world.at.wall);
        world.says(ANN, command, "c-1");
        assert!(world.told().last().unwrap().contains(part), "{part} is not in {:?}", world.told());
        assert_eq!(world.orders.len(), 0, "{part}");
    }
}

#[test]
fn it_must_be_signed_and_a_pause_holds_it_all_the_same() {
    let (mut world, notice) = latched("all_rules: {10m: 2}", 1);
    world.pass(minutes(11));
    let (held, before) = (waiting(&world), world.orders.len());
    let mut bare = CommandRecord::unsigned(approve(&notice, &held), "eve".into(), "w".into(), world.at.wall);
    bare.id = Some(CommandId::new("c-0").unwrap());
    world.say(bare);
    world.run();
    assert!(world.told().last().unwrap().contains("it is not signed"), "{:?}", world.told());
    world.say(unsigned(Command::Pause, "p-1", world.at.wall));
    world.says(ANN, approve(&notice, &held), "c-1");
    assert_eq!(
        (world.orders.len(), world.states().last()),
        (before, Some(&ActionState::Held)),
        "{:?}",
        world.reasons()
    );
}

#[test]
fn a_crash_anywhere_in_it_begins_each_once() {
    let (mut world, notice) = latched("all_rules: {10m: 3}", 3);
    world.pass(minutes(11));
    let held = waiting(&world);
    let command = signed(ANN, approve(&notice, &held), "c-1", world.at.wall);
    let before = world.log.len();
    world.say(command.clone());
    world.run();
    let position = LedgerRecord::CommandsPosition { next: 1, newest: None };
    let applied = world.log.iter().position(|record| *record == position).unwrap();
    for cut in before..=applied {
        let mut next = World::restored_at(config("all_rules: {10m: 3}"), world.log[..cut].to_vec(), world.at.wall);
        next.give(Event::Command(0, None, Ok(command.clone())));
        for _ in 0..3 {
            next.run();
            next.pass(Duration::from_secs(121));
        }
        let mut called: Vec<String> = next.calls.iter().map(|(key, ..)| key.to_string()).collect();
        called.sort();
        called.dedup();
        assert_eq!((called.len(), next.calls.len(), next.told().len()), (3, 3, 0), "cut at {cut}: {:?}", next.told());
    }
}

#[test]
fn what_was_approved_by_notice_is_judged_the_same_again_from_its_report() {
    let (mut world, notice) = latched("all_rules: {10m: 1}", 2);
    let held = waiting(&world);
    world.pass(minutes(11));
    world.says(ANN, approve(&notice, &held[..1]), "c-1");
    let judged = world.reports.iter().filter_map(|report| match report {
        Report::Action(record) if record.facts.is_some() && !record.approvals.is_empty() => Some(record),
        Report::Action(_) | Report::Notice(_) => None,
    });
    let [record] = judged.collect::<Vec<_>>()[..] else { panic!("{:?}", world.states()) };
    assert_eq!(record.state, ActionState::Accepted);
    let guards = config("all_rules: {10m: 1}").guards;
    let again = judge(&guards, &Recorded::of(record).unwrap().case());
    let rulings =
        |verdicts: &[GuardVerdict]| -> Vec<_> { verdicts.iter().map(|it| (it.guard.clone(), it.ruling)).collect() };
    assert_eq!(rulings(&again.verdicts), rulings(&record.guards));
    let mut another = record.as_ref().clone();
    another.facts.as_mut().unwrap().latched_at = Some(world.at.wall);
    let again = judge(&guards, &Recorded::of(&another).unwrap().case());
    assert_eq!(again.ruling, Ruling::Hold, "the yes lifts no other breaker: {again:?}");
}

#[test]
fn exactly_ten_are_approved_by_one_person_and_the_eleventh_takes_two() {
    let (mut world, notice) = latched("all_rules: {10m: 20}", 11);
    world.pass(minutes(11));
    let (held, before) = (waiting(&world), world.orders.len());
    world.says(ANN, approve(&notice, &held[..10]), "c-1");
    assert_eq!(world.orders.len(), before + 10, "{:?} {:?}", world.reasons(), world.told());
    world.says(ANN, approve(&notice, &held[10..]), "c-2");
    assert_eq!(world.orders.len(), before + 10, "{:?}", world.told());
    assert!(world.reasons().last().unwrap().contains("it takes 2 people"), "{:?}", world.reasons());
    world.says(BOB, approve(&notice, &held[10..]), "c-3");
    assert_eq!(world.orders.len(), before + 11, "{:?}", world.told());
}

#[test]
fn one_that_does_not_fit_is_passed_over_and_a_later_one_of_another_group_fits() {
    let caps = "all_rules: {10m: 4}, per_device_group: {10m: 1}";
    let (mut world, _) = latched("all_rules: {10m: 1}", 4);
    world.pass(minutes(11));
    let mut held = waiting(&world);
    for (entry, group) in held.iter_mut().zip(["Clients", "clients", "Kiosks", " "]) {
        entry.machine.group = Some(group.to_owned());
    }
    let all: Vec<&LedgerEntry> = held.iter().collect();
    let room = room_for(world.responder.ledger(), &config(caps).guards, &all, world.at.wall);
    let fitting: Vec<&ActionKey> = room.fitting.iter().map(|entry| &entry.key).collect();
    assert_eq!(fitting, [&held[0].key, &held[2].key], "{:?}", room.why);
    assert!(room.why.as_ref().unwrap().contains("per_device_group clients"), "{:?}", room.why);
}

type Change = fn(&mut LedgerEntry);

#[test]
fn after_a_crash_in_the_middle_what_no_longer_fits_is_left_out_and_told_alone_and_the_rest_is_done() {
    let caps = "all_rules: {10m: 3}";
    let (mut world, notice) = latched(caps, 3);
    world.pass(minutes(11));
    let held = waiting(&world);
    let command = signed(ANN, approve(&notice, &held), "c-1", world.at.wall);
    world.say(command.clone());
    world.run();
    let is_said = |record: &LedgerRecord| matches!(record, LedgerRecord::Action(entry) if !entry.approvals.is_empty());
    let first = world.log.iter().position(is_said).unwrap();
    let Some(LedgerRecord::Action(said)) = world.log.get(first).cloned() else { panic!("an action") };
    let rest: Vec<&LedgerEntry> = held.iter().filter(|entry| entry.key != said.key).collect();
    let (gone, stays) = (rest[0], rest[1]);
    let cases: [(Change, &str); 3] = [
        (|entry| entry.state = AttemptState::Reported(ActionState::Denied), "waits for nobody: it stands at denied"),
        (|entry| entry.expires_at = Some(entry.at), "which is over"),
        (
            |entry| {
                let (guard, why) = ("hold-users".into(), "ceo".into());
                entry.guards.push(GuardVerdict { guard, ruling: Ruling::Hold, why });
            },
            "held for another reason, too",
        ),
    ];
    for (change, part) in cases {
        let mut log = world.log[..=first].to_vec();
        let mut changed = gone.clone();
        change(&mut changed);
        // What is approved names the instant at which the hold ends.
        let named = changed.expires_at == gone.expires_at;
        log.push(LedgerRecord::Action(Box::new(changed)));
        let mut next = World::restored_at(config(caps), log, world.at.wall);
        let offset = next.say(command.clone());
        next.run();
        let called: Vec<&ActionKey> = next.calls.iter().map(|(key, ..)| key).collect();
        let mut expected = [&said.key, &stays.key];
        expected.sort();
        let mut sorted = called.clone();
        sorted.sort();
        assert_eq!(sorted, expected, "{part}: {:?}", next.told());
        let told = next.told();
        assert!(told.len() == 1 && told[0].contains(gone.key.as_str()), "{told:?}");
        assert!(told[0].contains(part) || !named, "{part} is not in {told:?}");
        let id = format!("command_refused@commands/0/{offset}/{}", gone.key);
        let is_its = |report: &Report| matches!(report, Report::Notice(notice) if notice.id == id);
        assert!(next.reports.iter().any(is_its), "{id}: {:?}", next.reports);
    }
}
