//! Brokers that refuse what they may take later, in librdkafka's in-process cluster: records are dead letters for what
//! they are themselves, and for nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
#![allow(dead_code, reason = "the support module is shared with other tests")]

mod kafka_support;

use std::future::ready;
use std::time::{Duration, Instant};

use cordon_records::{Classified, ErrorClass, Headers, Topic};
use cordon_runtime::kafka::{StateLog, read_all};
use kafka_support::faulty::FaultyBroker;
use kafka_support::stage::{Running, fill_in_order, passed_on};
use kafka_support::*;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use RDKafkaRespErr::*;

/// What a broker says to time stamps that are out of `message.timestamp.{before,after}.max.ms`.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_refuses_time_stamps_nothing_dies_and_readiness_names_the_clock_and_then_all_is_written() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[]);
    fill_in_order(&process(kafka.clone()), 20, 5).await;
    let said = [RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP];
    let refusals: Vec<RDKafkaRespErr> = said.into_iter().cycle().take(4000).collect();
    broker.does(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &refusals)).await;
    let stage = Running::start(&kafka, 8, |input| ready(passed_on(&input)));
    until("readiness names the clock", || {
        let missing = stage.context.health.missing();
        let told = missing.iter().any(|why| why.contains("clock") && why.contains("message.timestamp.after.max.ms"));
        holds(told, missing)
    })
    .await;
    let watched = Instant::now();
    while watched.elapsed() < Duration::from_millis(2500) {
        assert_eq!(counts(&stage.context), [20, 0, 0, 0]);
        assert!(broker.committed("enrich", Topic::Alerts).await.values().all(|next| *next == 0));
    }
    broker.does(|cluster| cluster.clear_request_errors(RDKafkaApiKey::Produce)).await;
    stage.settled(20).await;
    assert_eq!(counts(&stage.context), [20, 20, 0, 0]);
    assert!(stage.context.health.missing().is_empty(), "{:?}", stage.context.health.missing());
    stage.stop().await.unwrap();
    assert!(read_all(&kafka, Topic::DeadLetters).await.unwrap().is_empty());
    assert_eq!(read_all(&kafka, Topic::Enriched).await.unwrap().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_broker_refuses_time_stamps_says_that_nothing_was_written_and_takes_the_next_record() {
    let broker = FaultyBroker::start(1);
    let context = process(broker.settings(&[]));
    let log = StateLog::open(&context, Topic::Ledger).await.unwrap();
    broker.does(|cluster| cluster.request_errors(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_INVALID_RECORD])).await;
    let failure = log.append("k", Headers::default(), b"one".to_vec()).await.unwrap_err();
    assert_eq!(failure.class(), ErrorClass::Transient, "{failure}");
    assert!(failure.to_string().contains("cordon.ledger") && failure.to_string().contains("clock"), "{failure}");
    assert!(!context.health.missing().is_empty());
    assert_eq!(log.append("k", Headers::default(), b"two".to_vec()).await.unwrap(), 0);
    assert!(context.health.missing().is_empty(), "{:?}", context.health.missing());
}

/// What a broker says while too few replicas are in sync. librdkafka tries again by itself, for two minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_records_nobody_confirms_for_15_s_is_not_ready_and_says_which_until_one_is() {
    let broker = FaultyBroker::start(1);
    let context = process(broker.settings(&[]));
    let log = StateLog::open(&context, Topic::Ledger).await.unwrap();
    let refusals = vec![RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 4000];
    broker.does(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &refusals)).await;
    let health = context.health.clone();
    let written = tokio::spawn(async move { log.append("k", Headers::default(), b"one".to_vec()).await });
    let begun = Instant::now();
    until("readiness names the topic", || {
        let missing = health.missing();
        holds(missing.iter().any(|why| why.contains("has confirmed no record on ledger for 15 s")), missing)
    })
    .await;
    assert!(begun.elapsed() >= Duration::from_secs(15), "{:?}", begun.elapsed());
    broker.does(|cluster| cluster.clear_request_errors(RDKafkaApiKey::Produce)).await;
    assert_eq!(written.await.unwrap().unwrap(), 0);
    assert!(health.missing().is_empty(), "{:?}", health.missing());
}

/// The broker measures a batch, which is more than any of its records.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_batch_that_is_too_large_are_written_one_by_one() {
    for code in [RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE] {
        let broker = FaultyBroker::start(1);
        let kafka = broker.settings(&[("linger.ms", "50")]);
        fill_in_order(&process(kafka.clone()), 20, 20).await;
        broker.does(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &[code])).await;
        let stage = Running::start(&kafka, 20, |input| ready(passed_on(&input)));
        stage.settled(20).await;
        assert_eq!(counts(&stage.context), [20, 20, 0, 0]);
        stage.stop().await.unwrap();
        assert_eq!(read_all(&kafka, Topic::Enriched).await.unwrap().len(), 20);
    }
}
