//! enrich's own metrics, beside those that every stage has.

use cordon_runtime::telemetry::metrics::register;
use prometheus::{IntCounterVec, Opts, Registry};

/// What enrich publishes.
#[derive(Debug, Clone)]
pub struct Metrics {
    lookups: IntCounterVec,
    calls: IntCounterVec,
}

/// Where an answer about a machine came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the cache.
    Hit,
    /// From a call made for it.
    Miss,
    /// From a call that somebody else was waiting for already.
    Coalesced,
}

/// A call to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiCall {
    /// One machine.
    Get,
    /// Several machines by id.
    List,
    /// A page of the fleet.
    Page,
}

impl Metrics {
    /// Makes and registers the metrics.
    ///
    /// # Errors
    /// When a name is taken by a metric with other labels.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let lookups =
            Opts::new("cordon_enrich_machine_lookups_total", "Questions for a machine, by origin of the answer.");
        let calls = Opts::new("cordon_enrich_api_calls_total", "Calls to the API for machines, by kind.");
        Ok(Self {
            lookups: register(registry, IntCounterVec::new(lookups, &["origin"])?)?,
            calls: register(registry, IntCounterVec::new(calls, &["call"])?)?,
        })
    }

    /// A machine was asked for.
    pub fn lookup(&self, origin: Origin) {
        let label = match origin {
            Origin::Hit => "hit",
            Origin::Miss => "miss",
            Origin::Coalesced => "coalesced",
        };
        self.lookups.with_label_values(&[label]).inc();
    }

    /// The API was called.
    pub fn call(&self, call: ApiCall) {
        let label = match call {
            ApiCall::Get => "get",
            ApiCall::List => "list",
            ApiCall::Page => "page",
        };
        self.calls.with_label_values(&[label]).inc();
    }
}
