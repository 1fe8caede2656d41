//! Whoever holds `actions` sends mails: takes over from the last holder, and gives way to the next.

use cordon_runtime::kafka::{Holder, Inbox, Tenure};

use crate::error::NotifyError;
use crate::mailer::{COMPONENT, FIRST_PAUSE, LONGEST_PAUSE, Mailer, Stop, unless_lost, worth_repeating};
use crate::notified::Notified;
use crate::session::Session;
use crate::transport::Transport;

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
