//! The records that a topic holds now: all of them, or those since an instant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_records::Topic;
use jiff::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::partitions::partitions;
use crate::kafka::connection::right::{Needs, Operation};
use crate::kafka::connection::{Connection, failed, listen};
use crate::kafka::error::{KafkaFailure, is_forbidden};
use crate::kafka::records::Inbound;
use crate::kafka::settings::KafkaSettings;

/// Longest silence before reading is given up.
const SILENCE: Duration = Duration::from_secs(15);

/// Reads every partition of a topic from its beginning to its present end; in order within a partition.
///
/// # Errors
/// Transient when the broker is silent for 15 s or knows no such topic, fatal when it does not let us read it.
pub async fn read_all(kafka: &KafkaSettings, topic: Topic) -> Result<Vec<Inbound>, KafkaFailure> {
    read_from(kafka, topic, Beginning::Oldest).await
}

/// Reads the newest record of every partition.
///
/// # Errors
/// Transient when the broker is silent for 15 s or knows no such topic, fatal when it does not let us read it.
pub async fn read_newest(kafka: &KafkaSettings, topic: Topic) -> Result<Vec<Inbound>, KafkaFailure> {
    read_from(kafka, topic, Beginning::Newest).await
}

/// When the oldest of the records was written that are the first at or after these offsets, by partition; `None` where there
/// is none, or none that says when.
///
/// # Errors
/// Transient when the broker is silent for 15 s.
pub async fn oldest_at(
    kafka: &KafkaSettings,
    topic: Topic,
    offsets: BTreeMap<i32, i64>,
) -> Result<Option<Timestamp>, KafkaFailure> {
    let kafka = kafka.clone();
    let reading = move || {
        let mut oldest: Option<Timestamp> = None;
        let beginning = Beginning::At(&offsets);
        read(&kafka, topic, beginning, |record| oldest = [oldest, record.timestamp].into_iter().flatten().min())?;
        Ok(oldest)
    };
    match tokio::task::spawn_blocking(reading).await {
        Ok(oldest) => oldest,
        Err(_) => Err(KafkaFailure::Dead("a blocking call was aborted".to_owned())),
    }
}

/// Where reading a partition begins.
#[derive(Debug, Clone, Copy)]
enum Beginning<'a> {
    Oldest,
    Newest,
    Since(Timestamp),
    /// At these offsets, and with one record of each partition it ends.
    At(&'a BTreeMap<i32, i64>),
}

impl Beginning<'static> {
    fn since(kafka: &KafkaSettings, since: Timestamp) -> Self {
        if kafka.in_memory { Self::Oldest } else { Self::Since(since) }
    }
}

/// Hands every record that a topic holds now to `look` and keeps none: for topics that do not fit into memory. In
/// order within a partition; partitions come mixed.
///
/// # Errors
/// Transient when the broker is silent for 15 s or knows no such topic, fatal when it does not let us read it.
pub async fn fold_all<T: Send + 'static>(
    kafka: &KafkaSettings,
    topic: Topic,
    state: T,
    look: impl FnMut(&mut T, Inbound) + Send + 'static,
) -> Result<T, KafkaFailure> {
    fold_from(kafka, topic, Beginning::Oldest, state, look).await
}

/// The same from the first record of each partition whose timestamp is at or after `since`. The in-memory broker cannot
/// seek by time (librdkafka #4755), so there it begins with the oldest.
///
/// # Errors
/// Transient when the broker is silent for 15 s or knows no such topic, fatal when it does not let us read it.
pub async fn fold_since<T: Send + 'static>(
    kafka: &KafkaSettings,
    topic: Topic,
    since: Timestamp,
    state: T,
    look: impl FnMut(&mut T, Inbound) + Send + 'static,
) -> Result<T, KafkaFailure> {
    fold_from(kafka, topic, Beginning::since(kafka, since), state, look).await
}

async fn read_from(
    kafka: &KafkaSettings,
    topic: Topic,
    beginning: Beginning<'static>,
) -> Result<Vec<Inbound>, KafkaFailure> {
    let mut records = fold_from(kafka, topic, beginning, Vec::new(), Vec::push).await?;
    records.sort_by_key(|record: &Inbound| (record.partition, record.offset));
    Ok(records)
}

async fn fold_from<T: Send + 'static>(
    kafka: &KafkaSettings,
    topic: Topic,
    beginning: Beginning<'static>,
    mut state: T,
    mut look: impl FnMut(&mut T, Inbound) + Send + 'static,
) -> Result<T, KafkaFailure> {
    let kafka = kafka.clone();
    let reading = move || read(&kafka, topic, beginning, |record| look(&mut state, record)).map(|()| state);
    match tokio::task::spawn_blocking(reading).await {
        Ok(state) => state,
        Err(_) => Err(KafkaFailure::Dead("a blocking call was aborted".to_owned())),
    }
}

fn read(
    kafka: &KafkaSettings,
    topic: Topic,
    beginning: Beginning<'_>,
    mut look: impl FnMut(Inbound),
) -> Result<(), KafkaFailure> {
    let name: Arc<str> = kafka.topic(topic).into();
    let what = || format!("read {name}");
    let consumer: BaseConsumer<Connection> = kafka
        .reader("snapshot")?
        .create_with_context(Connection::of(kafka))
        .map_err(|answer| KafkaFailure::Client { what: "reader", answer })?;
    let needs = Needs::topic(Operation::Read, &name);
    let mut open = assign(&consumer, &name, beginning).map_err(|answer| failed(&consumer, what(), &needs, answer))?;
    let mut heard = Instant::now();
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                if matches!(beginning, Beginning::At(_)) && !open.remove(&message.partition()) {
                    continue;
                }
                look(Inbound::detach(&message, topic, &name));
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                heard = Instant::now();
                open.remove(&partition);
            }
            Some(Err(error)) if is_denied(&error) => {
                return Err(consumer.context().request(what(), &needs, error));
            }
            Some(Err(error)) => tracing::debug!(%error, topic = %name, "reading reports an error; trying again"),
            None => {}
        }
        if heard.elapsed() > SILENCE {
            listen(&consumer);
            return Err(consumer.context().silence(what(), SILENCE));
        }
    }
    Ok(())
}

/// The broker does not let us read. What it says of the group does not matter: nothing is asked of a group here.
pub(super) fn is_denied(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    code.is_some_and(is_forbidden) && code != Some(RDKafkaErrorCode::GroupAuthorizationFailed)
}

fn assign(
    consumer: &BaseConsumer<Connection>,
    name: &str,
    beginning: Beginning<'_>,
) -> Result<BTreeSet<i32>, KafkaError> {
    let mut partitions: BTreeSet<i32> = partitions(consumer, name, SILENCE)?.into_iter().collect();
    if let Beginning::At(offsets) = beginning {
        partitions.retain(|partition| offsets.contains_key(partition));
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in &partitions {
        let start = match beginning {
            Beginning::Oldest => Offset::Beginning,
            Beginning::At(offsets) => {
                offsets.get(partition).map_or(Offset::Beginning, |offset| Offset::Offset(*offset))
            }
            Beginning::Since(since) => Offset::Offset(since.as_millisecond()),
            Beginning::Newest => {
                let (low, high) = consumer.fetch_watermarks(name, *partition, SILENCE)?;
                Offset::Offset(low.max(high - 1))
            }
        };
        list.add_partition_offset(name, *partition, start)?;
    }
    if matches!(beginning, Beginning::Since(_)) {
        // The list goes out with times and comes back with offsets.
        list = consumer.offsets_for_times(list, SILENCE)?;
    }
    consumer.assign(&list)?;
    Ok(partitions)
}
