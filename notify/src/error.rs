//! The stage's errors, and what may be done about each.

use std::path::PathBuf;
use std::time::Duration;

use cordon_records::{Classified, ErrorClass};
use cordon_runtime::kafka::KafkaFailure;

/// Why a mail could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template does not parse, or asks for what is not there.
    #[error("mail template failed: {0:#}")]
    Template(#[from] minijinja::Error),
    /// Each of many things makes a mail, but all of them together do not.
    #[error("{0}")]
    Together(String),
    /// The parts do not make a mail.
    #[error("mail could not be put together: {0}")]
    Mime(#[from] lettre::error::Error),
}

impl Classified for RenderError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Template(_) | Self::Together(_) | Self::Mime(_) => ErrorClass::Poison,
        }
    }
}

/// Why a mail was not handed over this time. It may work later, and the mail may even have arrived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mail was not taken: {why}")]
pub struct DeliveryError {
    /// What was said or what broke.
    pub why: String,
    /// How long the other side asked us to wait.
    pub after: Option<Duration>,
    /// Whether the server had begun to take this mail: then it may be the mail, and not the way out, that fails.
    pub begun: bool,
}

impl DeliveryError {
    /// A failure without a time asked for.
    #[must_use]
    pub fn later(why: impl Into<String>) -> Self {
        Self { why: why.into(), after: None, begun: false }
    }

    /// The same, after the server had begun to take the mail.
    #[must_use]
    pub fn begun(why: impl Into<String>) -> Self {
        Self { begun: true, ..Self::later(why) }
    }
}

impl Classified for DeliveryError {
    /// Transient although the mail may have arrived: a second one has the same `Message-ID`, and a missing one would
    /// be worse.
    fn class(&self) -> ErrorClass {
        ErrorClass::Transient
    }
}

/// Why the stage stops.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The mails of a replay have no place.
    #[error("the mails of the replay cannot go to {}: {source}", path.display())]
    Folder {
        /// Where they were to go.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The templates that are built in do not compile.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Kafka failed for good.
    #[error(transparent)]
    Kafka(#[from] KafkaFailure),
    /// The metrics could not be registered.
    #[error("metrics could not be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The Graph client could not be set up.
    #[error("mail through Microsoft Graph could not be set up: {0}")]
    Graph(#[from] cordon_defender::ApiError),
    /// A record of ours could not be written as JSON.
    #[error("record for the topic of sent mails could not be written: {0}")]
    Encode(#[from] serde_json::Error),
}

impl Classified for NotifyError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Folder { .. } | Self::Render(_) | Self::Metrics(_) | Self::Encode(_) => ErrorClass::Fatal,
            Self::Kafka(error) => error.class(),
            Self::Graph(error) => error.class(),
        }
    }
}
