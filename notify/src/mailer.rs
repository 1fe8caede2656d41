//! What sends mails, and what bounds the work of one tenure.

use std::time::Duration;

use cordon_records::{Classified, ErrorClass};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::Tenure;
use tokio::time::sleep;

use crate::config::MailConfig;
use crate::error::NotifyError;
use crate::metrics::NotifyMetrics;
use crate::render::Renderer;
use crate::transport::Transport;

/// The name under which health speaks of the way out.
pub const COMPONENT: &str = "mail";
/// The first pause after a failure; it doubles up to [`LONGEST_PAUSE`].
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, unless the other side asks for a longer one.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a mail that is being handed over may go on after the tenure ended: cut off, it would be sent twice.
pub const GRACE: Duration = Duration::from_secs(3);

/// Sends mails for as long as it holds `actions`.
pub struct Mailer<T> {
    pub(crate) context: Context,
    pub(crate) renderer: Renderer,
    pub(crate) config: MailConfig,
    pub(crate) transport: T,
    pub(crate) metrics: NotifyMetrics,
}

/// Why a session ended, or a record was left as it is.
#[derive(Debug)]
pub enum Stop {
    /// The tenure ended first: nothing is settled, the next holder does it.
    TenureOver,
    /// The stage cannot go on.
    Failed(NotifyError),
}

impl<E: Into<NotifyError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<T: Transport> Mailer<T> {
    /// A mailer that waits to be elected.
    ///
    /// # Errors
    /// [`NotifyError`] when templates or metrics are broken.
    pub fn new(context: Context, config: MailConfig, transport: T) -> Result<Self, NotifyError> {
        let metrics = NotifyMetrics::register(&context.registry)?;
        Ok(Self { renderer: Renderer::new()?, context, config, transport, metrics })
    }
}

/// Lets a failure pass that another try may fix, and says so in the log.
pub fn worth_repeating(error: NotifyError, what: &str) -> Result<(), Stop> {
    match error.class() {
        ErrorClass::Transient | ErrorClass::Ambiguous => {
            tracing::warn!(%error, "could not {what}; trying again");
            Ok(())
        }
        ErrorClass::Poison | ErrorClass::Fatal => Err(Stop::Failed(error)),
    }
}

/// Pauses, unless the tenure ends first.
pub async fn unless_lost(tenure: &Tenure, pause: Duration) -> Result<(), Stop> {
    tokio::select! {
        biased;
        () = tenure.lost() => Err(Stop::TenureOver),
        () = sleep(pause) => Ok(()),
    }
}

/// Half of what is allowed is left for the way back.
pub async fn lost_for(tenure: &Tenure, grace: Duration) {
    tenure.lost().await;
    sleep(grace.min(tenure.patience() / 2)).await;
}
