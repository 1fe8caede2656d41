//! A network between the stages and the broker that is cut, one way or both, or slow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::{Duration, Instant};

use cordon_records::ActionState;
use cordon_simulator::{Fault, FaultKind};
use cordon_tests::invariants::{further, nothing_is_missed_or_doubled};
use cordon_tests::load::Load;
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::processes::Process;
use cordon_tests::relay::Way;
use cordon_tests::site::{BOOTSTRAP, Site};
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// A broker and a pipeline at a time.
static TURN: Mutex<()> = Mutex::const_new(());

const BOTH: &[Way] = &[Way::ToBroker, Way::ToClient];

/// Longer than the session (6 s), the lease (30 s) and the producer's first retries.
const CUT: Duration = Duration::from_secs(40);

/// Elections, reconnections with back-off, and actions in doubt (110 s).
const HEALED: Duration = Duration::from_secs(240);

const MACHINES: u32 = 12;
const PACE: Duration = Duration::from_millis(100);

/// Every stage behind the relay, under load. The test itself reads around it.
async fn under_load(test: &str) -> Option<(Site, Load)> {
    let mut site = Site::prepare(test, Setup { unlimited: true, ..Setup::default() }).await?;
    site.launch().await;
    let load = Load::start(&site.pipeline.tenant, MACHINES, PACE);
    further(&mut site.pipeline, 5, HEALED).await;
    Some((site, load))
}

/// Waits until so much time has passed since.
async fn lasted(since: Instant, time: Duration) {
    until(time * 2, &format!("{time:?} to pass"), async || {
        let passed = since.elapsed();
        if passed > time { Ok(()) } else { Err(format!("{} s", passed.as_secs())) }
    })
    .await;
}

/// Waits for a request on which the fault was played.
async fn played(pipeline: &Pipeline, method: &str, path: &str) {
    until(SOON, &format!("{method} {path} to be held up"), async || {
        let requests = pipeline.tenant.requests();
        requests.into_iter().find(|it| it.method == method && it.path.contains(path) && it.fault.is_some()).map(|_| ())
    })
    .await;
}

async fn says(process: &Process, words: &[&str], times: usize) {
    until(HEALED, &format!("{words:?}, {times} times"), async || {
        let log = process.log();
        let said = log.iter().filter(|line| words.iter().any(|words| line.contains(words))).count();
        if said >= times { Ok(()) } else { Err(log.last().cloned().unwrap_or_default()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_respond_that_is_cut_off_between_intent_and_result_comes_back_and_posts_nothing_again() {
    let _turn = TURN.lock().await;
    let Some(Site { mut pipeline, relay, cluster: _cluster }) = Site::prepare("cut-off", Setup::default()).await else {
        return;
    };
    pipeline.start_stage("cordon-ingest", 0, &[]);
    pipeline.start_stage("cordon-enrich", 0, &[]);
    pipeline.start_stage("cordon-act", 0, &["--role", "decide"]);
    let behind = relay.bootstrap();
    let mut cut = pipeline.spawn("cordon-act", &["--role", "respond", "--init-ledger"], &[(BOOTSTRAP, &behind)]);
    cut.line(SOON, "respond holds the ledger").await;
    let mut other = pipeline.spawn("cordon-act", &["--role", "respond"], &[]);
    other.line(SOON, "metrics and health are served").await;

    // Anna's isolation is carried out, and its answer is on its way; Ben's alert is being read once more.
    pipeline.tenant.script(Fault::on("POST", "/isolate", FaultKind::Delay(Duration::from_secs(10))));
    let anna = pipeline.raise_high(1, "LAPTOP-ANNA");
    played(&pipeline, "POST", "/isolate").await;
    pipeline.tenant.script(Fault::on("GET", "/api/alerts/", FaultKind::Delay(Duration::from_secs(1))));
    let ben = pipeline.raise_high(2, "LAPTOP-BEN");
    played(&pipeline, "GET", "/api/alerts/").await;
    relay.cut(BOTH);
    let since = Instant::now();

    let posts = |pipeline: &Pipeline| [&anna, &ben].map(|machine| pipeline.tenant.isolate_posts(&machine.id));
    other.line(SOON, "respond holds the ledger").await;
    pipeline.reported(&ben.id, ActionState::Succeeded, SOON).await;
    assert_eq!(posts(&pipeline), [1, 1], "the other one did it for Ben");
    lasted(since, CUT).await;
    // What the one that was cut off had sent now reaches the broker: Anna's result, and Ben's INTENT.
    relay.heal();
    says(&cut, &["lost its footing", "partitions lost", "partitions revoked"], 1).await;
    pipeline.reported(&anna.id, ActionState::Succeeded, HEALED).await;
    assert_eq!(posts(&pipeline), [1, 1], "{}", pipeline.tenant.to_jsonl());

    // It is a good member again: it takes over, and does what is new and nothing old.
    assert_eq!(other.terminate(SOON).await.code(), Some(0));
    says(&cut, &["respond holds the ledger"], 2).await;
    let cleo = pipeline.raise_high(3, "LAPTOP-CLEO");
    pipeline.reported(&cleo.id, ActionState::Succeeded, SOON).await;
    assert_eq!(posts(&pipeline), [1, 1], "{}", pipeline.tenant.to_jsonl());
    assert_eq!(pipeline.tenant.isolate_posts(&cleo.id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn while_requests_reach_the_broker_and_answers_do_not_nothing_is_missed_or_doubled() {
    let _turn = TURN.lock().await;
    for way in [Way::ToClient, Way::ToBroker] {
        let Some((mut site, load)) = under_load("one-way").await else { return };
        site.relay.cut(&[way]);
        lasted(Instant::now(), CUT).await;
        site.pipeline.all_are_running();
        site.relay.heal();
        further(&mut site.pipeline, 30, HEALED).await;
        nothing_is_missed_or_doubled(&mut site.pipeline, (load, MACHINES), 1, HEALED).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_broker_that_is_two_seconds_away_slows_everything_down_and_moves_no_partition() {
    let _turn = TURN.lock().await;
    let Some((mut site, load)) = under_load("slow").await else { return };
    let moves = |pipeline: &Pipeline| {
        let moved = ["partitions assigned", "partitions lost", "partitions revoked", "lost its footing"];
        let lines = pipeline.processes().flat_map(|(_, process)| process.log());
        lines.filter(|line| moved.iter().any(|words| line.contains(words))).count()
    };
    let before = moves(&site.pipeline);
    site.relay.slow(Duration::from_secs(1));
    let since = Instant::now();
    further(&mut site.pipeline, 100, HEALED).await;
    lasted(since, CUT).await;
    further(&mut site.pipeline, 20, HEALED).await;
    assert_eq!(moves(&site.pipeline), before, "partitions moved although nobody was gone");
    site.relay.slow(Duration::ZERO);
    nothing_is_missed_or_doubled(&mut site.pipeline, (load, MACHINES), 0, HEALED).await;
}
