//! How tests wait: for a condition with a deadline, so that a failure shows what was seen on the way. No stage uses it.
#![allow(clippy::panic, reason = "for tests")]

use std::fmt::Display;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(25);
const SHOWN: usize = 40;

/// What one look at the world gave: the value waited for, or a description of what is there instead.
pub trait Observation {
    /// What is waited for.
    type Value;

    /// The value, or what was seen instead of it.
    ///
    /// # Errors
    /// The condition does not hold yet; the text goes into the history.
    fn settle(self) -> Result<Self::Value, String>;
}

impl<T> Observation for Option<T> {
    type Value = T;

    fn settle(self) -> Result<T, String> {
        self.ok_or_else(|| "not yet".to_owned())
    }
}

impl<T, E: Display> Observation for Result<T, E> {
    type Value = T;

    fn settle(self) -> Result<T, String> {
        self.map_err(|seen| seen.to_string())
    }
}

/// Looks until the condition holds and returns its value. `Err` and `None` mean "not yet".
///
/// # Panics
/// When `deadline` has passed, as [`Wait::again`] does.
pub async fn until<O: Observation>(deadline: Duration, what: &str, mut look: impl AsyncFnMut() -> O) -> O::Value {
    let mut wait = Wait::begin(deadline, what);
    loop {
        let seen = match tokio::time::timeout(wait.left(), look()).await.map(O::settle) {
            Ok(Ok(value)) => return value,
            Ok(Err(seen)) => seen,
            Err(_) => "the look itself did not return".to_owned(),
        };
        wait.again(seen).await;
    }
}

/// Looks again and again for so long: at what must never be, there is no moment to wait for.
pub async fn throughout(time: Duration, mut look: impl FnMut()) {
    let start = Instant::now();
    while start.elapsed() < time {
        look();
        tokio::time::sleep(PAUSE).await;
    }
}

/// A wait of whoever looks by other means than [`until`]: it knows what was seen and when it is over.
#[derive(Debug)]
pub struct Wait<'a> {
    what: &'a str,
    start: Instant,
    deadline: Duration,
    history: Vec<(Duration, String)>,
}

impl<'a> Wait<'a> {
    /// Waits from now on for `what`, up to `deadline`.
    #[must_use]
    pub fn begin(deadline: Duration, what: &'a str) -> Self {
        Self { what, start: Instant::now(), deadline, history: Vec::new() }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.start.elapsed())
    }

    /// Not yet: this was seen instead. Returns when it is time to look again.
    ///
    /// # Panics
    /// When the deadline has passed. The message holds what was waited for and every change of what was seen instead, with
    /// its time.
    pub async fn again(&mut self, seen: String) {
        if self.history.last().is_none_or(|(_, last)| *last != seen) {
            self.history.push((self.start.elapsed(), seen));
        }
        if self.left().is_zero() {
            self.fail();
        }
        tokio::time::sleep(PAUSE).await;
    }

    fn fail(&self) -> ! {
        let skipped = self.history.len().saturating_sub(SHOWN);
        let mut told = format!("waited {:?} in vain for: {}\n", self.deadline, self.what);
        if skipped > 0 {
            told += &format!("  … {skipped} earlier changes\n");
        }
        for (at, seen) in self.history.iter().skip(skipped) {
            told += &format!("  {:>7.2} s  {seen}\n", at.as_secs_f64());
        }
        panic!("{told}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn a_condition_that_comes_true_ends_the_wait_with_its_value() {
        let looks = Cell::new(0);
        let got = until(Duration::from_secs(5), "three looks", async || {
            looks.set(looks.get() + 1);
            (looks.get() == 3).then_some("here")
        })
        .await;
        assert_eq!((got, looks.get()), ("here", 3));
    }

    #[tokio::test]
    #[should_panic(expected = "in vain for: a miracle")]
    async fn a_deadline_that_passes_is_a_failure_that_names_what_was_waited_for() {
        until(Duration::from_millis(60), "a miracle", async || Err::<(), _>("only rain")).await;
    }

    #[tokio::test]
    #[should_panic(expected = "the look itself did not return")]
    async fn a_look_that_hangs_does_not_outlast_the_deadline() {
        until(Duration::from_millis(60), "an answer", std::future::pending::<Option<()>>).await;
    }
}
