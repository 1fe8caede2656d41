//! Whoever holds `actions` sends mails: takes over from the last holder, and gives way to the next. Between, each report in
//! turn becomes a mail, a line of a digest (`digests`), is found to need none, or is put aside.
//!
//! While the way out is closed, nothing is skipped over: mails wait in their order, and the stage says that it is not
//! ready. A reader that is put off while others are served holds up nobody: what is left of the mail is written down in
//! `notified` and tried again beside all else (`delivery`). A mail is written down after it was taken and before its
//! report is settled; a crash between the two sends it again under the same `Message-ID`.

mod delivery;
mod digests;

use std::collections::BTreeMap;
use std::future::pending;

use cordon_records::{DeadLetterReason, RecordOutcome, Report};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Holder, Inbound, Inbox, Settler, Tenure, Undecodable};
use cordon_runtime::telemetry::Waits;
use tokio::time::{Instant, sleep_until};

use crate::config::MailConfig;
use crate::digest::Series;
use crate::error::NotifyError;
use crate::letters::Letters;
use crate::message::{MailDecision, Message, message_for};
use crate::metrics::NotifyMetrics;
use crate::notified::{Notified, Tells, Unfinished};
use crate::render::{Mail, Renderer};
use crate::transport::{Delivery, Queue, Transport};
use crate::window::{self, Window};
use delivery::{FIRST_PAUSE, GRACE, LONGEST_PAUSE, lost_for, unless_lost, worth_repeating};
use digests::Kept;

/// The name under which health speaks of the way out.
const COMPONENT: &str = "mail";
/// After so many reports without a pause a dead letter goes first.
const MOST_IN_A_ROW: u32 = 20;

/// Sends mails for as long as it holds `actions`.
pub struct Mailer<T> {
    context: Context,
    renderer: Renderer,
    config: MailConfig,
    transport: T,
    metrics: NotifyMetrics,
}

/// Why a session ended, or a record was left as it is.
#[derive(Debug)]
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

/// What the loop wakes for.
enum Came {
    /// A report; none when there will be no more.
    Report(Option<Inbound>),
    Letter(Inbound),
    Time,
}

/// One tenure's work.
struct Session<'a, T> {
    mailer: &'a Mailer<T>,
    tenure: &'a Tenure,
    settler: Settler,
    notified: Notified,
    queue: Queue,
    windows: BTreeMap<Series, Window<Kept>>,
    letters: Letters,
    /// The partition of the newest report, and the offset after it.
    read_to: Option<(i32, i64)>,
    waits: Waits,
}

/// What becomes of a mail.
struct Letter<'a> {
    /// The notification key.
    key: &'a str,
    /// The report's id; the key where it tells of many.
    report: &'a str,
    /// The mail.
    mail: &'a Mail,
    /// What else it tells.
    tells: Tells,
}

impl<'a, T: Transport> Session<'a, T> {
    fn new(mailer: &'a Mailer<T>, tenure: &'a Tenure, settler: Settler, notified: Notified) -> Self {
        let span = mailer.config.digest_after;
        let windows = Series::ALL.into_iter().map(|series| (series, Window::new(span, window::MOST))).collect();
        let letters = Letters::new(&mailer.context, notified.dead_letters(), span);
        let waits = mailer.context.health.waits();
        Self { mailer, tenure, settler, notified, queue: Queue::default(), windows, letters, read_to: None, waits }
    }

    /// Works until the tenure is over.
    async fn run(mut self, mut inbox: Inbox) -> Result<(), Stop> {
        for (key, unfinished) in self.notified.take_unfinished() {
            self.finish(&key, unfinished).await?;
        }
        let mut in_a_row = 0;
        loop {
            self.waits.set(self.waiting((Instant::now(), self.mailer.context.clock.now())));
            let wakes = self.wakes();
            let came = tokio::select! {
                biased;
                () = self.tenure.lost() => return Err(Stop::TenureOver),
                came = next(&mut inbox, &mut self.letters, in_a_row >= MOST_IN_A_ROW) => came,
                () = at(wakes) => Came::Time,
            };
            in_a_row = if matches!(came, Came::Report(_)) { in_a_row + 1 } else { 0 };
            match came {
                Came::Report(None) => return Ok(()),
                Came::Report(Some(record)) => {
                    let (partition, newest) = (record.partition, record.offset);
                    self.handle(record).await?;
                    self.read_to = Some((partition, newest + 1));
                    self.relieve(newest).await?;
                }
                Came::Letter(letter) => self.tell_of(&letter).await?,
                Came::Time => {}
            }
            // After each report too, whatever comes: digests that are due, and one mail that waits.
            self.send_what_is_due().await?;
        }
    }

    /// Sends what a former holder has planned, and takes over who waits.
    async fn finish(&mut self, key: &str, unfinished: Unfinished) -> Result<(), Stop> {
        match unfinished {
            Unfinished::Waiting(sent, waiting) => self.wait_on(Delivery::of(key, &sent, waiting)).await,
            Unfinished::Planned(planned) => {
                tracing::info!(key, "sending a digest that a former holder had planned");
                let mail = planned.mail.mail(&planned.message_id);
                let letter = Letter { key, report: key, mail: &mail, tells: planned.tells };
                self.send_letter(letter, planned.at).await.map(|_| ())
            }
        }
    }

    /// When something is to be done although no record comes.
    fn wakes(&self) -> Option<Instant> {
        let windows = self.windows.values().filter_map(Window::ends);
        windows.chain(self.queue.next(Instant::now())).chain(self.letters.ends()).min()
    }

    async fn send_what_is_due(&mut self) -> Result<(), Stop> {
        let now = Instant::now();
        for series in Series::ALL {
            if self.windows.get(&series).is_some_and(|window| window.is_due(now)) {
                self.send_digest(series, now).await?;
            }
        }
        let letters = self.letters.due(now);
        self.send_letters(&letters).await?;
        self.try_who_waits().await
    }

    /// Tells of a dead letter at once, or keeps it for the digest.
    async fn tell_of(&mut self, record: &Inbound) -> Result<(), Stop> {
        let first = self.letters.take_up(record, Instant::now());
        self.send_letters(first.as_slice()).await
    }

    async fn handle(&mut self, record: Inbound) -> Result<(), Stop> {
        let report: Report = match record.json() {
            Ok(report) => report,
            Err(error @ Undecodable::Empty) => {
                return self.dead_letter(&record, DeadLetterReason::Empty, &error.to_string()).await;
            }
            Err(error @ Undecodable::Shape(_)) => {
                return self.dead_letter(&record, DeadLetterReason::Decode, &error.to_string()).await;
            }
        };
        match message_for(&report) {
            MailDecision::Skip(reason) => self.skip(&record, reason),
            MailDecision::Mail(message) if self.is_told(&message.key) => self.skip(&record, "already_sent"),
            MailDecision::Fold(folded) if self.is_told(&folded.message.key) => self.skip(&record, "already_sent"),
            MailDecision::Mail(message) => return self.send(&record, &message).await,
            MailDecision::Fold(folded) => return self.fold(record, *folded).await,
        }
        Ok(())
    }

    /// Whether a mail tells it, or a digest is about to.
    fn is_told(&self, key: &str) -> bool {
        let kept = || self.windows.values().flat_map(Window::kept).any(|kept| kept.line.key == key);
        self.notified.knows(key) || kept()
    }

    fn skip(&self, record: &Inbound, reason: &'static str) {
        // What does not count any more, the next holder does.
        self.settler.settle(record.offset, RecordOutcome::Skipped(reason));
    }

    /// One mail for one report.
    async fn send(&mut self, record: &Inbound, message: &Message) -> Result<(), Stop> {
        let now = self.mailer.context.clock.now();
        let mail = match self.mailer.renderer.mail(message, &self.mailer.config.parties, now) {
            Ok(mail) => mail,
            Err(error) => {
                tracing::error!(report = message.record, %error, "no mail could be made of this report");
                return self.dead_letter(record, DeadLetterReason::Rejected, &error.to_string()).await;
            }
        };
        let handover = self.hand_over(&mail, &message.record).await?;
        if handover.taken == 0 && handover.put_off.is_empty() {
            let refusals = handover.refusals();
            self.nobody_takes(&message.record, &refusals, handover.refused.len());
            return self.dead_letter(record, DeadLetterReason::Rejected, &refusals).await;
        }
        let letter = Letter { key: &message.key, report: &message.record, mail: &mail, tells: Tells::default() };
        self.write_down(letter, handover, message.happened_at).await?;
        self.settler.settle(record.offset, RecordOutcome::Sent);
        Ok(())
    }

    async fn dead_letter(&self, record: &Inbound, reason: DeadLetterReason, detail: &str) -> Result<(), Stop> {
        tokio::select! {
            biased;
            dead_lettered = self.settler.dead_letter(record, reason, detail) => {
                dead_lettered?;
                Ok(())
            }
            () = lost_for(self.tenure, GRACE) => Err(Stop::TenureOver),
        }
    }
}

/// The next report, or else the next dead letter; the other way round where those had to wait for long.
async fn next(inbox: &mut Inbox, letters: &mut Letters, letters_first: bool) -> Came {
    if letters_first {
        tokio::select! {
            biased;
            letter = letters.next() => Came::Letter(letter),
            record = inbox.next() => Came::Report(record),
        }
    } else {
        tokio::select! {
            biased;
            record = inbox.next() => Came::Report(record),
            letter = letters.next() => Came::Letter(letter),
        }
    }
}

/// Waits until then; for ever where nothing is due.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}
