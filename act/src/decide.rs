//! The decide role: what the rules say of one enriched alert. A pure function in a consumer's clothes; it scales
//! with the partitions of `enriched`.

use std::sync::Arc;

use cordon_policy::{DecideError, decide};
use cordon_records::{Clock, DeadLetterReason, EnrichedRecord, Fleet, Headers, TenantId, Topic};
use cordon_runtime::kafka::{Handler, Inbound, Outbound, Outcome};
use tokio::sync::watch;

use crate::reload::LoadedPolicy;

/// The consumer group of decide, without the prefix.
pub const GROUP: &str = "act-decide";

/// Judges every record by the rules that are in force when it comes.
pub struct Decide {
    /// The rules in force.
    pub policy: watch::Receiver<LoadedPolicy>,
    /// How many machines there are, as far as respond has said.
    pub fleet: watch::Receiver<Option<Fleet>>,
    /// The only tenant whose records are judged.
    pub tenant: TenantId,
    /// For `decided_at`.
    pub clock: Arc<dyn Clock>,
}

impl Handler for Decide {
    async fn handle(&self, inbound: &Inbound) -> Outcome {
        let record: EnrichedRecord = match inbound.json() {
            Ok(record) => record,
            Err(error) => return dead(DeadLetterReason::Decode, error.to_string()),
        };
        if record.tenant != self.tenant {
            return dead(DeadLetterReason::Foreign, format!("the record belongs to tenant {}", record.tenant));
        }
        match self.judge(&record, inbound.position()) {
            Ok(outbound) => Outcome::Emit(vec![outbound]),
            Err(why) => dead(DeadLetterReason::Decode, why),
        }
    }
}

impl Decide {
    fn judge(&self, record: &EnrichedRecord, id: String) -> Result<Outbound, String> {
        let policy = Arc::clone(&self.policy.borrow().policy);
        let mut decision =
            decide(&policy.rules, record, id, self.clock.now()).map_err(|error: DecideError| error.to_string())?;
        decision.fleet = *self.fleet.borrow();
        let key = decision.machine.as_ref().map_or(decision.alert.id.as_str(), |machine| machine.id.as_str());
        let trace = decision.alert.id.as_str();
        let headers = Headers::event("act", "alert.decided", &decision.id, decision.decided_at, trace);
        Outbound::json(Topic::Decisions, key, headers, &decision).map_err(|error| error.to_string())
    }
}

fn dead(reason: DeadLetterReason, detail: String) -> Outcome {
    Outcome::DeadLetter { reason, detail }
}
