//! Values of Microsoft's lists in a JSON Schema.

use serde_json::{Value, json};

/// One of these texts in any spelling: editors offer the list, and take what the pattern takes.
pub fn spelt(values: &[&str], or_null: bool) -> Value {
    let listed: Vec<Value> = values.iter().copied().map(Value::from).chain(or_null.then_some(Value::Null)).collect();
    let between = r"[-_,\s]*";
    let letter = |c: char| match c.is_ascii_alphabetic() {
        true => format!("[{}{}]{between}", c.to_ascii_uppercase(), c.to_ascii_lowercase()),
        false => format!("{c}{between}"),
    };
    let letters = |value: &&str| value.chars().filter(char::is_ascii_alphanumeric).map(letter).collect::<String>();
    let spellings: Vec<String> = values.iter().filter(|value| !value.is_empty()).map(letters).collect();
    json!({"anyOf": [{"enum": listed}, {"type": "string", "pattern": format!("^{between}({})$", spellings.join("|"))}]})
}
