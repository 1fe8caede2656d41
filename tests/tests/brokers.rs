//! The pipeline on three brokers, of which one is killed or frozen, or all fall silent, under load.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_tests::broker::{own_cluster, settings, unique_prefix};
use cordon_tests::cluster::Cluster;
use cordon_tests::invariants;
use cordon_tests::load::Load;
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::processes::{Signal, signal};
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// Three brokers and a pipeline at a time.
static TURN: Mutex<()> = Mutex::const_new(());

const MACHINES: u32 = 12;
const PACE: Duration = Duration::from_millis(100);

/// Elections, reconnections with back-off, and actions in doubt (110 s).
const HEALED: Duration = Duration::from_secs(240);

struct Site {
    cluster: Cluster,
    pipeline: Pipeline,
    load: Load,
}

async fn under_load(test: &str) -> Option<Site> {
    let cluster = own_cluster(3, &[])?;
    let kafka = settings(cluster.bootstrap(), &unique_prefix(test));
    let mut pipeline = Pipeline::prepare_on(kafka, Setup { unlimited: true, ..Setup::default() }).await;
    pipeline.launch(1).await;
    let load = Load::start(&pipeline.tenant, MACHINES, PACE);
    further(&mut pipeline, 5).await;
    Some(Site { cluster, pipeline, load })
}

/// Waits until so many more alerts are decided than now.
async fn further(pipeline: &mut Pipeline, more: usize) {
    invariants::further(pipeline, more, HEALED).await;
}

async fn nothing_is_missed_or_doubled(site: Site, faults: usize) {
    let Site { cluster, mut pipeline, load } = site;
    invariants::nothing_is_missed_or_doubled(&mut pipeline, (load, MACHINES), faults, HEALED).await;
    drop((pipeline, cluster));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn each_of_three_brokers_may_be_killed_and_come_back_in_turn() {
    let _turn = TURN.lock().await;
    let Some(mut site) = under_load("killed").await else { return };
    for node in 1..=3 {
        site.cluster.kill_node(node);
        further(&mut site.pipeline, 30).await;
        site.cluster.start_node(node);
        further(&mut site.pipeline, 10).await;
    }
    nothing_is_missed_or_doubled(site, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_broker_that_is_frozen_is_left_behind_and_taken_back() {
    let _turn = TURN.lock().await;
    let Some(mut site) = under_load("frozen").await else { return };
    signal(site.cluster.pid(2), Signal::Freeze);
    further(&mut site.pipeline, 100).await;
    signal(site.cluster.pid(2), Signal::Thaw);
    further(&mut site.pipeline, 10).await;
    nothing_is_missed_or_doubled(site, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn when_all_brokers_are_silent_for_a_while_everything_waits_and_then_goes_on() {
    let _turn = TURN.lock().await;
    let Some(mut site) = under_load("all").await else { return };
    for node in 1..=3 {
        signal(site.cluster.pid(node), Signal::Freeze);
    }
    // Ingest polls on while nothing can be written; what it saw must not count as seen.
    let polls =
        |site: &Site| site.pipeline.tenant.requests().iter().filter(|it| it.path.contains("/api/alerts?")).count();
    let before = polls(&site);
    let waited = std::time::Instant::now();
    until(SOON, "twenty seconds of silence", async || {
        let (passed, polled) = (waited.elapsed(), polls(&site) - before);
        if passed > Duration::from_secs(20) { Ok(()) } else { Err(format!("{} s, {polled} polls", passed.as_secs())) }
    })
    .await;
    for node in 1..=3 {
        signal(site.cluster.pid(node), Signal::Thaw);
    }
    further(&mut site.pipeline, 30).await;
    nothing_is_missed_or_doubled(site, 1).await;
}

/// A wait that looks at something on the way.
async fn lasts(time: Duration, mut look: impl AsyncFnMut() -> String) {
    let since = std::time::Instant::now();
    until(time * 2, &format!("{time:?} to pass"), async || {
        let seen = look().await;
        if since.elapsed() > time { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn when_all_brokers_are_killed_ingest_covers_nothing_until_they_are_back_and_then_everything() {
    const COVERED: &str = "cordon_ingest_covered_until_timestamp_seconds";
    let _turn = TURN.lock().await;
    let Some(mut site) = under_load("dead").await else { return };
    for node in 1..=3 {
        site.cluster.kill_node(node);
    }
    // What was on its way to the broker when it died may still have been confirmed.
    let pipeline = &mut site.pipeline;
    lasts(Duration::from_secs(2), async || pipeline.counter("cordon-ingest", COVERED).await.to_string()).await;
    let before = pipeline.counter("cordon-ingest", COVERED).await;
    lasts(Duration::from_secs(30), async || {
        let covered = pipeline.counter("cordon-ingest", COVERED).await;
        assert_eq!(covered, before, "ingest says that it has covered what no broker has");
        pipeline.all_are_running();
        covered.to_string()
    })
    .await;
    site.cluster.start_nodes(&[1, 2, 3]);
    further(&mut site.pipeline, 30).await;
    // The decisions may be of what was on the topics: a round that is complete and written down comes after the brokers.
    let pipeline = &mut site.pipeline;
    until(SOON, "ingest to cover more than before", async || {
        let covered = pipeline.counter("cordon-ingest", COVERED).await;
        if covered > before { Ok(()) } else { Err(covered.to_string()) }
    })
    .await;
    nothing_is_missed_or_doubled(site, 3).await;
}
