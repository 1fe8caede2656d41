//! Why a simulated tenant cannot start.

use std::net::SocketAddr;

use cordon_records::{Classified, ErrorClass};

/// A failure to start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address cannot be listened on.
    #[error("the simulated tenant cannot listen on {address}: {source}; choose another address, or port 0")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// There is no tokio runtime around the call.
    #[error("the simulated tenant was started outside a tokio runtime: {source}")]
    NoRuntime {
        /// What tokio said.
        source: tokio::runtime::TryCurrentError,
    },
}

impl Classified for SimulatorError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Listen { .. } | Self::NoRuntime { .. } => ErrorClass::Fatal,
        }
    }
}
