//! What somebody with access to the broker may do to our topics behind the stages' backs: write foreign records, delete
//! a topic, forget a group. Plain librdkafka, no code of ours.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const WITHIN: Duration = Duration::from_secs(20);

/// Writes one record to partition 0 of `topic` and returns when the broker has it. Blocks.
///
/// # Panics
/// When the broker does not take it.
pub fn write(bootstrap: &str, topic: &str, key: &str, value: &[u8]) {
    write_to(bootstrap, (topic, 0), key.as_bytes(), value);
}

/// Writes one record to a partition of a topic and returns when the broker has it. Blocks.
///
/// # Panics
/// When the broker does not take it.
pub fn write_to(bootstrap: &str, (topic, partition): (&str, i32), key: &[u8], value: &[u8]) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("acks", "all").create().expect("a producer");
    let record = BaseRecord::to(topic).partition(partition).key(key).payload(value);
    producer.send(record).map_err(|(why, _)| why).expect("queued");
    producer.flush(WITHIN).expect("the broker takes the record");
}

/// Writes a tombstone to partition 0 of `topic` and returns when the broker has it. Blocks.
///
/// # Panics
/// When the broker does not take it.
pub fn bury(bootstrap: &str, topic: &str, key: &str) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("acks", "all").create().expect("a producer");
    let record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).partition(0).key(key);
    producer.send(record).map_err(|(why, _)| why).expect("queued");
    producer.flush(WITHIN).expect("the broker takes the record");
}

/// Writes many records with their keys to a topic, compressed as stages do, and returns when the broker has them all. Blocks.
///
/// # Panics
/// When the broker does not take one, or is slower than 120 s.
pub fn fill(bootstrap: &str, topic: &str, records: impl Iterator<Item = (String, Vec<u8>)>) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("acks", "all")
        .set("linger.ms", "20")
        .set("compression.type", "zstd")
        .create()
        .expect("a producer");
    for (key, value) in records {
        let mut record = BaseRecord::to(topic).key(&key).payload(&value);
        while let Err((why, back)) = producer.send(record) {
            assert_eq!(why.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{why}");
            producer.poll(Duration::from_millis(20));
            record = back;
        }
    }
    producer.flush(WITHIN * 6).expect("the broker takes the records");
}

/// Deletes a topic and returns when the broker no longer lists it.
///
/// # Panics
/// When the broker refuses, or still lists it after 20 s.
pub async fn delete_topic(bootstrap: &str, topic: &str) {
    let client = admin(bootstrap);
    let options = AdminOptions::new().operation_timeout(Some(WITHIN)).request_timeout(Some(WITHIN));
    let answers = client.delete_topics(&[topic], &options).await.expect("the broker answers");
    for answer in answers {
        answer.expect("the topic is deleted");
    }
    crate::wait::until(WITHIN, &format!("{topic} to be gone"), async || {
        let metadata = client.inner().fetch_metadata(None, WITHIN).expect("metadata");
        let listed = metadata.topics().iter().any(|found| found.name() == topic);
        if listed { Err("still listed") } else { Ok(()) }
    })
    .await;
}

/// Gives a topic more partitions, so that it has `count`.
///
/// # Panics
/// When the broker refuses.
pub async fn add_partitions(bootstrap: &str, topic: &str, count: usize) {
    let options = AdminOptions::new().operation_timeout(Some(WITHIN)).request_timeout(Some(WITHIN));
    let wanted = NewPartitions::new(topic, count);
    for answer in admin(bootstrap).create_partitions(&[wanted], &options).await.expect("the broker answers") {
        answer.expect("the partitions are added");
    }
}

/// Gives a topic these settings, and the broker's defaults for all others.
///
/// # Panics
/// When the broker refuses.
pub async fn set(bootstrap: &str, topic: &str, settings: &[(&str, &str)]) {
    let options = AdminOptions::new().request_timeout(Some(WITHIN));
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic));
    let change = settings.iter().fold(change, |change, (key, value)| change.set(key, value));
    for answer in admin(bootstrap).alter_configs([&change], &options).await.expect("the broker answers") {
        answer.expect("the settings are taken");
    }
}

/// Changes one setting of a topic, and leaves what was set before as it is.
///
/// # Panics
/// When the broker refuses.
pub async fn change(bootstrap: &str, topic: &str, (key, value): (&str, &str)) {
    let options = AdminOptions::new().request_timeout(Some(WITHIN));
    let found = admin(bootstrap).describe_configs([&ResourceSpecifier::Topic(topic)], &options).await;
    let found = found.expect("the broker answers").remove(0).expect("the settings of a topic");
    let own = found.entries.iter().filter(|entry| entry.source == ConfigSource::DynamicTopic && entry.name != key);
    let mut settings: Vec<(&str, &str)> =
        own.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?))).collect();
    settings.push((key, value));
    set(bootstrap, topic, &settings).await;
}

/// Deletes every record that a topic holds now, as retention does when its time has come. Returns where each partition
/// begins then. Blocks for some questions.
///
/// # Panics
/// When the broker refuses.
pub async fn delete_records(bootstrap: &str, topic: &str) -> Vec<(i32, i64)> {
    let client = admin(bootstrap);
    let metadata = client.inner().fetch_metadata(Some(topic), WITHIN).expect("metadata");
    let partitions = metadata.topics()[0].partitions().iter().map(rdkafka::metadata::MetadataPartition::id);
    let ends: Vec<(i32, i64)> = partitions
        .map(|id| (id, client.inner().fetch_watermarks(topic, id, WITHIN).expect("watermarks").1))
        .filter(|(_, end)| *end > 0)
        .collect();
    let mut before = TopicPartitionList::new();
    for &(partition, end) in &ends {
        before.add_partition_offset(topic, partition, Offset::Offset(end)).expect("an offset");
    }
    let options = AdminOptions::new().operation_timeout(Some(WITHIN)).request_timeout(Some(WITHIN));
    client.delete_records(&before, &options).await.expect("the records are deleted");
    ends
}

/// Deletes a consumer group with its committed offsets; it must have no members.
///
/// # Panics
/// When the broker refuses.
pub async fn delete_group(bootstrap: &str, group: &str) {
    let options = AdminOptions::new().request_timeout(Some(WITHIN));
    let answers = admin(bootstrap).delete_groups(&[group], &options).await.expect("the broker answers");
    for answer in answers {
        answer.expect("the group is deleted");
    }
}

/// Sets the committed offset of a group without members on partition 0 of a topic. Blocks.
///
/// # Panics
/// When the broker refuses.
pub fn commit(bootstrap: &str, group: &str, topic: &str, next: i64) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("group.id", group).create().expect("a consumer");
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, 0, Offset::Offset(next)).expect("an offset");
    consumer.commit(&offsets, CommitMode::Sync).expect("the broker takes the offset");
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("an admin client")
}
