//! Tests in JSON files: a recorded alert, pasted as Defender gave it, and what the rule must plan.
//!
//! ```json
//! {
//!   "rule": "isolate-high",
//!   "name": "the ransomware of March",
//!   "given": {"alert": {"id": "da…", "severity": "High", "machineId": "…"}, "machine": null},
//!   "expect": ["needs_human"]
//! }
//! ```
//!
//! `given.alert` is the whole alert; no sample is laid under it. Without `given.machine` a sample laptop stands in for
//! the machine that the alert names; `null` says that it could not be had. Without `given.now` the record is made when
//! the alert was last updated.

use cordon_records::{Alert, EnrichedRecord, Machine, RuleId, Verbatim, lenient};
use cordon_settings::{Problem, Problems, closest};
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::given::{expected, not_chosen};
use super::json::{Object, Text};
use super::sample;
use crate::schema::{ALERT, FieldSpec, FieldType, MACHINE};

/// A test in a JSON file.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedTest {
    /// The rule that it tests.
    pub rule: RuleId,
    /// What it shows.
    pub name: String,
    /// Its file.
    pub origin: String,
    /// The record to judge.
    pub record: EnrichedRecord,
    /// The kinds of action expected, or `needs_human` alone.
    pub expect: Vec<String>,
}

/// Whether a JSON file of this name tests the rule file of that name: `isolate-high.march.json` beside
/// `isolate-high.yaml`.
#[must_use]
pub fn is_recorded_test_of(json: &str, rule_file: &str) -> bool {
    let stem = rule_file.rsplit_once('.').map_or(rule_file, |(stem, _)| stem);
    json.ends_with(".json") && json.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
}

impl RecordedTest {
    /// Reads JSON files: pairs of file name and text. `rules` are the ids that a test may name; `None` when they are
    /// not known, because the rules have mistakes of their own.
    ///
    /// # Errors
    /// Every mistake in every file, with line and column.
    pub fn load(files: &[(String, String)], rules: Option<&[&str]>) -> Result<Vec<Self>, Problems> {
        let mut problems = Problems::default();
        let mut tests = Vec::new();
        for (origin, text) in files {
            let file = Text { origin, text };
            match file.value() {
                Ok(raw) => tests.extend(read(file, raw, rules, &mut problems)),
                Err(invalid) => problems.extend(invalid),
            }
        }
        problems.into_result()?;
        Ok(tests)
    }
}

fn read(text: Text<'_>, raw: &RawValue, rules: Option<&[&str]>, problems: &mut Problems) -> Option<RecordedTest> {
    let test = text.object("", raw, problems)?;
    let rule = rule(text, &test, rules, problems);
    let name = test.text("name", problems);
    let expect = expect(text, &test, problems);
    let given = test.required("given", problems).and_then(|given| text.object("given", given, problems));
    let record = given.and_then(|given| record(text, &given, problems));
    test.finish(&["rule", "name", "given", "expect"], problems);
    Some(RecordedTest { rule: rule?, name: name?, origin: text.origin.to_owned(), record: record?, expect: expect? })
}

fn rule(text: Text<'_>, test: &Object<'_>, rules: Option<&[&str]>, problems: &mut Problems) -> Option<RuleId> {
    let raw = test.required("rule", problems)?;
    let id: String = test.read("rule", raw, "a rule's id", problems)?;
    if let Some(rules) = rules
        && !rules.contains(&id.as_str())
    {
        let help = closest(&id, rules).map_or_else(
            || "name a rule of the files that are read together with this one".to_owned(),
            |meant| format!("did you mean \"{meant}\"?"),
        );
        problems.0.push(text.problem(raw, "rule", format!("there is no rule `{id}`"), Some(help)));
        return None;
    }
    let refused = |error: cordon_records::IdError| text.problem(raw, "rule", error.to_string(), None);
    RuleId::new(id).map_err(|error| problems.0.push(refused(error))).ok()
}

fn expect(text: Text<'_>, test: &Object<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let raw = test.required("expect", problems)?;
    let kinds: Vec<String> = test.read("expect", raw, "a list of texts, such as [\"isolate\"]", problems)?;
    let refused = |why| text.problem(raw, "expect", why, None);
    expected(&kinds).map_err(|why| problems.0.push(refused(why))).ok()?;
    Some(kinds)
}

fn record(text: Text<'_>, given: &Object<'_>, problems: &mut Problems) -> Option<EnrichedRecord> {
    given.finish(&["now", "alert", "machine"], problems);
    let now = given.get("now").map(|raw| {
        given.read::<Timestamp>("now", raw, "a time with its offset, such as \"2026-03-01T22:00:00Z\"", problems)
    });
    let machine = given.get("machine").filter(|raw| raw.get() != "null").map(|raw| machine(text, raw, problems));
    let raw = given.required("alert", problems)?;
    let alert: Alert = view(text, "given.alert", "alert", raw, problems)?;
    chosen(text, "given.alert", raw, ALERT, problems);
    let at = match now {
        Some(now) => now?,
        None => timed(text, raw, &alert, problems)?,
    };
    let machine = match (machine, given.get("machine")) {
        (Some(machine), _) => Some(machine?),
        (None, Some(_)) => None,
        (None, None) => sample::machine_of(&alert).ok(),
    };
    sample::made(alert.id, verbatim(raw)?, machine, at).ok()
}

/// When the record is made if the test does not say.
fn timed(text: Text<'_>, raw: &RawValue, alert: &Alert, problems: &mut Problems) -> Option<Timestamp> {
    let at = alert.last_update_time.or(alert.alert_creation_time);
    if at.is_none() {
        let help = "write \"now\": \"2026-03-01T22:00:00Z\" beside the alert".to_owned();
        let message = "the alert gives no lastUpdateTime, so that nobody knows when it is judged";
        problems.0.push(text.problem(raw, "given.alert", message, Some(help)));
    }
    at
}

fn machine(text: Text<'_>, raw: &RawValue, problems: &mut Problems) -> Option<Verbatim> {
    let _: Machine = view(text, "given.machine", "machine", raw, problems)?;
    chosen(text, "given.machine", raw, MACHINE, problems);
    verbatim(raw)
}

/// Tells texts that are not on the closed list of their field: a slip of whoever changed what was pasted. Every spelling
/// counts that is understood when a record is read.
fn chosen(text: Text<'_>, path: &'static str, raw: &RawValue, fields: &[FieldSpec], problems: &mut Problems) {
    let Some(record) = text.object(path, raw, problems) else { return };
    for field in fields {
        let (FieldType::Choice(choice), Some(raw)) = (field.kind, record.last(field.name)) else { continue };
        let Ok(given) = lenient::from_str::<String>(raw.get()) else { continue };
        if choice.takes(&given) {
            continue;
        }
        let (message, help) = not_chosen(choice, &given);
        problems.0.push(text.problem(raw, &record.named(field.name), message, Some(help)));
    }
}

fn verbatim(raw: &RawValue) -> Option<Verbatim> {
    Verbatim::parse(raw.get()).ok()
}

/// Reads what Microsoft's JSON must have to be an alert or a machine: hardly more than an id.
fn view<T: serde::de::DeserializeOwned>(
    text: Text<'_>,
    path: &str,
    what: &str,
    raw: &RawValue,
    problems: &mut Problems,
) -> Option<T> {
    let problem = |error: serde_json::Error| -> Problem {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default().to_owned();
        text.problem(
            raw,
            path,
            format!("is no {what}: {said}"),
            Some(format!("paste the {what}'s JSON as the API gives it")),
        )
    };
    lenient::from_str(raw.get()).map_err(|error| problems.0.push(problem(error))).ok()
}
