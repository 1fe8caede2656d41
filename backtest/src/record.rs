//! One record, read as decide reads it.

use cordon_policy::{DecideError, Laid, RuleSet, decide, decide_read, machine_of};
use cordon_records::{Alert, Cut, DecisionRecord, EnrichedRecord, Machine};
use jiff::Timestamp;

/// An enriched alert.
#[derive(Debug)]
pub enum Record {
    /// Read in one pass.
    Quick(Box<EnrichedRecord<Alert, Machine>>),
    /// Something in Microsoft's JSON has to be repaired or told.
    Slow(Box<Repaired>),
}

/// A record with its alert and machine read by themselves.
#[derive(Debug)]
pub struct Repaired {
    record: EnrichedRecord,
    alert: Alert,
    machine: Result<Machine, String>,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if let Ok(record) = serde_json::from_slice(bytes) {
            return Ok(Self::Quick(Box::new(record)));
        }
        let record: EnrichedRecord = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let alert = record.alert.view().map_err(|error| format!("its alert cannot be read: {error}"))?;
        let machine = machine_of(&record, &alert);
        Ok(Self::Slow(Box::new(Repaired { record, alert, machine })))
    }

    /// The alert.
    #[must_use]
    pub fn alert(&self) -> &Alert {
        match self {
            Self::Quick(record) => &record.alert,
            Self::Slow(repaired) => &repaired.alert,
        }
    }

    /// What of the alert did not fit into it.
    #[must_use]
    pub fn cut(&self) -> &[Cut] {
        match self {
            Self::Quick(record) => &record.cut,
            Self::Slow(repaired) => &repaired.record.cut,
        }
    }

    /// Lays it out for judging.
    #[must_use]
    pub fn laid(&self) -> Laid<'_> {
        match self {
            Self::Quick(record) => Laid::read(record),
            Self::Slow(repaired) => {
                Laid::out(&repaired.record, &repaired.alert, repaired.machine.as_ref().map_err(Clone::clone))
            }
        }
    }

    /// When it was made: "now" for whoever judges it.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Quick(record) => record.enriched_at,
            Self::Slow(repaired) => repaired.record.enriched_at,
        }
    }

    /// The decision on it, as of when it was made.
    ///
    /// # Errors
    /// When its alert is no alert.
    pub fn decide(&self, rules: &RuleSet, id: String) -> Result<DecisionRecord, DecideError> {
        match self {
            Self::Quick(record) => Ok(decide_read(rules, record, id, record.enriched_at)),
            Self::Slow(repaired) => decide(rules, &repaired.record, id, repaired.record.enriched_at),
        }
    }
}
