//! What becomes of actions when the same responder plays them that runs live.

use serde_json::json;

use super::made::{Files, record, rule, told, with};

const HIGH: &str = "alert.severity == \"High\"";

#[test]
fn an_alert_that_matches_isolates_its_machine_and_a_second_one_on_it_is_covered() {
    let files = Files::new(&[record("a1", "m1", 0), record("a2", "m1", 10), record("a3", "m2", 20)]);
    let rules = files.write("rules/high.yaml", &rule("high", HIGH));
    let document = files.backtest(&["--rules", &rules, "--fleet", "1000"]).unwrap();
    assert_eq!(told(&document), ["m1 isolate: nothing -> done", "m2 isolate: nothing -> done"]);
    let isolate = &document.totals.after.actions["isolate"];
    assert_eq!((isolate["done"], isolate["covered"], document.totals.after.isolated), (2, 1, 2));
    let first = document.actions.added[0].after.as_ref().unwrap();
    assert_eq!((first.alert.id.as_str(), first.alerts, first.done), ("a1", 2, 1));
}

#[test]
fn an_isolation_that_is_added_uses_up_the_cap_of_what_comes_later() {
    let files = Files::new(&[
        with(record("a1", "m1", 0), &json!({"severity": "Medium"})),
        record("a2", "m2", 60),
        record("a3", "m3", 120),
    ]);
    let (old, new) = (
        files.write("old/high.yaml", &rule("high", HIGH)),
        files.write("new/high.yaml", &rule("high", "alert.severity in [\"Medium\", \"High\"]")),
    );
    let guards = files.write("guards.yaml", "caps: {all_rules: {1h: 2}}\n");
    let document = files.backtest(&["--rules", &new, "--against", &old, "--guards", &guards]).unwrap();
    assert_eq!(told(&document), ["m1 isolate: nothing -> done", "m3 isolate: done -> held"]);
    assert_eq!(document.actions.unchanged, 1);
    let latched = &document.latches.after;
    assert_eq!((latched.len(), document.latches.before.as_ref().map(Vec::len)), (1, Some(0)));
    assert!(latched[0].why.contains("all_rules 1h"), "{latched:?}");
}

#[test]
fn what_the_never_list_forbids_is_refused_and_counted() {
    let mut never = record("a1", "m1", 0);
    never["machine"]["machineTags"] = json!(["cordon-never"]);
    let files = Files::new(&[never]);
    let rules = files.write("rules/high.yaml", &rule("high", HIGH));
    let document = files.backtest(&["--rules", &rules, "--deny", "never-list"]).unwrap();
    assert_eq!(told(&document), ["m1 isolate: nothing -> refused"]);
    assert_eq!(document.totals.after.never_list, 1);
    assert!(!document.gates[0].holds, "{:?}", document.gates);
}

#[test]
fn a_share_of_a_fleet_that_nobody_has_counted_is_told_as_not_reproducible_beyond_its_floor() {
    let records: Vec<_> =
        (0..4).map(|number| record(&format!("a{number}"), &format!("m{number}"), number * 60)).collect();
    let files = Files::new(&records);
    let rules = files.write("rules/high.yaml", &rule("high", HIGH));
    let guards = files.write("guards.yaml", "caps: {fleet_share: {1d: 50%, floor: 2}}\n");
    let unknown = files.backtest(&["--rules", &rules, "--guards", &guards]).unwrap();
    assert_eq!(unknown.unreproducible.after.len(), 2, "{:?}", unknown.unreproducible);
    assert!(unknown.unreproducible.after[0].why.contains("--fleet"));
    let known = files.backtest(&["--rules", &rules, "--guards", &guards, "--fleet", "100"]).unwrap();
    assert_eq!((known.unreproducible.after.len(), known.totals.after.isolated), (0, 4));
}

#[test]
fn the_order_of_time_decides_and_not_that_of_lines() {
    let records = [record("a3", "m3", 120), record("a1", "m1", 0), record("a2", "m2", 60)];
    let files = Files::new(&records);
    let rules = files.write("rules/high.yaml", &rule("high", HIGH));
    let guards = files.write("guards.yaml", "caps: {all_rules: {1h: 2}}\n");
    let document = files.backtest(&["--rules", &rules, "--guards", &guards]).unwrap();
    assert_eq!(
        told(&document),
        ["m1 isolate: nothing -> done", "m2 isolate: nothing -> done", "m3 isolate: nothing -> held"]
    );
}

#[test]
fn an_isolation_with_an_end_is_let_back_when_its_time_is_over() {
    let files = Files::new(&[record("a1", "m1", 0), record("a2", "m1", 3 * 3_600)]);
    let text = rule("high", HIGH).replace("comment: test", "comment: test, release_after: 1h");
    let rules = files.write("rules/high.yaml", &text);
    let document = files.backtest(&["--rules", &rules]).unwrap();
    assert_eq!(told(&document), ["m1 isolate: nothing -> done", "m1 release: nothing -> done"]);
    assert_eq!(document.totals.after.actions["isolate"]["done"], 2, "isolated again after it was let back");
}

#[test]
fn a_sweep_tells_for_each_value_of_a_setting_what_it_would_do() {
    let records: Vec<_> =
        (0..6).map(|number| record(&format!("a{number}"), &format!("m{number}"), number * 60)).collect();
    let files = Files::new(&records);
    let rules = files.write("rules/high.yaml", &rule("high", HIGH));
    let document = files.backtest(&["--rules", &rules, "--sweep", "caps.all_rules.1h=2,4,20"]).unwrap();
    let rows: Vec<_> =
        document.sweep.iter().map(|row| (row.setting.as_str(), row.isolated, row.held, row.latches)).collect();
    assert_eq!(
        rows,
        [("caps.all_rules.1h=2", 2, 4, 1), ("caps.all_rules.1h=4", 4, 2, 1), ("caps.all_rules.1h=20", 6, 0, 0)]
    );
    let wrong = files.backtest(&["--rules", &rules, "--sweep", "caps.all_rulez.1h=2"]).unwrap_err().to_string();
    assert!(wrong.contains("all_rulez") && wrong.contains("did you mean"), "{wrong}");
}

#[test]
fn what_is_held_is_done_where_people_say_yes_to_all_also_where_two_are_asked_for() {
    let mut server = record("a1", "m1", 0);
    server["machine"]["osPlatform"] = json!("WindowsServer2022");
    let files = Files::new(&[server]);
    let rules = files.write("rules/high.yaml", &rule("high", HIGH));
    let guards = files.write("guards.yaml", "approvals: {two_people: {kinds: [isolate]}}\n");
    let outcome = |arguments: &[&str]| {
        let all = [&["--rules", &rules, "--guards", &guards], arguments].concat();
        told(&files.backtest(&all).unwrap())
    };
    assert_eq!(outcome(&[]), ["m1 isolate: nothing -> held"]);
    assert_eq!(outcome(&["--approvals", "all"]), ["m1 isolate: nothing -> done"]);
}

#[test]
fn a_machine_that_is_isolated_after_it_was_held_counts_among_what_people_found_as_well() {
    // Keys of actions have no order in time, so that each of many machines may come first by either.
    let mut records = Vec::new();
    for number in 0..12 {
        let (machine, at) = (format!("m{number:02}"), number * 600);
        let old = json!({"alertCreationTime": "2026-08-01T00:00:00Z", "lastEventTime": "2026-08-01T00:00:00Z"});
        records.push(with(record(&format!("old{number}"), &machine, at), &old));
        records.push(record(&format!("new{number}"), &machine, at + 60));
    }
    let files = Files::new(&records);
    let rules = files.write("rules/high.yaml", &rule("high", HIGH));
    let totals = files.backtest(&["--rules", &rules, "--fleet", "10000"]).unwrap().totals.after;
    let isolate = &totals.actions["isolate"];
    assert_eq!((isolate["held"], isolate["done"], totals.isolated), (12, 12, 12), "{isolate:?}");
    assert_eq!(totals.found.values().sum::<u64>(), totals.isolated, "{:?}", totals.found);
}

#[test]
fn what_is_explained_is_the_decision_that_made_an_action_stronger() {
    // Only rehearsed at first; the update makes it High.
    let worse = json!({"category": "Impact", "lastUpdateTime": "2026-09-01T08:09:55Z"});
    let first = with(record("a1", "m1", 0), &json!({"severity": "Medium"}));
    let files = Files::new(&[first, with(record("a1", "m1", 600), &worse)]);
    let narrow = format!("{HIGH} && alert.category == \"Ransomware\"");
    for (side, high) in [("old", narrow.as_str()), ("new", HIGH)] {
        files.write(&format!("{side}/high.yaml"), &rule("high", high));
        let medium = rule("medium", "alert.severity == \"Medium\"").replace("mode: auto", "mode: shadow");
        files.write(&format!("{side}/medium.yaml"), &medium);
    }
    let [before, after] = ["old", "new"].map(|side| files.path(side).display().to_string());
    let document = files.backtest(&["--rules", &after, "--against", &before]).unwrap();
    assert_eq!(told(&document), ["m1 isolate: would -> done"]);
    let change = &document.actions.changed[0];
    assert!(change.after.as_ref().unwrap().alert.place.ends_with(":2"), "{change:?}");
    let flipped = change.flipped.iter().map(|flip| (flip.rule.as_str(), &flip.values[..])).collect::<Vec<_>>();
    assert_eq!(flipped, [("high", &[("alert.category".to_owned(), "Impact".to_owned())][..])]);
}
