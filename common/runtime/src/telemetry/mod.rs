//! What a process says about itself: logs on stderr, metrics and health over HTTP.

pub mod health;
pub mod logs;
pub mod metrics;
pub mod need;
pub mod server;
pub mod settings;

use std::net::SocketAddr;

use cordon_records::{Classified, ErrorClass};

pub use health::{Health, Waits, Watched};
pub use metrics::StageMetrics;
pub use need::watch_need;
pub use server::serve;
pub use settings::{LogFormat, TelemetrySettings};

/// Why a process cannot speak about itself.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The listener's address is taken, or not one of this machine.
    #[error(
        "cannot listen on {listen} (telemetry.listen): {source}; choose another port, or stop what holds it. \
             Stages of one file on one host need a port each: listen: {{ingest: 127.0.0.1:9600, enrich: 127.0.0.1:9601}}"
    )]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The log filter cannot be read.
    #[error("telemetry.log is not a filter such as info or cordon_runtime=debug,info: {0}")]
    Filter(String),
    /// Logging was set up before.
    #[error("logging is already set up in this process: {0}")]
    Logging(String),
}

impl Classified for TelemetryError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Listen { .. } | Self::Filter(_) | Self::Logging(_) => ErrorClass::Fatal,
        }
    }
}
