use cordon_records::{Action, IsolationType, Missing, Verbatim};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn record(alert: &Value, machine: Option<&Value>) -> EnrichedRecord {
    let mut record: EnrichedRecord = serde_json::from_str(TEMPLATE).unwrap();
    record.alert = Verbatim::parse(&alert.to_string()).unwrap();
    record.machine = machine.map(|machine| Verbatim::parse(&machine.to_string()).unwrap());
    record
}

/// Verbatim JSON is read from text only.
const TEMPLATE: &str = r#"{"id":"a1@","alert_id":"a1","tenant":"t1","source":"mde","change":"new","alert":null,
    "seen_at":"2026-01-01T00:00:00Z","enriched_at":"2026-01-01T00:00:01Z"}"#;

fn high() -> Value {
    json!({"id": "a1", "severity": "High", "status": "New", "machineId": "m1"})
}

fn machine_json() -> Value {
    json!({"id": "m1", "computerDnsName": "pc1", "osPlatform": "Windows11"})
}

fn rule(id: &str, mode: &str, when: &str, rest: &str) -> String {
    format!("  - {{id: {id}, mode: {mode}, when: '{when}', {rest}}}\n")
}

fn set(rules: &[String]) -> RuleSet {
    let text = format!("rules:\n{}", rules.concat());
    RuleSet::load(&[("r.yaml".to_owned(), text)]).unwrap_or_else(|problems| panic!("{problems}"))
}

const FULL: &str = "actions: [{isolate: {comment: full}}]";
const SELECTIVE: &str = "actions: [{isolate: {type: Selective, comment: selective}}]";
const ON_HIGH: &str = "alert.severity == \"High\"";

fn decided(rules: &[String], alert: &Value, machine: Option<&Value>) -> DecisionRecord {
    decide(&set(rules), &record(alert, machine), "enriched/0/7".to_owned(), Timestamp::UNIX_EPOCH).unwrap()
}

#[test]
fn a_matching_rule_plans_its_action_and_says_why() {
    let decision = decided(&[rule("r", "auto", ON_HIGH, FULL)], &high(), Some(&machine_json()));
    assert_eq!((decision.verdict, decision.reason.as_str()), (Verdict::Act, "isolate: alert.severity == \"High\""));
    assert_eq!(decision.planned.len(), 1);
    assert_eq!((decision.planned[0].mode, decision.id.as_str()), (Mode::Auto, "enriched/0/7"));
    assert_eq!(decision.matched[0].when, ON_HIGH);
    assert_eq!(decision.machine.unwrap().label(), "pc1");
}

#[test]
fn text_that_an_attacker_cut_in_half_does_not_choose_whether_an_alert_is_judged() {
    let named = "alert.evidence.exists(e, e.fileName.endsWith(\"oice.exe\")) && machine.osPlatform == \"Windows11\"";
    let rules = set(&[rule("r", "auto", ON_HIGH, FULL), rule("s", "auto", named, "actions: [{scan: {comment: x}}]")]);
    let mut record = record(&high(), None);
    record.alert = Verbatim::parse(
        r#"{"id":"a1","severity":"Low","severity":"High","status":"New","machineId":"m1","title":"cut \ud83d",
            "evidence":[{"entityType":"File","fileName":"inv\udc00oice.exe","\ud800":1}],"incidentId":1e999}"#,
    )
    .unwrap();
    record.machine =
        Some(Verbatim::parse(r#"{"id":"m1","computerDnsName":"pc\ud83d","osPlatform":"Windows11"}"#).unwrap());
    let decision = decide(&rules, &record, "enriched/0/7".to_owned(), Timestamp::UNIX_EPOCH).unwrap();
    let kinds: Vec<_> = decision.planned.iter().map(|planned| planned.action.kind().as_str()).collect();
    assert_eq!((decision.verdict, kinds), (Verdict::Act, vec!["isolate", "scan"]));
    assert_eq!((decision.alert.title.as_str(), decision.machine.unwrap().label()), ("cut \u{fffd}", "pc\u{fffd}"));
    assert_eq!(crate::explain(&rules, &record).unwrap().len(), 2);
}

const CUT: &str = "560 of 2100 evidence items were cut";

fn cut(field: &str) -> Cut {
    serde_json::from_value(json!({"field": field, "kept": 1_540, "of": 2_100, "unit": "items"})).unwrap()
}

/// A High alert of which the record has a part of this field only.
fn decided_on_a_part(rules: &[String], field: &str) -> DecisionRecord {
    let mut alert = high();
    alert["evidence"] = json!([{"entityType": "File", "fileName": "a.exe", "sha1": format!("{:040x}", 7)},
        {"entityType": "User", "userPrincipalName": "ann@example.com"}]);
    let mut record = record(&alert, Some(&machine_json()));
    record.cut = vec![cut(field)];
    decide(&set(rules), &record, "enriched/0/7".to_owned(), Timestamp::UNIX_EPOCH).unwrap()
}

#[test]
fn on_an_alert_that_was_cut_a_rule_that_does_not_ask_for_what_is_missing_decides_as_ever() {
    for field in ["evidence", "description", "title", "loggedOnUsers", "*"] {
        let decision = decided_on_a_part(&[rule("r", "auto", ON_HIGH, FULL)], field);
        assert_eq!((decision.verdict, decision.planned[0].mode), (Verdict::Act, Mode::Auto), "{field}");
        assert_eq!(decision.alert.cut, [cut(field)], "later stages are told");
    }
}

#[test]
fn a_rule_that_asks_for_evidence_of_which_a_part_was_cut_asks_a_person() {
    for when in [
        "alert.evidence.exists(e, e.fileName == \"b.exe\")",
        "alert.evidence.exists(e, e.fileName == \"a.exe\")",
        "!alert.evidence.exists(e, e.fileName == \"b.exe\")",
        "alert.evidence.all(e, e.entityType != \"Ip\")",
        "size(alert.evidence) > 2000",
        "has(alert.evidence)",
        "alert.evidence[0].fileName == \"a.exe\"",
        "users.exists(u, u == \"ceo@example.com\")",
        "\"ann@example.com\" in users",
        "size(users) == 1",
        "alert.evidence.map(e, e.sha1).exists(s, s == \"x\")",
        "alert.severity == \"High\" && \"x\" in users",
        "(alert.severity == \"High\" ? size(users) : 0) == 0",
    ] {
        let decision = decided_on_a_part(&[rule("r", "auto", when, FULL)], "evidence");
        assert_eq!((decision.verdict, modes(&decision)), (Verdict::Act, vec!["isolate approve".to_owned()]), "{when}");
        assert_eq!(decision.matched.len(), 0, "nobody says that it matched: {when}");
        assert!(decision.reason.contains(CUT), "{when}: {}", decision.reason);
    }
    for (when, verdict) in [
        ("alert.severity == \"High\" || \"x\" in users", Verdict::Act),
        ("\"x\" in users || alert.severity == \"High\"", Verdict::Act),
        ("alert.severity == \"Low\" && size(users) > 0", Verdict::Nothing),
        ("size(alert.evidence) > 0 && machine.osPlatform == \"Linux\"", Verdict::Nothing),
    ] {
        let decision = decided_on_a_part(&[rule("r", "auto", when, FULL)], "evidence");
        assert_eq!(decision.verdict, verdict, "what decides without the evidence decides: {when}");
    }
    let other = decided_on_a_part(&[rule("r", "auto", "alert.title == \"x\"", FULL)], "title");
    assert_eq!(modes(&other), ["isolate approve"], "{}", other.reason);
    let asks_nothing = decided_on_a_part(&[rule("r", "auto", READS, "actions: []")], "evidence");
    assert_eq!(asks_nothing.verdict, Verdict::NeedsHuman, "{}", asks_nothing.reason);
}

/// `kind mode` of what is planned.
fn modes(decision: &DecisionRecord) -> Vec<String> {
    let words = |planned: &PlannedAction| format!("{} {}", planned.action.kind(), planned.mode.as_str());
    decision.planned.iter().map(words).collect()
}

/// A condition that nobody can tell while a part of the evidence is missing.
const READS: &str = "\"x\" in users";

#[test]
fn the_size_of_an_alert_keeps_no_other_rules_action_from_being_done() {
    let acting = rule("a", "auto", ON_HIGH, FULL);
    for (mode, actions, expected) in [
        // What both of them would do unasked is done unasked, whether the second matches or not.
        ("auto", FULL, vec!["isolate auto"]),
        ("auto", SELECTIVE, vec!["isolate auto"]),
        ("approve", "actions: []", vec!["isolate auto"]),
        ("approve", "actions: [{scan: {comment: x}}]", vec!["isolate auto", "scan approve"]),
        (
            "auto",
            "actions: [{scan: {comment: x}}, {tag: {add: t}}]",
            vec!["isolate auto", "scan approve", "tag approve"],
        ),
        ("approve", "actions: [{stop_file: {files: evidence, comment: x}}]", vec!["isolate auto", "stop_file approve"]),
        // An isolation stands against a release in any case.
        ("auto", "actions: [{release: {comment: x}}]", vec!["isolate auto"]),
        ("auto", "actions: [{cancel: {what: isolate, comment: x}}]", vec!["isolate auto"]),
        // It may be a rule that asks a person for the same.
        ("approve", FULL, vec!["isolate approve"]),
        ("shadow", FULL, vec!["isolate auto"]),
        ("shadow", "actions: [{scan: {comment: x}}]", vec!["isolate auto", "scan shadow"]),
    ] {
        let unsure = rule("s", mode, READS, actions);
        let decision = decided_on_a_part(&[acting.clone(), unsure], "evidence");
        assert_eq!(decision.verdict, Verdict::Act, "{mode} {actions}");
        assert_eq!(modes(&decision), expected, "{mode} {actions}");
        assert_eq!(decision.reason.contains(CUT), mode != "shadow", "{mode} {actions}: {}", decision.reason);
        assert_eq!(decision.matched.len(), 1, "{mode} {actions}");
    }
}

#[test]
fn a_rule_that_the_size_of_an_alert_leaves_open_lowers_the_same_action_and_its_opposite() {
    let release = "actions: [{release: {comment: x}}]";
    for (sure, unsure, expected) in [
        (SELECTIVE, FULL, vec!["isolate approve"]),
        ("actions: [{scan: {comment: x}}]", "actions: [{scan: {type: Full, comment: x}}]", vec!["scan approve"]),
        // Where they contradict, what is certain waits.
        ("actions: [{set_device_value: High}]", "actions: [{set_device_value: Low}]", vec!["set_device_value approve"]),
        (release, FULL, vec!["release approve", "isolate approve"]),
        (
            "actions: [{cancel: {what: isolate, comment: x}}, {tag: {add: t}}]",
            FULL,
            vec!["cancel approve", "tag auto", "isolate approve"],
        ),
    ] {
        for mode in ["auto", "approve"] {
            let rules = [rule("a", "auto", ON_HIGH, sure), rule("s", mode, READS, unsure)];
            let decision = decided_on_a_part(&rules, "evidence");
            assert_eq!(modes(&decision), expected, "{sure} beside {unsure}: {}", decision.reason);
        }
        let shadow = [rule("a", "auto", ON_HIGH, sure), rule("s", "shadow", READS, unsure)];
        let planned = decided_on_a_part(&shadow, "evidence").planned;
        assert!(planned.iter().all(|planned| planned.mode != Mode::Approve), "{sure} beside {unsure}: {planned:?}");
    }
    let contradict = [
        rule("a", "auto", READS, "actions: [{set_device_value: High}]"),
        rule("b", "auto", READS, "actions: [{set_device_value: Low}]"),
    ];
    assert_eq!(decided_on_a_part(&contradict, "evidence").verdict, Verdict::NeedsHuman);
}

#[test]
fn what_fails_for_another_reason_is_a_persons_beside_an_alert_that_was_cut_too() {
    let failing = rule("f", "auto", "alert.mitreTechniques[5] == \"\"", FULL);
    let decision = decided_on_a_part(&[rule("a", "auto", ON_HIGH, FULL), failing], "evidence");
    assert_eq!(modes(&decision), ["isolate approve"], "{}", decision.reason);
    let mut alone = record(&high(), None);
    alone.cut = vec![cut("evidence")];
    let rules = set(&[rule("r", "auto", READS, FULL)]);
    let decision = decide(&rules, &alone, String::new(), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!((decision.verdict, decision.planned.len()), (Verdict::NeedsHuman, 0), "there is no machine");
}

#[test]
fn what_is_taken_from_evidence_of_which_a_part_was_cut_waits_for_a_person() {
    let stop = "actions: [{stop_file: {files: evidence, comment: x}}, {isolate: {comment: full}}]";
    let decision = decided_on_a_part(&[rule("r", "auto", ON_HIGH, stop)], "evidence");
    let modes: Vec<_> = decision.planned.iter().map(|planned| (planned.action.kind().as_str(), planned.mode)).collect();
    assert_eq!(modes, [("stop_file", Mode::Approve), ("isolate", Mode::Auto)]);
    assert!(decision.reason.starts_with(&format!("stop_file: {CUT}, so a person approves")), "{}", decision.reason);
    let ips = "actions: [{indicator: {from: evidence_ips, action: Block, title: t, description: d}}]";
    let nowhere = decided_on_a_part(&[rule("r", "auto", ON_HIGH, ips)], "evidence");
    assert_eq!(nowhere.verdict, Verdict::NeedsHuman, "{}", nowhere.reason);
    assert!(nowhere.reason.starts_with(&format!("indicator left out: {CUT}")), "{}", nowhere.reason);
    let fixed = "actions: [{stop_file: {sha1: \"0000000000000000000000000000000000000007\", comment: x}}]";
    let written_out = decided_on_a_part(&[rule("r", "auto", ON_HIGH, fixed)], "evidence");
    assert_eq!(written_out.planned[0].mode, Mode::Auto, "a file that is written out needs no evidence");
    let shadow = decided_on_a_part(&[rule("r", "shadow", ON_HIGH, stop)], "evidence");
    assert_eq!(shadow.planned[0].mode, Mode::Shadow, "a rule's own mode is never raised");
}

#[test]
fn nothing_matched_is_said_so() {
    let low = json!({"id": "a1", "severity": "Low", "machineId": "m1"});
    let decision = decided(&[rule("r", "auto", ON_HIGH, FULL)], &low, Some(&machine_json()));
    assert_eq!((decision.verdict, decision.reason.as_str()), (Verdict::Nothing, "no rule matched"));
    let decision = decided(&[rule("r", "auto", ON_HIGH, "actions: []")], &high(), Some(&machine_json()));
    assert_eq!((decision.verdict, decision.matched.len()), (Verdict::Nothing, 1));
}

#[test]
fn rules_that_agree_merge_approve_beats_auto_and_limits_to_the_tightest() {
    let rules = [
        rule("a", "auto", ON_HIGH, &format!("{SELECTIVE}, limits: {{1h: 9, 10m: 4}}")),
        rule("b", "approve", ON_HIGH, &format!("{FULL}, limits: {{1h: 5}}")),
        rule("c", "shadow", ON_HIGH, &format!("{FULL}, limits: {{1h: 1}}")),
    ];
    let decision = decided(&rules, &high(), Some(&machine_json()));
    let [planned] = decision.planned.as_slice() else { panic!("{:?}", decision.planned) };
    assert_eq!((planned.mode, planned.limits.as_slice()), (Mode::Approve, &[(600, 4), (3_600, 5)][..]));
    let ids: Vec<&str> = planned.rules.iter().map(cordon_records::RuleId::as_str).collect();
    assert_eq!(ids, ["a", "b"], "shadow rules influence nothing");
    assert!(
        matches!(&planned.action, Action::Isolate { isolation: IsolationType::Full, comment, release: None } if comment == "full")
    );
    assert_eq!(decision.matched.len(), 3);
}

#[test]
fn a_shadow_rule_alone_plans_in_shadow() {
    let decision = decided(&[rule("s", "shadow", ON_HIGH, FULL)], &high(), Some(&machine_json()));
    assert_eq!((decision.verdict, decision.planned[0].mode), (Verdict::Act, Mode::Shadow));
}

#[test]
fn an_absent_machine_is_a_persons_decision_with_the_reason() {
    let rules = [rule("r", "auto", ON_HIGH, FULL)];
    let mut partial = record(&high(), None);
    partial.missing.push(Missing { what: "machine".to_owned(), why: "HTTP 503 until the deadline".to_owned() });
    let decision = decide(&set(&rules), &partial, String::new(), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!((decision.verdict, decision.planned.len()), (Verdict::NeedsHuman, 0));
    assert!(decision.reason.contains("m1") && decision.reason.contains("HTTP 503"), "{}", decision.reason);

    let nameless = json!({"id": "a1", "severity": "High"});
    let decision = decided(&rules, &nameless, None);
    assert_eq!(decision.verdict, Verdict::NeedsHuman);
    assert!(decision.reason.contains("names no machine"), "{}", decision.reason);

    let low = json!({"id": "a1", "severity": "Low"});
    assert_eq!(decided(&rules, &low, None).verdict, Verdict::Nothing);
    let asks = [rule("m", "auto", "alert.severity == \"High\" && machine.deviceValue == \"High\"", FULL)];
    assert_eq!(decided(&asks, &low, None).verdict, Verdict::Nothing, "whatever the machine is, it is not High");
    let high = json!({"id": "a1", "severity": "High"});
    assert_eq!(decided(&asks, &high, None).verdict, Verdict::NeedsHuman);
}

#[test]
fn why_a_machine_could_not_be_had_is_told_to_its_end() {
    let mut partial = record(&high(), None);
    let why = "machines/{id} is forbidden (HTTP 403 Forbidden: The application does not have any of the required \
               delegated or application permissions to read this machine (correlation id |f712.2d.)); grant \
               Machine.Read.All in Entra, with admin consent";
    partial.missing.push(Missing { what: "machine".to_owned(), why: why.to_owned() });
    let rules = set(&[rule("r", "auto", ON_HIGH, FULL)]);
    let decision = decide(&rules, &partial, String::new(), Timestamp::UNIX_EPOCH).unwrap();
    assert!(decision.reason.ends_with(why), "{}", decision.reason);
}

#[test]
fn a_condition_that_reminds_of_itself_in_the_reason_is_cut_and_stands_whole_beside_it() {
    let long = format!("{ON_HIGH} && alert.title != \"{}\"", "x".repeat(300));
    let decision = decided(&[rule("r", "auto", &long, FULL)], &high(), Some(&machine_json()));
    assert!(decision.reason.chars().count() < 200 && decision.reason.ends_with('…'), "{}", decision.reason);
    assert_eq!(decision.matched[0].when, long);
}

#[test]
fn the_record_of_another_machine_or_an_unreadable_one_is_no_machine() {
    let rules = [rule("r", "auto", ON_HIGH, FULL)];
    for other in [json!({"id": "m2"}), json!({"name": "x"}), json!([]), json!("m1")] {
        let decision = decided(&rules, &high(), Some(&other));
        assert_eq!((decision.verdict, decision.planned.len()), (Verdict::NeedsHuman, 0), "{other}");
    }
}

#[test]
fn a_failing_condition_is_a_persons_decision_but_in_shadow_it_influences_nothing() {
    let failing = "alert.mitreTechniques[5] == \"\"";
    let acting = rule("a", "auto", ON_HIGH, FULL);
    let alone = decided(&[rule("f", "auto", failing, FULL)], &high(), Some(&machine_json()));
    assert_eq!((alone.verdict, alone.planned.len()), (Verdict::NeedsHuman, 0));
    assert!(alone.reason.starts_with("rule f could not be judged"), "{}", alone.reason);
    // It disarms no other rule, but it may have been one that asks.
    let failed = rule("f", "auto", failing, FULL);
    let decision =
        decided(&[acting.clone(), failed.clone(), rule("g", "auto", failing, FULL)], &high(), Some(&machine_json()));
    assert_eq!((decision.verdict, decision.planned[0].mode), (Verdict::Act, Mode::Approve));
    let told = "rule f (and 1 more) could not be judged: its condition failed";
    assert!(
        decision.reason.starts_with(told) && decision.reason.contains(", so a person decides"),
        "{}",
        decision.reason
    );
    let shadow = decided(&[rule("a", "shadow", ON_HIGH, FULL), failed], &high(), Some(&machine_json()));
    assert_eq!((shadow.verdict, shadow.planned.len()), (Verdict::NeedsHuman, 0));

    let decision = decided(&[acting, rule("f", "shadow", failing, FULL)], &high(), Some(&machine_json()));
    assert_eq!((decision.verdict, decision.planned[0].mode), (Verdict::Act, Mode::Auto));
    let decision = decided(&[rule("f", "shadow", failing, FULL)], &high(), Some(&machine_json()));
    assert_eq!(decision.verdict, Verdict::NeedsHuman);
}

#[test]
fn what_is_no_alert_is_poison() {
    for wrong in [json!({}), json!([]), json!(null), json!({"id": "../x"}), json!("a1")] {
        let error = decide(&set(&[]), &record(&wrong, None), String::new(), Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Poison, "{wrong}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("High")),
        Just(json!("2026-01-01T00:00:00Z")),
        Just(json!("-262143-01-01T00:00:00Z")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// An object with some of the schema's fields, each holding anything.
fn any_record(fields: &'static [crate::schema::FieldSpec], id: &'static str) -> impl Strategy<Value = Value> {
    let entries = proptest::collection::vec((0..fields.len(), any_json()), 0..12);
    entries.prop_map(move |entries| {
        let mut record: serde_json::Map<String, Value> =
            entries.into_iter().map(|(index, value)| (fields[index].name.to_owned(), value)).collect();
        record.insert("id".to_owned(), Value::from(id));
        Value::Object(record)
    })
}

proptest! {
    #[test]
    fn hostile_json_never_makes_decide_panic_and_never_acts_without_a_machine(
        mut alert in any_record(crate::schema::ALERT, "a1"),
        machine in proptest::option::of(any_record(crate::schema::MACHINE, "m1")),
        names_it in any::<bool>(),
    ) {
        if names_it {
            alert["machineId"] = json!("m1");
        }
        let rules = [
            rule("a", "auto", ON_HIGH, FULL),
            rule("b", "approve", "alert.evidence.exists(e, e.sha1 == alert.title || size(users) > 1)", SELECTIVE),
            rule("c", "auto", "machine.machineTags.all(t, t.startsWith(alert.category)) && alert.incidentId > machine.osBuild", FULL),
            rule("d", "shadow", "has(alert.resolvedTime) && alert.resolvedTime - alert.alertCreationTime > duration(\"1h\")", FULL),
            rule("e", "auto", "alert.title.matches(alert.description)", FULL),
        ];
        let record = record(&alert, machine.as_ref());
        let decision = decide(&set(&rules), &record, String::new(), Timestamp::UNIX_EPOCH).unwrap();
        prop_assert!(decision.planned.is_empty() || (machine.is_some() && decision.machine.is_some()));
        prop_assert_eq!(decision.verdict == Verdict::Act, !decision.planned.is_empty());
        prop_assert!(decision.reason.chars().count() <= 4_000 && !decision.reason.contains('\n'));
    }

    #[test]
    fn what_can_be_read_in_one_pass_is_decided_as_what_is_read_in_two(
        mut alert in any_record(crate::schema::ALERT, "a1"),
        machine in proptest::option::of(any_record(crate::schema::MACHINE, "m1")),
        names in prop_oneof![Just(json!("m1")), Just(json!("M1")), Just(json!("m2")), any_json()],
    ) {
        alert["machineId"] = names;
        let rules = set(&[
            rule("a", "auto", ON_HIGH, FULL),
            rule("b", "approve", "alert.evidence.exists(e, e.sha1 == alert.title || size(users) > 1)", SELECTIVE),
            rule("c", "auto", "machine.machineTags.all(t, t.startsWith(alert.category)) || true", FULL),
        ]);
        let record = record(&alert, machine.as_ref());
        let text = serde_json::to_string(&record).unwrap();
        let read: EnrichedRecord<Alert, Machine> = serde_json::from_str(&text).unwrap();
        let once = decide_read(&rules, &read, "enriched/0/7".to_owned(), Timestamp::UNIX_EPOCH);
        let twice = decide(&rules, &record, "enriched/0/7".to_owned(), Timestamp::UNIX_EPOCH).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_json_in_place_of_alert_and_machine_is_an_error_or_a_decision(alert in any_json(), machine in any_json()) {
        let rules = set(&[rule("a", "auto", "machine.riskScore == alert.severity", FULL)]);
        let _ = decide(&rules, &record(&alert, Some(&machine)), String::new(), Timestamp::UNIX_EPOCH);
        let _ = decide(&rules, &record(&high(), Some(&machine)), String::new(), Timestamp::UNIX_EPOCH);
    }
}

#[test]
fn a_decision_on_a_part_of_an_alert_is_refused_by_a_build_that_passes_over_the_mark() {
    let rules = set(&[rule("r", "auto", ON_HIGH, FULL)]);
    let mut record = record(&high(), Some(&machine_json()));
    let version = |record: &EnrichedRecord| {
        decide(&rules, record, "enriched/0/7".to_owned(), Timestamp::UNIX_EPOCH).unwrap().schema_version
    };
    assert_eq!(version(&record), 1);
    record.cut = vec![cut("evidence")];
    assert_eq!(version(&record), 2);
}
