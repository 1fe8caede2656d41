//! The metrics that every stage has, in Prometheus' terms: what came in, what went out, and what became of the rest.
//!
//! For every stage `received = sent + skipped + dead_lettered + in_flight`, apart from records that were under way when
//! a partition moved to another replica: a dashboard can show that nothing is lost. Labels are few and bounded: never an alert id or a host name.

use cordon_records::DeadLetterReason;
use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The counters and gauges of one stage; copies share them.
#[derive(Debug, Clone)]
pub struct StageMetrics {
    received: IntCounter,
    sent: IntCounter,
    skipped: IntCounterVec,
    dead_lettered: IntCounterVec,
    retried: IntCounter,
    lost: IntCounter,
    in_flight: IntGauge,
    lag: IntGaugeVec,
}

/// What became of the records of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Read.
    pub received: u64,
    /// Led to output.
    pub sent: u64,
    /// Left out on purpose.
    pub skipped: u64,
    /// Set aside as dead letters.
    pub dead_lettered: u64,
    /// Deleted by the broker before they were read.
    pub lost: u64,
}

/// Registers a collector. One of the same name and labels that is there already is replaced: a stage that is started
/// again inside a running process begins at zero, as it would after a restart of the process.
///
/// # Errors
/// The name is taken by a collector with other labels or another help text.
pub fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, prometheus::Error> {
    match registry.register(Box::new(collector.clone())) {
        Err(prometheus::Error::AlreadyReg) => {
            registry.unregister(Box::new(collector.clone()))?;
            registry.register(Box::new(collector.clone()))?;
        }
        other => other?,
    }
    Ok(collector)
}

impl StageMetrics {
    /// Makes and registers the metrics of a stage. Several stages share a registry; the label `stage` tells them apart.
    ///
    /// # Errors
    /// The registry holds metrics of these names with other labels.
    pub fn register(registry: &Registry, stage: &str) -> Result<Self, prometheus::Error> {
        let opts = |name: &str, help: &str| Opts::new(name, help).const_label("stage", stage);
        let counter = |name, help| register(registry, IntCounter::with_opts(opts(name, help))?);
        let reasons = |name, help| register(registry, IntCounterVec::new(opts(name, help), &["reason"])?);
        let lag = opts("cordon_consumer_lag_records", "Records of a partition that this stage has not yet settled.");
        Ok(Self {
            received: counter("cordon_records_received_total", "Records read from the stage's input.")?,
            sent: counter("cordon_records_sent_total", "Input records that led to output, all of it confirmed.")?,
            skipped: reasons("cordon_records_skipped_total", "Input records left out on purpose, by reason.")?,
            dead_lettered: reasons("cordon_records_dead_lettered_total", "Input records set aside, by reason.")?,
            retried: counter("cordon_records_retried_total", "Tries of a record that were put off to be made again.")?,
            lost: counter("cordon_records_lost_total", "Records that the broker deleted before this stage read them.")?,
            in_flight: register(
                registry,
                IntGauge::with_opts(opts("cordon_records_in_flight", "Records read and not yet settled."))?,
            )?,
            lag: register(registry, IntGaugeVec::new(lag, &["topic", "partition"])?)?,
        })
    }

    /// One record was read.
    pub fn received(&self) {
        self.received.inc();
    }

    /// One record led to output that the broker confirmed.
    pub fn sent(&self) {
        self.sent.inc();
    }

    /// One record was left out on purpose.
    pub fn skipped(&self, reason: &'static str) {
        self.skipped.with_label_values(&[reason]).inc();
    }

    /// One record went to the dead letters.
    pub fn dead_lettered(&self, reason: DeadLetterReason) {
        self.dead_lettered.with_label_values(&[reason.as_str()]).inc();
    }

    /// One record will be tried again.
    pub fn retried(&self) {
        self.retried.inc();
    }

    /// So many records were gone before they were read.
    pub fn lost(&self, records: u64) {
        self.lost.inc_by(records);
    }

    /// So many records more (or fewer) are read and not yet settled. A stage may have several loops, so each says
    /// only what changed.
    pub fn in_flight_changed(&self, by: i64) {
        self.in_flight.add(by);
    }

    /// What became of all records so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let all = |by_reason: &IntCounterVec| {
            let families = by_reason.collect();
            families.iter().flat_map(|family| family.get_metric()).map(|one| one.get_counter().get_value() as u64).sum()
        };
        Totals {
            received: self.received.get(),
            sent: self.sent.get(),
            skipped: all(&self.skipped),
            dead_lettered: all(&self.dead_lettered),
            lost: self.lost.get(),
        }
    }

    /// How many records of a partition are still ahead; 0 for one that this process no longer reads.
    pub fn lag(&self, topic: &str, partition: i32, records: i64) {
        self.lag.with_label_values(&[topic, &partition.to_string()]).set(records);
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    fn text(registry: &Registry) -> String {
        TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    fn exercise(metrics: &StageMetrics) {
        metrics.received();
        metrics.received();
        metrics.sent();
        metrics.skipped("duplicate");
        metrics.dead_lettered(DeadLetterReason::Decode);
        metrics.retried();
        metrics.lost(5);
        metrics.in_flight_changed(3);
        metrics.in_flight_changed(-1);
        metrics.lag("cordon.alerts", 4, 17);
    }

    #[test]
    fn the_exposed_text_is_what_dashboards_rely_on() {
        let registry = Registry::new();
        exercise(&StageMetrics::register(&registry, "enrich").unwrap());
        assert_eq!(text(&registry), include_str!("metrics.txt"));
    }

    #[test]
    fn all_stages_of_a_process_share_one_registry() {
        let registry = Registry::new();
        StageMetrics::register(&registry, "ingest").unwrap().received();
        StageMetrics::register(&registry, "act").unwrap().received();
        let text = text(&registry);
        assert!(text.contains("cordon_records_received_total{stage=\"ingest\"} 1"), "{text}");
        assert!(text.contains("cordon_records_received_total{stage=\"act\"} 1"), "{text}");
        assert_eq!(text.matches("# TYPE cordon_records_received_total").count(), 1, "{text}");
    }

    #[test]
    fn a_stage_that_is_started_again_begins_at_zero() {
        let registry = Registry::new();
        exercise(&StageMetrics::register(&registry, "act").unwrap());
        StageMetrics::register(&registry, "act").unwrap().received();
        let text = text(&registry);
        assert!(text.contains("cordon_records_received_total{stage=\"act\"} 1\n"), "{text}");
    }
}
