//! A topic of one partition used as memory: read from its beginning by manual assignment, and appended to.

use std::sync::Arc;
use std::time::Duration;

use cordon_records::{Headers, Topic};
use rdkafka::topic_partition_list::Offset;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::producer::Producer;
use crate::kafka::reader::{Look, POLL, Reader};
use crate::kafka::records::{Inbound, Outbound};

mod claimed;
mod claims;

pub use claimed::Claimed;

/// As many records cross to the stage at once, where as many are there: to wake each other for every one of a million took
/// longer than to read them.
const AT_ONCE: usize = 128;
/// As many times so many wait between the reading thread and the stage.
const BUFFER: usize = 4;

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
    reader: Arc<Reader>,
    producer: Producer,
    batches: Receiver<Vec<Item>>,
    /// Of a batch, what was not asked for yet.
    items: std::vec::IntoIter<Item>,
    at_end: bool,
    next: i64,
    rests: bool,
}

impl std::fmt::Debug for StateLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let topic = self.reader.topic_name();
        f.debug_struct("StateLog").field("topic", topic).field("next", &self.next).finish_non_exhaustive()
    }
}

impl StateLog {
    /// Starts reading partition 0 from its beginning, on a thread of its own.
    ///
    /// # Errors
    /// When the client cannot be made. A broker that cannot be reached is waited for in [`StateLog::next`].
    pub async fn open(context: &Context, topic: Topic) -> Result<Self, KafkaFailure> {
        let reader = Arc::new(Reader::new(context, topic)?);
        reader.go_to(Offset::Beginning)?;
        let (sender, batches) = channel(BUFFER);
        let reading = Arc::clone(&reader);
        std::thread::Builder::new().name("kafka-state".to_owned()).spawn(move || read(&reading, &sender))?;
        let (producer, items) = (context.producer.clone(), Vec::new().into_iter());
        Ok(Self { topic, reader, producer, batches, items, at_end: false, next: 0, rests: false })
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
        if self.items.len() == 0 {
            self.items = self.batches.recv().await.unwrap_or_default().into_iter();
        }
        match self.items.next() {
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

    /// Fetches nothing more for now. What was fetched may come twice when it goes on.
    fn rest(&mut self) -> Result<(), KafkaFailure> {
        self.reader.rest()?;
        self.rests = true;
        Ok(())
    }

    /// Reads on from where it rested.
    fn go_on(&mut self) -> Result<(), KafkaFailure> {
        if std::mem::take(&mut self.rests) {
            self.reader.go_to(Offset::Offset(self.next))?;
        }
        Ok(())
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
        let reader = Arc::clone(&self.reader);
        let aborted = |_| KafkaFailure::Dead("a blocking call was aborted".to_owned());
        tokio::task::spawn_blocking(move || reader.end()).await.map_err(aborted)?
    }

    /// Whether all that is before `end` is read, or there is nothing to read just now.
    fn has_read(&self, end: i64) -> bool {
        self.at_end || self.next >= end
    }
}

/// Until the log is dropped. The thread blocks when the stage does not keep up.
fn read(reader: &Reader, sender: &Sender<Vec<Item>>) {
    while !sender.is_closed() {
        let batch = batch(reader);
        if !batch.is_empty() && sender.blocking_send(batch).is_err() {
            return;
        }
    }
}

/// Waits for a moment for a record, and takes with it what is there already.
fn batch(reader: &Reader) -> Vec<Item> {
    let mut batch = Vec::new();
    let mut patience = POLL;
    while batch.len() < AT_ONCE {
        match reader.look(patience) {
            Ok(Look::Nothing) => break,
            Ok(Look::Record(record)) => batch.push(Item::Record(record)),
            Ok(Look::End) => batch.push(Item::End),
            Err(failure) => {
                batch.push(Item::Failed(failure));
                break;
            }
        }
        patience = Duration::ZERO;
    }
    batch
}
