//! What the stage counts beside the runtime's own numbers.

use cordon_runtime::telemetry::metrics::register;
use prometheus::{Histogram, HistogramOpts, IntCounter, Opts, Registry};

/// The stage's own metrics.
#[derive(Debug, Clone)]
pub struct NotifyMetrics {
    /// Tries to hand a mail over that did not work.
    pub failed_attempts: IntCounter,
    /// Readers that a server refused for good.
    pub refused_readers: IntCounter,
    /// From the happening to the mail's being taken, in seconds.
    pub delay: Histogram,
}

impl NotifyMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When one of the same name is registered with other labels.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let failed = Opts::new(
            "cordon_notify_failed_attempts_total",
            "Tries to hand a mail over that did not work; each is made again.",
        );
        let refused = Opts::new("cordon_notify_refused_readers_total", "Readers whose mail was refused for good.");
        let delay = HistogramOpts::new(
            "cordon_notify_delay_seconds",
            "From the happening that a mail tells to the mail's being taken, in seconds.",
        )
        .buckets(vec![0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0]);
        Ok(Self {
            failed_attempts: register(registry, IntCounter::with_opts(failed)?)?,
            refused_readers: register(registry, IntCounter::with_opts(refused)?)?,
            delay: register(registry, Histogram::with_opts(delay)?)?,
        })
    }
}
