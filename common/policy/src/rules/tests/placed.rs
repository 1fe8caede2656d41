//! Where the mistakes of a condition are told, and what a comment inside of one does.

use proptest::prelude::*;

use super::{load, mistakes};

/// A rule with this written behind `when:`.
fn rule(when: &str) -> String {
    format!("id: a\nactions: []\nwhen: {when}\n")
}

/// What the file shows from the place of each mistake on, to the end of the line.
fn shown(text: &str) -> Vec<String> {
    let problems = load(text).expect_err(text);
    let at = |p: &cordon_settings::Problem| {
        let line = text.lines().nth(p.line - 1).unwrap();
        assert!(p.column <= line.chars().count(), "{p} is past the end of its line");
        line.chars().skip(p.column - 1).collect()
    };
    problems.0.iter().map(at).collect()
}

#[test]
fn a_comment_that_would_take_the_rest_of_the_condition_with_it_is_a_mistake_at_its_place() {
    for when in [
        ">\n  alert.severity == 'High' // all of them\n  && machine.osPlatform == 'Windows11'",
        ">-\n  alert.severity == 'High' // all of them\n  && machine.osPlatform == 'Windows11'",
        "alert.severity == 'High' // all of them\n  && machine.osPlatform == 'Windows11'",
        "\n  alert.severity == 'High' // all of them\n  && machine.osPlatform == 'Windows11'",
        "\"alert.severity == 'High' // all of them\n  && machine.osPlatform == 'Windows11'\"",
        "'alert.severity == \"High\" // all of them\n  && machine.osPlatform == \"Windows11\"'",
        "alert.severity == 'High' // all of them",
        "alert.severity == 'High' && // all of them\n  machine.osPlatform == 'Windows11'",
    ] {
        let text = rule(when);
        let problems = load(&text).expect_err(when);
        assert_eq!(problems.0.len(), 1, "no echo of the parser: {problems}");
        let told = problems.to_string();
        assert!(told.contains("`//` would make a comment of all that follows") && told.contains("`when: |`"), "{told}");
        assert_eq!(shown(&text), ["// all of them"], "{problems}");
    }
}

#[test]
fn a_comment_in_a_block_that_keeps_its_lines_and_slashes_in_a_text_are_fine() {
    for when in [
        "|\n  alert.severity == 'High' // all of them\n  && machine.osPlatform == 'Windows11'",
        "|- # why\n  // first\n  alert.severity == 'High'",
        "|\n\n    // first\n    alert.severity == 'High'",
        "&w |\n  alert.severity == 'High' // all",
        ">\n  alert.title.contains('http://') ||\n  alert.title.matches(\"^https?://\")",
        "alert.title.contains(\"http://\") && 1 / 2 == 0",
        "\"alert.title.contains('http://')\"",
        "'alert.title.contains(''http://'')'",
    ] {
        load(&rule(when)).unwrap_or_else(|problems| panic!("{problems}"));
    }
    let named = "rules:\n  - {id: a, when: &w 'true', actions: []}\n  - {id: b, when: *w, actions: []}\n";
    assert_eq!(load(named).unwrap().rules().len(), 2);
    let block =
        "rules:\n  - id: a\n    when: &w |\n      true // x\n    actions: []\n  - {id: b, when: *w, actions: []}\n";
    assert_eq!(load(block).unwrap().rules().len(), 2);
}

#[test]
fn a_mistake_is_told_at_its_place_however_the_condition_is_written() {
    for when in [
        "|\n  alert.severity == 'High' &&\n    alert.statuss == 'New' ||\n  alert.title.startWith('x')",
        ">\n  alert.severity == 'High' &&\n  alert.statuss == 'New' ||\n\n  alert.title.startWith('x')",
        ">-\n\n  alert.severity == 'High' &&\n    alert.statuss == 'New' ||\n  alert.title.startWith('x')",
        "alert.severity == 'High' &&\n   alert.statuss == 'New'\n  || alert.title.startWith('x')",
        "\n    alert.severity == 'High' &&\n  alert.statuss == 'New'\n   || alert.title.startWith('x')",
        "'alert.severity == ''High'' &&\n\n    alert.statuss == ''New'' ||\n  alert.title.startWith(''x'')'",
        "\"alert.severity == \\\"High\\\" \\\n    && alert.statuss\n  == '\\x4e\\u0065w' || alert.title.startWith('x')\"",
        "&w !!str \"alert.severity == 'High'\n  && alert.statuss == 'New' || alert.title.startWith('x')\"",
    ] {
        let shown = shown(&rule(when));
        assert_eq!(shown.len(), 2, "{when}: {shown:?}");
        assert!(shown[0].starts_with("statuss") && shown[1].starts_with("startWith"), "{when}: {shown:?}");
    }
}

#[test]
fn a_mistake_behind_the_last_character_is_told_at_that_character() {
    for when in ["|\n  users == [] &&", ">\n  users == []\n  &&", "users == [] &&", "'users == []\n  &&'"] {
        let shown = shown(&rule(when));
        assert!(shown.len() == 1 && shown[0].trim_end_matches('\'') == "&", "{when}: {shown:?}");
    }
}

#[test]
fn an_alias_is_told_where_its_anchor_is_and_an_unheard_of_escape_at_the_start_of_the_value() {
    let text = "rules:\n  - {id: a, description: &w 'alert.titel == \"x\"', when: 'true', actions: []}\n  - {id: b, when: *w, actions: []}\n";
    assert!(shown(text)[0].starts_with("titel"), "{:?}", shown(text));
    assert!(mistakes(text)[0].contains("rules[1].when"), "{:?}", mistakes(text));
    let odd = rule("\"alert.title == '\\_' && alert.titel == ''\"");
    assert_eq!(shown(&odd), ["\"alert.title == '\\_' && alert.titel == ''\""]);
}

#[test]
fn the_path_of_a_rule_in_a_list_counts_what_is_no_rule_too() {
    let told = mistakes("rules:\n  - 7\n  - {id: a, when: nope, actions: []}\n");
    assert!(told.iter().any(|told| told.starts_with("3:19 rules[1].when: unknown variable `nope`")), "{told:?}");
}

proptest! {
    #[test]
    fn no_way_of_writing_a_condition_moves_a_mistake_off_its_line(
        words in prop::collection::vec(prop_oneof![Just("alert.titel"), Just("=="), Just("'a b'"), Just("&&"), Just("//"), Just("ä")], 1..9),
        breaks in prop::collection::vec(any::<bool>(), 9),
        style in 0..5_usize,
    ) {
        let mut when = String::new();
        for (word, is_break) in words.iter().zip(breaks) {
            when += word;
            when += if is_break { "\n  " } else { " " };
        }
        let when = when.trim_end();
        let text = rule(&match style {
            0 => format!("|\n  {when}"),
            1 => format!(">-\n  {when}"),
            2 => format!("\"{when}\""),
            3 => format!("'{}'", when.replace('\'', "''")),
            _ => format!("\n  {when}"),
        });
        if let Err(problems) = load(&text) {
            for problem in problems.0.iter().filter(|problem| problem.path == "when") {
                let line = text.lines().nth(problem.line - 1).unwrap();
                prop_assert!(problem.line >= 3 && problem.column <= line.chars().count(), "{}", problem);
            }
        }
    }
}
