//! One enriched alert as conditions see it: the schema's fields with their defaults, as CEL values.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Value};
use cordon_records::{Alert, Machine};
use serde_json::Value as Json;

use crate::schema::{ALERT, EVIDENCE, FieldSpec, FieldType, MACHINE};

/// CEL's standard functions and macros, without the optional-value syntax: a field has a default instead.
pub static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// The variable that holds only the fields that were given; `has()` is pointed at it. No rule can spell it.
pub fn given(variable: &str) -> String {
    format!("@{variable}")
}

/// What conditions are judged on.
pub struct Facts {
    /// The variables, ready for the interpreter.
    pub context: Context<'static, 'static>,
    /// Whether the machine is there.
    pub has_machine: bool,
}

impl Facts {
    /// Lays out an alert and, where there is one, its machine.
    pub fn new(alert: &Alert, machine: Option<&Machine>) -> Self {
        let mut context = Context::with_env(ENVIRONMENT.clone());
        add(&mut context, "alert", ALERT, &json_of(alert));
        if let Some(machine) = machine {
            add(&mut context, "machine", MACHINE, &json_of(machine));
        }
        context.add_variable_from_value("users", alert.user_principal_names());
        Self { context, has_machine: machine.is_some() }
    }
}

/// The record's own JSON; it cannot fail for types without maps, and Null would read as "all absent".
fn json_of<T: serde::Serialize>(record: &T) -> Json {
    serde_json::to_value(record).unwrap_or_default()
}

fn add(context: &mut Context<'static, 'static>, variable: &str, fields: &[FieldSpec], record: &Json) {
    let present: HashMap<String, Value> = fields
        .iter()
        .filter(|field| is_given(&record[field.name]))
        .map(|field| (field.name.to_owned(), value_of(field.kind, &record[field.name])))
        .collect();
    context.add_variable_from_value(variable, with_defaults(fields, record));
    context.add_variable_from_value(given(variable), present);
}

/// A list that is empty counts as absent: the records cannot tell the two apart for an alert.
fn is_given(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Array(items) => !items.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => true,
    }
}

fn with_defaults(fields: &[FieldSpec], record: &Json) -> HashMap<String, Value> {
    fields.iter().map(|field| (field.name.to_owned(), value_of(field.kind, &record[field.name]))).collect()
}

fn value_of(kind: FieldType, value: &Json) -> Value {
    match kind {
        FieldType::Text(default) => value.as_str().unwrap_or(default).into(),
        FieldType::Integer => Value::Int(value.as_i64().unwrap_or_default()),
        FieldType::Flag => Value::Bool(value.as_bool().unwrap_or_default()),
        FieldType::Instant => Value::Timestamp(instant(value)),
        FieldType::Texts => items(value).iter().filter_map(Json::as_str).map(Value::from).collect::<Vec<_>>().into(),
        FieldType::Evidence => {
            items(value).iter().map(|item| Value::from(with_defaults(EVIDENCE, item))).collect::<Vec<_>>().into()
        }
    }
}

fn items(value: &Json) -> &[Json] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn instant(value: &Json) -> chrono::DateTime<chrono::FixedOffset> {
    value.as_str().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok()).unwrap_or_default()
}
