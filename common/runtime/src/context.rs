//! What a stage is given to work with.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use cordon_records::{Classified, Clock, ErrorClass};
use prometheus::Registry;

use crate::kafka::{KafkaFailure, KafkaSettings, Producer};
use crate::telemetry::{Health, StageMetrics};

/// The surroundings of one stage; copies share everything.
#[derive(Clone)]
pub struct Context {
    /// Where the broker is.
    pub kafka: KafkaSettings,
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
            kafka,
            registry,
            clock,
            stage,
        })
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
