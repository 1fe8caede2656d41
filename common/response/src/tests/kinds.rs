//! The way of every kind of action, and what a lost answer means for it.

use std::time::Duration;

use cordon_records::{
    Action, ActionKind, ActionState, ActionStatus, ActionType, LedgerRecord, MachineAction, MachineActionId, Mode,
    RecordOutcome, Sha1,
};

use super::office::{ANN, config_of_the_office};
use super::samples::{an, config, pending, start};
use super::world::{World, plan};
use crate::event::{Answer, Effect, Event};

fn listed(kind: ActionKind, status: ActionStatus, comment: &str) -> MachineAction {
    MachineAction {
        id: MachineActionId::new("listed").unwrap(),
        kind: ActionType::of(kind).unwrap_or_else(|| ActionType::Other("None".into())),
        status,
        machine_id: None,
        requestor: Some(if comment.contains("[cordon:") { "cordon" } else { "bert@example.com" }.into()),
        comment: Some(comment.into()),
        scope: None,
        created: Some(start()),
        updated: None,
        cancelled_by: None,
        error_code: None,
    }
}

fn lost() -> Answer {
    Answer::Lost("the connection broke".into())
}

/// Kinds that a rule's decision calls; a cancellation has a file of its own.
fn kinds() -> impl Iterator<Item = ActionKind> {
    ActionKind::TAKEN.iter().copied().filter(|kind| *kind != ActionKind::Cancel)
}

/// Looks until one look at the list is asked for, and answers it.
fn look(world: &mut World, found: Vec<MachineAction>) {
    for _ in 0..1_000 {
        match world.waiting.front() {
            Some(Effect::Look(key, _)) => {
                let key = key.clone();
                world.waiting.pop_front();
                world.give(Event::Looked(key, Ok(found)));
                return;
            }
            Some(_) => assert!(world.step(&mut |_| lost())),
            None => world.pass(Duration::from_secs(10)),
        }
    }
    panic!("the list is never asked for");
}

#[test]
fn a_machine_action_is_accepted_and_followed_and_every_other_kind_is_done_with_its_answer() {
    for kind in kinds() {
        let mut world = World::ready_for(kind);
        world.decide(plan("a1", "m1", vec![an(kind)]));
        world.run_with(&mut |key| match kind.is_machine_action() {
            true => Answer::Accepted(pending(key)),
            false => Answer::Done("so it is".into()),
        });
        world.pass(Duration::from_secs(5));
        world.run_with(&mut |_| Answer::Done("so it is".into()));
        assert_eq!((world.orders.len(), &world.settled[..]), (1, &[(0, RecordOutcome::Sent)][..]), "{kind}");
        if kind.is_machine_action() {
            assert_eq!(world.states(), [ActionState::Accepted], "{kind}");
            let ends =
                [(ActionStatus::Succeeded, ActionState::Succeeded), (ActionStatus::TimeOut, ActionState::TimedOut)];
            for (status, state) in ends {
                let mut world = world.restarted(config());
                let mut end = pending(&plan("a1", "m1", vec![an(kind)]).planned[0].key);
                end.status = status;
                world.until_followed(&[end]);
                world.run();
                assert_eq!(world.states(), [state], "{kind}");
            }
        } else {
            assert_eq!(
                (world.states(), world.reasons()),
                (vec![ActionState::Succeeded], vec!["so it is".into()]),
                "{kind}"
            );
            assert_eq!(world.responder.ledger().open_count(), 0, "{kind}");
        }
    }
}

#[test]
fn a_lost_answer_is_found_again_by_our_mark_after_the_settle_time_for_every_machine_action() {
    for kind in kinds().filter(|kind| kind.is_machine_action()) {
        let mut world = World::ready_for(kind);
        world.decide(plan("a1", "m1", vec![an(kind)]));
        world.run_with(&mut |_| lost());
        assert_eq!((world.states(), world.settled.len()), (vec![ActionState::InDoubt], 1), "{kind}");
        let asked = world.at.mono;
        let ours = listed(kind, ActionStatus::InProgress, &world.calls[0].2.clone());
        look(&mut world, vec![ours]);
        assert!(world.at.mono - asked >= Duration::from_secs(120), "{kind}");
        world.run();
        assert_eq!(world.states(), [ActionState::InDoubt, ActionState::Accepted], "{kind}");
        assert_eq!(world.orders.len(), 1, "{kind}");
    }
}

#[test]
fn a_lost_answer_that_the_settled_list_does_not_know_is_repeated_for_isolate_and_release_only() {
    for kind in kinds().filter(|kind| kind.is_machine_action()) {
        let mut world = World::ready_for(kind);
        world.decide(plan("a1", "m1", vec![an(kind)]));
        world.run_with(&mut |_| lost());
        look(&mut world, Vec::new());
        world.run();
        world.pass(Duration::from_secs(1));
        world.run();
        let repeated = matches!(kind, ActionKind::Isolate | ActionKind::Release);
        let end = if repeated { ActionState::Accepted } else { ActionState::NeedsHuman };
        assert_eq!(world.states(), [ActionState::InDoubt, end], "{kind}");
        assert_eq!(world.orders.len(), 1 + usize::from(repeated), "{kind}");
    }
}

#[test]
fn a_lost_answer_of_what_defender_does_not_list_needs_a_person_at_once_who_is_told_where_to_look() {
    for kind in kinds().filter(|kind| !kind.is_machine_action()) {
        let mut world = World::ready_for(kind);
        world.decide(plan("a1", "m1", vec![an(kind)]));
        world.pass(Duration::ZERO);
        world.run_with(&mut |_| lost());
        world.pass(Duration::from_secs(1));
        world.run_with(&mut |_| lost());
        assert_eq!((world.states(), world.settled.len()), (vec![ActionState::NeedsHuman], 1), "{kind}");
        assert!(world.reasons()[0].contains("; look "), "{:?}", world.reasons());
        for _ in 0..20 {
            world.pass(Duration::from_secs(121));
            world.run();
        }
        assert_eq!(world.orders.len(), 1, "{kind}");
    }
}

#[test]
fn after_a_crash_between_intent_and_outcome_nothing_is_called_but_isolate_and_release_once_the_list_is_settled() {
    for kind in kinds() {
        let mut before = World::ready_for(kind);
        before.decide(plan("a1", "m1", vec![an(kind)]));
        while before.orders.is_empty() {
            if !before.step(&mut |_| lost()) {
                before.pass(Duration::from_secs(1));
            }
        }
        // kill -9 right after the socket write: the ledger holds the bare INTENT.
        let bare: Vec<LedgerRecord> = before.log.iter().take(before.intent_at() + 1).cloned().collect();
        let mut world = World::restored(config(), bare);
        world.isolated.clone_from(&before.isolated);
        world.decide(plan("a1", "m1", vec![an(kind)]));
        world.run();
        world.pass(Duration::from_secs(119));
        world.run();
        assert!(world.orders.is_empty(), "{kind}");
        for _ in 0..3 {
            world.pass(Duration::from_secs(2));
            world.run();
        }
        let repeated = matches!(kind, ActionKind::Isolate | ActionKind::Release);
        let end = if repeated { ActionState::Accepted } else { ActionState::NeedsHuman };
        assert_eq!((world.orders.len(), world.states()), (usize::from(repeated), vec![end]), "{kind}");
        assert_eq!(world.settled.len(), 1, "{kind}");
    }
}

#[test]
fn what_somebody_else_is_at_covers_ours_unless_it_may_be_about_something_else() {
    for kind in kinds().filter(|kind| kind.is_machine_action()) {
        let mut world = World::ready_for(kind);
        world.decide(plan("a1", "m1", vec![an(kind)]));
        while !world.waiting.iter().any(|effect| matches!(effect, Effect::Look(..))) {
            assert!(world.step(&mut |_| Answer::AlreadyRunning), "{kind}");
        }
        look(&mut world, vec![listed(kind, ActionStatus::InProgress, "by hand")]);
        world.run();
        if matches!(kind, ActionKind::StopFile | ActionKind::LiveResponse) {
            assert!(world.states().is_empty(), "{kind}: {:?}", world.states());
            world.pass(Duration::from_secs(31));
            world.run();
            assert_eq!(world.states(), [ActionState::Accepted], "{kind}");
            assert_eq!(world.calls[1].2, world.calls[0].2, "{kind}: nothing was done, so it is the same attempt");
        } else {
            assert_eq!(world.states(), [ActionState::Covered], "{kind}");
            assert!(world.reasons()[0].contains("bert@example.com"), "{:?}", world.reasons());
        }
    }
}

#[test]
fn an_action_that_defender_keeps_refusing_because_another_one_runs_fails_after_ten_minutes_of_asking() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::StopFile)]));
    for _ in 0..60 {
        world.run_with(&mut |_| Answer::AlreadyRunning);
        world.pass(Duration::from_secs(31));
    }
    assert_eq!((world.states(), world.orders.len()), (vec![ActionState::Failed], 21));
    assert!(world.reasons()[0].contains("10 min"), "{:?}", world.reasons());
    assert_eq!(world.intents_counted(), 1, "all of it is one attempt");
}

#[test]
fn an_isolation_of_the_machine_bears_on_no_other_kind() {
    use cordon_policy::Isolation;
    for kind in kinds().filter(|kind| !matches!(kind, ActionKind::Isolate | ActionKind::Release)) {
        let mut world = World::ready_for(kind);
        world.decide(plan("a1", "m1", vec![an(kind)]));
        let Some(Effect::Read { key, .. }) = world.waiting.pop_back() else { panic!("no fresh read") };
        let decided = plan("a1", "m1", Vec::new());
        let isolation = Isolation::Isolated { id: MachineActionId::new("other").unwrap() };
        let facts = crate::facts::FreshFacts {
            alert: Some(decided.alert),
            machine: decided.machine,
            isolation,
            ..crate::facts::FreshFacts::missing()
        };
        world.give(Event::Facts(key, Ok(Box::new(facts))));
        world.run();
        world.pass(Duration::from_secs(1));
        world.run();
        assert_eq!(world.orders.len(), 1, "{kind}: {:?}", world.reasons());
    }
}

#[test]
fn a_package_is_reported_once_with_its_link_also_when_the_link_comes_at_the_second_try() {
    let mut world = World::new();
    world.decide(plan("a1", "m1", vec![an(ActionKind::CollectPackage)]));
    world.run();
    world.link = Err(crate::event::Unreadable { why: "503".into(), retry_after: None, refused: false });
    let mut end = pending(&world.calls[0].0);
    end.status = ActionStatus::Succeeded;
    world.until_followed(&[end]);
    world.run();
    assert_eq!(world.states(), [ActionState::Accepted], "the report waits for the link");
    world.link = Ok("https://packages.example.com/one".into());
    world.pass(Duration::from_secs(30));
    world.run();
    assert_eq!(world.states(), [ActionState::Accepted, ActionState::Succeeded]);
    assert_eq!(world.link_reported().as_deref(), Some("https://packages.example.com/one"));
}

#[test]
fn a_package_without_a_link_is_still_a_success_also_when_nobody_ever_answers() {
    for silent in [false, true] {
        let mut world = World::new();
        world.decide(plan("a1", "m1", vec![an(ActionKind::CollectPackage)]));
        world.run();
        world.link = Err(crate::event::Unreadable { why: "404".into(), retry_after: None, refused: false });
        let mut end = pending(&world.calls[0].0);
        end.status = ActionStatus::Succeeded;
        world.until_followed(&[end]);
        let mut asked = 0;
        for _ in 0..25 {
            let fetches = |effect: &Effect| matches!(effect, Effect::FetchLink(..));
            asked += world.waiting.iter().filter(|effect| fetches(effect)).count();
            if silent {
                world.waiting.retain(|effect| !fetches(effect));
            }
            world.run();
            world.pass(Duration::from_secs(30));
        }
        world.run();
        assert_eq!(world.states(), [ActionState::Accepted, ActionState::Succeeded], "silent: {silent}");
        assert_eq!((world.link_reported(), asked), (None, if silent { 1 } else { 3 }));
        assert!(world.reasons()[1].contains("fetch the package in the portal"), "{:?}", world.reasons());
    }
}

#[test]
fn a_restart_while_the_link_is_asked_for_loses_no_success() {
    let mut before = World::new();
    before.decide(plan("a1", "m1", vec![an(ActionKind::CollectPackage)]));
    before.run();
    let mut end = pending(&before.calls[0].0);
    end.status = ActionStatus::Succeeded;
    before.until_followed(&[end.clone()]);
    let mut world = World::restored(config(), before.log);
    world.until_followed(&[end]);
    world.run();
    assert_eq!(world.states(), [ActionState::Succeeded]);
    assert!(world.link_reported().is_some());
}

#[test]
fn what_an_older_build_holds_and_identifies_nothing_is_refused_when_it_is_approved() {
    let sha1 = Sha1::new("da39a3ee5e6b4b0d3255bfef95601890afd80709").unwrap();
    let empty = Action::StopFile { sha1, comment: "named by the alert".into() };
    let mut before = World::restored(config_of_the_office(), Vec::new());
    let mut asking = plan("a1", "m1", vec![an(ActionKind::StopFile)]);
    asking.planned[0].mode = Mode::Approve;
    before.decide(asking);
    before.run();
    let Some(LedgerRecord::Action(mut held)) = before.log.last().cloned() else { panic!("nothing is held") };
    held.action = empty.clone();
    let mut world = World::restored(config_of_the_office(), vec![LedgerRecord::Action(held)]);
    let approval = world.approval();
    world.says(ANN, approval, "c-1");
    assert_eq!(world.states(), [ActionState::Approved, ActionState::Refused], "{:?}", world.reasons());
    assert!(world.reasons()[1].starts_with("observable: da39a3ee5e"), "{:?}", world.reasons());
    world.decide(plan("a2", "m2", vec![empty]));
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Refused), "and what it planned");
    assert!(world.orders.is_empty());
}

#[test]
fn what_an_older_build_holds_and_microsoft_no_longer_takes_is_refused_when_it_is_approved_and_never_sent() {
    let investigate = an(ActionKind::Investigate);
    let mut before = World::restored(config_of_the_office(), Vec::new());
    let mut asking = plan("a1", "m1", vec![an(ActionKind::Scan)]);
    asking.planned[0].mode = Mode::Approve;
    before.decide(asking);
    before.run();
    let Some(LedgerRecord::Action(mut held)) = before.log.last().cloned() else { panic!("nothing is held") };
    held.action = investigate.clone();
    let mut world = World::restored(config_of_the_office(), vec![LedgerRecord::Action(held)]);
    let approval = world.approval();
    world.says(ANN, approval, "c-1");
    assert_eq!(world.states(), [ActionState::Approved, ActionState::Refused], "{:?}", world.reasons());
    let expected =
        "retired: Microsoft starts no automated investigation on request since 2026-09-01; a full scan takes";
    assert!(world.reasons()[1].starts_with(expected), "{:?}", world.reasons());
    world.decide(plan("a2", "m2", vec![investigate]));
    world.run();
    assert_eq!(world.states().last(), Some(&ActionState::Refused), "and what it planned");
    assert!(world.orders.is_empty() && world.calls.is_empty());
}
