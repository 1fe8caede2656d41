//! A client of librdkafka that writes, and the thread that listens to it.
//!
//! rust-rdkafka has one of its own, `FutureProducer`. Its thread asks ten times a second, and each time spins through the
//! last part of a millisecond, since librdkafka counts whole ones: 0.9 % of a core in a process that does nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _, OwnedMessage, Timestamp};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};
use tokio::sync::oneshot;

use crate::kafka::connection::Connection;
use crate::kafka::error::KafkaFailure;

/// How long the thread listens before it looks whether it is to end; what there is to hear it hears at once. Above whole
/// milliseconds by what a kernel may be late with waking a thread: rust-rdkafka spins through what is left of one.
const LISTEN: Duration = Duration::from_micros(1_000_050);

/// A record that is to be written.
pub(super) type Record<'a> = BaseRecord<'a, [u8], [u8]>;

/// What became of a record. A failed one comes back.
pub(crate) type Reported = Result<Delivery, (KafkaError, OwnedMessage)>;

/// Where a record ended, as librdkafka says. An offset below zero is none.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: Timestamp,
}

/// A record's report, still to come. It fails when the client went without one.
pub(super) type Report = oneshot::Receiver<Reported>;

/// See the module. Copies are one client. When the last is dropped, what is under way is thrown away and reported as failed at
/// once, and the thread ends within a second.
#[derive(Clone)]
pub(super) struct Client(Arc<Listened>);

struct Listened {
    producer: Arc<BaseProducer<Connection>>,
    over: Arc<AtomicBool>,
}

impl Client {
    /// A client with this configuration. It connects by itself; nothing is sent.
    pub(super) fn new(config: &ClientConfig, connection: &Connection) -> Result<Self, KafkaFailure> {
        let made = config.create_with_context(connection.clone());
        let producer: BaseProducer<Connection> =
            made.map_err(|answer| KafkaFailure::Client { what: "producer", answer })?;
        let (producer, over) = (Arc::new(producer), Arc::new(AtomicBool::new(false)));
        let (listening, is_over) = (Arc::clone(&producer), Arc::clone(&over));
        std::thread::Builder::new().name("kafka-write".to_owned()).spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                listening.poll(LISTEN);
            }
        })?;
        Ok(Self(Arc::new(Listened { producer, over })))
    }

    /// Hands a record to librdkafka, unless its queue is full.
    pub(super) fn send(&self, record: Record<'_>) -> Result<Report, KafkaError> {
        let (sender, report) = oneshot::channel();
        let Record { topic, partition, payload, key, timestamp, headers, delivery_opaque: () } = record;
        let delivery_opaque = Box::new(sender);
        let record = BaseRecord { topic, partition, payload, key, timestamp, headers, delivery_opaque };
        self.0.producer.send(record).map(|()| report).map_err(|(answer, _)| answer)
    }

    /// Waits until nothing is under way, at most so long. Blocks.
    pub(super) fn flush(&self, within: Duration) -> Result<(), KafkaError> {
        self.0.producer.flush(within)
    }

    /// Records whose report nobody has heard yet.
    pub(super) fn under_way(&self) -> i32 {
        self.0.producer.in_flight_count()
    }
}

impl Drop for Listened {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // The thread still listens, and passes on what comes of this. It keeps the producer itself until it ends.
        self.producer.purge(PurgeConfig::default().queue().inflight());
    }
}

impl ProducerContext for Connection {
    type DeliveryOpaque = Box<oneshot::Sender<Reported>>;

    fn delivery(&self, result: &DeliveryResult<'_>, sender: Self::DeliveryOpaque) {
        let reported = match result {
            Ok(message) => Ok(Delivery {
                partition: message.partition(),
                offset: message.offset(),
                timestamp: message.timestamp(),
            }),
            Err((answer, message)) => Err((answer.clone(), message.detach())),
        };
        // Nobody listens where whoever wrote the record has stopped waiting for it.
        let _ = sender.send(reported);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use cordon_records::Topic;
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;
    use crate::kafka::memory::MemoryBroker;
    use crate::kafka::producer::Departure;
    use crate::kafka::settings::KafkaSettings;

    const SOON: Duration = Duration::from_secs(10);

    fn client(kafka: &KafkaSettings) -> Client {
        let config = kafka.producer("test", Departure::AtOnce).unwrap();
        Client::new(&config, &Connection::of(kafka)).unwrap()
    }

    async fn reported(report: Report) -> Reported {
        tokio::time::timeout(SOON, report).await.expect("a report").expect("a client that reports")
    }

    #[tokio::test]
    async fn a_report_comes_at_once_and_not_when_the_thread_looks_up() {
        let broker = MemoryBroker::start().unwrap();
        let kafka = broker.settings();
        let (client, topic) = (client(&kafka), kafka.topic(Topic::Alerts));
        let write = async || {
            let start = Instant::now();
            reported(client.send(Record::to(&topic).payload(b"x")).unwrap()).await.unwrap();
            start.elapsed()
        };
        // The first one waits for the connection.
        write().await;
        let mut took = Vec::new();
        for _ in 0..20 {
            took.push(write().await);
        }
        took.sort_unstable();
        assert!(took[10] < LISTEN / 20, "{took:?}");
    }

    #[tokio::test]
    async fn what_is_under_way_when_the_client_goes_is_reported_as_failed() {
        let nobody = KafkaSettings::in_memory("127.0.0.1:1");
        let client = client(&nobody);
        let report = client.send(Record::to("alerts").payload(b"x")).unwrap();
        let start = Instant::now();
        drop(client);
        let (answer, message) = reported(report).await.unwrap_err();
        assert!(start.elapsed() < LISTEN / 2, "{:?}", start.elapsed());
        assert_eq!(answer, KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue));
        assert_eq!(message.payload(), Some(&b"x"[..]));
    }

    #[tokio::test]
    async fn a_client_that_is_dropped_leaves_no_thread_and_no_connection_behind() {
        let client = client(&KafkaSettings::in_memory("127.0.0.1:1"));
        let (copy, producer) = (client.clone(), Arc::downgrade(&client.0.producer));
        drop(client);
        assert!(producer.upgrade().is_some(), "a copy still writes");
        drop(copy);
        let gone = async || if producer.strong_count() == 0 { Ok(()) } else { Err("the thread still listens") };
        cordon_wait::until(SOON, "the producer to be gone", gone).await;
    }
}
