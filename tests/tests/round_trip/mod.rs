//! The least that every real broker must do for the pipeline.

use std::time::Duration;

use cordon_records::{Headers, Topic};
use cordon_runtime::kafka::{KafkaSettings, Outbound, Producer, apply_topics};
use cordon_tests::oracle;
use rdkafka::message::Message as _;

/// Makes every topic, writes `count` records with acks=all, and reads them back with another client.
pub async fn topics_are_made_and_records_are_read_back(kafka: KafkaSettings, count: usize) {
    let applied = apply_topics(&kafka).await.expect("topics are made");
    assert_eq!(applied.len(), Topic::ALL.len());
    let producer = Producer::open(&kafka, "round-trip").expect("a producer");
    for number in 0..count {
        write(&producer, number).await;
    }
    assert_eq!(numbers(&kafka).await, (0..count).collect::<Vec<_>>());
}

/// Writes one numbered record and waits until all in-sync replicas have it.
pub async fn write(producer: &Producer, number: usize) {
    let headers = Headers::default();
    let record = Outbound::json(Topic::Alerts, &format!("alert-{number}"), headers, &number).expect("a number is JSON");
    producer.send(record).await.expect("an acknowledgement");
}

/// The numbers on the topic, sorted, repetitions included.
pub async fn numbers(kafka: &KafkaSettings) -> Vec<usize> {
    let (bootstrap, topic) = (kafka.bootstrap_servers.clone(), kafka.topic(Topic::Alerts));
    let reading = tokio::task::spawn_blocking(move || oracle::records(&bootstrap, &topic, Duration::from_secs(30)));
    let mut numbers: Vec<usize> = reading
        .await
        .expect("the reader ends")
        .iter()
        .map(|record| serde_json::from_slice(record.payload().expect("a value")).expect("a number"))
        .collect();
    numbers.sort_unstable();
    numbers
}
