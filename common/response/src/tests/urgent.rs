//! Whose turn comes first.

use cordon_records::{ActionKind, ActionState, DecisionRecord, Mode, Severity};

use super::samples::{an, decision};
use super::world::{World, plan};
use crate::event::{Effect, Event};
use crate::{DecisionOutline, Urgency};

/// The machines whose fresh reads are under way, in the order in which they began.
fn read(world: &World) -> Vec<&str> {
    fn machine(effect: &Effect) -> Option<&str> {
        if let Effect::Read { machine, .. } = effect { Some(machine.as_str()) } else { None }
    }
    world.waiting.iter().filter_map(machine).collect()
}

fn tag(number: usize) -> DecisionRecord {
    plan(&format!("t{number}"), &format!("tag-{number}"), vec![an(ActionKind::Tag)])
}

fn isolation(machine: &str, severity: Severity) -> DecisionRecord {
    let mut decision = decision(&format!("of-{machine}"), machine);
    decision.alert.severity = severity;
    decision
}

#[test]
fn an_isolation_behind_a_hundred_tags_is_read_at_once_and_few_tags_are_read_beside_it() {
    let mut world = World::new();
    (0..100).for_each(|number| world.decide(tag(number)));
    assert_eq!(read(&world), ["tag-0", "tag-1", "tag-2", "tag-3"]);
    world.decide(isolation("m1", Severity::High));
    assert_eq!(read(&world)[4..], ["m1"]);
}

#[test]
fn of_isolations_the_severe_ones_go_first_and_alike_ones_as_they_came_and_a_tag_waits_for_none() {
    let mut world = World::new();
    (0..18).for_each(|number| world.decide(isolation(&format!("m{number}"), Severity::Medium)));
    world.decide(isolation("low", Severity::Low));
    world.decide(isolation("high", Severity::High));
    assert_eq!(read(&world).len(), 16, "no more at once");
    world.decide(tag(1));
    assert_eq!(read(&world)[16..], ["tag-1"], "it is not starved by what hangs");
    let mut turns = Vec::new();
    while world.step(&mut |key| crate::event::Answer::Accepted(super::samples::pending(key))) {
        let began = read(&world).into_iter().map(str::to_owned).filter(|machine| !turns.contains(machine));
        turns.extend(began.collect::<Vec<_>>());
    }
    let place = |machine: &str| turns.iter().position(|began| began == machine);
    let order = ["high", "m16", "m17", "low"].map(place);
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{turns:?}");
}

#[test]
fn a_package_that_is_to_be_collected_before_an_isolation_is_as_urgent_as_that() {
    let mut world = World::new();
    (0..100).for_each(|number| world.decide(tag(number)));
    world.decide(plan("a1", "m1", vec![an(ActionKind::CollectPackage), an(ActionKind::Isolate)]));
    assert_eq!(read(&world)[4..], ["m1"]);
}

#[test]
fn what_is_rehearsed_or_asks_a_person_ends_at_once_however_many_reads_hang() {
    let mut world = World::new();
    (0..20).for_each(|number| world.decide(isolation(&format!("m{number}"), Severity::High)));
    for (mode, state) in [(Mode::Shadow, ActionState::Would), (Mode::Approve, ActionState::Held)] {
        let mut other = isolation(mode.as_str(), Severity::Low);
        other.planned[0].mode = mode;
        world.decide(other);
        let told = world.waiting.iter().any(|effect| match effect {
            Effect::Record { reports, .. } => {
                reports.iter().any(|report| report.id().ends_with(&format!("#0#{}", state.as_str())))
            }
            _ => false,
        });
        assert!(told, "{}: {:?}", mode.as_str(), world.waiting);
    }
}

/// How urgent this decision is, as its outline says.
fn urgency(world: &World, decision: &DecisionRecord) -> Urgency {
    let outline: DecisionOutline = serde_json::from_value(serde_json::to_value(decision).unwrap()).unwrap();
    world.responder.urgency(&outline).unwrap()
}

#[test]
fn a_pressing_decision_overtakes_what_waits_outside_unless_that_is_as_urgent_and_then_that_one_comes_in() {
    let mut world = World::new();
    let high = urgency(&world, &isolation("m", Severity::High));
    let medium = urgency(&world, &isolation("m", Severity::Medium));
    let rehearsed = Urgency::of_rules(Mode::Shadow, ActionKind::Isolate, &Severity::High);
    for number in 0.. {
        if !world.responder.may_go_first(high, None) {
            break;
        }
        assert!(number < 2_000, "there is no bound");
        let decision = Box::new(isolation(&format!("m{number}"), Severity::High));
        world.waiting.extend(world.responder.on(Event::Decision(number, decision), world.at));
    }
    // The next one has to wait outside. Then the turn of some comes, and another decision.
    let outside = Some(high.rank());
    assert!(!world.responder.has_room_for(outside), "it was no better inside");
    while !world.responder.may_go_first(high, None) {
        assert!(world.step(&mut |_| unreachable!("no call yet")));
    }
    assert!(!world.responder.may_go_first(high, outside), "it would overtake one that is as urgent");
    assert!(world.responder.has_room_for(outside), "and nobody would come in");
    assert!(world.responder.may_go_first(high, Some(medium.rank())));
    assert!(world.responder.may_go_first(high, Some(rehearsed.rank())));
    assert!(!world.responder.may_go_first(rehearsed, None));
    assert!(!world.responder.has_room_for(Some(rehearsed.rank())) && !world.responder.has_room_for(None));
}
