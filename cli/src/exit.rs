//! Exit codes: 0 ok, 1 a negative result, 2 a mistake in the command line, 3 warnings that were denied, 69 something is
//! unreachable, 70 a fault of ours, 77 a permission is missing, 78 the configuration is wrong.

use std::process::ExitCode;

use cordon_backtest::BacktestError;
use cordon_defender::ApiError;
use cordon_records::{Classified as _, ErrorClass};
use cordon_runtime::kafka::{Fault, KafkaFailure, TopicsError};
use cordon_settings::Problems;

use crate::people::sign::SignError;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All is well.
    Ok,
    /// The answer is no.
    Negative,
    /// The command line lacks something; clap finds most of such mistakes itself.
    Usage,
    /// Nothing but warnings, which were to count: promtool's code for them.
    Warned,
    /// Something that we need cannot be reached.
    Unreachable,
    /// A fault of ours.
    Failed,
    /// A permission is missing.
    Denied,
    /// The configuration is wrong.
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Negative => 1,
            Exit::Usage => 2,
            Exit::Warned => 3,
            Exit::Unreachable => 69,
            Exit::Failed => 70,
            Exit::Denied => 77,
            Exit::Config => 78,
        })
    }
}

/// The code that fits a failure of Kafka's.
pub fn of_kafka(failure: &KafkaFailure) -> Exit {
    match failure.fault() {
        Fault::Unreachable => Exit::Unreachable,
        Fault::Denied => Exit::Denied,
        Fault::Configuration => Exit::Config,
        Fault::Broken => Exit::Failed,
    }
}

/// The code that fits an error.
pub fn of(error: &anyhow::Error) -> Exit {
    if error.downcast_ref::<Problems>().is_some() {
        return Exit::Config;
    }
    if let Some(failure) = error.downcast_ref::<KafkaFailure>() {
        return of_kafka(failure);
    }
    if let Some(error) = error.downcast_ref::<BacktestError>() {
        return match error {
            BacktestError::Usage(_) | BacktestError::Input { .. } | BacktestError::Empty(_) => Exit::Usage,
            BacktestError::Misconfigured(_) => Exit::Config,
            BacktestError::Kafka(failure) => of_kafka(failure),
            BacktestError::Output { .. } | BacktestError::Broken(_) => Exit::Failed,
        };
    }
    if let Some(error) = error.downcast_ref::<ApiError>() {
        return match (error, error.class()) {
            (ApiError::Setup { .. }, _) => Exit::Config,
            (_, ErrorClass::Transient | ErrorClass::Ambiguous) => Exit::Unreachable,
            (_, ErrorClass::Poison | ErrorClass::Fatal) => Exit::Denied,
        };
    }
    if let Some(error) = error.downcast_ref::<SignError>() {
        return match error {
            SignError::NoKey | SignError::KeyItself | SignError::NoFile(_) => Exit::Usage,
            SignError::Refused(_) => Exit::Denied,
            SignError::NoTool | SignError::Io(_) => Exit::Failed,
        };
    }
    if let Some(error) = error.downcast_ref::<TopicsError>() {
        return match error {
            TopicsError::Kafka(failure) => of_kafka(failure),
            TopicsError::Wrong(_) => Exit::Negative,
        };
    }
    Exit::Failed
}
