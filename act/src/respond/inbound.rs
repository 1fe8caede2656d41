//! What comes in from topics, read: decisions that may be acted on, commands, and records of the ledger.

use cordon_records::{
    ActionKey, CommandRecord, DeadLetterReason, DecisionRecord, MAX_COMMAND, StampedRecord, TenantId,
};
use cordon_response::{DecisionOutline, Event, RawRecord};
use cordon_runtime::kafka::{Inbound, Undecodable};

use crate::error::ActError;

/// The largest decision that is taken in, in bytes. Ordinary ones have a few thousand; what follows from one repeats
/// most of it and must fit a record of 1 MB.
const MAX_DECISION: usize = 512 * 1024;

/// Reads a decision. It must be of our tenant, and the key of every action must be the one that tenant, alert, machine
/// and kind give: what was done before is known by nothing else.
///
/// # Errors
/// The reason for the dead letters, and the detail for people.
pub fn decision(inbound: &Inbound, tenant: &TenantId) -> Result<DecisionRecord, (DeadLetterReason, String)> {
    if inbound.size() > MAX_DECISION {
        let why = format!("the decision has {} bytes, more than {MAX_DECISION}", inbound.size());
        return Err((DeadLetterReason::Oversize, why));
    }
    let decision: DecisionRecord = inbound.json().map_err(|error| match error {
        Undecodable::Empty => (DeadLetterReason::Empty, error.to_string()),
        Undecodable::Shape(_) => (DeadLetterReason::Decode, error.to_string()),
    })?;
    if &decision.tenant != tenant {
        return Err((DeadLetterReason::Foreign, format!("the decision belongs to tenant {}", decision.tenant)));
    }
    if let Some(machine) = &decision.machine {
        let derive = |action| ActionKey::derive(tenant, &decision.alert.id, &machine.id, action);
        if let Some(wrong) = decision.planned.iter().find(|planned| planned.key != derive(&planned.action)) {
            let why = format!("action key {} is not that of the alert, the machine and the kind", wrong.key);
            return Err((DeadLetterReason::Decode, why));
        }
    }
    Ok(decision)
}

/// What says how urgent a decision is; `None` where it cannot be read.
pub fn outline(inbound: &Inbound) -> Option<DecisionOutline> {
    inbound.json().ok()
}

/// Reads a command. One that cannot be read does nothing but move the position, and is told.
pub fn command(inbound: &Inbound) -> Event {
    if inbound.size() > MAX_COMMAND {
        let why = format!("it has {} bytes, more than {MAX_COMMAND}", inbound.size());
        return Event::Command(inbound.offset, inbound.timestamp, Err(why));
    }
    let command = inbound.json::<CommandRecord>().map_err(|error| error.to_string());
    Event::Command(inbound.offset, inbound.timestamp, command)
}

/// Reads a record of the ledger's tail. A tombstone under a key that is no text is none of ours.
///
/// # Errors
/// [`ActError::Ledger`] when it is unreadable.
pub fn tail(inbound: &Inbound) -> Result<Option<Event>, ActError> {
    if inbound.value.is_none() {
        return Ok(inbound.key_text().map(|key| Event::Erased(inbound.offset, key.to_owned())));
    }
    Ok(Some(Event::Tailed(inbound.offset, Box::new(ledger_record(inbound)?))))
}

/// Reads a ledger record. An unreadable one is fatal: guessing here could act twice.
///
/// # Errors
/// [`ActError::Ledger`] with the record's place.
fn ledger_record(inbound: &Inbound) -> Result<StampedRecord, ActError> {
    let value = inbound.value.as_deref().unwrap_or_default();
    StampedRecord::read(value).map_err(|error| ActError::Ledger { place: inbound.position(), why: error.to_string() })
}

/// What the folds of a ledger take.
pub fn raw(inbound: &Inbound) -> RawRecord<'_> {
    RawRecord { key: inbound.key.as_deref(), headers: &inbound.headers, value: inbound.value.as_deref() }
}

#[cfg(test)]
pub(super) mod tests {
    use cordon_records::{Headers, LedgerEntry, LedgerRecord, PlannedAction, Topic};

    use super::super::restore::Restoring;
    use super::super::tests::samples;
    use super::*;

    /// A record with this key and value.
    pub fn inbound(key: &str, value: Option<Vec<u8>>) -> Inbound {
        Inbound {
            topic: Topic::Decisions,
            topic_name: "cordon.decisions".into(),
            partition: 0,
            offset: 7,
            key: Some(key.as_bytes().to_vec()),
            headers: Headers::default(),
            value,
            timestamp: None,
        }
    }

    fn read(decision: &DecisionRecord, tenant: &str) -> Result<(), DeadLetterReason> {
        let inbound = inbound("m1", Some(serde_json::to_vec(decision).unwrap()));
        super::decision(&inbound, &TenantId::new(tenant).unwrap()).map(|_| ()).map_err(|(reason, _)| reason)
    }

    #[test]
    fn a_decision_of_another_tenant_is_never_acted_on() {
        let decision = samples::decision("a1", "m1");
        assert_eq!(read(&decision, "tenant"), Ok(()));
        assert_eq!(read(&decision, "other"), Err(DeadLetterReason::Foreign));
    }

    #[test]
    fn a_key_that_belongs_to_another_machine_would_hide_an_action_and_is_refused() {
        let mut decision = samples::decision("a1", "m1");
        decision.planned[0].key = samples::decision("a1", "m2").planned[0].key.clone();
        assert_eq!(read(&decision, "tenant"), Err(DeadLetterReason::Decode));
    }

    #[test]
    fn a_decision_whose_reports_would_not_fit_a_record_is_refused_before_anything_is_done() {
        let mut decision = samples::decision("a1", "m1");
        decision.alert.title = "x".repeat(MAX_DECISION);
        assert_eq!(read(&decision, "tenant"), Err(DeadLetterReason::Oversize));
        let empty = inbound("m1", None);
        let reason = super::decision(&empty, &TenantId::new("tenant").unwrap()).map_err(|(reason, _)| reason);
        assert!(matches!(reason, Err(DeadLetterReason::Empty)));
    }

    #[test]
    fn a_decision_of_a_newer_version_is_dead_and_a_ledger_of_one_stops_respond() {
        let mut decision = samples::decision("a1", "m1");
        decision.schema_version += 2;
        assert_eq!(read(&decision, "tenant"), Err(DeadLetterReason::Decode));
        let DecisionRecord { alert, machine, mut planned, .. } = samples::decision("a1", "m1");
        let PlannedAction { key, action, .. } = planned.remove(0);
        let mut entry = LedgerEntry::new(key, action, (alert, machine.unwrap()), samples::start());
        entry.schema_version += 2;
        let value = serde_json::to_vec(&LedgerRecord::Action(Box::new(entry))).unwrap();
        let refused = tail(&inbound("action/k", Some(value.clone()))).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("schema_version 3 is newer than 2"), "{refused}");
        let mut restoring = Restoring::new();
        restoring.take(&inbound("action/k", Some(value)));
        assert!(restoring.finish().is_err(), "what a newer respond has done would be forgotten");
    }

    #[test]
    fn a_tombstone_in_the_tail_does_not_stop_respond() {
        assert!(matches!(tail(&inbound("action/k", None)), Ok(Some(Event::Erased(7, key))) if key == "action/k"));
        assert!(tail(&inbound("action/k", Some(b"{".to_vec()))).is_err());
    }
}
