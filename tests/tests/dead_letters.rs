//! Dead letters of real processes over real Kafka: what is kept of a record that no stage can handle, the way back, and
//! the stage that stops when everything is poison.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::{
    ActionState, Clock as _, DecisionRecord, Ruling, SystemClock, Topic, Verdict, dead_letter_header as header,
};
use cordon_runtime::kafka::{Inbound, Producer, check_topics, dead_letter, read_all};
use cordon_simulator::{SimAlert, TENANT_ID};
use cordon_tests::oracle;
use cordon_tests::oracle::committed;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::processes::{Process, cordon};
use cordon_tests::wait::until;
use jiff::{SignedDuration, Timestamp};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::Mutex;

/// Five processes and a broker on two cores are enough; pipelines take turns.
static TURN: Mutex<()> = Mutex::const_new(());

type Bytes = Option<Vec<u8>>;

/// A pipeline without processes, whose topics are there: a broker answers that it made them before it serves them all.
async fn prepared(test: &str) -> Option<Pipeline> {
    let pipeline = Pipeline::prepare(test, Setup::default()).await?;
    until(SOON, "the topics", async || check_topics(&pipeline.kafka, &Topic::ALL).await).await;
    Some(pipeline)
}

/// A record that a stranger writes, and where it came to lie.
struct Stray {
    topic: String,
    partition: i32,
    offset: i64,
    timestamp: i64,
    key: Vec<u8>,
    headers: Vec<(String, Bytes)>,
    value: Vec<u8>,
}

/// Headers of a stranger: repeated, empty and no text, and a claim to have died elsewhere.
fn strange_headers() -> Vec<(String, Bytes)> {
    let some = |name: &str, value: &[u8]| (name.to_owned(), Some(value.to_vec()));
    vec![
        some("ce_id", b"a"),
        some("ce_id", b"b"),
        ("nothing".to_owned(), None),
        some("empty", b""),
        some("bytes", &[0, 0xff, b'\n']),
        some(header::TOPIC, b"cordon.commands"),
        some(header::OFFSET, b"1"),
        some(header::STAGE, b"nobody"),
        some(header::REASON, b"panic"),
    ]
}

/// Those of them that a dead letter keeps: names of ours are not for strangers.
fn kept(headers: &[(String, Bytes)]) -> Vec<(String, Bytes)> {
    headers.iter().filter(|(name, _)| !name.starts_with("x-")).cloned().collect()
}

fn header_of(name: &str, value: &str) -> (String, Bytes) {
    (name.to_owned(), Some(value.as_bytes().to_vec()))
}

/// Its own headers, and where it came from.
fn with_origin(stray: &Stray) -> Vec<(String, Bytes)> {
    let mut headers = kept(&stray.headers);
    headers.push(header_of(header::TOPIC, &stray.topic));
    headers.push(header_of(header::PARTITION, &stray.partition.to_string()));
    headers.push(header_of(header::OFFSET, &stray.offset.to_string()));
    let at = Timestamp::from_millisecond(stray.timestamp).unwrap();
    headers.push(header_of(header::TIMESTAMP, &at.to_string()));
    headers
}

async fn write(pipeline: &Pipeline, topic: Topic, key: &[u8], value: &[u8]) -> Stray {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &pipeline.kafka.bootstrap_servers)
        .set("message.max.bytes", "1040000")
        .create()
        .unwrap();
    let (topic, headers) = (pipeline.kafka.topic(topic), strange_headers());
    let owned = headers
        .iter()
        .fold(OwnedHeaders::new(), |owned, (key, value)| owned.insert(Header { key, value: value.as_deref() }));
    let record = FutureRecord::to(&topic).key(key).payload(value).headers(owned);
    let at = producer.send(record, SOON).await.map_err(|(why, _)| why).unwrap();
    let timestamp = at.timestamp.to_millis().unwrap();
    let (key, value) = (key.to_vec(), value.to_vec());
    Stray { topic, partition: at.partition, offset: at.offset, timestamp, key, headers, value }
}

/// What is on a topic, read without our code.
async fn seen(pipeline: &Pipeline, topic: Topic) -> Vec<OwnedMessage> {
    let (bootstrap, name) = (pipeline.kafka.bootstrap_servers.clone(), pipeline.kafka.topic(topic));
    tokio::task::spawn_blocking(move || oracle::records(&bootstrap, &name, SOON)).await.unwrap()
}

fn headers_of(message: &OwnedMessage) -> Vec<(String, Bytes)> {
    let headers = message.headers().expect("headers");
    headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
}

fn text<'a>(headers: &'a [(String, Bytes)], name: &str) -> Option<&'a str> {
    let (_, value) = headers.iter().find(|(key, _)| key == name)?;
    std::str::from_utf8(value.as_deref()?).ok()
}

/// Waits until so many records have died, and returns them.
async fn died(pipeline: &Pipeline, count: usize) -> Vec<OwnedMessage> {
    until(SOON, &format!("{count} dead letters"), async || {
        let letters = seen(pipeline, Topic::DeadLetters).await;
        if letters.len() == count { Ok(letters) } else { Err(format!("{} are there", letters.len())) }
    })
    .await
}

fn letter_of<'a>(letters: &'a [OwnedMessage], stray: &Stray) -> &'a OwnedMessage {
    let offset = stray.offset.to_string();
    let is_it = |letter: &&OwnedMessage| {
        let headers = headers_of(letter);
        text(&headers, header::TOPIC) == Some(&stray.topic) && text(&headers, header::OFFSET) == Some(&offset)
    };
    letters.iter().find(is_it).unwrap_or_else(|| panic!("no dead letter of {}", stray.topic))
}

/// Header by header: its own, where it came from, who gave it up and why, and nothing else.
fn is_told_in_full(letter: &OwnedMessage, stray: &Stray, stage: &str, reason: &str, size: Option<&str>) {
    let headers = headers_of(letter);
    let detail = text(&headers, header::DETAIL).expect("a detail");
    assert!(!detail.is_empty() && detail.len() <= 4_096, "{detail:?}");
    let failed_at: Timestamp = text(&headers, header::FAILED_AT).expect("a time").parse().expect("RFC 3339");
    let age = SystemClock.now().duration_since(failed_at).abs();
    assert!(age < SignedDuration::from_secs(120), "{failed_at}");
    let mut expected = with_origin(stray);
    let mut add = |name: &str, value: &str| expected.push(header_of(name, value));
    add(header::STAGE, stage);
    add(header::REASON, reason);
    add(header::DETAIL, detail);
    add(header::FAILED_AT, &failed_at.to_string());
    if let Some(size) = size {
        add("x-original-size", size);
    }
    assert_eq!(headers, expected, "headers of the dead letter of {}", stray.topic);
}

fn place(letter: &OwnedMessage) -> String {
    format!("{}/{}", letter.partition(), letter.offset())
}

/// `cordon dlq …` in a process of its own: exit code, and all that it says.
async fn dlq(pipeline: &Pipeline, args: &[&str]) -> (Option<i32>, String) {
    cordon(pipeline.config(), &[&["dlq"], args].concat()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_on_any_topic_is_kept_whole_with_its_origin_and_the_rest_goes_on() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = prepared("poison").await else { return };
    pipeline.start_stage("cordon-act", 0, &["--init-ledger"]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    for stage in ["cordon-ingest", "cordon-enrich", "cordon-notify"] {
        pipeline.start_stage(stage, 0, &[]);
    }
    let (key, value) = ([0xff, b'k'], b"{\"poison\": \x1b[2J\xfe");
    let readers =
        [(Topic::Alerts, "enrich"), (Topic::Enriched, "act"), (Topic::Decisions, "act"), (Topic::Actions, "notify")];
    let mut strays = Vec::new();
    for (topic, stage) in readers {
        strays.push((write(&pipeline, topic, &key, value).await, stage));
    }
    let letters = died(&pipeline, strays.len()).await;
    for (stray, stage) in &strays {
        let letter = letter_of(&letters, stray);
        assert_eq!((letter.key(), letter.payload()), (Some(&stray.key[..]), Some(&stray.value[..])));
        is_told_in_full(letter, stray, stage, "decode", None);
    }
    let (code, told) = dlq(&pipeline, &["list"]).await;
    assert_eq!((code, told.lines().count()), (Some(0), 5), "{told}");
    assert!(strays.iter().all(|(stray, _)| told.contains(&stray.topic)), "{told}");

    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    pipeline.mailed("LAPTOP-ANNA: isolated", SOON).await;
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_record_that_is_too_large_the_head_is_kept_and_never_sent_back() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = prepared("large").await else { return };
    let _enrich = pipeline.spawn("cordon-enrich", &[], &[]);
    let large = write(&pipeline, Topic::Alerts, b"large", &vec![b'x'; 1_000_000]).await;
    let letters = died(&pipeline, 1).await;
    assert_eq!(letters[0].payload(), Some(&large.value[..64 * 1024]));
    is_told_in_full(&letters[0], &large, "enrich", "decode", Some("1000000"));
    let (code, told) = dlq(&pipeline, &["redrive", "--yes"]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("stays: only its first bytes are here, of 1000000"), "{told}");
    assert_eq!(seen(&pipeline, Topic::Alerts).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_dies_again_keeps_its_first_origin_and_is_sent_back_three_times_at_most() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = prepared("thrice").await else { return };
    let _enrich = pipeline.spawn("cordon-enrich", &[], &[]);
    let stray = write(&pipeline, Topic::Alerts, b"key", b"{").await;
    let mut last = died(&pipeline, 1).await.remove(0);
    for count in 1..=3 {
        let written_at = Timestamp::from_millisecond(last.timestamp().to_millis().unwrap()).unwrap();
        let name = format!("{}/{}@{written_at}", pipeline.kafka.topic(Topic::DeadLetters), place(&last));
        let (code, told) = dlq(&pipeline, &["redrive", "--yes", &place(&last)]).await;
        assert_eq!(code, Some(0), "{told}");
        let letters = died(&pipeline, count + 1).await;
        let times = count.to_string();
        let is_new = |it: &OwnedMessage| text(&headers_of(it), "x-redrive-count") == Some(&times);
        last = letters.into_iter().find(is_new).expect("the dead letter counts the ways back");
        let headers = headers_of(&last);
        assert_eq!(text(&headers, "x-redrive-id"), Some(&*name));
        assert_eq!(text(&headers, header::OFFSET), Some(&*stray.offset.to_string()), "the first origin");
        assert_eq!(last.payload(), Some(&stray.value[..]));
        assert!(headers.starts_with(&kept(&stray.headers)), "{headers:?}");
        let back = seen(&pipeline, Topic::Alerts).await;
        let back = back.iter().rfind(|record| record.partition() == stray.partition).unwrap();
        is_back_as_it_was(back, &stray, &name, &times);
    }
    let (code, told) = dlq(&pipeline, &["redrive", "--yes"]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("1 cannot be, 3 were before, 0 sent back"), "{told}");
    assert!(told.contains("sent back 3 times and died again"), "{told}");
    assert_eq!(seen(&pipeline, Topic::Alerts).await.len(), 4);
}

/// Header by header: its own, its first origin, and the marks of this way back.
fn is_back_as_it_was(back: &OwnedMessage, stray: &Stray, id: &str, count: &str) {
    let mut expected = with_origin(stray);
    let mut add = |name: &str, value: &str| expected.push(header_of(name, value));
    add("x-redrive-id", id);
    add("x-redrive-count", count);
    assert_eq!(headers_of(back), expected);
    assert_eq!((back.key(), back.payload()), (Some(&stray.key[..]), Some(&stray.value[..])));
}

/// A pipeline whose decide was started for another tenant, with the two alerts that it gave up: one of now, one old.
async fn misconfigured() -> Option<Pipeline> {
    let mut pipeline = prepared("redrive").await?;
    pipeline.start_stage("cordon-act", 0, &["--role", "respond", "--init-ledger"]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    let other = [("CORDON_DEFENDER__TENANT_ID", "00000000-0000-4000-8000-00000000dead")];
    let mut mistaken = pipeline.spawn("cordon-act", &["--role", "decide"], &other);
    for stage in ["cordon-ingest", "cordon-enrich", "cordon-notify"] {
        pipeline.start_stage(stage, 0, &[]);
    }
    let (anna, ben) = (machine(1, "LAPTOP-ANNA"), machine(2, "LAPTOP-BEN"));
    let two_hours_ago = serde_json::json!(SystemClock.now() - SignedDuration::from_hours(2));
    for machine in [&anna, &ben] {
        pipeline.tenant.add_machine(machine.clone());
    }
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    let old = SimAlert::on(&ben).severity("High").field("alertCreationTime", two_hours_ago.clone());
    pipeline.tenant.add_alert(old.field("lastEventTime", two_hours_ago));
    for letter in died(&pipeline, 2).await {
        let headers = headers_of(&letter);
        assert_eq!((text(&headers, header::STAGE), text(&headers, header::REASON)), (Some("act"), Some("foreign")));
    }
    // Its end commits what it settled: nothing but a redrive brings these alerts back.
    assert_eq!(mistaken.terminate(Duration::from_secs(40)).await.code(), Some(0));
    pipeline.start_stage("cordon-act", 1, &["--role", "decide"]);
    pipeline.ready("cordon-act", 1).await;
    Some(pipeline)
}

/// Waits until respond has settled so many decisions.
async fn settled(pipeline: &Pipeline, decisions: i64) {
    until(SOON, &format!("{decisions} settled decisions"), async || {
        let kafka = pipeline.kafka.clone();
        let (group, topic) = (kafka.group("act-respond"), kafka.topic(Topic::Decisions));
        let asked = tokio::task::spawn_blocking(move || committed(&kafka.bootstrap_servers, &group, &topic));
        match asked.await.unwrap().get(&0) {
            Some(next) if *next >= decisions => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_that_a_mistaken_tenant_killed_come_back_to_one_post_and_the_old_one_is_held() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = misconfigured().await else { return };
    let (anna, ben) = (machine(1, "LAPTOP-ANNA"), machine(2, "LAPTOP-BEN"));
    let chosen = ["redrive", "--stage", "act", "--reason", "foreign"];
    let (code, told) = dlq(&pipeline, &chosen).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("2 would be sent back; nothing was sent"), "{told}");
    assert_eq!(seen(&pipeline, Topic::Enriched).await.len(), 2, "asking sends nothing");

    assert_eq!(seen(&pipeline, Topic::Decisions).await.len(), 0, "nothing was decided until now");

    let (code, told) = dlq(&pipeline, &[&chosen[..], &["--yes"]].concat()).await;
    assert_eq!(code, Some(0), "{told}");
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
    let held = pipeline.reported(&ben.id, ActionState::Held, SOON).await;
    let age = held.guards.iter().find(|guard| guard.guard == "age").expect("the age guard was asked");
    assert_eq!(age.ruling, Ruling::Hold, "{held:?}");

    let (code, told) = dlq(&pipeline, &[&chosen[..], &["--yes"]].concat()).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("0 cannot be, 2 were before, 0 sent back"), "{told}");
    assert_eq!(seen(&pipeline, Topic::Enriched).await.len(), 4, "a repeated redrive sends nothing");

    // Even what is sent twice is done once: the ledger decides.
    send_anew(&pipeline).await;
    settled(&pipeline, 4).await;
    let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
    assert!(decisions.iter().all(|decision| decision.verdict == Verdict::Act), "{decisions:?}");
    assert_eq!((pipeline.tenant.isolate_posts(&anna.id), pipeline.tenant.isolate_posts(&ben.id)), (1, 0));
    let states: Vec<ActionState> = pipeline.actions().await.iter().map(|record| record.state).collect();
    assert_eq!(states.iter().filter(|state| **state == ActionState::Succeeded).count(), 1, "{states:?}");
}

/// Sends every dead letter to where it came from once more, as somebody would who does not look first.
async fn send_anew(pipeline: &Pipeline) {
    let producer = Producer::open(&pipeline.kafka, "stranger").unwrap();
    let letters: Vec<Inbound> = read_all(&pipeline.kafka, Topic::DeadLetters).await.unwrap();
    for letter in letters {
        let headers = dead_letter::sent_back(&letter.headers, &[]);
        dead_letter::send_back(&producer, &letter, Topic::Enriched, &headers).await.unwrap();
    }
}

/// A stage of which the breaker is tried.
struct Tried<'a> {
    test: &'a str,
    binary: &'a str,
    first: &'a [&'a str],
    next: &'a [&'a str],
    /// What its log says when it may be given records.
    begun: Option<&'a str>,
    topic: Topic,
    good: String,
}

/// Twenty poison records in a row are believed, also twice with a good one between; the next one stops the stage. What it
/// did not settle is read by the next process, which is believed no more than five times until it sees a good one.
async fn stops_at_the_twenty_first(tried: Tried<'_>) {
    let _turn = TURN.lock().await;
    let Some(pipeline) = prepared(tried.test).await else { return };
    let mut stage = pipeline.spawn(tried.binary, tried.first, &[]);
    if let Some(begun) = tried.begun {
        stage.line(SOON, begun).await;
    }
    // One key is one partition and one order.
    let poison = async |count: usize| {
        for _ in 0..count {
            write(&pipeline, tried.topic, b"key", b"{").await;
        }
    };
    for round in 1..=2 {
        write(&pipeline, tried.topic, b"key", tried.good.as_bytes()).await;
        poison(20).await;
        died(&pipeline, 20 * round).await;
        assert!(stage.is_running(), "twenty in a row are believed");
    }
    poison(3).await;
    stops(&mut stage, "20 records in a row went to the dead letters, and now ").await;
    assert_eq!(seen(&pipeline, Topic::DeadLetters).await.len(), 40, "the topic is not emptied");

    let mut next = pipeline.spawn(tried.binary, tried.next, &[]);
    died(&pipeline, 43).await;
    poison(2).await;
    died(&pipeline, 45).await;
    assert!(next.is_running(), "five are believed");
    poison(2).await;
    stops(&mut next, "all 5 records since the start went to the dead letters, and now ").await;
    assert_eq!(seen(&pipeline, Topic::DeadLetters).await.len(), 45, "the topic is not emptied");
}

/// It ends by itself, and says why and what to do.
async fn stops(stage: &mut Process, why: &str) {
    let status = stage.exit(SOON).await;
    assert_eq!(status.code(), Some(70), "{:?}", stage.log());
    let told = stage.log().into_iter().find(|line| line.contains(why)).unwrap_or_else(|| panic!("{:?}", stage.log()));
    for part in ["because of decode", "cordon dlq list --stage", "cordon dlq redrive"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enrich_stops_when_more_than_twenty_records_in_a_row_are_poison() {
    let good = include_str!("../../common/records/examples/v1/alert.json").to_owned();
    let (test, binary, topic) = ("breaker-enrich", "cordon-enrich", Topic::Alerts);
    stops_at_the_twenty_first(Tried { test, binary, first: &[], next: &[], begun: None, topic, good }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decide_stops_when_more_than_twenty_records_in_a_row_are_poison() {
    let good = include_str!("../../common/records/examples/v1/enriched.json").to_owned();
    assert!(good.contains(TENANT_ID), "a record of the tenant that the test runs for");
    let (test, binary, topic) = ("breaker-decide", "cordon-act", Topic::Enriched);
    let args = &["--role", "decide"];
    stops_at_the_twenty_first(Tried { test, binary, first: args, next: args, begun: None, topic, good }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn respond_stops_when_more_than_twenty_records_in_a_row_are_poison() {
    let mut good: serde_json::Value =
        serde_json::from_str(include_str!("../../common/records/examples/v1/decision.json")).unwrap();
    good["planned"] = serde_json::json!([]);
    assert_eq!(good["tenant"], TENANT_ID, "a record of the tenant that the test runs for");
    stops_at_the_twenty_first(Tried {
        test: "breaker-respond",
        binary: "cordon-act",
        first: &["--role", "respond", "--init-ledger"],
        next: &["--role", "respond"],
        begun: Some("respond holds the ledger"),
        topic: Topic::Decisions,
        good: good.to_string(),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notify_stops_when_more_than_twenty_records_in_a_row_are_poison() {
    let good = include_str!("../../common/records/examples/v1/action-accepted.json").to_owned();
    let (test, binary, topic) = ("breaker-notify", "cordon-notify", Topic::Actions);
    stops_at_the_twenty_first(Tried { test, binary, first: &[], next: &[], begun: None, topic, good }).await;
}
