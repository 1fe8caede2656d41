//! A backtest of what the live pipeline has done: it gives the same again, and asks nobody but the broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use cordon_records::{
    ActionState, Clock as _, Command as CommandWord, CommandRecord, DecisionRecord, Ruling, SystemClock, Topic,
};
use cordon_simulator::SimAlert;
use cordon_tests::meddle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::processes::{Binaries, ended, ended_with};
use cordon_tests::wait::until;
use serde_json::{Value, json};

/// A rule in shadow, beside the shipped one.
const REHEARSED: &str = "id: scan-medium\ndescription: Scan a machine with a Medium alert\nmode: shadow\n\
     when: alert.severity == \"Medium\"\nactions:\n  - scan: {type: Quick, comment: Medium alert}\n";

/// Where the rules are that the pipeline runs by.
const RULES: [&str; 2] = ["isolate-high.yaml", "scan-medium.yaml"];

/// A pipeline with both rules; nothing where no broker can be had.
async fn start(test: &str) -> Option<Pipeline> {
    let mut pipeline = Pipeline::prepare(test, Setup::default()).await?;
    let [_, scan] = RULES;
    pipeline.add_rules(&[(scan, REHEARSED)]);
    pipeline.launch(1).await;
    Some(pipeline)
}

fn folder(pipeline: &Pipeline) -> &Path {
    pipeline.config().parent().expect("a file is in a folder")
}

/// The line of a backtest by these rules, with a cache of its own.
fn line(pipeline: &Pipeline, more: &[&str]) -> Vec<OsString> {
    let rules = RULES.map(|name| folder(pipeline).join(name).into_os_string());
    let cache = folder(pipeline).join("cache").into_os_string();
    let config =
        ["--cache".into(), cache, "--config".into(), pipeline.config().as_os_str().to_owned(), "--rules".into()];
    let more = ["-o", "json"].iter().chain(more).map(OsString::from);
    config.into_iter().chain(rules).chain(more).collect()
}

/// What a backtest of the rules in force says: its exit code, the document, and what it says beside. It has no environment.
async fn backtest(pipeline: &Pipeline, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(Binaries::find("cordon-backtest"));
    command.args(line(pipeline, more)).env_clear();
    ended_with(command).await
}

fn document((code, out, err): &(Option<i32>, String, String)) -> Value {
    serde_json::from_str(out).unwrap_or_else(|_| panic!("{code:?} {out} {err}"))
}

/// Alerts of several outcomes, and all of them through: isolated, refused by a guard, held and denied, rehearsed, covered, and
/// nothing at all.
async fn lived_through(pipeline: &Pipeline) {
    let (anna, server, bert) =
        (machine(1, "LAPTOP-ANNA"), machine(2, "SERVER-ONE").os("WindowsServer2022"), machine(3, "LAPTOP-BERT"));
    let (never, cora) = (machine(4, "LAPTOP-NEVER").tag("cordon-never"), machine(5, "LAPTOP-CORA"));
    for machine in [&anna, &server, &bert, &never, &cora] {
        pipeline.tenant.add_machine(machine.clone());
    }
    pipeline.fleet_counted(SOON).await;
    for (machine, severity) in [(&anna, "High"), (&server, "High"), (&never, "High"), (&cora, "Medium"), (&bert, "Low")]
    {
        pipeline.tenant.add_alert(SimAlert::on(machine).severity(severity));
    }
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
    let refused = pipeline.reported(&never.id, ActionState::Refused, SOON).await;
    assert!(refused.guards.iter().any(|it| it.guard == "never-list" && it.ruling == Ruling::Refuse), "{refused:?}");
    pipeline.reported(&cora.id, ActionState::Would, SOON).await;
    let held = pipeline.reported(&server.id, ActionState::Held, SOON).await;
    let deny = CommandWord::Deny { key: held.key.expect("what is held has a key") };
    let said = CommandRecord::unsigned(deny, "ann".to_owned(), "a server".to_owned(), SystemClock.now());
    let (bootstrap, topic) = (&pipeline.kafka.bootstrap_servers, pipeline.kafka.topic(Topic::Commands));
    meddle::write(bootstrap, &topic, "ann", &serde_json::to_vec(&said).unwrap());
    pipeline.reported(&server.id, ActionState::Denied, SOON).await;
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    pipeline.reported(&anna.id, ActionState::Covered, SOON).await;
    until(SOON, "a decision on every alert", async || {
        let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
        if decisions.len() >= 6 { Ok(()) } else { Err(decisions.len()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_live_pipeline_decided_is_reproduced_record_by_record_and_a_manifest_gives_the_same_bytes() {
    let Some(pipeline) = start("backtest").await else { return };
    lived_through(&pipeline).await;
    let run = async |more: &[&str]| backtest(&pipeline, more).await;
    let first = run(&["--against", "recorded"]).await;
    let found = document(&first);
    let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
    let reproduced = &found["reproduced"];
    assert!(reproduced["decisions"].as_u64() >= Some(6) && decisions.len() >= 6, "{reproduced}");
    assert_eq!(reproduced["exact"], reproduced["decisions"], "{reproduced}");
    assert_eq!((&reproduced["differences"], &reproduced["without_text"]), (&json!([]), &json!(0)));
    assert!(reproduced["outcomes"].as_u64() >= Some(5), "{reproduced}");
    assert_eq!(reproduced["outcomes_exact"], reproduced["outcomes"], "{reproduced}");
    assert_eq!((first.0, &found["window"]["gaps"]), (Some(0), &json!([])), "the same rules: nothing changes");
    let before = &found["totals"]["before"];
    let isolate = json!({"done": 1, "held": 1, "covered": 1, "refused": 1});
    assert_eq!(before["actions"], json!({"isolate": isolate, "scan": {"would": 1}}), "{found}");
    assert_eq!((&before["never_list"], &found["unread_past"]["records"]), (&json!(1), &json!(0)), "{found}");

    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("first.json");
    std::fs::write(&manifest, &first.1).unwrap();
    let again = ["--against", "recorded", "--manifest", manifest.to_str().unwrap()];
    assert_eq!(run(&again).await, first);
    for number in 10..20 {
        pipeline.raise_high(number, &format!("LAPTOP-{number}"));
    }
    assert_eq!(run(&again).await, first, "while traffic goes on");
    until(SOON, "all of it decided", async || {
        let decided: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
        if decided.len() >= decisions.len() + 10 { Ok(()) } else { Err(decided.len()) }
    })
    .await;
    assert_eq!(run(&again).await, first);
    let other = document(&run(&["--against", "recorded"]).await);
    assert_eq!(other["reproduced"]["exact"], other["reproduced"]["decisions"], "{}", other["reproduced"]);
    assert!(other["records"].as_u64() >= found["records"].as_u64().map(|records| records + 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backtest_by_time_reads_what_lies_in_it_and_connects_to_nothing_but_the_broker() {
    let Some(pipeline) = start("backtest-time").await else { return };
    lived_through(&pipeline).await;
    let all = document(&backtest(&pipeline, &["--from", "-1h"]).await);
    assert!(all["records"].as_u64() >= Some(6), "{all}");
    let (code, _, told) = backtest(&pipeline, &["--to", "-1h"]).await;
    assert!(code == Some(2) && told.contains("there is no record to judge"), "{code:?} {told}");

    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=connect", "-o"]).arg(&trace).arg(Binaries::find("cordon-backtest"));
    command.args(line(&pipeline, &["--against", "recorded"])).env_clear();
    if Command::new("strace").arg("-V").output().is_err() {
        return cordon_tests::broker::skipped("CORDON_REQUIRE_STRACE", "strace", "it is not installed").unwrap_or(());
    }
    let (code, told) = ended(command).await;
    assert_eq!(code, Some(0), "{told}");
    let traced = std::fs::read_to_string(&trace).unwrap();
    let ports: Vec<&str> = pipeline.kafka.bootstrap_servers.split(',').filter_map(|at| at.rsplit(':').next()).collect();
    let inet: Vec<&str> = traced.lines().filter(|line| line.contains("AF_INET")).collect();
    let is_broker = |line: &&&str| ports.iter().any(|port| line.contains(&format!("htons({port})")));
    let strays: Vec<_> = inet.iter().filter(|line| !is_broker(line)).collect();
    assert!(!inet.is_empty() && strays.is_empty(), "{strays:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_retention_has_removed_of_the_range_is_a_gap_of_the_window_and_the_rest_comes_out_as_it_was() {
    let Some(pipeline) = start("backtest-cut").await else { return };
    lived_through(&pipeline).await;
    let (bootstrap, topic) = (&pipeline.kafka.bootstrap_servers, pipeline.kafka.topic(Topic::Enriched));
    let removed = meddle::delete_records(bootstrap, &topic).await;
    assert!(!removed.is_empty(), "something was there");
    let decided = pipeline.records::<DecisionRecord>(Topic::Decisions).await.len();
    pipeline.raise_high(9, "LAPTOP-LATE");
    until(SOON, "the late alert decided", async || {
        let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
        if decisions.len() > decided { Ok(()) } else { Err(decisions.len()) }
    })
    .await;
    for more in [&["--from", "-1h"][..], &[]] {
        let found = document(&backtest(&pipeline, &[more, &["--against", "recorded"]].concat()).await);
        let gaps = found["window"]["gaps"].as_array().expect("gaps are listed");
        assert_eq!(gaps.len(), removed.len(), "one for each partition that had records: {gaps:?}");
        for (partition, begin) in &removed {
            let gap = format!("{topic}, partition {partition}: what stood before offset {begin} is deleted");
            assert!(gaps.iter().any(|told| told.as_str().is_some_and(|told| told.starts_with(&gap))), "{gap} {gaps:?}");
        }
        assert_eq!(found["reproduced"]["exact"], found["reproduced"]["decisions"], "{}", found["reproduced"]);
        assert_eq!((&found["records"], &found["reproduced"]["decisions"]), (&json!(1), &json!(1)), "{found}");
    }
}
