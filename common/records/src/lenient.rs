//! Deserializers for JSON that is not ours: a wrong type, a null or a missing field is an absent value, never an
//! error. Use them with `#[serde(default, deserialize_with = "…")]`, and read the text with [`from_str`], which also
//! bears what is no text at all.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::Value;

pub use crate::repair::{entries, from_str};

fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer)
}

fn as_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text; numbers and booleans are taken by their spelling.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(as_text(value(deserializer)?))
}

/// An instant, RFC 3339 with any number of fractional digits; a text without an offset is read as UTC.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(as_text(value(deserializer)?).and_then(|text| parse_instant(&text)))
}

/// Reads an instant as Microsoft writes it; the offset may be missing.
#[must_use]
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

/// Any type that reads itself; a value that does not fit is absent.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn or_absent<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(value(deserializer)?).ok())
}

/// A list; a single object stands for a list of one, items that do not fit are left out.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items = match value(deserializer)? {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        single @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            vec![single]
        }
    };
    Ok(items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect())
}

/// A whole number, also when it arrives as text.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(as_text(value(deserializer)?).and_then(|text| text.parse().ok()))
}

/// A yes or no, also when it arrives as text.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(as_text(value(deserializer)?).and_then(|text| text.to_ascii_lowercase().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_fractional_digits_none_and_a_missing_offset_are_the_same_clock() {
        let whole = parse_instant("2021-01-26T20:33:59Z").unwrap();
        assert_eq!(parse_instant("2021-01-26T20:33:59.0000000Z"), Some(whole));
        assert_eq!(parse_instant("2021-01-26T20:33:59"), Some(whole));
        assert_eq!(parse_instant("yesterday"), None);
    }
}
