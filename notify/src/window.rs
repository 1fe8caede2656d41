//! When reports that come in numbers are told: the first at once, the others together. Pure; time is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// How long a digest waits for more, unless `notify.digest_after` says otherwise.
pub const SPAN: Duration = Duration::from_secs(120);
/// A digest with so many reports goes out without waiting.
pub const MOST: usize = 500;

/// One row of reports. Closed, it lets the first one pass; open, it keeps what comes until its time is over, and stays
/// open for as long as something comes in every span.
#[derive(Debug)]
pub struct Window<T> {
    span: Duration,
    most: usize,
    opened: Option<Instant>,
    kept: Vec<T>,
}

impl<T> Window<T> {
    /// A closed one. Its digest goes out after `span`, or when it has so many reports.
    #[must_use]
    pub const fn new(span: Duration, most: usize) -> Self {
        Self { span, most, opened: None, kept: Vec::new() }
    }

    /// Gives the report back when it is to be told at once: it is the first, and may be told on its own. Keeps it for the
    /// digest otherwise.
    pub fn offer(&mut self, report: T, leads: bool, now: Instant) -> Option<T> {
        let first = self.opened.is_none();
        self.opened.get_or_insert(now);
        if first && leads {
            return Some(report);
        }
        self.kept.push(report);
        None
    }

    /// Whether the digest is to go out.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.kept.len() >= self.most || self.ends().is_some_and(|end| end <= now)
    }

    /// When the window ends; `None` while it is closed.
    #[must_use]
    pub fn ends(&self) -> Option<Instant> {
        self.opened.map(|opened| opened + self.span)
    }

    /// What the digest tells. The window opens anew at once; when nothing came, it closes.
    pub fn take(&mut self, now: Instant) -> Vec<T> {
        self.opened = (!self.kept.is_empty()).then_some(now);
        std::mem::take(&mut self.kept)
    }

    /// What is kept.
    #[must_use]
    pub fn kept(&self) -> &[T] {
        &self.kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_is_told_at_once_and_the_others_together_when_two_minutes_are_over() {
        let (mut window, now) = (Window::new(SPAN, MOST), Instant::now());
        assert_eq!(window.offer(1, true, now), Some(1));
        assert_eq!(window.offer(2, true, now + SECOND), None);
        assert_eq!(window.offer(3, true, now + SPAN - SECOND), None);
        assert!(!window.is_due(now + SPAN - SECOND) && window.is_due(now + SPAN));
        assert_eq!(window.take(now + SPAN), [2, 3]);
        assert_eq!(window.offer(4, true, now + SPAN + SECOND), None, "the storm goes on");
        assert_eq!(window.take(now + SPAN * 2), [4]);
        assert!(window.take(now + SPAN * 3).is_empty());
        assert_eq!(
            window.offer(5, true, now + SPAN * 3),
            Some(5),
            "after a quiet window the next is a first one again"
        );
    }

    #[test]
    fn two_thousand_at_once_are_one_mail_and_four_digests() {
        let (mut window, now) = (Window::new(SPAN, MOST), Instant::now());
        let (mut alone, mut digests) = (0, Vec::new());
        for report in 0..2_000 {
            alone += usize::from(window.offer(report, true, now).is_some());
            if window.is_due(now) {
                digests.push(window.take(now).len());
            }
        }
        digests.push(window.take(now + SPAN).len());
        assert_eq!((alone, digests), (1, vec![500, 500, 500, 499]));
    }

    #[test]
    fn what_a_notice_speaks_for_is_never_told_on_its_own() {
        let (mut window, now) = (Window::new(SPAN, MOST), Instant::now());
        assert_eq!(window.offer(1, false, now), None);
        assert_eq!(window.ends(), Some(now + SPAN));
        assert_eq!(window.take(now + SPAN), [1]);
    }

    proptest! {
        #[test]
        fn each_report_is_told_exactly_once_and_within_two_minutes(steps in prop::collection::vec((0_u64..90, any::<bool>()), 0..400)) {
            let (mut window, begin) = (Window::new(SPAN, MOST), Instant::now());
            let (mut now, mut told) = (begin, Vec::new());
            for (number, (seconds, leads)) in steps.iter().enumerate() {
                // The loop wakes when the window ends.
                let next = now + Duration::from_secs(*seconds);
                while let Some(end) = window.ends().filter(|end| *end <= next) {
                    told.extend(window.take(end).into_iter().map(|(number, came)| (number, end.duration_since(came))));
                }
                now = next;
                told.extend(window.offer((number, now), *leads, now).map(|(number, _)| (number, Duration::ZERO)));
                if window.is_due(now) {
                    told.extend(window.take(now).into_iter().map(|(number, came)| (number, now.duration_since(came))));
                }
            }
            told.extend(window.take(now).into_iter().map(|(number, _)| (number, Duration::ZERO)));
            let mut numbers: Vec<usize> = told.iter().map(|(number, _)| *number).collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..steps.len()).collect::<Vec<_>>());
            prop_assert!(told.iter().all(|(_, waited)| *waited <= SPAN));
        }
    }
}
