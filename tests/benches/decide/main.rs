//! How many enriched alerts one process of act's role decide judges in a second, with the rules of `deploy/rules`, over a
//! real broker, and what that takes of processor and memory.
//!
//! ```sh
//! cargo build --release --workspace --bins && cargo bench -p cordon-tests --bench decide
//! ```
//!
//! `enriched` is filled beforehand with `CORDON_BENCH_RECORDS` (200,000) records of the size of real ones; then decide
//! alone works them off. The clock runs from a tenth of the decisions to the last one. In the same run a plain consumer
//! drains the same records: what this machine and this broker give at most. The exit code is 1 when a limit is exceeded:
//! of processor time and rate, one must be kept, and memory always.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a benchmark")]

mod alerts;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cordon_records::Topic;
use cordon_runtime::kafka::KafkaSettings;
use cordon_settings::variable;
use cordon_tests::broker::RealKafka;
use cordon_tests::meddle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::usage::{Usage, processor_time};
use cordon_tests::wait::until;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// The goals.
const RATE: f64 = 25_000.0;
const MICROSECONDS: f64 = 40.0;
const MEBIBYTES: u64 = 128;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules");
const ANSWER: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    if RealKafka::obtain().is_none() {
        return ExitCode::from(69);
    }
    let records = variable("CORDON_BENCH_RECORDS").map_or(200_000, |text| text.parse().expect("a number of records"));
    tokio::runtime::Runtime::new().expect("a runtime").block_on(measure(records))
}

async fn measure(records: usize) -> ExitCode {
    let pipeline = Pipeline::prepare("decide", Setup::default()).await.expect("the broker is there");
    let config = std::fs::read_to_string(pipeline.config()).expect("the configuration is there");
    let starter = config.replace("isolate-high.yaml", RULES);
    assert_ne!(starter, config, "the rules are named in the configuration");
    std::fs::write(pipeline.config(), starter).expect("the configuration is written");
    let topic = pipeline.kafka.topic(Topic::Enriched);
    let bytes = alerts::record(0).1.len();
    meddle::fill(&pipeline.kafka.bootstrap_servers, &topic, (0..records).map(alerts::record));
    let drained = drain(&pipeline.kafka, records);
    println!("{records} records of {bytes} bytes; a plain consumer drains {:.1} k/s", drained / 1_000.0);

    let mut decide = pipeline.spawn("cordon-act", &["--role", "decide"], &[]);
    decide.line(SOON, "decide starts").await;
    let begun = records / 10;
    reach(&pipeline.kafka, begun).await;
    let (start, used) = (Instant::now(), processor_time(decide.pid()));
    reach(&pipeline.kafka, records).await;
    let (wall, used) = (start.elapsed(), processor_time(decide.pid()) - used);
    let peak = Usage::of(decide.pid()).expect("it runs").peak_kib / 1024;
    verdict((records - begun) as f64, (wall, used), peak)
}

/// Prints the figures; success when the limits are kept.
fn verdict(decided: f64, (wall, used): (Duration, Duration), peak: u64) -> ExitCode {
    let (rate, each) = (decided / wall.as_secs_f64(), used.as_secs_f64() * 1e6 / decided);
    let (fast, small) = (rate >= RATE || each <= MICROSECONDS, peak <= MEBIBYTES);
    let word = |kept| if kept { "kept    " } else { "EXCEEDED" };
    println!(
        "{}  decide {:.1} k/s, {each:.1} µs of processor time each; the limit is {} k/s or {MICROSECONDS} µs",
        word(fast),
        rate / 1_000.0,
        RATE / 1_000.0
    );
    println!("{}  at most {peak} MiB; the limit is {MEBIBYTES} MiB", word(small));
    if fast && small { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Records a second that a consumer of plain librdkafka reads of `enriched`, from the first to the last.
fn drain(kafka: &KafkaSettings, records: usize) -> f64 {
    let consumer = plain(kafka);
    let topic = kafka.topic(Topic::Enriched);
    let metadata = consumer.fetch_metadata(Some(&topic), ANSWER).expect("metadata");
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        list.add_partition_offset(&topic, partition.id(), Offset::Beginning).expect("an offset");
    }
    consumer.assign(&list).expect("an assignment");
    let mut start = None;
    for _ in 0..records {
        consumer.poll(ANSWER).expect("a record in time").expect("a record");
        start.get_or_insert_with(Instant::now);
    }
    records as f64 / start.expect("a first record").elapsed().as_secs_f64()
}

/// Waits until so many decisions are written.
async fn reach(kafka: &KafkaSettings, wanted: usize) {
    let consumer = plain(kafka);
    let topic = kafka.topic(Topic::Decisions);
    until(SOON * 10, &format!("{wanted} decisions"), async || {
        let (_, end) = consumer.fetch_watermarks(&topic, 0, ANSWER).expect("watermarks");
        if usize::try_from(end).expect("an offset") >= wanted { Ok(()) } else { Err(format!("{end}")) }
    })
    .await;
}

fn plain(kafka: &KafkaSettings) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.bootstrap_servers).set("group.id", "plain");
    config.create().expect("a consumer")
}
