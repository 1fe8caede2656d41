//! The JSON Schema of a rule file, for completion and checks in editors. It is made from the tables that the loader
//! reads by. What it cannot say (the language of `when`, ids that are used twice) the loader checks.

use serde_json::{Map, Value, json};

use super::actions::{ACTION_KINDS, schemas};
use super::file::MODES;
use super::given::NEEDS_HUMAN;
use super::spelt::spelt;
use crate::schema::{ALERT, Choice, EVIDENCE, FieldSpec, FieldType, MACHINE};

/// The JSON Schema (draft 2020-12) of a rule file: one rule, or a list of rules under `rules`.
#[must_use]
pub fn rule_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cordon rule file",
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "rules": {"description": "Several rules in one file", "type": ["array", "null"], "items": {"$ref": "#/$defs/rule"}}
                },
                "required": ["rules"],
                "additionalProperties": false
            },
            {"$ref": "#/$defs/rule"}
        ],
        "$defs": {"rule": rule(), "action": action(), "test": test(), "evidence": record(EVIDENCE)}
    })
}

fn rule() -> Value {
    let modes: Vec<&str> = MODES.iter().map(|(name, _)| *name).collect();
    let mode = "How far the rule's actions may go; the stage's own mode is the ceiling. shadow: only report; approve: a person decides";
    json!({
        "type": "object",
        "properties": {
            "id": {
                "description": "Unique over all rule files",
                "type": "string",
                "pattern": "^[A-Za-z0-9._~-]{1,256}$"
            },
            "description": {"description": "One line for people", "type": "string"},
            "mode": {"description": mode, "enum": modes, "default": "shadow"},
            "when": {"description": "The condition, in CEL over alert, machine, users and now", "type": ["string", "boolean"]},
            "actions": {
                "description": "What the rule asks for, in the order in which it is to be begun; [] only reports a match",
                "type": "array",
                "items": {"$ref": "#/$defs/action"}
            },
            "limits": {
                "description": "At most so many attempts in a window, such as 1h: 15; may only tighten the guards",
                "type": ["object", "null"],
                "patternProperties": {"^[0-9]+(ms|s|m|h|d)$": {"type": "integer", "minimum": 1}},
                "additionalProperties": false
            },
            "tests": {
                "description": "What the rule must plan on given records",
                "type": ["array", "null"],
                "items": {"$ref": "#/$defs/test"}
            }
        },
        "required": ["id", "when", "actions"],
        "additionalProperties": false
    })
}

fn action() -> Value {
    json!({
        "type": "object",
        "properties": schemas(),
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false
    })
}

fn test() -> Value {
    let kinds: Vec<&str> = ACTION_KINDS.iter().copied().chain([NEEDS_HUMAN]).collect();
    let mut machine = record(MACHINE);
    machine["type"] = json!(["object", "null"]);
    machine["description"] = json!("Fields that differ from the sample machine; null: the machine could not be had");
    let mut alert = record(ALERT);
    alert["description"] = json!("Fields that differ from the sample alert");
    let now = json!({
        "description": "What `now` is; without it, 2026-01-01T12:01:00Z, a minute after the sample alert was made",
        "type": ["string", "null"],
        "format": "date-time"
    });
    json!({
        "type": "object",
        "properties": {
            "name": {"description": "What the test shows", "type": "string"},
            "given": {
                "description": "Laid over a built-in sample: a Medium, New alert on a Windows 11 laptop",
                "type": ["object", "null"],
                "properties": {"now": now, "alert": alert, "machine": machine},
                "additionalProperties": false
            },
            "expect": {
                "description": "The kinds of action that the rule plans, in their order, each as often as it plans it; or needs_human alone",
                "type": "array",
                "items": {"enum": kinds}
            }
        },
        "required": ["name", "expect"],
        "additionalProperties": false
    })
}

fn record(fields: &[FieldSpec]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
}

/// A text may be written without quotation marks, so that YAML takes it for a number or a boolean.
fn property(field: &FieldSpec) -> Value {
    let mut property = match field.kind {
        FieldType::Text(_) | FieldType::Choice(Choice { open: true, .. }) => {
            json!({"type": ["string", "number", "boolean", "null"]})
        }
        FieldType::Choice(choice) => {
            let known = choice.values.known().iter().copied().chain(choice.values.also());
            spelt(&known.chain([""]).collect::<Vec<_>>(), true)
        }
        FieldType::Integer => json!({"type": ["integer", "null"]}),
        FieldType::Flag => json!({"type": ["boolean", "null"]}),
        FieldType::Instant => json!({"type": ["string", "null"], "format": "date-time"}),
        FieldType::Texts => json!({"type": ["array", "null"], "items": {"type": ["string", "number", "boolean"]}}),
        FieldType::Evidence => json!({"type": ["array", "null"], "items": {"$ref": "#/$defs/evidence"}}),
    };
    property["description"] = json!(field.meaning);
    property
}

#[cfg(test)]
mod tests;
