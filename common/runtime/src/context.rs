//! What a stage is given to work with.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cordon_records::{Classified, Clock, ErrorClass};
use prometheus::Registry;

use crate::beside::Beside;
use crate::kafka::{KafkaFailure, KafkaSettings, Producer};
use crate::telemetry::{Health, StageMetrics};

/// The surroundings of one stage; copies share everything.
#[derive(Clone)]
pub struct Context {
    /// Where the broker is, and the stage's own topics and groups.
    pub kafka: KafkaSettings,
    /// Where its input is: the installation's topics, whatever runs beside that.
    pub(crate) input: KafkaSettings,
    /// Where its input ends, if it does.
    pub(crate) ends: Option<Ends>,
    /// The one producer.
    pub producer: Producer,
    /// The counters that every stage has.
    pub metrics: StageMetrics,
    /// For the stage's own metrics; register them with [`crate::telemetry::metrics::register`].
    pub registry: Registry,
    /// Where the stage says whether it can work.
    pub health: Health,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// The stage's name.
    pub stage: &'static str,
    /// The consumer groups that this stage has stood in.
    pub(crate) groups: Groups,
    /// This process among its replicas: host, process id and a random part, so that a claim tells whose it is.
    pub owner: String,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("stage", &self.stage).field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// Where the input of a replay ends.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    /// The first offset of each partition that is no part of it; of partitions that are not named nothing is.
    pub(crate) offsets: BTreeMap<i32, i64>,
    /// Whether everything before was settled.
    reached: Arc<AtomicBool>,
}

impl Ends {
    pub(crate) fn at(offsets: BTreeMap<i32, i64>) -> Self {
        Self { offsets, reached: Arc::default() }
    }

    pub(crate) fn reach(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    pub(crate) fn are_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }
}

/// The consumer groups in which a stage has stood.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups(Arc<Mutex<BTreeSet<String>>>);

impl Groups {
    /// Takes note of one, without the prefix.
    pub(crate) fn join(&self, group: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(group.to_owned());
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Why a stage cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The producer cannot be made.
    #[error(transparent)]
    Kafka(#[from] KafkaFailure),
    /// The metrics cannot be registered.
    #[error("cannot register the metrics of the stage: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Classified for ContextError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Kafka(failure) => failure.class(),
            Self::Metrics(_) => ErrorClass::Fatal,
        }
    }
}

impl Context {
    /// Sets a stage up. Nothing is sent yet.
    ///
    /// # Errors
    /// librdkafka refuses the settings, or the registry holds metrics of the same names with other labels.
    pub fn open(
        stage: &'static str,
        kafka: KafkaSettings,
        registry: Registry,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ContextError> {
        let health = Health::new(stage);
        Ok(Self {
            producer: Producer::open(&kafka, stage)?.telling(&health),
            metrics: StageMetrics::register(&registry, stage)?,
            health,
            groups: Groups::default(),
            owner: owner(),
            input: kafka.clone(),
            ends: None,
            kafka,
            registry,
            clock,
            stage,
        })
    }

    /// Sets up what runs beside the installation at `kafka`: it reads there, and knows no other topics to write to than its
    /// own.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn beside(
        stage: &'static str,
        kafka: KafkaSettings,
        beside: &Beside,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ContextError> {
        let own = Self::open(stage, kafka.beside(beside), Registry::new(), clock)?;
        Ok(Self { input: kafka, ..own })
    }

    /// The same surroundings, for reading what the installation has on its topics.
    #[must_use]
    pub fn reading_input(&self) -> Self {
        Self { kafka: self.input.clone(), ..self.clone() }
    }

    /// Whether it runs beside the installation whose topics it reads.
    pub(crate) fn is_beside(&self) -> bool {
        self.kafka.topic_prefix != self.input.topic_prefix
    }
}

/// Container runtimes set `HOSTNAME` to the pod or container; on a plain machine the kernel knows it.
fn owner() -> String {
    let host = cordon_settings::variable("HOSTNAME")
        .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
        .unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect();
    let host = if host.is_empty() { "host" } else { &host };
    // The standard library seeds each of these from the operating system.
    let random = RandomState::new().hash_one(std::process::id());
    format!("{host}-{}-{:08x}", std::process::id(), random & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_owners_in_one_process_differ() {
        assert_ne!(owner(), owner());
    }
}
