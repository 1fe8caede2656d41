//! Enriched alerts as a company's week has them: 4.5 kB each, on 10,000 machines, one of ten High.

use cordon_records::{AlertId, Change, EnrichedRecord, SCHEMA_VERSION, Source, TenantId, Verbatim};
use cordon_simulator::{SimAlert, SimMachine, TENANT_ID, evidence};
use cordon_tests::pipeline::machine;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

const MACHINES: usize = 10_000;
const AT: &str = "2026-03-01T09:41:10.9466522Z";
const SEVERITIES: [&str; 10] =
    ["High", "Medium", "Medium", "Medium", "Low", "Low", "Low", "Informational", "Informational", "Informational"];

/// The key and the value of one record.
pub fn record(number: usize) -> (String, Vec<u8>) {
    let at: Timestamp = AT.parse().expect("a time");
    let on =
        machine(u32::try_from(number % MACHINES).expect("a small number"), &format!("laptop-{}", number % MACHINES));
    let alert = alert(number, &on, at);
    let record = EnrichedRecord {
        schema_version: SCHEMA_VERSION,
        id: format!("{}@{AT}", alert.id.as_ref().expect("it was given")),
        alert_id: alert.id.clone().expect("it was given"),
        tenant: TenantId::new(TENANT_ID).expect("an id"),
        source: Source::Mde,
        change: Change::New,
        seen_at: at,
        enriched_at: at,
        alert: verbatim(alert.to_json(TENANT_ID)),
        machine: Some(verbatim(on.to_json(at))),
        cut: Vec::new(),
        missing: Vec::new(),
    };
    (on.id.to_string(), serde_json::to_vec(&record).expect("our own record"))
}

fn alert(number: usize, on: &SimMachine, at: Timestamp) -> SimAlert {
    let user = format!("user{}", number % 977);
    let alert = SimAlert::on(on)
        .id(AlertId::new(format!("da{number:030x}_1")).expect("an id"))
        .severity(SEVERITIES[number % SEVERITIES.len()])
        .user(&user, "CORP");
    let alert = SimAlert { first_event: Some(at), last_event: Some(at), ..alert.at(at) };
    let command = format!("powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\\Temp\\job-{number}.ps1");
    alert
        .evidence(evidence(
            "User",
            at,
            &[
                ("accountName", json!(user)),
                ("domainName", json!("CORP")),
                ("userPrincipalName", json!(format!("{user}@corp.example"))),
            ],
        ))
        .evidence(evidence(
            "Process",
            at,
            &[
                ("fileName", json!("powershell.exe")),
                ("filePath", json!("C:\\Windows\\System32\\WindowsPowerShell\\v1.0")),
                ("processId", json!(number % 65_536)),
                ("processCommandLine", json!(command)),
                ("accountName", json!(user)),
                ("sha1", json!(format!("{number:040x}"))),
                ("sha256", json!(format!("{number:064x}"))),
            ],
        ))
        .evidence(evidence(
            "File",
            at,
            &[
                ("fileName", json!(format!("job-{number}.ps1"))),
                ("filePath", json!("C:\\Temp")),
                ("sha1", json!(format!("{:040x}", number + 1))),
                ("sha256", json!(format!("{:064x}", number + 1))),
            ],
        ))
        .evidence(evidence("Ip", at, &[("ipAddress", json!(format!("203.0.113.{}", number % 256)))]))
}

fn verbatim(fields: Map<String, Value>) -> Verbatim {
    Verbatim::parse(&Value::Object(fields).to_string()).expect("JSON")
}
