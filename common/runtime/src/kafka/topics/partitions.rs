//! The partitions of a topic, by one rule for all who read it or look at it: librdkafka hands out a topic that is denied, or
//! that is not there, as one without partitions, and who takes that for an answer finds it empty.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::topic_partition_list::TopicPartitionList;

/// The numbers of its partitions; at least one.
pub(super) fn partitions<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    name: &str,
    within: Duration,
) -> Result<Vec<i32>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(name), within)?;
    let found = there(&metadata, name).map_err(KafkaError::MetadataFetch)?;
    Ok(found.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect())
}

/// A topic that was asked for by name, or what the broker says of it instead.
pub(super) fn there<'a>(metadata: &'a Metadata, name: &str) -> Result<&'a MetadataTopic, RDKafkaErrorCode> {
    let found = metadata.topics().iter().find(|found| found.name() == name);
    let found = found.ok_or(RDKafkaErrorCode::UnknownTopicOrPartition)?;
    match found.error() {
        Some(code) => Err(code.into()),
        None if found.partitions().is_empty() => Err(RDKafkaErrorCode::UnknownTopicOrPartition),
        None => Ok(found),
    }
}

/// An answer about offsets, unless it has an error for one partition: that must not pass for a group that has committed
/// nothing there.
pub(in crate::kafka) fn all_told(answer: TopicPartitionList) -> Result<TopicPartitionList, KafkaError> {
    let failed = answer.elements().iter().find_map(|element| element.error().err());
    failed.map_or(Ok(answer), Err)
}
