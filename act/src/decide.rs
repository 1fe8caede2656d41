//! The decide role: what the rules say of one enriched alert. A pure function in a consumer's clothes; it scales
//! with the partitions of `enriched`.

use std::error::Error;
use std::sync::Arc;

use cordon_policy::{DecideError, RuleSet, decide, decide_read};
use cordon_records::{
    Alert, Clock, DeadLetterReason, DecisionRecord, EnrichedRecord, Fleet, Headers, Machine, TenantId, Topic,
};
use cordon_runtime::kafka::{Handler, Inbound, Outbound, Outcome, Subscription};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::reload::LoadedPolicy;

/// The consumer group of decide, without the prefix.
pub const GROUP: &str = "act-decide";

/// How many records are judged at the same time; judging is quick, the broker's round trip is not.
const CONCURRENCY: usize = 64;

/// What decide reads.
pub fn subscription() -> Subscription {
    Subscription { topic: Topic::Enriched, group: GROUP.into(), concurrency: CONCURRENCY }
}

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
        let answer = match inbound.json::<EnrichedRecord<Alert, Machine>>() {
            Ok(record) => self.judge(&record, inbound, |rules, id, now| Ok(decide_read(rules, &record, id, now))),
            // Rare: what is wrong is to be repaired, or told.
            Err(_) => match inbound.json::<EnrichedRecord>() {
                Ok(record) => self.judge(&record, inbound, |rules, id, now| decide(rules, &record, id, now)),
                Err(error) => Err((DeadLetterReason::Decode, error.to_string())),
            },
        };
        match answer {
            Ok(outbound) => Outcome::Emit(vec![outbound]),
            Err((reason, detail)) => Outcome::DeadLetter { reason, detail },
        }
    }
}

impl Decide {
    /// The decision on a record, however it was read, or why it cannot be handled.
    fn judge<A, M>(
        &self,
        record: &EnrichedRecord<A, M>,
        inbound: &Inbound,
        decide: impl FnOnce(&RuleSet, String, Timestamp) -> Result<DecisionRecord, DecideError>,
    ) -> Result<Outbound, (DeadLetterReason, String)> {
        if record.tenant != self.tenant {
            return Err((DeadLetterReason::Foreign, format!("the record belongs to tenant {}", record.tenant)));
        }
        let undecodable = |error: &dyn Error| (DeadLetterReason::Decode, error.to_string());
        let policy = Arc::clone(&self.policy.borrow().policy);
        let mut decision =
            decide(&policy.rules, inbound.position(), self.clock.now()).map_err(|error| undecodable(&error))?;
        decision.fleet = *self.fleet.borrow();
        let key = decision.machine.as_ref().map_or(decision.alert.id.as_str(), |machine| machine.id.as_str());
        let trace = decision.alert.id.as_str();
        let headers = Headers::event("act", "alert.decided", &decision.id, decision.decided_at, trace);
        Outbound::json(Topic::Decisions, key, headers, &decision).map_err(|error| undecodable(&error))
    }
}
