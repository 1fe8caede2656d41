//! What ends the stage.

use cordon_defender::ApiError;
use cordon_records::{Classified, ErrorClass};
use cordon_runtime::kafka::KafkaFailure;

/// Why enrich cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EnrichError {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] KafkaFailure),
    /// The API's client cannot be made.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A replay's range holds too much.
    #[error("what was found in this time takes more than {} MiB; replay a shorter time", most / (1024 * 1024))]
    TooMuchRecorded {
        /// So many bytes are held at most.
        most: usize,
    },
    /// The metrics' names are taken by something else in this process.
    #[error("cannot register the metrics of enrich: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Classified for EnrichError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Kafka(failure) => failure.class(),
            Self::Api(error) => error.class(),
            Self::Metrics(_) | Self::TooMuchRecorded { .. } => ErrorClass::Fatal,
        }
    }
}
