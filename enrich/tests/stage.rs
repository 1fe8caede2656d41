//! The stage between a broker and a simulated tenant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::time::Duration;

use cordon_records::{Headers, Machine, Topic, dead_letter_header as header};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::Outbound;
use cordon_simulator::{App, CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Quirks};
use support::{Bench, Running, machine_id, metric, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_goes_on_with_its_machine_under_the_machines_key() {
    let bench = Bench::start(Quirks::default());
    let machine = bench.machine(1);
    bench.alert("a1", Some(&machine)).await;
    let stage = bench.stage(bench.settings());
    let (key, record) = bench.enriched(1).await.remove(0);
    assert_eq!(key, machine.as_str());
    assert_eq!(record.missing, []);
    let found: Machine = record.machine.unwrap().view().unwrap();
    assert_eq!((found.id, found.machine_tags), (machine, Some(vec!["lab".to_owned()])));
    assert_accounts_balance(&stage.stop().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_200_alerts_on_20_machines_costs_few_calls() {
    let bench = Bench::start(Quirks::default());
    let machines: Vec<_> = (0..20).map(|number| bench.machine(number)).collect();
    for number in 0..200 {
        bench.alert(&format!("a{number}"), Some(&machines[number % 20])).await;
    }
    let stage = bench.stage(bench.settings());
    let records = bench.enriched(200).await;
    assert!(records.iter().all(|(_, record)| record.missing.is_empty() && record.machine.is_some()));
    let calls = bench.machine_calls();
    assert!(calls.len() <= 10, "{} calls: {calls:#?}", calls.len());
    let context = stage.stop().await;
    let lookups = |origin: &str| metric(&context, "cordon_enrich_machine_lookups_total", origin);
    assert_eq!(lookups("miss"), 20);
    assert_eq!(lookups("miss") + lookups("hit") + lookups("coalesced"), 200);
    assert_eq!(metric(&context, "cordon_enrich_api_calls_total", ""), calls.len() as u64);
    assert_accounts_balance(&context, 200);
}

/// A stage whose first four calls take so long that the whole storm waits for what comes next.
fn slowly(bench: &Bench) -> Running {
    bench.tenant.script(Fault::on("GET", "/api/machines", FaultKind::Delay(Duration::from_secs(5))).times(4));
    let mut settings = bench.settings();
    settings.deadline = Duration::from_secs(60);
    bench.stage(settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_on_1500_machines_is_served_by_the_list_of_the_fleet_and_each_alert_has_its_own_machine() {
    let bench = Bench::start(Quirks::default());
    for number in 0..1_500 {
        bench.alert(&format!("a{number}"), Some(&bench.machine(number))).await;
    }
    let stage = slowly(&bench);
    for (key, record) in bench.enriched(1_500).await {
        let found: Machine = record.machine.unwrap().view().unwrap();
        assert_eq!(found.id.as_str(), key);
    }
    let calls = bench.machine_calls();
    assert!(calls.len() <= 20, "{} calls: {calls:#?}", calls.len());
    let context = stage.stop().await;
    assert!(metric(&context, "cordon_enrich_api_calls_total", "page") >= 1);
    assert_eq!(metric(&context, "cordon_enrich_api_calls_total", ""), calls.len() as u64);
    assert_accounts_balance(&context, 1_500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_in_which_the_list_of_the_fleet_fails_is_served_by_filters() {
    let bench = Bench::start(Quirks::default());
    bench.tenant.script(Fault::on("GET", "top=10000", FaultKind::status(500, "InternalServerError", "busy")).times(9));
    for number in 0..300 {
        bench.alert(&format!("a{number}"), Some(&bench.machine(number))).await;
    }
    let stage = slowly(&bench);
    let records = bench.enriched(300).await;
    assert!(records.iter().all(|(_, record)| record.machine.is_some()));
    let context = stage.stop().await;
    assert_eq!(metric(&context, "cordon_enrich_api_calls_total", "page"), 1);
    assert_accounts_balance(&context, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_on_a_machine_that_defender_does_not_know_goes_on_without_it() {
    let bench = Bench::start(Quirks { lookups_404: true, ..Quirks::default() });
    for number in 0..30 {
        bench.alert(&format!("a{number}"), Some(&machine_id(number % 10))).await;
    }
    let stage = bench.stage(bench.settings());
    for (key, record) in bench.enriched(30).await {
        assert!(key.len() == 40 && record.machine.is_none());
        assert_eq!((record.missing.len(), record.missing[0].what.as_str()), (1, "machine"));
        assert_eq!(record.missing[0].why, "Defender does not know this machine");
    }
    assert!(stage.context.health.missing().is_empty());
    assert_accounts_balance(&stage.stop().await, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_the_filter_still_gives_each_alert_its_own_machine() {
    let bench = Bench::start(Quirks { ignore_filter: true, page_cap: Some(5), ..Quirks::default() });
    let machines: Vec<_> = (0..12).map(|number| bench.machine(number)).collect();
    for (number, machine) in machines.iter().enumerate() {
        bench.alert(&format!("a{number}"), Some(machine)).await;
    }
    let stage = bench.stage(bench.settings());
    for (key, record) in bench.enriched(12).await {
        let found: Machine = record.machine.unwrap().view().unwrap();
        assert_eq!(found.id.as_str(), key);
    }
    assert_accounts_balance(&stage.stop().await, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_past_its_deadline_lets_the_alert_go_on() {
    let bench = Bench::start(Quirks::default());
    let machine = bench.machine(1);
    bench.tenant.script(Fault::on("GET", "/api/machines", FaultKind::Hang(Duration::from_secs(20))).times(9));
    bench.alert("a1", Some(&machine)).await;
    let mut settings = bench.settings();
    settings.deadline = Duration::from_millis(300);
    let stage = bench.stage(settings);
    let (_, record) = bench.enriched(1).await.remove(0);
    assert!(record.machine.is_none());
    assert!(record.missing[0].why.contains("the lookup failed"), "{:?}", record.missing);
    assert_accounts_balance(&stage.stop().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_stops_no_alert_and_makes_the_stage_unready() {
    let bench = Bench::start(Quirks::default());
    bench.tenant.set_apps(vec![App::new(CLIENT_ID, CLIENT_SECRET, &["Alert.Read.All"])]);
    let machine = bench.machine(1);
    bench.alert("a1", Some(&machine)).await;
    let stage = bench.stage(bench.settings());
    let (_, record) = bench.enriched(1).await.remove(0);
    assert!(record.missing[0].why.contains("refused"), "{:?}", record.missing);
    let missing = stage.context.health.missing();
    assert!(missing.iter().any(|why| why.starts_with("enrich/defender")), "{missing:?}");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_lookups_nothing_is_asked_and_the_record_says_so() {
    let bench = Bench::start(Quirks::default());
    bench.alert("a1", Some(&bench.machine(1))).await;
    bench.alert("a2", None).await;
    let mut settings = bench.settings();
    settings.lookups = Vec::new();
    let stage = bench.stage(settings);
    let records = bench.enriched(2).await;
    for (key, record) in &records {
        let why = if record.alert_id.as_str() == "a1" { "switched off" } else { "names no machine" };
        assert!(record.missing[0].why.contains(why), "{key}: {:?}", record.missing);
    }
    assert!(records.iter().any(|(key, _)| key == "a2"), "an alert without a machine keeps its own key");
    assert_eq!(bench.tenant.requests().len(), 0);
    assert_accounts_balance(&stage.stop().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_998_kb_goes_on_with_its_machine_and_says_what_is_missing() {
    let bench = Bench::start(Quirks::default());
    let machine = bench.machine(1);
    let file = format!(r#"{{"entityType":"File","filePath":"{}"}}"#, "x".repeat(960));
    let files = vec![file; 998].join(",");
    let raw = format!(r#"{{"id":"a1","machineId":"{machine}","severity":"High","evidence":[{files}],"#);
    let raw = format!(r#"{raw}"title":"{}"}}"#, "x".repeat(998_000 - raw.len() - 11));
    assert_eq!(raw.len(), 998_000);
    bench.raw_alert("a1", &raw).await;
    bench
        .raw_alert("a2", &format!(r#"{{"id":"a2","machineId":"{machine}","title":"cut \ud83d","title":"\ud83d"}}"#))
        .await;
    let stage = bench.stage(bench.settings());
    let records = bench.enriched(2).await;
    let (_, large) = records.iter().find(|(_, record)| record.alert_id.as_str() == "a1").unwrap();
    assert!(large.machine.is_some() && large.cut[0].to_string().ends_with("of 998 evidence items were cut"));
    let (key, half) = records.iter().find(|(_, record)| record.alert_id.as_str() == "a2").unwrap();
    assert_eq!((key.as_str(), half.machine.is_some(), half.cut.len()), (machine.as_str(), true, 0));
    assert!(half.alert.get().contains(r#""title":"cut \ud83d","title":"\ud83d""#), "{}", half.alert.get());
    assert_accounts_balance(&stage.stop().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_alert_record_goes_to_the_dead_letters_and_the_rest_goes_on() {
    let bench = Bench::start(Quirks::default());
    let send = |value: Option<&[u8]>| {
        let value = value.map(<[u8]>::to_vec);
        bench.producer.send(Outbound {
            topic: Topic::Alerts,
            key: Some("k".into()),
            headers: Headers::default(),
            value,
        })
    };
    send(Some(b"not json")).await.unwrap();
    send(None).await.unwrap();
    bench.alert("a1", Some(&bench.machine(1))).await;
    // The same as a newer ingest would write it.
    let value = bench.records(Topic::Alerts).await.into_iter().find_map(|r| r.value.filter(|v| v.starts_with(b"{")));
    let newer = String::from_utf8(value.unwrap()).unwrap().replacen("\"schema_version\":1", "\"schema_version\":3", 1);
    send(Some(newer.as_bytes())).await.unwrap();
    let stage = bench.stage(bench.settings());
    bench.enriched(1).await;
    until("three records are dead-lettered", || async {
        let found = bench.records(Topic::DeadLetters).await.len();
        if found == 3 { Ok(()) } else { Err(format!("{found} are")) }
    })
    .await;
    let dead = bench.records(Topic::DeadLetters).await;
    let mut reasons: Vec<_> = dead.iter().filter_map(|letter| letter.headers.text(header::REASON)).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["decode", "decode", "empty"]);
    let details: Vec<_> = dead.iter().filter_map(|letter| letter.headers.text(header::DETAIL)).collect();
    assert!(details.iter().any(|detail| detail.contains("schema_version 3 is newer than 2")), "{details:?}");
    assert_accounts_balance(&stage.stop().await, 4);
}

/// What came in went out, was skipped, or is in the dead letters.
fn assert_accounts_balance(context: &Context, received: u64) {
    let count = |name: &str| metric(context, name, "");
    let ended = [
        count("cordon_records_sent_total"),
        count("cordon_records_skipped_total"),
        count("cordon_records_dead_lettered_total"),
    ];
    assert_eq!(count("cordon_records_received_total"), received);
    assert_eq!(received, ended.iter().sum::<u64>(), "sent, skipped and dead-lettered are {ended:?}");
}
