//! Checks of texts, and their JSON Schema.

use cordon_settings::Section;
use serde_json::{Value, json};

/// The key `comment`, which Microsoft requires.
pub fn comment(section: &mut Section) -> Option<String> {
    section.text("comment").check(|text| why(text)).required()
}

/// A comment must say something.
pub fn why(comment: &str) -> Result<(), String> {
    match comment.trim().is_empty() {
        true => Err("must say why; Defender shows it with the action".to_owned()),
        false => Ok(()),
    }
}

/// Any other text must, too.
pub fn not_blank(text: &str) -> Result<(), String> {
    match text.trim().is_empty() {
        true => Err("must not be empty".to_owned()),
        false => Ok(()),
    }
}

/// Says that exactly one of some keys must be given, at the first that is one too many, or at the section.
pub fn exactly_one(section: &Section, keys: &[&str], message: &str, help: &str) {
    let given: Vec<&str> = keys.iter().copied().filter(|key| section.is_present(key)).collect();
    match given.as_slice() {
        [_] => {}
        [] => section.problem_with_help(keys.first().copied().unwrap_or_default(), message, help),
        [_, second, ..] => section.problem_with_help(second, message, help),
    }
}

/// The schema of `comment`.
pub fn comment_schema() -> Value {
    text_schema("Why; Defender shows it with the action")
}

/// The schema of a text that is not blank.
pub fn text_schema(description: &str) -> Value {
    json!({"description": description, "type": "string", "pattern": "\\S"})
}

/// The schema of a time span.
pub fn duration_schema(description: &str) -> Value {
    json!({"description": description, "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"})
}
