//! The rules in `deploy/rules`: each by itself, and all of them together as the example configuration loads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};

use cordon_policy::{RuleSet, decide, run_tests};
use cordon_records::{DecisionRecord, EnrichedRecord, Mode, RuleId, Verbatim, Verdict, cut};
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

/// What the rules decide of an alert on a machine with this platform; without one, the machine could not be had.
fn decided(rules: &RuleSet, alert: &Value, os: Option<&str>) -> DecisionRecord {
    let mut record: EnrichedRecord = serde_json::from_str(TEMPLATE).unwrap();
    let mut fields = json!({"id": "a1", "machineId": "m1", "status": "New"});
    fields.as_object_mut().unwrap().extend(alert.as_object().unwrap().clone());
    record.alert = Verbatim::parse(&fields.to_string()).unwrap();
    record.machine = os.map(|os| Verbatim::parse(&json!({"id": "m1", "osPlatform": os}).to_string()).unwrap());
    decide(rules, &record, String::new(), Timestamp::UNIX_EPOCH).unwrap()
}

/// `kind mode` of what is planned.
fn plan(decision: &DecisionRecord) -> Vec<String> {
    decision.planned.iter().map(|planned| format!("{} {}", planned.action.kind(), planned.mode.as_str())).collect()
}

/// `kind mode` of what all rules together plan.
fn planned(alert: Value, os: &str) -> Vec<String> {
    plan(&decided(&all(), &alert, Some(os)))
}

const SEVERITIES: [&str; 5] = ["UnSpecified", "Informational", "Low", "Medium", "High"];
const SHA1: &str = "8563f95b2f8a284fc99da44500cd51a77c1ff36c";

/// Alerts in which many rules see something at once.
fn mixed(severity: &str) -> Vec<Value> {
    let categories = [
        "Malware",
        "Ransomware",
        "CommandAndControl",
        "CredentialAccess",
        "LateralMovement",
        "UnwantedSoftware",
        "SuspiciousActivity",
    ];
    let titles = [
        "Suspicious activity",
        "Possible ransomware activity",
        "Suspicious hands-on-keyboard activity",
        "Potential human-operated malicious activity",
    ];
    let techniques = [json!([]), json!(["T1486", "T1490"]), json!(["T1003.001", "T1021.002", "T1071.001", "T1490"])];
    let evidence = json!([{"entityType": "File", "sha1": SHA1, "detectionStatus": "Detected"}]);
    let mut alerts = Vec::new();
    for category in categories {
        for title in titles {
            for techniques in &techniques {
                for (family, source) in [("CobaltStrike", "WindowsDefenderAv"), ("", "WindowsDefenderAtp")] {
                    alerts.push(json!({
                        "severity": severity, "category": category, "title": title, "mitreTechniques": techniques,
                        "threatFamilyName": family, "detectionSource": source, "evidence": evidence,
                    }));
                }
            }
        }
    }
    alerts
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
fn what_is_done_unasked_at_medium_does_not_wait_beside_a_rule_that_asks() {
    let isolated = ["isolate auto", "collect_package auto"];
    let ransomware = |mut more: Value| {
        more["severity"] = json!("Medium");
        more["category"] = json!("Ransomware");
        planned(more, "Windows11")
    };
    assert_eq!(ransomware(json!({"mitreTechniques": ["T1486", "T1021.002"]})), isolated, "lateral-movement");
    assert_eq!(ransomware(json!({"mitreTechniques": ["T1486", "T1003.001"]})), isolated, "credential-theft");
    assert_eq!(ransomware(json!({"mitreTechniques": ["T1486", "T1071.001"]})), isolated, "command-and-control");
    assert_eq!(ransomware(json!({"mitreTechniques": ["T1486", "T1490"]})), isolated, "ransomware-technique");
    assert_eq!(ransomware(json!({"threatFamilyName": "CobaltStrike"})), isolated, "attack-tools");

    let tagged = ["isolate auto", "collect_package auto", "tag auto"];
    let keyboard = |mut more: Value| {
        more["severity"] = json!("Medium");
        more["title"] = json!("Suspicious hands-on-keyboard activity");
        planned(more, "Windows11")
    };
    assert_eq!(keyboard(json!({"category": "LateralMovement"})), tagged, "lateral-movement");
    assert_eq!(keyboard(json!({"mitreTechniques": ["T1003"]})), tagged, "credential-theft");
    assert_eq!(keyboard(json!({"category": "CommandAndControl"})), tagged, "command-and-control");
    assert_eq!(keyboard(json!({"mitreTechniques": ["T1490"]})), tagged, "ransomware-technique");
    assert_eq!(keyboard(json!({"threatFamilyName": "Mimikatz"})), tagged, "attack-tools");

    let malware = json!({
        "severity": "Medium", "category": "Malware", "detectionSource": "WindowsDefenderAv",
        "evidence": [{"entityType": "File", "sha1": SHA1, "detectionStatus": "Detected"}],
    });
    assert_eq!(planned(malware, "Windows11"), ["scan auto", "stop_file approve"]);
}

#[test]
fn a_technique_of_ransomware_alone_asks_at_medium_and_isolates_at_high() {
    let deleted = |severity: &str| {
        let alert = json!({"severity": severity, "title": "File backups were deleted", "mitreTechniques": ["T1490"]});
        planned(alert, "Windows11")
    };
    assert_eq!(deleted("Low"), [""; 0]);
    assert_eq!(deleted("Medium"), ["collect_package approve", "isolate approve"]);
    assert_eq!(deleted("High"), ["isolate auto", "collect_package auto"]);
}

#[test]
fn no_rule_that_asks_holds_back_what_another_does_unasked_on_a_laptop() {
    let rules = all();
    for alert in SEVERITIES.into_iter().flat_map(mixed) {
        let decision = decided(&rules, &alert, Some("Windows11"));
        let unasked = decision.matched.iter().filter(|matched| matched.mode == Mode::Auto);
        let unasked: Vec<&RuleId> = unasked.map(|matched| &matched.rule).collect();
        for planned in decision.planned.iter().filter(|planned| planned.mode != Mode::Auto) {
            let held = planned.rules.iter().any(|rule| unasked.contains(&rule));
            assert!(!held, "{alert}: {planned:?}");
        }
    }
}

#[test]
fn on_a_server_a_person_decides_at_every_severity() {
    let server = "WindowsServer2022";
    let ransomware = json!({"severity": "Medium", "category": "Ransomware"});
    assert_eq!(planned(ransomware, server), ["isolate approve", "collect_package approve"]);
    let keyboard = json!({"severity": "Medium", "title": "Suspicious hands-on-keyboard activity"});
    assert_eq!(planned(keyboard, server), ["isolate approve", "collect_package approve", "tag auto"]);
    let rules = all();
    for alert in SEVERITIES.into_iter().flat_map(mixed) {
        for os in [server, "WindowsServer2019", "Ubuntu", "RedHatEnterpriseLinux"] {
            let plan = plan(&decided(&rules, &alert, Some(os)));
            assert!(plan.iter().all(|action| action != "isolate auto"), "{os} {alert}: {plan:?}");
        }
    }
}

#[test]
fn a_high_alert_of_2_100_files_isolates_as_one_of_few_does_and_its_files_wait() {
    let files: Vec<Value> = (0..2_100)
        .map(|n| {
            json!({"entityType": "File", "sha1": format!("{:040x}", n + 1), "sha256": format!("{:064x}", n + 1),
                "detectionStatus": "Detected", "filePath": "C:\\Users\\ann\\AppData\\Local\\Temp".repeat(10)})
        })
        .collect();
    let alert = json!({"id": "a1", "machineId": "m1", "status": "New", "severity": "High", "category": "Malware",
        "evidence": files});
    let (part, cut) = cut::for_a_record(Verbatim::parse(&alert.to_string()).unwrap());
    assert_eq!(cut.len(), 1, "{cut:?}");
    let mut record: EnrichedRecord = serde_json::from_str(TEMPLATE).unwrap();
    (record.alert, record.cut) = (part, cut);
    record.machine = Some(Verbatim::parse(r#"{"id": "m1", "osPlatform": "Windows11"}"#).unwrap());
    let decision = decide(&all(), &record, String::new(), Timestamp::UNIX_EPOCH).unwrap();
    let plan = plan(&decision);
    assert_eq!(plan.first().map(String::as_str), Some("isolate auto"), "{plan:?}: {}", decision.reason);
    assert_eq!(plan.iter().filter(|action| *action == "stop_file approve").count(), plan.len() - 1, "{plan:?}");
    assert!(plan.len() > 1 && decision.reason.contains("of 2100 evidence items were cut"), "{}", decision.reason);
}

#[test]
fn what_attack_tools_isolates_is_offered_back_when_the_alert_is_closed() {
    for severity in ["Informational", "Low", "Medium"] {
        let open = json!({"severity": severity, "threatFamilyName": "Meterpreter"});
        assert_eq!(planned(open, "Windows11"), ["isolate approve", "collect_package approve"], "{severity}");
        let closed = json!({
            "severity": severity, "threatFamilyName": "Meterpreter",
            "status": "Resolved", "classification": "FalsePositive",
        });
        assert_eq!(planned(closed, "Windows11"), ["cancel approve", "release approve"], "{severity}");
    }
}

#[test]
fn where_the_machine_could_not_be_read_an_alert_that_no_rule_wants_is_no_match() {
    let rules = all();
    let verdict = |alert: Value| decided(&rules, &alert, None).verdict;
    for severity in ["Informational", "Low"] {
        assert_eq!(verdict(json!({"severity": severity, "category": "Execution"})), Verdict::Nothing, "{severity}");
    }
    assert_eq!(verdict(json!({"severity": "High", "status": "Resolved"})), Verdict::Nothing);
    assert_eq!(verdict(json!({"severity": "Medium", "category": "Execution"})), Verdict::NeedsHuman, "a server?");
    assert_eq!(verdict(json!({"severity": "High", "category": "Execution"})), Verdict::NeedsHuman);
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
