//! The work on one alert: read it, look its machine up, make one record of both ([`expand`], pure), send it on. Nothing that
//! fails here keeps an alert back.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cordon_records::cut::{self, FRAME, MAX_ENRICHED_RECORD, MAX_MACHINE};
use cordon_records::{
    Alert, AlertRecord, Clock, Cut, DeadLetterReason, EnrichedRecord, Headers, Machine, MachineId, Missing,
    SCHEMA_VERSION, Topic, Verbatim, schema_version_of,
};
use cordon_runtime::kafka::{Handler, Inbound, Outbound, Outcome, Undecodable};
use cordon_runtime::telemetry::Health;
use jiff::Timestamp;

use crate::lookup::LookupError;
use crate::machine_cache::MachineCache;

/// The part of health that tells whether lookups are permitted.
const COMPONENT: &str = "defender";

/// What there is to know about an alert.
pub trait Facts: Send + Sync + 'static {
    /// The machine that it names, or why there is none.
    ///
    /// # Errors
    /// When to ask again: waiting for our own quota is not a lookup that failed.
    fn machine(
        &self,
        alert: &AlertRecord,
        id: &MachineId,
    ) -> impl Future<Output = Result<Result<Verbatim, String>, Duration>> + Send;

    /// When its record is made.
    fn made_at(&self, alert: &AlertRecord) -> Timestamp;
}

/// Asks Defender.
pub struct Asked {
    machines: Option<MachineCache>,
    clock: Arc<dyn Clock>,
    health: Health,
}

impl Facts for Asked {
    async fn machine(&self, _: &AlertRecord, id: &MachineId) -> Result<Result<Verbatim, String>, Duration> {
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

    fn made_at(&self, _: &AlertRecord) -> Timestamp {
        self.clock.now()
    }
}

impl Asked {
    /// `machines` is absent when the lookup is switched off.
    #[must_use]
    pub fn new(machines: Option<MachineCache>, clock: Arc<dyn Clock>, health: Health) -> Self {
        Self { machines, clock, health }
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
}

/// Expands alerts.
pub struct Enricher<F>(pub F);

fn emit(record: &EnrichedRecord, key: &str) -> Outcome {
    let id = &record.id;
    let headers = Headers::event("enrich", "alert.enriched", id, record.enriched_at, record.alert_id.as_str());
    match Outbound::json(Topic::Enriched, key, headers, record) {
        Ok(outbound) => Outcome::Emit(vec![outbound]),
        Err(error) => Outcome::Halt(format!("cannot write {id} as JSON: {error}; please report this")),
    }
}

impl<F: Facts> Handler for Enricher<F> {
    async fn handle(&self, record: &Inbound) -> Outcome {
        let alert = match record.json::<AlertRecord>() {
            Ok(alert) => alert,
            Err(error) => return dead(&error),
        };
        let id = machine_of(&alert);
        let machine = match &id {
            Ok(id) => match self.0.machine(&alert, id).await {
                Ok(machine) => machine,
                Err(after) => return Outcome::Retry { after, why: "the quota for lookups is used up".to_owned() },
            },
            Err(why) => Err((*why).to_owned()),
        };
        let made_at = self.0.made_at(&alert);
        let (enriched, key) = expand(alert, id.ok().as_ref(), machine, made_at);
        emit(&enriched, &key)
    }
}

fn dead(error: &Undecodable) -> Outcome {
    let reason = match error {
        Undecodable::Empty => DeadLetterReason::Empty,
        Undecodable::Shape(_) => DeadLetterReason::Decode,
    };
    Outcome::DeadLetter { reason, detail: error.to_string() }
}

/// The machine that an alert names.
///
/// # Errors
/// Why it names none.
fn machine_of(record: &AlertRecord) -> Result<MachineId, &'static str> {
    match record.raw.view::<Alert>() {
        Ok(alert) => alert.machine_id.ok_or("the alert names no machine"),
        Err(_) => Err("the alert cannot be read, so its machine is not known"),
    }
}

/// Puts the record together. `machine` is the machine's id and what was found, or why there is nothing; the second part
/// of the answer is the record's key: the machine's id, so that all alerts of one machine meet, else the alert's.
fn expand(
    record: AlertRecord,
    id: Option<&MachineId>,
    machine: Result<Verbatim, String>,
    now: Timestamp,
) -> (EnrichedRecord, String) {
    let key = id.map_or_else(|| record.alert_id.to_string(), ToString::to_string);
    let (machine, missing) = match machine.and_then(fitting) {
        Ok(machine) => (Some(machine), Vec::new()),
        Err(why) => (None, vec![Missing { what: "machine".to_owned(), why }]),
    };
    let mut enriched = EnrichedRecord {
        schema_version: SCHEMA_VERSION,
        id: record.id,
        alert_id: record.alert_id,
        tenant: record.tenant,
        source: record.source,
        change: record.change,
        seen_at: record.seen_at,
        enriched_at: now,
        alert: record.raw,
        cut: record.cut,
        machine,
        missing,
    };
    cut_to_size(&mut enriched);
    enriched.schema_version = schema_version_of(&enriched.cut);
    (enriched, key)
}

/// The machine, if it is of a size that a record has room for. Its tags and names are facts that guards ask about, so
/// where those alone are too large, there is no machine to judge on.
fn fitting(machine: Verbatim) -> Result<Verbatim, String> {
    let bytes = machine.get().len();
    cut::machine(machine, Machine::FIELDS, MAX_MACHINE).ok_or_else(|| {
        format!("what Defender says of it has {bytes} bytes, more than the {MAX_MACHINE} that a record has room for")
    })
}

/// Cuts the alert once more where the record would be too large: ingest leaves room for a machine, but records of
/// earlier builds and of other sources may be of any size.
fn cut_to_size(enriched: &mut EnrichedRecord) {
    let machine = enriched.machine.as_ref().map_or(0, |machine| machine.get().len());
    let missing: usize = enriched.missing.iter().map(|missing| missing.why.len() * 6).sum();
    let most = MAX_ENRICHED_RECORD.saturating_sub(FRAME + machine + missing);
    if enriched.alert.get().len() > most {
        let (alert, cuts) = cut::alert(enriched.alert.clone(), Alert::FIELDS, most);
        enriched.alert = alert;
        Cut::add(&mut enriched.cut, cuts);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use cordon_defender::FleetPage;
    use cordon_records::{AlertId, Change, Source, SystemClock, TenantId};
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
        let enricher = Enricher(Asked::new(Some(cache), Arc::new(SystemClock), Health::new("enrich")));
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
            cut: Vec::new(),
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

    fn bytes(enriched: &EnrichedRecord) -> usize {
        serde_json::to_vec(enriched).unwrap().len()
    }

    #[test]
    fn an_alert_of_998_kb_and_its_machine_fit_one_record() {
        let alert = |files: usize| {
            let files = vec![format!(r#"{{"entityType":"File","filePath":"{}"}}"#, "x".repeat(900)); files].join(",");
            let start = format!(r#"{{"id":"a","machineId":"m1","severity":"High","evidence":[{files}],"title":""#);
            format!(r#"{start}{}"}}"#, "x".repeat(998_000 - start.len() - 2))
        };
        let json = alert(1_050);
        assert_eq!(json.len(), 998_000);
        let machine = Verbatim::parse(&format!(r#"{{"id":"m1","ipAddresses":["{}"]}}"#, "x".repeat(60_000))).unwrap();
        let id = machine_of(&record(&json)).unwrap();
        let mut first = record(&json);
        first.cut = vec![serde_json::from_str(r#"{"field":"evidence","kept":1050,"of":2100,"unit":"items"}"#).unwrap()];
        let (enriched, key) = expand(first, Some(&id), Ok(machine.clone()), Timestamp::UNIX_EPOCH);
        assert!(bytes(&enriched) <= MAX_ENRICHED_RECORD, "{}", bytes(&enriched));
        assert_eq!((key.as_str(), enriched.machine.as_ref()), ("m1", Some(&machine)));
        let view: Alert = enriched.alert.view().unwrap();
        assert_eq!(view.machine_id, Some(id));
        let missing = 2_100 - view.evidence.len();
        assert!(missing > 1_050, "{missing}");
        assert_eq!(enriched.cut[0].to_string(), format!("{missing} of 2100 evidence items were cut"));
        assert_eq!(enriched.schema_version, 2, "a build that passes over the mark refuses it");
    }

    #[test]
    fn what_ingest_let_through_is_not_cut_again_beside_the_largest_machine() {
        let json = format!(r#"{{"id":"a","machineId":"m1","title":"{}"}}"#, "x".repeat(891_900));
        let id = machine_of(&record(&json)).unwrap();
        let rest = "x".repeat(MAX_MACHINE - 30);
        let machine = Verbatim::parse(&format!(r#"{{"id":"m1","version":"{rest}"}}"#)).unwrap();
        let (enriched, _) = expand(record(&json), Some(&id), Ok(machine.clone()), Timestamp::UNIX_EPOCH);
        assert!(bytes(&enriched) <= MAX_ENRICHED_RECORD);
        assert_eq!((enriched.alert.get(), enriched.machine, enriched.cut.len()), (json.as_str(), Some(machine), 0));
        assert_eq!(enriched.schema_version, 1, "every build reads what is whole");
    }

    #[test]
    fn a_machine_whose_facts_are_too_large_is_no_machine_to_judge_on() {
        let json = r#"{"id":"a","machineId":"m1"}"#;
        let id = machine_of(&record(json)).unwrap();
        let machine =
            |field: &str| Verbatim::parse(&format!(r#"{{"id":"m1","{field}":["{}"]}}"#, "x".repeat(70_000))).unwrap();
        let (without, _) = expand(record(json), Some(&id), Ok(machine("machineTags")), Timestamp::UNIX_EPOCH);
        assert!(without.machine.is_none());
        assert!(without.missing[0].why.contains("70"), "{:?}", without.missing);
        let (with, _) = expand(record(json), Some(&id), Ok(machine("ipAddresses")), Timestamp::UNIX_EPOCH);
        assert_eq!(with.machine.unwrap().get(), r#"{"id":"m1"}"#);
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
