//! What the calls of one stage come to, in Prometheus' terms.

use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, IntCounterVec, Opts};

use crate::observer::Observer;

/// Counters of the calls of one stage; copies share them. It is one collector: registered as a whole, it can be put in
/// another's place when a stage starts again. Stages that share a registry are told apart by the label `stage`.
#[derive(Debug, Clone)]
pub struct CallMetrics {
    calls: IntCounterVec,
    throttled: IntCounterVec,
    waited: CounterVec,
}

impl CallMetrics {
    /// Counters at zero, registered nowhere yet.
    ///
    /// # Errors
    /// When Prometheus does not take the stage's name as a label's value, which would be a mistake in this crate.
    pub fn new(stage: &str) -> Result<Self, prometheus::Error> {
        let opts = |name: &str, help: &str| Opts::new(name, help).const_label("stage", stage);
        let calls = opts("cordon_api_calls_total", "Calls to Microsoft, by path template and class of the answer.");
        let throttled = opts("cordon_api_throttled_total", "Calls that Microsoft answered with 429, by path template.");
        let waited = opts(
            "cordon_api_quota_wait_seconds_total",
            "Seconds that calls waited for their quota or for the end of a Retry-After, by path template.",
        );
        Ok(Self {
            calls: IntCounterVec::new(calls, &["endpoint", "status"])?,
            throttled: IntCounterVec::new(throttled, &["endpoint"])?,
            waited: CounterVec::new(waited, &["endpoint"])?,
        })
    }
}

impl Observer for CallMetrics {
    fn called(&self, endpoint: &'static str, status: u16) {
        self.calls.with_label_values(&[endpoint, class(status)]).inc();
        if status == 429 {
            self.throttled.with_label_values(&[endpoint]).inc();
        }
    }

    fn waited(&self, endpoint: &'static str, wait: Duration) {
        self.waited.with_label_values(&[endpoint]).inc_by(wait.as_secs_f64());
    }
}

const fn class(status: u16) -> &'static str {
    match status {
        0 => "none",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500..600 => "5xx",
        _ => "other",
    }
}

impl Collector for CallMetrics {
    fn desc(&self) -> Vec<&Desc> {
        [self.calls.desc(), self.throttled.desc(), self.waited.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        [self.calls.collect(), self.throttled.collect(), self.waited.collect()].concat()
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{Registry, TextEncoder};

    use super::*;

    fn text(registry: &Registry) -> String {
        TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    #[test]
    fn the_exposed_text_is_what_dashboards_rely_on() {
        let registry = Registry::new();
        let metrics = CallMetrics::new("enrich").unwrap();
        registry.register(Box::new(metrics.clone())).unwrap();
        for status in [200, 201, 404, 429, 502, 0] {
            metrics.called("machines/{id}", status);
        }
        metrics.waited("machines/{id}", Duration::from_millis(1_500));
        assert_eq!(text(&registry), include_str!("metrics.txt"));
    }

    #[test]
    fn stages_share_a_registry_and_one_that_starts_again_takes_its_own_place() {
        let registry = Registry::new();
        let first = CallMetrics::new("enrich").unwrap();
        first.called("machines", 200);
        registry.register(Box::new(first)).unwrap();
        registry.register(Box::new(CallMetrics::new("act").unwrap())).unwrap();
        let again = CallMetrics::new("enrich").unwrap();
        again.called("alerts", 200);
        assert!(matches!(registry.register(Box::new(again.clone())), Err(prometheus::Error::AlreadyReg)));
        registry.unregister(Box::new(again.clone())).unwrap();
        registry.register(Box::new(again)).unwrap();
        let text = text(&registry);
        assert!(text.contains("endpoint=\"alerts\"") && !text.contains("endpoint=\"machines\""), "{text}");
    }
}
