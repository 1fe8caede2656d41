//! Records that the broker deleted before they were read, in librdkafka's in-process cluster, which keeps the newest five
//! megabytes of a partition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
#![allow(dead_code, reason = "the support module is shared with other tests")]

mod kafka_support;

use std::future::ready;
use std::time::Duration;

use cordon_records::{Classified, ErrorClass, Topic, dead_letter_header as header};
use cordon_runtime::kafka::{
    ElectError, Election, Holder, Inbound, Inbox, KafkaFailure, KafkaSettings, Outcome, Start, Tenure, commit_end,
    elect, read_all,
};
use kafka_support::faulty::FaultyBroker;
use kafka_support::stage::Running;
use kafka_support::*;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio_util::sync::CancellationToken;

use RDKafkaRespErr::*;

/// Text that no compression makes small.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + u8::try_from(state % 75).unwrap())
    };
    (0..900_000).map(letter).collect()
}

/// More than a partition keeps.
async fn overflow(kafka: &KafkaSettings, topic: Topic) {
    let writer = process(kafka.clone());
    for seed in 0..12 {
        writer.producer.send(record(topic, "a", &noise(seed))).await.unwrap();
    }
}

fn skipping(kafka: &KafkaSettings) -> Running {
    Running::start(kafka, 8, |_| ready(Outcome::Skip("none")))
}

/// A group that has read one record, and then fell behind what is kept.
async fn behind(kafka: &KafkaSettings) {
    process(kafka.clone()).producer.send(record(Topic::Alerts, "a", "first")).await.unwrap();
    let stage = skipping(kafka);
    stage.settled(1).await;
    stage.stop().await.unwrap();
    overflow(kafka, Topic::Alerts).await;
}

/// The letters that tell of lost records.
async fn letters(kafka: &KafkaSettings) -> Vec<Inbound> {
    let all = read_all(kafka, Topic::DeadLetters).await.unwrap();
    all.into_iter().filter(|letter| letter.headers.text(header::REASON) == Some("lost")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_may_not_tell_of_lost_records_ends_and_does_not_hang() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[]);
    behind(&kafka).await;
    let refusals = [RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 1000];
    broker.does(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &refusals)).await;
    let stage = skipping(&kafka);
    let ended = tokio::time::timeout(PATIENCE, stage.task).await.expect("the stage hangs").unwrap().unwrap_err();
    assert!(matches!(ended, KafkaFailure::Forbidden { .. }), "{ended}");
    assert!(ended.to_string().contains("dead-letters"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_lost_records_cannot_be_told_of_the_stage_is_unready_and_says_why_and_then_goes_on() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[]);
    behind(&kafka).await;
    let refusals = [RD_KAFKA_RESP_ERR_POLICY_VIOLATION; 1000];
    broker.does(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &refusals)).await;
    let stage = skipping(&kafka);
    until("readiness tells of the lost records", || {
        let missing = stage.context.health.missing();
        holds(missing.iter().any(|why| why.contains("lost records of cordon.alerts cannot be told of")), missing)
    })
    .await;
    assert!(broker.committed("enrich", Topic::Alerts).await.values().all(|next| *next <= 1));
    broker.does(|cluster| cluster.clear_request_errors(RDKafkaApiKey::Produce)).await;
    until("it is ready", || {
        let missing = stage.context.health.missing();
        holds(missing.is_empty(), missing)
    })
    .await;
    stage.stop().await.unwrap();
    assert_eq!(letters(&kafka).await.len(), 1);
    assert_eq!(broker.committed("enrich", Topic::Alerts).await.values().max(), Some(&13));
}

#[derive(Debug, thiserror::Error)]
#[error("the holder gave up")]
struct GaveUp;

impl Classified for GaveUp {
    fn class(&self) -> ErrorClass {
        ErrorClass::Poison
    }
}

/// Holds and settles nothing.
struct Idle;

impl Holder for Idle {
    type Error = GaveUp;

    async fn hold(&mut self, _: Tenure, mut inbox: Inbox) -> Result<(), GaveUp> {
        while inbox.next().await.is_some() {}
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_ends_where_records_are_lost_tells_of_them_before_it_ends_and_once_however_often_it_starts() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[]);
    commit_end(&kafka, "act", Topic::Decisions).await.unwrap();
    overflow(&kafka, Topic::Decisions).await;
    for start in 0..3 {
        let context = process(kafka.clone());
        let election = Election { topic: Topic::Decisions, group: "act".into(), start: Start::Committed };
        let ended = elect(election, Idle, &context, CancellationToken::new());
        let ended = tokio::time::timeout(PATIENCE + Duration::from_secs(10), ended).await.unwrap().unwrap_err();
        assert!(matches!(ended, ElectError::Kafka(KafkaFailure::NoOffset { .. })), "{ended}");
        drop(context);
        assert_eq!(letters(&kafka).await.len(), 1, "after start {start}");
    }
}
