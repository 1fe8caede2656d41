//! Tests in JSON files: how they are read, what they stand for, and how their mistakes are told.

use super::super::{RecordedTest, run_all_tests};
use super::{ISOLATE_HIGH, load};

const RANSOMWARE: &str = r#"{
  "rule": "isolate-high",
  "name": "the ransomware of March",
  "given": {
    "now": "2026-03-01T09:41:11Z",
    "alert": {"id": "da1_1", "severity": "High", "status": "New", "machineId": "m1", "title": "\ud83d\ude00 \/",
      "evidence": [], "unheardOf": {"a": 1}},
    "machine": {"id": "m1", "osPlatform": "WindowsServer2022"}
  },
  "expect": ["isolate"]
}"#;

fn read(text: &str) -> Result<Vec<RecordedTest>, cordon_settings::Problems> {
    RecordedTest::load(&[("isolate-high.march.json".to_owned(), text.to_owned())], Some(&["isolate-high"]))
}

/// `line:column path: message | help` of each mistake.
fn mistakes(text: &str) -> Vec<String> {
    let problems = read(text).expect_err(text);
    let told = |p: &cordon_settings::Problem| {
        format!("{}:{} {}: {} | {}", p.line, p.column, p.path, p.message, p.help.as_deref().unwrap_or_default())
    };
    problems.0.iter().map(told).collect()
}

#[test]
fn a_recorded_alert_is_judged_as_it_was_pasted() {
    let tests = read(RANSOMWARE).unwrap();
    let record = &tests[0].record;
    assert!(record.alert.get().contains(r#""\ud83d\ude00 \/""#), "byte for byte: {}", record.alert.get());
    assert_eq!(record.enriched_at, "2026-03-01T09:41:11Z".parse().unwrap());
    let outcomes = run_all_tests(&load(ISOLATE_HIGH).unwrap(), &tests);
    let recorded: Vec<_> = outcomes.iter().filter(|outcome| outcome.recorded_in.is_some()).collect();
    assert_eq!(recorded.len(), 1);
    assert!(recorded[0].holds(), "{:?}", recorded[0]);
}

#[test]
fn a_recorded_alert_with_half_a_character_or_a_repeated_key_is_judged_as_the_stages_judge_it() {
    let pasted = RANSOMWARE
        .replace(r#""title": "\ud83d\ude00 \/""#, r#""title": "cut \ud83d", "\udc00": 1, "severity": "High""#)
        .replace(r#""severity": "High", "status""#, r#""severity": "Low", "status""#);
    let tests = read(&pasted).unwrap();
    assert!(tests[0].record.alert.get().contains(r#""cut \ud83d", "\udc00": 1"#), "{}", tests[0].record.alert.get());
    let outcomes = run_all_tests(&load(ISOLATE_HIGH).unwrap(), &tests);
    assert!(outcomes.iter().all(super::TestOutcome::holds), "{outcomes:?}");
    let misspelt = pasted.replace(r#""severity": "High""#, r#""severity": "Hihg""#);
    assert!(mistakes(&misspelt)[0].contains("\"Hihg\" is no value of severity"), "{:?}", mistakes(&misspelt));
    let ids = mistakes(&RANSOMWARE.replace(r#""machineId": "m1""#, r#""machineId": "m1", "machineId": "m2""#));
    assert!(ids[0].contains("the key `machineId` is given twice"), "{ids:?}");
}

#[test]
fn a_recorded_alert_of_another_api_is_no_mistake_and_is_judged_alike() {
    let closed = r#""severity": "high", "classification": "Informational, expected activity",
      "determination": "NoEnoughDataToValidate", "detectionSource": "microsoftDefenderForEndpoint""#;
    let tests = read(&RANSOMWARE.replace(r#""severity": "High""#, closed).replace(r#"["isolate"]"#, "[]")).unwrap();
    let outcomes = run_all_tests(&load(ISOLATE_HIGH).unwrap(), &tests);
    let recorded = outcomes.iter().find(|outcome| outcome.recorded_in.is_some()).unwrap();
    assert!(recorded.holds(), "{recorded:?}");
    let unknown = RANSOMWARE.replace(r#""severity": "High""#, r#""severity": "high", "classification": "unknown""#);
    let outcomes = run_all_tests(&load(ISOLATE_HIGH).unwrap(), &read(&unknown).unwrap());
    assert!(outcomes.iter().all(super::TestOutcome::holds), "{outcomes:?}");
}

#[test]
fn a_recorded_test_that_fails_says_why_with_the_values_of_its_record() {
    let tests = read(&RANSOMWARE.replace(r#""severity": "High""#, r#""severity": "Low""#)).unwrap();
    let outcomes = run_all_tests(&load(ISOLATE_HIGH).unwrap(), &tests);
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.holds()).collect();
    assert_eq!((failed.len(), failed[0].test.as_str()), (1, "the ransomware of March"));
    let why = failed[0].why.as_ref().unwrap();
    assert_eq!((why.truth(), why.parts[0].text.as_str()), (Some(false), "alert.severity == \"High\""));
    assert_eq!(why.parts[0].parts[0].value, Ok("Low".into()));
    assert!(outcomes.iter().filter(|outcome| outcome.holds()).all(|outcome| outcome.why.is_none()));
}

#[test]
fn without_a_machine_a_sample_stands_in_and_null_says_that_it_could_not_be_had() {
    let machine = r#",
    "machine": {"id": "m1", "osPlatform": "WindowsServer2022"}"#;
    let absent = read(&RANSOMWARE.replace(machine, "")).unwrap();
    let sample = absent[0].record.machine.as_ref().unwrap().get();
    assert!(sample.contains(r#""id":"m1""#) && sample.contains("Windows11"), "{sample}");
    let null = RANSOMWARE.replace(machine, ", \"machine\": null").replace("[\"isolate\"]", "[\"needs_human\"]");
    let outcomes = run_all_tests(&load(ISOLATE_HIGH).unwrap(), &read(&null).unwrap());
    assert!(outcomes.iter().all(super::TestOutcome::holds), "{outcomes:?}");
}

#[test]
fn without_now_the_record_is_made_when_the_alert_was_last_updated() {
    let timed = RANSOMWARE
        .replace("\"now\": \"2026-03-01T09:41:11Z\",", "")
        .replace("\"status\": \"New\"", "\"lastUpdateTime\": \"2026-03-02T00:00:00.1234567Z\"");
    let at = read(&timed).unwrap()[0].record.enriched_at;
    assert_eq!(at.to_string(), "2026-03-02T00:00:00.1234567Z");
    let untimed = RANSOMWARE.replace("\"now\": \"2026-03-01T09:41:11Z\",", "");
    let told = mistakes(&untimed);
    assert!(told[0].starts_with("6:14 given.alert: the alert gives no lastUpdateTime"), "{told:?}");
}

#[test]
fn a_value_outside_a_closed_list_is_told_at_its_place_and_case_does_not_count() {
    let wrong = RANSOMWARE
        .replace("\"severity\": \"High\"", "\"severity\": \"Hihg\"")
        .replace("\"id\": \"m1\", ", "\"id\": \"m1\", \"riskScore\": \"Banana\", ");
    let told = mistakes(&wrong);
    assert_eq!(
        told,
        [
            "6:42 given.alert.severity: \"Hihg\" is no value of severity | did you mean \"High\"?",
            "8:42 given.machine.riskScore: \"Banana\" is no value of riskScore | known are None, Informational, Low, \
             Medium, High",
        ]
    );
    for right in ["\"hIGH\"", "null", "\"\""] {
        read(&RANSOMWARE.replace("\"severity\": \"High\"", &format!("\"severity\": {right}"))).unwrap();
    }
}

#[test]
fn all_mistakes_of_a_recorded_test_are_told_at_once_with_their_places() {
    let wrong = r#"{
  "rule": "isolate-hihg",
  "nam": "x",
  "given": {"allert": {}, "alert": {"severity": "High"}, "machine": [], "now": "yesterday"},
  "expect": ["isolated"],
  "expect": []
}"#;
    let told = mistakes(wrong);
    for part in [
        "2:11 rule: there is no rule `isolate-hihg` | did you mean \"isolate-high\"?",
        "1:1 name: required, but missing",
        "3:3 nam: unknown key | did you mean \"name\"?",
        "4:13 given.allert: unknown key | did you mean \"alert\"?",
        "4:36 given.alert: is no alert: missing field `id` | paste",
        "4:69 given.machine: is no machine: ",
        "4:80 given.now: expected a time",
        "5:13 expect: `isolated` cannot be expected; did you mean `isolate`?",
        "6:3 expect: key given twice",
    ] {
        assert!(told.iter().any(|told| told.starts_with(part)), "{part:?} is missing in\n{told:#?}");
    }
    assert_eq!(told.len(), 9, "{told:#?}");
}

#[test]
fn what_is_no_json_or_no_object_is_told_with_its_place() {
    assert_eq!(mistakes("{\n \"rule\": x}"), ["2:10 : not valid JSON: expected value | "]);
    assert_eq!(mistakes("[]"), ["1:1 : expected an object (`{…}`) | "]);
    assert!(mistakes("")[0].contains("not valid JSON"), "{:?}", mistakes(""));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]{}\":,a-eé0-9 \n\\\\]{0,80}") {
        let _ = read(&text);
        let _ = read(&format!("{{\"rule\": {text}, \"given\": {{\"alert\": {text}}}, {text}}}"));
    }
}
