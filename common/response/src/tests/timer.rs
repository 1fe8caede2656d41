//! Isolations that end by themselves.

use std::time::Duration;

use cordon_policy::Isolation;
use cordon_records::{
    Action, ActionKind, ActionState, ActionStatus, Command, CommandRecord, DecisionRecord, IsolationType, LedgerRecord,
    MachineActionId, Mode, ReleaseTerms,
};

use super::office::{ANN, config_of_the_office, machine, unsigned};
use super::samples::pending;
use super::world::{World, plan};
use crate::Config;
use crate::event::{Effect, Event, Unreadable};

const FOUR_HOURS: Duration = Duration::from_secs(4 * 3_600);

fn isolation(alert: &str, release: Option<ReleaseTerms>) -> DecisionRecord {
    let action = Action::Isolate { isolation: IsolationType::Full, comment: "for a while".into(), release };
    plan(alert, "m1", vec![action])
}

fn timed(ask: bool) -> DecisionRecord {
    isolation("a1", Some(ReleaseTerms { after_s: FOUR_HOURS.as_secs(), ask }))
}

fn ends(world: &mut World, order: usize) {
    let mut end = pending(&world.orders[order].key);
    end.status = ActionStatus::Succeeded;
    world.until_followed(&[end]);
    world.run();
}

/// A world in which m1 is isolated for four hours.
fn isolated(ask: bool) -> World {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(timed(ask));
    world.run();
    ends(&mut world, 0);
    world
}

/// Lets so much time pass, and everything happen that is due.
fn wait(world: &mut World, time: Duration) {
    world.pass(time);
    world.run();
}

#[test]
fn the_machine_is_let_back_when_the_time_after_its_success_is_over_and_not_before() {
    let mut world = isolated(false);
    assert!(world.responder.next_wake().is_some());
    wait(&mut world, FOUR_HOURS - Duration::from_secs(2));
    assert_eq!(world.called(), [ActionKind::Isolate]);
    wait(&mut world, Duration::from_secs(2));
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Release]);
    assert!(world.orders[1].comment.starts_with("isolated for alert a1, for 4h: that time is over [cordon:"));
    ends(&mut world, 1);
    wait(&mut world, FOUR_HOURS * 10);
    assert_eq!(world.orders.len(), 2, "once");
}

#[test]
fn a_restart_before_the_timer_neither_forgets_nor_hurries_it_and_one_after_it_does_not_repeat_it() {
    let mut before = isolated(false);
    wait(&mut before, Duration::from_secs(3_600));
    let mut world = before.restarted(config_of_the_office());
    wait(&mut world, Duration::from_secs(3 * 3_600 - 2));
    assert!(world.orders.is_empty());
    wait(&mut world, Duration::from_secs(2));
    assert_eq!(world.called(), [ActionKind::Release]);
    let mut after = world.restarted(config_of_the_office());
    wait(&mut after, FOUR_HOURS);
    assert!(after.orders.is_empty(), "{:?}", after.called());
    // Nobody held the ledger when it was due.
    before.at.wall += jiff::SignedDuration::from_hours(48);
    let mut late = before.restarted(config_of_the_office());
    late.run();
    assert_eq!(late.called(), [ActionKind::Release]);
}

#[test]
fn killed_after_any_record_of_the_release_it_is_made_once() {
    let mut world = isolated(false);
    let (before, isolated) = (world.log.len(), world.isolated.clone());
    wait(&mut world, FOUR_HOURS);
    assert!(matches!(world.log.last(), Some(LedgerRecord::Action(entry)) if entry.release_at.is_none()));
    for cut in before..=world.log.len() {
        let mut next = World::restored_at(config_of_the_office(), world.log[..cut].to_vec(), world.at.wall);
        next.isolated.clone_from(&isolated);
        for _ in 0..4 {
            next.run();
            next.pass(Duration::from_secs(61));
        }
        next.run();
        // A bare INTENT is in doubt; the settled list does not know it, so that one is made anew.
        let made = world.log[..cut].iter().any(|record| {
            matches!(record, LedgerRecord::Action(entry)
                if entry.action.kind() == ActionKind::Release && entry.state != cordon_records::AttemptState::Intent)
        });
        assert_eq!(next.orders.len(), usize::from(!made), "cut at {cut}: {:?}", next.steps());
        assert!(next.responder.ledger().entries().all(|entry| entry.release_at.is_none()), "cut at {cut}");
    }
}

#[test]
fn a_machine_that_was_let_back_already_or_isolated_anew_by_people_is_left_alone() {
    let anew = Isolation::Isolated { id: MachineActionId::new("by-hand").unwrap() };
    let released = Isolation::Released { at: super::samples::start(), by: "bert".into() };
    for stands in [Isolation::None, released, anew] {
        let mut world = isolated(false);
        world.isolated.insert(machine("m1"), stands.clone());
        wait(&mut world, FOUR_HOURS);
        assert_eq!(world.called(), [ActionKind::Isolate], "{stands:?}");
        assert_eq!(world.steps().last(), Some(&(ActionKind::Release, ActionState::Covered)), "{stands:?}");
        wait(&mut world, FOUR_HOURS);
        assert_eq!(world.states().len(), 3, "said once: {:?}", world.steps());
    }
}

#[test]
fn while_nobody_can_read_who_isolated_the_machine_a_person_is_asked() {
    let mut world = isolated(false);
    world.isolated.insert(machine("m1"), Isolation::Unknown);
    wait(&mut world, FOUR_HOURS);
    assert_eq!(world.steps().last(), Some(&(ActionKind::Release, ActionState::Held)));
}

#[test]
fn with_a_question_first_the_machine_is_let_back_by_a_persons_yes_only() {
    for (yes, calls) in [(true, 2), (false, 1)] {
        let mut world = isolated(true);
        wait(&mut world, FOUR_HOURS);
        assert_eq!(world.steps().last(), Some(&(ActionKind::Release, ActionState::Held)));
        let mut world = world.restarted(config_of_the_office());
        let approval = world.approval();
        if yes {
            world.says(ANN, approval, "c-1");
        } else {
            let Command::Approve { key, .. } = approval else { panic!("no approval") };
            let word = CommandRecord::unsigned(Command::Deny { key }, "bert".into(), "not yet".into(), world.at.wall);
            world.say(word);
            world.run();
        }
        wait(&mut world, FOUR_HOURS);
        assert_eq!(1 + world.orders.len(), calls, "{:?}", world.steps());
    }
}

#[test]
fn an_alert_that_wanted_the_machine_isolated_meanwhile_is_not_undone_without_a_question() {
    let mut world = isolated(false);
    world.decide(isolation("a2", None));
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Covered));
    wait(&mut world, FOUR_HOURS);
    assert_eq!(world.steps().last(), Some(&(ActionKind::Release, ActionState::Held)), "{:?}", world.reasons());
    let held = world.responder.ledger().entries().find(|entry| entry.action.kind() == ActionKind::Release).unwrap();
    assert!(held.action.comment().ends_with("; alert a2 wanted it isolated, too"), "{}", held.action.comment());
}

#[test]
fn during_a_pause_nothing_is_let_back_and_what_is_overdue_is_once_the_pause_is_over() {
    let mut world = isolated(false);
    let now = world.at.wall;
    world.say(unsigned(Command::Pause, "p-1", now));
    world.run();
    wait(&mut world, FOUR_HOURS * 2);
    assert_eq!(world.called(), [ActionKind::Isolate]);
    world.says(ANN, Command::Resume { notice: format!("paused@{now}") }, "c-1");
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Release]);
}

#[test]
fn in_shadow_mode_the_time_that_is_over_is_told_and_nothing_is_done() {
    let world = isolated(false);
    let mut shadow = world.restarted(Config { mode: Mode::Shadow, ..config_of_the_office() });
    wait(&mut shadow, FOUR_HOURS);
    assert_eq!((shadow.steps(), shadow.orders.len()), (vec![(ActionKind::Release, ActionState::Would)], 0));
}

#[test]
fn an_isolation_that_failed_has_no_timer() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(timed(false));
    world.run();
    let mut end = pending(&world.orders[0].key);
    end.status = ActionStatus::Failed;
    world.until_followed(&[end]);
    wait(&mut world, FOUR_HOURS * 2);
    assert_eq!(world.called(), [ActionKind::Isolate]);
}

#[test]
fn the_timer_of_one_isolation_ends_no_other_that_is_pending_though_it_is_ours_too() {
    let mut world = isolated(false);
    // A rule let the machine back, and a later alert isolates it anew; Defender has yet to carry that out.
    world.isolated.insert(machine("m1"), Isolation::None);
    wait(&mut world, FOUR_HOURS - Duration::from_secs(60));
    let mut later = isolation("a2", None);
    later.alert.newest_moment = Some(world.at.wall);
    world.give(Event::Policy(Box::new(super::policy::in_force("hold: {alert_older_than: 365d}"))));
    world.decide(later);
    world.run();
    assert_eq!(world.called(), [ActionKind::Isolate, ActionKind::Isolate], "{:?}", world.reasons());
    wait(&mut world, Duration::from_secs(120));
    assert_eq!(world.orders.len(), 2, "{:?}", world.called());
    assert_eq!(world.steps().last(), Some(&(ActionKind::Release, ActionState::Covered)));
}

#[test]
fn a_pause_that_catches_a_release_half_way_only_delays_it() {
    let mut world = isolated(false);
    world.pass(FOUR_HOURS);
    let read = world.waiting.iter().position(|effect| matches!(effect, Effect::Read { .. })).expect("a fresh read");
    let Some(Effect::Read { key, .. }) = world.waiting.remove(read) else { unreachable!() };
    world.give(Event::Facts(key, Err(Unreadable { why: "503".into(), retry_after: None, refused: false })));
    let now = world.at.wall;
    world.say(unsigned(Command::Pause, "p-1", now));
    world.run();
    wait(&mut world, Duration::from_secs(3_600));
    assert!(!world.steps().contains(&(ActionKind::Release, ActionState::Held)), "{:?}", world.steps());
    world.says(ANN, Command::Resume { notice: format!("paused@{now}") }, "c-1");
    world.run();
    assert_eq!(
        world.called(),
        [ActionKind::Isolate, ActionKind::Release],
        "{:?} {:?} {:?}",
        world.steps(),
        world.told(),
        world.reasons()
    );
}
