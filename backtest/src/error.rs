//! Why a backtest ends without a result.

use cordon_records::{Classified, ErrorClass};
use cordon_runtime::kafka::KafkaFailure;
use cordon_settings::Problems;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// Rules, guards or the configuration have mistakes.
    #[error("{0}")]
    Misconfigured(#[from] Problems),
    /// The command line asks for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// The broker cannot be had, or says no.
    #[error(transparent)]
    Kafka(#[from] KafkaFailure),
    /// An input cannot be read.
    #[error("cannot read {what}: {why}")]
    Input {
        /// The file.
        what: String,
        /// Why, and what to do.
        why: String,
    },
    /// An output cannot be written.
    #[error("cannot write {what}: {source}")]
    Output {
        /// The file.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing to judge.
    #[error("there is no record to judge: {0}")]
    Empty(String),
    /// A fault of ours.
    #[error("{0}; this is a fault of cordon, please report it")]
    Broken(String),
}

impl Classified for BacktestError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Kafka(failure) => failure.class(),
            Self::Input { .. } | Self::Empty(_) => ErrorClass::Poison,
            Self::Misconfigured(_) | Self::Usage(_) | Self::Output { .. } | Self::Broken(_) => ErrorClass::Fatal,
        }
    }
}
