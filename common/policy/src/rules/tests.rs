use cordon_records::{Action, IsolationType, Mode};

use super::*;

mod formatted;
mod linted;
mod placed;
mod recorded;

const ISOLATE_HIGH: &str = include_str!("../../../../deploy/rules/isolate-high.yaml");

fn load(text: &str) -> Result<RuleSet, cordon_settings::Problems> {
    RuleSet::load(&[("rules.yaml".to_owned(), text.to_owned())])
}

/// `line:column message` of each mistake.
fn mistakes(text: &str) -> Vec<String> {
    let problems = load(text).expect_err(text);
    problems.0.iter().map(|p| format!("{}:{} {}: {}", p.line, p.column, p.path, p.message)).collect()
}

#[test]
fn every_delivered_rule_loads_and_its_tests_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/rules");
    let files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    let rules = RuleSet::load(&files).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(rules.rules().iter().any(|rule| rule.id.as_str() == "isolate-high"));
    assert!(rules.rules().iter().all(|rule| !rule.tests.is_empty()), "a delivered rule has tests");
    assert_eq!(run_tests(&rules), []);
}

#[test]
fn a_rule_reads_as_it_is_written() {
    let rules = load(ISOLATE_HIGH).unwrap();
    let [rule] = rules.rules() else { panic!("{rules:?}") };
    assert_eq!((rule.id.as_str(), rule.mode, rule.limits.as_slice()), ("isolate-high", Mode::Auto, &[(3_600, 15)][..]));
    let isolate =
        Action::Isolate { isolation: IsolationType::Full, comment: "High severity alert".to_owned(), release: None };
    assert_eq!(rule.actions, [Template::Action(isolate)]);
    assert!(rule.when.starts_with("alert.severity") && rule.when.ends_with(')'));
}

#[test]
fn a_rules_test_that_does_not_hold_is_reported_with_what_was_found() {
    let rules = load(&ISOLATE_HIGH.replace("expect: [isolate]", "expect: []")).unwrap();
    let failures = run_tests(&rules);
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(
        (failures[0].test.as_str(), failures[0].found.as_slice()),
        ("High on a laptop isolates", &["isolate".to_owned()][..])
    );
}

#[test]
fn a_rules_test_expects_the_actions_in_their_order() {
    let rule = |expect: &str| {
        format!(
            "id: a\nwhen: 'true'\nactions: [{{scan: {{comment: x}}}}, {{isolate: {{comment: x}}}}]\n\
             tests: [{{name: n, expect: {expect}}}]\n"
        )
    };
    assert_eq!(run_tests(&load(&rule("[scan, isolate]")).unwrap()), []);
    let failures = run_tests(&load(&rule("[isolate, scan]")).unwrap());
    assert_eq!(
        (failures[0].expected.join(" "), failures[0].found.join(" ")),
        ("isolate scan".into(), "scan isolate".into())
    );
    assert_eq!(run_tests(&load(&rule("[scan]")).unwrap()).len(), 1, "each as often as it is planned");
}

#[test]
fn a_value_outside_a_closed_list_in_a_test_is_a_mistake_with_a_suggestion() {
    let given = |given: &str| {
        format!("id: a\nwhen: 'true'\nactions: []\ntests:\n  - name: n\n    given: {given}\n    expect: []\n")
    };
    for (wrong, expected) in [
        ("{alert: {severity: Hihg}}", "6:31 tests[0].given.alert.severity: \"Hihg\" is no value of severity"),
        ("{machine: {healthStatus: Actve}}", "6:37 tests[0].given.machine.healthStatus: \"Actve\" is no value of"),
        ("{alert: {status: Banana}}", "6:29 tests[0].given.alert.status: \"Banana\" is no value of status"),
    ] {
        let told = mistakes(&given(wrong));
        assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?}");
    }
    let help = |wrong: &str| load(&given(wrong)).unwrap_err().0.remove(0).help.unwrap();
    assert_eq!(help("{alert: {severity: Hihg}}"), "did you mean \"High\"?");
    assert_eq!(help("{alert: {status: Banana}}"), "known are Unknown, New, InProgress, Resolved");
    for right in ["{alert: {severity: High, classification: '', determination: Apt}}", "{machine: {riskScore: None}}"] {
        load(&given(right)).unwrap_or_else(|problems| panic!("{problems}"));
    }
}

#[test]
fn a_rules_test_may_say_what_now_is() {
    let test =
        |name: &str, given: &str, expect: &str| format!("  - {{name: {name}, given: {given}, expect: {expect}}}\n");
    let rule = [
        "id: night\nwhen: now.getHours('Europe/Berlin') < 6 || now - alert.alertCreationTime > duration('1d')\n",
        "actions: [{isolate: {comment: x}}]\ntests:\n",
        &test("noon", "{}", "[]"),
        &test("night", "{now: 2026-01-01T02:00:00Z}", "[isolate]"),
        &test("late", "{now: 2026-01-02T12:00:01Z}", "[isolate]"),
    ];
    assert_eq!(run_tests(&load(&rule.concat()).unwrap()), []);
}

#[test]
fn a_rule_without_a_mode_is_in_shadow() {
    let rules = load("{id: a, when: 'true', actions: []}").unwrap();
    assert_eq!(rules.rules()[0].mode, Mode::Shadow);
}

#[test]
fn a_mistake_in_a_condition_points_into_the_yaml_file() {
    let file = "id: a\nmode: auto\nwhen: |\n  alert.severity == 'High' &&\n  alert.statuss == 'New'\nactions: []\n";
    let problems = load(file).unwrap_err();
    let problem = &problems.0[0];
    assert_eq!((problem.origin.as_str(), problem.line, problem.column), ("rules.yaml", 5, 9), "{problem}");
    assert_eq!(problem.help.as_deref(), Some("did you mean `status`?"));
    assert_eq!(problem.source_line.as_deref(), Some("  alert.statuss == 'New'"));

    let file = "id: a\nwhen: |\n  alert.severity in ['High',\n    'Mediun'] && alert.status == \"Nwe\"\nactions: []\n";
    let said: Vec<String> =
        load(file).unwrap_err().0.iter().map(|p| format!("{}:{} {:?}", p.line, p.column, p.help)).collect();
    assert_eq!(said, ["4:5 Some(\"did you mean \\\"Medium\\\"?\")", "4:34 Some(\"did you mean \\\"New\\\"?\")"]);

    let file = "rules:\n  - id: a\n    when: alert.severity = 'High'\n    actions: []\n";
    assert!(mistakes(file)[0].starts_with("3:26 "), "{:?}", mistakes(file));
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once() {
    let one = "id: a b\nmode: automatic\nwhen: sevrity == 1\nactions:\n  - isolat: {comment: x}\nlimit: {1h: 3}\n";
    let two = "id: c\nactions:\n  - isolate: {type: Complete}\nlimits: {1x: 3, 2h: 0}\ntests:\n  - {name: t, given: {alert: {severty: High}}, expect: [isolated]}\n";
    let files = [("one.yaml".to_owned(), one.to_owned()), ("two.yaml".to_owned(), two.to_owned())];
    let text = RuleSet::load(&files).unwrap_err().to_string();
    for part in [
        "the rule id holds the character ' '",
        "\"automatic\" is not one of shadow, approve, auto",
        "unknown variable `sevrity`",
        "did you mean `alert.severity`?",
        "did you mean `isolate`?",
        "did you mean \"limits\"?",
        "two.yaml:",
        "\"Complete\" is not one of Full, Selective",
        "comment: required, but missing",
        "`1x`: expected a duration",
        "at least 1; to stop all actions",
        "when: required, but missing",
        "did you mean \"severity\"?",
        "`isolated` cannot be expected; did you mean `isolate`?",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn a_rule_id_that_is_used_twice_is_a_mistake_that_names_both_places() {
    let text = |id: &str| format!("id: {id}\nwhen: 'true'\nactions: []\n");
    let files = [("one.yaml".to_owned(), text("a")), ("two.yaml".to_owned(), text("a"))];
    let problems = RuleSet::load(&files).unwrap_err();
    assert_eq!((problems.0[0].origin.as_str(), problems.0[0].line), ("two.yaml", 1));
    assert!(problems.0[0].message.contains("one.yaml:1:"), "{problems}");
}

#[test]
fn actions_must_be_written_and_not_twice_of_one_kind() {
    assert!(mistakes("{id: a, when: 'true'}")[0].contains("actions: required"));
    let twice = "id: a\nwhen: 'true'\nactions:\n  - isolate: {comment: x}\n  - isolate: {comment: y}\n";
    assert!(mistakes(twice)[0].contains("twice"), "{:?}", mistakes(twice));
}

#[test]
fn the_hash_of_a_rule_set_stays_what_it_was_when_other_kinds_could_not_be_asked_for() {
    assert_eq!(load(ISOLATE_HIGH).unwrap().hash(), "7cfd32a2799c75de4b814918cb48a3bc");
}

#[test]
fn the_hash_follows_what_decides_and_nothing_else() {
    let hash = |text: &str| load(text).unwrap().hash().to_owned();
    let base = hash(ISOLATE_HIGH);
    assert_eq!(base, hash(&ISOLATE_HIGH.replace("Isolate a client", "Isolates a client")));
    assert_eq!(base, hash(&ISOLATE_HIGH.replace("# Isolates", "# isolates")));
    for (from, to) in [
        ("id: isolate-high", "id: other"),
        ("mode: auto", "mode: approve"),
        ("== \"High\"", "== \"Low\""),
        ("Full", "Selective"),
        ("1h: 15", "1h: 14"),
    ] {
        assert_ne!(base, hash(&ISOLATE_HIGH.replacen(from, to, 1)), "{from}");
    }
    let (a, b) = ("{id: a, when: 'true', actions: []}".to_owned(), "{id: b, when: 'true', actions: []}".to_owned());
    let set = |files: [(&str, &String); 2]| {
        RuleSet::load(&files.map(|(name, text)| (name.to_owned(), text.clone()))).unwrap().hash().to_owned()
    };
    assert_eq!(set([("1", &a), ("2", &b)]), set([("1", &b), ("2", &a)]));
}
