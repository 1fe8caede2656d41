//! `cordon dlq` against the in-process broker: what an operator sees, and what is on the topics afterwards.
//!
//! That broker cannot seek by time, so what is back already is tested against a real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use cordon_records::{DeadLetterReason, Headers, SystemClock, Topic, dead_letter_header as header};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Inbound, MemoryBroker, Outbound, dead_letter, read_all};
use serde_json::Value;

/// A broker with dead letters, and a configuration that names it.
struct World {
    context: Context,
    config: PathBuf,
    _folder: tempfile::TempDir,
    _broker: MemoryBroker,
}

impl World {
    fn start(stage: &'static str) -> Self {
        let broker = MemoryBroker::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cordon.yaml");
        std::fs::write(&config, format!("kafka: {{bootstrap_servers: '{}'}}\n", broker.bootstrap())).unwrap();
        let registry = prometheus::Registry::new();
        let context = Context::open(stage, broker.settings(), registry, Arc::new(SystemClock)).unwrap();
        Self { context, config, _folder: folder, _broker: broker }
    }

    /// A record that is written to `topic`, read there, and given up.
    async fn dies(&self, topic: Topic, headers: Headers, value: &[u8], reason: DeadLetterReason) {
        let outbound = Outbound { topic, key: Some("key".to_owned()), headers, value: Some(value.to_vec()) };
        self.context.producer.send(outbound).await.unwrap();
        let record = self.records(topic).await.pop().unwrap();
        dead_letter(&self.context, &record, reason, "no good").await.unwrap();
    }

    async fn records(&self, topic: Topic) -> Vec<Inbound> {
        read_all(&self.context.kafka, topic).await.unwrap()
    }

    /// Where the dead letters are, as an operator writes it.
    async fn places(&self) -> Vec<String> {
        let letters = self.records(Topic::DeadLetters).await;
        letters.iter().map(|letter| format!("{}/{}", letter.partition, letter.offset)).collect()
    }

    async fn dlq(&self, args: &[&str]) -> (Option<i32>, String, String) {
        self.cordon(&[&["dlq"], args].concat()).await
    }

    async fn status(&self) -> (Option<i32>, String, String) {
        self.cordon(&["status"]).await
    }

    async fn cordon(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        command.args(args).arg("--config").arg(&self.config);
        let output: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

fn own() -> Headers {
    let mut headers = Headers::default();
    headers.set("ce_id", "a");
    headers.set("ce_id", "b");
    headers.0.push(("nothing".to_owned(), None));
    headers.0.push(("bytes".to_owned(), Some(vec![0, 0xff])));
    headers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_topic_is_named_so_that_a_wrong_prefix_is_noticed() {
    let world = World::start("enrich");
    let (code, told, noted) = world.dlq(&["list"]).await;
    assert_eq!(code, Some(0), "{noted}");
    assert!(told.starts_with("POSITION") && told.lines().count() == 1, "{told}");
    assert!(noted.contains("no dead letters on cordon.dead-letters"), "{noted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn list_filters_by_stage_and_reason_and_has_the_same_as_json() {
    let world = World::start("enrich");
    world.dies(Topic::Alerts, own(), b"{", DeadLetterReason::Decode).await;
    world.dies(Topic::Alerts, own(), b"[", DeadLetterReason::Panic).await;
    let (code, table, _) = world.dlq(&["list"]).await;
    assert_eq!((code, table.lines().count()), (Some(0), 3), "{table}");
    let (_, json, _) = world.dlq(&["list", "--stage", "enrich", "--reason", "panic", "-o", "json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    let letters = json["dead_letters"].as_array().unwrap();
    assert_eq!(letters.len(), 1, "{json}");
    assert_eq!((&letters[0]["reason"], &letters[0]["original"]["topic"]), (&"panic".into(), &"cordon.alerts".into()));
    assert_eq!((&letters[0]["detail"], &letters[0]["key"]), (&"no good".into(), &"key".into()));
    let (_, other, _) = world.dlq(&["list", "--stage", "act"]).await;
    assert_eq!(other.lines().count(), 1, "{other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn show_prints_no_byte_that_a_terminal_obeys() {
    let world = World::start("enrich");
    world.dies(Topic::Alerts, own(), b"\x1b]0;pwned\x07\xc2\x9b2J\xff", DeadLetterReason::Decode).await;
    let place = world.places().await.remove(0);
    let (code, page, _) = world.dlq(&["show", &place]).await;
    assert_eq!(code, Some(0), "{page}");
    assert!(page.contains(r"\u{1b}]0;pwned\u{7}\u{9b}2J\xff"), "{page}");
    assert!(page.contains("x-original-topic: cordon.alerts") && page.contains("nothing: (none)"), "{page}");
    let (_, json, _) = world.dlq(&["show", &place, "-o", "json"]).await;
    assert!(!(page + &json).chars().any(|c| c.is_control() && c != '\n'), "{json}");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["value_base64"], "G10wO3B3bmVkB8KbMkr/");
    assert_eq!(json["headers"][1], serde_json::json!({"name": "ce_id", "value": "b"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_without_a_dead_letter_is_a_no_and_a_place_that_is_none_is_a_mistake() {
    let world = World::start("enrich");
    let (code, _, noted) = world.dlq(&["show", "0/99"]).await;
    assert_eq!(code, Some(1), "{noted}");
    assert!(noted.contains("cordon dlq list"), "{noted}");
    assert_eq!(world.dlq(&["show", "99"]).await.0, Some(2));
    assert_eq!(world.dlq(&["redrive", "--yes", "0/99"]).await.0, Some(1));
    assert_eq!(world.dlq(&["redrive", "--yes", "--dry-run"]).await.0, Some(2));
    assert_eq!(world.dlq(&["list", "--reason", "bad"]).await.0, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_sends_nothing_until_it_is_told_yes() {
    let world = World::start("enrich");
    world.dies(Topic::Alerts, own(), b"{", DeadLetterReason::Decode).await;
    for args in [&["redrive"][..], &["redrive", "--dry-run"]] {
        let (code, told, noted) = world.dlq(args).await;
        assert_eq!(code, Some(0), "{noted}");
        assert!(told.contains("would go to cordon.alerts with key key"), "{told}");
        assert!(noted.contains("nothing was sent"), "{noted}");
    }
    assert_eq!(world.records(Topic::Alerts).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_back_is_the_record_as_it_was_and_where_it_came_from() {
    let world = World::start("enrich");
    world.dies(Topic::Alerts, own(), b"{\xff", DeadLetterReason::Decode).await;
    let letter = world.records(Topic::DeadLetters).await.remove(0);
    let (code, told, noted) = world.dlq(&["redrive", "--yes", "--stage", "enrich"]).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    let alerts = world.records(Topic::Alerts).await;
    let (before, after) = (&alerts[0], &alerts[1]);
    assert!(told.contains(&format!("is back at {} with", after.position())), "{told}");
    assert_eq!((&before.key, &before.value, before.partition), (&after.key, &after.value, after.partition));
    let mut expected = own();
    expected.set(header::TOPIC, "cordon.alerts");
    expected.set(header::PARTITION, &before.partition.to_string());
    expected.set(header::OFFSET, &before.offset.to_string());
    expected.set(header::TIMESTAMP, &before.timestamp.unwrap().to_string());
    expected.set("x-redrive-id", &format!("{}@{}", letter.position(), letter.timestamp.unwrap()));
    expected.set("x-redrive-count", "1");
    assert_eq!(after.headers, expected);
}

#[test]
fn the_help_of_redrive_tells_the_rate_and_what_is_never_sent_back() {
    let output = Command::new(env!("CARGO_BIN_EXE_cordon")).args(["dlq", "redrive", "--help"]).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_sends_no_more_a_second_than_the_rate_allows() {
    let world = World::start("enrich");
    for _ in 0..4 {
        world.dies(Topic::Alerts, own(), b"{", DeadLetterReason::Decode).await;
    }
    let (code, told, noted) = world.dlq(&["redrive", "--yes", "--rate", "4"]).await;
    assert_eq!(code, Some(0), "{told}{noted}");
    let alerts = world.records(Topic::Alerts).await;
    let is_back = |record: &&Inbound| record.headers.text("x-redrive-id").is_some();
    let mut sent: Vec<_> = alerts.iter().filter(is_back).map(|record| record.timestamp.unwrap()).collect();
    sent.sort();
    assert_eq!(sent.len(), 4);
    // A quarter of a second each, less what a timer may be early.
    let gaps: Vec<i128> = sent.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_millis()).collect();
    assert!(gaps.iter().all(|gap| *gap >= 200), "{gaps:?}");
    assert_eq!(world.dlq(&["redrive", "--rate", "0"]).await.0, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stub_a_command_and_a_record_that_was_back_three_times_stay_where_they_are() {
    let world = World::start("act");
    let mut thrice = own();
    thrice.set("x-redrive-count", "3");
    world.dies(Topic::Enriched, thrice, b"{", DeadLetterReason::Decode).await;
    world.dies(Topic::Commands, own(), b"{", DeadLetterReason::Decode).await;
    let mut stub = own();
    for (name, value) in [(header::TOPIC, "cordon.enriched"), ("x-original-size", "2000000")] {
        stub.set(name, value);
    }
    let parts = Outbound { topic: Topic::DeadLetters, key: None, headers: stub, value: Some(b"{".to_vec()) };
    world.context.producer.send(parts).await.unwrap();
    let (code, told, noted) = world.dlq(&["redrive", "--yes"]).await;
    assert_eq!(code, Some(1), "{told}");
    for part in ["sent back 3 times", "came from cordon.commands", "of 2000000; read it at its origin"] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    assert!(noted.contains("3 cannot be, 0 were before, 0 sent back"), "{noted}");
    assert_eq!((world.records(Topic::Enriched).await.len(), world.records(Topic::Commands).await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_from_before_the_topic_was_made_anew_is_void_and_that_is_said() {
    let world = World::start("enrich");
    // Somebody had seen seventeen of each partition of the topic that was here before.
    let before = serde_json::json!({"entry": "seen", "by": "ann", "at": "2026-11-22T18:00:00Z", "dead_letters": [
        {"partition": 0, "offset": 17}, {"partition": 1, "offset": 17}, {"partition": 2, "offset": 17}]});
    let key = Some("dead-letters/seen".to_owned());
    let value = Some(before.to_string().into_bytes());
    world
        .context
        .producer
        .send(Outbound { topic: Topic::Notified, key, headers: Headers::default(), value })
        .await
        .unwrap();
    world.dies(Topic::Alerts, own(), b"{", DeadLetterReason::Decode).await;
    let (code, told, noted) = world.status().await;
    assert!(code == Some(1) && told.contains("1 dead letters that nobody has seen"), "{told}{noted}");
    assert!(told.contains("up to 17 of partition") && told.contains("void"), "{told}");
    let place = world.places().await.remove(0);
    let (code, told, noted) = world.dlq(&["seen", &place]).await;
    assert!(code == Some(0) && told.contains("1 seen now, 0 not seen yet"), "{told}{noted}");
    assert!(noted.contains("up to 17 of partition 0") && noted.contains("void"), "{noted}");
    // Its void part is not written again: it would count once the topic has grown so far.
    let (_, told, noted) = world.dlq(&["seen", "--all"]).await;
    assert!(told.contains("0 seen now, 0 not seen yet") && !noted.contains("void"), "{told}{noted}");
    world.dies(Topic::Alerts, own(), b"[", DeadLetterReason::Decode).await;
    let (_, told, noted) = world.dlq(&["seen", "--all"]).await;
    assert!(told.contains("1 seen now, 0 not seen yet"), "{told}{noted}");
}
