//! What ends a tenure or a round.

use cordon_defender::ApiError;
use cordon_records::{Classified, ErrorClass};
use cordon_runtime::kafka::KafkaFailure;

/// Why ingest cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] KafkaFailure),
    /// The alert list.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// One of our own records is not JSON. A defect.
    #[error("cannot write a record as JSON: {0}; please report this")]
    Encode(#[from] serde_json::Error),
    /// The metrics' names are taken by something else in this process.
    #[error("cannot register the metrics of ingest: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Classified for IngestError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Kafka(failure) => failure.class(),
            Self::Api(error) => error.class(),
            Self::Encode(_) | Self::Metrics(_) => ErrorClass::Fatal,
        }
    }
}
