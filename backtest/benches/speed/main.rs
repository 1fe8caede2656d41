//! How fast a backtest is, each row beside its peer in the same run.
//!
//! ```sh
//! CORDON_DUCKDB_PYTHON=venv/bin/python cargo bench -p cordon-backtest
//! ```
//!
//! The records are made up (`cordon corpus generate`), of `CORDON_BENCH_ALERTS` (700,000: a million records) alerts; the rules are
//! the twenty conditions of `tests/twenty`. Rows that are measured several times tell the median. DuckDB is asked by Python where that
//! has it (`pip install duckdb`), the broker is the one that tests use. Where a peer is missing its row is not measured, and says so.
//! The exit code is 1 when a limit is exceeded or a row could not be measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a benchmark")]

mod kafka;
mod process;
#[path = "../../tests/twenty/mod.rs"]
mod twenty;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cordon_settings::variable;
use cordon_tests::broker::RealKafka;
use process::{Ended, Run, command, run};

/// How often what is compared with a peer is measured, in turn with it.
const TIMES: usize = 3;

/// How long a change of a rule may take to show, and how long it is waited for.
const EDIT: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let alerts = variable("CORDON_BENCH_ALERTS").map_or(700_000, |text| text.parse().expect("a number of alerts"));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let bytes = make(folder.path(), alerts);
    let mut table = Table { is_kept: true };
    let records = cold(folder.path(), &mut table);
    println!("         {records} records, {} bytes each on the average", bytes / records.max(1));
    cold_kafka(folder.path(), &mut table);
    warm(folder.path(), &mut table);
    edit(folder.path(), &mut table);
    if table.is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes the records and the rules; gives how many bytes of records.
fn make(folder: &Path, alerts: u64) -> u64 {
    let from: jiff::Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let file = std::fs::File::create(folder.join("many.ndjson")).expect("a file");
    let mut many = std::io::BufWriter::new(file);
    for record in cordon_backtest::corpus::Records::new(1, alerts, from) {
        serde_json::to_writer(&mut many, &record).expect("there is room");
        many.write_all(b"\n").expect("there is room");
    }
    let file = many.into_inner().expect("there is room");
    file.sync_all().expect("there is room");
    twenty::rules(&folder.join("rules"), |_, when| (when.to_owned(), "[]"));
    // One in a hundred acts, and of the rules before it some are others.
    twenty::rules(&folder.join("old"), |number, when| changed(number, when, "alert.status == \"New\""));
    twenty::rules(&folder.join("new"), |number, when| changed(number, when, "alert.status != \"Resolved\""));
    file.metadata().expect("it is there").len()
}

/// The conditions, of which one isolates, and one in four has a part more.
fn changed(number: usize, when: &str, more: &str) -> (String, &'static str) {
    match number {
        18 => (format!("{when} && {more}"), "[{isolate: {type: Full, comment: c}}]"),
        _ if number % 4 == 1 => (format!("{when} && {more}"), "[]"),
        _ => (when.to_owned(), "[]"),
    }
}

struct Table {
    is_kept: bool,
}

impl Table {
    fn row(&mut self, is_kept: bool, told: &str) {
        self.is_kept &= is_kept;
        println!("{}  {told}", if is_kept { "kept    " } else { "EXCEEDED" });
    }

    fn missing(&mut self, what: &str, why: &str) {
        self.is_kept = false;
        println!("MISSING   {what}: not measured, {why}");
    }

    fn memory(&mut self, what: &str, runs: &[Run], limit: u64) {
        let peak = runs.iter().map(|run| run.peak).max().unwrap_or_default();
        self.row(peak <= limit, &format!("{what}: memory {peak} MiB at most; the limit is {limit} MiB"));
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Thousands of records a second.
fn rate(records: u64, took: Duration) -> f64 {
    records as f64 / took.as_secs_f64() / 1_000.0
}

fn cold(folder: &Path, table: &mut Table) -> u64 {
    let flags = ["--rules", "rules", "--input", "many.ndjson", "--no-cache"];
    let (mut runs, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        runs.push(run(folder, &flags));
        peers.extend(twenty::duckdb(&folder.join("many.ndjson")));
    }
    let records = runs[0].records();
    let ours = median(runs.iter().map(|run| rate(run.records(), run.took)).collect());
    let what = "cold, NDJSON";
    if peers.len() < TIMES {
        table.missing(what, &format!("there is no DuckDB to compare with {ours:.0} k/s"));
    } else {
        let seconds = |peer: &serde_json::Value| Duration::from_secs_f64(peer["seconds"].as_f64().unwrap());
        let theirs = median(peers.iter().map(|peer| rate(records, seconds(peer))).collect());
        let version = peers[0]["version"].as_str().unwrap();
        table.row(ours > theirs, &format!("{what}: {ours:.0} k/s; DuckDB {version} read_json {theirs:.0} k/s"));
        let counts: Vec<u64> = runs[0].document["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["matched"].as_u64().unwrap())
            .collect();
        assert_eq!(serde_json::to_value(counts).unwrap(), peers[0]["counts"], "both count the same");
    }
    table.memory(what, &runs, 256);
    records
}

fn cold_kafka(folder: &Path, table: &mut Table) {
    let what = "cold, Kafka";
    let Some(broker) = RealKafka::obtain() else { return table.missing(what, "there is no broker") };
    let settings = broker.settings("speed");
    kafka::fill(&settings, &folder.join("many.ndjson"));
    let (servers, prefix) = (&settings.bootstrap_servers, &settings.topic_prefix);
    let config = format!("kafka: {{bootstrap_servers: '{servers}', topic_prefix: '{prefix}'}}\n");
    std::fs::write(folder.join("cordon.yaml"), config).expect("there is room");
    let flags = ["--rules", "rules", "--config", "cordon.yaml", "--no-cache", "--fleet", "30000"];
    // Once for the page cache.
    kafka::drain(&settings, 1);
    let (mut runs, mut alone, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        runs.push(run(folder, &flags));
        let (records, took) = kafka::drain(&settings, 1);
        assert_eq!(records, runs[0].records(), "both read all");
        alone.push(rate(records, took));
        let (records, took) = kafka::drain(&settings, 2);
        both.push(rate(records, took));
    }
    let ours = median(runs.iter().map(|run| rate(run.records(), run.took)).collect());
    let (alone, both) = (median(alone), median(both));
    let told = format!(
        "{what}: {ours:.0} k/s, {:.2} of a drain by one consumer ({alone:.0} k/s) as it has; two drain {both:.0} k/s",
        ours / alone
    );
    table.row(ours >= 0.6 * alone, &told);
    table.memory(what, &runs, 256);
}

const WARM: [&str; 8] = ["--rules", "new", "--against", "old", "--input", "many.ndjson", "--cache", "cache"];

fn warm(folder: &Path, table: &mut Table) {
    let first = run(folder, &WARM);
    println!("         the cache was made in {:.2} s, {} MiB at most", first.took.as_secs_f64(), first.peak);
    let runs: Vec<Run> = (0..TIMES).map(|_| run(folder, &WARM)).collect();
    assert!(runs.iter().all(|run| run.document == first.document), "a cache changes no result");
    let acting: u64 = ["added", "removed", "changed"]
        .iter()
        .map(|it| first.document["actions"][it].as_array().map_or(0, Vec::len) as u64)
        .sum();
    let decided = median(runs.iter().map(Run::decided).collect());
    let all = median(runs.iter().map(|run| run.took.as_secs_f64()).collect());
    let matched = first.document["rules"][18]["matched"].as_u64().unwrap();
    println!("         of {} records {matched} act, {acting} actions change", first.records());
    table.row(
        decided <= 0.1,
        &format!("warm, two rule sets and the diff: {decided:.3} s to decide; the limit is 0.1 s"),
    );
    table.row(all <= 1.0, &format!("warm, two rule sets and the diff: {all:.2} s in all; the limit is 1 s"));
    table.memory("warm", &runs, 512);
}

/// How long it takes from saving a rule to the new summary, with `--watch`.
fn edit(folder: &Path, table: &mut Table) {
    let mut child = Ended(command(folder, &WARM).arg("--watch").spawn().expect("the binary is there"));
    let mut notes = child.0.stderr.take().expect("it is piped");
    let out = child.0.stdout.take().expect("it is piped");
    // Nobody waits for what it says of the cache, and it must not wait for somebody to read.
    std::thread::spawn(move || std::io::copy(&mut notes, &mut std::io::sink()));
    let (said, says) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out.take(u64::MAX)).lines().map_while(Result::ok) {
            if line.starts_with("under test") && said.send(()).is_err() {
                return;
            }
        }
    });
    says.recv_timeout(SOON).expect("it says the first result");
    let mut took = Vec::new();
    for time in 0..TIMES {
        // Whatever it was doing is done.
        while says.recv_timeout(2 * EDIT).is_ok() {}
        let begun = Instant::now();
        let severity = ["Low", "Medium", "High"][time % 3];
        let rule = format!(
            "id: r00\nmode: auto\nwhen: alert.severity == \"{severity}\" && alert.status == \"New\"\nactions: []\n"
        );
        std::fs::write(folder.join("new/r00.yaml"), rule).expect("there is room");
        says.recv_timeout(SOON).expect("it says the next result");
        took.push(begun.elapsed().as_secs_f64());
    }
    let took = median(took);
    table.row(
        took < EDIT.as_secs_f64(),
        &format!("--watch: {took:.2} s from saving a rule to the new summary; the limit is {} s", EDIT.as_secs()),
    );
}
