//! A topic of one partition used as memory: read from its beginning by manual assignment, and appended to.

use std::sync::Arc;
use std::time::Duration;

use cordon_records::{Headers, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::context::Context;
use crate::kafka::connection::Connection;
use crate::kafka::connection::right::{Needs, Operation};
use crate::kafka::error::{KafkaFailure, is_fatal, is_forbidden};
use crate::kafka::producer::Producer;
use crate::kafka::records::{Inbound, Outbound};
use crate::kafka::settings::READERS;

mod claims;

use claims::{Claims, Step};

/// Records that wait between the reading thread and the stage.
const BUFFER: usize = 1024;
const POLL: Duration = Duration::from_millis(100);
const ASK: Duration = Duration::from_secs(10);

/// What the reading thread hands over.
enum Item {
    Record(Inbound),
    /// Everything that was there is read.
    End,
    Failed(KafkaFailure),
}

/// See the module.
pub struct StateLog {
    topic: Topic,
    topic_name: Arc<str>,
    consumer: Arc<BaseConsumer<Connection>>,
    producer: Producer,
    items: Receiver<Item>,
    at_end: bool,
    next: i64,
}

impl std::fmt::Debug for StateLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateLog").field("topic", &self.topic_name).field("next", &self.next).finish_non_exhaustive()
    }
}

impl StateLog {
    /// Starts reading partition 0 from its beginning, on a thread of its own.
    ///
    /// # Errors
    /// When the client cannot be made. A broker that cannot be reached is waited for in [`StateLog::next`].
    pub async fn open(context: &Context, topic: Topic) -> Result<Self, KafkaFailure> {
        let config = context.kafka.reader(context.stage)?;
        let client = |answer| KafkaFailure::Client { what: "reader", answer };
        let connection = Connection::of(&context.kafka);
        let consumer: Arc<BaseConsumer<Connection>> = Arc::new(config.create_with_context(connection).map_err(client)?);
        let topic_name: Arc<str> = context.kafka.topic(topic).into();
        {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&topic_name, 0, Offset::Beginning).map_err(client)?;
            consumer.assign(&list).map_err(client)?;
        }
        let (sender, items) = channel(BUFFER);
        let needs = Needs::topic(Operation::Read, &topic_name);
        let needs = needs.and_group(Operation::Describe, context.kafka.group(READERS));
        let reader =
            Reading { consumer: Arc::clone(&consumer), topic, topic_name: Arc::clone(&topic_name), needs, sender };
        std::thread::Builder::new().name("kafka-state".to_owned()).spawn(move || reader.run())?;
        Ok(Self { topic, topic_name, consumer, producer: context.producer.clone(), items, at_end: false, next: 0 })
    }

    /// The next record; waits for ever for one. Cancel-safe.
    ///
    /// # Errors
    /// Fatal ones: a dead client, no permission.
    pub async fn next(&mut self) -> Result<Inbound, KafkaFailure> {
        loop {
            if let Some(record) = self.item().await? {
                return Ok(record);
            }
        }
    }

    /// The next record, or `None` when everything that was there is read.
    async fn item(&mut self) -> Result<Option<Inbound>, KafkaFailure> {
        match self.items.recv().await {
            Some(Item::Record(record)) => {
                self.at_end = false;
                self.next = record.offset.saturating_add(1);
                Ok(Some(record))
            }
            Some(Item::End) => {
                self.at_end = true;
                Ok(None)
            }
            Some(Item::Failed(failure)) => Err(failure),
            None => Err(KafkaFailure::Dead("the reading thread ended".to_owned())),
        }
    }

    /// Writes a record and returns its offset once all in-sync replicas have it.
    ///
    /// # Errors
    /// As [`Producer::send`]: after an ambiguous one, the record may or may not be there.
    pub async fn append(&self, key: &str, headers: Headers, value: Vec<u8>) -> Result<i64, KafkaFailure> {
        let record = Outbound { topic: self.topic, key: Some(key.to_owned()), headers, value: Some(value) };
        Ok(self.producer.send(record).await?.offset)
    }

    /// The present end: one above the newest offset. The highest offset below it need not exist (compaction).
    ///
    /// # Errors
    /// Transient when the broker does not answer within 10 s.
    pub async fn end(&self) -> Result<i64, KafkaFailure> {
        let (consumer, topic) = (Arc::clone(&self.consumer), Arc::clone(&self.topic_name));
        let what = format!("ask for the end of {topic}");
        match tokio::task::spawn_blocking(move || consumer.fetch_watermarks(&topic, 0, ASK)).await {
            Ok(Ok((_, high))) => Ok(high),
            Ok(Err(answer)) => {
                let needs = Needs::topic(Operation::Describe, &self.topic_name);
                Err(self.consumer.context().request(what, &needs, answer))
            }
            Err(_) => Err(KafkaFailure::Dead("a blocking call was aborted".to_owned())),
        }
    }

    /// Whether all that is before `end` is read, or there is nothing to read just now.
    fn has_read(&self, end: i64) -> bool {
        self.at_end || self.next >= end
    }
}

/// Takes the log over: reads to its present end, writes a claim of a higher epoch, and reads on until that claim is
/// read back. When another claim of the same or a higher epoch came first, claims again above it. So of two owners
/// that race, both know from the log who won, and epochs are distinct.
///
/// `make` gives the claim's key, headers and value for an epoch; `epoch_of` recognises claims; every record read,
/// claims included, goes through `fold` in the order of the log.
///
/// # Errors
/// Those of reading and of [`StateLog::append`]. After any, nothing is claimed for sure: start over.
pub async fn claim<F: FnMut(Inbound)>(
    log: &mut StateLog,
    make: impl Fn(u64) -> (String, Headers, Vec<u8>),
    epoch_of: impl Fn(&Inbound) -> Option<u64>,
    mut fold: F,
) -> Result<u64, KafkaFailure> {
    let mut claims = Claims::default();
    let end = log.end().await?;
    while !log.has_read(end) {
        if let Some(record) = log.item().await? {
            claims.observe(record.offset, epoch_of(&record));
            fold(record);
        }
    }
    loop {
        let epoch = claims.next_epoch();
        let (key, headers, value) = make(epoch);
        claims.claimed(log.append(&key, headers, value).await?, epoch);
        loop {
            let record = log.next().await?;
            let step = claims.observe(record.offset, epoch_of(&record));
            fold(record);
            match step {
                Step::ReadOn => {}
                Step::Won(epoch) => return Ok(epoch),
                Step::ClaimAgain => break,
            }
        }
    }
}

struct Reading {
    consumer: Arc<BaseConsumer<Connection>>,
    topic: Topic,
    topic_name: Arc<str>,
    needs: Needs,
    sender: Sender<Item>,
}

impl Reading {
    /// Until the log is dropped. The thread blocks when the stage does not keep up.
    fn run(self) {
        while !self.sender.is_closed() {
            let item = match self.consumer.poll(POLL) {
                None => continue,
                Some(Ok(message)) => Item::Record(Inbound::detach(&message, self.topic, &self.topic_name)),
                Some(Err(KafkaError::PartitionEOF(_))) => Item::End,
                Some(Err(error)) => match self.judge(&error) {
                    Some(failure) => Item::Failed(failure),
                    None => continue,
                },
            };
            if self.sender.blocking_send(item).is_err() {
                return;
            }
        }
    }

    fn judge(&self, error: &KafkaError) -> Option<KafkaFailure> {
        let dead = |code: RDKafkaErrorCode| is_fatal(code) || is_forbidden(code);
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) || error.rdkafka_error_code().is_some_and(dead) {
            let what = format!("read {}", self.topic_name);
            return Some(self.consumer.context().request(what, &self.needs, error.clone()));
        }
        tracing::debug!(%error, topic = %self.topic_name, "reading the state topic reports an error; trying again");
        None
    }
}
