//! What comes in from topics, read: decisions that may be acted on, commands, and the restored ledger.

use cordon_records::{ActionKey, CommandRecord, DeadLetterReason, DecisionRecord, MAX_COMMAND, TenantId, Topic};
use cordon_response::{DecisionOutline, Event, LedgerFold, LedgerState};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Claimed, Inbound, Undecodable};

use super::genesis;
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
    Ok(Some(Event::Tailed(inbound.offset, Box::new(genesis::read(inbound)?))))
}

/// The ledger while it is restored.
#[derive(Debug)]
pub struct Restoring {
    fold: LedgerFold,
    tailed_to: i64,
}

impl Restoring {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self { fold: LedgerFold::default(), tailed_to: -1 }
    }

    /// Takes the next record.
    pub fn take(&mut self, inbound: &Inbound) {
        self.tailed_to = inbound.offset;
        self.fold.take(&genesis::raw(inbound), || inbound.position());
    }

    /// The ledger and the offset it goes to.
    ///
    /// # Errors
    /// [`ActError::Ledger`] when something unreadable was never put right.
    pub fn finish(self) -> Result<(LedgerState, i64), ActError> {
        let (ledger, unreadable) = self.fold.finish();
        match unreadable.into_iter().next() {
            None => Ok((ledger, self.tailed_to)),
            Some(unreadable) => Err(unreadable.into()),
        }
    }
}

/// Claims the ledger and folds it up to the own claim. Gives the log, the ledger, and the offset to which it goes.
///
/// # Errors
/// Those of Kafka, and [`ActError::Ledger`].
pub async fn restore(context: &Context) -> Result<(Claimed, LedgerState, i64), ActError> {
    let mut restoring = Restoring::new();
    let log = Claimed::take(context, Topic::Ledger, |inbound, _| restoring.take(&inbound)).await?;
    let (ledger, tailed_to) = restoring.finish()?;
    Ok((log, ledger, tailed_to))
}

/// What people said until now. It is obeyed before the first decision: a pause that was written while nobody held the
/// ledger must not come too late.
///
/// # Errors
/// Those of Kafka.
pub async fn earlier_commands(context: &Context) -> Result<Vec<Event>, ActError> {
    let records = kafka::read_all(&context.kafka, Topic::Commands).await?;
    Ok(records.iter().map(command).collect())
}

#[cfg(test)]
mod tests {
    use cordon_records::{Genesis, Headers, LedgerEntry, LedgerRecord, PlannedAction};

    use super::super::tests::samples;
    use super::*;

    fn inbound(key: &str, value: Option<Vec<u8>>) -> Inbound {
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
    fn an_unreadable_ledger_record_stops_respond_until_its_key_is_written_again_or_deleted() {
        let genesis = LedgerRecord::Genesis(Genesis { cluster_id: "c".into(), at: samples::start() });
        let good = serde_json::to_vec(&genesis).unwrap();
        for (cure, cured) in [(Some(good), true), (None, true), (Some(b"worse".to_vec()), false)] {
            let mut restoring = Restoring::new();
            restoring.take(&inbound("genesis", Some(b"{".to_vec())));
            restoring.take(&inbound("genesis", cure));
            assert_eq!(restoring.finish().is_ok(), cured);
        }
    }

    #[test]
    fn a_tombstone_in_the_tail_does_not_stop_respond() {
        assert!(matches!(tail(&inbound("action/k", None)), Ok(Some(Event::Erased(7, key))) if key == "action/k"));
        assert!(tail(&inbound("action/k", Some(b"{".to_vec()))).is_err());
    }
}
