//! What may come where a job stands, and what is said of anything else.

use std::time::{Duration, Instant};

use cordon_records::{ActionKind, Command, DecisionRecord, LedgerEntry};

use super::office::{ANN, config_of_the_office};
use super::samples::{an, decision, pending, start};
use super::world::{World, plan};
use crate::event::{Answer, Effect, Event, OutOfPlace, Unreadable};
use crate::job::{Attempt, Job, Sought, Step};

/// A job of an isolation that has not begun.
fn job() -> Job {
    let DecisionRecord { alert, machine, mut planned, .. } = decision("a1", "m1");
    let planned = planned.remove(0);
    let entry = LedgerEntry::new(planned.key, planned.action, (alert, machine.unwrap()), start());
    Job::new(entry, Attempt::New)
}

fn after(steps: &[Step]) -> Job {
    let mut job = job();
    steps.iter().for_each(|step| job.on(step.clone()).unwrap());
    job
}

#[test]
fn a_step_that_cannot_come_where_a_job_stands_is_named_with_the_state_and_changes_nothing() {
    let now = Instant::now();
    let later = now + Duration::from_secs(1);
    let running = Sought::Running(None);
    let called = vec![Step::Read, Step::Answered, Step::Intend(now), Step::Written(7), Step::Call];
    let to_call = |more: &[Step]| [&called[..], more].concat();
    let states = [
        ("queued", vec![], vec!["wait", "read", "look for earlier"]),
        ("reading", vec![Step::Read], vec!["wait", "answered", "unread", "intend", "look for earlier"]),
        ("resting", vec![Step::Read, Step::Unread(later)], vec!["wait"]),
        ("intent sent", called[..3].to_vec(), vec!["written"]),
        ("intent written", called[..4].to_vec(), vec!["gather", "call", "not called"]),
        ("gathering", [&called[..4], &[Step::Gather]].concat(), vec!["call", "not called"]),
        ("calling", called.clone(), vec!["not called", "doubt", "look for running"]),
        ("in doubt", to_call(&[Step::Doubt(later)]), vec!["look for earlier", "look for running", "look"]),
        ("looking", to_call(&[Step::Doubt(later), Step::Look(Sought::Lost)]), vec!["doubt", "look again", "repeat"]),
        (
            "looking",
            to_call(&[Step::Look(running.clone())]),
            vec!["not called", "doubt", "look again until it must be listed"],
        ),
    ];
    let steps = [
        ("wait", Step::Wait),
        ("read", Step::Read),
        ("answered", Step::Answered),
        ("unread", Step::Unread(later)),
        ("intend", Step::Intend(now)),
        ("written", Step::Written(7)),
        ("gather", Step::Gather),
        ("call", Step::Call),
        ("not called", Step::NotCalled(later)),
        ("doubt", Step::Doubt(later)),
        ("look for earlier", Step::Look(Sought::Needless("done".into()))),
        ("look for running", Step::Look(running)),
        ("look", Step::Look(Sought::Lost)),
        ("look again", Step::LookAgain(later, None)),
        ("look again until it must be listed", Step::LookAgain(later, Some(later))),
        ("repeat", Step::Repeat(later)),
    ];
    for (name, way, possible) in states {
        let job = after(&way);
        assert_eq!(job.state().name(), name);
        let taken = steps.iter().filter(|(_, step)| job.clone().on(step.clone()).is_ok()).map(|(step, _)| *step);
        assert_eq!(taken.collect::<Vec<_>>(), possible, "{name} after {way:?}");
        for (_, step) in steps.iter().filter(|(step, _)| !possible.contains(step)) {
            let mut same = job.clone();
            let (event, key) = (step.name(), Some(job.entry.key.clone()));
            assert_eq!(same.on(step.clone()), Err(OutOfPlace { event, key, state: name }));
            assert_eq!((same.state(), &same.entry), (job.state(), &job.entry));
        }
    }
}

#[test]
fn what_was_certainly_not_done_is_made_again_under_its_number_and_what_is_repeated_gets_the_next() {
    let now = Instant::now();
    let called = [Step::Read, Step::Intend(now), Step::Written(7), Step::Call];
    let again = after(&[&called[..], &[Step::NotCalled(now)]].concat());
    assert_eq!((again.attempt(), again.entry.undone), (Attempt::Again, true));
    let lost = [Step::Doubt(now), Step::Look(Sought::Lost), Step::LookAgain(now, None), Step::Look(Sought::Lost)];
    let mut repeated = after(&[&called[..], &lost].concat());
    assert_eq!(repeated.unread(), 1);
    repeated.on(Step::Repeat(now)).unwrap();
    assert_eq!((repeated.attempt(), repeated.unread(), repeated.entry.undone), (Attempt::New, 0, false));
}

/// What the responder says of an event that comes out of place.
fn said(world: &mut World, event: Event) -> Vec<OutOfPlace> {
    let effects = world.responder.on(event, world.at);
    let said =
        effects.into_iter().filter_map(|effect| if let Effect::OutOfPlace(it) = effect { Some(it) } else { None });
    said.collect()
}

#[test]
fn an_event_that_nobody_waits_for_is_named_with_what_stands_there_and_does_nothing() {
    let mut world = World::new();
    let key = decision("a1", "m1").planned[0].key.clone();
    let unread = || Unreadable { why: "503".into(), retry_after: None, refused: false };
    let events = || {
        [
            ("intent written", Event::IntentWritten(key.clone(), 3)),
            ("answer", Event::Answered(key.clone(), Answer::Accepted(pending(&key)))),
            ("facts", Event::Facts(key.clone(), Err(unread()))),
            ("list", Event::Looked(key.clone(), Ok(Vec::new()))),
        ]
    };
    for (event, given) in events() {
        let expected = OutOfPlace { event, key: Some(key.clone()), state: "no job" };
        assert_eq!(said(&mut world, given), [expected]);
    }
    let nowhere = OutOfPlace { event: "list of accepted actions", key: None, state: "no look is under way" };
    assert_eq!(said(&mut world, Event::Followed(Ok(Vec::new()))), [nowhere]);
    world.decide(decision("a1", "m1"));
    let mut seen = 0;
    for (event, given) in events().into_iter().filter(|(event, _)| *event != "facts") {
        assert_eq!(said(&mut world, given), [OutOfPlace { event, key: Some(key.clone()), state: "reading" }]);
        seen += 1;
    }
    world.run();
    assert_eq!((seen, world.calls.len(), world.settled.len()), (3, 1, 1), "the action goes its way");
}

#[test]
fn an_answer_to_a_question_whose_job_was_stopped_meanwhile_is_late_once_and_then_out_of_place() {
    let mut world = World::restored(config_of_the_office(), Vec::new());
    world.decide(plan("a1", "m1", vec![an(ActionKind::Scan)]));
    let Some(Effect::Read { key, .. }) = world.waiting.pop_back() else { panic!("no read") };
    world.says(ANN, Command::Cancel { key: key.clone() }, "c-1");
    let late = || Event::Looked(key.clone(), Ok(Vec::new()));
    assert_eq!(said(&mut world, late()).len(), 1, "a list was never asked for");
    let late = || {
        let unread = Unreadable { why: "503".into(), retry_after: None, refused: false };
        Event::Facts(key.clone(), Err(unread))
    };
    assert_eq!(said(&mut world, late()), []);
    assert_eq!(said(&mut world, late()).len(), 1, "it was asked once");
}
