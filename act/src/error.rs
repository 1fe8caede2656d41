//! What can stop the act stage.

use cordon_policy::DecideError;
use cordon_records::{Classified, ErrorClass};
use cordon_runtime::kafka::{ElectError, KafkaFailure};

/// Why act cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The broker.
    #[error(transparent)]
    Kafka(#[from] KafkaFailure),
    /// The Defender client could not be built.
    #[error(transparent)]
    Defender(#[from] cordon_defender::ApiError),
    /// The respond role has nobody to act as.
    #[error(
        "role respond needs defender.client_id and defender.client_secret; give them, or start this process with \
         --role decide, which needs no credential"
    )]
    NoIdentity,
    /// A rule could not be judged at all.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// A record of ours could not be written as JSON.
    #[error("failed to write a record as JSON: {0}")]
    Encode(#[from] serde_json::Error),
    /// The ledger holds something unreadable.
    #[error("the ledger record at {place} is unreadable: {why}; respond does not guess and stops")]
    Ledger {
        /// topic/partition/offset.
        place: String,
        /// Why.
        why: String,
    },
    /// The ledger has no genesis record.
    #[error(
        "the ledger has no genesis record: it is new, or it was lost; if it is new, run cordon-act once with \
         --init-ledger, which starts at the present end of decisions; if it was lost, look first at what is isolated"
    )]
    NoGenesis,
    /// The ledger belongs to another cluster.
    #[error("the ledger belongs to cluster {ledger}, but this is cluster {here}; respond refuses to act on it")]
    OtherCluster {
        /// The cluster named in the genesis record.
        ledger: String,
        /// The cluster we are connected to.
        here: String,
    },
    /// Another process claimed the ledger.
    #[error("another respond claimed the ledger with epoch {epoch}")]
    Superseded {
        /// The higher epoch.
        epoch: u64,
    },
    /// A write was not done, because an earlier one that it must not overtake failed.
    #[error("a write to the ledger was left out, because the one before it failed")]
    OutOfTurn,
    /// A task of ours panicked.
    #[error("a task of respond panicked")]
    Task,
    /// A metric could not be registered.
    #[error("failed to register a metric: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl From<cordon_response::UnreadableRecord> for ActError {
    fn from(unreadable: cordon_response::UnreadableRecord) -> Self {
        Self::Ledger { place: unreadable.place, why: unreadable.why }
    }
}

impl From<ElectError<Self>> for ActError {
    fn from(error: ElectError<Self>) -> Self {
        match error {
            ElectError::Kafka(failure) => Self::Kafka(failure),
            ElectError::Holder(error) => error,
        }
    }
}

impl Classified for ActError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Kafka(error) => error.class(),
            Self::Defender(error) => error.class(),
            Self::Superseded { .. } | Self::OutOfTurn | Self::Task => ErrorClass::Transient,
            Self::Decide(_) => ErrorClass::Poison,
            Self::Encode(_)
            | Self::Ledger { .. }
            | Self::NoGenesis
            | Self::NoIdentity
            | Self::OtherCluster { .. }
            | Self::Metrics(_) => ErrorClass::Fatal,
        }
    }
}
