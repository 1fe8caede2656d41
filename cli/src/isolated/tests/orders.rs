//! Steps that overlap: which came last is known only where the order of asking and the order of ending agree.

use cordon_defender::IsolationStep;
use cordon_records::ActionStatus;
use cordon_response::LedgerState;
use proptest::prelude::*;

use super::super::standing::{Standing, State};
use super::{at, step};

/// A step that was asked for and ended at these minutes.
fn lasting(kind: &str, status: &str, (created, updated): (i64, i64)) -> IsolationStep {
    let mut step = step(kind, status, created);
    step.action.updated = Some(at(updated));
    step
}

/// What the list says, which has the newest first and before it what has no time.
fn listed(mut steps: Vec<IsolationStep>) -> Option<Standing> {
    steps.sort_by_key(|step| std::cmp::Reverse(step.action.created.unwrap_or(jiff::Timestamp::MAX)));
    super::super::steps::standings(&steps, &LedgerState::default()).pop()
}

#[test]
fn an_isolation_that_began_before_a_release_and_ended_after_it_may_stand_and_both_are_named() {
    let mut release = lasting("Unisolate", "Succeeded", (5, 8));
    release.action.requestor = Some("bert@example.com".to_owned());
    let found = listed(vec![lasting("Isolate", "Succeeded", (0, 20)), release.clone()]).unwrap();
    assert_eq!(found.state, State::Unknown);
    let note = found.note.unwrap();
    assert!(note.contains("analyst@example.com") && note.contains("bert@example.com"), "{note}");
    assert_eq!(found.end.unwrap().by.name(), Some("bert@example.com"));
    // It ended before the release did.
    let found = listed(vec![lasting("Isolate", "Succeeded", (0, 7)), release.clone()]).unwrap();
    assert_eq!(found.state, State::LetBack);
    // A later release ended after both.
    let later = lasting("Unisolate", "Succeeded", (30, 31));
    let found = listed(vec![lasting("Isolate", "Succeeded", (0, 20)), release, later]).unwrap();
    assert_eq!(found.state, State::LetBack);
}

#[test]
fn a_release_that_began_before_an_isolation_and_ended_after_it_may_have_ended_it() {
    let steps = [("Isolate", (0, 1)), ("Unisolate", (5, 30)), ("Isolate", (10, 11))];
    let found = listed(steps.iter().map(|(kind, times)| lasting(kind, "Succeeded", *times)).collect()).unwrap();
    assert_eq!(found.state, State::Unknown, "{found:?}");
}

#[test]
fn an_isolation_that_was_asked_for_before_a_release_and_has_not_ended_may_cut_off_yet() {
    let pending = || lasting("Isolate", "Pending", (0, 0));
    let release = lasting("Unisolate", "Succeeded", (5, 8));
    let found = listed(vec![pending(), release.clone()]).unwrap();
    assert_eq!(found.state, State::Isolating);
    assert!(found.note.as_ref().unwrap().contains("a release by analyst@example.com"), "{found:?}");
    // The other way round, a release is still to come.
    let found = listed(vec![lasting("Unisolate", "Pending", (0, 0)), lasting("Isolate", "Succeeded", (5, 8))]).unwrap();
    assert_eq!(found.state, State::Releasing);
    // A second release that is on its way hides no machine that was let back.
    let isolation = lasting("Isolate", "Succeeded", (0, 1));
    let found = listed(vec![isolation, release, lasting("Unisolate", "Pending", (9, 9))]).unwrap();
    assert_eq!(found.state, State::LetBack);
}

#[test]
fn a_step_without_times_may_have_been_the_last() {
    for without in [0, 1] {
        let mut steps = vec![lasting("Isolate", "Succeeded", (0, 1)), lasting("Unisolate", "Succeeded", (5, 8))];
        assert_eq!(listed(steps.clone()).unwrap().state, State::LetBack);
        steps[without].action.updated = None;
        assert_eq!(listed(steps.clone()).unwrap().state, State::Unknown, "{without}");
        steps[without].action.created = None;
        assert_eq!(listed(steps).unwrap().state, State::Unknown, "{without}");
    }
}

fn any_step() -> impl Strategy<Value = IsolationStep> {
    let kind = prop_oneof![Just("Isolate"), Just("Unisolate")];
    let status = prop_oneof![6 => Just("Succeeded"), 1 => Just("Pending"), 1 => Just("Failed"), 1 => Just("Cancelled")];
    let (created, took) = (prop::option::weighted(0.95, 0..9_i64), prop::option::weighted(0.95, 0..9_i64));
    (kind, status, created, took).prop_map(|(kind, status, created, took)| {
        let mut step = step(kind, status, 0);
        step.action.created = created.map(at);
        step.action.updated = took.map(|took| at(created.unwrap_or_default() + took));
        step
    })
}

fn orders(steps: &[IsolationStep]) -> Vec<Vec<IsolationStep>> {
    if steps.is_empty() {
        return vec![Vec::new()];
    }
    let behind = |first: usize| {
        let mut rest = steps.to_vec();
        let first = rest.remove(first);
        orders(&rest).into_iter().map(move |rest| [vec![first.clone()], rest].concat())
    };
    (0..steps.len()).flat_map(behind).collect()
}

/// Whether this order goes against no time of which both are known.
fn agrees(order: &[IsolationStep], time: fn(&IsolationStep) -> Option<jiff::Timestamp>) -> bool {
    let pairs = (0..order.len()).flat_map(|later| (0..later).map(move |earlier| (earlier, later)));
    let mut times = pairs.map(|(earlier, later)| (time(&order[earlier]), time(&order[later])));
    times.all(|(earlier, later)| earlier.is_none() || later.is_none() || earlier <= later)
}

/// Every way in which the machine may stand: what succeeded is played through in each order that goes with the times of
/// asking, and in each that goes with the times of ending.
fn may_be(steps: &[IsolationStep]) -> (bool, bool) {
    let done: Vec<IsolationStep> =
        steps.iter().filter(|step| step.action.status == ActionStatus::Succeeded).cloned().collect();
    let (mut cut_off, mut connected) = (false, false);
    for order in orders(&done) {
        if !agrees(&order, |step| step.action.created) && !agrees(&order, |step| step.action.updated) {
            continue;
        }
        let mut is_isolated = false;
        for step in &order {
            is_isolated = is(step, "Isolate");
        }
        cut_off |= is_isolated;
        connected |= !is_isolated;
    }
    (cut_off, connected)
}

fn is(step: &IsolationStep, kind: &str) -> bool {
    step.action.kind.as_str() == kind
}

/// What is to be said.
fn expected(steps: &[IsolationStep]) -> Option<State> {
    let with =
        |kind: &str, status: ActionStatus| steps.iter().any(|step| is(step, kind) && step.action.status == status);
    let open = steps.iter().find(|step| step.action.status == ActionStatus::Pending);
    let releasing = open.is_some_and(|step| is(step, "Unisolate"));
    match may_be(steps) {
        (true, true) => Some(State::Unknown),
        (true, false) if releasing => Some(State::Releasing),
        (true, false) => Some(State::Isolated),
        (false, _) if with("Isolate", ActionStatus::Pending) && releasing => Some(State::Releasing),
        (false, _) if with("Isolate", ActionStatus::Pending) => Some(State::Isolating),
        (false, _) if with("Unisolate", ActionStatus::Succeeded) => Some(State::LetBack),
        (false, _) => with("Isolate", ActionStatus::Cancelled).then_some(State::LetBack),
    }
}

proptest! {
    #[test]
    fn a_machine_is_said_to_stand_as_every_possible_order_of_its_steps_leaves_it(
        steps in prop::collection::vec(any_step(), 1..6)
    ) {
        let mut steps = steps;
        steps.sort_by_key(|step| std::cmp::Reverse(step.action.created.unwrap_or(jiff::Timestamp::MAX)));
        let found = listed(steps.clone());
        prop_assert_eq!(found.map(|standing| standing.state), expected(&steps), "{:?}", steps);
    }
}
