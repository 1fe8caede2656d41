//! The records that tests judge: what a test gives, laid over a built-in sample.

use cordon_records::{
    Alert, AlertId, Change, EnrichedRecord, IdError, SCHEMA_VERSION, Source, TenantId, Verbatim, cut,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::rule::RuleTest;

/// When the sample record is made, unless a test says otherwise.
const SAMPLE_NOW: &str = "2026-01-01T12:01:00Z";

/// An open alert of medium severity, on a laptop.
fn sample_alert() -> Value {
    json!({
        "id": "da-sample_1", "title": "Sample alert", "severity": "Medium", "status": "New",
        "category": "Malware", "detectionSource": "WindowsDefenderAtp", "machineId": "sample-machine",
        "computerDnsName": "laptop-1.corp.example", "alertCreationTime": "2026-01-01T12:00:00Z",
        "firstEventTime": "2026-01-01T11:59:00Z", "lastEventTime": "2026-01-01T11:59:30Z",
        "lastUpdateTime": "2026-01-01T12:00:00Z",
    })
}

fn sample_machine() -> Value {
    json!({
        "id": "sample-machine", "computerDnsName": "laptop-1.corp.example", "osPlatform": "Windows11", "version": "24H2",
        "healthStatus": "Active", "onboardingStatus": "Onboarded", "riskScore": "Medium", "exposureLevel": "Low",
        "deviceValue": "Normal", "machineTags": [], "isExcluded": false,
    })
}

fn over(mut sample: Value, given: &Map<String, Value>) -> Result<Verbatim, serde_json::Error> {
    if let Some(fields) = sample.as_object_mut() {
        fields.extend(given.clone());
    }
    Verbatim::parse(&sample.to_string())
}

/// The record of a test in a rule's file.
pub fn record(test: &RuleTest) -> Result<EnrichedRecord, Box<dyn std::error::Error>> {
    let at = match test.now {
        Some(now) => now,
        None => SAMPLE_NOW.parse()?,
    };
    let alert = over(sample_alert(), &test.alert)?;
    // A test that names another machine on one side means both.
    let id = test.alert.get("machineId").cloned();
    let mut fields = test.machine.clone();
    if let (Some(fields), Some(id)) = (&mut fields, id) {
        fields.entry("id").or_insert(id);
    }
    let machine = fields.map(|fields| over(sample_machine(), &fields)).transpose()?;
    Ok(made(AlertId::new("da-sample_1")?, alert, machine, at)?)
}

/// The sample machine as the one that an alert names.
pub fn machine_of(alert: &Alert) -> Result<Verbatim, serde_json::Error> {
    let id = alert.machine_id.as_ref().map(|id| ("id".to_owned(), Value::from(id.as_str())));
    let name = alert.computer_dns_name.as_ref().map(|name| ("computerDnsName".to_owned(), Value::from(name.as_str())));
    over(sample_machine(), &id.into_iter().chain(name).collect())
}

/// A record as enrich would have made it at `at`.
pub fn made(
    alert_id: AlertId,
    alert: Verbatim,
    machine: Option<Verbatim>,
    at: Timestamp,
) -> Result<EnrichedRecord, IdError> {
    let (alert, cut) = cut::for_a_record(alert);
    Ok(EnrichedRecord {
        schema_version: SCHEMA_VERSION,
        id: "sample".to_owned(),
        alert_id,
        tenant: TenantId::new("sample-tenant")?,
        source: Source::Mde,
        change: Change::New,
        seen_at: at,
        enriched_at: at,
        alert,
        cut,
        machine,
        missing: Vec::new(),
    })
}
