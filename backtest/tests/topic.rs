//! The binary against records on a broker, librdkafka's in-process one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::process::Command;

use cordon_records::Topic;
use cordon_runtime::kafka::MemoryBroker;
use serde_json::{Value, json};

use support::{RULE, World};

const ALL: [&str; 6] = ["--rules", "new", "--config", "cordon.yaml", "-o", "json"];

#[tokio::test(flavor = "multi_thread")]
async fn every_record_of_all_partitions_is_judged_and_what_is_none_is_counted_and_named() {
    let world = World::open();
    world.enriched("High", 0..20).await;
    world.enriched("Low", 20..50).await;
    world.send(Topic::Enriched, "m1", None).await;
    world.send(Topic::Enriched, "m2", Some(Vec::new())).await;
    world.send(Topic::Enriched, "m3", Some(b"{garbage".to_vec())).await;
    let (code, document) = world.document(&ALL);
    assert_eq!(code, 0, "one rule set alone is no difference");
    assert_eq!((&document["records"], &document["rules"][0]["matched"]), (&json!(50), &json!(20)));
    assert_eq!(document["unreadable"]["records"], 3);
    let told = document["unreadable"].to_string();
    assert!(told.contains("it has no value") && told.contains("its value is empty"), "{told}");
    assert!(told.contains("cordon.enriched/"), "{told}");
    let inputs = document["manifest"]["inputs"].as_array().unwrap();
    let of = |topic: &str| inputs.iter().filter(|input| input["topic"] == topic).count();
    assert_eq!((of("cordon.enriched"), of("cordon.decisions")), (12, 1));
    assert!(inputs.iter().all(|input| input["cluster"].as_str().is_some_and(|id| !id.is_empty())), "{inputs:?}");
    assert_eq!(document["window"]["gaps"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_gives_the_same_bytes_again_whatever_was_written_since() {
    let world = World::open();
    world.enriched("High", 0..20).await;
    let against: Vec<&str> = ALL.iter().copied().chain(["--against", "old"]).collect();
    world.write("old/high.yaml", &RULE.replace("High", "Low"));
    let (code, first, _) = world.says(&against);
    assert_eq!(code, 1);
    world.write("first.json", &first);
    let again: Vec<&str> = against.iter().copied().chain(["--manifest", "first.json"]).collect();
    assert_eq!(world.says(&again).1, first);
    world.enriched("High", 20..40).await;
    let fleet = br#"{"fleet":{"machines":9,"at":"2026-09-01T00:00:00Z"}}"#;
    world.send(Topic::Decisions, "m1", Some(fleet.to_vec())).await;
    assert_eq!(world.says(&again).1, first);
    let (_, without, _) = world.says(&against);
    assert_ne!(without, first);
    world.write("manifest.json", &serde_json::from_str::<Value>(&first).unwrap()["manifest"].to_string());
    let alone: Vec<&str> = against.iter().copied().chain(["--manifest", "manifest.json"]).collect();
    assert_eq!(world.says(&alone).1, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_other_rules_or_of_another_cluster_is_refused_with_what_differs() {
    let world = World::open();
    world.enriched("High", 0..3).await;
    let (_, first, _) = world.says(&ALL);
    world.write("first.json", &first);
    world.write("new/high.yaml", &RULE.replace("High", "Low"));
    let again: Vec<&str> = ALL.iter().copied().chain(["--manifest", "first.json", "--mode", "approve"]).collect();
    let (code, out, told) = world.says(&again);
    assert_eq!((code, out.as_str()), (78, ""));
    assert!(
        told.contains("the rules differ") && told.contains("the values of mode differ: auto then, approve now"),
        "{told}"
    );
    world.write("new/high.yaml", RULE);
    let other = MemoryBroker::start().unwrap();
    world.write("cordon.yaml", &format!("kafka: {{bootstrap_servers: '{}'}}\n", other.bootstrap()));
    let again: Vec<&str> = ALL.iter().copied().chain(["--manifest", "first.json"]).collect();
    let (code, _, told) = world.says(&again);
    assert!(code == 2 && told.contains("the manifest is of the cluster"), "{code} {told}");
    let (code, _, told) = world.says(&["--rules", "new", "--manifest", "first.json"]);
    assert!(code == 2 && told.contains("say with --config where the broker is"), "{code} {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_on_a_share_of_the_fleet_count_what_the_decisions_of_that_time_have_noted() {
    let world = World::open();
    world.enriched("High", 0..15).await;
    let guards = "caps: {all_rules: {1h: 1000}, fleet_share: {1d: 1%, floor: 10}}\n";
    world.write("guards.yaml", guards);
    let args: Vec<&str> = ALL.iter().copied().chain(["--guards", "guards.yaml"]).collect();
    let done = |document: &Value| document["totals"]["after"]["actions"]["isolate"].clone();
    let (_, unknown) = world.document(&args);
    assert!(unknown["unreproducible"]["after"].as_array().is_some_and(|all| !all.is_empty()), "{unknown}");
    let fleet = json!({"id": "x", "fleet": {"machines": 100_000, "at": "2026-09-01T00:00:00Z"}});
    world.send(Topic::Decisions, "m1", Some(serde_json::to_vec(&fleet).unwrap())).await;
    let (_, known) = world.document(&args);
    assert_eq!((&known["unreproducible"]["after"], done(&known)), (&json!([]), json!({"done": 15})));
}

#[tokio::test(flavor = "multi_thread")]
async fn guards_and_times_of_the_configuration_hold_where_the_command_line_names_none() {
    let world = World::open();
    world.enriched("High", 0..3).await;
    world.write("guards.yaml", "never: {names: ['laptop-*']}\n");
    let bootstrap = &world.kafka.bootstrap_servers;
    let act = "act: {mode: shadow, rules: [nowhere], guards: guards.yaml, hold_for: 2h}\n\
               defender: {tenant_id: t, client_id: c, client_secret: 'env:NOT_THERE'}\n";
    world.write("cordon.yaml", &format!("kafka: {{bootstrap_servers: '{bootstrap}'}}\n{act}"));
    let (_, document) = world.document(&ALL);
    assert_eq!(document["totals"]["after"]["actions"]["isolate"], json!({"refused": 3}));
    assert_eq!(document["manifest"]["assumed"]["act.hold_for"], "2h");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_topic_and_a_topic_that_is_not_there_are_told_apart() {
    let world = World::open();
    let (code, _, told) = world.says(&ALL);
    assert!(code == 2 && told.contains("there is no record to judge"), "{code} {told}");
    let bootstrap = &world.kafka.bootstrap_servers;
    world.write("cordon.yaml", &format!("kafka: {{bootstrap_servers: '{bootstrap}', topic_prefix: other.}}\n"));
    let (code, _, told) = world.says(&ALL);
    assert!(code == 69 && told.contains("other.enriched"), "{code} {told}");
}

#[test]
fn a_broker_that_is_away_is_told_with_its_address_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("high.yaml"), RULE).unwrap();
    std::fs::write(folder.path().join("cordon.yaml"), "kafka: {bootstrap_servers: '127.0.0.1:1'}\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon-backtest"));
    command.args(["--rules", "high.yaml", "--config", "cordon.yaml"]).current_dir(folder.path()).env_clear();
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{told}");
    assert!(told.contains("nothing listens at 127.0.0.1:1"), "{told}");
}
