//! respond dies at each point of an action's way at which it can die, another takes over, and the tenant's request log
//! tells: nothing was missed, nothing was done twice. The points are those of `cordon-act`'s failpoints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use cordon_act_failpoints::failpoint::Point;
use cordon_records::{ActionKind, ActionState, AttemptState, LedgerEntry, LedgerRecord, Topic};
use cordon_simulator::{Fault, FaultKind, Options, SimAlert, SimMachine};
use cordon_tests::invariants::{Expectation, all_hold_so_far};
use cordon_tests::office::Office;
use cordon_tests::oracle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::wait::until;
use jiff::{SignedDuration, Timestamp};
use tokio::task::{JoinSet, LocalSet};

/// `settle` of every pipeline here, the least that the configuration takes.
const SETTLE: SignedDuration = SignedDuration::from_secs(110);

/// Settle, the session timeout of the dead process, and nine pipelines on one machine.
const RECOVERED: Duration = Duration::from_secs(200);

/// SIGABRT.
const ABORTED: i32 = 6;

/// What the ledger says of the action at the moment of death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    NothingOrIntent,
    Intent,
    Accepted,
}

/// One death.
struct Death {
    /// Name for topics.
    name: &'static str,
    /// The failpoint.
    point: &'static str,
    /// What the tenant does with the first call.
    call: Option<FaultKind>,
    left: Left,
    /// Whether the decision's offset is committed when it dies.
    committed: bool,
    /// How many calls reach the tenant in all; it isolates once in any case.
    posts: usize,
}

const SLOW: FaultKind = FaultKind::Delay(Duration::from_secs(60));
const SILENT: FaultKind = FaultKind::Hang(Duration::from_secs(60));

fn deaths() -> Vec<Death> {
    let death = |name, left| Death { name, point: name, call: None, left, committed: false, posts: 1 };
    vec![
        death("C0", Left::Nothing),
        death("C1", Left::NothingOrIntent),
        death("C2", Left::Intent),
        Death { call: Some(SLOW), ..death("C3", Left::Intent) },
        Death { name: "C3-lost", call: Some(SILENT), posts: 2, ..death("C3", Left::Intent) },
        death("C4", Left::Intent),
        Death { name: "C4-reported", point: "C4-reported", ..death("C4", Left::Intent) },
        death("C5", Left::Accepted),
        Death { committed: true, ..death("C6", Left::Accepted) },
    ]
}

async fn entry(pipeline: &Pipeline) -> Option<LedgerEntry> {
    let records: Vec<LedgerRecord> = pipeline.records(Topic::Ledger).await;
    let action = |record| match record {
        LedgerRecord::Action(entry) => Some(*entry),
        _ => None,
    };
    records.into_iter().filter_map(action).next_back()
}

fn raise(pipeline: &Pipeline, number: u32, name: &str) -> SimMachine {
    let machine = machine(number, name);
    pipeline.tenant.add_machine(machine.clone());
    pipeline.tenant.add_alert(SimAlert::on(&machine).severity("High"));
    machine
}

/// Kills respond at the point and proves that it died there and not elsewhere.
async fn die(pipeline: &Pipeline, death: &Death) -> SimMachine {
    if let Some(what) = &death.call {
        pipeline.tenant.script(Fault::on("POST", "/isolate", what.clone()));
    }
    let environment = [("CORDON_FAILPOINT", death.point)];
    let mut doomed = pipeline.spawn("cordon-act-failpoints", &["--init-ledger"], &environment);
    doomed.line(SOON * 2, "respond holds the ledger").await;
    let anna = raise(pipeline, 1, "LAPTOP-ANNA");
    let ended = doomed.exit(SOON * 2).await;
    assert_eq!(ended.signal(), Some(ABORTED), "{}: {:#?}", death.name, doomed.log());

    let state = entry(pipeline).await.map(|entry| entry.state);
    let as_told = match death.left {
        Left::Nothing => state.is_none(),
        Left::NothingOrIntent => matches!(state, None | Some(AttemptState::Intent)),
        Left::Intent => state == Some(AttemptState::Intent),
        Left::Accepted => state == Some(AttemptState::Reported(ActionState::Accepted)),
    };
    assert!(as_told, "{}: the ledger says {state:?} instead of {:?}", death.name, death.left);
    let reported = pipeline.actions().await.iter().any(|action| action.state == ActionState::Accepted);
    let written = death.left == Left::Accepted || death.point == "C4-reported";
    assert_eq!(reported, written, "{}: whether the report is out", death.name);
    let (bootstrap, group) = (pipeline.kafka.bootstrap_servers.clone(), pipeline.kafka.group("act-respond"));
    let committed = oracle::committed(&bootstrap, &group, &pipeline.kafka.topic(Topic::Decisions)).get(&0).copied();
    assert_eq!(committed > Some(0), death.committed, "{}: committed is {committed:?}", death.name);
    anna
}

async fn killed_at(death: Death) {
    let tenant = Options { settle: Duration::from_secs(6), enforce_quota: false, ..Options::default() };
    let Some(mut pipeline) = Pipeline::prepare(death.name, Setup { tenant, ..Setup::default() }).await else { return };
    pipeline.start_stage("cordon-ingest", 0, &[]);
    pipeline.start_stage("cordon-enrich", 0, &[]);
    let anna = die(&pipeline, &death).await;
    let in_doubt = entry(&pipeline).await.is_some_and(|entry| entry.state == AttemptState::Intent);
    let posts_before = pipeline.tenant.isolate_posts(&anna.id);

    // An alert that comes while nobody holds the ledger is not missed either.
    let ben = raise(&pipeline, 2, "LAPTOP-BEN");
    let taken_over = pipeline.tenant.now();
    pipeline.start_stage("cordon-act", 0, &[]);
    pipeline.reported(&ben.id, ActionState::Succeeded, SOON * 2).await;
    pipeline.reported(&anna.id, ActionState::Succeeded, RECOVERED).await;

    let log = pipeline.tenant.to_jsonl();
    assert_eq!(pipeline.tenant.isolations(&anna.id), 1, "{}: isolated once\n{log}", death.name);
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), death.posts, "{}: calls\n{log}", death.name);
    assert_eq!(pipeline.tenant.isolate_posts(&ben.id), 1, "{}: the other machine\n{log}", death.name);
    if in_doubt && death.posts > posts_before {
        let again = last_post(&pipeline, &anna);
        assert!(again >= taken_over + SETTLE, "{}: called again at {again}, before {SETTLE:#} had passed", death.name);
    }
    told_once_a_step(&pipeline, &anna, &death).await;
    all_hold_so_far(&pipeline, &Expectation::default()).await;
}

fn last_post(pipeline: &Pipeline, machine: &SimMachine) -> Timestamp {
    let path = format!("/machines/{}/isolate", machine.id);
    let requests = pipeline.tenant.requests().into_iter();
    requests.filter(|request| request.path.ends_with(&path)).map(|request| request.at).max().expect("there is a call")
}

/// A report may be written twice by a crash, but then it is the same step under the same id.
async fn told_once_a_step(pipeline: &Pipeline, machine: &SimMachine, death: &Death) {
    let mut steps: Vec<(String, ActionState)> = pipeline
        .actions()
        .await
        .into_iter()
        .filter(|action| action.machine.as_ref().is_some_and(|it| it.id == machine.id))
        .map(|action| (action.id, action.state))
        .collect();
    steps.sort_by(|one, other| one.0.cmp(&other.0));
    steps.dedup();
    for state in [ActionState::Accepted, ActionState::Succeeded] {
        let count = steps.iter().filter(|(_, seen)| *seen == state).count();
        assert_eq!(count, 1, "{}: {} in {steps:?}", death.name, state.as_str());
    }
}

/// All at once: most of the time they wait for `settle`. Each comes to its end before one of them fails the test.
async fn all_survive(deaths: impl IntoIterator<Item = impl Future<Output = ()> + 'static>) {
    let all = LocalSet::new();
    let failed = all.run_until(async {
        let mut running = JoinSet::new();
        for death in deaths {
            running.spawn_local(death);
        }
        let mut failed = 0;
        while let Some(ended) = running.join_next().await {
            failed += usize::from(ended.is_err());
        }
        failed
    });
    assert_eq!(failed.await, 0, "deaths that were not survived; see above");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn wherever_respond_dies_the_next_one_isolates_what_was_to_be_isolated_exactly_once() {
    all_survive(deaths().into_iter().map(killed_at)).await;
}

/// Respond dies at this point of a release that a person asked for; the next one lets the machine back exactly once.
async fn killed_while_releasing(point: Point) {
    let Some(office) = Office::of(&["ann"]) else { return };
    let name = format!("release-{}", point.name());
    let tenant = Options { settle: Duration::from_secs(6), enforce_quota: false, ..Options::default() };
    let Some(mut pipeline) = Pipeline::prepare(&name, Setup { tenant, ..Setup::default() }).await else { return };
    office.guard(&pipeline, &["ann"], "");
    for stage in ["cordon-ingest", "cordon-enrich"] {
        pipeline.start_stage(stage, 0, &[]);
    }
    pipeline.start_stage("cordon-act", 0, &["--init-ledger"]);
    let anna = raise(&pipeline, 1, "LAPTOP-ANNA");
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON * 2).await;
    pipeline.kill("cordon-act", 0);

    let config = pipeline.config().to_owned();
    let (code, told) = office.says("ann", &config, &["release", "laptop-anna", "--why", "clean", "--wait", "0"]).await;
    assert_eq!(code, Some(0), "{told}");
    if point == Point::C3 {
        pipeline.tenant.script(Fault::on("POST", "/unisolate", SLOW));
    }
    let mut doomed = pipeline.spawn("cordon-act-failpoints", &[], &[("CORDON_FAILPOINT", point.name())]);
    // No decision is behind a person's word: nothing is left to commit, so that nobody dies of it.
    if point == Point::C6 {
        pipeline.reported(&anna.id, ActionState::Accepted, SOON * 2).await;
        doomed.kill();
    } else {
        let ended = doomed.exit(SOON * 2).await;
        assert_eq!(ended.signal(), Some(ABORTED), "{name}: {:#?}", doomed.log());
    }
    pipeline.start_stage("cordon-act", 0, &[]);
    until(RECOVERED, &format!("{name}: the machine to be let back"), async || {
        let actions = pipeline.actions().await;
        let ended = actions.iter().any(|action| {
            let kind = action.action.as_ref().map(cordon_records::Action::kind);
            kind == Some(ActionKind::Release) && action.state == ActionState::Succeeded
        });
        ended.then_some(()).ok_or_else(|| format!("{:?}", actions.iter().map(|it| &it.id).collect::<Vec<_>>()))
    })
    .await;
    let log = pipeline.tenant.to_jsonl();
    assert!(!pipeline.tenant.is_isolated(&anna.id), "{name}\n{log}");
    assert_eq!(pipeline.tenant.accepted("Unisolate", &anna.id), 1, "{name}: let back once\n{log}");
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 1, "{name}: isolated once\n{log}");
    all_hold_so_far(&pipeline, &Expectation::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn wherever_respond_dies_the_next_one_lets_a_machine_back_exactly_once() {
    all_survive(Point::ALL.map(killed_while_releasing)).await;
}

#[test]
fn respond_dies_at_every_point_there_is() {
    for point in Point::ALL {
        assert!(deaths().iter().any(|death| death.point == point.name()), "nobody dies at {}", point.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_failpoint_that_does_not_exist_is_refused_so_that_no_test_waits_for_it() {
    let Some(pipeline) = Pipeline::prepare("no-point", Setup::default()).await else { return };
    let mut act = pipeline.spawn("cordon-act-failpoints", &["--init-ledger"], &[("CORDON_FAILPOINT", "C99")]);
    until(SOON, "the refusal", async || {
        let log = act.log();
        log.iter().any(|line| line.contains("C99")).then_some(()).ok_or_else(|| log.last().cloned().unwrap_or_default())
    })
    .await;
    assert!(!act.exit(SOON).await.success());
}
