//! The rules in `deploy/rules`: each by itself, and all of them together as the example configuration loads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};

use cordon_policy::{RuleSet, decide, run_tests};
use cordon_records::{EnrichedRecord, Mode, Verbatim};
use jiff::Timestamp;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/rules")
}

/// Name and text of every rule file, sorted. Recorded alerts stand beside them.
fn files() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn all() -> RuleSet {
    RuleSet::load(&files()).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_rule_loads_and_the_tests_beside_it_hold() {
    let rules = all();
    assert!(rules.rules().len() >= 11, "ten to begin with, and isolate-high");
    assert_eq!(run_tests(&rules), []);
}

#[test]
fn every_rule_is_described_limited_and_tested_both_ways() {
    for rule in all().rules() {
        let id = &rule.id;
        assert!(!rule.description.is_empty(), "{id} has no description");
        assert!(!rule.limits.is_empty(), "{id} has no limits");
        let acts = |expect: &Vec<String>| !expect.is_empty() && expect[0] != "needs_human";
        assert!(rule.tests.iter().any(|test| acts(&test.expect)), "{id} has no test in which it acts");
        assert!(rule.tests.iter().any(|test| test.expect.is_empty()), "{id} has no test in which it does nothing");
    }
}

#[test]
fn every_file_names_its_rule_its_schema_and_when_it_is_wrong() {
    for (name, text) in files() {
        let first = text.lines().next().unwrap();
        let schema =
            first.strip_prefix("# yaml-language-server: $schema=").unwrap_or_else(|| panic!("{name}: {first}"));
        assert!(folder().join(schema).is_file(), "{name}: there is no {schema}");
        assert!(text.contains("\n# Wrong when: "), "{name} does not say when it is wrong");
        let id = name.strip_suffix(".yaml").unwrap();
        assert!(text.contains(&format!("\nid: {id}\n")), "{name} holds another rule");
    }
}

/// Verbatim JSON is read from text only.
const TEMPLATE: &str = r#"{"id":"a1@","alert_id":"a1","tenant":"t1","source":"mde","change":"new","alert":null,
    "seen_at":"2026-01-01T00:00:00Z","enriched_at":"2026-01-01T00:00:01Z"}"#;

/// `kind mode` of what all rules together plan.
fn planned(alert: Value, os: &str) -> Vec<String> {
    let mut record: EnrichedRecord = serde_json::from_str(TEMPLATE).unwrap();
    let mut fields = json!({"id": "a1", "machineId": "m1", "status": "New"});
    fields.as_object_mut().unwrap().extend(alert.as_object().unwrap().clone());
    record.alert = Verbatim::parse(&fields.to_string()).unwrap();
    record.machine = Some(Verbatim::parse(&json!({"id": "m1", "osPlatform": os}).to_string()).unwrap());
    let decision = decide(&all(), &record, String::new(), Timestamp::UNIX_EPOCH).unwrap();
    decision.planned.iter().map(|planned| format!("{} {}", planned.action.kind(), planned.mode.as_str())).collect()
}

#[test]
fn together_the_rules_do_not_stand_in_each_others_way() {
    let high = |category: &str| json!({"severity": "High", "category": category});
    assert_eq!(planned(high("CredentialAccess"), "Windows11"), ["isolate auto"]);
    assert_eq!(planned(high("Ransomware"), "Windows11"), ["isolate auto", "collect_package auto"]);
    let server = planned(high("LateralMovement"), "WindowsServer2022");
    assert_eq!(server, ["isolate approve", "collect_package approve"], "on a server a person decides");
    let medium = json!({"severity": "Medium", "category": "LateralMovement"});
    assert_eq!(planned(medium, "Windows11"), ["collect_package approve", "isolate approve"]);
    let closed = json!({"severity": "High", "status": "Resolved", "classification": "FalsePositive"});
    assert_eq!(planned(closed, "Windows11"), ["cancel approve", "release approve"]);
    let bundler = json!({"severity": "Low", "category": "UnwantedSoftware"});
    assert_eq!(planned(bundler, "Windows11"), ["tag auto", "update_alert auto"]);
    assert_eq!(planned(json!({"severity": "Low", "category": "Execution"}), "Windows11"), [""; 0]);
}

#[test]
fn nothing_that_takes_something_from_people_is_done_unasked_below_medium() {
    let rules = all();
    for category in ["Malware", "Ransomware", "CommandAndControl", "CredentialAccess", "LateralMovement", "Execution"] {
        for severity in ["Informational", "Low"] {
            let plan = planned(
                json!({"severity": severity, "category": category, "threatFamilyName": "Mimikatz"}),
                "Windows11",
            );
            assert!(plan.iter().all(|action| action != "isolate auto"), "{category} {severity}: {plan:?}");
        }
    }
    assert!(rules.rules().iter().any(|rule| rule.mode == Mode::Approve));
}
