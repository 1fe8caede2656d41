//! The canonical form: what it looks like, and that it changes nothing that counts.

use proptest::prelude::*;

use super::super::{FormatError, LocatedRule, format};
use super::ISOLATE_HIGH;

fn formatted(text: &str) -> String {
    format("r.yaml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn a_delivered_rule_is_in_the_canonical_form() {
    assert_eq!(formatted(ISOLATE_HIGH), ISOLATE_HIGH);
}

#[test]
fn keys_come_in_one_order_each_with_the_comments_above_it_and_the_header_stays_at_the_top() {
    let text = "# of the file\n\n# still of the file\nactions:    # what\n- isolate:\n      comment:   x   # why\n      \
                type: Full\n\n\n# of the mode\nmode:  auto\n\n# of the id\nid: a\nwhen: 'true'\n\n# the end\n";
    let expected = "# of the file\n\n# still of the file\n\n# of the id\nid: a\n\n# of the mode\nmode: auto\nwhen: 'true'\n\
                    actions:    # what\n  - isolate:\n      comment: x   # why\n      type: Full\n\n# the end\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn comments_in_a_list_stay_in_it_and_blocks_keep_their_text() {
    let text = "id: a\nactions:\n    - isolate: {comment: x}\n    # - more: {comment: y}\nwhen:  |   # why\n     \
                alert.title ==   'a # b' ||  \n\n       alert.title == 'c'\n\nlimits: {1h: 3}\n";
    let expected = "id: a\nwhen: |   # why\n  alert.title ==   'a # b' ||  \n\n    alert.title == 'c'\nactions:\n  \
                    - isolate: {comment: x}\n  # - more: {comment: y}\n\nlimits: {1h: 3}\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn a_long_or_folded_condition_becomes_a_block_of_the_same_text() {
    let long = format!("alert.title in [{}]", ["'some title that is long'"; 5].join(", "));
    let text = format!("id: a\nwhen: {long}   # five\nactions: []\n");
    assert_eq!(formatted(&text), format!("id: a\nwhen: |  # five\n  {long}\nactions: []\n"));
    let folded = "id: a\nwhen: >-\n  alert.title == 'a' ||\n  alert.title == 'b'\nactions: []\n";
    assert_eq!(formatted(folded), "id: a\nwhen: |\n  alert.title == 'a' || alert.title == 'b'\nactions: []\n");
    for quoted in ["alert.title == 'a'\n    || alert.title == 'b'", "\"alert.title == 'a'\n  || alert.title == 'b'\""] {
        let text = format!("id: a\nwhen: {quoted}\nactions: []\n");
        assert_eq!(formatted(&text), "id: a\nwhen: |\n  alert.title == 'a' || alert.title == 'b'\nactions: []\n");
    }
}

#[test]
fn a_list_of_rules_is_formatted_rule_by_rule() {
    let text = "# all\nrules:\n# first\n-   when: 'true'\n    # the id\n    id: a\n    actions: []\n    tests:\n    - name: n\n      expect:\n      - isolate\n      given:\n         alert: {severity: High,\n           status: New}\n\n-   {id: b, when: 'true', actions: []}\n";
    let expected = "# all\nrules:\n  # first\n  # the id\n  - id: a\n    when: 'true'\n    actions: []\n    tests:\n      - name: n\n        expect:\n          - isolate\n        given:\n          alert: {severity: High,\n            status: New}\n\n  - {id: b, when: 'true', actions: []}\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn a_file_with_mistakes_or_in_a_form_that_cannot_be_moved_is_left_alone() {
    assert!(matches!(format("r.yaml", "id: a\nwhen: nope\nactions: []\n"), Err(FormatError::Mistakes(_))));
    let numbered = "id: a\nactions: []\nwhen: |2\n    true\n";
    let error = format("r.yaml", numbered).unwrap_err().to_string();
    assert!(error.contains("r.yaml is left as it is: line 3"), "{error}");
    let alias = "id: a\nwhen: 'true'\nactions: []\ntests: [{name: &said one, expect: []}]\ndescription: *said\n";
    let error = format("r.yaml", alias).unwrap_err().to_string();
    assert!(error.contains("its rules or comments would change"), "an alias before its anchor: {error}");
}

/// Rule files in many spellings: a condition, notes and indentations are drawn, keys shuffled.
fn files() -> impl Strategy<Value = String> {
    let note = prop_oneof![
        Just(String::new()),
        Just("# note: 'x'\n".to_owned()),
        Just("\n".to_owned()),
        Just("  # deep\n\n\n".to_owned())
    ];
    let end = prop_oneof![Just(""), Just("   # here's \"one\""), Just(" #")];
    let when = prop_oneof![
        Just("when: alert.title == 'it''s #1'"),
        Just("when: 'alert.title == \"a\" # b'"),
        Just("when: \"alert.title == 'a' \\\n    || true\""),
        Just("when: |\n    alert.title == '#'  \n\n      || true"),
        Just("when: >-\n  alert.title == 'x'\n  || true"),
        Just("when:\n   alert.title == 'y' ||\n   true"),
        Just(
            "when: alert.title.contains('a very long text to look for in the title of the alert') || alert.title == 'x y z'"
        ),
    ];
    let actions = prop_oneof![
        Just("actions: []"),
        Just("actions:\n- isolate: {comment: 'a: b # c'}"),
        Just(
            "actions:\n    -   isolate:\n            comment: >\n                two\n                lines\n            type: Full"
        ),
        Just("actions: [\n  {isolate: {comment: x,\n     type: Selective}}\n]"),
    ];
    let tests = prop_oneof![
        Just("tests:\n- {name: n, expect: []}"),
        Just(
            "tests:\n  - name: \"#1 of\n      two\"\n    # inside\n    given: {alert: {severity: High}}\n    expect: []\n  # last"
        ),
        Just("tests: # none\n"),
    ];
    let description = prop_oneof![
        Just("description:   one line"),
        Just("'description': \"it's: # x\""),
        Just("description: |+\n  a\n\n")
    ];
    let keys = (description, when, actions, tests)
        .prop_map(|(a, b, c, d)| vec!["id: a", "mode:  auto", a, b, c, d, "limits: {1h:   3}"]);
    (keys.prop_shuffle(), proptest::collection::vec((note, end), 8), any::<bool>()).prop_map(
        |(keys, notes, is_list)| {
            let mut text = String::new();
            for (key, (note, end)) in keys.iter().zip(&notes) {
                let may_end = !key.contains('\n') && !key.ends_with('#');
                text.push_str(&format!("{note}{key}{}\n", if may_end { end } else { &"" }));
            }
            if !is_list {
                return text;
            }
            let lines =
                text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") });
            format!("rules:\n  -\n{}", lines.collect::<String>())
        },
    )
}

/// Everything that a comment of the generated files says, counted.
fn comments(text: &str) -> [usize; 5] {
    ["# note: 'x'", "# deep", "# here's \"one\"", "# inside", "# last"].map(|comment| text.matches(comment).count())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_global_rejects: 100_000, ..ProptestConfig::default() })]
    #[test]
    fn formatting_twice_is_formatting_once_and_no_rule_test_or_comment_changes(text in files()) {
        let load = |text: &str| LocatedRule::load(&[("r.yaml".to_owned(), text.to_owned())]);
        let Ok(before) = load(&text) else { return Err(TestCaseError::reject("no valid YAML")) };
        let once = match format("r.yaml", &text) {
            Ok(once) => once,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{text}"))),
        };
        prop_assert_eq!(format("r.yaml", &once).unwrap(), once.clone(), "{}\n----\n{}", text, once);
        let after = load(&once).unwrap();
        let set = |rules: &[LocatedRule]| {
            let rules: Vec<_> = rules.iter().map(|located| located.rule.clone()).collect();
            let tests: Vec<_> = rules.iter().map(|rule| (rule.description.clone(), rule.tests.clone())).collect();
            (crate::rules::RuleSet::of(rules).hash().to_owned(), tests)
        };
        prop_assert_eq!(set(&before), set(&after));
        prop_assert_eq!(comments(&text), comments(&once), "{}\n----\n{}", text, once);
    }

    #[test]
    fn no_text_makes_the_formatter_panic_or_change_a_rule(text in "(id: a|when: 'true'|actions: \\[\\]|- | |\n|#|\"|'|\\{|\\}|\\||:|ä){0,30}") {
        for text in [text.clone(), format!("id: a\nwhen: 'true'\n{text}\nactions: []\n")] {
            if let Ok(formatted) = super::super::format("r.yaml", &text) {
                let rules = |text: &str| format!("{:?}", LocatedRule::load(&[("r".to_owned(), text.to_owned())]).unwrap()[0].rule);
                prop_assert_eq!(rules(&text), rules(&formatted));
            }
        }
    }
}
