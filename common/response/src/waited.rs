//! For how long a holder has watched an action in doubt: written down every ten seconds, so that its successor need not
//! begin the wait anew. Pure.
//!
//! It counts what the holder itself has seen pass on its monotonic clock, and nothing else: no wall clock, no time of the
//! broker. Two holders never count the same time, since what a stale one writes after the claim of the next counts for
//! nothing.

use std::time::{Duration, Instant};

/// How often it is written down.
const EVERY: Duration = Duration::from_secs(10);

/// Up to when an action in doubt was watched, as far as that is written down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Watched(Instant);

impl Watched {
    /// From now on.
    pub(super) const fn from(now: Instant) -> Self {
        Self(now)
    }

    /// When the next period will have passed.
    pub(super) fn next(&self) -> Instant {
        self.0 + EVERY
    }

    /// The whole periods that have passed since then, in seconds; they count as written down.
    pub(super) fn take(&mut self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.0).as_secs() / EVERY.as_secs() * EVERY.as_secs();
        self.0 += Duration::from_secs(passed);
        passed
    }
}
