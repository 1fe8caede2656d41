//! Every stage ends well when it is asked to, under load; asked twice, it ends at once. Whatever it leaves undone is done
//! by the next start, and nothing is done twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cordon_records::{ActionState, AlertId, AlertRecord, DecisionRecord, EnrichedRecord, Topic};
use cordon_simulator::{Fault, FaultKind, SmtpFault, SmtpFaultKind, SmtpPhase};
use cordon_tests::invariants::{Expectation, all_hold, each_is_isolated_once};
use cordon_tests::load::{Load, machines_of};
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// Pipelines take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// A stage has 30 s to drain and 5 s to flush.
const BUDGET: Duration = Duration::from_secs(40);

/// A second signal ends the process without waiting for anything.
const AT_ONCE: Duration = Duration::from_secs(2);

const MACHINES: u32 = 12;
const PACE: Duration = Duration::from_millis(25);

async fn loaded(test: &str) -> Option<(Pipeline, Load)> {
    let pipeline = Pipeline::start(test, Setup { unlimited: true, ..Setup::default() }).await?;
    let load = Load::start(&pipeline.tenant, MACHINES, PACE);
    flows(&pipeline, 20).await;
    Some((pipeline, load))
}

/// Waits until the decisions show that alerts are on their way through all topics.
async fn flows(pipeline: &Pipeline, at_least: usize) {
    until(SOON, &format!("{at_least} decisions"), async || {
        let count = pipeline.records::<DecisionRecord>(Topic::Decisions).await.len();
        if count >= at_least { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
}

fn counted(ids: impl IntoIterator<Item = AlertId>) -> BTreeMap<AlertId, usize> {
    let mut counts = BTreeMap::new();
    for id in ids {
        *counts.entry(id).or_default() += 1;
    }
    counts
}

/// Waits until everything has come to its end. A second signal may cut a mail off from the note about it.
async fn drained(pipeline: &mut Pipeline, raised: &[AlertId], signals: usize) {
    let expectation = Expectation { interruptions: signals - 1, ..Expectation::of(raised) };
    all_hold(pipeline, &expectation, SOON * 4).await;
    each_is_isolated_once(pipeline, &machines_of(MACHINES), SOON * 3).await;
}

/// Every machine got one mail of each kind.
async fn told_once(pipeline: &Pipeline) {
    for machine in machines_of(MACHINES) {
        let name = machine.name.split('.').next().unwrap();
        pipeline.mailed(&format!("{name}: isolated"), SOON).await;
        let requested = format!("{name}: isolation requested");
        pipeline.mailed(&requested, SOON).await;
        let subjects = pipeline.subjects();
        for subject in [requested, format!("{name}: isolated")] {
            let mails = subjects.iter().filter(|found| found.contains(&subject)).count();
            assert_eq!(mails, 1, "{subject}: {subjects:?}");
        }
    }
}

/// No record of any alert was written twice: what a stage drains it also commits.
async fn written_once(pipeline: &Pipeline, raised: &[AlertId]) {
    let alerts: Vec<AlertRecord> = pipeline.records(Topic::Alerts).await;
    let enriched: Vec<EnrichedRecord> = pipeline.records(Topic::Enriched).await;
    let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
    for (topic, counts) in [
        ("alerts", counted(alerts.into_iter().map(|record| record.alert_id))),
        ("enriched", counted(enriched.into_iter().map(|record| record.alert_id))),
        ("decisions", counted(decisions.into_iter().map(|record| record.alert.id))),
    ] {
        let twice: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty(), "{topic}: {twice:?}");
        assert_eq!(counts.len(), raised.len(), "{topic}");
    }
}

async fn asked_once(stage: &'static str) {
    let _turn = TURN.lock().await;
    let Some((mut pipeline, load)) = loaded(stage).await else { return };
    let ended = pipeline.process(stage, 0).terminate(BUDGET).await;
    assert_eq!(ended.code(), Some(0), "{:#?}", pipeline.process(stage, 0).log());
    pipeline.start_stage(stage, 0, &[]);
    pipeline.ready(stage, 0).await;
    let raised = load.finish().await;
    drained(&mut pipeline, &raised, 1).await;
    written_once(&pipeline, &raised).await;
    told_once(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn ingest_under_load_drains_when_asked_to_end_and_the_next_start_neither_misses_nor_repeats() {
    asked_once("cordon-ingest").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn enrich_under_load_drains_when_asked_to_end_and_the_next_start_neither_misses_nor_repeats() {
    asked_once("cordon-enrich").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn act_under_load_drains_when_asked_to_end_and_the_next_start_neither_misses_nor_repeats() {
    asked_once("cordon-act").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn notify_under_load_drains_when_asked_to_end_and_the_next_start_neither_misses_nor_repeats() {
    asked_once("cordon-notify").await;
}

/// Asks twice while `stuck` keeps the stage from draining.
async fn asked_twice(test: &str, stage: &'static str, stuck: impl AsyncFnOnce(&Pipeline)) -> Option<(Pipeline, Load)> {
    let (mut pipeline, load) = loaded(test).await?;
    stuck(&pipeline).await;
    let process = pipeline.process(stage, 0);
    process.signal(cordon_tests::processes::Signal::Terminate);
    process.line(SOON, "a second signal stops at once").await;
    process.signal(cordon_tests::processes::Signal::Terminate);
    let asked = Instant::now();
    let ended = process.exit(AT_ONCE).await;
    assert_eq!(ended.code(), Some(128 + 15), "after {:?}: {:#?}", asked.elapsed(), process.log());
    pipeline.tenant.clear_faults();
    pipeline.start_stage(stage, 0, &[]);
    Some((pipeline, load))
}

async fn spoiled(pipeline: &Pipeline, method: &str, path: &str) {
    until(SOON, &format!("{method} {path} to hang"), async || {
        let requests = pipeline.tenant.requests();
        requests.into_iter().find(|it| it.method == method && it.path.contains(path) && it.fault.is_some()).map(|_| ())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_second_signal_ends_an_enrich_that_waits_for_a_silent_server_and_the_next_start_misses_nothing() {
    let _turn = TURN.lock().await;
    let hang = Fault::on("GET", "/api/machines", FaultKind::Hang(Duration::from_secs(60))).times(1000);
    let stuck = async |pipeline: &Pipeline| {
        pipeline.tenant.script(hang);
        // Machines are cached: only one that is new is asked for.
        let late = cordon_tests::pipeline::machine(900, "LAPTOP-900");
        pipeline.tenant.add_machine(late.clone());
        pipeline.tenant.add_alert(cordon_simulator::SimAlert::on(&late).severity("Medium"));
        spoiled(pipeline, "GET", "/api/machines").await;
    };
    let Some((mut pipeline, load)) = asked_twice("twice-enrich", "cordon-enrich", stuck).await else { return };
    let raised = load.finish().await;
    drained(&mut pipeline, &raised, 2).await;
    told_once(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_second_signal_ends_a_respond_whose_call_is_under_way_and_the_next_start_finds_what_became_of_it() {
    let turn = TURN.lock().await;
    let late = cordon_tests::pipeline::machine(900, "LAPTOP-900");
    let stuck = async |pipeline: &Pipeline| {
        // The tenant isolates, and says so much later.
        pipeline.tenant.script(Fault::on("POST", "/isolate", FaultKind::Delay(Duration::from_secs(60))));
        pipeline.tenant.add_machine(late.clone());
        pipeline.tenant.add_alert(cordon_simulator::SimAlert::on(&late).severity("High"));
        spoiled(pipeline, "POST", "/isolate").await;
    };
    let Some((mut pipeline, load)) = asked_twice("twice-act", "cordon-act", stuck).await else { return };
    // From here on it mostly waits until the action in doubt may be looked up.
    drop(turn);
    let raised = load.finish().await;
    drained(&mut pipeline, &raised, 2).await;
    pipeline.reported(&late.id, ActionState::Succeeded, SOON * 4).await;
    assert_eq!(pipeline.tenant.isolate_posts(&late.id), 1);
    told_once(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_second_signal_ends_a_notify_whose_mail_server_is_silent_and_the_next_start_sends_the_mail() {
    let _turn = TURN.lock().await;
    let late = cordon_tests::pipeline::machine(900, "LAPTOP-900");
    let stuck = async |pipeline: &Pipeline| {
        pipeline
            .tenant
            .script_smtp(SmtpFault::at(SmtpPhase::Message, SmtpFaultKind::Hang(Duration::from_secs(60))).times(1000));
        pipeline.tenant.add_machine(late.clone());
        pipeline.tenant.add_alert(cordon_simulator::SimAlert::on(&late).severity("High"));
        pipeline.reported(&late.id, ActionState::Accepted, SOON).await;
    };
    let Some((mut pipeline, load)) = asked_twice("twice-notify", "cordon-notify", stuck).await else { return };
    let raised = load.finish().await;
    drained(&mut pipeline, &raised, 2).await;
    pipeline.mailed("LAPTOP-900: isolation requested", SOON).await;
    told_once(&pipeline).await;
}
