//! Records that the broker deleted before they were read: a group that fell behind the topic's retention, or a topic that
//! was made anew.
//!
//! With `auto.offset.reset=earliest` librdkafka goes on at the oldest record and says nothing. Nothing can bring those
//! records back, so reading does go on; but it is told, as an error and as a count.

use std::collections::BTreeMap;
use std::time::Duration;

use cordon_records::{Cleanup, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::board::Break;
use super::hooks::Hooks;

/// How long the broker may take to answer. The poll thread waits, so it is short.
const ASK: Duration = Duration::from_secs(5);

/// The offsets from which these partitions are to be read. A compacted topic has gaps that mean nothing.
pub(super) fn committed(consumer: &BaseConsumer<Hooks>, topic: Topic, list: &TopicPartitionList) -> BTreeMap<i32, i64> {
    if list.count() == 0 || topic.spec().cleanup == Cleanup::Compact {
        return BTreeMap::new();
    }
    let mut asked = TopicPartitionList::with_capacity(list.count());
    for element in list.elements() {
        asked.add_partition(element.topic(), element.partition());
    }
    match consumer.committed_offsets(asked, ASK) {
        Ok(answer) => answer
            .elements()
            .iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(next) => Some((element.partition(), next)),
                Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
            })
            .collect(),
        Err(error) => {
            let topic = topic.suffix();
            tracing::warn!(%error, topic, "cannot ask where reading goes on; records lost before that go unnoticed");
            BTreeMap::new()
        }
    }
}

/// Tells of records that are gone, and starts over with a partition that was made anew. Offsets also have gaps that mean
/// nothing (transaction markers), and librdkafka may hand a record over twice, so what the broker has decides.
pub(super) fn judge(consumer: &BaseConsumer<Hooks>, name: &str, topic: Topic, found: Break) {
    if topic.spec().cleanup == Cleanup::Compact {
        return;
    }
    let Break { partition, expected, came } = found;
    let has = consumer.fetch_watermarks(name, partition, ASK);
    if came < expected {
        // Better a false alarm than none.
        if has.map_or(true, |(_, end)| end < expected) {
            tell_of_new(name, found);
            consumer.context().begins_anew(partition, came);
        }
        return;
    }
    let oldest = has.map_or(came, |(oldest, _)| oldest.min(came));
    if let Ok(records @ 1..) = u64::try_from(oldest.saturating_sub(expected)) {
        consumer.context().lost(records);
        tracing::error!(
            topic = name,
            partition,
            expected,
            oldest,
            records,
            "records were deleted before this stage read them, by the topic's retention or by a person; they are lost \
             to it: give the topic a longer retention, or the stage more replicas"
        );
    }
}

fn tell_of_new(name: &str, Break { partition, expected, came }: Break) {
    tracing::error!(
        topic = name,
        partition,
        expected,
        came,
        "the partition begins anew: the topic was deleted and made again, or the broker lost its end; what was not read \
         before is lost"
    );
}

/// Tells of partitions beyond the number that the topic must have.
pub(super) fn tell_of_added(name: &str, topic: Topic, partitions: &[i32]) {
    let specified = topic.spec().partitions;
    if partitions.iter().any(|partition| *partition >= specified) {
        tracing::error!(
            topic = name,
            specified,
            "partitions were added: keys move between partitions, so that records about one machine may overtake each \
             other; no stage starts on this topic before it is made again with the specified number"
        );
    }
}
