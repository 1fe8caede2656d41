mod orders;

use cordon_defender::IsolationStep;
use cordon_records::{
    Action, ActionKey, ActionState, ActionStatus, ActionType, AttemptState, IsolationType, LedgerEntry, MachineAction,
    MachineActionId, MachineId, OtherAction, ReleaseTerms,
};
use cordon_response::LedgerState;
use jiff::{SignedDuration, Timestamp};

use super::standing::{Author, Standing, State, Until};
use super::{mine, steps};
use crate::people::ledger::tests::{entry, ledger};

fn at(minutes: i64) -> Timestamp {
    "2026-11-22T18:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

/// A step on machine m1 that an analyst asked for in the portal.
fn step(kind: &str, status: &str, minutes: i64) -> IsolationStep {
    let machine = MachineId::new("m1").unwrap();
    let action = MachineAction {
        id: MachineActionId::new(format!("{kind}-{minutes}")).unwrap(),
        kind: ActionType::from(kind),
        status: ActionStatus::from(status),
        machine_id: Some(machine.clone()),
        requestor: Some("analyst@example.com".to_owned()),
        comment: Some("by hand, keep until Monday".to_owned()),
        scope: None,
        created: Some(at(minutes)),
        updated: Some(at(minutes + 1)),
        cancelled_by: None,
        error_code: None,
    };
    IsolationStep { action, machine, machine_name: Some("LAPTOP-ANNA".to_owned()), source: Some("Portal".to_owned()) }
}

/// Kind and status of each step, oldest first.
type Steps = &'static [(&'static str, &'static str)];

/// The list has these steps.
fn listed(steps: Steps) -> Vec<Standing> {
    let steps = steps.iter().zip(0..).map(|((kind, status), n)| step(kind, status, n * 10));
    let steps: Vec<IsolationStep> = steps.collect::<Vec<_>>().into_iter().rev().collect();
    super::steps::standings(&steps, &LedgerState::default())
}

#[test]
fn the_newest_step_that_came_to_something_says_how_a_machine_stands() {
    let cases: [(Steps, Option<State>, &str); 14] = [
        (&[("Isolate", "Succeeded")], Some(State::Isolated), ""),
        (&[("Isolate", "Pending")], Some(State::Isolating), ""),
        (&[("Isolate", "InProgress")], Some(State::Isolating), ""),
        (&[("Isolate", "Failed")], None, ""),
        (&[("Isolate", "TimeOut")], None, ""),
        (&[("Isolate", "Cancelled")], Some(State::LetBack), ""),
        (&[("Isolate", "Thinking")], Some(State::Unknown), "\"Thinking\""),
        (&[("Isolate", "Succeeded"), ("Unisolate", "Succeeded")], Some(State::LetBack), ""),
        (&[("Isolate", "Succeeded"), ("Unisolate", "Pending")], Some(State::Releasing), ""),
        (&[("Isolate", "Succeeded"), ("Unisolate", "Failed")], Some(State::Isolated), "came to nothing: Failed"),
        (&[("Isolate", "Succeeded"), ("Isolate", "Cancelled")], Some(State::Isolated), ""),
        (&[("Isolate", "Succeeded"), ("Isolate", "Pending")], Some(State::Isolated), "another isolation"),
        (&[("Isolate", "Succeeded"), ("Unisolate", "Succeeded"), ("Isolate", "Failed")], Some(State::LetBack), ""),
        (&[("Isolate", "Succeeded"), ("Unisolate", "Succeeded"), ("Isolate", "Pending")], Some(State::Isolating), ""),
    ];
    for (steps, state, note) in cases {
        let found = listed(steps);
        assert_eq!(found.first().map(|standing| standing.state), state, "{steps:?}");
        let told = found.first().and_then(|standing| standing.note.clone()).unwrap_or_default();
        assert!(told.contains(note) && told.is_empty() == note.is_empty(), "{steps:?}: {told}");
    }
}

#[test]
fn an_isolation_and_a_release_that_are_both_on_their_way_are_a_release() {
    let found = listed(&[("Isolate", "Pending"), ("Unisolate", "Pending")]);
    assert_eq!((found[0].state, found[0].since), (State::Releasing, Some(at(0))));
}

#[test]
fn a_person_a_program_and_defender_itself_are_told_apart_and_a_name_of_no_kind_is_shown() {
    let cases = [
        (Some("analyst@example.com"), Some("Portal"), "person"),
        (Some("analyst@example.com"), None, "person"),
        (Some("Anna Berg"), Some("Portal"), "person"),
        (Some("SOAR"), Some("PublicApi"), "program"),
        (Some("4f8a2f5e-1d7f-4a6e-9a2e-0c5b9b2f7d11"), None, "program"),
        (None, None, "defender"),
        (Some("  "), None, "defender"),
        (Some("System"), None, "defender"),
        (Some("Microsoft Defender XDR"), Some("AttackDisruption"), "defender"),
        (Some("bert"), None, "somebody"),
    ];
    for (name, source, kind) in cases {
        let author = Author::named(name, source);
        assert_eq!(author.kind(), kind, "{name:?} {source:?}");
        assert!(author.to_string().contains(name.unwrap_or_default().trim()), "{author}");
    }
}

/// Our isolation of m1 that stands, let back after four hours.
fn ours() -> LedgerEntry {
    let mut entry = entry("acee6df23fcd80b6", "m1", "LAPTOP-ANNA");
    entry.action = Action::Isolate {
        isolation: IsolationType::Full,
        comment: "High severity alert".to_owned(),
        release: Some(ReleaseTerms { after_s: 14_400, ask: true }),
    };
    entry.state = AttemptState::Reported(ActionState::Succeeded);
    entry.expires_at = None;
    entry.attempt = 1;
    entry.intents = vec![at(0)];
    entry.at = at(1);
    entry.machine_action_id = Some(MachineActionId::new("Isolate-0").unwrap());
    entry.release_at = Some(at(241));
    entry
}

/// Our release of m1, ten minutes later.
fn our_release(state: ActionState, person: Option<&str>, about: Option<&str>) -> LedgerEntry {
    let mut release = ours();
    release.key = ActionKey::new("bbbb6df23fcd80b6").unwrap();
    release.action = Action::Release { comment: "clean".to_owned() };
    release.state = AttemptState::Reported(state);
    release.requested_by = person.map(str::to_owned);
    release.about = about.map(|key| ActionKey::new(key).unwrap());
    release.intents = vec![at(10)];
    release.at = at(11);
    release.machine_action_id = Some(MachineActionId::new("Unisolate-10").unwrap());
    release.release_at = None;
    release
}

/// The app's own steps, as Defender lists them.
fn by_app(mut step: IsolationStep, key: &str) -> IsolationStep {
    step.action.requestor = Some("cordon".to_owned());
    step.action.comment = Some(format!("High severity alert [cordon:{key}#1]"));
    step.source = Some("PublicApi".to_owned());
    step
}

#[test]
fn our_own_isolation_has_its_rule_and_its_end_from_the_ledger_however_the_server_spells_the_machine() {
    let mut one = by_app(step("Isolate", "Succeeded", 0), "acee6df23fcd80b6");
    one.machine = MachineId::new("M1").unwrap();
    let found = steps::standings(&[one], &ledger(&[ours()]));
    let [found] = &found[..] else { panic!("one machine: {found:?}") };
    assert_eq!((found.by.to_string().as_str(), found.state), ("Cordon, rule isolate-high", State::Isolated));
    assert_eq!(found.until, Until::At { at: at(241), ask: true });
    assert_eq!(found.key.as_ref().map(ActionKey::as_str), Some("acee6df23fcd80b6"));
    assert_eq!(found.since, Some(at(1)));
}

#[test]
fn our_mark_in_the_comment_of_a_person_makes_an_isolation_none_of_ours() {
    let mut step = step("Isolate", "Succeeded", 40);
    step.action.comment = Some("as before [cordon:acee6df23fcd80b6#1]".to_owned());
    let found = steps::standings(&[step], &ledger(&[ours()]));
    assert_eq!(found[0].by, Author::Person("analyst@example.com".to_owned()));
}

#[test]
fn a_comment_that_merely_quotes_our_mark_makes_an_isolation_none_of_ours() {
    let mut step = by_app(step("Isolate", "Succeeded", 40), "acee6df23fcd80b6");
    step.action.comment = Some("see [cordon:acee6df23fcd80b6#1] for why".to_owned());
    let found = steps::standings(&[step], &ledger(&[ours()]));
    assert_ne!(found[0].by.to_string(), "Cordon, rule isolate-high");
}

#[test]
fn an_isolation_that_somebody_elses_covered_is_not_ours_to_list_or_to_take_back() {
    let mut theirs = ours();
    theirs.machine_action_id = None;
    theirs.release_at = None;
    theirs.other_action = Some(OtherAction {
        id: MachineActionId::new("by-hand").unwrap(),
        by: "analyst@example.com".into(),
        scope: Some("Selective".into()),
    });
    for state in [ActionState::Covered, ActionState::Succeeded] {
        theirs.state = AttemptState::Reported(state);
        assert_eq!(mine::standings(&ledger(&[theirs.clone()])), [], "{state:?}");
    }
    theirs.other_action = None;
    assert_eq!(mine::standings(&ledger(&[theirs])).len(), 1, "so it would be listed");
}

#[test]
fn an_isolation_of_which_a_call_was_lost_is_listed_whatever_was_said_of_it_since() {
    let states = [
        ActionState::Held,
        ActionState::Approved,
        ActionState::Refused,
        ActionState::Denied,
        ActionState::Expired,
        ActionState::NeedsHuman,
        ActionState::Failed,
        ActionState::TimedOut,
        ActionState::Cancelled,
        ActionState::Covered,
        ActionState::Would,
    ];
    for state in states {
        let mut lost = ours();
        (lost.machine_action_id, lost.release_at) = (None, None);
        lost.state = AttemptState::Reported(state);
        // The second attempt failed, or was stopped, after the answer to the first was lost.
        (lost.intents, lost.unseen) = (vec![at(0), at(3)], Some(1));
        let found = mine::standings(&ledger(&[lost.clone()]));
        assert_eq!(found.iter().map(|it| it.state).collect::<Vec<_>>(), [State::Unknown], "{state:?}");
        // Every call has an end that was seen.
        (lost.unseen, lost.undone) = (Some(0), true);
        let found = mine::standings(&ledger(&[lost]));
        let known = if state == ActionState::Cancelled { vec![State::LetBack] } else { Vec::new() };
        assert_eq!(found.iter().map(|it| it.state).collect::<Vec<_>>(), known, "{state:?}");
    }
}

#[test]
fn a_release_that_was_denied_after_its_call_was_lost_leaves_open_how_the_machine_stands() {
    for state in [ActionState::Held, ActionState::Denied, ActionState::NeedsHuman] {
        let mut release = our_release(state, Some("ann@example.com"), None);
        release.machine_action_id = None;
        let found = mine::standings(&ledger(&[ours(), release]));
        assert_eq!(found[0].state, State::Unknown, "{state:?}");
    }
}

#[test]
fn who_let_a_machine_back_is_a_person_the_timer_or_somebody_in_the_portal() {
    let isolated = || by_app(step("Isolate", "Succeeded", 0), "acee6df23fcd80b6");
    let released = || by_app(step("Unisolate", "Succeeded", 10), "bbbb6df23fcd80b6");
    let succeeded = ActionState::Succeeded;
    let mut denied = our_release(ActionState::Denied, None, None);
    denied.machine_action_id = None;
    let cases = [
        (our_release(succeeded, Some("ann@example.com"), None), released(), "Cordon, for ann@example.com"),
        (our_release(succeeded, None, Some("acee6df23fcd80b6")), released(), "Cordon by itself: its time was over"),
        (denied, step("Unisolate", "Succeeded", 10), "analyst@example.com"),
    ];
    for (release, step, who) in cases {
        let found = steps::standings(&[step, isolated()], &ledger(&[ours(), release]));
        let end = found[0].end.as_ref().unwrap();
        assert_eq!((found[0].state, end.by.to_string().as_str(), end.at), (State::LetBack, who, Some(at(11))));
        assert_eq!(found[0].by.to_string(), "Cordon, rule isolate-high");
    }
}

#[test]
fn what_our_ledger_knows_and_the_list_does_not_show_is_told() {
    let mut accepted = ours();
    accepted.state = AttemptState::Reported(ActionState::Accepted);
    accepted.release_at = None;
    let found = steps::standings(&[], &ledger(&[accepted.clone()]));
    assert_eq!((found[0].state, found[0].until), (State::Isolating, Until::After { seconds: 14_400, ask: true }));
    assert!(found[0].note.as_ref().unwrap().contains("does not have it"), "{found:?}");
    // An older story of the same machine does not hide it; a newer one does.
    for (minutes, state) in [(-60, State::Isolating), (60, State::LetBack)] {
        let older = step("Isolate", "Succeeded", minutes - 10);
        let found = steps::standings(&[step("Unisolate", "Succeeded", minutes), older], &ledger(&[accepted.clone()]));
        assert_eq!((found.len(), found[0].state), (1, state), "{minutes}");
    }
}

#[test]
fn the_ledger_alone_tells_of_ours_in_every_state() {
    let isolation = |state: AttemptState| {
        let mut entry = ours();
        entry.state = state;
        entry
    };
    let reported = AttemptState::Reported;
    let cases = [
        (isolation(reported(ActionState::Succeeded)), None, Some(State::Isolated)),
        (isolation(reported(ActionState::Accepted)), None, Some(State::Isolating)),
        (isolation(AttemptState::Intent), None, Some(State::Unknown)),
        (isolation(AttemptState::InDoubt), None, Some(State::Unknown)),
        (isolation(reported(ActionState::NeedsHuman)), None, Some(State::Unknown)),
        (isolation(reported(ActionState::Failed)), None, None),
        (isolation(reported(ActionState::Covered)), None, None),
        (isolation(reported(ActionState::Cancelled)), None, Some(State::LetBack)),
        (ours(), Some(our_release(ActionState::Succeeded, None, None)), Some(State::LetBack)),
        (ours(), Some(our_release(ActionState::Accepted, None, None)), Some(State::Releasing)),
        (ours(), Some(our_release(ActionState::Failed, None, None)), Some(State::Isolated)),
        (ours(), Some(our_release(ActionState::InDoubt, None, None)), Some(State::Unknown)),
        // That another isolation had ended already says nothing of this one.
        (ours(), Some(our_release(ActionState::Covered, None, Some("cccc6df23fcd80b6"))), Some(State::Isolated)),
    ];
    for (isolation, release, state) in cases {
        let what = (isolation.state, release.as_ref().map(|release| release.state));
        let entries: Vec<LedgerEntry> = [isolation].into_iter().chain(release).collect();
        let found = mine::standings(&ledger(&entries));
        assert_eq!(found.first().map(|standing| standing.state), state, "{what:?}");
    }
}

/// A later release that was left alone: there was nothing to end, or somebody else had isolated the machine anew.
fn left_alone(person: Option<&str>, about: Option<&str>) -> LedgerEntry {
    let mut release = our_release(ActionState::Covered, person, about);
    release.key = ActionKey::new("dddd6df23fcd80b6").unwrap();
    (release.intents, release.at, release.machine_action_id) = (Vec::new(), at(30), None);
    release.reason = "isolated anew by bert@example.com, which is not the one that was to be taken back".to_owned();
    release
}

#[test]
fn a_release_that_was_left_alone_says_nothing_of_an_end_and_what_else_the_ledger_knows_counts() {
    let alone =
        [left_alone(Some("ann@example.com"), Some("acee6df23fcd80b6")), left_alone(Some("ann@example.com"), None)];
    for alone in alone {
        let found = &mine::standings(&ledger(&[ours(), alone.clone()]))[0];
        assert_eq!((found.state, &found.end), (State::Unknown, &None), "{found:?}");
        assert!(found.note.as_ref().unwrap().contains("isolated anew by bert@example.com"), "{found:?}");

        // An earlier release of ours says who ended it; one that came to nothing does not.
        let released = our_release(ActionState::Succeeded, Some("eve@example.com"), None);
        let found = &mine::standings(&ledger(&[ours(), released, alone.clone()]))[0];
        let end = found.end.as_ref().unwrap();
        assert_eq!((found.state, end.by.to_string().as_str()), (State::LetBack, "Cordon, for eve@example.com"));
        let failed = our_release(ActionState::Failed, None, None);
        assert_eq!(mine::standings(&ledger(&[ours(), failed, alone.clone()]))[0].state, State::Unknown);

        // So does a cancellation.
        let mut cancelled = ours();
        cancelled.state = AttemptState::Reported(ActionState::Cancelled);
        assert_eq!(mine::standings(&ledger(&[cancelled, alone]))[0].state, State::LetBack);
    }
}

#[test]
fn somebody_elses_release_that_covered_ours_ends_the_isolation_when_it_has_succeeded() {
    let by = OtherAction { id: MachineActionId::new("by-hand").unwrap(), by: "bert@example.com".into(), scope: None };
    let cases = [
        (ActionState::Covered, State::Releasing),
        (ActionState::Succeeded, State::LetBack),
        (ActionState::Failed, State::Isolated),
        (ActionState::Overdue, State::Releasing),
    ];
    for (state, expected) in cases {
        let mut release = our_release(state, Some("ann@example.com"), None);
        (release.machine_action_id, release.other_action) = (None, Some(by.clone()));
        let found = &mine::standings(&ledger(&[ours(), release]))[0];
        assert_eq!(found.state, expected, "{state:?}");
        let who = found.end.as_ref().map(|end| end.by.clone());
        assert_eq!(who, (expected != State::Isolated).then(|| Author::Person("bert@example.com".to_owned())));
    }
}

#[test]
fn the_tables_and_the_document_say_who_until_when_and_by_whom_it_ended() {
    let isolated = by_app(step("Isolate", "Succeeded", 0), "acee6df23fcd80b6");
    let mut hers = step("Isolate", "Succeeded", 5);
    hers.machine = MachineId::new("m2").unwrap();
    hers.machine_name = Some("PC\u{1b}[2J".to_owned());
    hers.action.scope = Some("Selective".to_owned());
    let (mut gone, mut back) = (step("Isolate", "Succeeded", 1), step("Unisolate", "Succeeded", 9));
    gone.machine = MachineId::new("m3").unwrap();
    back.machine = gone.machine.clone();
    let found = steps::standings(&[back, hers, gone, isolated], &ledger(&[ours()]));
    let (back, cut): (Vec<_>, Vec<_>) = found.iter().partition(|standing| standing.state == State::LetBack);
    insta::assert_snapshot!(super::print::cut_off(&cut) + "\n" + &super::print::let_back(&back));
    let document = super::print::document("the test", (&cut, &back), (0, at(60)));
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn a_note_stands_whole_below_its_machine_with_the_cause_at_its_end() {
    let cause = "HTTP 503: the answer to the release was lost, and Defender's list \u{1b}[2J\ncould not be read since";
    let note = format!("whether the release asked for by analyst@example.com was done is not known: {cause}");
    let mut standing = steps::standings(&[step("Isolate", "Succeeded", 0)], &ledger(&[])).remove(0);
    standing.note = Some(note.clone());
    let table = super::print::cut_off(&[&standing, &standing]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    for line in [lines[2], lines[4]] {
        assert_eq!(line, format!("  note: {}", crate::escape::text(&note)));
    }
    assert_eq!(
        super::print::document("the test", (&[&standing], &[]), (0, at(60)))["isolated"][0]["note"],
        note.as_str()
    );
}

#[test]
fn who_asks_the_ledger_for_longer_than_it_keeps_who_was_let_back_is_told() {
    let day = std::time::Duration::from_secs(86_400);
    assert_eq!(super::beyond_the_ledger(30 * day), None);
    let note = super::beyond_the_ledger(31 * day).unwrap();
    assert_eq!(note, "note: the ledger names for 30 days who was let back; without --mine Defender's list says more");
}
