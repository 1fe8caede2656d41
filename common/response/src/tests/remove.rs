//! What nobody can ask for any more is removed, and no tombstone of a stale holder erases what its successor knows.

use std::time::Duration;

use cordon_records::{ActionKey, ActionState, ClosedEntry, Command, LedgerRecord, StampedRecord};
use jiff::Timestamp;

use super::office::{ANN, config_of_the_office};
use super::samples::{config, decision, start};
use super::stale::{claim, closed_as};
use super::world::World;
use crate::event::{Effect, Event};
use crate::ledger::LedgerState;

fn key() -> ActionKey {
    decision("a1", "m1").planned[0].key.clone()
}

fn under(key: &ActionKey) -> String {
    format!("action/{key}")
}

/// Closed so many days before this instant.
fn closed(key: &ActionKey, days: u16, now: Timestamp, epoch: u64) -> StampedRecord {
    let day = Some(ClosedEntry::day_of(now) - days);
    LedgerRecord::Closed(ClosedEntry { day, ..closed_as(key, ActionState::Denied, (0, epoch)) }).stamped(epoch)
}

/// What stands on the topic: a record, or a tombstone of the holder of this epoch.
#[derive(Debug, Clone)]
enum Written {
    Record(StampedRecord),
    Tombstone(String, Option<u64>),
}

impl Written {
    fn key(&self) -> String {
        match self {
            Self::Record(record) => record.record().key(),
            Self::Tombstone(key, _) => key.clone(),
        }
    }
}

fn fold(log: &[Written]) -> LedgerState {
    let mut ledger = LedgerState::default();
    for written in log {
        match written.clone() {
            Written::Record(record) => ledger.apply(record),
            Written::Tombstone(key, epoch) => ledger.erased(&key, epoch),
        }
    }
    ledger
}

#[test]
fn a_closed_action_goes_after_the_time_of_decisions_and_that_of_alerts_and_not_a_day_before() {
    let log = vec![claim(1), closed(&key(), 580, start(), 1)];
    let mut world = World::restored_from(config(), log, start());
    for _ in 0..3 {
        world.pass(Duration::from_secs(1));
        world.run();
    }
    assert_eq!((world.removed.len(), world.responder.ledger().closed_count()), (0, 1));
    let log = vec![claim(1), closed(&key(), 581, start(), 1)];
    let mut world = World::restored_from(config(), log, start());
    world.pass(Duration::from_secs(1));
    assert!(world.removed.is_empty() && world.responder.ledger().closed_count() == 1, "no claim was read back yet");
    world.run();
    assert_eq!((world.removed.clone(), world.responder.ledger().closed_count()), (vec![under(&key())], 0));
    // Its own tombstone is read back: nothing is known, and nothing is written.
    let before = world.stamped.len();
    world.give(Event::Erased(99, under(&key())));
    world.run();
    assert_eq!(world.stamped.len(), before);
}

#[test]
fn nothing_is_removed_when_a_higher_claim_stands_before_ours_or_the_lease_is_over() {
    for late in [false, true] {
        let log = vec![claim(1), closed(&key(), 600, start(), 1)];
        let mut world = World::restored_from(config(), log, start());
        world.pass(Duration::from_secs(1));
        assert!(!world.waiting.is_empty(), "our claim is written again");
        if late {
            // It was frozen.
            world.at.mono += Duration::from_secs(31);
        } else {
            world.append_stamped(claim(9));
        }
        world.run();
        assert_eq!((world.superseded, world.removed.is_empty()), (!late, true));
    }
}

#[test]
fn a_claim_that_was_written_before_a_removal_was_planned_proves_nothing_for_it() {
    let hour = Duration::from_secs(3_600);
    for read_first in [false, true] {
        let log = vec![claim(1), closed(&key(), 600, start(), 1)];
        let mut world = World::restored_from(config(), log, start());
        world.pass(Duration::from_secs(1));
        // The broker has our claim. Before it is read back the holder freezes, for longer than until the next removal.
        let at = world.waiting.iter().position(|effect| matches!(effect, Effect::WriteClaim(_))).unwrap();
        let Some(Effect::WriteClaim(ours)) = world.waiting.remove(at) else { unreachable!() };
        let offset = i64::try_from(world.stamped.len()).unwrap();
        world.at.mono += hour + Duration::from_secs(1);
        world.at.wall += jiff::SignedDuration::from_secs(3_601);
        // It wakes. A higher claim stands behind ours, and is read after it.
        world.give(Event::Tick);
        let told = [Event::ClaimWritten(offset), Event::Tailed(offset, ours)];
        let told: Vec<Event> = if read_first { told.into_iter().rev().collect() } else { told.into_iter().collect() };
        told.into_iter().for_each(|event| world.give(event));
        let removes = world.waiting.iter().any(|effect| matches!(effect, Effect::Remove { .. }));
        assert!(!removes && world.responder.ledger().knows(&key()), "read first: {read_first}");
        world.give(Event::Tailed(offset + 1, Box::new(claim(9))));
        world.run();
        assert!(world.superseded && world.removed.is_empty());
    }
}

#[test]
fn our_claim_that_is_written_again_for_another_reason_proves_nothing_for_a_removal() {
    let log = vec![claim(1), closed(&key(), 600, start(), 1)];
    let mut world = World::restored_from(config(), log, start());
    // A stale holder's claim is set right; ours is read back once the removal is planned, and that of the removal is not.
    world.append_stamped(claim(1));
    let ours = LedgerRecord::Claim(world.responder.ledger().claim().cloned().unwrap()).stamped(2);
    world.pass(Duration::from_secs(1));
    world.give(Event::Tailed(7, Box::new(ours)));
    assert!(!world.waiting.iter().any(|effect| matches!(effect, Effect::Remove { .. })), "{:?}", world.waiting);
}

#[test]
fn after_a_removal_whose_claim_was_read_back_too_late_the_next_one_goes_its_way() {
    let log = vec![claim(1), closed(&key(), 600, start(), 1)];
    let mut world = World::restored_from(config(), log, start());
    world.pass(Duration::from_secs(1));
    world.pass(Duration::from_secs(31));
    world.run();
    assert!(world.removed.is_empty(), "the lease is over");
    world.pass(Duration::from_secs(3_600));
    world.run();
    assert_eq!(world.removed, [under(&key())]);
}

#[test]
fn a_commands_id_goes_a_day_after_its_end() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.says(ANN, Command::Release { machine: super::office::machine("m9") }, "c-1");
    for (hours, gone) in [(24, false), (2, true)] {
        world.pass(Duration::from_secs(hours * 3_600));
        world.run();
        assert_eq!(world.removed.contains(&"command/c-1".to_owned()), gone, "{hours}: {:?}", world.removed);
    }
}

#[test]
fn who_restores_the_log_believes_the_tombstones_of_the_holder_of_their_time_and_no_other() {
    let short = Written::Record(closed(&key(), 600, start(), 1));
    let tombstone = |epoch| Written::Tombstone(under(&key()), epoch);
    let first = || Written::Record(claim(1));
    let second = || Written::Record(claim(2));
    let gone = fold(&[first(), short.clone(), tombstone(Some(1))]);
    assert!(!gone.knows(&key()));
    for (log, why) in [
        (vec![first(), short.clone(), second(), tombstone(Some(1))], "it was taken over from"),
        (vec![first(), short.clone(), tombstone(None)], "nobody says who wrote it"),
    ] {
        let mut ledger = fold(&log);
        assert!(ledger.knows(&key()), "{why}");
        assert_eq!(ledger.take_astray().into_keys().collect::<Vec<_>>(), [under(&key())], "{why}: written again");
    }
}

#[test]
fn a_stale_holders_tombstone_erases_nothing_that_its_successor_knows_also_over_the_next_restart() {
    // The first holder was about to remove what had long ended, and froze. The second one took the action up.
    let mut second = World::restored_from(config(), vec![claim(1)], start());
    second.decide(decision("a1", "m1"));
    second.run();
    let live = second.responder.ledger().get(&key()).cloned().unwrap();
    let mut log: Vec<Written> = second.stamped.iter().cloned().map(Written::Record).collect();
    log.insert(1, Written::Record(closed(&key(), 600, start(), 1)));
    log.push(Written::Tombstone(under(&key()), Some(1)));
    // It reads the tombstone.
    let before = second.stamped.len();
    second.give(Event::Erased(99, under(&key())));
    second.run();
    assert!(second.stamped[before..].iter().any(|record| record.record().key() == under(&key())), "written again");
    // Or it died before it did, and a third one finds it.
    let mut found = fold(&log);
    assert_eq!(found.get(&key()), Some(&live));
    assert!(found.take_astray().contains_key(&under(&key())));
    // However compaction comes on once it was written again.
    log.extend(second.stamped[before..].iter().cloned().map(Written::Record));
    for through in 0..=log.len() {
        let newest = |at: usize| !log[at + 1..through].iter().any(|other| other.key() == log[at].key());
        let kept: Vec<Written> = (0..through).filter(|at| newest(*at)).map(|at| log[at].clone()).collect();
        let kept = [kept, log[through..].to_vec()].concat();
        assert_eq!(fold(&kept).get(&key()).map(|entry| entry.state), Some(live.state), "through {through}");
    }
}

#[test]
fn what_is_known_in_full_is_removed_by_no_tombstone() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run();
    let mut log: Vec<Written> = world.stamped.iter().cloned().map(Written::Record).collect();
    log.push(Written::Tombstone(under(&key()), Some(99)));
    assert!(fold(&log).get(&key()).is_some());
}
