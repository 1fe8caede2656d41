//! What the stage counts beside the runtime's own numbers.

use cordon_runtime::telemetry::metrics::register;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The stage's own metrics.
#[derive(Debug, Clone)]
pub struct NotifyMetrics {
    /// Tries to hand a mail over that did not work.
    pub failed_attempts: IntCounter,
    lost_readers: IntCounterVec,
    /// Readers that wait for a mail which others have, each counted for each such mail.
    pub waiting_readers: IntGauge,
    /// From the happening to the mail's being taken, in seconds.
    pub delay: Histogram,
}

/// Why a reader does not get a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The server said never.
    Refused,
    /// It was put off until the deadline was over.
    TooLate,
    /// Too many mails waited.
    CrowdedOut,
}

impl Lost {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TooLate => "too_late",
            Self::CrowdedOut => "crowded_out",
        }
    }
}

impl NotifyMetrics {
    /// So many readers do not get a mail.
    pub fn lost(&self, why: Lost, readers: usize) {
        self.lost_readers.with_label_values(&[why.as_str()]).inc_by(readers as u64);
    }

    /// Registers the metrics.
    ///
    /// # Errors
    /// When one of the same name is registered with other labels.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let failed = Opts::new(
            "cordon_notify_failed_attempts_total",
            "Tries to hand a mail over that did not work; each is made again.",
        );
        let lost = Opts::new(
            "cordon_notify_lost_readers_total",
            "Readers that did not get a mail, each counted for each such mail: refused, too_late (put off until the \
             deadline), crowded_out (too many mails wait).",
        );
        let waiting = Opts::new(
            "cordon_notify_waiting_readers",
            "Readers that are put off and wait for a mail, each counted for each such mail.",
        );
        let delay = HistogramOpts::new(
            "cordon_notify_delay_seconds",
            "From the happening that a mail tells to the mail's being taken, in seconds.",
        )
        .buckets(vec![0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0]);
        Ok(Self {
            failed_attempts: register(registry, IntCounter::with_opts(failed)?)?,
            lost_readers: register(registry, IntCounterVec::new(lost, &["reason"])?)?,
            waiting_readers: register(registry, IntGauge::with_opts(waiting)?)?,
            delay: register(registry, Histogram::with_opts(delay)?)?,
        })
    }
}
