//! Well-typed expressions over the schema, on records with absent, empty and odd fields: the compiled condition and
//! the interpreter must say the same, true, false or failed.

use cordon_records::{Alert, Machine};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

mod writer;

use writer::Writer;

use super::super::{Condition, Judged, Step, explain, parse};
use super::oracle;
use crate::facts::RecordFacts;
use crate::schema::{ALERT, EVIDENCE, FieldSpec, FieldType, MACHINE};

const NOW: &str = "2026-03-01T22:30:00.25Z";

/// Takes decisions from random bytes, so that a failing case shrinks with them; 0 when they are used up.
struct Dice(std::vec::IntoIter<u8>);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        usize::from(self.0.next().unwrap_or(0)) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const TEXTS: &[&str] = &[
    "",
    "a",
    "High",
    "12",
    "-7",
    "äöü€😀",
    "laptop-1.corp.example",
    "Windows11",
    "T1003",
    "true",
    "0.5",
    "a b\\n",
    "2026-01-01T00:00:00Z",
    "(",
    "eve@corp.example",
];
const TIMES: &[&str] =
    &["2026-01-02T03:04:05.1234567Z", "1969-12-31T23:59:59.5Z", "0001-01-01T00:00:00Z", "9999-12-30T00:00:00Z", "x"];
const WORDS: &[&str] = &["", "a", "High", "Windows11", "x(y", "äöü", "12", "2026-01-01T00:00:00Z", "eve@corp.example"];

fn odd(dice: &mut Dice) -> Json {
    [json!(null), json!(3), json!(true), json!([]), json!({}), json!("")][dice.roll(6)].clone()
}

fn record(dice: &mut Dice, fields: &[FieldSpec]) -> Map<String, Json> {
    let mut record = Map::new();
    for field in fields {
        let value = match (dice.roll(6), field.kind) {
            (0, _) => continue,
            (1, _) => odd(dice),
            (_, FieldType::Text(_)) => json!(dice.pick(WORDS)),
            (_, FieldType::Choice(choice)) => json!(dice.pick(choice.values.known())),
            (_, FieldType::Integer) => json!([0, 7, -1, i64::MAX, i64::MIN][dice.roll(5)]),
            (_, FieldType::Flag) => json!(dice.roll(2) == 1),
            (_, FieldType::Instant) => json!(dice.pick(TIMES)),
            (_, FieldType::Texts) => (0..dice.roll(4)).map(|_| json!(dice.pick(WORDS))).collect(),
            (_, FieldType::Evidence) => (0..dice.roll(4)).map(|_| json!(record_of_evidence(dice))).collect(),
        };
        record.insert(field.name.to_owned(), value);
    }
    record
}

fn record_of_evidence(dice: &mut Dice) -> Map<String, Json> {
    record(dice, EVIDENCE)
}

fn records(dice: &mut Dice) -> (Alert, Machine) {
    let (mut alert, mut machine) = (record(dice, ALERT), record(dice, MACHINE));
    alert.insert("id".to_owned(), json!("a1"));
    machine.insert("id".to_owned(), json!("m1"));
    (serde_json::from_value(Json::Object(alert)).unwrap(), serde_json::from_value(Json::Object(machine)).unwrap())
}

/// Mistakes that are on purpose stricter than the interpreter, and that a generated expression may run into.
fn is_stricter(message: &str) -> bool {
    ["this always fails", "no value of ", "a record never holds "].iter().any(|start| message.starts_with(start))
        || message.contains("does not compile")
}

/// `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(1_500),
        failure_persistence: None,
        max_global_rejects: 1_000_000,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_compiled_condition_says_what_the_interpreter_says(
        bytes in proptest::collection::vec(any::<u8>(), 100..500),
        expression in proptest::collection::vec(any::<u8>(), 20..300),
    ) {
        let (alert, machine) = records(&mut Dice(bytes.into_iter()));
        let source = Writer::new(Dice(expression.into_iter())).truth(5);
        let now = NOW.parse().unwrap();
        let condition = match Condition::parse(&source) {
            Ok(condition) => condition,
            Err(mistakes) if mistakes.iter().all(|mistake| is_stricter(&mistake.message)) => {
                return Err(TestCaseError::reject("stricter on purpose"));
            }
            Err(mistakes) => return Err(TestCaseError::fail(format!("{source}\nwas refused: {mistakes:?}"))),
        };
        let ours = match condition.judge(&RecordFacts::new(&alert, Some(&machine), now)) {
            Judged::True => Some(true),
            Judged::False => Some(false),
            Judged::Unknown(_) | Judged::Cut(_) => None,
        };
        let theirs = oracle::judge(&oracle::program(&source), &oracle::context(&alert, Some(&machine), now));
        prop_assert_eq!(ours, theirs, "{}", source);
    }
}

proptest! {
    #[test]
    fn an_explanation_ends_in_what_the_condition_says_and_every_part_of_it_is_an_expression(
        bytes in proptest::collection::vec(any::<u8>(), 100..500),
        expression in proptest::collection::vec(any::<u8>(), 20..300),
        is_machine_absent: bool,
    ) {
        let (alert, machine) = records(&mut Dice(bytes.into_iter()));
        let source = Writer::new(Dice(expression.into_iter())).truth(5);
        let Ok(condition) = Condition::parse(&source) else { return Err(TestCaseError::reject("stricter on purpose")) };
        let facts = RecordFacts::new(&alert, (!is_machine_absent).then_some(&machine), NOW.parse().unwrap());
        let explained = explain(&condition, &source, &facts).unwrap();
        prop_assert_eq!(&explained.judged, &condition.judge(&facts));
        let root = match &explained.judged {
            Judged::True => Some(true),
            Judged::False => Some(false),
            Judged::Unknown(_) | Judged::Cut(_) => None,
        };
        prop_assert_eq!(explained.root.truth(), root, "{}", source);
        is_sound(&explained.root);
    }
}

/// What is said, as far as it counts: false, cannot be told, true.
fn strength(judged: &Judged) -> u8 {
    match judged {
        Judged::False => 0,
        Judged::Unknown(_) | Judged::Cut(_) => 1,
        Judged::True => 2,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_asked_one_item_at_a_time_is_what_is_said_of_no_item_or_of_any_one_alone(
        bytes in proptest::collection::vec(any::<u8>(), 100..500),
        expression in proptest::collection::vec(any::<u8>(), 20..300),
        list in prop_oneof![Just("alert.evidence"), Just("users")],
        other in prop_oneof![Just("&&"), Just("||")],
        is_machine_absent: bool,
    ) {
        let (alert, machine) = records(&mut Dice(bytes.into_iter()));
        let mut writer = Writer::new(Dice(expression.into_iter()));
        let source = format!("{} {other} {list}.{}", writer.truth(1), writer.exists(list == "users"));
        let Ok(condition) = Condition::parse(&source) else { return Err(TestCaseError::reject("stricter on purpose")) };
        if !condition.reads().by_item {
            return Err(TestCaseError::reject("not by item"));
        }
        let judge = |alert: &Alert| {
            let facts = RecordFacts::new(alert, (!is_machine_absent).then_some(&machine), NOW.parse().unwrap());
            strength(&condition.judge(&facts))
        };
        let with = |evidence: Vec<_>| judge(&Alert { evidence, ..alert.clone() });
        let each = alert.evidence.iter().map(|item| with(vec![item.clone()]));
        prop_assert_eq!(judge(&alert), each.chain([with(Vec::new())]).max().unwrap(), "{}", source);
    }
}

#[test]
fn only_what_asks_about_each_item_apart_is_asked_one_item_at_a_time() {
    let by_item = |source: &str| Condition::parse(source).unwrap().reads().by_item;
    for source in [
        "alert.evidence.exists(e, e.sha1 == 'a' && has(e.url))",
        "alert.severity == 'High' && (users.exists(u, u == 'a') || alert.title == 'a' || alert.evidence.exists(e, e.url == 'a'))",
        "'eve@corp.example' in users",
        "alert.evidence.exists(e, alert.mitreTechniques.exists(t, t == e.fileName)) && machine.isExcluded",
    ] {
        assert!(by_item(source), "{source}");
    }
    for source in [
        "alert.severity == 'High'",
        "size(alert.evidence) > 4",
        "!alert.evidence.exists(e, e.sha1 == 'a')",
        "alert.evidence.all(e, e.sha1 == 'a')",
        "alert.evidence.exists(e, e.sha1 == 'a') && users.exists(u, u == 'a')",
        "alert.evidence.exists(e, size(users) > 1 && e.sha1 == 'a')",
        "alert.evidence.exists(e, has(alert.evidence) && e.sha1 == 'a')",
        "users.exists_one(u, u == 'a') || alert.evidence[0].sha1 == 'a'",
        "users[0] in users",
    ] {
        assert!(!by_item(source), "{source}");
    }
}

/// The text of each part parses, and is a piece of the text that it is a part of.
fn is_sound(step: &Step) {
    assert!(parse::parse(&step.text).is_ok(), "{}", step.text);
    for part in &step.parts {
        let is_within = step.kind == "element" || step.text.contains(&part.text);
        assert!(is_within, "{} is not in {}", part.text, step.text);
        is_sound(part);
    }
}
