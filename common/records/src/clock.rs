//! Where "now" comes from: the one port through which wall time enters, so that tests and replays can set it.

use jiff::Timestamp;

/// A source of wall-clock time. Pure code takes a [`Timestamp`] instead; only edges hold a clock.
pub trait Clock: Send + Sync + 'static {
    /// The present instant, UTC.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port that the lint protects")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
