//! Somebody else's action is never taken for ours: not from an answer, not from the list, not by a timer or a restart.

use std::time::Duration;

use cordon_policy::Isolation;
use cordon_records::{
    Action, ActionKey, ActionKind, ActionRecord, ActionState, ActionStatus, ActionType, AttemptState, Command,
    DecisionRecord, IsolationType, LedgerEntry, MachineAction, MachineActionId, MachineId, NamedIsolation,
    ReleaseTerms, Report, Ruling,
};
use proptest::prelude::*;

use super::office::{ANN, config_of_the_office, machine, signed};
use super::samples::{an, config, decision, pending, start};
use super::world::{World, plan};
use crate::Config;
use crate::event::{Answer, Effect, Event};
use crate::facts::{ActionSnapshot, FreshFacts, isolation, newest};
use crate::ours::{Asked, Listed, Whose, find_ours, mark_in, whose};

const HOUR: Duration = Duration::from_secs(3_600);

/// What the analyst did: the example of a real answer.
fn by_hand() -> MachineAction {
    MachineAction {
        id: MachineActionId::new("by-hand").unwrap(),
        kind: ActionType::Isolate,
        status: ActionStatus::Pending,
        machine_id: None,
        requestor: Some("analyst@example.com".into()),
        comment: Some("by hand, keep until Monday".into()),
        scope: Some("Selective".into()),
        created: Some(start()),
        updated: None,
        cancelled_by: None,
        error_code: None,
    }
}

/// The answer that Defender gives to a request of ours.
fn answered(key: &ActionKey, kind: ActionType) -> MachineAction {
    MachineAction {
        id: MachineActionId::new("ours").unwrap(),
        kind,
        machine_id: Some(MachineId::new("m1").unwrap()),
        requestor: Some("cordon".into()),
        comment: Some(format!("High severity alert [cordon:{key}#1]")),
        scope: None,
        ..by_hand()
    }
}

fn isolate() -> (ActionKey, MachineId, Action) {
    let planned = decision("a1", "m1").planned[0].clone();
    (planned.key, MachineId::new("m1").unwrap(), planned.action)
}

/// Whose an answer to the isolation of m1 is, after this change of it.
fn after(change: impl FnOnce(&mut MachineAction)) -> Whose {
    let (key, machine, action) = isolate();
    let mut found = answered(&key, ActionType::Isolate);
    change(&mut found);
    whose(&found, &Asked { key: &key, machine: &machine, action: &action })
}

#[test]
fn an_answer_is_ours_when_nothing_that_is_there_differs_from_the_request() {
    assert_eq!(after(|_| {}), Whose::Ours);
    assert_eq!(after(|found| found.machine_id = None), Whose::Ours);
    assert_eq!(after(|found| found.machine_id = Some(MachineId::new("M1").unwrap())), Whose::Ours);
    assert_eq!(after(|found| found.kind = ActionType::Other(String::new())), Whose::Ours);
    for scope in [None, Some(""), Some(" "), Some("full"), Some("Full"), Some("SomethingNew")] {
        assert_eq!(after(|found| found.scope = scope.map(str::to_owned)), Whose::Ours, "{scope:?}");
    }
    assert_eq!(after(|found| found.comment = Some(format!("{} \n", found.comment.clone().unwrap()))), Whose::Ours);
}

#[test]
fn another_comment_scope_type_or_machine_speaks_against_us_and_no_comment_says_nothing() {
    let (key, ..) = isolate();
    for comment in [
        "by hand, keep until Monday".to_owned(),
        format!("see [cordon:{key}#1] for why"),
        format!("[cordon:{key}#1"),
        format!("[cordon:{key}]"),
        "High severity alert [cordon:0123456789abcdef#1]".into(),
    ] {
        assert_eq!(after(|found| found.comment = Some(comment.clone())), Whose::Others, "{comment}");
    }
    let other_scope = Whose::Misapplied("action ours has scope Selective, not Full".into());
    assert_eq!(after(|found| found.scope = Some("Selective".into())), other_scope);
    // A person copied our comment: their sign-in name says so.
    assert_eq!(after(|found| found.requestor = Some("analyst@example.com".into())), Whose::Others);
    for comment in [None, Some(""), Some(" \t")] {
        assert_eq!(after(|found| found.comment = comment.map(str::to_owned)), Whose::Unsaid, "{comment:?}");
    }
    let other_machine = |found: &mut MachineAction| found.machine_id = Some(MachineId::new("m2").unwrap());
    assert_eq!(after(other_machine), Whose::Misapplied("action ours is about machine m2, not m1".into()));
    let other_type = |found: &mut MachineAction| found.kind = ActionType::Unisolate;
    assert_eq!(after(other_type), Whose::Misapplied("action ours is of type Unisolate, not Isolate".into()));
    for comment in [None, Some("by hand".to_owned())] {
        let unrelated = after(|found| {
            other_machine(found);
            found.comment = comment;
        });
        assert_eq!(unrelated, Whose::Unrelated("action ours is about machine m2, not m1".into()));
    }
}

proptest! {
    #[test]
    fn whatever_stands_in_a_comment_only_our_own_mark_at_its_end_makes_it_ours(text in "\\PC{0,40}", tail in "\\PC{1,5}") {
        prop_assume!(!tail.trim().is_empty());
        let (key, ..) = isolate();
        let mark = format!("[cordon:{key}#1]");
        prop_assert_eq!(after(|found| found.comment = Some(format!("{text}{mark}"))), Whose::Ours);
        if !tail.trim_end().ends_with(&mark) {
            prop_assert_eq!(after(|found| found.comment = Some(format!("{text}{mark}{tail}"))), Whose::Others);
        }
    }
}

#[test]
fn the_list_is_searched_with_the_same_care_and_an_earlier_attempt_is_found_too() {
    let (key, machine, action) = isolate();
    let asked = Asked { key: &key, machine: &machine, action: &action };
    let ours = answered(&key, ActionType::Isolate);
    let mut quoted = MachineAction { kind: ActionType::Unisolate, ..ours.clone() };
    quoted.id = MachineActionId::new("release").unwrap();
    let retold = MachineAction { comment: Some(format!("why [cordon:{key}#1]?")), ..by_hand() };
    let copied = MachineAction { requestor: Some("analyst@example.com".into()), ..ours.clone() };
    for others in [vec![retold.clone()], vec![by_hand()], vec![copied.clone()]] {
        assert_eq!(find_ours(&others, &asked, 1), Listed::Nothing, "{others:?}");
    }
    let narrower = MachineAction { scope: Some("Selective".into()), ..ours.clone() };
    let failed = MachineAction { status: ActionStatus::Failed, ..narrower.clone() };
    assert_eq!(find_ours(&[failed], &asked, 1), Listed::Nothing);
    for (list, differs) in [
        (vec![copied, narrower], "action ours has scope Selective, not Full"),
        (vec![by_hand(), quoted.clone()], "action release is of type Unisolate, not Isolate"),
    ] {
        assert_eq!(find_ours(&list, &asked, 1), Listed::Misapplied(differs.into()), "{list:?}");
    }
    let list = [quoted, retold, by_hand(), ours.clone()];
    assert_eq!(find_ours(&list, &asked, 2), Listed::Ours(&ours));
}

#[test]
fn an_application_is_no_person_because_its_name_holds_an_at_sign() {
    let (key, ..) = isolate();
    let by = |name: &str| MachineAction { requestor: Some(name.into()), ..answered(&key, ActionType::Isolate) };
    for ours in ["Cordon @ SOC", "cordon@soc", "@cordon.example.com", "Cordon (a@b.example.com)"] {
        assert!(mark_in(&by(ours)).is_some(), "{ours}");
    }
    for people in ["analyst@example.com", " b.smith@corp.example.com ", "guest#EXT#@example.onmicrosoft.com"] {
        assert!(mark_in(&by(people)).is_none(), "{people}");
    }
}

/// An isolation of m1 with an end of its own.
fn timed() -> DecisionRecord {
    let release = Some(ReleaseTerms { after_s: HOUR.as_secs(), ask: false });
    plan("a1", "m1", vec![Action::Isolate { isolation: IsolationType::Full, comment: "for an hour".into(), release }])
}

/// The world after Defender answered our isolation of m1 with the analyst's.
fn answered_with_theirs(config: Config) -> World {
    let mut world = World::restored(config, Vec::new());
    world.decide(timed());
    world.run_with(&mut |_| Answer::Others(Box::new(by_hand())));
    world.isolated.insert(machine("m1"), Isolation::Isolated { id: by_hand().id });
    world
}

fn entry(world: &World) -> &LedgerEntry {
    world.responder.ledger().get(&timed().planned[0].key).unwrap()
}

fn last(world: &World) -> &ActionRecord {
    match world.reports.last() {
        Some(Report::Action(record)) => record,
        other => panic!("no step of an action: {other:?}"),
    }
}

fn their(status: ActionStatus) -> ActionSnapshot {
    ActionSnapshot::from(&MachineAction { status, ..by_hand() })
}

#[test]
fn an_answer_with_an_analysts_isolation_is_told_followed_and_never_ours_also_after_a_restart() {
    let first = answered_with_theirs(config_of_the_office());
    assert_eq!((first.calls.len(), first.states()), (1, vec![ActionState::Covered]));
    assert!(
        last(&first)
            .reason
            .starts_with("an isolation is under way already, asked for by analyst@example.com (Selective)"),
        "{:?}",
        last(&first)
    );
    assert!(last(&first).reason.contains("by hand, keep until Monday"), "{:?}", last(&first));
    assert_eq!(first.settled.len(), 1, "its decision is settled");
    for mut world in [first.restarted(config_of_the_office()), first] {
        world.until_followed(&[their(ActionStatus::Succeeded)]);
        world.run();
        let told = last(&world);
        assert_eq!(told.state, ActionState::Succeeded);
        assert_eq!(
            told.other_action.as_ref().map(ToString::to_string).as_deref(),
            Some("analyst@example.com (Selective)")
        );
        assert_eq!(told.machine_action_id, None, "it never becomes ours");
        assert_eq!((entry(&world).release_at, entry(&world).machine_action_id.as_ref()), (None, None));
        let (calls, reports) = (world.calls.len(), world.reports.len());
        for mut later in [world.restarted(config_of_the_office()), world] {
            let before = later.orders.len();
            later.pass(HOUR * 30);
            later.run();
            assert_eq!(later.orders.len(), before, "no timer releases what the analyst isolated: {:?}", later.called());
            assert!(later.calls.len() <= calls && later.reports.len() <= reports, "nothing more is told");
        }
    }
}

#[test]
fn theirs_that_comes_to_nothing_is_told_and_not_tried_again_as_ours() {
    let mut config = config_of_the_office();
    config.waits.retry = crate::Retry { attempts: 3, after: Duration::from_secs(60) };
    for (status, state) in [
        (ActionStatus::Failed, ActionState::Failed),
        (ActionStatus::TimeOut, ActionState::TimedOut),
        (ActionStatus::Cancelled, ActionState::Cancelled),
    ] {
        let mut world = answered_with_theirs(config.clone());
        world.until_followed(&[their(status)]);
        world.run();
        assert_eq!(last(&world).state, state);
        assert!(last(&world).reason.contains("analyst@example.com (Selective)"), "{:?}", last(&world).reason);
        world.pass(HOUR);
        world.run();
        assert_eq!(world.calls.len(), 1, "{state:?}");
    }
}

#[test]
fn nobody_hears_of_an_end_that_stays_out_as_if_the_request_were_ours() {
    let mut world = answered_with_theirs(config());
    while last(&world).state != ActionState::Overdue {
        world.until_followed(&[their(ActionStatus::Pending)]);
        world.run();
    }
    assert!(last(&world).reason.starts_with("Defender answered with the action of analyst@example.com (Selective) 1"));
    assert!(last(&world).other_action.is_some());
    assert_eq!(entry(&world).state, AttemptState::Reported(ActionState::Covered), "it stays covered");
}

#[test]
fn people_who_release_or_cancel_are_told_whose_it_is() {
    let mut world = answered_with_theirs(config_of_the_office());
    world.until_followed(&[their(ActionStatus::Succeeded)]);
    world.run();
    world.says(ANN, Command::Cancel { key: timed().planned[0].key.clone() }, "c1");
    world.run();
    assert!(!world.called().contains(&ActionKind::Cancel), "Cordon cancels only what is its own");
    world.say(signed(ANN, Command::Release { machine: machine("m1") }, "c2", world.at.wall));
    while !matches!(world.waiting.front(), None | Some(Effect::Read { .. })) {
        world.step(&mut |key| Answer::Accepted(pending(key)));
    }
    let Some(Effect::Read { key, .. }) = world.waiting.pop_front() else { panic!("no fresh read") };
    let stands = MachineAction { status: ActionStatus::Succeeded, ..by_hand() };
    let facts = FreshFacts {
        alert: None,
        machine: decision("a1", "m1").machine,
        isolation: Isolation::Isolated { id: by_hand().id },
        newest: Some(stands),
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    assert_eq!(world.called().last(), Some(&ActionKind::Release), "a person may");
    let said = last(&world).guards.iter().find(|verdict| verdict.guard == "standing-isolation").unwrap();
    assert_eq!(said.ruling, Ruling::Pass);
    assert!(
        said.why.starts_with("isolated not by Cordon but by analyst@example.com (Selective), action by-hand"),
        "{said:?}"
    );
}

#[test]
fn of_every_kind_that_defender_lists_somebody_elses_answer_is_not_ours() {
    for kind in ActionKind::ALL.iter().copied().filter(|kind| kind.is_machine_action() && *kind != ActionKind::Isolate)
    {
        let mut world = World::ready_for(kind);
        world.decide(plan("a1", "m1", vec![an(kind)]));
        let theirs = MachineAction { kind: ActionType::of(kind).unwrap(), scope: None, ..by_hand() };
        world.run_with(&mut |_| Answer::Others(Box::new(theirs.clone())));
        let key = &plan("a1", "m1", vec![an(kind)]).planned[0].key;
        let ids = world.responder.ledger().entries().filter(|entry| entry.machine_action_id == Some(theirs.id.clone()));
        assert_eq!(ids.count(), 0, "{kind}");
        match kind {
            // Another file, other commands, or ours with an altered comment: an answer that took it is never repeated.
            ActionKind::StopFile | ActionKind::LiveResponse => {
                assert_eq!(world.states(), [ActionState::InDoubt], "{kind}");
                world.pass(HOUR);
                world.run();
                assert_eq!(world.orders.len(), 1, "{kind}");
                assert_eq!(world.states(), [ActionState::InDoubt, ActionState::NeedsHuman], "{kind}");
            }
            _ => {
                assert_eq!(world.states(), [ActionState::Covered], "{kind}");
                world.until_followed(&[ActionSnapshot::from(&MachineAction {
                    status: ActionStatus::Succeeded,
                    ..theirs
                })]);
                world.run();
                assert_eq!(world.states(), [ActionState::Covered, ActionState::Succeeded], "{kind}");
                assert!(last(&world).other_action.is_some() && last(&world).link.is_none(), "{kind}: {key}");
            }
        }
    }
}

#[test]
fn a_bulk_release_knows_our_isolation_by_its_mark_where_its_id_was_lost() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Misapplied("nobody knows".into()));
    let isolated = entry(&world).clone();
    assert_eq!((isolated.machine_action_id, isolated.attempt), (None, 1));
    let isolations = vec![NamedIsolation { key: isolated.key.clone(), machine: machine("m1") }];
    world.say(signed(ANN, Command::ReleaseEach { isolations, count: 1 }, "c1", world.at.wall));
    while !matches!(world.waiting.front(), None | Some(Effect::Read { .. })) {
        world.step(&mut |key| Answer::Accepted(pending(key)));
    }
    let Some(Effect::Read { key, .. }) = world.waiting.pop_front() else { panic!("no fresh read") };
    let stands = MachineAction { status: ActionStatus::Succeeded, ..answered(&isolated.key, ActionType::Isolate) };
    let facts = FreshFacts {
        alert: None,
        machine: decision("a1", "m1").machine,
        isolation: Isolation::Isolated { id: stands.id.clone() },
        newest: Some(stands),
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    assert_eq!(world.called().last(), Some(&ActionKind::Release), "{:?}", last(&world).reason);
}

#[test]
fn what_defender_did_under_our_mark_to_another_machine_asks_for_a_person_and_is_not_repeated() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    let why = "Defender did something else under our mark: action x is about machine m2, not m1";
    world.run_with(&mut |_| Answer::Misapplied(why.into()));
    world.pass(HOUR);
    world.run();
    assert_eq!((world.calls.len(), world.states()), (1, vec![ActionState::NeedsHuman]));
    assert!(last(&world).reason.contains("machine m2"));
}

/// The judgement of an isolation of m1, when the fresh read found this list.
fn judged(world: &mut World, list: &[MachineAction]) -> ActionState {
    let mut wanted = decision("a9", "m1");
    wanted.alert.newest_moment = Some(world.at.wall);
    world.decide(wanted);
    while !matches!(world.waiting.front(), None | Some(Effect::Read { .. })) {
        world.step(&mut |key| Answer::Accepted(pending(key)));
    }
    let Some(Effect::Read { key, .. }) = world.waiting.pop_front() else { panic!("no fresh read") };
    let known = decision("a9", "m1");
    let mut alert = known.alert;
    alert.newest_moment = Some(world.at.wall);
    let facts = FreshFacts {
        alert: Some(alert),
        machine: known.machine,
        isolation: isolation(list),
        newest: newest(list).cloned(),
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
    world.run();
    *world.states().last().unwrap()
}

#[test]
fn a_release_in_the_portal_that_quotes_our_mark_is_a_persons_and_only_our_own_is_not() {
    let mut before = World::ready_for(ActionKind::Release);
    before.decide(plan("a1", "m1", vec![an(ActionKind::Release)]));
    before.run();
    let order = before.orders.last().unwrap().clone();
    let mut end = pending(&order.key);
    end.status = ActionStatus::Succeeded;
    let ours = end.id.clone();
    before.until_followed(&[end]);
    before.run();
    let release = MachineAction {
        id: ours,
        kind: ActionType::Unisolate,
        status: ActionStatus::Succeeded,
        comment: Some(order.comment.clone()),
        ..by_hand()
    };
    assert_eq!(
        judged(&mut before.restarted(config()), std::slice::from_ref(&release)),
        ActionState::Accepted,
        "our own release"
    );
    let isolated = before.calls.first().map_or(String::new(), |(_, _, comment)| comment.clone());
    let copied = MachineActionId::new("by-hand").unwrap();
    for comment in [order.comment.clone(), isolated, format!("undo {} please", order.comment), "see [cordon:".into()] {
        let by_person = MachineAction { id: copied.clone(), comment: Some(comment.clone()), ..release.clone() };
        assert_eq!(
            judged(&mut before.restarted(config()), std::slice::from_ref(&by_person)),
            ActionState::Held,
            "{comment}"
        );
    }
}

#[test]
fn theirs_that_a_fresh_read_finds_on_its_way_is_followed_and_its_failure_told() {
    let mut world = World::new();
    let running = MachineAction { scope: Some("Full".into()), ..by_hand() };
    assert_eq!(judged(&mut world, std::slice::from_ref(&running)), ActionState::Covered);
    assert!(last(&world).reason.contains("on its way, by analyst@example.com (Full)"), "{:?}", last(&world).reason);
    let mut world = world.restarted(config());
    world.until_followed(&[ActionSnapshot::from(&MachineAction { status: ActionStatus::TimeOut, ..running })]);
    world.run();
    assert_eq!((world.states(), world.calls.len()), (vec![ActionState::TimedOut], 0));
}

#[test]
fn our_mark_on_another_scope_asks_for_a_person_and_is_never_said_to_be_somebody_elses() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Lost("the connection broke".into()));
    world.pass(Duration::from_secs(121));
    let asked = super::reconcile::look(&mut world).expect("the settled look");
    let narrower = MachineAction { scope: Some("Selective".into()), ..answered(&asked, ActionType::Isolate) };
    world.give(Event::Looked(asked, Ok(vec![narrower])));
    world.run();
    assert_eq!((world.calls.len(), world.states().last()), (1, Some(&ActionState::NeedsHuman)));
    let reason = &last(&world).reason;
    assert!(reason.contains("action ours has scope Selective, not Full"), "{reason}");
    assert!(last(&world).other_action.is_none() && !reason.contains("already isolated by"), "{reason}");
}

#[test]
fn an_isolation_of_ours_whose_id_was_lost_is_said_to_be_cordons() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.run_with(&mut |_| Answer::Misapplied("nobody knows".into()));
    let (key, ..) = isolate();
    let stands = MachineAction { status: ActionStatus::Succeeded, ..answered(&key, ActionType::Isolate) };
    assert_eq!(judged(&mut world, &[stands]), ActionState::Covered);
    assert!(last(&world).reason.contains("already isolated by Cordon for alert a1"), "{}", last(&world).reason);
}
