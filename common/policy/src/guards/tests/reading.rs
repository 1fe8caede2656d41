//! Reading and printing guards files.

use super::*;

#[test]
fn the_example_file_is_the_built_in_defaults() {
    let example = include_str!("../../../../../deploy/config/guards.example.yaml");
    assert_eq!(guards(example), Guards::built_in());
    assert_eq!(guards(""), Guards::built_in());
}

#[test]
fn what_is_printed_reads_back_as_the_same_guards() {
    let odd = "{scope: {tags: ['a, b', '#x', \"q\\\"\"]}, never: {names: ['*', 'true', '1']},
        caps: {all_rules: {90m: 7}, fleet_share: {2h: 0.25%, 1d: 10%, floor: 3}},
        maintenance: [{tags: ['p: q'], from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', by: 'a: b', why: \"x\\ny\"}]}";
    for guards in [Guards::built_in(), guards(odd)] {
        assert_eq!(super::guards(&guards.to_string()), guards, "{guards}");
    }
}

#[test]
fn an_invalid_guards_file_is_refused_with_every_mistake() {
    for (yaml, part) in [
        ("nevr: {tags: []}", "did you mean \"never\"?"),
        ("never: {tag: [x]}", "did you mean \"tags\"?"),
        ("never: {tags: cordon-never}", "list of texts"),
        ("never: {names: ['']}", "empty name"),
        ("hold: {alert_older_than: 60}", "unit"),
        ("hold: {alert_older_than: 0s}", "at least one"),
        ("caps: {all_rules: {}}", "names no window"),
        ("caps: {all_rules: {10: 3}}", "unit"),
        ("caps: {all_rules: {10m: 0}}", "at least 1"),
        ("caps: {all_rules: {10m: -1}}", "at least 1"),
        ("caps: {all_rules: {60s: 1, 1m: 2}}", "twice"),
        ("caps: {fleet_share: {1d: 101%}}", "percentage"),
        ("caps: {fleet_share: {1d: 5}}", "percentage"),
        ("caps: {fleet_share: {floor: 5}}", "names no window"),
        (
            "maintenance: [{from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', by: a, why: b}]",
            "names no machines",
        ),
        (
            "maintenance: [{tags: [a], from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z', by: a, why: b}]",
            "not after",
        ),
        ("maintenance: [{tags: [a], from: soon, to: '2026-01-01T00:00:00Z', by: a, why: b}]", "offset"),
        (
            "maintenance: [{tags: [a], from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', by: '', why: b}]",
            "maintenance[0].by: is empty: write who works on these machines",
        ),
        (
            "maintenance: [{tags: [a], from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', by: a, why: ' '}]",
            "maintenance[0].why: is empty: write what is done there",
        ),
        ("hold: {device_value: [Hihg]}", "`Hihg` is none of Low, Normal, High: did you mean \"High\"?"),
        ("hold: {device_value: [High, Critical]}", "`Critical` is none of Low, Normal, High"),
        ("hold: {device_value: ['']}", "`` is none of Low, Normal, High"),
        ("hold: {kinds: [isolat]}", "did you mean \"isolate\"?"),
        ("hold: {kinds: [banana]}", "no kind of action"),
        ("hold: {kinds: [release]}", "never held"),
        ("caps: {gentle: {}}", "names no window"),
        ("caps: {per_rule: {1h: 0}}", "at least 1"),
        ("caps: {per_rul: {1h: 1}}", "did you mean \"per_rule\"?"),
        ("approvals: {valid_for: 2d}", "at most 1d"),
        ("approvals: {valid_for: 500ms}", "at least one"),
        ("approvals: {valid_for: 0s}", "at least one"),
        ("approvals: {allowed_signers: ''}", "names no file"),
        ("approvals: {two_people: {above: {1h: 0}}}", "at least 1"),
        ("approvals: {two_people: {kind: []}}", "did you mean \"kinds\"?"),
        ("[]", "expected"),
        ("never: [", "guards.yaml"),
    ] {
        let problems = Guards::load("guards.yaml", yaml).map(|_| ()).expect_err(yaml);
        assert!(problems.to_string().contains(part), "{yaml}: {part:?} is missing in\n{problems}");
    }
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let yaml = "nevr: {}\nhold: {kinds: [isolat, release]}\ncaps: {gentle: {1h: 0}}\napprovals: {valid_for: 2d}\n";
    let told = Guards::load("guards.yaml", yaml).unwrap_err().to_string();
    for part in ["nevr", "isolat", "release gives something back", "caps.gentle.1h", "approvals.valid_for"] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
}

#[test]
fn a_file_of_before_means_the_same_and_has_the_new_defaults() {
    let read = guards("{caps: {all_rules: {1h: 5}}, hold: {device_value: []}}");
    let mut expected = Guards::built_in();
    expected.caps.all_rules = vec![(3_600, 5)];
    expected.hold.device_value = vec![];
    assert_eq!(read, expected);
    assert_eq!((read.caps.per_rule.len(), read.caps.per_device_group.len()), (0, 0));
}

#[test]
fn only_what_is_as_built_in_is_marked_so() {
    let guards = guards("{never: {names: ['dc*']}, hold: {device_value: [High]}}");
    let text = guards.annotated();
    let marked: Vec<&str> = text.lines().filter(|line| line.contains("# built-in")).collect();
    assert_eq!(marked.len(), guards.settings().len() - 1, "{text}");
    assert!(marked.iter().all(|line| !line.contains("dc*")), "{text}");
    assert_eq!(super::guards(&text), guards);
}

/// `path: text` of each warning about guards that name their signers.
fn warnings(yaml: &str) -> Vec<String> {
    let warnings = guards(&format!("{{approvals: {{allowed_signers: x}}, {yaml}}}")).warnings(at(0));
    warnings.into_iter().map(|warning| format!("{}: {}", warning.path, warning.text)).collect()
}

#[test]
fn what_contradicts_itself_is_doubted_with_its_place() {
    let nothing: [&str; 0] = [];
    assert_eq!(warnings("scope: {tags: [pilot]}"), nothing);
    for (yaml, expected) in [
        (
            "scope: {tags: [Cordon-Never]}",
            "scope.tags: tag Cordon-Never is also on the never list: it is always refused",
        ),
        ("hold: {tags: [cordon-never]}", "hold.tags: tag cordon-never is also on the never list: no person is asked"),
        ("allow_os: []", "allow_os: is empty: every action on a machine is held"),
        ("allow_os: [Windows 11]", "allow_os: Windows 11 is no platform that is known; did you mean Windows11?"),
        ("never: {names: ['*']}", "never.names: * fits every machine"),
        ("caps: {per_rule: {1h: 21}}", "caps.per_rule: 21 in 1h is never reached: all_rules stops at 20 in 1h"),
        ("caps: {all_rules: {1h: 9, 1d: 5}}", "caps.all_rules: 9 in 1h is never reached: all_rules stops at 5 in 1d"),
        (
            "maintenance: [{tags: [a], from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z', by: a, why: b}]",
            "maintenance[0]: ended at 2020-01-02T00:00:00Z: it does nothing any more",
        ),
    ] {
        assert_eq!(warnings(yaml), [expected], "{yaml}");
    }
    assert_eq!(warnings("caps: {per_rule: {1h: 20}, per_device_group: {1h: 20}}"), nothing);
    assert_eq!(Guards::built_in().warnings(at(0)).len(), 1);
    assert_eq!(Guards::built_in().warnings(at(0))[0].path, "approvals.allowed_signers");
}

#[test]
fn a_device_value_is_taken_in_any_case_as_it_is_compared() {
    assert_eq!(guards("{hold: {device_value: [high, NORMAL]}}").hold.device_value, ["high", "NORMAL"]);
}

#[test]
fn what_opens_the_fleet_is_doubted_each_by_itself() {
    let nothing: [&str; 0] = [];
    for (yaml, expected) in [
        (
            "allow_os: [Windows11, windowsserver2022, WindowsServer2019]",
            "allow_os: windowsserver2022, WindowsServer2019 lets rules act on servers without a person",
        ),
        ("allow_os: [Linux, Ubuntu]", "allow_os: Linux, Ubuntu lets rules act on Linux without a person"),
        (
            "allow_os: [RedHatEnterpriseLinux]",
            "allow_os: RedHatEnterpriseLinux lets rules act on Linux without a person",
        ),
        ("never: {tags: []}", "never: names no machine: not even a domain controller is refused"),
        (
            "hold: {kinds: [live_response]}",
            "hold.kinds: lacks offboard: a rule in mode auto takes machines out of Defender without a person",
        ),
        (
            "hold: {kinds: [offboard]}",
            "hold.kinds: lacks live_response: a rule in mode auto runs scripts on machines without a person",
        ),
        ("caps: {all_rules: {1d: 501}}", "caps.all_rules: 501 in 1d is more than 500 in a day"),
        (
            "caps: {all_rules: {10m: 10, 7h: 90}}",
            "caps.all_rules: names no cap for 1d: the others let 360 through in a day",
        ),
        ("caps: {fleet_share: {1d: 25.01%}}", "caps.fleet_share: 25.01% in 1d is more than 25% of the fleet"),
        (
            "caps: {fleet_share: {1d: 1%, floor: 101}}",
            "caps.fleet_share.floor: 101 is more than 100: a small fleet has no share at all",
        ),
        (
            "hold: {alert_older_than: 25h}",
            "hold.alert_older_than: 25h is more than 1d: rules act on what a machine and its user did days ago",
        ),
        (
            "maintenance: [{tags: [a], from: '2027-01-01T00:00:00Z', to: '2027-02-01T00:00:00Z', by: a, why: b}]",
            "maintenance[0]: lasts 31 days, more than 30: for so long nothing is done there without a person",
        ),
    ] {
        assert_eq!(warnings(yaml), [expected], "{yaml}");
    }
    for yaml in [
        "never: {tags: [], groups: [Tier0]}",
        "hold: {kinds: [offboard, live_response], alert_older_than: 1d}",
        "caps: {all_rules: {1h: 20, 1d: 500}, fleet_share: {1d: 25%, floor: 100}}",
        "caps: {all_rules: {2d: 400}}",
        "maintenance: [{tags: [a], from: '2027-01-01T00:00:00Z', to: '2027-01-31T00:00:00Z', by: a, why: b}]",
    ] {
        assert_eq!(warnings(yaml), nothing, "{yaml}");
    }
    assert_eq!(warnings("hold: {kinds: []}").len(), 2);
}

#[test]
fn names_that_no_machine_and_no_user_has_are_doubted() {
    let nothing: [&str; 0] = [];
    for (yaml, expected) in [
        (
            "never: {names: ['dc[0-9]*']}",
            "never.names: dc[0-9]* can never fit: brackets stand for themselves; only * and ? stand for others",
        ),
        ("never: {names: ['dc 01']}", "never.names: dc 01 can never fit: no machine's name holds ' '"),
        ("never: {names: ['CORP\\dc']}", "never.names: CORP\\dc can never fit: no machine's name holds '\\\\'"),
        (
            "maintenance: [{names: [ok, 'b]'], from: '2027-02-01T00:00:00Z', to: '2027-02-02T00:00:00Z', by: a, why: b}]",
            "maintenance[0].names: b] can never fit: brackets stand for themselves; only * and ? stand for others",
        ),
        (
            "hold: {users: ['*@corp.example']}",
            "hold.users: *@corp.example can never fit: * and ? stand for themselves here; name each user",
        ),
        (
            "hold: {users: ['@corp.example']}",
            "hold.users: @corp.example can never fit: it is neither a user principal name (eve@corp.example) nor an account \
             name (eve, CORP\\eve)",
        ),
        (
            "hold: {users: [Eve Adams]}",
            "hold.users: Eve Adams can never fit: it is neither a user principal name (eve@corp.example) nor an account \
             name (eve, CORP\\eve)",
        ),
    ] {
        assert_eq!(warnings(yaml), [expected], "{yaml}");
    }
    assert_eq!(warnings("never: {names: ['dc*', 'paw-??', '*.corp.example', MÜNCHEN_1]}"), nothing);
    assert_eq!(warnings("hold: {users: [eve@corp.example, eve, 'svc-backup$', e.adams, 'CORP\\eve']}"), nothing);
    assert_eq!(warnings("hold: {users: [' eve', \"eve\\t\", 'CORP\\eve@corp.example', ' CORP\\eve ']}"), nothing);
}
