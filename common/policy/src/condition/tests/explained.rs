//! What an explanation says of a condition on the record of these tests.

use super::*;
use crate::condition::explain::Explanation;

fn explained(source: &str) -> Explanation {
    let (alert, machine) = (alert(), machine());
    let condition = Condition::parse(source).unwrap_or_else(|mistakes| panic!("{source}: {mistakes:?}"));
    let facts = RecordFacts::new(&alert, Some(&machine), "2026-01-02T04:00:00Z".parse().unwrap());
    explain(&condition, source, &facts).unwrap()
}

/// One line a step: indentation, text, value, and marks.
fn lines(step: &Step, depth: usize, out: &mut Vec<String>) {
    let value = step.value.as_ref().map_or_else(|why| format!("fails: {why}"), ToString::to_string);
    let marks =
        [(!step.asked, " [not asked]"), (step.given == Some(false), " [not given]"), (step.left_out > 0, " [more]")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    out.push(format!("{}{} = {value}{marks}", "  ".repeat(depth), step.text));
    step.parts.iter().for_each(|part| lines(part, depth + 1, out));
}

fn told(source: &str) -> Vec<String> {
    let mut out = Vec::new();
    lines(&explained(source).root, 0, &mut out);
    out
}

#[test]
fn every_sub_expression_is_told_as_written_with_its_value_and_constants_are_left_out() {
    let source =
        "alert.severity == 'High' && (alert.status != 'New' ||\n  'vip' in machine.machineTags) // so\n && true";
    assert_eq!(
        told(source),
        [
            "alert.severity == 'High' && (alert.status != 'New' || 'vip' in machine.machineTags) && true = false",
            "  alert.severity == 'High' = true",
            "    alert.severity = \"High\"",
            "  alert.status != 'New' || 'vip' in machine.machineTags = false",
            "    alert.status != 'New' = false",
            "      alert.status = \"New\"",
            "    'vip' in machine.machineTags = false",
            "      machine.machineTags = [\"lab\"]",
            "  true = true [not asked]",
        ]
    );
}

#[test]
fn what_was_settled_before_is_judged_alone_and_marked() {
    assert_eq!(
        told("alert.severity == 'Low' && 1 / (alert.incidentId - 7) == 1"),
        [
            "alert.severity == 'Low' && 1 / (alert.incidentId - 7) == 1 = false",
            "  alert.severity == 'Low' = false",
            "    alert.severity = \"High\"",
            "  1 / (alert.incidentId - 7) == 1 = fails: division by zero [not asked]",
            "    1 / (alert.incidentId - 7) = fails: division by zero",
            "      alert.incidentId - 7 = 0",
            "        alert.incidentId = 7",
        ]
    );
    let chosen = told("(has(alert.classification) ? alert.classification : 'none') == 'none'");
    assert_eq!(chosen[3], "    alert.classification = \"\" [not asked] [not given]", "{chosen:#?}");
}

#[test]
fn a_loop_tells_its_elements_and_which_of_them_settled_it() {
    assert_eq!(
        told("alert.evidence.exists(e, e.entityType == 'User' && has(e.userPrincipalName))"),
        [
            "alert.evidence.exists(e, e.entityType == 'User' && has(e.userPrincipalName)) = true",
            "  alert.evidence = [{\"entityType\":\"User\",\"userPrincipalName\":\"eve@corp.example\"},{\"entityType\":\"File\",\"sha1\":\"aa\"}]",
            "  e = {\"entityType\":\"User\",\"userPrincipalName\":\"eve@corp.example\"}",
            "    e.entityType == 'User' && has(e.userPrincipalName) = true",
            "      e.entityType == 'User' = true",
            "        e.entityType = \"User\"",
            "      has(e.userPrincipalName) = true",
            "  e = {\"entityType\":\"File\",\"sha1\":\"aa\"} [not asked]",
            "    e.entityType == 'User' && has(e.userPrincipalName) = false",
            "      e.entityType == 'User' = false",
            "        e.entityType = \"File\"",
            "      has(e.userPrincipalName) = false [not asked]",
        ]
    );
}

#[test]
fn of_a_long_list_some_elements_are_told_and_the_one_that_decided() {
    let root = explained("[1, 2, 3, 4, 5, 6, 7, 8, 9].exists(n, n == alert.incidentId)").root;
    let told: Vec<String> = root.parts.iter().map(|part| part.value.clone().unwrap().to_string()).collect();
    assert_eq!((told.join(" ").as_str(), root.left_out), ("1 2 3 4 7", 4));
}

#[test]
fn the_spelling_of_calls_indexes_signs_and_odd_texts_is_kept() {
    for source in [
        "!machine.osPlatform.startsWith(\"Windows\")",
        "size(alert.mitreTechniques) > -1",
        "alert.mitreTechniques[0].lower() == r'a\\(' + \"b)\"",
        "['a', 'b'].exists(x, x == '(' || x == \"'\")",
        "now - alert.alertCreationTime < duration('1h')",
        "alert.evidence.map(e, has(e.sha1), e.sha1) == ['''aa''']",
        "alert[\"severity\"] == 'High'",
        "((alert.incidentId)) + 1 == 8",
    ] {
        assert_eq!(explained(source).root.text, source);
    }
}

#[test]
fn without_a_machine_the_parts_that_ask_for_it_fail_and_the_whole_cannot_be_told_unless_the_rest_decides() {
    let source = "alert.severity == 'High' && machine.osPlatform == ''";
    let alert = alert();
    let facts = RecordFacts::new(&alert, None, jiff::Timestamp::UNIX_EPOCH);
    let explained = explain(&Condition::parse(source).unwrap(), source, &facts).unwrap();
    assert!(matches!(explained.judged, Judged::Unknown(_)));
    assert_eq!(explained.root.parts[0].truth(), Some(true));
    assert_eq!(explained.root.parts[1].value, Err("the machine is absent".to_owned()));
    let source = "alert.severity == 'Low' && machine.osPlatform == ''";
    let explained = explain(&Condition::parse(source).unwrap(), source, &facts).unwrap();
    assert_eq!((explained.judged, explained.root.truth()), (Judged::False, Some(false)));
}
