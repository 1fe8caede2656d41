//! Real Apache Kafka: the broker that later tests rely on is there and does what the pipeline needs of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod round_trip;

use cordon_runtime::kafka::{Producer, apply_topics};
use cordon_tests::broker::{RealKafka, own_cluster, settings, unique_prefix};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_acknowledged_is_read_back() {
    let Some(kafka) = RealKafka::obtain() else { return };
    round_trip::topics_are_made_and_records_are_read_back(kafka.settings("round-trip"), 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_the_topics_twice_changes_nothing() {
    let Some(kafka) = RealKafka::obtain() else { return };
    let settings = kafka.settings("twice");
    let first = apply_topics(&settings).await.unwrap();
    let second = apply_topics(&settings).await.unwrap();
    assert_eq!(first.len(), second.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_lose_nothing_when_one_is_killed_and_comes_back() {
    let Some(mut cluster) = own_cluster(3, &[]) else { return };
    let kafka = settings(cluster.bootstrap(), &unique_prefix("three"));
    apply_topics(&kafka).await.unwrap();
    let producer = Producer::open(&kafka, "three").unwrap();
    for number in 0..10 {
        round_trip::write(&producer, number).await;
    }
    cluster.kill_node(2);
    for number in 10..20 {
        round_trip::write(&producer, number).await;
    }
    cluster.start_node(2);
    assert_eq!(round_trip::numbers(&kafka).await, (0..20).collect::<Vec<_>>());
}
