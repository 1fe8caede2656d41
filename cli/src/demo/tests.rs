//! What an attacker chooses, through all stages to the POST.

use std::time::Duration;

use cordon_records::cut::MAX_ALERT_RECORD;
use cordon_records::{AlertRecord, DecisionRecord, EnrichedRecord, MachineId, Topic};
use cordon_runtime::kafka::{Inbound, read_all};
use cordon_simulator::{Fault, FaultKind, SimAlert, SimMachine};
use serde_json::{Value, json};

use super::pipeline::Pipeline;

/// Each alert is a machine's; a stage that is slow on a busy computer is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

fn machine(pipeline: &Pipeline, number: u32) -> SimMachine {
    let machine =
        SimMachine::new(MachineId::new(format!("{number:040x}")).unwrap(), &format!("lab-{number:02}.example"));
    pipeline.tenant.add_machine(machine.clone());
    machine
}

/// A file as Defender names it, some 570 bytes.
fn file(number: usize) -> Value {
    json!({
        "entityType": "File", "evidenceCreationTime": "2026-11-22T18:00:00.84Z", "sha1": format!("{number:040x}"),
        "sha256": format!("{number:064x}"), "fileName": format!("invoice-{number:05}.exe"),
        "filePath": format!("C:\\Users\\anna\\AppData\\Local\\Temp\\{}", "x".repeat(200)), "processId": null,
        "processCommandLine": null, "registryKey": null, "userPrincipalName": null, "detectionStatus": "Detected",
    })
}

async fn records(pipeline: &Pipeline, topic: Topic) -> Vec<Inbound> {
    read_all(&pipeline.kafka, topic).await.unwrap()
}

/// How far the alerts came, and what was said of them.
async fn standing(pipeline: &Pipeline) -> String {
    let mut said = String::new();
    for topic in [Topic::Alerts, Topic::Enriched, Topic::Decisions, Topic::DeadLetters] {
        said.push_str(&format!("{topic:?}: {}; ", records(pipeline, topic).await.len()));
    }
    let reports = records(pipeline, Topic::Actions).await;
    let texts = reports.iter().map(|report| report.json::<Value>().unwrap()["reason"].to_string());
    said + &texts.collect::<Vec<_>>().join("; ")
}

/// Waits until each of these machines was isolated by one POST.
async fn isolated(pipeline: &Pipeline, machines: &[SimMachine]) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let posts: Vec<usize> = machines.iter().map(|machine| pipeline.tenant.isolate_posts(&machine.id)).collect();
        if posts.iter().all(|posts| *posts == 1) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "isolate POSTs: {posts:?}; {}", standing(pipeline).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_too_large_for_a_record_is_isolated_and_says_what_is_missing() {
    let pipeline = Pipeline::start().unwrap();
    let machines: Vec<SimMachine> = (1..=5).map(|number| machine(&pipeline, number)).collect();
    let with =
        |machine: &SimMachine, field: &str, value: Value| SimAlert::on(machine).severity("High").field(field, value);
    let files: Vec<Value> = (0..2_100).map(file).collect();
    assert!(json!(files).to_string().len() > 1_200_000);
    let users: Vec<Value> = (0..40_000).map(|n| json!({"accountName": format!("user-{n}")})).collect();
    pipeline.tenant.add_alert(with(&machines[0], "evidence", json!(files)));
    pipeline.tenant.add_alert(with(&machines[1], "description", json!("x".repeat(2_000_000))));
    pipeline.tenant.add_alert(with(&machines[2], "title", json!("x".repeat(2_000_000))));
    pipeline.tenant.add_alert(with(&machines[3], "loggedOnUsers", json!(users)));
    pipeline.tenant.add_alert(with(&machines[4], "description", json!("x".repeat(998_000))));
    isolated(&pipeline, &machines).await;
    assert_eq!(records(&pipeline, Topic::DeadLetters).await.len(), 0);
    for record in records(&pipeline, Topic::Alerts).await {
        assert!(record.size() < MAX_ALERT_RECORD + 300, "{} bytes", record.size());
        assert!(!record.json::<AlertRecord>().unwrap().cut.is_empty());
    }
    for record in records(&pipeline, Topic::Enriched).await {
        assert!(!record.json::<EnrichedRecord>().unwrap().cut.is_empty());
    }
    let decisions: Vec<DecisionRecord> =
        records(&pipeline, Topic::Decisions).await.iter().map(|record| record.json().unwrap()).collect();
    let cut = |machine: &SimMachine| {
        let of = |decision: &&DecisionRecord| decision.machine.as_ref().is_some_and(|found| found.id == machine.id);
        decisions.iter().find(of).unwrap().alert.cut.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(cut(&machines[0])[0].ends_with(" of 2100 evidence items were cut"), "{:?}", cut(&machines[0]));
    assert!(cut(&machines[1])[0].ends_with(" of 2000000 bytes of description were cut"), "{:?}", cut(&machines[1]));
    pipeline.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn text_cut_in_half_and_repeated_keys_are_isolated_like_any_other_alert() {
    let pipeline = Pipeline::start().unwrap();
    let machines: Vec<SimMachine> = (1..=3).map(|number| machine(&pipeline, number)).collect();
    let now = pipeline.tenant.now();
    let parts = [
        r#""title":"cut \ud83d""#,
        r#""evidence":[{"entityType":"File","fileName":"inv\udc00oice.exe"}]"#,
        r#""title":"x","severity":"Low","title":"y\u0000","\ud800":1,"incidentId":1e999"#,
    ];
    let mut alerts = Vec::new();
    for (machine, part) in machines.iter().zip(parts) {
        let id = format!("da-{}", machine.name);
        let alert = format!(
            r#"{{{part},"id":"{id}","machineId":"{}","severity":"High","status":"New","alertCreationTime":"{now}","lastUpdateTime":"{now}"}}"#,
            machine.id
        );
        let answer = |body: &str| FaultKind::Status { code: 200, body: body.to_owned(), headers: Vec::new() };
        let path = format!("/api/alerts/{id}");
        pipeline.tenant.script(Fault::on("GET", &path, answer(&alert)).times(100));
        alerts.push(alert);
    }
    let list =
        FaultKind::Status { code: 200, body: format!(r#"{{"value":[{}]}}"#, alerts.join(",")), headers: Vec::new() };
    pipeline.tenant.script(Fault::on("GET", "/api/alerts?", list));
    isolated(&pipeline, &machines).await;
    assert_eq!(records(&pipeline, Topic::DeadLetters).await.len(), 0);
    let kept = records(&pipeline, Topic::Enriched).await;
    for alert in alerts {
        let verbatim = |record: &Inbound| record.json::<EnrichedRecord>().unwrap().alert.get() == alert;
        assert!(kept.iter().any(verbatim), "{alert} is not kept as it came");
    }
    pipeline.stop().await.unwrap();
}
