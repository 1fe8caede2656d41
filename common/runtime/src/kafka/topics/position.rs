//! Where a topic begins and ends, and how far a group has come in it: asked from outside, for people who look.

use cordon_records::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::partitions::partitions;
use super::{ASK, ask, committed as group_offsets};
use crate::kafka::connection::Connection;
use crate::kafka::connection::right::{Needs, Operation};
use crate::kafka::error::KafkaFailure;
use crate::kafka::settings::KafkaSettings;

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Its number.
    pub partition: i32,
    /// The oldest offset that is kept.
    pub low: i64,
    /// The offset that the next record gets.
    pub high: i64,
    /// The next offset that the group will read; `None` when it has committed nothing or no group was named.
    pub committed: Option<i64>,
}

impl Position {
    /// How many records the group has yet to settle, of those that are kept.
    #[must_use]
    pub fn lag(&self) -> i64 {
        self.high - self.committed.unwrap_or(self.low).clamp(self.low, self.high)
    }
}

/// Every partition of a topic.
///
/// # Errors
/// Transient when the broker does not answer within 10 s or knows no such topic, fatal when it does not let us look.
pub async fn positions(
    kafka: &KafkaSettings,
    group: Option<&str>,
    topic: Topic,
) -> Result<Vec<Position>, KafkaFailure> {
    let name = kafka.topic(topic);
    let what = format!("ask how far {name} is read");
    let grouped = group.is_some();
    let needs = Needs::topic(Operation::Describe, &name);
    let needs = match group {
        Some(group) => needs.and_group(Operation::Describe, kafka.group(group)),
        None => needs,
    };
    let look = move |consumer: &BaseConsumer<Connection>| {
        let partitions = partitions(consumer, &name, ASK)?;
        let mut list = TopicPartitionList::new();
        for partition in &partitions {
            list.add_partition(&name, *partition);
        }
        let committed = if grouped { group_offsets(consumer, &list)? } else { TopicPartitionList::new() };
        let of = |partition| match committed.find_partition(&name, partition).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => Some(offset),
            Some(_) | None => None,
        };
        let mut positions = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let (low, high) = consumer.fetch_watermarks(&name, partition, ASK)?;
            positions.push(Position { partition, low, high, committed: of(partition) });
        }
        Ok(positions)
    };
    ask(kafka, group, look, (&what, needs)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_counts_what_is_kept_and_not_settled() {
        let at = |low, high, committed| Position { partition: 0, low, high, committed }.lag();
        assert_eq!([at(0, 10, Some(7)), at(5, 10, Some(2)), at(5, 10, None), at(0, 10, Some(10))], [3, 5, 5, 0]);
        assert_eq!(at(0, 10, Some(12)), 0, "a topic made anew is shorter than what was committed");
    }
}
