//! A writer that was frozen, and writes when another has taken over: what it says is set aside, live and at every restart
//! after that, whatever compaction leaves of the log.
//!
//! There is one exception. A record without an epoch, of a build before the stamp, is set aside live, and the holder writes
//! its key again. Whoever restores the log before that takes it for the word of the holder of its place: nothing on it says
//! who wrote it, and after a way back to the older build it is the holder's.

use std::time::Duration;

use cordon_records::{
    ActionKey, ActionState, AttemptState, Claim, ClosedEntry, Command, CommandId, Genesis, Latch, LedgerRecord,
    PolicyStanding, StampedRecord,
};
use proptest::prelude::*;

use super::office::{ANN, config_of_the_office, signed, unsigned};
use super::samples::{config, decision, start};
use super::world::World;
use crate::event::{Answer, Event, SwitchSetRight};
use crate::ledger::LedgerState;

fn latch(on: bool, why: &str) -> Latch {
    Latch { on, by: "ann".into(), why: why.into(), at: start(), window_s: None }
}

pub(super) fn claim(epoch: u64) -> StampedRecord {
    LedgerRecord::Claim(Claim { epoch, owner: format!("holder-{epoch}"), at: start() }).into()
}

pub(super) fn closed_as(key: &ActionKey, state: ActionState, (attempt, epoch): (u32, u64)) -> ClosedEntry {
    ClosedEntry { key: key.clone(), state, attempt, id: None, alert: None, again: false, day: None, epoch }
}

/// What compaction leaves of a log: the newest record of every key.
pub(super) fn compacted(log: &[StampedRecord]) -> Vec<StampedRecord> {
    let later = |at: usize| log[at + 1..].iter().any(|other| other.record().key() == log[at].record().key());
    (0..log.len()).filter(|at| !later(*at)).map(|at| log[at].clone()).collect()
}

/// The log as it is, and what is left of it when compaction has come so far: it keeps the newest record of every key of
/// what it has been through, and all that follows.
fn however_compacted(log: &[StampedRecord]) -> Vec<Vec<StampedRecord>> {
    let through = |at: usize| [compacted(&log[..at]), log[at..].to_vec()].concat();
    (0..=log.len()).map(through).collect()
}

fn fold(log: &[StampedRecord]) -> LedgerState {
    let mut ledger = LedgerState::default();
    log.iter().cloned().for_each(|record| ledger.apply(record));
    ledger
}

/// Which switches are on: breaker, pause.
fn on(ledger: &LedgerState) -> (bool, bool) {
    let is_on = |latch: Option<&Latch>| latch.is_some_and(|latch| latch.on);
    (is_on(ledger.breaker()), is_on(ledger.pause()))
}

#[test]
fn a_frozen_former_holders_late_breaker_or_pause_is_ignored_live_and_at_the_next_restart() {
    let switches: [fn(Latch) -> LedgerRecord; 2] = [LedgerRecord::Breaker, LedgerRecord::Pause];
    for switch in switches {
        let before = World::new();
        let mut world = before.restarted(config());
        world.append_stamped(switch(latch(true, "written late")).stamped(1));
        world.run();
        assert_eq!(on(world.responder.ledger()), (false, false));
        for log in [world.stamped.clone(), compacted(&world.stamped)] {
            let next = World::restored_from(config(), log, world.at.wall);
            assert_eq!(on(next.responder.ledger()), (false, false), "applied at the next restart");
        }
    }
}

#[test]
fn a_pause_that_a_stale_writer_takes_off_stays_on() {
    let mut world = World::restored_from(config(), vec![claim(1)], start());
    world.say(unsigned(Command::Pause, "p-1", world.at.wall));
    world.run();
    world.append_stamped(LedgerRecord::Pause(latch(false, "lifted late")).stamped(1));
    world.run();
    let next = World::restored_from(config(), compacted(&world.stamped), world.at.wall);
    assert_eq!((on(world.responder.ledger()), on(next.responder.ledger())), ((false, true), (false, true)));
}

#[test]
fn a_switch_that_a_stale_writer_put_on_is_set_aside_by_a_holder_that_only_finds_it_in_the_log() {
    // The second holder died before it read what the first one wrote late.
    let log = vec![claim(1), claim(2), LedgerRecord::Pause(latch(true, "written late")).stamped(1)];
    let mut world = World::restored_from(config(), log, start());
    world.run();
    assert_eq!(on(world.responder.ledger()), (false, false));
    assert_eq!(on(&fold(&compacted(&world.stamped))), (false, false), "compaction keeps the true one");
}

#[test]
fn a_record_without_an_epoch_which_an_older_build_wrote_stands() {
    let older = |on| StampedRecord::from(LedgerRecord::Pause(latch(on, "an older build")));
    assert_eq!(on(&fold(&[claim(1), older(true)])), (false, true));
    let newer = LedgerRecord::Pause(latch(true, "this build")).stamped(2);
    assert_eq!(on(&fold(&[claim(2), newer.clone(), claim(3), older(false)])), (false, false), "after a downgrade");
    let log = [claim(2), claim(3), older(false), newer];
    assert_eq!(on(&fold(&log)), (false, false), "and nobody stale undoes it");
}

#[test]
fn an_older_build_that_wakes_late_is_set_aside_live() {
    let mut world = World::new();
    world.append(LedgerRecord::Breaker(latch(true, "an older build, written late")));
    world.run();
    assert_eq!(on(&fold(&world.stamped)), (false, false));
}

/// One record of every kind, each saying something that no holder said.
fn of_every_kind(of: &LedgerRecord) -> Vec<LedgerRecord> {
    let LedgerRecord::Action(entry) = of else { panic!("no action") };
    let mut stale = entry.as_ref().clone();
    stale.state = AttemptState::Intent;
    let policy = PolicyStanding { rule_set: "stale".into(), rules: 1, refused: None, at: start() };
    let closed = closed_as(&entry.key, ActionState::Denied, (9, 0));
    vec![
        LedgerRecord::Genesis(Genesis { cluster_id: "another".into(), at: start() }),
        LedgerRecord::Claim(Claim { epoch: 1, owner: "stale".into(), at: start() }),
        LedgerRecord::Action(Box::new(stale)),
        LedgerRecord::Closed(closed),
        LedgerRecord::Breaker(latch(true, "stale")),
        LedgerRecord::Pause(latch(true, "stale")),
        LedgerRecord::CommandsPosition { next: 99, newest: None },
        LedgerRecord::Applied { id: CommandId::new("c-1").unwrap(), until: start(), offset: 7, set_aside: false },
        LedgerRecord::Policy(policy),
        LedgerRecord::FleetSize { machines: 1, at: start() },
    ]
}

/// A holder of epoch 2 that knows something under every key, and an action of it.
fn holder() -> (World, LedgerRecord) {
    let genesis = LedgerRecord::Genesis(Genesis { cluster_id: "ours".into(), at: start() }).stamped(0);
    let policy = PolicyStanding { rule_set: "ours".into(), rules: 2, refused: None, at: start() };
    let log = vec![
        genesis,
        claim(1),
        LedgerRecord::Policy(policy).stamped(1),
        LedgerRecord::Breaker(latch(false, "lifted")).stamped(1),
    ];
    let mut world = World::restored_from(config_of_the_office(), log, start());
    world.decide(decision("a1", "m1"));
    world.run();
    world.give(Event::Counted(Ok(3_000)));
    world.say(signed(ANN, Command::Release { machine: super::office::machine("m9") }, "c-1", world.at.wall));
    world.say(unsigned(Command::Pause, "p-1", world.at.wall));
    world.run();
    let action = world.log.iter().rev().find(|record| matches!(record, LedgerRecord::Action(_))).cloned();
    let held = world.responder.ledger().get(&decision("a1", "m1").planned[0].key).cloned();
    (world, held.map_or_else(|| action.unwrap(), |entry| LedgerRecord::Action(Box::new(entry))))
}

#[test]
fn the_holder_writes_every_kind_again_that_a_stale_writer_touched_and_compaction_keeps_the_true_one() {
    let (_, action) = holder();
    for stale in of_every_kind(&action) {
        let key = stale.key();
        for late in [stale.clone().stamped(1), StampedRecord::from(stale.clone())] {
            let (mut world, _) = holder();
            let ours = world.responder.ledger().record(&key).expect("something is known of every key");
            let before = world.stamped.len();
            if late.epoch().is_some_and(|epoch| epoch >= 2) {
                continue;
            }
            world.append_stamped(late.clone());
            world.run();
            assert_eq!(world.responder.ledger().record(&key), Some(ours.clone()), "live, by {late:?}");
            let written: Vec<&StampedRecord> = world.stamped[before + 1..].iter().collect();
            let again = written.iter().filter(|record| record.record().key() == key).count();
            assert!(again >= 1, "{key} was not written again after {late:?}: {written:?}");
            for log in however_compacted(&world.stamped) {
                assert_eq!(
                    fold(&log).record(&key).as_ref(),
                    Some(&ours),
                    "at the next restart, after {late:?}: {log:?}"
                );
            }
        }
    }
}

#[test]
fn a_tombstone_makes_nobody_forget() {
    let (mut world, action) = holder();
    for key in [action.key(), "pause".into(), "commands".into(), "command/c-1".into(), "claim".into()] {
        let ours = world.responder.ledger().record(&key).unwrap();
        let before = world.stamped.len();
        world.give(Event::Erased(i64::try_from(before).unwrap(), key.clone()));
        world.run();
        let again: Vec<&LedgerRecord> = world.stamped[before..].iter().map(StampedRecord::record).collect();
        assert!(again.contains(&&ours), "{key}: {again:?}");
    }
    let nothing = world.stamped.len();
    world.give(Event::Erased(0, "action/00ff00ff00ff00ff".into()));
    world.run();
    assert_eq!(world.stamped.len(), nothing, "of what is not known nothing is written");
    let mut ledger = fold(&world.stamped);
    assert!(ledger.take_astray().is_empty());
    ledger.erased(&action.key(), None);
    assert_eq!(ledger.take_astray().into_keys().collect::<Vec<_>>(), [action.key()], "also one found at a restart");
}

#[test]
fn a_command_that_only_a_stale_holder_obeyed_is_obeyed() {
    // It read the pause, wrote that it did, and nobody has seen more of it.
    let log = vec![
        claim(1),
        claim(2),
        LedgerRecord::Pause(latch(true, "written late")).stamped(1),
        LedgerRecord::CommandsPosition { next: 1, newest: None }.stamped(1),
    ];
    let mut world = World::restored_from(config(), log, start());
    let at = world.at.wall;
    world.give(Event::Command(0, None, Ok(unsigned(Command::Pause, "p-1", at))));
    world.run();
    assert_eq!(on(world.responder.ledger()), (false, true), "the position was a stale one's, and so was the pause");
}

#[test]
fn a_command_that_only_a_stale_writer_said_was_obeyed_is_obeyed_whenever_the_true_holder_reads_it() {
    let release = signed(ANN, Command::Release { machine: super::office::machine("m9") }, "c-1", start());
    let until = release.expires_at.unwrap();
    let late = || LedgerRecord::Applied { id: CommandId::new("c-1").unwrap(), until, offset: 0, set_aside: false };
    let applied = |log: &[StampedRecord]| fold(log).applied(&CommandId::new("c-1").unwrap());
    // Found in the log, or written beside a living holder, by a build with or without the stamp. That holder dies before it
    // reads the command.
    let found = vec![claim(1), claim(2), late().stamped(1)];
    let mut beside = World::restored_from(config_of_the_office(), vec![claim(1)], start());
    beside.append_stamped(late().stamped(1));
    let mut of_an_older_build = World::restored_from(config_of_the_office(), vec![claim(1)], start());
    of_an_older_build.append(late());
    let mut found = World::restored_from(config_of_the_office(), found, start());
    for world in [&mut found, &mut beside, &mut of_an_older_build] {
        world.run();
        for log in however_compacted(&world.stamped) {
            assert_eq!(applied(&log), None, "{log:?}");
            let mut next = World::restored_from(config_of_the_office(), log, start());
            next.give(Event::Command(0, None, Ok(release.clone())));
            next.run();
            let states: Vec<_> = next.responder.ledger().entries().map(|entry| entry.requested_by.clone()).collect();
            assert_eq!(states, [Some("ann@example.com".to_owned())], "it is done");
            let end = compacted(&next.stamped);
            assert_eq!(applied(&end).map(|applied| applied.offset), Some(0), "and it is known that it was");
            // Of what was applied a stale writer's word, that it was not, counts as little.
            let LedgerRecord::Applied { id, until, offset, .. } = late() else { panic!() };
            next.append_stamped(LedgerRecord::Applied { id, until, offset, set_aside: true }.stamped(1));
            next.run();
            assert_eq!(applied(&compacted(&next.stamped)).map(|applied| applied.offset), Some(0));
        }
    }
}

#[test]
fn a_switch_that_was_not_as_the_holder_left_it_is_told_with_what_was_found_and_what_stands() {
    let told = |world: &World| -> Vec<(String, Option<bool>, bool)> {
        let one = |it: &SwitchSetRight| (it.switch.clone(), it.found.as_ref().map(|latch| latch.on), it.stands.on);
        world.set_right.iter().map(one).collect()
    };
    let holder =
        || World::restored_from(config(), vec![claim(1), LedgerRecord::Pause(latch(true, "ours")).stamped(1)], start());
    let mut live = holder();
    live.append_stamped(LedgerRecord::Pause(latch(false, "lifted late")).stamped(1));
    live.append_stamped(LedgerRecord::Breaker(latch(true, "latched late")).stamped(1));
    live.give(Event::Erased(i64::try_from(live.stamped.len()).unwrap(), "pause".into()));
    live.run();
    let expected = [("pause", Some(false), true), ("breaker", Some(true), false), ("pause", None, true)];
    assert_eq!(told(&live), expected.map(|(key, found, stands)| (key.to_owned(), found, stands)));
    assert_eq!(
        (live.set_right[0].stands.why.as_str(), live.set_right[0].found.as_ref().unwrap().why.as_str()),
        ("ours", "lifted late")
    );
    let log = vec![claim(1), claim(2), LedgerRecord::Pause(latch(true, "written late")).stamped(1)];
    let mut at_a_restart = World::restored_from(config(), log, start());
    at_a_restart.run();
    assert_eq!(told(&at_a_restart), [("pause".to_owned(), Some(true), false)]);
    let mut undisturbed = holder();
    undisturbed.run();
    assert_eq!(told(&undisturbed), []);
}

#[test]
fn everything_that_is_written_carries_the_holders_epoch() {
    let (world, _) = holder();
    let own = world.stamped.iter().skip_while(|record| record.epoch() != Some(2));
    let mut kinds = std::collections::BTreeSet::new();
    for record in own {
        assert_eq!(record.epoch(), Some(2), "{record:?}");
        let json = serde_json::to_value(record).unwrap();
        assert_eq!(json["epoch"], 2, "{json}");
        kinds.insert(json["entry"].as_str().unwrap().to_owned());
    }
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(kinds, ["action", "claim", "commands_position", "fleet_size", "obeyed", "pause"]);
}

#[test]
fn a_stale_record_that_is_further_on_in_an_actions_life_is_taken_and_one_that_is_not_is_written_over_at_a_restart() {
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    before.run();
    let accepted = before.stamped.last().cloned().unwrap();
    let intent = before.stamped[before.intent_at()].clone();
    let key = decision("a1", "m1").planned[0].key.clone();
    // Its outcome came after the next claim, or its INTENT once more after the outcome.
    for late in [vec![intent.clone(), claim(2), accepted.clone()], vec![accepted, claim(2), intent]] {
        let mut world = World::restored_from(config(), [vec![claim(1)], late].concat(), start());
        world.run();
        let next = fold(&compacted(&world.stamped));
        for ledger in [world.responder.ledger(), &next] {
            let entry = ledger.get(&key).unwrap();
            assert_eq!(entry.state, AttemptState::Reported(ActionState::Accepted));
            assert_eq!(entry.epoch(), 3, "the holder's own word");
        }
    }
}

#[test]
fn a_closed_action_stays_settled_and_a_stale_record_of_it_does_not_open_it_again() {
    let key = decision("a1", "m1").planned[0].key.clone();
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    before.run();
    let states = [
        ActionState::Succeeded,
        ActionState::Failed,
        ActionState::TimedOut,
        ActionState::Cancelled,
        ActionState::Covered,
        ActionState::NeedsHuman,
        ActionState::ClosedMeanwhile,
        ActionState::Denied,
        ActionState::Refused,
    ];
    for state in states {
        let closed = closed_as(&key, state, (1, 1));
        let mut log = before.stamped.clone();
        log.push(LedgerRecord::Closed(closed.clone()).stamped(1));
        for log in [log.clone(), compacted(&log)] {
            let mut world = World::restored_from(config(), log, start());
            world.decide(decision("a1", "m1"));
            world.run();
            assert_eq!((world.calls.len(), world.settled.len()), (0, 1), "{state:?}");
            assert_eq!(world.responder.ledger().open_count(), 0);
            // Its former holder wakes.
            world.append_stamped(before.stamped[before.intent_at()].clone());
            world.pass(Duration::from_secs(121));
            world.run();
            assert!(world.calls.is_empty(), "{state:?}: {:?}", world.calls);
            let stands = fold(&compacted(&world.stamped));
            assert_eq!(
                stands.record(&format!("action/{key}")),
                Some(LedgerRecord::Closed(ClosedEntry { epoch: 2, ..closed.clone() }))
            );
        }
    }
}

#[test]
fn what_a_stale_writer_closed_late_is_not_closed_at_a_restart_however_the_log_is_compacted() {
    let (held, accepted) = (Some(config_of_the_office()), None);
    for office in [held, accepted] {
        let mut world = World::restored_from(office.unwrap_or_else(config), vec![claim(1)], start());
        world.decide(decision("a1", "m1"));
        world.run();
        let key = decision("a1", "m1").planned[0].key.clone();
        let mut ours = world.responder.ledger().get(&key).cloned().expect("the holder's");
        ours.release_at = Some(start() + jiff::SignedDuration::from_hours(4));
        assert_eq!(ours.epoch(), 2);
        let entry = LedgerRecord::Action(Box::new(ours.clone())).stamped(2);
        for attempt in [ours.attempt, 9] {
            let closed = closed_as(&key, ActionState::Denied, (attempt, 1));
            let closed = LedgerRecord::Closed(closed).stamped(1);
            let log = [claim(1), claim(2), entry.clone(), closed.clone(), entry.clone()];
            for log in however_compacted(&log) {
                let mut ledger = fold(&log);
                assert_eq!(ledger.get(&key), Some(&ours), "{log:?}");
                assert_eq!(ledger.timers().len(), 1, "{log:?}");
                assert!(ledger.take_astray().is_empty(), "the newest record is the true one");
            }
            let mut found = fold(&[claim(1), claim(2), entry.clone(), closed]);
            assert_eq!(found.get(&key), Some(&ours), "one that the holder has not yet set right");
            assert_eq!(found.take_astray().len(), 1);
        }
    }
}

#[test]
fn a_closed_record_of_the_holder_is_not_replaced_by_a_stale_one() {
    let key = decision("a1", "m1").planned[0].key.clone();
    let closed = |state, attempt, epoch| LedgerRecord::Closed(closed_as(&key, state, (attempt, epoch))).stamped(epoch);
    let ours = closed(ActionState::Succeeded, 1, 2);
    let log = [claim(1), claim(2), ours.clone(), closed(ActionState::Denied, 9, 1), ours.clone()];
    for log in however_compacted(&log) {
        let record = fold(&log).record(&format!("action/{key}"));
        assert_eq!(record.as_ref(), Some(ours.record()), "{log:?}");
    }
}

#[test]
fn a_later_attempt_opens_a_closed_action() {
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    before.run();
    let LedgerRecord::Action(mut entry) = before.log.last().cloned().unwrap() else { panic!("no action") };
    let closed = |attempt| {
        let id = entry.machine_action_id.clone();
        let closed = ClosedEntry { id, ..closed_as(&entry.key, ActionState::Failed, (attempt, 1)) };
        LedgerRecord::Closed(closed).stamped(1)
    };
    let (first, second) = (closed(1), closed(2));
    entry.attempt = 2;
    let again = LedgerRecord::Action(entry.clone()).stamped(1);
    let kind = |log: &[StampedRecord]| {
        let ledger = fold(log);
        (ledger.get(&entry.key).map(|entry| entry.attempt), ledger.knows(&entry.key))
    };
    assert_eq!(kind(std::slice::from_ref(&first)), (None, true));
    assert_eq!(kind(&[first.clone(), again.clone()]), (Some(2), true));
    assert_eq!(kind(&[again.clone(), first]), (Some(2), true), "what is closed is the attempt before");
    assert_eq!(kind(&[again, second]), (None, true));
}

#[test]
fn what_earlier_holders_have_waited_is_taken_off_the_rest_of_a_doubt_and_a_new_call_waits_in_full() {
    let lost = |_: &cordon_records::ActionKey| Answer::Lost("connection reset".into());
    let mut before = World::new();
    before.decide(decision("a1", "m1"));
    before.run_with(&mut { lost });
    let mut log = before.stamped.clone();
    let LedgerRecord::Action(mut entry) = log.pop().unwrap().into_record() else { panic!("no doubt") };
    assert_eq!(entry.state, AttemptState::InDoubt);
    entry.waited_s = 100;
    log.push(LedgerRecord::Action(entry).stamped(1));
    let mut world = World::restored_from(config(), log, start());
    let until = world.responder.ledger().in_doubt().next().unwrap().rests_until;
    assert_eq!(until, Some(world.at.wall + jiff::SignedDuration::from_secs(20)), "and it is said so");
    world.pass(Duration::from_secs(19));
    world.run_with(&mut { lost });
    assert!(world.calls.is_empty(), "120 s have not passed");
    world.pass(Duration::from_secs(2));
    world.run_with(&mut { lost });
    assert_eq!(world.calls.len(), 1, "the list does not know it: a new attempt");
    let mut next = world.restarted(config());
    assert!(
        next.responder.ledger().entries().all(|entry| entry.waited_s == 0),
        "the new attempt has waited for nothing"
    );
    next.pass(Duration::from_secs(119));
    next.run();
    assert!(next.states().is_empty(), "{:?}", next.states());
}

/// What happens to one switch: a claim, or a record by the holder of some claim.
fn happenings() -> impl Strategy<Value = Vec<Option<(u8, bool)>>> {
    let one = prop_oneof![1 => Just(None), 3 => (any::<u8>(), any::<bool>()).prop_map(Some)];
    prop::collection::vec(one, 0..30)
}

proptest! {
    #[test]
    fn a_switch_stands_as_the_holder_of_its_time_left_it(happenings in happenings()) {
        let (mut log, mut epoch, mut stands) = (vec![claim(1)], 1_u64, false);
        for happening in happenings {
            match happening {
                None => {
                    epoch += 1;
                    log.push(claim(epoch));
                }
                Some((writer, on)) => {
                    let by = u64::from(writer) % epoch + 1;
                    stands = if by == epoch { on } else { stands };
                    log.push(LedgerRecord::Pause(latch(on, &format!("by {by}"))).stamped(by));
                }
            }
        }
        prop_assert_eq!(on(&fold(&log)).1, stands);
        let mut world = World::restored_from(config(), log, start());
        world.run();
        prop_assert_eq!(on(&fold(&compacted(&world.stamped))).1, stands);
    }
}
