use cordon_records::{Action, ActionKind, AlertChanges, DeviceValue, IsolationType, LiveCommand, ReleaseTerms};
use proptest::prelude::*;

use super::*;
use crate::rules::RuleSet;

fn load(actions: &str) -> Result<Vec<Template>, cordon_settings::Problems> {
    let text = format!("id: a\nwhen: 'true'\nactions:\n{actions}\n");
    let rules = RuleSet::load(&[("r.yaml".to_owned(), text)])?;
    Ok(rules.rules()[0].actions.clone())
}

fn one(entry: &str) -> Template {
    let mut templates = load(&format!("  - {entry}")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(templates.len(), 1, "{entry}");
    templates.remove(0)
}

/// `line:column path: message; help` of each mistake.
fn mistakes(actions: &str) -> Vec<String> {
    let problems = load(actions).expect_err(actions);
    let said = |p: &cordon_settings::Problem| {
        format!("{}:{} {}: {}; {}", p.line, p.column, p.path, p.message, p.help.as_deref().unwrap_or_default())
    };
    problems.0.iter().map(said).collect()
}

/// Every entry is refused, and some mistake says the given words.
fn refused(entries: &[(&str, &str)]) {
    for (entry, words) in entries {
        let said = mistakes(&format!("  - {entry}"));
        assert!(said.iter().any(|line| line.contains(words)), "{entry}: {words:?} is missing in\n{}", said.join("\n"));
    }
}

const SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80708";

#[test]
fn the_example_of_every_kind_is_read_as_that_kind() {
    for kind in ActionKind::TAKEN {
        assert_eq!(one(example(*kind)).kind(), *kind);
    }
}

#[test]
fn a_kind_that_microsoft_no_longer_takes_is_refused_at_its_place_with_what_takes_its_place() {
    let retired = |kind: &ActionKind| !ActionKind::TAKEN.contains(kind);
    let gone: Vec<ActionKind> = ActionKind::ALL.iter().copied().filter(retired).collect();
    assert_eq!(gone, [ActionKind::Investigate]);
    assert!(ActionKind::ALL.iter().all(|kind| kind.retired().is_some() == gone.contains(kind)));
    let expected = |key: &str, column: usize| {
        format!(
            "4:{column} actions[0].{key}: Microsoft starts no automated investigation on request since 2026-09-01; a full scan \
             takes its place: write `scan: {{type: Full, comment: why}}`"
        )
    };
    for key in ["investigate", "start_investigation", "startInvestigation"] {
        assert_eq!(mistakes(&format!("  - {key}: {{comment: c}}")), [expected(key, 7 + key.len())]);
    }
    let instead = ActionKind::Investigate.retired().unwrap().instead;
    let entry = instead.split('`').nth(1).unwrap();
    assert_eq!(one(entry).kind(), ActionKind::Scan);
}

#[test]
fn settings_are_read_as_they_are_written() {
    let isolate = "isolate: {type: Selective, comment: c, release_after: 4h, ask_before_release: true}";
    let release = Some(ReleaseTerms { after_s: 14_400, ask: true });
    let expected = Action::Isolate { isolation: IsolationType::Selective, comment: "c".to_owned(), release };
    assert_eq!(one(isolate), Template::Action(expected));
    for written in ["set_device_value: High", "set_device_value: {value: High}"] {
        assert_eq!(one(written), Template::Action(Action::SetDeviceValue { value: DeviceValue::High }));
    }
    let upper = SHA1.to_uppercase();
    let Template::Action(Action::StopFile { sha1, .. }) = one(&format!("stop_file: {{sha1: {upper}, comment: c}}"))
    else {
        panic!("no stop_file");
    };
    assert_eq!(sha1.as_str(), SHA1, "in lower case, so that the key is the same");
    let digits = "1".repeat(40);
    assert!(matches!(one(&format!("stop_file: {{sha1: {digits}, comment: c}}")), Template::Action(_)), "not a number");
    let commands =
        "[{put_file: a.txt}, {run_script: b.ps1, args: -x 1}, {run_script: c.ps1}, {get_file: 'C:\\t\\o.zip'}]";
    let Template::Action(Action::LiveResponse { commands, .. }) =
        one(&format!("live_response: {{comment: c, commands: {commands}}}"))
    else {
        panic!("no live_response");
    };
    assert_eq!(commands.len(), 4);
    assert_eq!(commands[1], LiveCommand::RunScript { script: "b.ps1".to_owned(), args: "-x 1".to_owned() });
    assert_eq!(
        one("update_alert: {assigned_to: soc@example.com}"),
        Template::Action(Action::UpdateAlert(AlertChanges {
            assigned_to: Some("soc@example.com".to_owned()),
            ..AlertChanges::default()
        }))
    );
}

#[test]
fn the_changes_of_an_alert_are_asked_for_in_the_spelling_of_the_call_however_they_are_written() {
    for (written, meant) in [
        ("status: in progress", "status: InProgress"),
        ("classification: 'Informational, expected activity'", "classification: InformationalExpectedActivity"),
        (
            "classification: falsePositive, determination: clean",
            "classification: FalsePositive, determination: NotMalicious",
        ),
    ] {
        let changes = |entry: &str| one(&format!("update_alert: {{{entry}}}"));
        assert_eq!(changes(written), changes(meant), "{written}");
    }
}

#[test]
fn an_indicators_value_is_taken_in_microsofts_form() {
    let value = |entry: &str| match one(&format!("indicator: {{{entry}, title: t, description: d}}")) {
        Template::Action(Action::Indicator(indicator)) => indicator.value,
        other => panic!("{other:?}"),
    };
    assert_eq!(value("value: Evil.Example, type: DomainName, action: Block"), "evil.example");
    assert_eq!(value("value: '2001:db8::1', type: IpAddress, action: Allowed"), "2001:db8:0:0:0:0:0:1");
    assert_eq!(value(&format!("value: {SHA1}, type: FileSha1, action: BlockAndRemediate")), SHA1);
}

#[test]
fn a_kind_that_is_misspelt_or_has_another_name_elsewhere_is_suggested() {
    refused(&[
        ("isolat: {comment: c}", "isolat: is no kind of action; did you mean `isolate`?"),
        ("Isolate: {comment: c}", "did you mean `isolate`?"),
        ("unisolate: {comment: c}", "did you mean `release`?"),
        ("runAntiVirusScan: {comment: c}", "did you mean `scan`?"),
        ("collectInvestigationPackage: {comment: c}", "did you mean `collect_package`?"),
        ("StopAndQuarantineFile: {comment: c}", "did you mean `stop_file`?"),
        ("reboot: {comment: c}", "known are isolate, release, "),
        ("{}", "write `- isolate: "),
        ("isolate", "expected a section"),
        ("isolate:", "has no settings; write `- isolate: {type: Full, comment: why}`"),
        ("scan: Quick", "expected a section"),
        ("{scan: {comment: c}, tag: {add: x}}", "a second kind in one entry"),
    ]);
}

#[test]
fn what_microsoft_does_not_take_is_a_mistake_when_the_rule_is_loaded() {
    refused(&[
        ("isolate: {type: full, comment: c}", "did you mean \"Full\"?"),
        ("isolate: {comment: ' '}", "must say why"),
        ("isolate: {}", "comment: required, but missing"),
        ("isolate: {comment: c, release_after: 4}", "duration with a unit"),
        ("isolate: {comment: c, release_after: 0s}", "at least one"),
        ("isolate: {comment: c, ask_before_release: true}", "a release that never comes; add `release_after: 4h`"),
        ("isolate: {comment: c, relase_after: 4h}", "did you mean \"release_after\"?"),
        ("scan: {type: Fast, comment: c}", "is not one of Quick, Full"),
        ("release: {}", "comment: required, but missing"),
        ("stop_file: {comment: c}", "exactly one way"),
        ("stop_file: {files: all, comment: c}", "is not one of evidence"),
        ("stop_file: {sha1: abc, comment: c}", "40 hexadecimal digits"),
        ("stop_file: {sha1: da39a3ee5e6b4b0d3255bfef95601890afd80708, files: evidence, comment: c}", "exactly one way"),
        ("stop_file: {sha1: da39a3ee5e6b4b0d3255bfef95601890afd80709, comment: c}", "is the hash of an empty file"),
        ("stop_file: {sha1: '0000000000000000000000000000000000000000', comment: c}", "it identifies nothing"),
        ("stop_file: {sha1: FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF, comment: c}", "it identifies nothing"),
        ("live_response: {comment: c}", "names no command"),
        ("live_response: {comment: c, commands: []}", "names no command"),
        ("live_response: {comment: c, commands: [{get_file: /x}, {run_script: a.sh}]}", "run_script: comes too late"),
        ("live_response: {comment: c, commands: [{run_script: a.sh}, {put_file: b}]}", "put_file: comes too late"),
        ("live_response: {comment: c, commands: [{put_file: a, run_script: b}]}", "a command is one of"),
        ("live_response: {comment: c, commands: [{get_file: /a, args: b}]}", "only run_script takes arguments"),
        ("live_response: {comment: c, commands: [{run_script: 'a/b.sh'}]}", "without a folder"),
        ("live_response: {comment: c, commands: [{run_scrpt: b.sh}]}", "did you mean \"run_script\"?"),
        ("tag: {}", "exactly one tag"),
        ("tag: {add: a, remove: b}", "exactly one tag"),
        ("tag: {add: ''}", "must not be empty"),
        ("tag: {add: ' a'}", "must not begin or end with a blank"),
        ("tag: {add: 'a (b)'}", "parentheses or commas"),
        ("set_device_value: Hihg", "did you mean \"High\"?"),
        ("set_device_value: {valu: High}", "did you mean \"value\"?"),
        ("set_device_value:", "required, but missing"),
        ("update_alert: {}", "changes nothing"),
        ("update_alert: {status: Unknown}", "is not one of New, InProgress, Resolved"),
        ("update_alert: {determination: Apt}", "is not one of MultiStagedAttack"),
        ("update_alert: {determination: NotAvailable}", "is not one of MultiStagedAttack"),
        ("update_alert: {determination: Phising}", "did you mean \"Phishing\"?"),
        ("update_alert: {classification: FalsePositive, determination: Malware}", "Microsoft lists NotMalicious"),
        ("update_alert: {comment: ''}", "must not be empty"),
        ("cancel: {comment: c}", "what: required, but missing"),
        ("cancel: {what: tag, comment: c}", "is not one of isolate"),
        ("cancel: {what: isolat, comment: c}", "did you mean \"isolate\"?"),
    ]);
    let long = "x".repeat(201);
    refused(&[(&format!("tag: {{add: {long}}}"), "has 201 characters; Microsoft takes 200")]);
    assert!(load("  - tag: {remove: 'a (b)'}").is_ok(), "a tag that is there may be taken off");
}

#[test]
fn an_indicator_that_microsoft_refuses_is_a_mistake_when_the_rule_is_loaded() {
    let with = |rest: &str| format!("indicator: {{title: t, description: d, {rest}}}");
    for (rest, words) in [
        ("action: Block", "exactly one way what it is about"),
        ("action: Block, from: evidence_ips, value: 8.8.8.8, type: IpAddress", "exactly one way"),
        ("action: Block, from: evidence_ips, type: IpAddress", "belongs to `value`"),
        ("action: Block, from: evidence_ip", "did you mean \"evidence_ips\"?"),
        ("action: Block, value: 8.8.8.8", "type: required"),
        ("action: Block, value: 203.0.113.0/24, type: IpAddress", "single addresses only"),
        ("action: Block, value: 10.1.2.3, type: IpAddress", "internal address"),
        ("action: Block, value: 0.0.0.0, type: IpAddress", "is an unspecified address: it identifies nothing"),
        ("action: Block, value: 255.255.255.255, type: IpAddress", "is the broadcast address: it identifies nothing"),
        ("action: Block, value: '::', type: IpAddress", "is an unspecified address: it identifies nothing"),
        ("action: Block, value: localhost, type: DomainName", "it identifies nothing"),
        ("action: Block, value: '', type: DomainName", "is not a domain name"),
        ("action: Block, value: d41d8cd98f00b204e9800998ecf8427e, type: FileMd5", "is the hash of an empty file"),
        (
            "action: Block, value: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, type: FileSha256",
            "is the hash of an empty file: it identifies nothing",
        ),
        (
            "action: Allowed, value: '0000000000000000000000000000000000000000', type: FileSha1",
            "stands where a hash is not known: it identifies nothing",
        ),
        ("action: Block, value: evil.example, type: FileSha1", "40 hexadecimal digits"),
        ("action: Block, value: 'https://evil.example', type: DomainName", "is not a domain name"),
        ("action: Block, value: evil.example, type: Url", "is not a URL"),
        ("action: Audit, from: evidence_ips", "must be true with Audit"),
        ("action: Audit, from: evidence_ips, generate_alert: false", "must be true with Audit"),
        ("action: BlockAndRemediate, from: evidence_domains", "no action for DomainName"),
        ("action: AlertAndBlock, from: evidence_ips", "is not one of Audit, Warn, Block"),
        ("action: Block, from: evidence_ips, severity: UnSpecified", "is not one of Informational"),
        ("action: Block, from: evidence_ips, expires_after: 30", "duration with a unit"),
        ("action: Block, from: evidence_ips, groups: ['']", "must not be empty"),
    ] {
        refused(&[(&with(rest), words)]);
    }
    let thumbprint = with(&format!("action: Block, value: {SHA1}, type: CertificateThumbprint"));
    refused(&[(&thumbprint, "Microsoft takes Allowed, BlockAndRemediate")]);
    refused(&[("indicator: {from: evidence_ips, action: Block, title: t}", "description: required")]);
    assert!(load(&format!("  - {}", with("action: Audit, from: evidence_ips, generate_alert: true"))).is_ok());
}

#[test]
fn all_mistakes_of_all_entries_are_told_at_once_with_their_places() {
    let said = mistakes("  - scan: {type: Fast}\n  - tagg: {add: x}\n  - stop_file:\n      sha1: 12\n      why: c");
    let places: Vec<&str> = said.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(places, ["4", "4", "5", "6", "7", "8"], "{said:#?}");
}

#[test]
fn a_kind_stands_twice_in_a_rule_only_where_something_tells_its_actions_apart() {
    for twice in [
        "  - isolate: {comment: x}\n  - isolate: {type: Selective, comment: y}",
        "  - tag: {add: a}\n  - tag: {remove: a}",
        "  - update_alert: {status: New}\n  - update_alert: {assigned_to: x}",
        "  - stop_file: {files: evidence, comment: x}\n  - stop_file: {files: evidence, comment: y}",
        "  - cancel: {what: isolate, comment: x}\n  - cancel: {what: isolate, comment: x}",
    ] {
        assert!(mistakes(twice)[0].contains("twice in this rule"), "{twice}");
    }
    for apart in [
        "  - tag: {add: a}\n  - tag: {add: b}\n  - tag: {remove: c}".to_owned(),
        format!("  - stop_file: {{files: evidence, comment: x}}\n  - stop_file: {{sha1: {SHA1}, comment: x}}"),
        "  - cancel: {what: isolate, comment: x}\n  - cancel: {what: scan, comment: x}".to_owned(),
    ] {
        assert!(load(&apart).is_ok(), "{apart}");
    }
}

#[test]
fn a_rule_that_does_and_undoes_is_a_mistake() {
    for both in [
        "  - isolate: {comment: x}\n  - release: {comment: x}",
        "  - unrestrict_code: {comment: x}\n  - restrict_code: {comment: x}",
        "  - scan: {comment: x}\n  - cancel: {what: scan, comment: x}",
    ] {
        assert!(mistakes(both)[0].contains("undo each other"), "{both}");
    }
    assert!(load("  - cancel: {what: isolate, comment: x}\n  - release: {comment: x}").is_ok());
}

proptest! {
    #[test]
    fn no_entry_makes_the_reader_panic(kind in 0..ActionKind::TAKEN.len(), key in "[a-z_0-9]{1,12}", text in "\\PC{0,30}") {
        let value = serde_json::json!({key: text.clone(), "comment": text, "type": text, "value": text, "add": text});
        let entry = serde_json::json!({ACTION_KINDS[kind]: value});
        let _ = load(&format!("  - {entry}"));
    }
}
