//! Where we differ from the interpreter on purpose: a test for each row of the table on [`super::super::Condition`].

use cel::{Context, Value};
use cordon_records::{Alert, Machine};
use serde_json::json;

use super::super::{Condition, Judged};
use super::oracle;
use crate::facts::RecordFacts;

/// What either says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    True,
    False,
    Failed,
    /// Refused when the rule is loaded; only we do that.
    Mistake,
}
use Said::{Failed, False, Mistake, True};

const WIRE: &str = r#"{"id": "a1", "severity": "High", "incidentId": 7, "classification": null, "mitreTechniques": [],
    "evidence": [{"entityType": "File", "sha1": ""}]}"#;

/// The interpreter on the JSON as it came: no schema, no defaults.
fn interpreter(source: &str, machine: bool) -> Said {
    let mut context = Context::default();
    let alert: serde_json::Value = serde_json::from_str(WIRE).unwrap();
    context.add_variable_from_value("alert", cel::to_value(&alert).unwrap());
    if machine {
        context.add_variable_from_value("machine", cel::to_value(json!({"id": "m1", "osBuild": 3})).unwrap());
    }
    context.add_variable_from_value("users", Vec::<String>::new());
    let at = chrono::DateTime::parse_from_rfc3339("2026-01-02T03:00:00Z").unwrap();
    context.add_variable_from_value("time", Value::Timestamp(at));
    match cel::Program::compile(source).unwrap().execute(&context) {
        Ok(Value::Bool(true)) => True,
        Ok(Value::Bool(false)) => False,
        Ok(_) | Err(_) => Failed,
    }
}

fn ours(source: &str, machine: bool) -> Said {
    let alert: Alert = serde_json::from_str(WIRE).unwrap();
    let present: Machine = serde_json::from_str(r#"{"id": "m1", "osBuild": 3}"#).unwrap();
    let Ok(condition) = Condition::parse(source) else { return Mistake };
    let now = "2026-01-02T03:00:00Z".parse().unwrap();
    match condition.judge(&RecordFacts::new(&alert, machine.then_some(&present), now)) {
        Judged::True => True,
        Judged::False => False,
        Judged::Unknown(_) | Judged::Cut(_) => Failed,
    }
}

#[test]
fn each_row_of_the_table_of_differences_holds() {
    for (source, theirs, expected) in [
        ("alert.status == 'Unknown'", Failed, True),
        ("alert.classification == null", True, Mistake),
        ("has(alert.classification)", True, False),
        ("has(alert.mitreTechniques)", True, False),
        ("alert.evidence.exists(e, has(e.sha1))", True, False),
        ("alert.severity == 'Hihg'", False, Mistake),
        ("alert.severity >= 'Critical'", True, Mistake),
        ("true > false", True, Mistake),
        ("alert.incidentId == '7'", False, Mistake),
        ("1 == 1.0", True, Mistake),
        ("[1, 'a'].size() == 2", True, Mistake),
        ("(true ? 1 : 'a') == 1", True, Mistake),
        ("alert.evidence[0] == alert.evidence[0]", True, Mistake),
        ("alert == alert", True, Mistake),
        ("{'a': 1}.a == 1", True, Mistake),
        ("size(b'ab') == 2", True, Mistake),
        ("type(1) == int", True, Mistake),
        ("dyn(1) == 1", True, Mistake),
        ("[1][0u] == 1", True, Mistake),
        ("[1][0.0] == 1", True, Mistake),
        ("true || 1 / 0 == 1", True, Mistake),
        ("true || timestamp('x') == timestamp('y')", True, Mistake),
        ("[].exists(x, x == 1)", False, Mistake),
        ("[1].all(a, [1].all(b, [1].all(c, a == b && b == c)))", True, Mistake),
        ("duration('30d') == duration('720h')", Failed, True),
        ("duration('1h x') == duration('1h')", True, Mistake),
        ("duration('1e3s') == duration('1000s')", True, Mistake),
        ("timestamp('2026-01-02T03:00:00Z').getHours('') == 3", True, Mistake),
        ("['UTC'].exists(z, timestamp('2026-01-02T03:00:00Z').getHours(z) == 3)", True, Mistake),
        (r"['\\w{50}'].exists(p, 'a'.matches(p))", False, Failed),
        ("cidr('', '10.0.0.0/8')", Failed, False),
        ("lower('A') == 'a'", Failed, True),
        ("now.getHours() == 3", Failed, True),
    ] {
        assert_eq!((interpreter(source, true), ours(source, true)), (theirs, expected), "{source}");
    }
}

#[test]
fn without_a_machine_a_condition_is_decided_where_the_rest_of_it_decides_as_in_the_interpreter() {
    let unknown = "machine.osBuild > 1";
    for (source, expected) in [
        (format!("alert.severity == 'High' || {unknown}"), True),
        (format!("{unknown} || alert.severity == 'High'"), True),
        (format!("alert.severity == 'Low' && {unknown}"), False),
        (format!("{unknown} && alert.severity == 'Low'"), False),
        (format!("alert.severity == 'High' && {unknown}"), Failed),
        (format!("!({unknown})"), Failed),
    ] {
        assert_eq!((interpreter(&source, false), ours(&source, false)), (expected, expected), "{source}");
    }
}

#[test]
fn logic_is_commutative_over_failures_as_in_the_interpreter() {
    let alert: Alert = serde_json::from_str(WIRE).unwrap();
    let context = oracle::context(&alert, None, jiff::Timestamp::UNIX_EPOCH);
    let fails = "alert.mitreTechniques[3] == ''";
    for (source, expected) in [
        (format!("{fails} || true"), True),
        (format!("true || {fails}"), True),
        (format!("{fails} && false"), False),
        (format!("false && {fails}"), False),
        (format!("{fails} && true"), Failed),
        (format!("false || {fails}"), Failed),
        (format!("{fails} || {fails}"), Failed),
        (format!("[1, 2].exists(i, i == 2 || {fails})"), True),
        (format!("[1, 2].all(i, i == 1 && {fails})"), False),
        (format!("[1, 2].exists_one(i, i == 2 || {fails})"), Failed),
    ] {
        assert_eq!(ours(&source, false), expected, "{source}");
        let theirs = oracle::judge(&oracle::program(&source), &context);
        assert_eq!(theirs, [Some(true), Some(false), None][expected as usize], "{source}");
    }
}
