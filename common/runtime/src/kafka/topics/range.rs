//! A range of a topic, read as fast as a client drains it: what the client holds is lent, and whoever reads copies what it
//! keeps. No group is joined. The calls block: they belong on a thread of their own.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_records::Topic;
use jiff::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::partitions::{all_told, partitions};
use super::snapshot::is_denied;
use crate::kafka::connection::right::{Needs, Operation};
use crate::kafka::connection::{Connection, failed, listen};
use crate::kafka::error::KafkaFailure;
use crate::kafka::settings::KafkaSettings;

/// Longest silence before reading is given up.
const SILENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(100);

/// A part of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The partition.
    pub partition: i32,
    /// The first offset.
    pub from: i64,
    /// The first offset that is no part of it.
    pub to: i64,
}

/// What a partition holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The partition.
    pub partition: i32,
    /// The oldest offset that is kept.
    pub low: i64,
    /// The offset that the next record gets.
    pub high: i64,
    /// The first record that is of the time that was asked for or later; `high` where there is none.
    pub since: i64,
    /// The first record that is of a later time than was asked for; `high` where there is none.
    pub until: i64,
}

/// A record, lent by the client.
#[derive(Debug, Clone, Copy)]
pub struct Lent<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When it was written, by the broker's or the producer's clock, whichever the topic keeps.
    pub timestamp: Option<Timestamp>,
    /// The value; absent is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// See the module.
pub struct RangeReader {
    consumer: BaseConsumer<Connection>,
    topic_name: Arc<str>,
    seeks_by_time: bool,
}

impl std::fmt::Debug for RangeReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RangeReader").field("topic_name", &self.topic_name).finish_non_exhaustive()
    }
}

impl RangeReader {
    /// A reader that reads nothing yet. Nothing is connected to.
    ///
    /// # Errors
    /// When librdkafka refuses a setting.
    pub fn open(kafka: &KafkaSettings, topic: Topic) -> Result<Self, KafkaFailure> {
        let consumer = kafka.drainer("range")?.create_with_context(Connection::of(kafka));
        let consumer = consumer.map_err(|answer| KafkaFailure::Client { what: "reader", answer })?;
        // The in-process broker cannot seek by time (librdkafka #4755).
        Ok(Self { consumer, topic_name: kafka.topic(topic).into(), seeks_by_time: !kafka.in_memory })
    }

    /// The topic's name on the broker.
    #[must_use]
    pub const fn topic_name(&self) -> &Arc<str> {
        &self.topic_name
    }

    /// The id of the cluster that the topic is on.
    ///
    /// # Errors
    /// Transient when the broker does not answer within 15 s.
    pub fn cluster_id(&self) -> Result<String, KafkaFailure> {
        self.consumer.client().fetch_cluster_id(SILENCE).ok_or_else(|| {
            let no_answer = KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut);
            failed(&self.consumer, "ask for the cluster id", &Needs::cluster(Operation::Describe), no_answer)
        })
    }

    /// What every partition holds now, and what of it was written in this time.
    ///
    /// # Errors
    /// Transient when the broker does not answer within 15 s or knows no such topic, fatal when it does not let us look.
    pub fn extents(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Vec<Extent>, KafkaFailure> {
        let what = format!("ask for the range of {}", self.topic_name);
        let needs = Needs::topic(Operation::Describe, &self.topic_name);
        self.look(since, until).map_err(|answer| failed(&self.consumer, what, &needs, answer))
    }

    fn look(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Vec<Extent>, KafkaError> {
        let mut extents = Vec::new();
        for partition in partitions(&self.consumer, &self.topic_name, SILENCE)? {
            let (low, high) = self.consumer.fetch_watermarks(&self.topic_name, partition, SILENCE)?;
            extents.push(Extent { partition, low, high, since: low, until: high });
        }
        let first = |at: Option<Timestamp>| at.filter(|_| self.seeks_by_time).map(|at| self.first_at(&extents, at));
        let (since, until) = (first(since).transpose()?, first(until).transpose()?);
        for extent in &mut extents {
            // What is written after the watermarks were taken is no part of it.
            let within = |found: &BTreeMap<i32, i64>| {
                found.get(&extent.partition).map_or(extent.high, |offset| (*offset).clamp(extent.low, extent.high))
            };
            extent.since = since.as_ref().map_or(extent.low, within);
            extent.until = until.as_ref().map_or(extent.high, within);
        }
        Ok(extents)
    }

    /// The first offset of each partition whose record was written at this time or later; none where there is none.
    fn first_at(&self, extents: &[Extent], at: Timestamp) -> Result<BTreeMap<i32, i64>, KafkaError> {
        // A negative time would be one of Kafka's marks.
        let time = Offset::Offset(at.as_millisecond().max(0));
        let mut list = TopicPartitionList::with_capacity(extents.len());
        for extent in extents {
            list.add_partition_offset(&self.topic_name, extent.partition, time)?;
        }
        // The list goes out with times and comes back with offsets.
        let found = all_told(self.consumer.offsets_for_times(list, SILENCE)?)?;
        let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match element.offset() {
            Offset::Offset(offset) => Some((element.partition(), offset)),
            _ => None,
        };
        Ok(found.elements().iter().filter_map(offset).collect())
    }

    /// Lends every record of these spans, one of each partition at most, until told to stop; in order within a partition,
    /// partitions mixed. A span whose records are gone in part is read as far as it is there.
    ///
    /// # Errors
    /// Transient when the broker is silent for 15 s, fatal when it does not let us read.
    pub fn drain(&self, spans: &[Span], look: impl FnMut(Lent<'_>) -> ControlFlow<()>) -> Result<(), KafkaFailure> {
        let needs = Needs::topic(Operation::Read, &self.topic_name);
        let what = || format!("read {}", self.topic_name);
        let mut open: BTreeMap<i32, i64> =
            spans.iter().filter(|span| span.from < span.to).map(|span| (span.partition, span.to)).collect();
        let begun = self.begin(spans).and_then(|()| self.read(&mut open, look));
        let ended = self.consumer.unassign();
        match begun {
            Ok(Heard::All) => ended.map_err(|answer| self.consumer.context().request(what(), &needs, answer)),
            Ok(Heard::Nothing) => {
                listen(&self.consumer);
                Err(self.consumer.context().silence(what(), SILENCE))
            }
            Err(answer) => Err(failed(&self.consumer, what(), &needs, answer)),
        }
    }

    fn begin(&self, spans: &[Span]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(spans.len());
        for span in spans.iter().filter(|span| span.from < span.to) {
            list.add_partition_offset(&self.topic_name, span.partition, Offset::Offset(span.from))?;
        }
        self.consumer.assign(&list)
    }

    fn read(
        &self,
        open: &mut BTreeMap<i32, i64>,
        mut look: impl FnMut(Lent<'_>) -> ControlFlow<()>,
    ) -> Result<Heard, KafkaError> {
        let mut heard = Instant::now();
        while !open.is_empty() {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(end) = open.get(&partition).copied() else { continue };
                    let timestamp = message.timestamp().to_millis();
                    let timestamp = timestamp.and_then(|ms| Timestamp::from_millisecond(ms).ok());
                    let lent = Lent { partition, offset, timestamp, value: message.payload() };
                    if offset < end && look(lent).is_break() {
                        return Ok(Heard::All);
                    }
                    if offset + 1 >= end {
                        self.close(open, partition)?;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    heard = Instant::now();
                    self.close(open, partition)?;
                }
                Some(Err(error)) if is_denied(&error) => return Err(error),
                Some(Err(error)) => {
                    tracing::debug!(%error, topic = %self.topic_name, "reading reports an error; trying again");
                }
                None => {}
            }
            if heard.elapsed() > SILENCE {
                return Ok(Heard::Nothing);
            }
        }
        Ok(Heard::All)
    }

    /// What is written to this partition from now on is not fetched.
    fn close(&self, open: &mut BTreeMap<i32, i64>, partition: i32) -> Result<(), KafkaError> {
        if open.remove(&partition).is_none() || open.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic_name, partition);
        self.consumer.incremental_unassign(&list)
    }
}

/// How reading ended.
enum Heard {
    All,
    Nothing,
}
