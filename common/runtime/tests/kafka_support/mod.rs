//! What the tests of the Kafka half share: a broker in memory, contexts of pretended processes, and waiting.

pub mod faulty;
pub mod stage;

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cordon_records::{Classified, ErrorClass, Headers, SystemClock, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Applied, Inbound, KafkaSettings, MemoryBroker, Outbound, apply_topics, check_topics};
use prometheus::Registry;

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The broker of one test, with topics of its own.
pub enum TestBroker {
    Memory(MemoryBroker),
    Real(KafkaSettings),
}

impl TestBroker {
    pub fn settings(&self) -> KafkaSettings {
        match self {
            Self::Memory(broker) => broker.settings(),
            Self::Real(settings) => settings.clone(),
        }
    }
}

/// The in-process broker; or the real one at `CORDON_TEST_KAFKA`, if that is set, under a prefix of this test's own.
pub async fn broker() -> TestBroker {
    static TESTS: AtomicUsize = AtomicUsize::new(0);
    let Some(address) = cordon_settings::variable("CORDON_TEST_KAFKA") else {
        return TestBroker::Memory(MemoryBroker::start().unwrap());
    };
    let mut settings = KafkaSettings::in_memory(&address);
    settings.in_memory = false;
    let random = RandomState::new().hash_one(TESTS.fetch_add(1, Ordering::Relaxed));
    settings.topic_prefix = format!("test-{random:x}.");
    let topics = apply_topics(&settings).await.unwrap();
    assert!(topics.iter().all(|topic| matches!(topic, Applied::Created { .. })), "{topics:?}");
    // A topic that was just made is not known to every broker at once.
    until("the new topics", || async { check_topics(&settings, &Topic::ALL).await.map_err(|e| e.to_string()) }).await;
    TestBroker::Real(settings)
}

/// A process of its own: producer, metrics, health.
pub fn process(kafka: KafkaSettings) -> Context {
    Context::open("enrich", kafka, Registry::new(), Arc::new(SystemClock)).unwrap()
}

/// Sum of a counter or gauge over its labels, except those of other reasons.
pub fn metric(context: &Context, name: &str) -> i64 {
    let families = context.registry.gather();
    let family = families.iter().find(|family| family.name() == name);
    let values = family.map(|family| {
        let one = |m: &prometheus::proto::Metric| m.get_counter().get_value() + m.get_gauge().get_value();
        family.get_metric().iter().map(one).sum::<f64>()
    });
    #[allow(clippy::cast_possible_truncation, reason = "counts of a test")]
    let sum = values.unwrap_or(0.0) as i64;
    sum
}

/// Received, sent, skipped, dead-lettered.
pub fn counts(context: &Context) -> [i64; 4] {
    ["received", "sent", "skipped", "dead_lettered"]
        .map(|name| metric(context, &format!("cordon_records_{name}_total")))
}

pub fn record(topic: Topic, key: &str, value: &str) -> Outbound {
    Outbound { topic, key: Some(key.to_owned()), headers: Headers::default(), value: Some(value.as_bytes().to_vec()) }
}

/// Writes records `value` under `key`, all at once.
pub async fn fill(context: &Context, topic: Topic, records: impl IntoIterator<Item = (String, String)>) {
    let sends: Vec<_> = records
        .into_iter()
        .map(|(key, value)| {
            let producer = context.producer.clone();
            tokio::spawn(async move { producer.send(record(topic, &key, &value)).await })
        })
        .collect();
    for send in sends {
        send.await.unwrap().unwrap();
    }
}

pub fn value(record: &Inbound) -> String {
    String::from_utf8(record.value.clone().unwrap_or_default()).unwrap()
}

/// A holder that gives up.
#[derive(Debug, thiserror::Error)]
#[error("the holder gave up")]
pub struct GaveUp;

impl Classified for GaveUp {
    fn class(&self) -> ErrorClass {
        ErrorClass::Poison
    }
}

/// Waits for a condition and tells what was seen when it does not come.
pub async fn until<F: Future<Output = Result<T, String>>, T>(what: &str, mut look: impl FnMut() -> F) -> T {
    // Not `cordon_wait::until`: what a holder waits for crosses threads.
    let mut wait = cordon_wait::Wait::begin(PATIENCE, what);
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => wait.again(seen).await,
        }
    }
}

/// `Ok` when the condition holds.
pub fn holds(condition: bool, seen: impl std::fmt::Debug) -> std::future::Ready<Result<(), String>> {
    std::future::ready(if condition { Ok(()) } else { Err(format!("{seen:?}")) })
}
