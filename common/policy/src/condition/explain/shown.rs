//! Values as JSON, for people and scripts.

use cordon_records::Evidence;
use serde_json::{Map, Value as Json};

use super::super::fields::of_evidence;
use super::super::time::span_text;
use super::super::value::Value;
use crate::schema::EVIDENCE;

/// A value as JSON.
pub fn json(value: &Value<'_>) -> Json {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        // JSON has no NaN and no infinity.
        Value::Double(number) => {
            serde_json::Number::from_f64(*number).map_or_else(|| number.to_string().into(), Json::from)
        }
        Value::Text(text) => text.as_str().into(),
        Value::Instant(at) => at.text().into(),
        Value::Span(span) => span_text(*span).into(),
        Value::Item(item) => Json::Object(evidence(item)),
        Value::List(list) => list.iter().map(|element| json(&element)).collect(),
    }
}

/// The fields that an evidence item gives.
fn evidence(item: &Evidence) -> Map<String, Json> {
    let given = |name: &'static str| of_evidence(name)?(item).filter(|text| !text.is_empty());
    EVIDENCE.iter().filter_map(|field| Some((field.name.to_owned(), given(field.name)?.into()))).collect()
}
