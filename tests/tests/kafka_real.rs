//! Real Apache Kafka: the broker that later tests rely on is there and does what the pipeline needs of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod round_trip;

use std::sync::Arc;
use std::time::Duration;

use cordon_records::{SystemClock, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Handler, Inbound, Outcome, Producer, Subscription, apply_topics, consume};
use cordon_tests::broker::{RealKafka, own_cluster, settings, unique_prefix};
use cordon_tests::wait::until;
use prometheus::Registry;
use tokio_util::sync::CancellationToken;

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

struct Never;

impl Handler for Never {
    async fn handle(&self, _: &Inbound) -> Outcome {
        Outcome::Skip("never")
    }
}

/// The in-process broker makes every topic that is asked for, so only a real one can show this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_does_not_exist_is_waited_for_and_named_in_health() {
    let Some(kafka) = RealKafka::obtain() else { return };
    let context = Context::open("enrich", kafka.settings("absent"), Registry::new(), Arc::new(SystemClock)).unwrap();
    let (stop, inside) = (CancellationToken::new(), context.clone());
    let shutdown = stop.clone();
    let stage = tokio::spawn(async move {
        let subscription = Subscription { topic: Topic::Alerts, group: "enrich".into(), concurrency: 1 };
        consume(subscription, Arc::new(Never), &inside, shutdown).await
    });
    until(Duration::from_secs(60), "health to say so", async || {
        let missing = context.health.missing();
        if missing.iter().any(|why| why.contains("does not exist")) { Ok(()) } else { Err(format!("{missing:?}")) }
    })
    .await;
    assert!(!stage.is_finished());
    stop.cancel();
    stage.await.unwrap().unwrap();
}
