//! The one producer of a process. A record counts as written only when its delivery report says so.

use std::sync::Arc;
use std::time::Duration;

use cordon_records::{Headers, Topic};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::OwnedDeliveryResult;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _};

use super::error::KafkaFailure;
use super::records::Outbound;
use super::settings::KafkaSettings;
use super::statistics::log_librdkafka;

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
    inner: FutureProducer<Quiet>,
    names: Arc<[String]>,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

/// A record that is handed to the client and whose report is still to come.
#[must_use = "a record counts as written only when its report is awaited"]
pub(crate) struct Queued {
    report: DeliveryFuture,
    topic: Topic,
    bytes: usize,
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
        let config: ClientConfig = kafka.producer(client)?;
        let inner =
            config.create_with_context(Quiet).map_err(|source| KafkaFailure::Client { what: "producer", source })?;
        Ok(Self { inner, names: Topic::ALL.iter().map(|topic| kafka.topic(*topic)).collect() })
    }

    /// Writes one record and waits for all in-sync replicas to have it.
    ///
    /// # Errors
    /// Poison when the record is too large; ambiguous when its delivery is not confirmed; fatal when the client is
    /// fenced or not permitted to write.
    pub async fn send(&self, record: Outbound) -> Result<Delivered, KafkaFailure> {
        let queued = self.enqueue(&record).await?;
        self.delivered(queued).await
    }

    /// Hands a record over, so that many can be under way before the first report is awaited.
    pub(crate) async fn enqueue(&self, record: &Outbound) -> Result<Queued, KafkaFailure> {
        let parts = Parts {
            topic: record.topic,
            key: record.key.as_deref().map(str::as_bytes),
            headers: &record.headers,
            value: record.value.as_deref(),
        };
        self.enqueue_parts(&parts).await
    }

    /// The same for parts that are borrowed from elsewhere. A full queue is waited for: it is the broker's pace.
    pub(crate) async fn enqueue_parts(&self, parts: &Parts<'_>) -> Result<Queued, KafkaFailure> {
        let bytes = parts.value.map_or(0, <[u8]>::len);
        loop {
            match self.offer(parts) {
                Ok(report) => return Ok(Queued { report, topic: parts.topic, bytes }),
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    tokio::time::sleep(FULL_QUEUE_PAUSE).await;
                }
                Err(source) => return Err(KafkaFailure::delivery(self.name(parts.topic), bytes, source)),
            }
        }
    }

    fn offer(&self, parts: &Parts<'_>) -> Result<DeliveryFuture, KafkaError> {
        let mut record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(self.name(parts.topic)).headers(owned(parts.headers));
        record.key = parts.key;
        record.payload = parts.value;
        self.inner.send_result(record).map_err(|(source, _)| source)
    }

    /// Waits for the report.
    pub(crate) async fn delivered(&self, queued: Queued) -> Result<Delivered, KafkaFailure> {
        let report: Result<OwnedDeliveryResult, _> = queued.report.await;
        match report {
            Ok(Ok(delivery)) if delivery.offset >= 0 => {
                Ok(Delivered { partition: delivery.partition, offset: delivery.offset })
            }
            Ok(Ok(_)) => Err(self.nowhere(queued.topic)),
            Ok(Err((source, _))) => Err(KafkaFailure::delivery(self.name(queued.topic), queued.bytes, source)),
            Err(_) => Err(KafkaFailure::Dead("the producer was dropped while a record was under way".to_owned())),
        }
    }

    /// librdkafka calls a record delivered whose number the broker has seen before (`DUPLICATE_SEQUENCE_NUMBER`), with an
    /// offset below zero. It is taken for unconfirmed: whoever waits to read it back would not wait at all.
    fn nowhere(&self, topic: Topic) -> KafkaFailure {
        let source = KafkaError::MessageProduction(RDKafkaErrorCode::DuplicateSequenceNumber);
        KafkaFailure::Undelivered { topic: self.name(topic).to_owned(), source }
    }

    /// Waits until nothing is under way. Dropping the producer throws away what is; and a flush that ends well does
    /// not mean delivered, so only what each [`Producer::send`] said counts.
    ///
    /// # Errors
    /// When records are still under way after `within`.
    pub async fn flush(&self, within: Duration) -> Result<(), KafkaFailure> {
        let inner = self.inner.clone();
        let flushed = tokio::task::spawn_blocking(move || inner.flush(within).map(|()| inner.in_flight_count())).await;
        match flushed {
            Ok(Ok(0)) => Ok(()),
            Ok(Ok(_)) => Err(KafkaFailure::NoAnswer { what: "flush the producer".into(), seconds: within.as_secs() }),
            Ok(Err(source)) => Err(KafkaFailure::request("flush the producer", source)),
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

/// Sends librdkafka's log lines to `tracing`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_librdkafka(level, facility, message);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client reports an error");
    }
}

impl rdkafka::consumer::ConsumerContext for Quiet {}
