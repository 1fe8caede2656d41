//! What is told together: reports that wait for their digest, digests that are due, and dead letters.
//!
//! The reports of a digest stay unsettled until it is sent and written down.

use cordon_records::{DeadLetterReason, RecordOutcome, Wait, Waiting};
use cordon_runtime::kafka::{Inbound, dead_letter};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::delivery::Outcome;
use super::{Session, Stop};
use crate::digest::{self, Line, Series};
use crate::letters::{self, DeadLetter};
use crate::message::Folded;
use crate::notified::Tells;
use crate::transport::Transport;
use crate::window::{self, Window};

/// Unsettled reports in all digests together, their bytes, and how far apart in the topic: beyond, the digest of the oldest
/// goes out early. The runtime pauses reading at 1,000 reports, 16 MiB and 5,000 offsets, which would hold up everybody.
const PRESSURE: Pressure = Pressure { reports: 800, bytes: 8 * 1024 * 1024, span: 4_000 };

#[derive(Debug, Clone, Copy)]
struct Pressure {
    reports: usize,
    bytes: usize,
    span: i64,
}

/// A report that waits for its digest, as it came: what no digest can tell is a dead letter of its own.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) record: Inbound,
    pub(super) line: Line,
}

impl<T: Transport> Session<'_, T> {
    /// What waits for a digest: its reports stay unsettled until then, and that is no standstill.
    pub(super) fn waiting(&self, now: (Instant, Timestamp)) -> Option<Waiting> {
        let (partition, read_to) = self.read_to?;
        let waits: Vec<Wait> = self.windows.iter().filter_map(|(series, window)| wait(*series, window, now)).collect();
        (!waits.is_empty()).then_some(Waiting { partition, read_to, waits })
    }

    pub(super) async fn fold(&mut self, record: Inbound, folded: Folded) -> Result<(), Stop> {
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
    pub(super) async fn relieve(&mut self, newest: i64) -> Result<(), Stop> {
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

    /// One mail for all that the window has kept: written down as planned, sent, written down as sent, settled.
    pub(super) async fn send_digest(&mut self, series: Series, now: Instant) -> Result<(), Stop> {
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

    /// One mail for these dead letters; with it is written down how far they are told.
    pub(super) async fn send_letters(&mut self, letters: &[DeadLetter]) -> Result<(), Stop> {
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

    /// A report that was kept for a digest becomes a dead letter of its own, which can be sent back. There may be hundreds
    /// for one cause, which is no sign that this stage is broken.
    async fn put_aside(&self, record: &Inbound, why: &str) -> Result<(), Stop> {
        let (context, reason) = (&self.mailer.context, DeadLetterReason::Rejected);
        self.insist("write a dead letter", || async { Ok(dead_letter(context, record, reason, why).await?) }).await?;
        self.settler.settle(record.offset, RecordOutcome::DeadLettered(reason));
        Ok(())
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
