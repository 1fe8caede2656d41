//! Whatever Defender answers to the call that isolates, or does not answer: the machine is isolated once or not at all,
//! and the mail says which.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::ActionState;
use cordon_simulator::{ActionOutcome, Fault, FaultKind, Options, SimAlert, SimMachine};
use cordon_tests::invariants::{Expectation, all_hold};
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use tokio::task::{JoinSet, LocalSet};

/// The rest of an action in doubt (110 s), and a busy machine.
const RECOVERED: Duration = Duration::from_secs(220);

/// One machine, what its call meets, and the truth about it.
struct Case {
    name: &'static str,
    first: Option<FaultKind>,
    outcome: ActionOutcome,
    end: ActionState,
    /// Calls, and calls with effect.
    posts: (usize, usize),
    mail: &'static str,
}

fn cases() -> Vec<Case> {
    let isolated = |name, first, posts| Case {
        name,
        first: Some(first),
        outcome: ActionOutcome::Succeeds,
        end: ActionState::Succeeded,
        posts,
        mail: ": isolated",
    };
    let failed = |name, first| Case {
        end: ActionState::Failed,
        posts: (1, 0),
        mail: ": NOT isolated",
        ..isolated(name, first, (1, 0))
    };
    vec![
        isolated("THROTTLED", FaultKind::too_many_requests(Some("2")), (2, 1)),
        isolated("EXPIRED", FaultKind::status(401, "Unauthorized", "the token is no longer valid"), (2, 1)),
        failed("REFUSED", FaultKind::status(400, "BadRequest", "this machine cannot be isolated")),
        failed("UNKNOWN", FaultKind::status(404, "ResourceNotFound", "no such machine")),
        Case { first: None, outcome: ActionOutcome::Fails, posts: (1, 1), ..failed("BROKEN", FaultKind::Html502) },
        // From here on the outcome is unknown at first.
        isolated("CUT", FaultKind::DropBeforeAnswer, (1, 1)),
        isolated("HALF", FaultKind::CutMidBody, (1, 1)),
        isolated("GARBAGE", FaultKind::Garbage, (1, 1)),
        isolated("SLOW", FaultKind::Delay(Duration::from_secs(40)), (1, 1)),
        isolated("GATEWAY", FaultKind::Html502, (2, 1)),
    ]
}

async fn told_the_truth(pipeline: &Pipeline, machine: &SimMachine, case: &Case) {
    pipeline.reported(&machine.id, case.end, RECOVERED).await;
    let calls = (pipeline.tenant.isolate_posts(&machine.id), pipeline.tenant.isolations(&machine.id));
    assert_eq!(calls, case.posts, "{}: calls, and calls with effect", case.name);
    pipeline.mailed(&format!("{}{}", case.name, case.mail), SOON).await;
    let confirmed = format!("{}: isolated", case.name);
    let told = pipeline.subjects().iter().filter(|subject| subject.contains(&confirmed)).count();
    assert_eq!(told, usize::from(case.end == ActionState::Succeeded), "{}", case.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn every_answer_to_the_call_and_every_lost_one_ends_in_one_isolation_or_none_and_the_mail_says_which() {
    // A list that lags is the worst case for an answer that was lost.
    let tenant = Options {
        settle: Duration::from_secs(1),
        list_lag: Duration::from_secs(30),
        enforce_quota: false,
        ..Options::default()
    };
    let setup = Setup { tenant, unlimited: true, ..Setup::default() };
    let Some(pipeline) = Pipeline::start("answers", setup).await else { return };
    let (mut known, mut raised) = (Vec::new(), Vec::new());
    for (number, case) in (1..).zip(cases()) {
        let mut machine = machine(number, case.name);
        machine.outcome = case.outcome;
        pipeline.tenant.add_machine(machine.clone());
        if let Some(what) = case.first.clone() {
            pipeline.tenant.script(Fault::on("POST", &format!("/machines/{}/isolate", machine.id), what));
        }
        raised.push(pipeline.tenant.add_alert(SimAlert::on(&machine).severity("High")));
        known.push((machine, case));
    }
    let mut pipeline = each_came_to_its_end(pipeline, known).await;
    all_hold(&mut pipeline, &Expectation::of(&raised), SOON).await;
}

async fn each_came_to_its_end(pipeline: Pipeline, known: Vec<(SimMachine, Case)>) -> Pipeline {
    // Each comes to its end before one of them fails the test.
    let (all, pipeline) = (LocalSet::new(), std::rc::Rc::new(pipeline));
    let failed = all.run_until(async {
        let mut running = JoinSet::new();
        for (machine, case) in known {
            let pipeline = std::rc::Rc::clone(&pipeline);
            running.spawn_local(async move { told_the_truth(&pipeline, &machine, &case).await });
        }
        let mut failed = 0;
        while let Some(ended) = running.join_next().await {
            failed += usize::from(ended.is_err());
        }
        failed
    });
    assert_eq!(failed.await, 0, "answers that were not understood; see above\n{}", pipeline.tenant.to_jsonl());
    drop(all);
    std::rc::Rc::into_inner(pipeline).expect("nobody else has it")
}
