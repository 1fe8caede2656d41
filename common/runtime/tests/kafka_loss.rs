//! Records that the broker deleted before they were read, in librdkafka's in-process cluster, which keeps the newest five
//! megabytes of a partition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
#![allow(dead_code, reason = "the support module is shared with other tests")]

mod kafka_support;

use std::future::ready;
use std::time::Duration;

use cordon_records::{Topic, dead_letter_header as header};
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
        let election =
            Election { topic: Topic::Decisions, group: "act".into(), start: Start::Committed, reads_past: false };
        let ended = elect(election, Idle, &context, CancellationToken::new());
        let ended = tokio::time::timeout(PATIENCE + Duration::from_secs(10), ended).await.unwrap().unwrap_err();
        assert!(matches!(ended, ElectError::Kafka(KafkaFailure::NoOffset { .. })), "{ended}");
        drop(context);
        assert_eq!(letters(&kafka).await.len(), 1, "after start {start}");
    }
}

/// The group's coordinator tells librdkafka where the stage stands, which asks first, and nobody who asks after that: the
/// stage reads, and cannot look whether records are lost.
async fn doubtful(broker: &FaultyBroker) {
    let mut answers = vec![RD_KAFKA_RESP_ERR_INVALID_REQUEST; 1_000];
    answers[0] = RD_KAFKA_RESP_ERR_NO_ERROR;
    broker.does(move |cluster| cluster.request_errors(RDKafkaApiKey::OffsetFetch, &answers)).await;
}

async fn answers_again(broker: &FaultyBroker) {
    broker.does(|cluster| cluster.clear_request_errors(RDKafkaApiKey::OffsetFetch)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_committed_while_nobody_can_say_where_the_stage_stands_and_the_next_one_reads_it_again() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[]);
    for text in ["one", "two", "three"] {
        process(kafka.clone()).producer.send(record(Topic::Alerts, "a", text)).await.unwrap();
    }
    doubtful(&broker).await;
    let stage = skipping(&kafka);
    stage.settled(3).await;
    stage.stop().await.unwrap();
    answers_again(&broker).await;
    assert_eq!(broker.committed("enrich", Topic::Alerts).await.values().max(), None);
    doubtful(&broker).await;
    let stage = skipping(&kafka);
    stage.settled(3).await;
    answers_again(&broker).await;
    until("what was settled long ago is committed", || async {
        let committed = broker.committed("enrich", Topic::Alerts).await;
        if committed.values().max() == Some(&3) { Ok(()) } else { Err(format!("{committed:?}")) }
    })
    .await;
    stage.stop().await.unwrap();
    assert_eq!(letters(&kafka).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_learns_late_where_it_stands_tells_of_what_is_lost_before_the_first_record_that_came() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[]);
    behind(&kafka).await;
    doubtful(&broker).await;
    let stage = skipping(&kafka);
    until("a record comes", || holds(counts(&stage.context)[0] > 0, counts(&stage.context))).await;
    answers_again(&broker).await;
    // Of the thirteen the first was read before.
    until("all others are read or counted as lost", || {
        let (read, lost) = (counts(&stage.context)[2], metric(&stage.context, "cordon_records_lost_total"));
        holds(lost > 0 && read + lost == 12, (read, lost))
    })
    .await;
    let lost = metric(&stage.context, "cordon_records_lost_total");
    stage.stop().await.unwrap();
    let [letter] = &letters(&kafka).await[..] else { panic!("not one letter") };
    let places = [header::OFFSET, header::LAST_OFFSET].map(|name| letter.headers.text(name).unwrap().to_owned());
    assert_eq!(places, ["1".to_owned(), lost.to_string()]);
    assert_eq!(broker.committed("enrich", Topic::Alerts).await.values().max(), Some(&13));
}
