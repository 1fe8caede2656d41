//! Exit codes, after sysexits.h where it has a fitting one.

use std::error::Error;
use std::process::ExitCode;

use cordon_records::{Classified, ErrorClass};

use super::failure::StageFailure;
use super::signals::Signal;
use crate::context::ContextError;
use crate::kafka::{Fault, KafkaFailure, TopicsError};

/// The command line asks for what cannot be.
const USAGE: u8 = 2;
/// Something outside is missing or unreachable.
pub(super) const UNAVAILABLE: u8 = 69;
/// The stage failed.
pub(super) const SOFTWARE: u8 = 70;
/// The broker does not take who the stage is, or does not let it do what it must.
const DENIED: u8 = 77;
/// The configuration is wrong.
pub(super) const CONFIGURATION: u8 = 78;

/// 2 for wrong flags, 0 for `--help` and `--version`; the text is clap's.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    // If even stderr is gone, the exit code is all there is left to say.
    let _ = error.print();
    u8::try_from(error.exit_code()).unwrap_or(SOFTWARE).into()
}

/// Logs why the stage ended and chooses the code.
pub(super) fn failed(stage: &str, failure: &StageFailure) -> ExitCode {
    let code = code(failure);
    let cause = causes(failure);
    tracing::error!(stage, exit_code = code, class = failure.class().as_str(), "stopped: {cause}");
    code.into()
}

/// The process stops with work under way, because somebody asked twice.
pub(super) fn interrupted(stage: &str, signal: Signal) -> ExitCode {
    let code = 128 + signal.number();
    tracing::warn!(stage, exit_code = code, "stopped at once by a second {}", signal.name());
    code.into()
}

fn code(failure: &StageFailure) -> u8 {
    match failure {
        StageFailure::Topics(TopicsError::Kafka(failure)) => fault(failure),
        StageFailure::Topics(TopicsError::Wrong(_)) => UNAVAILABLE,
        StageFailure::Used { .. } => USAGE,
        StageFailure::Broker(failure) | StageFailure::Context(ContextError::Kafka(failure)) => fault(failure),
        StageFailure::Context(ContextError::Metrics(_))
        | StageFailure::Telemetry(_)
        | StageFailure::Start(_)
        | StageFailure::Panicked(_)
        | StageFailure::Overrun
        | StageFailure::CutShort(_)
        | StageFailure::Stuck => SOFTWARE,
        StageFailure::Stage(error) => match error.class() {
            ErrorClass::Transient => UNAVAILABLE,
            ErrorClass::Ambiguous | ErrorClass::Poison | ErrorClass::Fatal => SOFTWARE,
        },
    }
}

fn fault(failure: &KafkaFailure) -> u8 {
    match failure.fault() {
        Fault::Unreachable => UNAVAILABLE,
        Fault::Denied => DENIED,
        Fault::Configuration => CONFIGURATION,
        Fault::Broken => SOFTWARE,
    }
}

/// The error and what lies under it, leaving out what is already said.
fn causes(failure: &StageFailure) -> String {
    let error: &dyn Error = match failure {
        StageFailure::Stage(error) => &**error,
        other => other,
    };
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        source = error.source();
    }
    said
}
