//! How long an alert takes from the API's answer that brings it to the call that isolates its machine, against a bare
//! chain of as many durable hops and HTTP calls that decides, guards and remembers nothing.
//!
//! ```sh
//! cargo build --release --workspace --bins && cargo bench -p cordon-tests --bench latency
//! ```
//!
//! Both run on the same broker and the same simulated tenant's code, one after the other, under the same alerts: 50 a
//! second, each High and on a machine of its own, for `CORDON_BENCH_SECONDS` (60) after a warm-up of 10. Caps and
//! quotas are raised out of reach. The times are the tenant's: from the instant at which a page of the list with the
//! alert was ready, to the arrival of the POST. The exit code is 1 when a limit is exceeded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a benchmark")]

mod bare;
mod cost;
mod figures;
mod traffic;

use std::process::ExitCode;
use std::time::Duration;

use cordon_settings::variable;
use cordon_simulator::Options;
use cordon_tests::broker::RealKafka;
use cordon_tests::hops;
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cost::{Cost, print_records};
use figures::{Figures, verdict};
use traffic::{Plan, drive};

/// How often either chain asks for new alerts.
const POLL_INTERVAL: &str = "100ms";
/// How far back either chain asks: the shortest that ingest takes.
const OVERLAP: &str = "10s";
/// How often Cordon looks what became of its actions, as shipped; the bare chain never does.
const FOLLOW_UP: &str = "5s";

fn main() -> ExitCode {
    if let Some(hop) = bare::hop_of_this_process() {
        return bare::run(&hop);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(compare())
}

async fn compare() -> ExitCode {
    let Some(kafka) = RealKafka::obtain() else { return ExitCode::from(69) };
    let seconds = variable("CORDON_BENCH_SECONDS").map_or(60, |text| text.parse().expect("a number of seconds"));
    let plan = Plan { pace: Duration::from_millis(20), warm_up: 500, counted: 50 * seconds };
    let bare = bare_chain(kafka, plan).await;
    let cordon = cordon(kafka, plan).await;
    verdict(&bare, &cordon)
}

fn tenant() -> Options {
    Options { settle: Duration::from_secs(1), enforce_quota: false, ..Options::default() }
}

async fn bare_chain(kafka: &RealKafka, plan: Plan) -> Figures {
    let settings = kafka.settings("bare");
    let chain = bare::Chain::start(settings.clone(), tenant()).await;
    let cost = Cost::begin(kafka, chain.pids());
    let figures = drive(&chain.tenant, plan).await.0;
    println!("bare chain  {figures}");
    cost.print(plan.alerts());
    print_records(&settings, plan.alerts()).await;
    figures
}

async fn cordon(kafka: &RealKafka, plan: Plan) -> Figures {
    let setup = Setup { tenant: tenant(), unlimited: true, ..Setup::default() };
    let pipeline = Pipeline::prepare("latency", setup).await.expect("the broker was there for the bare chain");
    let environment = [
        ("CORDON_INGEST__POLL_INTERVAL", POLL_INTERVAL),
        ("CORDON_INGEST__OVERLAP", OVERLAP),
        ("CORDON_ACT__FOLLOW_UP", FOLLOW_UP),
    ];
    let mut act = pipeline.spawn("cordon-act", &["--init-ledger"], &environment);
    act.line(SOON, "respond holds the ledger").await;
    let others = ["cordon-enrich", "cordon-notify", "cordon-ingest"];
    let running = others.map(|stage| (stage, pipeline.spawn(stage, &[], &environment)));
    let stages = running.iter().map(|(stage, process)| (*stage, process.pid())).chain([("cordon-act", act.pid())]);
    let cost = Cost::begin(kafka, stages);
    let (figures, isolated) = drive(&pipeline.tenant, plan).await;
    println!("Cordon      {figures}");
    cost.print(plan.alerts());
    print_records(&pipeline.kafka, plan.alerts()).await;
    hops::print(&pipeline, &isolated).await;
    figures
}
