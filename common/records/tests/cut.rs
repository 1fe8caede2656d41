//! Alerts that are too large for a record are cut, and say what is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use cordon_records::cut::{self, MAX_ALERT_RECORD, MAX_MACHINE};
use cordon_records::{Alert, Cut, CutUnit, Machine, Severity, Verbatim};
use proptest::prelude::*;
use serde_json::{Value, json};

fn cut(json: &str, most: usize) -> (Verbatim, Vec<Cut>) {
    let (raw, cuts) = cut::alert(Verbatim::parse(json).unwrap(), Alert::FIELDS, most);
    assert!(raw.get().len() <= most, "{} bytes", raw.get().len());
    (raw, cuts)
}

fn told(cuts: &[Cut]) -> Vec<String> {
    cuts.iter().map(ToString::to_string).collect()
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

fn alert(files: usize) -> Value {
    json!({
        "id": "da1_1", "severity": "High", "status": "New", "machineId": "m1", "title": "Ransomware",
        "lastUpdateTime": "2026-11-22T18:00:00.84Z", "evidence": (0..files).map(file).collect::<Vec<_>>(),
    })
}

#[test]
fn an_alert_of_2100_files_keeps_the_first_ones_and_says_how_many_are_missing() {
    let json = alert(2_100).to_string();
    assert!(json.len() > 1_200_000, "{}", json.len());
    let (raw, cuts) = cut(&json, MAX_ALERT_RECORD);
    let view: Alert = raw.view().unwrap();
    let kept = view.evidence.len();
    assert_eq!(cuts, [Cut { field: "evidence".into(), kept: kept as u64, of: 2_100, unit: CutUnit::Items }]);
    assert_eq!(told(&cuts), [format!("{} of 2100 evidence items were cut", 2_100 - kept)]);
    assert!(raw.get().len() > MAX_ALERT_RECORD - 1_000, "{} bytes are kept", raw.get().len());
    assert_eq!(view.evidence[kept - 1].file_name, Some(format!("invoice-{:05}.exe", kept - 1)), "cut from the end");
    let whole: Alert = serde_json::from_value(alert(2_100)).unwrap();
    assert_eq!(Alert { evidence: whole.evidence[..kept].to_vec(), ..whole }, view, "everything else is as it was");
}

#[test]
fn what_fits_stays_byte_for_byte() {
    let json = r#"{ "id":"a",  "evidence":[ {"fileName":"inv\udc00oice"} ]}"#;
    let (raw, cuts) = cut(json, json.len());
    assert_eq!((raw.get(), cuts), (json, Vec::new()));
}

#[test]
fn another_field_that_is_too_long_is_cut_and_costs_the_evidence_nothing() {
    let with = |field: &str, value: Value| {
        let mut alert = alert(20);
        alert[field] = value;
        cut(&alert.to_string(), MAX_ALERT_RECORD)
    };
    let users: Vec<Value> =
        (0..40_000).map(|n| json!({"accountName": format!("user-{n}"), "domainName": "CORP"})).collect();
    let techniques: Vec<Value> = (0..200_000).map(|n| json!(format!("T{n}"))).collect();
    let custom = json!({"a": "x".repeat(2_000_000)});
    for (field, value, missing) in [
        ("description", json!("ä".repeat(1_000_000)), "bytes of description were cut"),
        ("title", json!("\u{1}".repeat(2_000_000)), "bytes of title were cut"),
        ("loggedOnUsers", json!(users), "of 40000 loggedOnUsers items were cut"),
        ("mitreTechniques", json!(techniques), "of 200000 mitreTechniques items were cut"),
        ("relatedUser", json!({"userName": "x".repeat(2_000_000)}), "bytes of relatedUser were cut"),
        ("customDetails", custom.clone(), "1 of 1 fields that are not known were cut"),
    ] {
        let (raw, cuts) = with(field, value);
        assert!(told(&cuts)[0].contains(missing), "{field}: {:?}", told(&cuts));
        assert_eq!(cuts.len(), 1, "{field}: {:?}", told(&cuts));
        let view: Alert = raw.view().unwrap();
        assert_eq!((view.evidence.len(), view.severity), (20, Some(Severity::High)), "{field}");
        assert!(view.machine_id.is_some() && view.last_update_time.is_some(), "{field}");
    }
    let (raw, cuts) = with("threatName", json!("x".repeat(100_000)));
    assert!(cuts.is_empty() && raw.get().len() > 100_000, "a long text alone is no reason");
}

#[test]
fn thousands_of_fields_that_are_not_known_go_before_anything_that_is_read() {
    let mut alert = alert(700);
    for number in 0..3_000 {
        alert[format!("custom{number:04}")] = json!("x".repeat(300));
    }
    let (raw, cuts) = cut(&alert.to_string(), MAX_ALERT_RECORD);
    assert_eq!(cuts.len(), 1, "{:?}", told(&cuts));
    assert_eq!((cuts[0].field.as_str(), cuts[0].of, cuts[0].unit), ("*", 3_000, CutUnit::Fields));
    assert!(cuts[0].kept > 1_000, "no more than is needed: {:?}", cuts[0]);
    assert_eq!(raw.view::<Alert>().unwrap().evidence.len(), 700);
}

#[test]
fn everything_too_long_at_once_still_leaves_an_alert_with_its_ids_and_severity() {
    let mut alert = alert(3_000);
    for field in ["title", "description", "threatName", "assignedTo"] {
        alert[field] = json!("\u{1f600}".repeat(300_000));
    }
    alert["customDetails"] = json!("x".repeat(500_000));
    let (raw, cuts) = cut(&alert.to_string(), MAX_ALERT_RECORD);
    let view: Alert = raw.view().unwrap();
    assert_eq!(view.severity, Some(Severity::High));
    assert!(view.machine_id.is_some() && view.evidence.len() > 500, "{}", view.evidence.len());
    let fields: Vec<&str> = cuts.iter().map(|cut| cut.field.as_str()).collect();
    assert_eq!(fields, ["*", "assignedTo", "description", "threatName", "title", "evidence"]);
}

#[test]
fn a_text_is_cut_between_characters_and_not_inside_an_escape() {
    for piece in [r"\ud83d\ude00", r"\u00e4", r"\n", "ä", "\u{1f600}", r"\ud83d", r#"\"\\"#] {
        for most in 300..330 {
            let (raw, cuts) = cut(&format!(r#"{{"id":"a","title":"{}"}}"#, piece.repeat(200)), most);
            assert_eq!(cuts.len(), 1);
            let title = raw.view::<Alert>().unwrap().title.unwrap();
            assert_eq!(title.contains('\u{fffd}'), piece == r"\ud83d", "{piece} at {most}: {title}");
        }
    }
}

#[test]
fn of_a_repeated_key_the_one_that_counts_is_cut_and_what_is_cut_twice_is_counted_once() {
    let files = |count: usize| serde_json::to_string(&(0..count).map(file).collect::<Vec<_>>()).unwrap();
    let json = format!(r#"{{"evidence":{},"id":"a","evidence":{}}}"#, files(10), files(2_100));
    let (raw, mut cuts) = cut(&json, MAX_ALERT_RECORD);
    assert_eq!(cuts[0].of, 2_100);
    let (again, later) = cut(raw.get(), 500_000);
    let kept = again.view::<Alert>().unwrap().evidence.len() as u64;
    Cut::add(&mut cuts, later);
    assert_eq!(cuts, [Cut { field: "evidence".into(), kept, of: 2_100, unit: CutUnit::Items }]);
}

#[test]
fn of_a_machine_only_what_is_not_known_is_left_out_and_else_it_is_none() {
    let machine = |tags: usize, rest: usize| {
        let tags: Vec<String> = (0..tags).map(|n| format!("tag-{n}")).collect();
        let json = json!({"id": "m", "osPlatform": "Windows11", "machineTags": tags, "ipAddresses": ["x".repeat(rest)], "a": 1});
        cut::machine(Verbatim::parse(&json.to_string()).unwrap(), Machine::FIELDS, MAX_MACHINE)
    };
    let kept = machine(10, 500_000).unwrap();
    assert!(kept.get().contains("tag-9") && kept.get().contains("\"a\":1") && !kept.get().contains("ipAddresses"));
    assert!(machine(10, 1_000).unwrap().get().contains("ipAddresses"));
    assert!(machine(50_000, 1).is_none(), "the tags that a never list names may be among those");
}

#[test]
fn a_summary_is_small_however_long_the_texts_and_however_many_the_people_are() {
    let users: Vec<Value> = (0..30_000).map(|n| json!({"accountName": format!("user-{n}")})).collect();
    let long = "\u{1f600}".repeat(100_000);
    let alert = json!({"id": "a", "title": long, "category": long, "machineId": "m", "computerDnsName": long,
        "rbacGroupName": long, "loggedOnUsers": users, "relatedUser": {"userName": long}});
    let alert: Alert = serde_json::from_value(alert).unwrap();
    let summary = alert.summary();
    assert!(serde_json::to_vec(&summary).unwrap().len() < 100_000);
    assert!(serde_json::to_vec(&alert.machine_summary()).unwrap().len() < 10_000);
    assert_eq!((summary.title.chars().count(), summary.title.ends_with('…')), (1_001, true));
    let missing = summary.people_cut().map(ToString::to_string).unwrap();
    assert_eq!(missing, format!("{} of 30001 users items were cut", 30_001 - summary.users.len()));
    let few: Alert = serde_json::from_value(json!({"id": "a", "loggedOnUsers": [{"accountName": "ann"}]})).unwrap();
    assert_eq!((few.summary().users, few.summary().people_cut()), (vec!["ann".to_owned()], None));
}

#[test]
fn the_fields_that_are_known_are_those_that_are_read() {
    let keys = |value: Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let sorted = |fields: &[&str]| {
        let mut fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        fields.sort();
        fields
    };
    let alert: Alert = serde_json::from_str(r#"{"id":"a"}"#).unwrap();
    assert_eq!(keys(serde_json::to_value(alert).unwrap()), sorted(Alert::FIELDS));
    let machine: Machine = serde_json::from_str(r#"{"id":"m","machineTags":[]}"#).unwrap();
    assert_eq!(keys(serde_json::to_value(machine).unwrap()), sorted(Machine::FIELDS));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_cut_is_json_of_the_right_size_with_the_same_ids(
        title in "(\\PC|\u{1f600}|\\\\|\"){0,200}",
        items in 0usize..60,
        custom in proptest::collection::vec("[a-z]{0,40}", 0..20),
        most in 400usize..3_000,
    ) {
        let mut alert = json!({"id": "da1_1", "machineId": "m1", "severity": "High", "title": title, "evidence": []});
        alert["evidence"] = (0..items).map(|n| json!({"sha1": format!("{n:040x}")})).collect();
        for (number, text) in custom.iter().enumerate() {
            alert[format!("c{number}")] = json!(text);
        }
        let json = alert.to_string();
        let (raw, cuts) = cut(&json, most);
        prop_assert_eq!(cuts.is_empty(), json.len() <= most);
        let view: Alert = raw.view().map_err(|error| TestCaseError::fail(error.to_string()))?;
        let whole: Alert = serde_json::from_value(alert).unwrap();
        prop_assert_eq!((&view.id, &view.machine_id, &view.severity), (&whole.id, &whole.machine_id, &whole.severity));
        prop_assert!(whole.title.unwrap().starts_with(&view.title.unwrap_or_default()));
        prop_assert!(whole.evidence.starts_with(&view.evidence));
        let kept = cuts.iter().find(|cut| cut.field == "evidence").map_or(items as u64, |cut| cut.kept);
        prop_assert_eq!(view.evidence.len() as u64, kept);
    }
}
