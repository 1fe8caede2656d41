//! What differs between two rule sets is told with its cause.

use serde_json::json;

use super::made::{Files, record, rule, told, with};
use crate::document::{Found, Standing};

#[test]
fn a_condition_that_flipped_is_named_with_the_values_that_flipped_it() {
    let files = Files::new(&[record("a1", "m1", 0)]);
    let old = files.write("old/r.yaml", &rule("r", "alert.severity == \"High\" && alert.category == \"Ransomware\""));
    let new = files.write("new/r.yaml", &rule("r", "alert.severity == \"High\""));
    let document = files.backtest(&["--rules", &new, "--against", &old]).unwrap();
    assert_eq!(told(&document), ["m1 isolate: nothing -> done"]);
    let change = &document.actions.added[0];
    assert_eq!(change.why, "rule r changed its condition");
    let flip = &change.flipped[0];
    assert_eq!((flip.part.as_str(), flip.before.as_deref()), ("alert.category == \"Ransomware\"", Some("false")));
    assert_eq!(flip.values, [("alert.category".to_owned(), "Execution".to_owned())]);
    assert_eq!(change.after.as_ref().unwrap().alert.title, "Attack a1");
    assert_eq!(change.name.as_deref(), Some("m1.example.com"));
}

#[test]
fn rules_that_are_new_or_gone_and_modes_that_changed_are_named() {
    let files = Files::new(&[record("a1", "m1", 0)]);
    let high = rule("high", "alert.severity == \"High\"");
    let old = files.write("old/r.yaml", &high.replace("mode: auto", "mode: shadow"));
    let new = files.write("new/r.yaml", &high);
    let none = files.write("none/r.yaml", &rule("none", "alert.severity == \"Low\""));
    let changed = files.backtest(&["--rules", &new, "--against", &old]).unwrap();
    assert_eq!(told(&changed), ["m1 isolate: would -> done"]);
    assert_eq!(changed.actions.changed[0].why, "rule high changed its mode (shadow to auto)");
    let added = files.backtest(&["--rules", &new, "--against", &none]).unwrap();
    assert_eq!(added.actions.added[0].why, "rule high is new");
    let standings: Vec<_> = added.rules.iter().map(|rule| (rule.id.as_str(), rule.standing)).collect();
    assert_eq!(standings, [("high", Standing::New), ("none", Standing::Gone)]);
    let removed = files.backtest(&["--rules", &none, "--against", &new]).unwrap();
    assert_eq!(told(&removed), ["m1 isolate: done -> nothing"]);
    assert_eq!(removed.actions.removed[0].why, "rule high is gone");
}

#[test]
fn equal_rules_change_nothing_and_what_people_found_later_is_told() {
    let closed =
        json!({"status": "Resolved", "classification": "FalsePositive", "lastUpdateTime": "2026-09-02T08:00:00Z"});
    let files = Files::new(&[record("a1", "m1", 0), with(record("a1", "m1", 86_400), &closed)]);
    let rules = files.write("rules/r.yaml", &rule("r", "alert.severity == \"High\""));
    let same = files.backtest(&["--rules", &rules, "--against", &rules]).unwrap();
    assert_eq!((told(&same), same.actions.unchanged), (vec![], 1));
    let alone = files.backtest(&["--rules", &rules]).unwrap();
    assert_eq!(alone.actions.added[0].found, Found::FalsePositive);
    assert_eq!(alone.totals.after.found["false positive"], 1);
}

#[test]
fn a_rule_that_never_matched_says_which_part_alone_kept_it_from_it() {
    let mut records: Vec<_> = (0..5).map(|n| record(&format!("a{n}"), &format!("m{n}"), n * 60)).collect();
    // Kept from it by two parts, so by none alone.
    records.push(with(record("a9", "m9", 600), &json!({"severity": "Low"})));
    let files = Files::new(&records);
    let rules = files.write(
        "rules/r.yaml",
        &rule(
            "r",
            "alert.severity == \"High\" && alert.category == \"Ransomware\" && machine.osPlatform == \"Windows11\"",
        ),
    );
    let document = files.backtest(&["--rules", &rules]).unwrap();
    let row = &document.rules[0];
    assert_eq!((row.matched, row.nearest.len(), row.nearest[0].records), (0, 1, 5));
    assert_eq!(row.nearest[0].part, "alert.category == \"Ransomware\"");
}

#[test]
fn a_rule_that_cannot_be_judged_gives_an_example_and_asks_a_person() {
    let mut lost = record("a1", "m1", 0);
    lost["machine"] = json!(null);
    lost["missing"] = json!([{"what": "machine", "why": "404"}]);
    let files = Files::new(&[lost, record("a2", "m2", 60)]);
    let rules = files.write("rules/r.yaml", &rule("r", "alert.severity == \"High\""));
    let document = files.backtest(&["--rules", &rules, "--deny", "errors"]).unwrap();
    assert_eq!((document.rules[0].matched, document.rules[0].errors), (1, 1));
    assert!(document.rules[0].error.as_ref().unwrap().why.contains("could not be had: 404"));
    assert_eq!(document.totals.after.needs_human, 1);
    assert!(!document.gates[0].holds);
    assert!(told(&document).contains(&"m1 look: nothing -> needs_human".to_owned()), "{:?}", told(&document));
}

#[test]
fn what_stands_in_the_place_of_a_part_that_flipped_is_named_beside_it() {
    let files = Files::new(&[record("a1", "m1", 0)]);
    let narrow = files.write("narrow/r.yaml", &rule("r", "alert.severity == \"Low\" && alert.status == \"New\""));
    let wide =
        files.write("wide/r.yaml", &rule("r", "alert.severity in [\"Low\", \"High\"] && alert.status == \"New\""));
    let flips = |new: &str, old: &str| -> Vec<(Option<String>, Option<String>)> {
        let document = files.backtest(&["--rules", new, "--against", old]).unwrap();
        let changes = document.actions.added.iter().chain(&document.actions.removed);
        changes.flat_map(|change| &change.flipped).map(|flip| (flip.before.clone(), flip.after.clone())).collect()
    };
    let (no, yes) = (Some("false".to_owned()), Some("true".to_owned()));
    assert_eq!(flips(&wide, &narrow), [(no.clone(), None), (None, yes.clone())]);
    assert_eq!(flips(&narrow, &wide), [(None, no), (yes, None)]);
}
