//! A condition taken apart, as an indented tree for people and as JSON for scripts.

use std::fmt::Write as _;

use cordon_policy::Step;
use cordon_records::text::cut;
use serde_json::{Map, Value, json};

use crate::escape;

/// Longest text of an expression or a value, in characters; JSON has all of it.
const WIDEST: usize = 110;

/// One line for each step, indented by its depth:
///
/// ```text
/// false  alert.severity == "High" && alert.status != "Resolved"
///   false  alert.severity == "High"
///     ·      alert.severity = "Medium"
///   true   alert.status != "Resolved"  (not asked)
///     ·      alert.status = "New"
/// ```
pub fn tree(step: &Step, indent: usize) -> String {
    let mut out = String::new();
    push(&mut out, step, indent, true);
    out
}

fn push(out: &mut String, step: &Step, indent: usize, is_asked: bool) {
    let text = cut(&line(&step.text), WIDEST);
    let said = match (&step.value, step.kind.as_str()) {
        (Ok(Value::Bool(value)), "bool") if step.given.is_none() => format!("{:<5}  {text}", value.to_string()),
        (Err(why), "bool") if step.given.is_none() => format!("fails  {text}: {}", line(why)),
        (Ok(value), kind) => format!("·      {text} = {}", cut(&shown(value, kind), WIDEST)),
        (Err(why), _) => format!("·      {text} fails: {}", line(why)),
    };
    // What a part of it was not asked for, its own parts were not either.
    let asked = if is_asked && !step.asked { "  (not asked)" } else { "" };
    let given = if step.given == Some(false) { "  (not given)" } else { "" };
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:indent$}{said}{given}{asked}", "");
    for part in &step.parts {
        push(out, part, indent + 2, is_asked && step.asked);
    }
    if step.left_out > 0 {
        let _ = writeln!(out, "{:indent$}  ·      … and {} more", "", step.left_out);
    }
}

/// Text on one line, harmless for a terminal; a backslash stays one.
pub fn line(text: &str) -> String {
    escape::json(&text.replace('\n', " "))
}

/// Timestamps and durations stand without quotation marks.
fn shown(value: &Value, kind: &str) -> String {
    match (value, kind) {
        (Value::String(text), "timestamp" | "duration") => line(text),
        (Value::Array(items), _) if items.iter().any(Value::is_object) => format!("a list of {}", items.len()),
        _ => escape::json(&value.to_string()),
    }
}

/// The whole tree for scripts.
pub fn document(step: &Step) -> Value {
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    put("text", json!(step.text));
    put("type", json!(step.kind));
    match &step.value {
        Ok(value) => put("value", value.clone()),
        Err(why) => put("failure", json!(why)),
    };
    if let Some(given) = step.given {
        put("given", json!(given));
    }
    put("asked", json!(step.asked));
    if !step.parts.is_empty() {
        put("parts", step.parts.iter().map(document).collect());
    }
    if step.left_out > 0 {
        put("left_out", json!(step.left_out));
    }
    Value::Object(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(text: &str, kind: &str, value: Result<Value, String>) -> Step {
        Step {
            text: text.to_owned(),
            kind: kind.to_owned(),
            value,
            given: None,
            asked: true,
            parts: Vec::new(),
            left_out: 0,
        }
    }

    #[test]
    fn a_tree_marks_what_was_not_asked_once_and_what_the_record_does_not_give() {
        let field = Step { given: Some(false), ..step("alert.title", "string", Ok(json!(""))) };
        let part = Step { asked: false, parts: vec![field], ..step("alert.title == 'x'", "bool", Ok(json!(false))) };
        let nested =
            Step { asked: false, parts: vec![part], ..step("a || b", "bool", Err("division by zero".to_owned())) };
        let root = Step { parts: vec![nested], left_out: 2, ..step("x && (a || b)", "bool", Ok(json!(true))) };
        assert_eq!(
            tree(&root, 2),
            "  true   x && (a || b)\n    fails  a || b: division by zero  (not asked)\n      false  alert.title == 'x'\n        \
             ·      alert.title = \"\"  (not given)\n    ·      … and 2 more\n"
        );
    }

    #[test]
    fn a_hostile_value_stays_on_its_line_and_in_its_width() {
        let value = json!("\u{1b}[2J\n".to_owned() + &"x".repeat(500));
        let shown = tree(&step("alert.title", "string", Ok(value)), 0);
        assert_eq!(shown.lines().count(), 1);
        assert!(!shown.contains('\u{1b}') && shown.chars().count() < 140, "{shown}");
    }
}
