//! The stages run unchanged against any server that speaks the MDE API, however it differs from the documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::{ActionState, EnrichedRecord, Topic};
use cordon_simulator::{Options, Quirks, SimAlert};
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::wait::until;
use tokio::sync::Mutex;

static TURN: Mutex<()> = Mutex::const_new(());

fn tenant(quirks: Quirks, prefix: &str) -> Setup {
    let tenant = Options {
        settle: Duration::from_secs(1),
        enforce_quota: false,
        quirks,
        prefix: prefix.to_owned(),
        ..Options::default()
    };
    Setup { tenant, ..Setup::default() }
}

async fn isolates_once(pipeline: &Pipeline) {
    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    for n in 2..5 {
        let other = machine(n, &format!("LAPTOP-{n}"));
        pipeline.tenant.add_machine(other.clone());
        pipeline.tenant.add_alert(SimAlert::on(&other).severity("Medium").at(before(pipeline, n)));
    }
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High").at(before(pipeline, 1)));
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 1);
}

/// Alerts of one stamp that do not fit on a page cannot be told apart by time; these can.
fn before(pipeline: &Pipeline, seconds: u32) -> jiff::Timestamp {
    pipeline.tenant.now() - jiff::SignedDuration::from_secs(seconds.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_behind_a_path_prefix_works() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = Pipeline::start("prefix", tenant(Quirks::default(), "/tenants/one")).await else { return };
    isolates_once(&pipeline).await;
    let outside = pipeline.tenant.requests().into_iter().find(|request| !request.path.starts_with("/tenants/one/"));
    assert!(outside.is_none(), "{outside:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ignores_filter_order_expand_and_top_works() {
    let _turn = TURN.lock().await;
    let quirks = Quirks {
        ignore_filter: true,
        ignore_orderby: true,
        ignore_expand: true,
        ignore_top: true,
        ..Quirks::default()
    };
    let Some(pipeline) = Pipeline::start("ignorant", tenant(quirks, "")).await else { return };
    isolates_once(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_link_to_another_host_gets_neither_a_request_nor_the_token() {
    let _turn = TURN.lock().await;
    // The other host is a second tenant, so that its request log shows what reaches it.
    let thief = cordon_simulator::Simulator::start(Options::default()).expect("the other host starts");
    let quirks = Quirks { next_link_host: Some(thief.base()), page_cap: Some(2), ..Quirks::default() };
    let Some(pipeline) = Pipeline::start("thief", tenant(quirks, "")).await else { return };
    isolates_once(&pipeline).await;
    assert!(thief.requests().is_empty(), "{:?}", thief.requests());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_machine_lookups_leaves_alerts_partial_and_the_action_to_a_person() {
    let _turn = TURN.lock().await;
    let quirks = Quirks { lookups_404: true, ..Quirks::default() };
    let Some(pipeline) = Pipeline::start("lookups", tenant(quirks, "")).await else { return };
    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    pipeline.mailed("LAPTOP-ANNA: NOT dealt with", SOON).await;
    let enriched: Vec<EnrichedRecord> = pipeline.records(Topic::Enriched).await;
    assert!(enriched.iter().all(|record| record.machine.is_none() && !record.missing.is_empty()), "{enriched:?}");
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 0, "missing facts hold");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_list_that_is_out_of_reach_for_a_while_delays_and_loses_nothing() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = Pipeline::start("outage", tenant(Quirks::default(), "")).await else { return };
    let fault = cordon_simulator::Fault::on("GET", "/api/alerts", cordon_simulator::FaultKind::Html502).times(12);
    pipeline.tenant.script(fault);
    isolates_once(&pipeline).await;
    until(SOON, "the scripted faults to be used up", async || {
        let left = pipeline.tenant.faults_left();
        if left == 0 { Ok(()) } else { Err(format!("{left} left")) }
    })
    .await;
}
