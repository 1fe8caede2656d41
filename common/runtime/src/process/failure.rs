//! Why a stage process ended.

use cordon_records::{Classified, ErrorClass};

use super::budget::DRAIN_BUDGET;
use crate::context::ContextError;
use crate::kafka::{KafkaFailure, TopicsError};
use crate::telemetry::TelemetryError;

/// What ended a stage, other than being asked to stop.
#[derive(Debug, thiserror::Error)]
pub enum StageFailure {
    /// The topics are not there, or not as they must be.
    #[error("{0}")]
    Topics(TopicsError),
    /// The broker refuses this client. One that cannot be reached is waited for instead.
    #[error(transparent)]
    Broker(KafkaFailure),
    /// The name of a replay was taken before.
    #[error(
        "the name {name} was used: {topic} is there already; take another one, or delete what that replay left with \
         `kafka-topics --delete`"
    )]
    Used {
        /// The name.
        name: String,
        /// The topic that is there.
        topic: String,
    },
    /// A replay was told to stop before it had read its range. What it came to until then.
    #[error("the replay was stopped before the end of its range: {0}")]
    CutShort(String),
    /// The stage could not be set up.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The probes cannot be served.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// Threads or signal handlers cannot be had.
    #[error("cannot start the process: {0}")]
    Start(std::io::Error),
    /// The stage gave up.
    #[error("{0}")]
    Stage(Box<dyn Classified + Send + Sync>),
    /// The stage's code panicked.
    #[error("the stage panicked, which is a fault of cordon: {0}")]
    Panicked(String),
    /// The stage did not stop in time; it was cut off. What it had not settled will be done again.
    #[error("the stage did not finish within {} s of being asked to stop", DRAIN_BUDGET.as_secs())]
    Overrun,
    /// Not even the watchdog inside the runtime got its turn.
    #[error("the process is blocked and did not stop when asked to")]
    Stuck,
}

impl Classified for StageFailure {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Topics(error) => error.class(),
            Self::Broker(failure) => failure.class(),
            Self::Context(error) => error.class(),
            Self::Telemetry(error) => error.class(),
            Self::Stage(error) => error.class(),
            Self::Start(_)
            | Self::Panicked(_)
            | Self::Overrun
            | Self::Stuck
            | Self::Used { .. }
            | Self::CutShort(_) => ErrorClass::Fatal,
        }
    }
}
