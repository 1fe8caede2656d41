//! ingest's own metrics, beside those that every stage has.

use std::time::Duration;

use cordon_runtime::telemetry::metrics::register;
use jiff::Timestamp;
use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// What ingest publishes.
#[derive(Debug, Clone)]
pub struct Metrics {
    covered_until: Gauge,
    interval: Gauge,
    rounds: IntCounterVec,
    incomplete: IntCounter,
    seen: IntGauge,
    late: IntCounter,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundEnd {
    /// Everything that the list held is on the topic.
    Complete,
    /// That could not be proven.
    Incomplete,
    /// A call or a delivery failed.
    Failed,
}

impl RoundEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

impl Metrics {
    /// Makes and registers the metrics.
    ///
    /// # Errors
    /// When a name is taken by a metric with other labels.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            covered_until: register(
                registry,
                Gauge::new(
                    "cordon_ingest_covered_until_timestamp_seconds",
                    "Every alert that the API served before this instant is on the topic (Unix time).",
                )?,
            )?,
            interval: register(
                registry,
                Gauge::new(
                    "cordon_ingest_poll_interval_seconds",
                    "From one poll round to the next at present; longer than ingest.poll_interval while the quota has no room.",
                )?,
            )?,
            rounds: register(
                registry,
                IntCounterVec::new(Opts::new("cordon_ingest_rounds_total", "Poll rounds, by end."), &["end"])?,
            )?,
            incomplete: register(
                registry,
                IntCounter::new(
                    "cordon_ingest_incomplete_rounds_total",
                    "Poll rounds that could not be proven complete; coverage stood still.",
                )?,
            )?,
            late: register(
                registry,
                IntCounter::new(
                    "cordon_ingest_late_alerts_total",
                    "Alerts that the API showed later than ingest.overlap after their lastUpdateTime; a sweep found them.",
                )?,
            )?,
            seen: register(registry, IntGauge::new("cordon_ingest_seen", "Alert versions remembered as produced.")?)?,
        })
    }

    /// Notes how far the poll has come.
    pub fn covered(&self, until: Timestamp) {
        self.covered_until.set(until.as_duration().as_secs_f64());
    }

    /// Notes how far apart rounds are.
    pub fn interval(&self, apart: Duration) {
        self.interval.set(apart.as_secs_f64());
    }

    /// Notes a round's end.
    pub fn round(&self, end: RoundEnd) {
        self.rounds.with_label_values(&[end.as_str()]).inc();
        if end == RoundEnd::Incomplete {
            self.incomplete.inc();
        }
    }

    /// Counts alerts that a sweep found.
    pub fn late(&self, alerts: u64) {
        self.late.inc_by(alerts);
    }

    /// Notes the size of the memory.
    pub fn seen(&self, size: usize) {
        self.seen.set(i64::try_from(size).unwrap_or(i64::MAX));
    }
}
