//! Whether the broker takes what a process writes, for readiness and the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cordon_records::Topic;
use tokio::time::Instant;

use crate::kafka::connection::Connection;
use crate::kafka::error::KafkaFailure;
use crate::telemetry::Watched;

/// The same topic is logged again after this long.
const REPEAT: Duration = Duration::from_secs(30);
/// A process that has had nothing confirmed for so long, though it wrote, cannot work.
const PATIENCE: Duration = Duration::from_secs(15);
/// A refusal is forgotten after this long, unless it is repeated: whoever was refused writes again within seconds, or
/// has lost the partition to a replica that does.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// The topics that a process writes to, each with what is under way and what was refused.
#[derive(Debug)]
pub(super) struct WriteHealth {
    connection: Connection,
    topics: Mutex<BTreeMap<Topic, Waiting>>,
}

/// A topic on which something waits to be confirmed, or was refused.
#[derive(Debug)]
struct Waiting {
    /// The last confirmation, or when the first record of those that wait was written.
    since: Instant,
    under_way: usize,
    refused: Option<Refusal>,
}

#[derive(Debug)]
struct Refusal {
    why: String,
    at: Instant,
    /// Nothing is taken at all, so there is nothing to be patient about.
    for_sure: bool,
    /// When it was last logged.
    logged: Option<Instant>,
}

/// A record that is under way. Whoever drops it unanswered no longer waits for it.
#[derive(Debug)]
pub(super) struct UnderWay {
    health: Arc<WriteHealth>,
    topic: Topic,
}

impl UnderWay {
    /// The topic took the record.
    pub(super) fn taken(self) {
        self.health.taken(self.topic, Instant::now());
    }

    /// The record is not confirmed.
    pub(super) fn failed(self, failure: &KafkaFailure) {
        self.health.failed(self.topic, failure, Instant::now());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.health.ended(self.topic);
    }
}

impl WriteHealth {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, topics: Mutex::default() }
    }

    /// A poisoned lock only means that another thread panicked between two whole updates.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Topic, Waiting>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A record is handed over.
    pub(super) fn begins(self: &Arc<Self>, topic: Topic) -> UnderWay {
        let fresh = || Waiting { since: Instant::now(), under_way: 0, refused: None };
        self.lock().entry(topic).or_insert_with(fresh).under_way += 1;
        UnderWay { health: Arc::clone(self), topic }
    }

    fn taken(&self, topic: Topic, now: Instant) {
        let mut topics = self.lock();
        let Some(waiting) = topics.get_mut(&topic) else { return };
        waiting.since = now;
        if waiting.refused.take().is_some_and(|refusal| refusal.logged.is_some()) {
            tracing::info!(topic = topic.suffix(), "the broker takes records again");
        }
    }

    fn failed(&self, topic: Topic, failure: &KafkaFailure, now: Instant) {
        let mut topics = self.lock();
        let Some(waiting) = topics.get_mut(&topic) else { return };
        if let KafkaFailure::Refused { .. } = failure {
            // That is about the record, and as good an answer as any.
            waiting.since = now;
            return;
        }
        let for_sure = matches!(failure, KafkaFailure::Declined { .. });
        let mut logged = waiting.refused.take().and_then(|refusal| refusal.logged);
        if for_sure && logged.is_none_or(|at| now.duration_since(at) >= REPEAT) {
            logged = Some(now);
            tracing::error!(error = %failure, "what is to be written waits, and is written again until the broker takes it");
        }
        waiting.refused = Some(Refusal { why: failure.to_string(), at: now, for_sure, logged });
    }

    /// Nobody waits for a record any more, however it ended.
    fn ended(&self, topic: Topic) {
        let mut topics = self.lock();
        let Some(waiting) = topics.get_mut(&topic) else { return };
        waiting.under_way = waiting.under_way.saturating_sub(1);
        if waiting.under_way == 0 && waiting.refused.is_none() {
            topics.remove(&topic);
        }
    }

    fn told(&self, topic: Topic, waiting: &Waiting, now: Instant) -> Option<String> {
        let waited = now.saturating_duration_since(waiting.since);
        match &waiting.refused {
            Some(refusal) if waiting.under_way == 0 && now.saturating_duration_since(refusal.at) >= FORGOTTEN => None,
            Some(refusal) if refusal.for_sure => Some(refusal.why.clone()),
            Some(_) | None if waited < PATIENCE => None,
            Some(refusal) => Some(format!("nothing was written for {} s: {}", waited.as_secs(), refusal.why)),
            None => {
                let why = self.connection.newest().map_or_else(
                    || "look at the brokers, and at how many replicas are in sync".to_owned(),
                    |cause| cause.to_string(),
                );
                let (topic, waited) = (topic.suffix(), waited.as_secs());
                Some(format!("the broker has confirmed no record on {topic} for {waited} s: {why}"))
            }
        }
    }
}

/// Whether the work needs what is written there. `policies` tells people and the backtest; everything goes on without it.
fn is_worked_with(topic: Topic) -> bool {
    topic != Topic::Policies
}

impl Watched for WriteHealth {
    fn complaint(&self, now: Instant) -> Option<String> {
        let topics = self.lock();
        let told = topics.iter().filter(|(topic, _)| is_worked_with(**topic));
        let told: Vec<String> = told.filter_map(|(topic, waiting)| self.told(*topic, waiting, now)).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::{KafkaError, RDKafkaErrorCode};

    use super::*;
    use crate::kafka::KafkaSettings;

    fn health() -> Arc<WriteHealth> {
        Arc::new(WriteHealth::new(Connection::of(&KafkaSettings::in_memory("a:1"))))
    }

    fn told(health: &WriteHealth) -> Option<String> {
        health.complaint(Instant::now())
    }

    fn declined(health: &Arc<WriteHealth>, topic: Topic) {
        let answer = Box::new(KafkaError::MessageProduction(RDKafkaErrorCode::InvalidTimestamp));
        health.begins(topic).failed(&KafkaFailure::Declined { topic: topic.suffix().to_owned(), answer });
    }

    fn unconfirmed(health: &Arc<WriteHealth>, topic: Topic) {
        let answer = Box::new(KafkaError::MessageProduction(RDKafkaErrorCode::NotEnoughReplicas));
        let failure = KafkaFailure::Undelivered { topic: topic.suffix().to_owned(), answer, cause: None };
        health.begins(topic).failed(&failure);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_is_ready_again_when_every_topic_that_declined_has_taken_a_record() {
        let health = health();
        declined(&health, Topic::Alerts);
        declined(&health, Topic::Cursors);
        health.begins(Topic::Alerts).taken();
        health.begins(Topic::DeadLetters).taken();
        assert!(told(&health).unwrap().contains("clock"), "{:?}", told(&health));
        health.begins(Topic::Cursors).taken();
        assert_eq!(told(&health), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_works_without_the_topic_that_only_tells_of_it() {
        let health = health();
        unconfirmed(&health, Topic::Policies);
        let _record = health.begins(Topic::Policies);
        tokio::time::advance(PATIENCE * 2).await;
        assert_eq!(told(&health), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_nobody_repeats_is_forgotten() {
        let health = health();
        declined(&health, Topic::Actions);
        tokio::time::advance(FORGOTTEN - Duration::from_secs(1)).await;
        assert!(told(&health).is_some());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(told(&health), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_is_not_confirmed_for_15_s_makes_the_process_unready_until_one_is() {
        let health = health();
        let record = health.begins(Topic::Ledger);
        tokio::time::advance(PATIENCE - Duration::from_secs(1)).await;
        assert_eq!(told(&health), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(told(&health).unwrap().contains("no record on ledger for 15 s"), "{:?}", told(&health));
        record.taken();
        assert_eq!(told(&health), None);
    }

    #[tokio::test(start_paused = true)]
    async fn writes_that_fail_one_after_the_other_add_up_and_say_why() {
        let health = health();
        for _ in 0..4 {
            assert_eq!(told(&health), None);
            unconfirmed(&health, Topic::Ledger);
            tokio::time::advance(PATIENCE / 4).await;
        }
        let why = told(&health).unwrap();
        assert!(why.contains("for 15 s") && why.contains("ledger") && why.contains("replicas"), "{why}");
        health.begins(Topic::Ledger).taken();
        assert_eq!(told(&health), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_that_takes_a_record_now_and_then_is_none_to_complain_of() {
        let health = health();
        let waits = health.begins(Topic::Enriched);
        for _ in 0..4 {
            tokio::time::advance(PATIENCE - Duration::from_secs(1)).await;
            assert_eq!(told(&health), None);
            health.begins(Topic::Enriched).taken();
        }
        drop(waits);
        tokio::time::advance(PATIENCE * 2).await;
        assert_eq!(told(&health), None, "nobody waits for a record that was given up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_is_too_large_says_nothing_against_its_topic() {
        let health = health();
        let answer = Box::new(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge));
        health.begins(Topic::Enriched).failed(&KafkaFailure::Refused {
            topic: "enriched".to_owned(),
            bytes: 9,
            answer,
        });
        tokio::time::advance(PATIENCE * 2).await;
        assert_eq!(told(&health), None);
    }
}
