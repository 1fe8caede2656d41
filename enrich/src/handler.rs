//! The work on one alert: read it, look its machine up, send it on. Nothing that fails here keeps an alert back.

use std::sync::Arc;
use std::time::Duration;

use cordon_records::{AlertRecord, Clock, DeadLetterReason, EnrichedRecord, Headers, MachineId, Topic, Verbatim};
use cordon_runtime::kafka::{Handler, Inbound, Outbound, Outcome, Undecodable};
use cordon_runtime::telemetry::Health;
use cordon_settings::format_duration;
use tokio::time::timeout;

use crate::expand::{expand, machine_of};
use crate::lookup::LookupError;
use crate::machine_cache::MachineCache;

/// The part of health that tells whether lookups are permitted.
const COMPONENT: &str = "defender";

/// Expands alerts.
pub struct Enricher {
    machines: Option<MachineCache>,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    health: Health,
}

impl Enricher {
    /// `machines` is absent when the lookup is switched off; `deadline` is how long one alert waits for it.
    #[must_use]
    pub fn new(machines: Option<MachineCache>, deadline: Duration, clock: Arc<dyn Clock>, health: Health) -> Self {
        Self { machines, deadline, clock, health }
    }

    /// The machine, or why there is none.
    async fn machine(&self, id: &MachineId) -> Result<Verbatim, String> {
        let Some(machines) = &self.machines else {
            return Err("the lookup is switched off (enrich.lookups)".to_owned());
        };
        let late = || LookupError::Late(format_duration(self.deadline));
        let found = timeout(self.deadline, machines.get(id)).await.unwrap_or_else(|_| Err(late()));
        self.report(id, &found);
        found.map_err(|error| error.to_string())
    }

    fn report(&self, id: &MachineId, found: &Result<Verbatim, LookupError>) {
        match found {
            Ok(_) | Err(LookupError::Unknown) => self.health.set_ready(COMPONENT, true, ""),
            Err(error @ LookupError::Refused(_)) => {
                self.health.set_ready(COMPONENT, false, &error.to_string());
                tracing::error!(machine = %id, %error, "alerts go on without their machine until this is mended");
            }
            Err(error @ (LookupError::Failed(_) | LookupError::Rejected(_) | LookupError::Late(_))) => {
                tracing::warn!(machine = %id, %error, "the alert goes on without its machine");
            }
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
            Ok(id) => self.machine(id).await,
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
