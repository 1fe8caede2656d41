//! The work on one alert: read it, look its machine up, send it on. Nothing that fails here keeps an alert back.

use std::sync::Arc;
use std::time::Duration;

use cordon_records::{AlertRecord, Clock, DeadLetterReason, EnrichedRecord, Headers, MachineId, Topic, Verbatim};
use cordon_runtime::kafka::{Handler, Inbound, Outbound, Outcome, Undecodable};
use cordon_runtime::telemetry::Health;

use crate::expand::{expand, machine_of};
use crate::lookup::LookupError;
use crate::machine_cache::MachineCache;

/// The part of health that tells whether lookups are permitted.
const COMPONENT: &str = "defender";

/// Expands alerts.
pub struct Enricher {
    machines: Option<MachineCache>,
    clock: Arc<dyn Clock>,
    health: Health,
}

impl Enricher {
    /// `machines` is absent when the lookup is switched off.
    #[must_use]
    pub fn new(machines: Option<MachineCache>, clock: Arc<dyn Clock>, health: Health) -> Self {
        Self { machines, clock, health }
    }

    /// The machine, or why there is none.
    ///
    /// # Errors
    /// When to ask again: waiting for our own quota is not a lookup that failed.
    async fn machine(&self, id: &MachineId) -> Result<Result<Verbatim, String>, Duration> {
        let Some(machines) = &self.machines else {
            return Ok(Err("the lookup is switched off (enrich.lookups)".to_owned()));
        };
        let found = machines.get(id).await;
        self.report(id, &found);
        match found {
            Err(LookupError::Busy { after }) => Err(after),
            found => Ok(found.map_err(|error| error.to_string())),
        }
    }

    fn report(&self, id: &MachineId, found: &Result<Verbatim, LookupError>) {
        match found {
            Ok(_) | Err(LookupError::Unknown) => self.health.set_ready(COMPONENT, true, ""),
            Err(error @ LookupError::Refused(_)) => {
                self.health.set_ready(COMPONENT, false, &error.to_string());
                tracing::error!(machine = %id, %error, "alerts go on without their machine until this is fixed");
            }
            Err(error @ (LookupError::Failed(_) | LookupError::Rejected(_))) => {
                tracing::warn!(machine = %id, %error, "the alert goes on without its machine");
            }
            // Told once for all who wait.
            Err(LookupError::Busy { .. }) => {}
        }
    }

    fn emit(&self, record: &EnrichedRecord, key: &str) -> Outcome {
        let id = &record.id;
        let headers = Headers::event("enrich", "alert.enriched", id, record.enriched_at, record.alert_id.as_str());
        match Outbound::json(Topic::Enriched, key, headers, record) {
            Ok(outbound) => Outcome::Emit(vec![outbound]),
            Err(error) => Outcome::Halt(format!("cannot write {id} as JSON: {error}; please report this")),
        }
    }
}

impl Handler for Enricher {
    async fn handle(&self, record: &Inbound) -> Outcome {
        let alert = match record.json::<AlertRecord>() {
            Ok(alert) => alert,
            Err(error) => return dead(&error),
        };
        let id = machine_of(&alert);
        let machine = match &id {
            Ok(id) => match self.machine(id).await {
                Ok(machine) => machine,
                Err(after) => return Outcome::Retry { after, why: "the quota for lookups is used up".to_owned() },
            },
            Err(why) => Err((*why).to_owned()),
        };
        let (enriched, key) = expand(alert, id.ok().as_ref(), machine, self.clock.now());
        self.emit(&enriched, &key)
    }
}

fn dead(error: &Undecodable) -> Outcome {
    let reason = match error {
        Undecodable::Empty => DeadLetterReason::Empty,
        Undecodable::Shape(_) => DeadLetterReason::Decode,
    };
    Outcome::DeadLetter { reason, detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use cordon_defender::FleetPage;
    use cordon_records::SystemClock;
    use prometheus::Registry;

    use super::*;
    use crate::lookup::MachineLookup;
    use crate::metrics::Metrics;

    /// Out of quota at the first question, healthy afterwards.
    struct OutOfQuotaOnce(AtomicBool);

    impl MachineLookup for OutOfQuotaOnce {
        async fn machine(&self, id: &MachineId) -> Result<Verbatim, LookupError> {
            if self.0.swap(false, Ordering::Relaxed) {
                return Err(LookupError::Busy { after: Duration::from_secs(7) });
            }
            Ok(Verbatim::parse(&format!(r#"{{"id":"{id}"}}"#)).unwrap())
        }

        async fn machines(&self, _: &[MachineId]) -> Result<Vec<(String, Verbatim)>, LookupError> {
            Ok(Vec::new())
        }

        async fn fleet_page(&self, _: usize) -> Result<FleetPage, LookupError> {
            Err(LookupError::Rejected("no pages".to_owned()))
        }
    }

    #[tokio::test]
    async fn an_alert_waits_for_our_own_quota_instead_of_going_on_without_its_machine() {
        let lookup = Arc::new(OutOfQuotaOnce(AtomicBool::new(true)));
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let cache = MachineCache::start(lookup, Duration::from_secs(60), metrics);
        let enricher = Enricher::new(Some(cache), Arc::new(SystemClock), Health::new("enrich"));
        let alert = r#"{"id":"a@1","alert_id":"a","tenant":"t","source":"mde","change":"new","seen_at":"2026-11-22T18:00:00Z","raw":{"id":"a","machineId":"m"}}"#;
        let inbound = Inbound {
            topic: Topic::Alerts,
            topic_name: "alerts".into(),
            partition: 0,
            offset: 0,
            key: None,
            headers: Headers::default(),
            value: Some(alert.as_bytes().to_vec()),
            timestamp: None,
        };
        let first = enricher.handle(&inbound).await;
        assert!(matches!(first, Outcome::Retry { after, .. } if after.as_secs() == 7), "{first:?}");
        let Outcome::Emit(records) = enricher.handle(&inbound).await else { panic!("the alert did not go on") };
        let text = String::from_utf8(records[0].value.clone().unwrap()).unwrap();
        assert!(text.contains("\"machine\"") && !text.contains("\"missing\""), "{text}");
    }
}
