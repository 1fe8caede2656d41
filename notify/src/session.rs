//! The loop of a holder: each report in turn becomes a mail, a line of a digest, is found to need none, or is put aside.
//!
//! While the way out is closed, nothing is skipped over: mails wait in their order, and the stage says that it is not
//! ready. A reader that is put off while others are served holds up nobody: what is left of the mail is written down in
//! `notified` and tried again beside all else (`delivery`). A mail is written down after it was taken and before its
//! report is settled; a crash between the two sends it again under the same `Message-ID`. The reports of a digest stay
//! unsettled until it is sent and written down.

mod delivery;

use std::collections::BTreeMap;
use std::future::pending;

use cordon_records::{DeadLetterReason, RecordOutcome, Report, Wait, Waiting};
use cordon_runtime::kafka::{Inbound, Inbox, Settler, Tenure, Undecodable, dead_letter};
use cordon_runtime::telemetry::Waits;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until};

use crate::digest::{self, Line, Series};
use crate::letters::{self, DeadLetter, Letters};
use crate::mailer::{GRACE, Mailer, Stop, lost_for};
use crate::message::{Folded, MailDecision, Message, message_for};
use crate::notified::{Notified, Tells, Unfinished};
use crate::render::Mail;
use crate::transport::Transport;
use crate::waiting::{Delivery, Queue};
use crate::window::{self, Window};
use delivery::Outcome;

/// Unsettled reports in all digests together, their bytes, and how far apart in the topic: beyond, the digest of the oldest
/// goes out early. The runtime pauses reading at 1,000 reports, 16 MiB and 5,000 offsets, which would hold up everybody.
const PRESSURE: Pressure = Pressure { reports: 800, bytes: 8 * 1024 * 1024, span: 4_000 };

#[derive(Debug, Clone, Copy)]
struct Pressure {
    reports: usize,
    bytes: usize,
    span: i64,
}

/// After so many reports without a pause a dead letter goes first.
const MOST_IN_A_ROW: u32 = 20;

/// What the loop wakes for.
enum Came {
    /// A report; none when there will be no more.
    Report(Option<Inbound>),
    Letter(Inbound),
    Time,
}

/// One tenure's work.
pub struct Session<'a, T> {
    pub(crate) mailer: &'a Mailer<T>,
    pub(crate) tenure: &'a Tenure,
    pub(crate) settler: Settler,
    pub(crate) notified: Notified,
    pub(crate) queue: Queue,
    windows: BTreeMap<Series, Window<Kept>>,
    letters: Letters,
    /// The partition of the newest report, and the offset after it.
    read_to: Option<(i32, i64)>,
    waits: Waits,
}

/// A report that waits for its digest, as it came: what no digest can tell is a dead letter of its own.
#[derive(Debug)]
struct Kept {
    record: Inbound,
    line: Line,
}

/// What becomes of a mail.
pub struct Letter<'a> {
    /// The notification key.
    pub key: &'a str,
    /// The report's id; the key where it tells of many.
    pub report: &'a str,
    /// The mail.
    pub mail: &'a Mail,
    /// What else it tells.
    pub tells: Tells,
}

impl<'a, T: Transport> Session<'a, T> {
    pub fn new(mailer: &'a Mailer<T>, tenure: &'a Tenure, settler: Settler, notified: Notified) -> Self {
        let span = mailer.config.digest_after;
        let windows = Series::ALL.into_iter().map(|series| (series, Window::new(span, window::MOST))).collect();
        let letters = Letters::new(&mailer.context, notified.dead_letters(), span);
        let waits = mailer.context.health.waits();
        Self { mailer, tenure, settler, notified, queue: Queue::default(), windows, letters, read_to: None, waits }
    }

    /// Works until the tenure is over.
    pub async fn run(mut self, mut inbox: Inbox) -> Result<(), Stop> {
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

    /// What waits for a digest: its reports stay unsettled until then, and that is no standstill.
    fn waiting(&self, now: (Instant, Timestamp)) -> Option<Waiting> {
        let (partition, read_to) = self.read_to?;
        let waits: Vec<Wait> = self.windows.iter().filter_map(|(series, window)| wait(*series, window, now)).collect();
        (!waits.is_empty()).then_some(Waiting { partition, read_to, waits })
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

    /// One mail for these dead letters; with it is written down how far they are told.
    async fn send_letters(&mut self, letters: &[DeadLetter]) -> Result<(), Stop> {
        let (renderer, parties) = (&self.mailer.renderer, &self.mailer.config.parties);
        let date = self.mailer.context.clock.now();
        let told =
            digest::put_together(letters.to_vec(), letters::message, |message| renderer.mail(message, parties, date));
        for (letter, error) in &told.left_out {
            let DeadLetter { partition, offset, .. } = letter;
            tracing::error!(partition, offset, %error, "no mail could be made of this dead letter; it is only counted");
        }
        let Some((message, mail)) = told.mail else { return Ok(()) };
        let dead_letters = self.letters.position();
        self.plan_and_send(&message, &mail, Tells { dead_letters, ..Tells::default() }).await.map(|_| ())
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

    async fn fold(&mut self, record: Inbound, folded: Folded) -> Result<(), Stop> {
        let Folded { series, leads, line, message } = folded;
        let now = Instant::now();
        let kept = Kept { record, line };
        let window =
            self.windows.entry(series).or_insert_with(|| Window::new(self.mailer.config.digest_after, window::MOST));
        if let Some(first) = window.offer(kept, leads, now) {
            return self.send(&first.record, &message).await;
        }
        self.settler.sound();
        Ok(())
    }

    /// Sends the digest that must not wait any longer, now that reading has come so far.
    async fn relieve(&mut self, newest: i64) -> Result<(), Stop> {
        match self.pressed(newest) {
            Some(series) => self.send_digest(series, Instant::now()).await,
            None => Ok(()),
        }
    }

    /// The digest that must not wait any longer.
    fn pressed(&self, newest: i64) -> Option<Series> {
        let all = || self.windows.values().flat_map(Window::kept);
        let oldest = |window: &Window<Kept>| window.kept().iter().map(|kept| kept.record.offset).min();
        let (series, first) = self
            .windows
            .iter()
            .filter_map(|(series, window)| Some((*series, oldest(window)?)))
            .min_by_key(|(_, at)| *at)?;
        let pressed = all().count() >= PRESSURE.reports
            || all().map(|kept| kept.record.size()).sum::<usize>() >= PRESSURE.bytes
            || newest - first >= PRESSURE.span;
        pressed.then_some(series)
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

    /// One mail for all that the window has kept: written down as planned, sent, written down as sent, settled.
    async fn send_digest(&mut self, series: Series, now: Instant) -> Result<(), Stop> {
        let kept = self.windows.get_mut(&series).map(|window| window.take(now)).unwrap_or_default();
        let (renderer, parties) = (&self.mailer.renderer, &self.mailer.config.parties);
        let date = self.mailer.context.clock.now();
        let digest = digest::put_together(
            kept,
            |kept, left_out| digest::message(series, &kept.iter().map(|kept| &kept.line).collect::<Vec<_>>(), left_out),
            |message| renderer.mail(message, parties, date),
        );
        for (kept, error) in &digest.left_out {
            tracing::error!(report = kept.line.key, %error, "this report cannot be told in a digest");
            self.put_aside(&kept.record, &error.to_string()).await?;
        }
        let Some((message, mail)) = digest.mail else { return Ok(()) };
        let keys = digest.told.iter().map(|kept| kept.line.key.clone()).collect();
        match self.plan_and_send(&message, &mail, Tells { keys, ..Tells::default() }).await? {
            Outcome::Taken => digest.told.iter().for_each(|kept| {
                self.settler.settle(kept.record.offset, RecordOutcome::Sent);
            }),
            Outcome::Refused(why) => {
                for kept in &digest.told {
                    self.put_aside(&kept.record, &why).await?;
                }
            }
        }
        Ok(())
    }

    /// A report that was kept for a digest becomes a dead letter of its own, which can be sent back. There may be hundreds
    /// for one cause, which is no sign that this stage is broken.
    async fn put_aside(&self, record: &Inbound, why: &str) -> Result<(), Stop> {
        let (context, reason) = (&self.mailer.context, DeadLetterReason::Rejected);
        self.insist("write a dead letter", || async { Ok(dead_letter(context, record, reason, why).await?) }).await?;
        self.settler.settle(record.offset, RecordOutcome::DeadLettered(reason));
        Ok(())
    }

    pub(crate) async fn dead_letter(
        &self,
        record: &Inbound,
        reason: DeadLetterReason,
        detail: &str,
    ) -> Result<(), Stop> {
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

/// What the reports in a window wait for; nothing where it holds none. In whole seconds, so that what is the same is told in
/// the same words.
fn wait<K>(series: Series, window: &Window<K>, (now, clock): (Instant, Timestamp)) -> Option<Wait> {
    let reports = window.kept().len();
    let left = window.ends().filter(|_| reports > 0)?.saturating_duration_since(now);
    let until = clock.checked_add(SignedDuration::try_from(left).ok()?).ok()?;
    let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
    Some(Wait { what: series.digest_of(reports), until })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_window_says_what_its_reports_wait_for_and_until_when_and_an_empty_one_waits_for_nothing() {
        let (begin, clock) = (Instant::now(), "2026-11-24T03:00:00Z".parse::<Timestamp>().unwrap());
        let mut window = Window::new(Duration::from_secs(600), 500);
        assert_eq!(wait(Series::Held, &window, (begin, clock)), None);
        assert_eq!(window.offer(1, true, begin), Some(1));
        assert_eq!(wait(Series::Held, &window, (begin, clock)), None, "the first was told at once");
        window.offer(2, true, begin);
        let later = Duration::from_secs(60);
        let told = wait(Series::Held, &window, (begin + later, clock + later)).unwrap();
        let until = "2026-11-24T03:10:00Z".parse().unwrap();
        assert_eq!(told, Wait { what: "a digest of 1 report of what is held".into(), until });
        window.take(begin + Duration::from_secs(600));
        assert_eq!(wait(Series::Held, &window, (begin, clock)), None, "it was sent");
    }
}
