//! Brokers that are slow or refuse to write, in librdkafka's in-process cluster: what is not confirmed is not settled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
#![allow(dead_code, reason = "the support module is shared with other tests")]

mod kafka_support;

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cordon_records::{Classified, DeadLetterReason, ErrorClass, Headers, Topic, dead_letter_header as header};
use cordon_runtime::kafka::{Inbound, KafkaFailure, KafkaSettings, Outcome, StateLog, read_all};
use kafka_support::faulty::FaultyBroker;
use kafka_support::stage::{Running, fill_in_order, numbered, passed_on};
use kafka_support::*;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use RDKafkaRespErr::*;

async fn values(kafka: &KafkaSettings, topic: Topic) -> BTreeMap<String, usize> {
    let mut values = BTreeMap::new();
    for record in read_all(kafka, topic).await.unwrap() {
        *values.entry(value(&record)).or_default() += 1;
    }
    values
}

/// Fault 7: errors that pass are tried again under the same number, so that nothing is doubled either.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_refuses_to_write_nothing_is_settled_and_afterwards_everything_once() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[("retry.backoff.ms", "20"), ("retry.backoff.max.ms", "50")]);
    fill_in_order(&process(kafka.clone()), 50, 5).await;
    let passing = [
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
    ];
    let refusals: Vec<RDKafkaRespErr> = passing.into_iter().cycle().take(4000).collect();
    broker.does(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &refusals)).await;
    let stage = Running::start(&kafka, 8, |input| ready(passed_on(&input)));
    until("all in flight", || {
        let seen = metric(&stage.context, "cordon_records_in_flight");
        holds(seen == 50, seen)
    })
    .await;
    let watched = Instant::now();
    while watched.elapsed() < Duration::from_millis(1500) {
        assert_eq!(counts(&stage.context), [50, 0, 0, 0]);
        assert!(broker.committed("enrich", Topic::Alerts).await.values().all(|next| *next == 0));
    }
    broker.does(|cluster| cluster.clear_request_errors(RDKafkaApiKey::Produce)).await;
    stage.settled(50).await;
    assert_eq!(counts(&stage.context), [50, 50, 0, 0]);
    stage.stop().await.unwrap();
    let written = values(&kafka, Topic::Enriched).await;
    assert!(written.len() == 50 && written.values().all(|count| *count == 1), "{written:?}");
}

/// Fault 7: what the broker will never take is no reason to try for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_the_broker_finds_too_large_makes_its_input_a_dead_letter() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[]);
    fill_in_order(&process(kafka.clone()), 1, 1).await;
    // Once in its batch, and once alone.
    broker
        .does(|cluster| cluster.request_errors(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 2]))
        .await;
    let stage = Running::start(&kafka, 1, |input| ready(passed_on(&input)));
    stage.settled(1).await;
    assert_eq!(counts(&stage.context), [1, 0, 0, 1]);
    stage.stop().await.unwrap();
    let dead = read_all(&kafka, Topic::DeadLetters).await.unwrap();
    assert_eq!(dead[0].headers.text(header::REASON), Some("oversize"));
    assert!(values(&kafka, Topic::Enriched).await.is_empty());
}

/// Fault 7: librdkafka reports such a record as delivered, at an offset below zero.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_which_the_broker_does_not_say_where_it_is_counts_as_unconfirmed() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[]);
    let context = process(kafka.clone());
    let mut log = StateLog::open(&context, Topic::Ledger).await.unwrap();
    let first = log.append("k", Headers::default(), b"one".to_vec()).await.unwrap();
    let twice = [RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER];
    broker.does(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &twice)).await;
    let failure = log.append("k", Headers::default(), b"two".to_vec()).await.unwrap_err();
    assert_eq!(failure.class(), ErrorClass::Ambiguous, "{failure}");
    assert_eq!((first, value(&log.next().await.unwrap())), (0, "one".to_owned()));

    // A stage writes such an output once more: rather twice than never.
    fill_in_order(&context, 1, 1).await;
    broker.does(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &twice)).await;
    let stage = Running::start(&kafka, 1, |input| ready(passed_on(&input)));
    stage.settled(1).await;
    stage.stop().await.unwrap();
    assert_eq!(values(&kafka, Topic::Enriched).await, BTreeMap::from([("0".to_owned(), 1)]));
}

/// Fault 6: two seconds for every answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_broker_loses_no_member_fills_no_memory_and_gets_everything_in_the_end() {
    let broker = FaultyBroker::start(1);
    for kafka in [broker.settings(&[]), broker.classic(&[])] {
        let handled: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let notes = Arc::clone(&handled);
        let stage = Running::start(&kafka, 8, move |input| {
            *notes.lock().unwrap().entry(format!("{}/{}", input.partition, input.offset)).or_default() += 1;
            ready(passed_on(&input))
        });
        fill(&process(kafka.clone()), Topic::Alerts, numbered(12, 12)).await;
        until("the first ones", || holds(counts(&stage.context)[1] >= 12, counts(&stage.context))).await;
        let before = counts(&stage.context)[1];
        fill(&process(kafka.clone()), Topic::Alerts, numbered(3000, 300)).await;
        broker.does(|cluster| cluster.broker_round_trip_time(-1, Duration::from_secs(2)).unwrap()).await;
        let mut most = 0;
        cordon_wait::throughout(Duration::from_secs(10), || {
            most = most.max(metric(&stage.context, "cordon_records_in_flight"))
        })
        .await;
        assert!(most < 1200, "{most} in flight");
        // What comes all at once is written by a client that connects only then, and each of its questions takes two seconds.
        until("something to move", || holds(counts(&stage.context)[1] > before, counts(&stage.context))).await;
        broker.does(|cluster| cluster.broker_round_trip_time(-1, Duration::ZERO).unwrap()).await;
        until("the rest", || {
            let done = handled.lock().unwrap().len();
            let seen = (done, counts(&stage.context));
            holds(seen.1[0] == seen.1[1] && seen.1[1] >= before + 3000, seen)
        })
        .await;
        stage.stop().await.unwrap();
        let handled = handled.lock().unwrap();
        let again: Vec<_> = handled.iter().filter(|(_, times)| **times > 1).collect();
        assert!(again.is_empty(), "read again, as after a lost membership: {again:?}");
    }
}

const POISON: &str = "7";

fn one_is_poison(input: &Inbound) -> Outcome {
    if value(input) == POISON {
        return Outcome::DeadLetter { reason: DeadLetterReason::Decode, detail: "not json".into() };
    }
    passed_on(input)
}

/// Fault 24: the dead letters have no leader.
#[tokio::test(flavor = "multi_thread")]
async fn an_input_whose_dead_letter_cannot_be_written_stays_open_and_ends_when_it_can() {
    let broker = FaultyBroker::start(1);
    fill_in_order(&process(broker.settings(&[])), 20, 20).await;
    // A record that waits longer than this is given up by the client, and written again by the stage.
    let kafka = broker.settings(&[("delivery.timeout.ms", "500"), ("request.timeout.ms", "400")]);
    let leader = |broker_id: Option<i32>| {
        move |cluster: &kafka_support::faulty::Cluster| {
            for partition in 0..Topic::DeadLetters.spec().partitions {
                cluster.partition_leader("cordon.dead-letters", partition, broker_id).unwrap();
            }
        }
    };
    broker.does(leader(None)).await;
    let stage = Running::start(&kafka, 4, |input| ready(one_is_poison(&input)));
    until("all but one", || holds(counts(&stage.context) == [20, 19, 0, 0], counts(&stage.context))).await;
    let alerts = read_all(&kafka, Topic::Alerts).await.unwrap();
    let poison = alerts.iter().find(|record| value(record) == POISON).unwrap();
    let watched = Instant::now();
    while watched.elapsed() < Duration::from_secs(4) {
        assert_eq!(counts(&stage.context), [20, 19, 0, 0]);
        let next = broker.committed("enrich", Topic::Alerts).await.get(&poison.partition).copied().unwrap_or(0);
        assert!(next <= poison.offset, "{next} is committed, {} is open", poison.offset);
    }
    assert!(!stage.task.is_finished());
    broker.does(leader(Some(1))).await;
    stage.settled(20).await;
    stage.stop().await.unwrap();
    assert_eq!(values(&kafka, Topic::DeadLetters).await.into_keys().collect::<Vec<_>>(), [POISON]);
    let next = broker.committed("enrich", Topic::Alerts).await;
    assert!(next[&poison.partition] > poison.offset, "{next:?}");
}

/// Fault 24: the stage may not write dead letters.
#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_may_not_write_dead_letters_stops_and_the_next_one_that_may_ends_the_input() {
    let broker = FaultyBroker::start(1);
    let kafka = broker.settings(&[]);
    fill_in_order(&process(kafka.clone()), 10, 1).await;
    let denied = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    broker.does(move |cluster| cluster.topic_error("cordon.dead-letters", denied).unwrap()).await;
    let stage = Running::start(&kafka, 4, |input| ready(one_is_poison(&input)));
    let failure = tokio::time::timeout(PATIENCE, stage.task).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(failure, KafkaFailure::Forbidden { .. }), "{failure}");
    assert!(failure.to_string().contains("write to cordon.dead-letters"), "{failure}");
    assert_eq!(counts(&stage.context)[3], 0);
    let committed = broker.committed("enrich", Topic::Alerts).await;
    assert_eq!(committed.values().max(), Some(&7), "{committed:?}");

    let granted = RD_KAFKA_RESP_ERR_NO_ERROR;
    broker.does(move |cluster| cluster.topic_error("cordon.dead-letters", granted).unwrap()).await;
    let next = Running::start(&kafka, 4, |input| ready(one_is_poison(&input)));
    next.settled(3).await;
    assert_eq!(counts(&next.context), [3, 2, 0, 1]);
    next.stop().await.unwrap();
    let written: BTreeSet<String> = values(&kafka, Topic::Enriched).await.into_keys().collect();
    assert_eq!(written.len(), 9);
}
