//! The one producer of a process. A record counts as written only when its delivery report says so.
//!
//! A record waits for nobody, so that a quiet pipeline is quick. Where many are under way, that costs: librdkafka sends a
//! request for the few that are there when it looks, and a request costs as much as many records. So a stage that has much
//! to do, or whose record nobody's machine waits for, writes by a second client that lets records wait for each other
//! ([`Departure`]).
//!
//! librdkafka writes records in batches, and the broker measures and refuses batches. So a record that comes back as too
//! large is written once more, alone, by a third client whose batches have one record: only then is it known which one
//! is too large.

mod client;
mod write_health;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_records::{Headers, Topic};
use jiff::Timestamp;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders, OwnedMessage};
use tokio::sync::OnceCell;

use crate::kafka::connection::Connection;
use crate::kafka::connection::right::{Needs, Operation};
use crate::kafka::error::KafkaFailure;
use crate::kafka::records::Outbound;
use crate::kafka::settings::KafkaSettings;
use crate::telemetry::Health;
use client::{Client, Record, Report};
use write_health::{UnderWay, WriteHealth};

/// How long to wait before offering a record again to a full queue.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(10);

/// Where a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// A shared, cheaply cloned producer.
#[derive(Clone)]
pub struct Producer {
    inner: Client,
    together: Arc<OnDemand>,
    alone: Arc<OnDemand>,
    connection: Connection,
    names: Arc<[String]>,
    health: Arc<WriteHealth>,
}

/// When a record leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Now.
    AtOnce,
    /// With others that come within a few milliseconds. It may be passed by one that leaves at once.
    Together,
}

/// A client that is made when it is first needed.
struct OnDemand {
    config: ClientConfig,
    connection: Connection,
    client: OnceCell<Client>,
}

impl OnDemand {
    fn new(config: ClientConfig, connection: &Connection) -> Arc<Self> {
        Arc::new(Self { config, connection: connection.clone(), client: OnceCell::new() })
    }

    async fn client(&self) -> Result<&Client, KafkaFailure> {
        self.client.get_or_try_init(async || Client::new(&self.config, &self.connection)).await
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

/// A record that is handed to the client and whose report is still to come.
#[must_use = "a record counts as written only when its report is awaited"]
pub(crate) struct Queued {
    report: Report,
    topic: Topic,
    bytes: usize,
    under_way: UnderWay,
}

/// The parts of a record, borrowed.
pub(crate) struct Parts<'a> {
    pub(crate) topic: Topic,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) headers: &'a Headers,
    pub(crate) value: Option<&'a [u8]>,
}

impl Producer {
    /// Makes the producer. `client` names it in the broker's log. Nothing is sent: an absent broker is found out by
    /// the first record.
    ///
    /// # Errors
    /// When librdkafka refuses the settings or a secret cannot be read.
    pub fn open(kafka: &KafkaSettings, client: &str) -> Result<Self, KafkaFailure> {
        let config: ClientConfig = kafka.producer(client, Departure::AtOnce)?;
        let connection = Connection::of(kafka);
        let inner = Client::new(&config, &connection)?;
        let together = OnDemand::new(kafka.producer(client, Departure::Together)?, &connection);
        let mut config = config;
        config.set("batch.num.messages", "1");
        let alone = OnDemand::new(config, &connection);
        let health = Arc::new(WriteHealth::new(connection.clone()));
        let names = Topic::ALL.iter().map(|topic| kafka.topic(*topic)).collect();
        Ok(Self { inner, together, alone, connection, names, health })
    }

    /// Has `health` tell when nothing that is written is confirmed.
    #[must_use]
    pub fn telling(self, health: &Health) -> Self {
        health.watch("producer", &self.health);
        self
    }

    /// Writes one record and waits for all in-sync replicas to have it.
    ///
    /// # Errors
    /// Poison when the record is too large; ambiguous when its delivery is not confirmed; fatal when the client is
    /// fenced or not permitted to write.
    pub async fn send(&self, record: Outbound) -> Result<Delivered, KafkaFailure> {
        let queued = self.enqueue(&record, Departure::AtOnce).await?;
        self.delivered(queued).await
    }

    /// Writes these records in this order. They may wait for some milliseconds for others to leave with them, and be passed by
    /// one that leaves at once: what must not pass them is to be sent after this has returned.
    ///
    /// # Errors
    /// As [`Producer::send`], for the first that is not confirmed; those after it may be.
    pub async fn send_together(&self, records: impl IntoIterator<Item = Outbound>) -> Result<(), KafkaFailure> {
        let mut queued = Vec::new();
        for record in records {
            queued.push(self.enqueue(&record, Departure::Together).await?);
        }
        for record in queued {
            self.delivered(record).await?;
        }
        Ok(())
    }

    /// Hands a record over, so that many can be under way before the first report is awaited.
    /// Two that must stay in order leave alike, or the second after the report of the first.
    pub(crate) async fn enqueue(&self, record: &Outbound, departure: Departure) -> Result<Queued, KafkaFailure> {
        let parts = Parts {
            topic: record.topic,
            key: record.key.as_deref().map(str::as_bytes),
            headers: &record.headers,
            value: record.value.as_deref(),
        };
        match departure {
            Departure::AtOnce => self.enqueue_parts(&parts).await,
            Departure::Together => self.enqueue_with(self.together.client().await?, &parts).await,
        }
    }

    /// The same for parts that are borrowed from elsewhere. A full queue is waited for: it is the broker's pace.
    pub(crate) async fn enqueue_parts(&self, parts: &Parts<'_>) -> Result<Queued, KafkaFailure> {
        self.enqueue_with(&self.inner, parts).await
    }

    async fn enqueue_with(&self, client: &Client, parts: &Parts<'_>) -> Result<Queued, KafkaFailure> {
        let bytes = parts.value.map_or(0, <[u8]>::len);
        loop {
            match self.offer(client, parts) {
                Ok(report) => {
                    let under_way = self.health.begins(parts.topic);
                    return Ok(Queued { report, topic: parts.topic, bytes, under_way });
                }
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    tokio::time::sleep(FULL_QUEUE_PAUSE).await;
                }
                Err(answer) => return Err(self.connection.delivery(self.name(parts.topic), bytes, answer)),
            }
        }
    }

    fn offer(&self, client: &Client, parts: &Parts<'_>) -> Result<Report, KafkaError> {
        let mut record = Record::to(self.name(parts.topic)).headers(owned(parts.headers));
        record.key = parts.key;
        record.payload = parts.value;
        client.send(record)
    }

    /// Waits for the report. A record that came back as too large is written once more, alone.
    pub(crate) async fn delivered(&self, queued: Queued) -> Result<Delivered, KafkaFailure> {
        let Queued { report, topic, bytes, under_way } = queued;
        let answer = match self.reported(report, topic, bytes).await {
            Err((KafkaFailure::Refused { .. }, Some(message))) => self.write_alone(&message, topic, bytes).await,
            other => other.map_err(|(failure, _)| failure),
        };
        match &answer {
            Ok(_) => under_way.taken(),
            Err(failure) => under_way.failed(failure),
        }
        answer
    }

    /// Writes a tombstone with this time stamp, and returns the one that it has on the topic.
    pub(crate) async fn stamp(&self, (topic, key): (Topic, &str), at: Timestamp) -> Result<Timestamp, KafkaFailure> {
        let refused = |answer| self.connection.delivery(self.name(topic), 0, answer);
        let record = Record::to(self.name(topic)).key(key.as_bytes()).timestamp(at.as_millisecond());
        match self.inner.send(record).map_err(refused)?.await {
            Ok(Ok(delivery)) => {
                let said = delivery.timestamp.to_millis().and_then(|ms| Timestamp::from_millisecond(ms).ok());
                Ok(said.unwrap_or(at))
            }
            Ok(Err((source, _))) => Err(refused(source)),
            Err(_) => Err(KafkaFailure::Dead("the producer was dropped while a record was under way".to_owned())),
        }
    }

    async fn write_alone(&self, message: &OwnedMessage, topic: Topic, bytes: usize) -> Result<Delivered, KafkaFailure> {
        let mut record = Record::to(self.name(topic));
        record.key = message.key();
        record.payload = message.payload();
        record.headers = message.headers().cloned();
        let sent = self.alone.client().await?.send(record);
        let report = sent.map_err(|answer| self.connection.delivery(self.name(topic), bytes, answer))?;
        self.reported(report, topic, bytes).await.map_err(|(failure, _)| failure)
    }

    /// What the client says of a record, with the record itself when it came back.
    async fn reported(
        &self,
        report: Report,
        topic: Topic,
        bytes: usize,
    ) -> Result<Delivered, (KafkaFailure, Option<OwnedMessage>)> {
        match report.await {
            Ok(Ok(delivery)) if delivery.offset >= 0 => {
                self.connection.works();
                Ok(Delivered { partition: delivery.partition, offset: delivery.offset })
            }
            Ok(Ok(_)) => Err((self.nowhere(topic), None)),
            Ok(Err((answer, message))) => {
                Err((self.connection.delivery(self.name(topic), bytes, answer), Some(message)))
            }
            Err(_) => {
                Err((KafkaFailure::Dead("the producer was dropped while a record was under way".to_owned()), None))
            }
        }
    }

    /// librdkafka calls a record delivered whose number the broker has seen before (`DUPLICATE_SEQUENCE_NUMBER`), with an
    /// offset below zero. It is taken for unconfirmed: whoever waits to read it back would not wait at all.
    fn nowhere(&self, topic: Topic) -> KafkaFailure {
        let answer = Box::new(KafkaError::MessageProduction(RDKafkaErrorCode::DuplicateSequenceNumber));
        KafkaFailure::Undelivered { topic: self.name(topic).to_owned(), answer, cause: None }
    }

    /// Waits until nothing is under way. Dropping the producer throws away what is; and a flush that ends well does
    /// not mean delivered, so only what each [`Producer::send`] said counts.
    ///
    /// # Errors
    /// When records are still under way after `within`.
    pub async fn flush(&self, within: Duration) -> Result<(), KafkaFailure> {
        let clients: Vec<Client> = std::iter::once(&self.inner).chain(self.together.client.get()).cloned().collect();
        let deadline = Instant::now() + within;
        let flush = move || -> Result<i32, KafkaError> {
            clients.iter().try_fold(0, |under_way, client| {
                client.flush(deadline.saturating_duration_since(Instant::now()))?;
                Ok(under_way + client.under_way())
            })
        };
        let flushed = tokio::task::spawn_blocking(flush).await;
        match flushed {
            Ok(Ok(0)) => Ok(()),
            Ok(Ok(_)) => Err(self.connection.silence("flush the producer", within)),
            Ok(Err(answer)) => {
                Err(self.connection.request("flush the producer", &Needs::cluster(Operation::Write), answer))
            }
            Err(_) => Err(KafkaFailure::Dead("the flush was aborted".to_owned())),
        }
    }

    fn name(&self, topic: Topic) -> &str {
        let place = Topic::ALL.iter().position(|other| *other == topic);
        place.and_then(|place| self.names.get(place)).map_or("", String::as_str)
    }
}

fn owned(headers: &Headers) -> OwnedHeaders {
    headers.0.iter().fold(OwnedHeaders::new_with_capacity(headers.0.len()), |owned, (key, value)| {
        owned.insert(Header { key, value: value.as_deref() })
    })
}
