use cordon_records::{Action, DecisionRecord, EnrichedRecord, Verbatim, Verdict};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::decide::decide;
use crate::rules::RuleSet;

mod merged;

const TEMPLATE: &str = r#"{"id":"a1@","alert_id":"a1","tenant":"t1","source":"mde","change":"new","alert":null,
    "seen_at":"2026-01-01T00:00:00Z","enriched_at":"2026-01-01T00:00:01Z"}"#;

/// An alert on machine m1 with so many files, addresses and URLs.
fn record(files: usize) -> EnrichedRecord {
    let mut evidence: Vec<Value> =
        (0..files).map(|n| json!({"entityType": "File", "sha1": format!("{:040x}", n + 0x1000)})).collect();
    evidence.push(json!({"entityType": "Ip", "ipAddress": "203.0.113.7"}));
    evidence.push(json!({"entityType": "Url", "url": "https://evil.example/a"}));
    let mut record: EnrichedRecord = serde_json::from_str(TEMPLATE).unwrap();
    let alert = json!({"id": "a1", "severity": "High", "machineId": "m1", "evidence": evidence});
    record.alert = Verbatim::parse(&alert.to_string()).unwrap();
    record.machine = Some(Verbatim::parse(r#"{"id":"m1","osPlatform":"Windows11"}"#).unwrap());
    record
}

fn rule(id: &str, mode: &str, actions: &str) -> String {
    format!("{{id: {id}, mode: {mode}, when: 'true', actions: [{actions}]}}")
}

fn decided(rules: &[String], record: &EnrichedRecord) -> DecisionRecord {
    let files: Vec<(String, String)> =
        rules.iter().enumerate().map(|(index, rule)| (format!("{index}.yaml"), rule.clone())).collect();
    let set = RuleSet::load(&files).unwrap_or_else(|problems| panic!("{problems}"));
    decide(&set, record, "enriched/0/1".to_owned(), Timestamp::UNIX_EPOCH).unwrap()
}

/// `kind mode` of each planned action, in order.
fn planned(decision: &DecisionRecord) -> Vec<String> {
    let words = |planned: &PlannedAction| format!("{} {}", planned.action.kind(), planned.mode.as_str());
    decision.planned.iter().map(words).collect()
}

#[test]
fn actions_are_planned_in_the_order_of_rules_and_of_their_entries() {
    let a =
        rule("a", "auto", "{collect_package: {comment: x}}, {isolate: {comment: x}}, {tag: {add: n}}, {tag: {add: b}}");
    let b = rule("b", "approve", "{scan: {comment: x}}, {isolate: {comment: x}}");
    let decision = decided(&[b, a], &record(1));
    assert_eq!(planned(&decision), ["collect_package auto", "isolate approve", "tag auto", "tag auto", "scan approve"]);
    assert_eq!(decision.planned[1].rules.len(), 2);
    let tags: Vec<_> = decision.planned[2..4].iter().filter_map(|planned| planned.action.detail()).collect();
    assert_eq!(tags, ["n", "b"]);
    assert!(decision.reason.starts_with("collect_package: "), "{}", decision.reason);
}

#[test]
fn what_closes_the_alert_comes_after_everything_else_because_nothing_is_done_for_a_closed_one() {
    for closing in ["status: Resolved", "classification: FalsePositive, determination: NotMalicious"] {
        let a = rule("a", "auto", &format!("{{update_alert: {{{closing}}}}}, {{tag: {{add: n}}}}"));
        let b = rule("b", "auto", "{isolate: {comment: x}}");
        let decision = decided(&[a, b], &record(1));
        assert_eq!(planned(&decision), ["tag auto", "isolate auto", "update_alert auto"]);
    }
    let a = rule("a", "auto", "{update_alert: {status: InProgress}}, {tag: {add: n}}");
    assert_eq!(planned(&decided(&[a], &record(1))), ["update_alert auto", "tag auto"]);
}

#[test]
fn a_rule_in_shadow_changes_neither_the_order_nor_what_others_do() {
    let a = rule(
        "a",
        "shadow",
        "{tag: {add: x}}, {scan: {type: Full, comment: s}}, {set_device_value: Low}, {release: {comment: s}}",
    );
    let b = rule("b", "auto", "{isolate: {comment: x}}, {scan: {comment: x}}, {set_device_value: High}");
    let decision = decided(&[a, b.clone()], &record(1));
    assert_eq!(planned(&decision), ["isolate auto", "scan auto", "set_device_value auto", "tag shadow"]);
    assert_eq!(decision.planned[..3], decided(&[b], &record(1)).planned[..]);
    assert!(decision.reason.starts_with("isolate: "), "{}", decision.reason);
}

#[test]
fn each_file_of_the_evidence_is_an_action_with_a_key_of_its_own() {
    let actions = format!(
        "{{stop_file: {{files: evidence, comment: x}}}}, {{stop_file: {{sha1: '{:040x}', comment: y}}}}",
        0x1001
    );
    let decision = decided(&[rule("a", "auto", &actions)], &record(3));
    assert_eq!(planned(&decision), ["stop_file auto"; 3], "the file that is written out is one of them");
    assert_eq!(decision.planned[1].rules.len(), 1, "one rule that asks twice is named once");
}

#[test]
fn where_the_evidence_names_nothing_the_action_is_left_out_and_the_reason_says_so() {
    let stop = "{stop_file: {files: evidence, comment: x}}";
    let decision = decided(&[rule("a", "auto", &format!("{stop}, {{isolate: {{comment: x}}}}"))], &record(0));
    assert_eq!(planned(&decision), ["isolate auto"]);
    assert_eq!(
        decision.reason,
        "stop_file left out: no file with a SHA-1 that Defender has not stopped itself in the evidence; isolate: true"
    );
    let decision = decided(&[rule("a", "auto", stop)], &record(0));
    assert_eq!((decision.verdict, decision.planned.len()), (Verdict::Nothing, 0));
    assert!(decision.reason.starts_with("stop_file left out"), "{}", decision.reason);
}

#[test]
fn what_identifies_nothing_is_planned_by_no_rule_and_the_reason_says_so() {
    let stop = "{stop_file: {files: evidence, comment: x}}";
    let block = |from: &str| format!("{{indicator: {{from: {from}, action: Block, title: t, description: d}}}}");
    let with = |evidence: Value| {
        let mut record = record(0);
        let alert = json!({"id": "a1", "severity": "High", "machineId": "m1", "evidence": evidence});
        record.alert = Verbatim::parse(&alert.to_string()).unwrap();
        record
    };
    let file = |sha1: &str| json!({"entityType": "File", "sha1": sha1});
    let (empty, zeros) = ("da39a3ee5e6b4b0d3255bfef95601890afd80709", "0".repeat(40));
    for (actions, evidence, reason) in [
        (
            stop.to_owned(),
            json!([file(empty)]),
            format!("stop_file left out: {empty} is the hash of an empty file: it identifies nothing"),
        ),
        (
            stop.to_owned(),
            json!([file(&zeros), file(empty)]),
            format!("stop_file left out: {zeros} stands where a hash is not known: it identifies nothing (and 1 more)"),
        ),
        (
            block("evidence_files"),
            json!([file(empty)]),
            format!("indicator left out: {empty} is the hash of an empty file: it identifies nothing"),
        ),
        (
            block("evidence_ips"),
            json!([{"entityType": "Ip", "ipAddress": "0.0.0.0"}]),
            "indicator left out: 0.0.0.0 is an unspecified address: it identifies nothing".to_owned(),
        ),
        (
            block("evidence_ips"),
            json!([{"entityType": "Ip", "ipAddress": "255.255.255.255"}]),
            "indicator left out: 255.255.255.255 is the broadcast address: it identifies nothing".to_owned(),
        ),
    ] {
        let decision = decided(&[rule("a", "auto", &actions)], &with(evidence));
        assert_eq!((decision.verdict, decision.planned.len()), (Verdict::Nothing, 0));
        assert_eq!(decision.reason, reason);
    }
    let beside = with(json!([file(&zeros), file(&"1".repeat(40))]));
    let decision = decided(&[rule("a", "auto", stop)], &beside);
    assert_eq!(planned(&decision), ["stop_file auto"]);
    assert!(decision.reason.starts_with(&format!("stop_file left out: {zeros} ")), "{}", decision.reason);
}

#[test]
fn evidence_with_more_than_ten_things_waits_for_a_person_and_holds_up_nothing_else() {
    let actions = "{stop_file: {files: evidence, comment: x}}, {isolate: {comment: x}}";
    let decision = decided(&[rule("a", "auto", actions)], &record(11));
    let mut expected = vec!["stop_file approve"; 10];
    expected.push("isolate auto");
    assert_eq!(planned(&decision), expected);
    assert!(
        decision.reason.starts_with("stop_file: 11 in the evidence, the first 10 for a person"),
        "{}",
        decision.reason
    );
    let shadow = decided(&[rule("a", "shadow", actions)], &record(11));
    assert_eq!(planned(&shadow)[0], "stop_file shadow", "a rule's own mode is never raised");
}

#[test]
fn what_would_undo_another_action_is_left_out() {
    let isolate = rule("a", "approve", "{isolate: {comment: x}}, {restrict_code: {comment: x}}");
    let free = "{cancel: {what: isolate, comment: x}}, {release: {comment: x}}, {unrestrict_code: {comment: x}}, {tag: {add: t}}";
    let decision = decided(&[isolate.clone(), rule("b", "auto", free)], &record(1));
    assert_eq!(planned(&decision), ["isolate approve", "restrict_code approve", "tag auto"]);
    assert!(decision.reason.starts_with("release left out: isolate is asked for, too; "), "{}", decision.reason);

    let alone = decided(&[rule("b", "auto", free)], &record(1));
    assert_eq!(planned(&alone), ["cancel auto", "release auto", "unrestrict_code auto", "tag auto"]);
    let shadow = isolate.replace("approve", "shadow");
    let decision = decided(&[shadow, rule("b", "auto", free)], &record(1));
    assert_eq!(
        planned(&decision)[..2],
        ["cancel auto", "release auto"],
        "a rule in shadow keeps nothing from happening"
    );
    let cancels = rule("c", "auto", "{cancel: {what: release, comment: x}}");
    let decision = decided(&[isolate, rule("b", "auto", free), cancels], &record(1));
    assert_eq!(planned(&decision), ["isolate approve", "restrict_code approve", "tag auto", "cancel auto"]);
}

#[test]
fn rules_that_contradict_each_other_leave_the_action_out_and_the_rest_goes_on() {
    let a = rule("a", "auto", "{set_device_value: Low}, {isolate: {comment: x}}");
    let b = rule("b", "auto", "{set_device_value: High}");
    let decision = decided(&[a, b], &record(1));
    assert_eq!((decision.verdict, planned(&decision)), (Verdict::Act, vec!["isolate auto".to_owned()]));
    assert_eq!(decision.reason, "set_device_value left out: rules a, b contradict each other; isolate: true");
}

#[test]
fn where_contradiction_leaves_nothing_to_do_a_person_decides() {
    for (one, two) in [
        ("{set_device_value: Low}", "{set_device_value: High}"),
        ("{tag: {add: t}}", "{tag: {remove: t}}"),
        ("{update_alert: {status: New}}", "{update_alert: {status: Resolved}}"),
        (
            "{live_response: {commands: [{run_script: a.ps1}], comment: x}}",
            "{live_response: {commands: [{run_script: b.ps1}], comment: x}}",
        ),
    ] {
        let decision = decided(&[rule("a", "auto", one), rule("b", "approve", two)], &record(1));
        assert_eq!((decision.verdict, decision.planned.len()), (Verdict::NeedsHuman, 0), "{one} {two}");
        assert!(decision.reason.contains("rules a, b contradict each other"), "{}", decision.reason);
        let decision = decided(&[rule("a", "auto", one), rule("b", "shadow", two)], &record(1));
        assert_eq!(
            (decision.verdict, decision.planned.len()),
            (Verdict::Act, 1),
            "a rule in shadow contradicts nobody"
        );
    }
}

/// Entries of rules of every kind; some differ from others of their kind in settings only.
const PARTS: &[&str] = &[
    "{isolate: {comment: full}}",
    "{isolate: {type: Selective, comment: some, release_after: 4h}}",
    "{release: {comment: c}}",
    "{restrict_code: {comment: c}}",
    "{unrestrict_code: {comment: c}}",
    "{scan: {comment: c}}",
    "{scan: {type: Full, comment: c}}",
    "{collect_package: {comment: c}}",
    "{offboard: {comment: c}}",
    "{stop_file: {files: evidence, comment: c}}",
    "{stop_file: {sha1: '00000000000000000000000000000000000000ff', comment: c}}",
    "{live_response: {commands: [{run_script: a.ps1}], comment: c}}",
    "{tag: {add: t}}",
    "{tag: {remove: t}}",
    "{tag: {add: u}}",
    "{set_device_value: High}",
    "{set_device_value: {value: Low}}",
    "{update_alert: {status: InProgress}}",
    "{update_alert: {assigned_to: soc@example.com, comment: c}}",
    "{indicator: {from: evidence_ips, action: Block, title: t, description: d}}",
    "{indicator: {from: evidence_domains, action: Warn, title: t, description: d, expires_after: 7d}}",
    "{indicator: {value: evil.example, type: DomainName, action: Block, title: t, description: d}}",
    "{cancel: {what: isolate, comment: c}}",
    "{cancel: {what: scan, comment: c}}",
];

/// A rule of some parts, without those that one rule may not hold together.
fn any_rule(id: usize) -> impl Strategy<Value = String> {
    let parts = proptest::sample::subsequence((0..PARTS.len()).collect::<Vec<_>>(), 0..6).prop_shuffle();
    let mode = proptest::sample::select(&["shadow", "approve", "auto"][..]);
    (parts, mode).prop_map(move |(parts, mode)| {
        let mut kept: Vec<&str> = Vec::new();
        for index in parts {
            let mut with = kept.clone();
            with.push(PARTS[index]);
            if RuleSet::load(&[("r".to_owned(), rule("r", mode, &with.join(", ")))]).is_ok() {
                kept = with;
            }
        }
        rule(&format!("r{id}"), mode, &kept.join(", "))
    })
}

fn any_rules() -> impl Strategy<Value = Vec<String>> {
    (any_rule(0), any_rule(1), any_rule(2), 1_usize..4)
        .prop_map(|(a, b, c, count)| [a, b, c].into_iter().take(count).collect())
}

#[test]
fn every_part_is_a_rule_by_itself() {
    for part in PARTS {
        assert_eq!(decided(&[rule("a", "auto", part)], &record(1)).planned.len(), 1, "{part}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn rules_of_valid_parts_give_each_action_its_own_key_whatever_the_order_of_the_files(
        rules in any_rules(), files in 0_usize..14, rotate in 0_usize..3,
    ) {
        let record = record(files);
        let decision = decided(&rules, &record);
        let mut other = rules.clone();
        other.rotate_left(rotate % rules.len());
        prop_assert_eq!(&decided(&other, &record), &decision, "files may come in any order");

        let mut keys = Vec::new();
        for planned in &decision.planned {
            let derived = ActionKey::derive(&record.tenant, &record.alert_id, &MachineId::new("m1").unwrap(), &planned.action);
            prop_assert_eq!(&derived, &planned.key);
            prop_assert!(!keys.contains(&planned.key), "twice: {}", planned.action.kind());
            keys.push(planned.key.clone());
            prop_assert!(!planned.rules.is_empty());
            let text = serde_json::to_string(planned).unwrap();
            prop_assert_eq!(&serde_json::from_str::<PlannedAction>(&text).unwrap(), planned);
        }
        prop_assert_eq!(decision.verdict == Verdict::Act, !decision.planned.is_empty());
    }

    #[test]
    fn nothing_is_done_and_undone_in_one_decision_and_shadow_influences_nothing(rules in any_rules(), files in 0_usize..3) {
        let record = record(files);
        let decision = decided(&rules, &record);
        let live = |decision: &DecisionRecord| -> Vec<PlannedAction> {
            decision.planned.iter().filter(|planned| planned.mode != Mode::Shadow).cloned().collect()
        };
        let done = live(&decision);
        for planned in &done {
            if let Some(undone) = planned.action.undoes() {
                prop_assert!(done.iter().all(|other| other.action.kind() != undone));
            }
        }
        let without: Vec<String> = rules.iter().filter(|rule| !rule.contains("mode: shadow")).cloned().collect();
        prop_assert_eq!(done, live(&decided(&without, &record)));
    }
}
