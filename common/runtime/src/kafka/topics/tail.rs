//! What is written to a few topics from now on, or to one topic from where somebody has left off: for somebody who asks
//! something on one topic and waits for the answer on others, and for somebody who keeps his own account of what he has
//! read. No group is joined.

use std::collections::BTreeMap;
use std::time::Duration;

use cordon_records::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::partitions::partitions;
use crate::kafka::connection::right::{Needs, Operation};
use crate::kafka::connection::{Connection, failed};
use crate::kafka::error::{KafkaFailure, is_forbidden};
use crate::kafka::records::Inbound;
use crate::kafka::settings::{KafkaSettings, READERS};

/// Records that wait for the reader.
const BUFFER: usize = 256;
/// Within it, the reading thread sees that nobody reads any more.
const POLL: Duration = Duration::from_secs(1);
const ASK: Duration = Duration::from_secs(10);

/// See the module. Reading ends when it is dropped.
#[derive(Debug)]
pub struct Tail {
    records: Receiver<Result<Inbound, KafkaFailure>>,
}

impl Tail {
    /// Takes up position at the present ends: nothing that is written after this returns is missed.
    ///
    /// # Errors
    /// When a topic is not there, or the broker does not answer within 10 s.
    pub async fn open(kafka: &KafkaSettings, topics: &[Topic]) -> Result<Self, KafkaFailure> {
        Self::at(kafka, topics.to_vec(), Place::Ends).await
    }

    /// Takes up position in one topic at these offsets, and at the oldest record of partitions that are not named. An
    /// offset whose record is gone stands for the oldest that is there.
    ///
    /// # Errors
    /// When the topic is not there, or the broker does not answer within 10 s.
    pub async fn resume(kafka: &KafkaSettings, topic: Topic, next: BTreeMap<i32, i64>) -> Result<Self, KafkaFailure> {
        Self::at(kafka, vec![topic], Place::At(next)).await
    }

    async fn at(kafka: &KafkaSettings, topics: Vec<Topic>, place: Place) -> Result<Self, KafkaFailure> {
        let kafka = kafka.clone();
        let placed = tokio::task::spawn_blocking(move || placed(&kafka, topics, &place)).await;
        let reading = placed.map_err(|_| KafkaFailure::Dead("a blocking call was aborted".to_owned()))??;
        let (sender, records) = channel(BUFFER);
        std::thread::Builder::new().name("kafka-tail".to_owned()).spawn(move || reading.run(&sender))?;
        Ok(Self { records })
    }

    /// The next record of any of the topics; in order within a partition. Waits for ever for one. Cancel-safe.
    ///
    /// # Errors
    /// When a topic may not be read, or the reading thread has ended.
    pub async fn next(&mut self) -> Result<Inbound, KafkaFailure> {
        let dead = || KafkaFailure::Dead("the reading thread ended".to_owned());
        self.records.recv().await.ok_or_else(dead)?
    }
}

/// Where reading begins.
#[derive(Debug)]
enum Place {
    Ends,
    At(BTreeMap<i32, i64>),
}

struct Reading {
    consumer: BaseConsumer<Connection>,
    names: Vec<(Topic, String)>,
    /// The group that the client names.
    group: String,
}

fn placed(kafka: &KafkaSettings, topics: Vec<Topic>, place: &Place) -> Result<Reading, KafkaFailure> {
    let consumer: BaseConsumer<Connection> = kafka
        .follower("tail")?
        .create_with_context(Connection::of(kafka))
        .map_err(|answer| KafkaFailure::Client { what: "reader", answer })?;
    let names: Vec<(Topic, String)> = topics.into_iter().map(|topic| (topic, kafka.topic(topic))).collect();
    for (_, name) in &names {
        let what = format!("take up position in {name}");
        let needs = Needs::topic(Operation::Read, name);
        add(&consumer, name, place).map_err(|answer| failed(&consumer, what, &needs, answer))?;
    }
    Ok(Reading { consumer, names, group: kafka.group(READERS) })
}

fn add(consumer: &BaseConsumer<Connection>, name: &str, place: &Place) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in partitions(consumer, name, ASK)? {
        let offset = match place {
            Place::Ends => consumer.fetch_watermarks(name, partition, ASK)?.1,
            Place::At(next) => {
                // A topic that was made anew is shorter than what was read.
                let (low, high) = consumer.fetch_watermarks(name, partition, ASK)?;
                next.get(&partition).filter(|next| (low..=high).contains(next)).copied().unwrap_or(low)
            }
        };
        list.add_partition_offset(name, partition, Offset::Offset(offset))?;
    }
    consumer.incremental_assign(&list)
}

impl Reading {
    fn run(self, sender: &Sender<Result<Inbound, KafkaFailure>>) {
        while !sender.is_closed() {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let name = rdkafka::Message::topic(&message);
                    let topic = self.names.iter().find(|(_, known)| known == name);
                    let Some((topic, name)) = topic else { continue };
                    if sender.blocking_send(Ok(Inbound::detach(&message, *topic, &name.as_str().into()))).is_err() {
                        return;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) | None => {}
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_forbidden) => {
                    let names: Vec<&str> = self.names.iter().map(|(_, name)| name.as_str()).collect();
                    let names = names.join(", ");
                    let needs = Needs::topic(Operation::Read, &names).and_group(Operation::Describe, self.group);
                    let failure = self.consumer.context().request(format!("read {names}"), &needs, error);
                    let _ = sender.blocking_send(Err(failure));
                    return;
                }
                Some(Err(error)) => tracing::debug!(%error, "reading what is new reports an error; trying again"),
            }
        }
    }
}
