//! A backtest of what the live pipeline has done: it gives the same again, and asks nobody but the broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::Path;
use std::process::Command;

use cordon_records::{
    ActionState, Clock as _, Command as CommandWord, CommandRecord, DecisionRecord, SystemClock, Topic,
};
use cordon_simulator::SimAlert;
use cordon_tests::meddle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::processes::{Binaries, ended};
use cordon_tests::wait::until;
use serde_json::{Value, json};

/// What a backtest of the shipped rule says. It has no environment but a path.
async fn backtest(config: &Path, rules: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(Binaries::find("cordon-backtest"));
    command.arg("--config").arg(config).arg("--rules").arg(rules).args(["-o", "json"]).args(more).env_clear();
    ended(command).await
}

fn document((code, text): &(Option<i32>, String)) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{code:?} {text}"))
}

/// Alerts of several outcomes, and all of them through: isolated, held and denied, covered, and nothing at all.
async fn lived_through(pipeline: &Pipeline) {
    let (anna, server, bert) =
        (machine(1, "LAPTOP-ANNA"), machine(2, "SERVER-ONE").os("WindowsServer2022"), machine(3, "LAPTOP-BERT"));
    for machine in [&anna, &server, &bert] {
        pipeline.tenant.add_machine(machine.clone());
    }
    pipeline.fleet_counted(SOON).await;
    for machine in [&anna, &server] {
        pipeline.tenant.add_alert(SimAlert::on(machine).severity("High"));
    }
    pipeline.tenant.add_alert(SimAlert::on(&bert).severity("Low"));
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
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
        if decisions.len() >= 4 { Ok(()) } else { Err(decisions.len()) }
    })
    .await;
}

fn rules() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules/isolate-high.yaml")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_live_pipeline_decided_is_reproduced_record_by_record_and_a_manifest_gives_the_same_bytes() {
    let Some(pipeline) = Pipeline::start("backtest", Setup::default()).await else { return };
    lived_through(&pipeline).await;
    let run = async |more: &[&str]| backtest(pipeline.config(), &rules(), more).await;
    let first = run(&["--against", "recorded"]).await;
    let found = document(&first);
    let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
    let reproduced = &found["reproduced"];
    assert!(reproduced["decisions"].as_u64() >= Some(4) && decisions.len() >= 4, "{reproduced}");
    assert_eq!(reproduced["exact"], reproduced["decisions"], "{reproduced}");
    assert_eq!((&reproduced["differences"], &reproduced["without_text"]), (&json!([]), &json!(0)));
    assert!(reproduced["outcomes"].as_u64() >= Some(3), "{reproduced}");
    assert_eq!(reproduced["outcomes_exact"], reproduced["outcomes"], "{reproduced}");
    assert_eq!((first.0, &found["window"]["gaps"]), (Some(0), &json!([])), "the same rules: nothing changes");
    let before = &found["totals"]["before"]["actions"]["isolate"];
    assert_eq!(before, &json!({"done": 1, "held": 1, "covered": 1}), "{found}");

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
    let Some(pipeline) = Pipeline::start("backtest-time", Setup::default()).await else { return };
    lived_through(&pipeline).await;
    let all = document(&backtest(pipeline.config(), &rules(), &["--from", "-1h"]).await);
    assert!(all["records"].as_u64() >= Some(4), "{all}");
    let (code, told) = backtest(pipeline.config(), &rules(), &["--to", "-1h"]).await;
    assert!(code == Some(2) && told.contains("there is no record to judge"), "{code:?} {told}");

    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=connect", "-o"]).arg(&trace).arg(Binaries::find("cordon-backtest"));
    command.arg("--config").arg(pipeline.config()).arg("--rules").arg(rules());
    command.args(["-o", "json", "--against", "recorded"]).env_clear();
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
