//! How far a backtest is, for whoever waits for it. Nothing of it is part of the result.

use std::fmt::{Debug, Write};
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::print::harmless;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// How often the bar is drawn again.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// How much is to be read, as far as anybody can tell beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many records.
    Records(u64),
    /// So many bytes of text.
    Bytes(u64),
    /// Standard input does not say.
    Unknown,
}

/// Somebody who waits.
pub trait Progress: Debug + Sync {
    /// Reading begins.
    fn begin(&self, size: Size);
    /// So much more was read.
    fn advance(&self, records: u64, bytes: u64);
    /// All is read.
    fn end(&self);
    /// Something about how it is done, once nothing is being read.
    fn note(&self, text: &str);
}

/// Nobody waits.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Size) {}
    fn advance(&self, _: u64, _: u64) {}
    fn end(&self) {}
    fn note(&self, _: &str) {}
}

/// Somebody who reads what standard error says, later.
#[derive(Debug, Clone, Copy)]
struct Plain;

impl Progress for Plain {
    fn begin(&self, _: Size) {}
    fn advance(&self, _: u64, _: u64) {}
    fn end(&self) {}
    fn note(&self, text: &str) {
        told(text);
    }
}

fn told(text: &str) {
    // Who does not listen misses nothing of the result.
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text));
}

/// A bar on standard error where that is a terminal; otherwise notes alone.
#[must_use]
pub fn for_terminal() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() { Box::new(Bar::on(ProgressDrawTarget::stderr())) } else { Box::new(Plain) }
}

/// A line that is drawn again and again: how much, how fast, how long still.
#[derive(Debug)]
struct Bar {
    bar: ProgressBar,
    records: AtomicU64,
    /// Of what is being read now.
    size: Mutex<Size>,
}

impl Bar {
    fn on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        Self { bar, records: AtomicU64::new(0), size: Mutex::new(Size::Unknown) }
    }
}

impl Progress for Bar {
    fn begin(&self, size: Size) {
        self.bar.reset();
        self.records.store(0, Ordering::Relaxed);
        *self.size.lock().unwrap_or_else(PoisonError::into_inner) = size;
        let template = match size {
            Size::Records(records) => {
                self.bar.set_length(records);
                "[{bar:30}] {percent}% of {human_len} records, {rate} records/s, {eta} left"
            }
            Size::Bytes(bytes) => {
                self.bar.set_length(bytes);
                "[{bar:30}] {percent}% of {total_bytes}, {msg}, {eta} left"
            }
            Size::Unknown => "{spinner} {msg}",
        };
        let rate = |state: &ProgressState, out: &mut dyn Write| {
            // Nobody reads that there was no room to write it.
            let _ = write!(out, "{}", HumanCount(state.per_sec() as u64));
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
        }
        self.bar.enable_steady_tick(DRAWN_EVERY);
    }

    fn advance(&self, records: u64, bytes: u64) {
        let all = self.records.fetch_add(records, Ordering::Relaxed) + records;
        let size = *self.size.lock().unwrap_or_else(PoisonError::into_inner);
        match size {
            Size::Records(_) => self.bar.inc(records),
            Size::Bytes(_) | Size::Unknown => {
                self.bar.inc(bytes);
                let rate = all * 1_000 / u64::try_from(self.bar.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
                self.bar.set_message(format!("{} records, {} records/s", HumanCount(all), HumanCount(rate)));
            }
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn note(&self, text: &str) {
        told(text);
    }
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, TermLike as _};

    use super::*;

    /// What a terminal shows after so much was read.
    fn drawn(size: Size, (records, bytes): (u64, u64)) -> String {
        let terminal = InMemoryTerm::new(3, 100);
        let bar = Bar::on(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        bar.begin(size);
        bar.advance(records, bytes);
        bar.bar.force_draw();
        let shown = terminal.contents();
        bar.end();
        assert_eq!((terminal.contents(), terminal.height()), (String::new(), 3), "the line goes at the end");
        shown
    }

    #[test]
    fn the_line_tells_how_much_how_fast_and_how_long_still_whatever_is_known_beforehand() {
        let records = drawn(Size::Records(2_000), (1_000, 4_500));
        assert!(records.contains("] 50% of 2,000 records, ") && records.ends_with(" left"), "{records}");
        let bytes = drawn(Size::Bytes(9_000), (1_000, 4_500));
        assert!(bytes.contains("] 50% of 8.79 KiB, 1,000 records, ") && bytes.ends_with(" left"), "{bytes}");
        let unknown = drawn(Size::Unknown, (1_000, 4_500));
        assert!(unknown.contains("1,000 records, ") && unknown.ends_with(" records/s"), "{unknown}");
    }

    #[test]
    fn each_reading_is_measured_by_its_own_size() {
        let terminal = InMemoryTerm::new(3, 100);
        let bar = Bar::on(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        for (size, says) in [
            (Size::Bytes(9_000), "] 50% of 8.79 KiB, "),
            (Size::Bytes(36_000), "] 12% of 35.16 KiB, "),
            (Size::Records(9_000), "] 11% of 9,000 records, "),
        ] {
            bar.begin(size);
            bar.advance(1_000, 4_500);
            bar.bar.force_draw();
            let shown = terminal.contents();
            bar.end();
            assert!(shown.contains(says), "{shown}");
        }
    }
}
