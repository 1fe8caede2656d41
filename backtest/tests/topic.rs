//! The binary against records on a broker, librdkafka's in-process one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use cordon_policy::{RuleSet, decide};
use cordon_records::{
    DecisionRecord, EnrichedRecord, Fleet, Headers, PolicyFile, PolicyKind, PolicyRecord, Topic, Verdict, policy_texts,
};
use cordon_runtime::kafka::{Delivered, KafkaSettings, MemoryBroker, Outbound, Producer};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const RULE: &str =
    "id: high\nwhen: alert.severity == \"High\"\nmode: auto\nactions: [{isolate: {type: Full, comment: c}}]\n";

/// A broker, a folder with rules and a configuration.
struct World {
    kafka: KafkaSettings,
    producer: Producer,
    folder: tempfile::TempDir,
    _broker: MemoryBroker,
}

impl World {
    fn open() -> Self {
        let broker = MemoryBroker::start().unwrap();
        let (kafka, folder) = (broker.settings(), tempfile::tempdir().unwrap());
        let producer = Producer::open(&kafka, "test").unwrap();
        let world = Self { kafka, producer, folder, _broker: broker };
        world.write("new/high.yaml", RULE);
        world.write("cordon.yaml", &format!("kafka: {{bootstrap_servers: '{}'}}\n", world.kafka.bootstrap_servers));
        world
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn send(&self, topic: Topic, key: &str, value: Option<Vec<u8>>) {
        let headers = Headers::default();
        self.producer.send(Outbound { topic, key: Some(key.to_owned()), headers, value }).await.unwrap();
    }

    /// One alert on each of so many machines, one minute after the other.
    async fn enriched(&self, severity: &str, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let record = record(severity, number);
            self.send(Topic::Enriched, &format!("m{number}"), Some(serde_json::to_vec(&record).unwrap())).await;
        }
    }

    /// What a backtest with these flags says: its exit code, standard output and standard error. It has no environment.
    fn says(&self, args: &[&str]) -> (i32, String, String) {
        let binary = Path::new(env!("CARGO_BIN_EXE_cordon-backtest"));
        let output = Command::new(binary).args(args).current_dir(self.folder.path()).env_clear().output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn document(&self, args: &[&str]) -> (i32, Value) {
        let (code, out, err) = self.says(args);
        (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code} {out} {err}")))
    }
}

fn record(severity: &str, number: u32) -> Value {
    let at = format!("2026-09-01T08:{:02}:00Z", number % 60);
    let machine = json!({"id": format!("m{number}"), "computerDnsName": format!("laptop-{number}"), "osPlatform": "Windows11",
        "healthStatus": "Active", "onboardingStatus": "Onboarded", "machineTags": [], "deviceValue": "Normal"});
    json!({"schema_version": 1, "id": format!("a{number}@1"), "alert_id": format!("a{number}"), "tenant": "t", "source": "mde",
        "change": "new", "seen_at": at, "enriched_at": at, "machine": machine,
        "alert": {"id": format!("a{number}"), "severity": severity, "status": "New", "title": "Ransomware",
            "machineId": format!("m{number}"), "alertCreationTime": at, "lastEventTime": at, "lastUpdateTime": at}})
}

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

/// Sends a record and what these rules decide of it.
async fn decided(world: &World, severity: &str, number: u32, rules: &RuleSet) -> DecisionRecord {
    let value = record(severity, number);
    let headers = Headers::default();
    let bytes = Some(serde_json::to_vec(&value).unwrap());
    let sent = Outbound { topic: Topic::Enriched, key: Some(format!("m{number}")), headers, value: bytes };
    let Delivered { partition, offset } = world.producer.send(sent).await.unwrap();
    let record: EnrichedRecord = serde_json::from_value(value).unwrap();
    let later = record.enriched_at + SignedDuration::from_secs(5);
    let mut decision = decide(rules, &record, format!("cordon.enriched/{partition}/{offset}"), later).unwrap();
    decision.fleet = Some(Fleet { machines: 5_000, at: record.enriched_at });
    decision
}

async fn note(world: &World, decision: &DecisionRecord) {
    world.send(Topic::Decisions, "m", Some(serde_json::to_vec(decision).unwrap())).await;
}

async fn text(world: &World, rule: &str) -> RuleSet {
    let rules = RuleSet::load(&[("r.yaml".to_owned(), rule.to_owned())]).unwrap();
    let files = [PolicyFile { name: "r.yaml".to_owned(), text: rule.to_owned() }];
    for part in policy_texts(PolicyKind::Rules, rules.hash(), &files, Timestamp::UNIX_EPOCH).unwrap() {
        let record = PolicyRecord::Text(part);
        world.send(Topic::Policies, &record.key(), Some(serde_json::to_vec(&record).unwrap())).await;
    }
    rules
}

const RECORDED: [&str; 9] =
    ["--rules", "new", "--config", "cordon.yaml", "-o", "json", "--against", "recorded", "--mode=auto"];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_reproduced_record_by_record_each_by_its_own_rules_before_anything_is_told() {
    let world = World::open();
    let (first, second) = (text(&world, RULE).await, text(&world, &RULE.replace("High", "Medium")).await);
    for number in 0..6 {
        let decision = decided(&world, "High", number, &first).await;
        note(&world, &decision).await;
        // Delivered again, as a consumer may.
        note(&world, &DecisionRecord { decided_at: decision.decided_at + SignedDuration::from_secs(60), ..decision })
            .await;
    }
    for number in 6..10 {
        note(&world, &decided(&world, "Medium", number, &second).await).await;
    }
    let gone = RuleSet::load(&[("r.yaml".to_owned(), RULE.replace("High", "Low"))]).unwrap();
    note(&world, &decided(&world, "Low", 10, &gone).await).await;
    let mut other = decided(&world, "Medium", 11, &second).await;
    other.verdict = Verdict::Nothing;
    other.planned.clear();
    note(&world, &other).await;
    let undecided = decided(&world, "Medium", 12, &second).await;
    let (code, document) = world.document(&RECORDED);
    let reproduced = &document["reproduced"];
    let counts = ["decisions", "exact", "without_text", "undecided"].map(|field| reproduced[field].as_u64().unwrap());
    assert_eq!(counts, [12, 10, 1, 1], "{reproduced}");
    let differences = reproduced["differences"].as_array().unwrap();
    assert_eq!((differences.len(), &differences[0]["place"]), (1, &json!(other.id)));
    let why = differences[0]["why"].as_str().unwrap();
    assert!(why.contains("verdict was \"nothing\" and is \"act\" now") && why.contains("planned was []"), "{why}");
    // Both rule sets had their machines: what is compared with is what was decided then.
    let before = &document["totals"]["before"];
    assert_eq!(before["actions"]["isolate"]["done"], 11, "{before}");
    assert_eq!((code, document["totals"]["after"]["isolated"].as_u64()), (1, Some(6)));
    assert_eq!(document["actions"]["removed"].as_array().map(Vec::len), Some(5), "{}", document["actions"]);
    let limits = document["limits"].to_string();
    assert!(limits.contains("3 rule sets have decided") && limits.contains(gone.hash()), "{limits}");
    assert!(!limits.contains(&undecided.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_what_was_decided_gives_the_same_bytes_while_decisions_go_on() {
    let world = World::open();
    let rules = text(&world, RULE).await;
    for number in 0..5 {
        note(&world, &decided(&world, "High", number, &rules).await).await;
    }
    let (_, first, _) = world.says(&RECORDED);
    world.write("first.json", &first);
    let other = text(&world, &RULE.replace("High", "Low")).await;
    note(&world, &decided(&world, "Low", 7, &other).await).await;
    let again: Vec<&str> = RECORDED.iter().copied().chain(["--manifest", "first.json"]).collect();
    assert_eq!(world.says(&again).1, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_refused_where_nothing_was_or_its_rules_have_no_text() {
    let world = World::open();
    world.enriched("High", 0..3).await;
    let (code, _, told) = world.says(&RECORDED);
    assert!(code == 2 && told.contains("no decision on a record of cordon.enriched is recorded"), "{code} {told}");
    let gone = RuleSet::load(&[("r.yaml".to_owned(), RULE.to_owned())]).unwrap();
    note(&world, &decided(&world, "High", 4, &gone).await).await;
    let (code, _, told) = world.says(&RECORDED);
    assert!(code == 2 && told.contains("its newest rules cannot be had: no text of rules"), "{code} {told}");
    world.write("records.ndjson", "");
    let (code, _, told) = world.says(&["--rules", "new", "--against", "recorded", "--input", "records.ndjson"]);
    assert!(code == 2 && told.contains("give --config"), "{code} {told}");
}
