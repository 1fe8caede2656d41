//! The loop of whoever holds `actions`: each report in turn becomes a mail, is found to need none, or is put aside.
//!
//! Order is kept and nothing is skipped over: while a mail cannot be handed over, those behind it wait, and the
//! stage says that it is not ready. A mail is written down in `notified` after it was taken and before its report is
//! settled; a crash between the two sends it again under the same `Message-ID`.

use std::future::Future;
use std::time::Duration;

use cordon_records::{Classified, DeadLetterReason, ErrorClass, Report};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Fate as Settled, Holder, Inbound, Inbox, Settler, Tenure, Undecodable};
use tokio::time::sleep;

use crate::error::NotifyError;
use crate::message::{Fate, Message, message_for};
use crate::metrics::NotifyMetrics;
use crate::notified::{Notified, Sent};
use crate::render::{Mail, Parties, Renderer};
use crate::transport::{Handover, Transport};

/// The name under which health speaks of the way out.
const COMPONENT: &str = "mail";
/// The first pause after a failure; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, unless the other side asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// No more than this is waited because the other side asked for it.
const LONGEST_ASKED: Duration = Duration::from_secs(600);
/// How long a mail that is being handed over may go on after the tenure ended: cut off, it would be sent twice.
const GRACE: Duration = Duration::from_secs(3);

/// Sends mails for as long as it holds `actions`.
pub struct Mailer<T> {
    context: Context,
    renderer: Renderer,
    parties: Parties,
    transport: T,
    metrics: NotifyMetrics,
}

/// Why a record was left as it is.
enum Stop {
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

impl<T: Transport> Holder for Mailer<T> {
    type Error = NotifyError;

    async fn hold(&mut self, tenure: Tenure, mut inbox: Inbox) -> Result<(), NotifyError> {
        let outcome = self.work(&tenure, &mut inbox).await;
        // Whoever does not send needs no way out.
        self.context.health.set_ready(COMPONENT, true, "");
        match outcome {
            Ok(()) | Err(Stop::TenureOver) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

impl<T: Transport> Mailer<T> {
    /// A mailer that waits to be elected.
    ///
    /// # Errors
    /// [`NotifyError`] when templates or metrics are broken.
    pub fn new(context: Context, parties: Parties, transport: T) -> Result<Self, NotifyError> {
        let metrics = NotifyMetrics::register(&context.registry)?;
        Ok(Self { renderer: Renderer::new()?, context, parties, transport, metrics })
    }

    async fn work(&self, tenure: &Tenure, inbox: &mut Inbox) -> Result<(), Stop> {
        let mut notified = self.take_over(tenure).await?;
        tracing::info!(epoch = notified.epoch(), via = self.transport.label(), "sending mails from here on");
        tokio::select! {
            biased;
            () = tenure.lost() => return Err(Stop::TenureOver),
            () = self.look_at_the_way_out() => {}
        }
        let post = Post { tenure, settler: inbox.settler() };
        while let Some(record) = inbox.next().await {
            self.handle(&record, &mut notified, &post).await?;
        }
        Ok(())
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

    async fn handle(&self, record: &Inbound, notified: &mut Notified, post: &Post<'_>) -> Result<(), Stop> {
        let report: Report = match record.json() {
            Ok(report) => report,
            Err(error @ Undecodable::Empty) => {
                return post.bury(record, DeadLetterReason::Empty, &error.to_string()).await;
            }
            Err(error @ Undecodable::Shape(_)) => {
                return post.bury(record, DeadLetterReason::Decode, &error.to_string()).await;
            }
        };
        let message = match message_for(&report) {
            Fate::Skip(reason) => return post.settle(record, Settled::Skipped(reason)),
            Fate::Mail(message) if notified.knows(&message.key) => {
                return post.settle(record, Settled::Skipped("already_sent"));
            }
            Fate::Mail(message) => message,
        };
        match self.renderer.mail(&message, &self.parties, self.context.clock.now()) {
            Ok(mail) => self.send(record, Letter { message: &message, mail: &mail }, notified, post).await,
            Err(error) => {
                tracing::error!(report = message.record, %error, "no mail could be made of this report");
                post.bury(record, DeadLetterReason::Rejected, &error.to_string()).await
            }
        }
    }

    async fn send(
        &self,
        record: &Inbound,
        letter: Letter<'_>,
        notified: &mut Notified,
        post: &Post<'_>,
    ) -> Result<(), Stop> {
        let handover = self.deliver(letter, post.tenure).await?;
        let (report, refusals) = (&letter.message.record, handover.refusals());
        self.metrics.refused_readers.inc_by(handover.refused.len() as u64);
        if handover.taken == 0 {
            tracing::error!(report, why = refusals, "nobody takes this mail; its report goes to the dead letters");
            self.context.health.set_ready(COMPONENT, false, &format!("the last mail was refused: {refusals}"));
            return post.bury(record, DeadLetterReason::Rejected, &refusals).await;
        }
        if !handover.refused.is_empty() {
            tracing::error!(report, why = refusals, "some readers do not take this mail");
        }
        self.context.health.set_ready(COMPONENT, true, "");
        let sent = self.sent(letter, &handover, notified.epoch());
        let key = &letter.message.key;
        self.insist(post.tenure, "write down a mail", || notified.write(key, &sent)).await?;
        notified.insert(key);
        tracing::info!(report, readers = sent.readers, message_id = sent.message_id, "mail sent");
        post.settle(record, Settled::Sent)
    }

    fn sent(&self, letter: Letter<'_>, handover: &Handover, epoch: u64) -> Sent {
        let at = self.context.clock.now();
        self.metrics.delay.observe(at.duration_since(letter.message.happened_at).as_secs_f64().max(0.0));
        Sent {
            report: letter.message.record.clone(),
            message_id: letter.mail.message_id.clone(),
            readers: handover.taken,
            epoch,
            at,
        }
    }

    /// Hands one mail over, however long it takes.
    async fn deliver(&self, letter: Letter<'_>, tenure: &Tenure) -> Result<Handover, Stop> {
        let mut handover = Handover::new(letter.mail);
        let mut pause = FIRST_PAUSE;
        loop {
            let outcome = tokio::select! {
                biased;
                outcome = self.transport.deliver(letter.mail, &mut handover) => outcome,
                () = lost_for(tenure, GRACE) => return Err(Stop::TenureOver),
            };
            let Err(error) = outcome else { return Ok(handover) };
            self.metrics.failed_attempts.inc();
            let wait = error.after.map_or(pause, |asked| asked.clamp(pause, LONGEST_ASKED));
            tracing::error!(report = letter.message.record, why = error.why, again_in = ?wait, "mail could not be sent");
            self.context.health.set_ready(COMPONENT, false, &error.why);
            unless_lost(tenure, wait).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Repeats a write to Kafka until it is confirmed. Repeating a doubtful one does no harm here.
    async fn insist<W, F>(&self, tenure: &Tenure, what: &str, mut write: W) -> Result<(), Stop>
    where
        W: FnMut() -> F,
        F: Future<Output = Result<(), NotifyError>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let written = tokio::select! {
                biased;
                written = write() => written,
                () = lost_for(tenure, GRACE) => return Err(Stop::TenureOver),
            };
            match written {
                Ok(()) => return Ok(()),
                Err(error) => worth_repeating(error, what)?,
            }
            unless_lost(tenure, pause).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// What a tenure gives.
struct Post<'a> {
    tenure: &'a Tenure,
    settler: Settler,
}

impl Post<'_> {
    /// What does not count any more, the next holder does.
    fn settle(&self, record: &Inbound, fate: Settled) -> Result<(), Stop> {
        self.settler.settle(record.offset, fate);
        Ok(())
    }

    async fn bury(&self, record: &Inbound, reason: DeadLetterReason, detail: &str) -> Result<(), Stop> {
        tokio::select! {
            biased;
            buried = self.settler.bury(record, reason, detail) => {
                buried?;
                Ok(())
            }
            () = lost_for(self.tenure, GRACE) => Err(Stop::TenureOver),
        }
    }
}

/// A mail and what it was made of.
#[derive(Clone, Copy)]
struct Letter<'a> {
    message: &'a Message,
    mail: &'a Mail,
}

/// Lets a failure pass that another try may mend, and says so in the log.
fn worth_repeating(error: NotifyError, what: &str) -> Result<(), Stop> {
    match error.class() {
        ErrorClass::Transient | ErrorClass::Ambiguous => {
            tracing::warn!(%error, "could not {what}; trying again");
            Ok(())
        }
        ErrorClass::Poison | ErrorClass::Fatal => Err(Stop::Failed(error)),
    }
}

async fn unless_lost(tenure: &Tenure, pause: Duration) -> Result<(), Stop> {
    tokio::select! {
        biased;
        () = tenure.lost() => Err(Stop::TenureOver),
        () = sleep(pause) => Ok(()),
    }
}

/// Half of what is allowed is left for the way back.
async fn lost_for(tenure: &Tenure, grace: Duration) {
    tenure.lost().await;
    sleep(grace.min(tenure.patience() / 2)).await;
}
