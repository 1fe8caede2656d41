//! What lint warns of, and what it leaves alone.

use super::super::lint;
use super::ISOLATE_HIGH;

fn warnings(files: &[&str], recorded: &str) -> Vec<String> {
    let name = |(index, text): (usize, &&str)| (format!("{index}.yaml"), (*text).to_owned());
    let files: Vec<(String, String)> = files.iter().enumerate().map(name).collect();
    let recorded: Vec<_> =
        (!recorded.is_empty()).then(|| ("r.json".to_owned(), recorded.to_owned())).into_iter().collect();
    let found = lint(&files, &recorded);
    assert!(found.mistakes.is_empty(), "{}", found.mistakes);
    found.warnings.iter().map(|w| format!("{}:{}:{} {} {}", w.origin, w.line, w.column, w.path, w.message)).collect()
}

#[test]
fn a_rule_as_it_should_be_has_no_warning() {
    assert_eq!(warnings(&[ISOLATE_HIGH], ""), [""; 0]);
}

#[test]
fn what_a_team_would_regret_is_a_warning_at_the_rules_id() {
    let bare = "mode: auto\nid: bare\nwhen: 'true'\nactions: [{isolate: {comment: x}}]\n";
    assert_eq!(
        warnings(&[bare], ""),
        [
            "0.yaml:2:5 bare has no description",
            "0.yaml:2:5 bare matches every alert",
            "0.yaml:2:5 bare has no tests",
            "0.yaml:2:5 bare acts by itself without limits of its own",
        ]
    );
}

#[test]
fn needs_human_is_neither_a_positive_nor_a_negative_test_and_a_recorded_test_counts() {
    let rule = "id: r\ndescription: d\nwhen: alert.severity == 'High'\nactions: [{isolate: {comment: x}}]\n\
                tests: [{name: n, given: {machine: null}, expect: [needs_human]}]\n";
    assert_eq!(warnings(&[rule], "").len(), 2);
    let recorded =
        r#"{"rule": "r", "name": "m", "given": {"now": "2026-01-01T00:00:00Z", "alert": {"id": "a"}}, "expect": []}"#;
    assert_eq!(warnings(&[rule], recorded), ["0.yaml:1:5 r has no test that expects an action"]);
}

#[test]
fn a_rule_without_actions_is_told_once_and_not_asked_for_tests() {
    assert_eq!(
        warnings(&["id: r\ndescription: d\nwhen: 'true'\nactions: []\n"], ""),
        ["0.yaml:1:5 r asks for no action"]
    );
}

#[test]
fn a_value_that_is_nearly_a_known_one_is_told_where_it_stands_with_what_is_meant() {
    let rule = |when: &str| format!("id: r\ndescription: d\nwhen: {when}\nactions: []\n");
    let block = "|\n  alert.category in ['Malware',\n    'Malwre'] // 'Malwre'";
    let folded = ">-\n  alert.title == 'ä' &&\n  alert.category == 'Malwre'";
    for (when, place) in [(block, "5:5"), (folded, "5:21"), ("'\"Malwre\" == alert.category'", "3:8")] {
        let told = warnings(&[&rule(when)], "");
        assert_eq!(told[1..], [format!("0.yaml:{place} r \"Malwre\" is no value of alert.category that is known")]);
    }
    let files = [("a.yaml".to_owned(), rule(block))];
    assert_eq!(lint(&files, &[]).warnings[1].help.as_deref(), Some("did you mean \"Malware\"?"));
    assert_eq!(warnings(&[&rule("alert.category == 'QuantumTheft'")], "").len(), 1, "it may be new");
}

#[test]
fn a_test_that_leaves_out_what_records_spell_otherwise_is_told_where_it_stands() {
    let rule = |when: &str| format!("id: r\ndescription: d\nwhen: {when}\nactions: []\n");
    let block = "|\n\n  alert.title == 'ä' ||\n  alert.determination.contains('User')";
    let expected = "6:32 r contains \"User\", as \"ConfirmedUserActivity\" does, but not \"ConfirmedActivity\"";
    assert_eq!(warnings(&[&rule(block)], "")[1..], [format!("0.yaml:{expected}")]);
    let refused = lint(&[("0.yaml".to_owned(), rule("alert.determination.contains('Clean')"))], &[]).mistakes;
    assert_eq!(refused.0[0].help.as_deref(), Some("\"Clean\": records spell it \"NotMalicious\""));
    assert_eq!((refused.0[0].line, refused.0[0].column), (3, 36));
}

#[test]
fn an_escape_that_means_something_else_than_it_looks_is_told_where_it_stands() {
    let rule = |when: &str| format!("id: r\ndescription: d\nwhen: {when}\nactions: []\n");
    let block = "|\n  alert.title.contains(\"C:\\temp\") ||\n  alert.title.matches(\"\\bword\")";
    let told = warnings(&[&rule(block)], "");
    assert_eq!(
        told[1..],
        [
            "0.yaml:4:24 r `\\temp` begins with a tab, not with a backslash",
            "0.yaml:5:23 r `\\bword` begins with a backspace, not with a backslash",
        ]
    );
    let quoted = "\"alert.title == 'C:\\temp'\"";
    let told = warnings(&[&rule(quoted)], "");
    assert!(told[1].contains("this text holds a tab, made by YAML"), "{told:?}");
    for (condition, means) in [
        (r"alert.title.matches(r'\bword')", "a backspace"),
        (r"alert.title.contains('C:\Program Files')", "a paragraph separator"),
        (r"alert.title.contains('C:\Logs')", "a line separator"),
        (r"alert.title.contains('C:\_old')", "a no-break space"),
        (r"alert.title.contains('C:\New')", "a next-line character"),
        (r"alert.title.contains('C:\evil')", "an escape character"),
        (r"alert.title.contains('C:\0day')", "a null character"),
    ] {
        let told = lint(&[("0.yaml".to_owned(), rule(&format!("\"{condition}\"")))], &[]);
        let told = format!("{} {:?}", told.mistakes, told.warnings);
        assert!(told.contains(&format!("this text holds {means}, made by YAML")), "{condition}: {told}");
    }
    let broken = "\"alert.title.contains(r'C:\\new')\"";
    assert!(!lint(&[("0.yaml".to_owned(), rule(broken))], &[]).mistakes.is_empty(), "a line break within a text");
    let right = "|\n  alert.title.contains(\"C:\\\\temp\") || alert.title.matches(r\"\\bword\")";
    assert_eq!(warnings(&[&rule(right)], "").len(), 1);
}

#[test]
fn tests_of_one_rule_that_share_a_name_are_told_once_wherever_they_are() {
    let rule = ISOLATE_HIGH.replace("Medium does nothing", "High on a laptop isolates");
    let expected = "0.yaml:8:5 isolate-high has 2 tests of the name \"High on a laptop isolates\"";
    assert_eq!(warnings(&[&rule], ""), [expected]);
    let recorded = r#"{"rule": "isolate-high", "name": "Medium does nothing", "expect": [],
        "given": {"now": "2026-01-01T00:00:00Z", "alert": {"id": "a"}}}"#;
    let told = warnings(&[ISOLATE_HIGH], recorded);
    assert_eq!(told, ["0.yaml:8:5 isolate-high has 2 tests of the name \"Medium does nothing\""]);
    let other = ISOLATE_HIGH.replace("id: isolate-high", "id: z").replace("== \"High\"", "== \"Low\"");
    assert_eq!(warnings(&[ISOLATE_HIGH, &other], ""), [""; 0], "two rules may share names");
}

#[test]
fn two_rules_with_the_same_condition_are_told_at_the_second_wherever_they_stand() {
    let other = ISOLATE_HIGH.replace("id: isolate-high", "id: a-copy").replace(" &&\n  alert", "  && alert");
    let told = warnings(&[ISOLATE_HIGH, &other], "");
    assert_eq!(told, ["0.yaml:8:5 isolate-high has the same condition as rule a-copy (1.yaml:8)"]);
}

#[test]
fn mistakes_of_rules_and_of_recorded_tests_are_told_together_and_the_sound_rules_still_warned_of() {
    let files = [("a.yaml", "id: a\nwhen: nope\nactions: []\n"), ("b.yaml", "id: b\nwhen: 'true'\nactions: []\n")];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let found = lint(&files, &[("c.json".to_owned(), "{\"rule\": \"gone\"}".to_owned())]);
    let told = found.mistakes.to_string();
    assert!(told.contains("unknown variable `nope`") && told.contains("c.json:1:1"), "{told}");
    assert!(!told.contains("there is no rule"), "while rules have mistakes nobody knows which there are: {told}");
    assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
}
