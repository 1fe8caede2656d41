//! What is written to a few topics from now on: for somebody who asks something on one and waits for the answer on others.

use std::time::Duration;

use cordon_records::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::error::KafkaFailure;
use super::producer::Quiet;
use super::records::Inbound;
use super::settings::KafkaSettings;

/// Records that wait for the reader.
const BUFFER: usize = 256;
const POLL: Duration = Duration::from_millis(100);
const ASK: Duration = Duration::from_secs(10);

/// See the module. Reading ends when it is dropped.
#[derive(Debug)]
pub struct Tail {
    records: Receiver<Inbound>,
}

impl Tail {
    /// Takes up position at the present ends: nothing that is written after this returns is missed.
    ///
    /// # Errors
    /// When a topic is not there, or the broker does not answer within 10 s.
    pub async fn open(kafka: &KafkaSettings, topics: &[Topic]) -> Result<Self, KafkaFailure> {
        let (kafka, topics) = (kafka.clone(), topics.to_vec());
        let placed = tokio::task::spawn_blocking(move || placed(&kafka, topics)).await;
        let reading = placed.map_err(|_| KafkaFailure::Dead("a blocking call was aborted".to_owned()))??;
        let (sender, records) = channel(BUFFER);
        std::thread::Builder::new().name("kafka-tail".to_owned()).spawn(move || reading.run(&sender))?;
        Ok(Self { records })
    }

    /// The next record of any of the topics; in order within a partition. Waits for ever for one. Cancel-safe.
    ///
    /// # Errors
    /// When the reading thread has ended.
    pub async fn next(&mut self) -> Result<Inbound, KafkaFailure> {
        let dead = || KafkaFailure::Dead("the reading thread ended".to_owned());
        self.records.recv().await.ok_or_else(dead)
    }
}

struct Reading {
    consumer: BaseConsumer<Quiet>,
    names: Vec<(Topic, String)>,
}

fn placed(kafka: &KafkaSettings, topics: Vec<Topic>) -> Result<Reading, KafkaFailure> {
    let consumer: BaseConsumer<Quiet> = kafka
        .reader("tail")?
        .create_with_context(Quiet)
        .map_err(|source| KafkaFailure::Client { what: "reader", source })?;
    let names: Vec<(Topic, String)> = topics.into_iter().map(|topic| (topic, kafka.topic(topic))).collect();
    for (_, name) in &names {
        let what = format!("ask for the end of {name}");
        add_ends(&consumer, name).map_err(|source| KafkaFailure::request(what, source))?;
    }
    Ok(Reading { consumer, names })
}

fn add_ends(consumer: &BaseConsumer<Quiet>, name: &str) -> Result<(), KafkaError> {
    let metadata = consumer.fetch_metadata(Some(name), ASK)?;
    let topics = metadata.topics().iter().filter(|topic| topic.name() == name);
    let mut list = TopicPartitionList::new();
    for partition in topics.flat_map(|topic| topic.partitions()) {
        let (_, end) = consumer.fetch_watermarks(name, partition.id(), ASK)?;
        list.add_partition_offset(name, partition.id(), Offset::Offset(end))?;
    }
    consumer.incremental_assign(&list)
}

impl Reading {
    fn run(self, sender: &Sender<Inbound>) {
        while !sender.is_closed() {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let name = rdkafka::Message::topic(&message);
                    let topic = self.names.iter().find(|(_, known)| known == name);
                    let Some((topic, name)) = topic else { continue };
                    if sender.blocking_send(Inbound::detach(&message, *topic, &name.as_str().into())).is_err() {
                        return;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) | None => {}
                Some(Err(error)) => tracing::debug!(%error, "reading what is new reports an error; trying again"),
            }
        }
    }
}
