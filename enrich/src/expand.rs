//! An alert and what was found out about it become one record. Pure.

use cordon_records::{Alert, AlertRecord, EnrichedRecord, MachineId, Missing, SCHEMA_VERSION, Verbatim};
use jiff::Timestamp;

/// The machine that an alert names.
///
/// # Errors
/// Why it names none.
pub fn machine_of(record: &AlertRecord) -> Result<MachineId, &'static str> {
    match record.raw.view::<Alert>() {
        Ok(alert) => alert.machine_id.ok_or("the alert names no machine"),
        Err(_) => Err("the alert cannot be read, so its machine is not known"),
    }
}

/// Puts the record together. `machine` is the machine's id and what was found, or why there is nothing; the second part
/// of the answer is the record's key: the machine's id, so that all alerts of one machine meet, else the alert's.
#[must_use]
pub fn expand(
    record: AlertRecord,
    id: Option<&MachineId>,
    machine: Result<Verbatim, String>,
    now: Timestamp,
) -> (EnrichedRecord, String) {
    let key = id.map_or_else(|| record.alert_id.to_string(), ToString::to_string);
    let (machine, missing) = match machine {
        Ok(machine) => (Some(machine), Vec::new()),
        Err(why) => (None, vec![Missing { what: "machine".to_owned(), why }]),
    };
    let enriched = EnrichedRecord {
        schema_version: SCHEMA_VERSION,
        id: record.id,
        alert_id: record.alert_id,
        tenant: record.tenant,
        source: record.source,
        change: record.change,
        seen_at: record.seen_at,
        enriched_at: now,
        alert: record.raw,
        machine,
        missing,
    };
    (enriched, key)
}

#[cfg(test)]
mod tests {
    use cordon_records::{AlertId, Change, Source, TenantId};

    use super::*;

    fn record(raw: &str) -> AlertRecord {
        AlertRecord {
            schema_version: 1,
            id: "a@2026-01-01T00:00:00Z".into(),
            alert_id: AlertId::new("a").unwrap(),
            tenant: TenantId::new("t").unwrap(),
            source: Source::Mde,
            change: Change::Updated,
            last_update: None,
            seen_at: Timestamp::UNIX_EPOCH,
            raw: Verbatim::parse(raw).unwrap(),
        }
    }

    #[test]
    fn a_found_machine_goes_in_byte_for_byte_and_gives_the_key() {
        let alert = r#"{ "id":"a", "machineId":"m1","evidence":[] }"#;
        let id = machine_of(&record(alert)).unwrap();
        let machine = Verbatim::parse(r#"{ "id":"m1" , "new":1.0}"#).unwrap();
        let (enriched, key) = expand(record(alert), Some(&id), Ok(machine.clone()), Timestamp::from_second(5).unwrap());
        assert_eq!(key, "m1");
        assert_eq!(enriched.machine, Some(machine));
        assert_eq!(enriched.alert.get(), alert);
        assert_eq!((enriched.id.as_str(), enriched.change), ("a@2026-01-01T00:00:00Z", Change::Updated));
        assert!(enriched.missing.is_empty());
    }

    #[test]
    fn an_alert_without_a_readable_machine_id_goes_on_under_its_own_key_with_the_reason() {
        for raw in [r#"{"id":"a"}"#, r#"{"id":"a","machineId":null}"#, r#"{"id":"a","machineId":"x/y"}"#, "[]"] {
            let why = machine_of(&record(raw)).unwrap_err();
            let (enriched, key) = expand(record(raw), None, Err(why.to_owned()), Timestamp::UNIX_EPOCH);
            assert_eq!(key, "a");
            assert_eq!(enriched.missing, [Missing { what: "machine".into(), why: why.into() }]);
            assert!(enriched.machine.is_none());
        }
    }
}
