//! A value of the guards file, written on one line as YAML or as JSON.

use std::fmt;

use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// A key without a value.
    Nothing,
    /// A text.
    Text(String),
    /// A whole number.
    Number(u32),
    List(Vec<Self>),
    /// Keys in the order in which people read them.
    Map(Vec<(String, Self)>),
}

impl Flow {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn texts<T: ToString>(items: &[T]) -> Self {
        Self::List(items.iter().map(|item| Self::Text(item.to_string())).collect())
    }

    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    pub fn json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text(text) => Value::from(text.as_str()),
            Self::Number(number) => Value::from(*number),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Map(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.clone(), value.json())).collect::<Map<_, _>>())
            }
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("null"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) if is_plain(text) => f.write_str(text),
            // A JSON text is a YAML double-quoted scalar.
            Self::Text(text) => write!(f, "{}", Value::from(text.as_str())),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Map(entries) => {
                let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                write!(f, "{{{}}}", entries.join(", "))
            }
        }
    }
}

/// Whether YAML reads the text as itself: words, durations and percentages; not a number, not `true`, not `null`.
fn is_plain(text: &str) -> bool {
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    (word && !SPECIAL.contains(&text.to_ascii_lowercase().as_str())) || is_amount(text)
}

/// Words that some reader of YAML takes for something else than a text.
const SPECIAL: [&str; 11] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

/// Digits and one unit, such as `10m` or `0.25%`.
fn is_amount(text: &str) -> bool {
    let Some(number) = text.strip_suffix(['%', 's', 'm', 'h', 'd']) else { return false };
    number.starts_with(|c: char| c.is_ascii_digit()) && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}
