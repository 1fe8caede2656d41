//! What each stage takes of the machine while nothing happens: processor time as a part of one core, and memory.
//!
//! ```sh
//! cargo build --release --workspace --bins && cargo bench -p cordon-tests --bench rest
//! ```
//!
//! Every stage runs with the times and quotas that are shipped, over a real broker and a tenant without new alerts. One
//! isolation comes first, so that each has done its work once. Then `CORDON_BENCH_SECONDS` (60) pass. Memory is the most
//! that the process ever had. The exit code is 1 when a limit is exceeded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cordon_records::ActionState;
use cordon_settings::variable;
use cordon_simulator::Options;
use cordon_tests::broker::RealKafka;
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::usage::{Usage, processor_time};

/// The goals: of one core, in percent, and of memory.
const PERCENT: f64 = 0.5;
const MEBIBYTES: u64 = 40;

/// What the configuration of tests sets otherwise than the shipped one.
const AS_SHIPPED: [(&str, &str); 4] = [
    ("CORDON_DEFENDER__QUOTA__PER_MINUTE", "100"),
    ("CORDON_DEFENDER__QUOTA__PER_HOUR", "1500"),
    ("CORDON_INGEST__POLL_INTERVAL", "auto"),
    ("CORDON_ACT__FOLLOW_UP", "5s"),
];

fn main() -> ExitCode {
    if RealKafka::obtain().is_none() {
        return ExitCode::from(69);
    }
    let seconds = variable("CORDON_BENCH_SECONDS").map_or(60, |text| text.parse().expect("a number of seconds"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure(Duration::from_secs(seconds)))
}

async fn measure(span: Duration) -> ExitCode {
    let setup = Setup { tenant: Options { settle: Duration::from_secs(1), ..Options::default() }, ..Setup::default() };
    let mut pipeline = Pipeline::prepare("rest", setup).await.expect("the broker is there");
    pipeline.environment.extend(AS_SHIPPED.map(|(key, value)| (key, value.to_owned())));
    pipeline.launch(1).await;
    let machine = pipeline.raise_high(1, "LAPTOP-1");
    pipeline.reported(&machine.id, ActionState::Succeeded, SOON).await;
    pipeline.mailed("LAPTOP-1", SOON).await;
    let (start, before) = (Instant::now(), used(&pipeline));
    tokio::time::sleep(span).await;
    let (after, wall) = (used(&pipeline), start.elapsed());
    pipeline.all_are_running();
    let mut kept = true;
    for (stage, process) in pipeline.processes() {
        let percent = (after[stage] - before[stage]).as_secs_f64() / wall.as_secs_f64() * 100.0;
        let usage = Usage::of(process.pid()).expect("it runs");
        kept &= verdict(stage, percent, usage);
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn used(pipeline: &Pipeline) -> BTreeMap<&'static str, Duration> {
    pipeline.processes().map(|(stage, process)| (stage, processor_time(process.pid()))).collect()
}

/// Prints the figures of one stage, and says whether the limits are kept.
fn verdict(stage: &str, percent: f64, usage: Usage) -> bool {
    let kept = percent <= PERCENT && usage.peak_kib <= MEBIBYTES * 1024;
    let word = if kept { "kept    " } else { "EXCEEDED" };
    println!(
        "{word}  {stage:13} at rest {percent:.2} % of a core, {usage}; the limit is {PERCENT} % and {MEBIBYTES} MiB"
    );
    kept
}
