//! The `cel` crate's interpreter on the same records: the oracle of the differential tests, and what the benchmark
//! measures against.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program, Value};
use cordon_records::{Alert, Machine};
use serde_json::Value as Json;

use crate::schema::{ALERT, EVIDENCE, FieldSpec, FieldType, MACHINE};

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// The records as CEL values: every field with its default, and beside it only the fields that were given.
pub fn context(alert: &Alert, machine: Option<&Machine>, now: jiff::Timestamp) -> Context<'static, 'static> {
    let mut context = Context::with_env(ENVIRONMENT.clone());
    add(&mut context, "alert", ALERT, &serde_json::to_value(alert).unwrap());
    if let Some(machine) = machine {
        add(&mut context, "machine", MACHINE, &serde_json::to_value(machine).unwrap());
    }
    context.add_variable_from_value("users", alert.user_principal_names());
    context.add_variable_from_value("now", Value::Timestamp(instant(&Json::from(now.to_string()))));
    context
}

/// A condition for the interpreter. `has()` is pointed at what was given, and asks whether an item's text is empty.
pub fn program(source: &str) -> Program {
    static GIVEN: LazyLock<regex::Regex> = LazyLock::new(|| regex::Regex::new(r"has\((alert|machine)\.").unwrap());
    static ITEM: LazyLock<regex::Regex> = LazyLock::new(|| regex::Regex::new(r"has\((e\d*)\.(\w+)\)").unwrap());
    let source = GIVEN.replace_all(source, "has(given_$1.");
    let source = ITEM.replace_all(&source, "($1.$2 != '')");
    ENVIRONMENT.compile(&source).unwrap_or_else(|errors| panic!("{source}: {errors}"))
}

/// `Some` when the interpreter says true or false, `None` when it fails.
pub fn judge(program: &Program, context: &Context<'_, '_>) -> Option<bool> {
    match program.execute(context) {
        Ok(Value::Bool(value)) => Some(value),
        Ok(_) | Err(_) => None,
    }
}

fn add(context: &mut Context<'static, 'static>, variable: &str, fields: &[FieldSpec], record: &Json) {
    let is_given = |value: &Json| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    let given: HashMap<String, Value> = fields
        .iter()
        .filter(|field| is_given(&record[field.name]))
        .map(|field| (field.name.to_owned(), value_of(field.kind, &record[field.name])))
        .collect();
    context.add_variable_from_value(variable, with_defaults(fields, record));
    context.add_variable_from_value(format!("given_{variable}"), given);
}

fn with_defaults(fields: &[FieldSpec], record: &Json) -> HashMap<String, Value> {
    fields.iter().map(|field| (field.name.to_owned(), value_of(field.kind, &record[field.name]))).collect()
}

fn value_of(kind: FieldType, value: &Json) -> Value {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    match kind {
        FieldType::Text(default) => value.as_str().unwrap_or(default).into(),
        FieldType::Choice(choice) => value.as_str().unwrap_or(choice.default).into(),
        FieldType::Integer => Value::Int(value.as_i64().unwrap_or_default()),
        FieldType::Flag => Value::Bool(value.as_bool().unwrap_or_default()),
        FieldType::Instant => Value::Timestamp(instant(value)),
        FieldType::Texts => items.iter().filter_map(Json::as_str).map(Value::from).collect::<Vec<_>>().into(),
        FieldType::Evidence => {
            items.iter().map(|item| Value::from(with_defaults(EVIDENCE, item))).collect::<Vec<_>>().into()
        }
    }
}

fn instant(value: &Json) -> chrono::DateTime<chrono::FixedOffset> {
    value.as_str().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok()).unwrap_or_default()
}
