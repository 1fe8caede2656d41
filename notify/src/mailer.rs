//! Whoever holds `actions` sends mails: takes over from the last holder, gives way to the next, and what bounds the work of
//! one tenure.

use std::time::Duration;

use cordon_records::{Classified, ErrorClass};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Holder, Inbox, Tenure};
use tokio::time::sleep;

use crate::config::MailConfig;
use crate::error::NotifyError;
use crate::metrics::NotifyMetrics;
use crate::notified::Notified;
use crate::render::Renderer;
use crate::session::Session;
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

impl<T: Transport> Holder for Mailer<T> {
    type Error = NotifyError;

    async fn hold(&mut self, tenure: Tenure, inbox: Inbox) -> Result<(), NotifyError> {
        let outcome = self.work(&tenure, inbox).await;
        // Whoever does not send needs no way out.
        self.context.health.set_ready(COMPONENT, true, "");
        self.metrics.waiting_readers.set(0);
        match outcome {
            Ok(()) | Err(Stop::TenureOver) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

impl<T: Transport> Mailer<T> {
    async fn work(&self, tenure: &Tenure, inbox: Inbox) -> Result<(), Stop> {
        let notified = self.take_over(tenure).await?;
        tracing::info!(epoch = notified.epoch(), via = self.transport.label(), "sending mails from here on");
        tokio::select! {
            biased;
            () = tenure.lost() => return Err(Stop::TenureOver),
            () = self.look_at_the_way_out() => {}
        }
        Session::new(self, tenure, inbox.settler(), notified).run(inbox).await
    }

    /// Reads what has been sent. A broker that does not answer is waited for.
    async fn take_over(&self, tenure: &Tenure) -> Result<Notified, Stop> {
        let mut pause = FIRST_PAUSE;
        loop {
            let claimed = tokio::select! {
                biased;
                () = tenure.lost() => return Err(Stop::TenureOver),
                claimed = Notified::claim(&self.context) => claimed,
            };
            match claimed {
                Ok(notified) => return Ok(notified),
                Err(failure) => worth_repeating(failure.into(), "read what has been sent")?,
            }
            unless_lost(tenure, pause).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A way out that is closed is told at once, not at the first isolation.
    async fn look_at_the_way_out(&self) {
        match self.transport.check().await {
            Ok(()) => self.context.health.set_ready(COMPONENT, true, ""),
            Err(error) => {
                tracing::error!(why = error.why, "mails cannot be sent now; each will be tried when it is due");
                self.context.health.set_ready(COMPONENT, false, &error.why);
            }
        }
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
