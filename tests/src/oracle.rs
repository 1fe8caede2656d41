//! What is on a topic, read by a plain librdkafka consumer: an oracle that shares no code with what it judges.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const STEP: Duration = Duration::from_millis(100);
const ANSWER: Duration = Duration::from_secs(60);

/// Every record of a topic up to its present ends, partition by partition in the order of offsets. Blocks.
///
/// # Panics
/// When the topic is not there, or the records do not come within `deadline`.
#[must_use]
pub fn records(bootstrap: &str, topic: &str, deadline: Duration) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "oracle")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false")
        .create()
        .expect("a consumer");
    let start = Instant::now();
    let ends = ends(&consumer, topic, deadline);
    let mut wanted = TopicPartitionList::new();
    for &(partition, _) in &ends {
        wanted.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&wanted).expect("an assignment");
    let mut found = Vec::new();
    while !reached(&consumer, topic, &ends) {
        assert!(
            start.elapsed() < deadline,
            "{topic}: only {} records came within {deadline:?}; ends are {ends:?}",
            found.len()
        );
        if let Some(Ok(message)) = consumer.poll(STEP) {
            let end = ends.iter().find(|(partition, _)| *partition == message.partition()).map_or(0, |(_, end)| *end);
            if message.offset() < end {
                found.push(message.detach());
            }
        }
    }
    found.sort_by_key(|message| (message.partition(), message.offset()));
    found
}

/// The offsets that a group has committed, by partition. Blocks.
///
/// # Panics
/// When the topic is not there, or the broker does not answer.
#[must_use]
pub fn committed(bootstrap: &str, group: &str, topic: &str) -> BTreeMap<i32, i64> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("group.id", group).create().expect("a consumer");
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER).expect("metadata");
    let mut asked = TopicPartitionList::new();
    for partition in metadata.topics().first().expect("the topic in the metadata").partitions() {
        asked.add_partition(topic, partition.id());
    }
    let start = Instant::now();
    let answer = loop {
        match consumer.committed_offsets(asked.clone(), ANSWER) {
            Ok(answer) => break answer,
            // A group's coordinator is somebody else after a broker went or came; librdkafka asks the old one once more.
            Err(why) => assert!(start.elapsed() < ANSWER, "{group} on {topic}: {why}"),
        }
        std::thread::sleep(STEP);
    };
    let of = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match element.offset() {
        Offset::Offset(next) => Some((element.partition(), next)),
        _ => None,
    };
    answer.elements().into_iter().filter_map(of).collect()
}

/// Partitions that hold something, with the offset after the last record.
fn ends(consumer: &BaseConsumer, topic: &str, deadline: Duration) -> Vec<(i32, i64)> {
    let metadata = consumer.fetch_metadata(Some(topic), deadline).expect("metadata");
    let partitions = metadata.topics().first().expect("the topic in the metadata").partitions();
    assert!(!partitions.is_empty(), "there is no topic {topic}");
    let ends = partitions.iter().map(|partition| {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), deadline).expect("watermarks");
        (partition.id(), low, high)
    });
    ends.filter(|(_, low, high)| low < high).map(|(partition, _, high)| (partition, high)).collect()
}

/// By position and not by the last record: the end of a compacted topic may be a hole.
fn reached(consumer: &BaseConsumer, topic: &str, ends: &[(i32, i64)]) -> bool {
    let positions = consumer.position().expect("positions");
    ends.iter().all(|&(partition, end)| {
        let at = positions.find_partition(topic, partition).map(|found| found.offset());
        matches!(at, Some(Offset::Offset(next)) if next >= end)
    })
}
