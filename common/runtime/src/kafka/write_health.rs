//! Whether the broker takes what a process writes, for readiness and the log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cordon_records::Topic;
use tokio::time::Instant;

use super::error::KafkaFailure;
use crate::telemetry::Health;

/// The producer's name among the components of its process.
const COMPONENT: &str = "producer";
/// The same topic is logged again after this long.
const REPEAT: Duration = Duration::from_secs(30);
/// A refusal is forgotten after this long, unless it is repeated: whoever was refused writes again within seconds, or
/// has lost the partition to a replica that does.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// The topics that take nothing at present.
#[derive(Debug)]
pub(super) struct WriteHealth {
    health: Health,
    /// Each with when it was last told of.
    declining: Mutex<BTreeMap<Topic, Instant>>,
    any: AtomicBool,
}

impl WriteHealth {
    pub(super) fn new(health: Health) -> Self {
        Self { health, declining: Mutex::default(), any: AtomicBool::new(false) }
    }

    /// A poisoned lock only means that another thread panicked between two whole updates.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Topic, Instant>> {
        self.declining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A topic does not take records now.
    pub(super) fn declined(&self, topic: Topic, failure: &KafkaFailure) {
        let (now, mut declining) = (Instant::now(), self.lock());
        self.any.store(true, Ordering::Relaxed);
        self.health.set_unready_for(COMPONENT, &failure.to_string(), FORGOTTEN);
        if declining.get(&topic).is_none_or(|told| now.duration_since(*told) >= REPEAT) {
            declining.insert(topic, now);
            tracing::error!(error = %failure, "what is to be written waits, and is written again until the broker takes it");
        }
    }

    /// A topic took a record.
    pub(super) fn taken(&self, topic: Topic) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let mut declining = self.lock();
        if declining.remove(&topic).is_none() {
            return;
        }
        tracing::info!(topic = topic.suffix(), "the broker takes records again");
        if declining.is_empty() {
            self.any.store(false, Ordering::Relaxed);
            self.health.set_ready(COMPONENT, true, "");
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::{KafkaError, RDKafkaErrorCode};

    use super::*;

    fn declined(health: &WriteHealth, topic: Topic) {
        let source = KafkaError::MessageProduction(RDKafkaErrorCode::InvalidTimestamp);
        health.declined(topic, &KafkaFailure::delivery(topic.suffix(), 1, source));
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_is_ready_again_when_every_topic_that_declined_has_taken_a_record() {
        let health = Health::new("ingest");
        let writes = WriteHealth::new(health.clone());
        declined(&writes, Topic::Alerts);
        declined(&writes, Topic::Cursors);
        writes.taken(Topic::Alerts);
        writes.taken(Topic::DeadLetters);
        assert!(health.missing()[0].contains("clock"), "{:?}", health.missing());
        writes.taken(Topic::Cursors);
        assert!(health.missing().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_nobody_repeats_is_forgotten() {
        let health = Health::new("act");
        let writes = WriteHealth::new(health.clone());
        declined(&writes, Topic::Actions);
        tokio::time::advance(FORGOTTEN - Duration::from_secs(1)).await;
        assert_eq!(health.missing().len(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(health.missing().is_empty(), "{:?}", health.missing());
    }
}
