//! Handing mails over: what is tried again, who waits, who is given up, and what is written down of it.
//!
//! While the way out is closed every mail waits. A reader whom the server puts off waits alone, until the mail's deadline
//! (`notify.give_up_after`); then, as with a reader who is refused, the mail goes to the dead letters and a metric counts
//! it. The value of such a dead letter is the mail itself: it came from no topic, and nothing sends it back. Where every
//! reader refuses a mail, the reports that it tells are the dead letters, each by itself, and can be sent back. A mail that
//! tells of dead letters makes none, or each would bring the next.

use std::future::Future;
use std::time::Duration;

use cordon_records::{Classified, DeadLetterReason, ErrorClass, Headers, Topic, dead_letter_header as header};
use cordon_runtime::kafka::{Outbound, Tenure};
use jiff::{SignedDuration, Timestamp};
use lettre::Address;
use tokio::time::{Instant, sleep};

use super::{COMPONENT, Letter, Session, Stop};
use crate::error::NotifyError;
use crate::message::Message;
use crate::metrics::Lost;
use crate::notified::{MailRecord, Planned, Reader, Sent, Stored, Tells, Waiting};
use crate::render::Mail;
use crate::transport::{Delivery, Handover, Transport, in_one_line};

/// The first pause after a failure; it doubles up to [`LONGEST_PAUSE`].
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, unless the other side asks for a longer one.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a mail that is being handed over may go on after the tenure ended: cut off, it would be sent twice.
pub(super) const GRACE: Duration = Duration::from_secs(3);
/// No more than this is waited because the other side asked for it.
const LONGEST_ASKED: Duration = Duration::from_secs(600);
/// What is kept of the answers of all readers in the header of a dead letter, in bytes.
const MAX_DETAIL: usize = 4_096;
/// A mail on which the connection breaks so often, after the server had begun to take it, waits beside the others.
const MOST_BREAKS: u32 = 3;

/// What came of a mail about many things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Somebody has it, or waits for it.
    Taken,
    /// Every reader was refused for good; what was said.
    Refused(String),
}

impl<T: Transport> Session<'_, T> {
    /// Hands one mail over, however long the way out is closed. Readers that rest are not tried: they are put off, unless
    /// everybody rests. Then trying holds up nobody, and a way out that is closed is seen to be.
    pub(super) async fn hand_over(&mut self, mail: &Mail, report: &str) -> Result<Handover, Stop> {
        let mut handover = Handover::new(mail);
        let resting = |reader: &Address| Some((reader.clone(), self.queue.rests(reader, Instant::now())?.to_owned()));
        let mut resting: Vec<(Address, String)> = mail.to.iter().filter_map(resting).collect();
        if resting.len() == mail.to.len() {
            resting.clear();
        }
        resting.iter().for_each(|(reader, why)| handover.put_off(reader, why));
        let (mut pause, mut breaks) = (FIRST_PAUSE, 0);
        while !handover.open.is_empty() {
            let outcome = tokio::select! {
                biased;
                outcome = self.mailer.transport.deliver(mail, &mut handover) => outcome,
                () = lost_for(self.tenure, GRACE) => return Err(Stop::TenureOver),
            };
            let Err(error) = outcome else { break };
            self.mailer.metrics.failed_attempts.inc();
            breaks += u32::from(error.begun);
            if handover.taken > 0 || breaks >= MOST_BREAKS {
                // Whoever has it must not get it again because of the others.
                handover.put_off_the_rest(&error.why);
            }
            if handover.open.is_empty() {
                break;
            }
            let wait = error.after.map_or(pause, |asked| asked.clamp(pause, LONGEST_ASKED));
            tracing::error!(report, why = error.why, again_in = ?wait, "mail could not be sent");
            self.mailer.context.health.set_ready(COMPONENT, false, &error.why);
            unless_lost(self.tenure, wait).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        for reader in mail.to.iter().filter(|reader| resting.iter().all(|(rests, _)| rests != *reader)) {
            match handover.put_off.iter().find(|(put_off, _)| put_off == reader) {
                Some((reader, why)) => self.queue.put_off(reader, why, Instant::now()),
                None => self.queue.answered(reader),
            }
        }
        Ok(handover)
    }

    /// Says that no reader takes a mail.
    pub(super) fn nobody_takes(&self, report: &str, refusals: &str, readers: usize) {
        tracing::error!(report, why = refusals, "nobody takes this mail; what it tells goes to the dead letters");
        self.mailer.metrics.lost(Lost::Refused, readers);
        self.mailer.context.health.set_ready(COMPONENT, false, &format!("the last mail was refused: {refusals}"));
    }

    /// Sends a mail about many things: first it is written down as planned, so that a crash repeats this very mail, and
    /// read back, so that whoever was replaced meanwhile sends nothing.
    pub(super) async fn plan_and_send(
        &mut self,
        message: &Message,
        mail: &Mail,
        tells: Tells,
    ) -> Result<Outcome, Stop> {
        let planned = Planned {
            message_id: mail.message_id.clone(),
            mail: Stored::of(mail),
            tells: tells.clone(),
            epoch: self.notified.epoch(),
            at: message.happened_at,
        };
        let offset = self.note(&message.key, MailRecord::Planned(planned)).await?;
        let stands = tokio::select! {
            biased;
            stands = self.notified.stands(offset) => stands?,
            () = lost_for(self.tenure, GRACE) => return Err(Stop::TenureOver),
        };
        if !stands {
            tracing::warn!(key = message.key, "another holder has taken over: it tells what this digest was to tell");
            return Err(Stop::TenureOver);
        }
        let letter = Letter { key: &message.key, report: &message.key, mail, tells };
        self.send_letter(letter, message.happened_at).await
    }

    /// Sends a mail that is written down as planned. When nobody takes it, it is written down as telling no report: each
    /// is still to be told, or put aside by itself.
    pub(super) async fn send_letter(
        &mut self,
        mut letter: Letter<'_>,
        happened_at: Timestamp,
    ) -> Result<Outcome, Stop> {
        let mut handover = self.hand_over(letter.mail, letter.report).await?;
        if handover.taken > 0 || !handover.put_off.is_empty() {
            self.write_down(letter, handover, happened_at).await?;
            return Ok(Outcome::Taken);
        }
        let refusals = handover.refusals();
        self.nobody_takes(letter.report, &refusals, handover.refused.len());
        handover.refused.clear();
        self.notified.forget(&std::mem::take(&mut letter.tells.keys));
        self.write_down(letter, handover, happened_at).await?;
        Ok(Outcome::Refused(refusals))
    }

    /// Writes down who has the mail and who waits for it, and gives up on who refuses it.
    pub(super) async fn write_down(
        &mut self,
        letter: Letter<'_>,
        handover: Handover,
        happened_at: Timestamp,
    ) -> Result<(), Stop> {
        let at = self.mailer.context.clock.now();
        let (key, readers) = (letter.key, handover.taken);
        let sent = Sent {
            report: letter.report.to_owned(),
            message_id: letter.mail.message_id.clone(),
            readers,
            epoch: self.notified.epoch(),
            at,
            waiting: None,
            tells: letter.tells,
        };
        if readers > 0 {
            self.mailer.context.health.set_ready(COMPONENT, true, "");
            self.mailer.metrics.delay.observe(at.duration_since(happened_at).as_secs_f64().max(0.0));
            tracing::info!(report = sent.report, readers, message_id = sent.message_id, "mail sent");
        }
        let until = SignedDuration::try_from(self.mailer.config.give_up_after).unwrap_or(SignedDuration::MAX);
        let delivery = Delivery {
            key: key.to_owned(),
            mail: letter.mail.clone(),
            readers: handover.put_off.iter().map(|(reader, _)| reader.clone()).collect(),
            until: at.checked_add(until).unwrap_or(Timestamp::MAX),
            sent,
        };
        self.give_up(&delivery, &handover.refused, Lost::Refused).await?;
        if !handover.put_off.is_empty() {
            let why = in_one_line(&handover.put_off);
            tracing::warn!(report = delivery.sent.report, why, until = %delivery.until, "some readers have to wait");
            if readers == 0 {
                self.mailer.context.health.set_ready(COMPONENT, false, &format!("nobody took the last mail: {why}"));
            }
        }
        self.note(key, record_of(&delivery)).await?;
        self.wait_on(delivery).await
    }

    /// Puts a mail into the row of those that wait, if anybody waits for it.
    pub(super) async fn wait_on(&mut self, delivery: Delivery) -> Result<(), Stop> {
        if !delivery.readers.is_empty()
            && let Some(mut crowded_out) = self.queue.push(delivery)
        {
            let why = "too many mails wait for readers that are put off; the oldest was given up";
            let readers = crowded_out.readers.drain(..).map(|reader| (reader, why.to_owned())).collect::<Vec<_>>();
            self.give_up(&crowded_out, &readers, Lost::CrowdedOut).await?;
            self.note(&crowded_out.key, record_of(&crowded_out)).await?;
        }
        self.mailer.metrics.waiting_readers.set(i64::try_from(self.queue.len()).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Tries one of the mails that wait, if one is due.
    pub(super) async fn try_who_waits(&mut self) -> Result<(), Stop> {
        let Some((mut delivery, readers)) = self.queue.due(Instant::now()) else { return Ok(()) };
        let mut handover = Handover::to(readers.clone());
        let outcome = tokio::select! {
            biased;
            outcome = self.mailer.transport.deliver(&delivery.mail, &mut handover) => outcome,
            () = lost_for(self.tenure, GRACE) => return Err(Stop::TenureOver),
        };
        let now = Instant::now();
        if let Err(error) = outcome {
            self.mailer.metrics.failed_attempts.inc();
            if error.begun {
                handover.put_off_the_rest(&error.why);
            } else {
                // The way out is closed: that is nobody's last chance.
                self.mailer.context.health.set_ready(COMPONENT, false, &error.why);
                handover.open.iter().for_each(|reader| self.queue.put_off(reader, &error.why, now));
            }
        }
        if handover.taken > 0 {
            self.mailer.context.health.set_ready(COMPONENT, true, "");
        } else if handover.put_off.len() == delivery.mail.to.len() {
            let why = in_one_line(&handover.put_off);
            self.mailer.context.health.set_ready(COMPONENT, false, &format!("nobody took a mail: {why}"));
        }
        handover.put_off.iter().for_each(|(reader, why)| self.queue.put_off(reader, why, now));
        let over = self.mailer.context.clock.now() >= delivery.until;
        let too_late = if over { std::mem::take(&mut handover.put_off) } else { Vec::new() };
        let settled = delivery.settle(&readers, &handover);
        settled.iter().for_each(|reader| self.queue.answered(reader));
        self.give_up(&delivery, &handover.refused, Lost::Refused).await?;
        self.give_up(&delivery, &too_late, Lost::TooLate).await?;
        if !settled.is_empty() {
            self.note(&delivery.key, record_of(&delivery)).await?;
        }
        self.wait_on(delivery).await
    }

    /// These readers do not get the mail: a metric counts them, and the mail goes to the dead letters.
    async fn give_up(&self, delivery: &Delivery, readers: &[(Address, String)], lost: Lost) -> Result<(), Stop> {
        if readers.is_empty() {
            return Ok(());
        }
        let (report, why) = (&delivery.sent.report, in_one_line(readers));
        tracing::error!(report, why, "some readers do not get this mail");
        self.mailer.metrics.lost(lost, readers.len());
        if !delivery.sent.tells.dead_letters.is_empty() {
            return Ok(());
        }
        let letter = letter_of(delivery, &why, self.mailer.context.clock.now());
        self.insist("write a dead letter", || async {
            self.mailer.context.producer.send(letter.clone()).await?;
            Ok(())
        })
        .await
    }

    /// Writes to `notified` what became of a mail, and remembers it. Gives the record's offset.
    async fn note(&mut self, key: &str, mail: MailRecord) -> Result<i64, Stop> {
        let offset = self.insist("write down a mail", || self.notified.write(key, &mail)).await?;
        self.notified.insert(key, mail.tells());
        Ok(offset)
    }

    /// Repeats a write to Kafka until it is confirmed. Repeating a doubtful one does no harm here.
    pub(super) async fn insist<W, F, R>(&self, what: &str, mut write: W) -> Result<R, Stop>
    where
        W: FnMut() -> F,
        F: Future<Output = Result<R, NotifyError>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let written = tokio::select! {
                biased;
                written = write() => written,
                () = lost_for(self.tenure, GRACE) => return Err(Stop::TenureOver),
            };
            match written {
                Ok(written) => return Ok(written),
                Err(error) => worth_repeating(error, what)?,
            }
            unless_lost(self.tenure, pause).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Lets a failure pass that another try may fix, and says so in the log.
pub(super) fn worth_repeating(error: NotifyError, what: &str) -> Result<(), Stop> {
    match error.class() {
        ErrorClass::Transient | ErrorClass::Ambiguous => {
            tracing::warn!(%error, "could not {what}; trying again");
            Ok(())
        }
        ErrorClass::Poison | ErrorClass::Fatal => Err(Stop::Failed(error)),
    }
}

/// Pauses, unless the tenure ends first.
pub(super) async fn unless_lost(tenure: &Tenure, pause: Duration) -> Result<(), Stop> {
    tokio::select! {
        biased;
        () = tenure.lost() => Err(Stop::TenureOver),
        () = sleep(pause) => Ok(()),
    }
}

/// Half of what is allowed is left for the way back.
pub(super) async fn lost_for(tenure: &Tenure, grace: Duration) {
    tenure.lost().await;
    sleep(grace.min(tenure.patience() / 2)).await;
}

/// The record of a mail: with its bytes for as long as somebody waits for it.
fn record_of(delivery: &Delivery) -> MailRecord {
    let waiting = (!delivery.readers.is_empty()).then(|| Waiting {
        readers: delivery.readers.iter().cloned().map(Reader).collect(),
        until: delivery.until,
        mail: Stored::of(&delivery.mail),
    });
    MailRecord::Sent(Sent { waiting, ..delivery.sent.clone() })
}

/// The dead letter of a mail that somebody did not get.
fn letter_of(delivery: &Delivery, why: &str, now: Timestamp) -> Outbound {
    let (key, id) = (&delivery.key, &delivery.mail.message_id);
    let mut headers = Headers::event("notify", "mail.undelivered", id, now, key);
    headers.set(header::STAGE, "notify");
    headers.set(header::REASON, DeadLetterReason::Rejected.as_str());
    headers.set(header::DETAIL, why.get(..why.floor_char_boundary(MAX_DETAIL)).unwrap_or(why));
    headers.set(header::FAILED_AT, &now.to_string());
    let value = Some(delivery.mail.mime.clone());
    Outbound { topic: Topic::DeadLetters, key: Some(key.clone()), headers, value }
}
