//! What reads nothing, because no fresh read could make a call of it.

use cordon_policy::{Guards, Recorded, judge};
use cordon_records::{ActionKind, ActionRecord, ActionState, AlertStatus, DecisionRecord, Mode, Report, Ruling};
use jiff::SignedDuration;

use super::office::{ANN, config_of_the_office};
use super::people::asking;
use super::samples::{an, config, decision, start};
use super::world::{World, plan};
use crate::Config;
use crate::event::{Answer, Effect};

/// Carries out everything and counts the fresh reads.
fn reads(world: &mut World) -> usize {
    let mut reads = 0;
    loop {
        reads += usize::from(matches!(world.waiting.front(), Some(Effect::Read { .. })));
        if !world.step(&mut |key| Answer::Accepted(super::samples::pending(key))) {
            return reads;
        }
    }
}

fn under(guards: &str) -> Config {
    Config { guards: Guards::load("guards.yaml", guards).unwrap(), ..config() }
}

fn last(world: &World) -> &ActionRecord {
    let Some(Report::Action(report)) = world.reports.last() else { panic!("no report") };
    report
}

/// The config, a decision, and how it ends.
fn cases() -> Vec<(&'static str, Config, DecisionRecord, ActionState)> {
    let of = |change: fn(&mut DecisionRecord)| {
        let mut changed = decision("a1", "m1");
        change(&mut changed);
        changed
    };
    let old = of(|it| it.alert.newest_moment = Some(start() - SignedDuration::from_hours(3)));
    let never = of(|it| it.machine.as_mut().unwrap().tags = Some(vec!["cordon-never".into()]));
    let shadow = Config { mode: Mode::Shadow, ..config() };
    vec![
        ("the stage in shadow", shadow, decision("a1", "m1"), ActionState::Would),
        ("a rule in shadow", config(), of(|it| it.planned[0].mode = Mode::Shadow), ActionState::Would),
        ("a rule that asks", config(), asking("a1", "m1"), ActionState::Held),
        ("a kind that asks", under("hold: {kinds: [isolate]}"), decision("a1", "m1"), ActionState::Held),
        ("an old alert", config(), old, ActionState::Held),
        ("the never list", under("never: {tags: [cordon-never]}"), never, ActionState::Refused),
    ]
}

#[test]
fn what_cannot_end_in_a_call_reads_nothing_and_says_that_it_stands_on_the_records_facts() {
    for (name, config, decision, state) in cases() {
        let guards = config.guards.clone();
        let mut world = World::restored(config, Vec::new());
        world.decide(decision);
        assert_eq!(reads(&mut world), 0, "{name}");
        let report = last(&world);
        assert_eq!((report.state, world.settled.len()), (state, 1), "{name}");
        assert!(report.reason.ends_with("(on the record's facts)"), "{name}: {}", report.reason);
        let facts = report.facts.clone().unwrap();
        assert!(!facts.read && !facts.alert_read && facts.actions.is_none(), "{name}");
        let again = judge(&guards, &Recorded::of(report).unwrap().case());
        assert_eq!(again.verdicts, report.guards, "{name}: told and judged alike");
    }
}

#[test]
fn nobody_says_of_a_machine_whose_actions_were_not_read_that_it_is_not_isolated() {
    let mut world = World::restored(Config { mode: Mode::Shadow, ..config() }, Vec::new());
    world.decide(decision("a1", "m1"));
    world.run();
    let asks = |guard: &&cordon_records::GuardVerdict| ["isolation", "released-by-person"].contains(&&*guard.guard);
    let words: Vec<&str> = last(&world).guards.iter().filter(asks).map(|verdict| verdict.why.as_str()).collect();
    assert_eq!(words, ["whether a person released it was not read", "whether it is isolated was not read"]);
}

#[test]
fn what_a_fresh_read_could_change_is_read() {
    let of = |change: fn(&mut DecisionRecord)| {
        let mut changed = decision("a1", "m1");
        change(&mut changed);
        changed
    };
    let cases = [
        ("nothing against it", config(), decision("a1", "m1")),
        ("people may have opened it again", config(), of(|it| it.alert.status = AlertStatus::Resolved)),
        ("its tags are not known", under("never: {tags: [x]}"), of(|it| it.machine.as_mut().unwrap().tags = None)),
        ("its age is not known", config(), of(|it| it.alert.newest_moment = None)),
        ("a release asks what stands", config(), plan("a1", "m1", vec![an(ActionKind::Release)])),
    ];
    for (name, config, decision) in cases {
        let mut world = World::restored(config, Vec::new());
        world.decide(decision);
        assert_eq!(reads(&mut world), 1, "{name}");
    }
}

#[test]
fn a_record_without_what_protects_the_machine_proves_nothing_and_the_fresh_reading_counts() {
    let mut world = World::restored(under("never: {names: ['m1*']}"), Vec::new());
    let mut unnamed = decision("a1", "m1");
    unnamed.machine.as_mut().unwrap().name = Some("another.example.com".into());
    world.decide(unnamed);
    assert_eq!(reads(&mut world), 1);
    assert_eq!((last(&world).state, world.calls.len()), (ActionState::Refused, 0), "{:?}", world.reasons());
}

#[test]
fn an_approval_that_is_given_later_leads_to_a_fresh_read_and_every_guard_is_asked_anew() {
    let released = cordon_policy::Isolation::Released { at: start(), by: "bob@example.com".into() };
    for (isolation, state) in [(None, ActionState::Accepted), (Some(released), ActionState::Accepted)] {
        let mut world = World::restored(config_of_the_office(), Vec::new());
        world.decide(asking("a1", "m1"));
        assert_eq!(reads(&mut world), 0);
        let machine = super::office::machine("m1");
        isolation.into_iter().for_each(|stands| {
            world.isolated.insert(machine.clone(), stands);
        });
        let approval = world.approval();
        world.say(super::office::signed(ANN, approval, "c-1", world.at.wall));
        assert_eq!(reads(&mut world), 1);
        let report = last(&world);
        assert_eq!(report.state, state, "{:?}", world.reasons());
        let names = |report: &ActionRecord| report.guards.iter().map(|it| it.guard.clone()).collect::<Vec<_>>();
        assert!(report.guards.iter().all(|it| it.ruling == Ruling::Pass));
        assert!(names(report).len() > 10 && report.facts.as_ref().unwrap().read);
    }
    // What protects the machine by then is found, also after a yes.
    let mut world = World::restored(
        Config { guards: Guards::load("g", "never: {names: ['m1*']}").unwrap(), ..config_of_the_office() },
        Vec::new(),
    );
    let mut other = asking("a1", "m1");
    other.machine.as_mut().unwrap().name = Some("another.example.com".into());
    world.decide(other);
    assert_eq!(reads(&mut world), 0);
    let approval = world.approval();
    world.say(super::office::signed(ANN, approval, "c-1", world.at.wall));
    assert_eq!((reads(&mut world), world.calls.len()), (1, 0));
    assert_eq!(last(&world).state, ActionState::Refused);
}
