//! Reads the tests in a rule's file. Given fields are read by the schema, so that a misspelt one is a mistake.

use cordon_settings::{Section, closest};
use serde_json::{Map, Value};

use super::actions::ACTION_KINDS;
use super::rule::RuleTest;
use crate::schema::{ALERT, Choice, EVIDENCE, FieldSpec, FieldType, MACHINE};

/// What a test expects when the rule cannot be judged.
pub const NEEDS_HUMAN: &str = "needs_human";

/// One test; `None` after a mistake was recorded.
pub fn test(mut section: Section) -> Option<RuleTest> {
    let name = section.text("name").required();
    let mut given = section.section("given");
    let now = given.timestamp("now").optional();
    let alert = record(&mut given.section("alert"), ALERT);
    let absent = given.value("machine").optional() == Some(Value::Null);
    let machine = record(&mut given.section("machine"), MACHINE);
    given.finish();
    let expect = section.texts("expect").check(|kinds| expected(kinds)).required();
    section.finish();
    Some(RuleTest { name: name?, now, alert, machine: (!absent).then_some(machine), expect: expect? })
}

/// Why a test cannot expect this.
pub fn expected(kinds: &[String]) -> Result<(), String> {
    let known: Vec<&str> = ACTION_KINDS.iter().copied().chain([NEEDS_HUMAN]).collect();
    let Some(wrong) = kinds.iter().find(|kind| !known.contains(&kind.as_str())) else { return Ok(()) };
    let hint = closest(wrong, &known)
        .map_or_else(|| format!("known are {}", known.join(", ")), |kind| format!("did you mean `{kind}`?"));
    Err(format!("`{wrong}` cannot be expected; {hint}"))
}

/// A text of a list, in any of its spellings. Where the list is complete, another text would make a test of a record that
/// Defender never sends.
fn chosen(section: &mut Section, choice: &Choice) -> Option<String> {
    let text = section.text(choice.name).optional()?;
    if choice.takes(&text) {
        return Some(text);
    }
    let (message, help) = not_chosen(choice, &text);
    section.problem_with_help(choice.name, message, help);
    None
}

/// What is wrong with a text that is not on a closed list, and what may be meant.
pub fn not_chosen(choice: &Choice, text: &str) -> (String, String) {
    let known = choice.values.known();
    let help = closest(text, known)
        .map_or_else(|| format!("known are {}", known.join(", ")), |meant| format!("did you mean {meant:?}?"));
    (format!("{text:?} is no value of {}", choice.name), help)
}

fn record(section: &mut Section, fields: &[FieldSpec]) -> Map<String, Value> {
    let mut record = Map::new();
    for field in fields {
        if let Some(value) = value(section, field) {
            record.insert(field.name.to_owned(), value);
        }
    }
    section.clone().finish();
    record
}

fn value(section: &mut Section, field: &FieldSpec) -> Option<Value> {
    match field.kind {
        FieldType::Text(_) => section.text(field.name).optional().map(Value::from),
        FieldType::Choice(choice) => chosen(section, choice).map(Value::from),
        FieldType::Integer => section.integer(field.name).optional().map(Value::from),
        FieldType::Flag => section.flag(field.name).optional().map(Value::from),
        FieldType::Instant => section.timestamp(field.name).optional().map(|at| Value::from(at.to_string())),
        FieldType::Texts => section.texts(field.name).optional().map(Value::from),
        FieldType::Evidence => section.is_present(field.name).then(|| {
            let items = section.list_of_sections(field.name).into_iter();
            items.map(|mut item| Value::Object(record(&mut item, EVIDENCE))).collect()
        }),
    }
}
