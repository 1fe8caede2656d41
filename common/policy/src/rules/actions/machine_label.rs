//! What people read on the machine's page: `tag` and `set_device_value`.

use cordon_records::{Action, ActionKind, DeviceValue, TagChange};
use cordon_settings::Section;
use serde_json::{Value, json};

use super::texts::{exactly_one, not_blank};
use crate::rules::template::Template;

/// The longest tag. Source: Microsoft's page "Create and manage device tags", which says it of the registry's tag.
const LONGEST_TAG: usize = 200;

pub fn tag(section: &mut Section) -> Option<Template> {
    let add = section.text("add").check(|text| is_tag(text)).check(|text| is_searchable(text)).optional();
    let remove = section.text("remove").check(|text| is_tag(text)).optional();
    exactly_one(
        section,
        &["add", "remove"],
        "puts on or takes off exactly one tag",
        "write `add: NAME` or `remove: NAME`",
    );
    let (tag, change) = match (add, remove) {
        (Some(tag), None) => (tag, TagChange::Add),
        (None, Some(tag)) => (tag, TagChange::Remove),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some(Template::Action(Action::Tag { tag, change }))
}

fn is_tag(tag: &str) -> Result<(), String> {
    not_blank(tag)?;
    if tag.trim() != tag || tag.contains(char::is_control) {
        return Err("must not begin or end with a blank or hold control characters".to_owned());
    }
    match tag.chars().count() {
        ..=LONGEST_TAG => Ok(()),
        length => Err(format!("has {length} characters; Microsoft takes {LONGEST_TAG}")),
    }
}

/// Microsoft says that filters may not find tags with parentheses or commas. One that is there may be taken off.
fn is_searchable(tag: &str) -> Result<(), String> {
    match tag.contains(['(', ')', ',']) {
        true => Err("must not hold parentheses or commas: the portal's filters may not find such a tag".to_owned()),
        false => Ok(()),
    }
}

/// `set_device_value: High`, or `set_device_value: {value: High}`.
pub fn device_value(item: &mut Section) -> Option<Template> {
    let values: Vec<_> = DeviceValue::ALL.iter().map(|value| (value.as_str(), *value)).collect();
    let key = ActionKind::SetDeviceValue.as_str();
    let value = if item.value(key).optional().is_some_and(|value| value.is_object()) {
        let mut section = item.optional_section(key)?;
        let value = section.choice("value", &values).required();
        section.finish();
        value
    } else {
        item.choice(key, &values).required()
    };
    Some(Template::Action(Action::SetDeviceValue { value: value? }))
}

pub fn tag_schema() -> Value {
    let tag = |description: &str, pattern: &str| json!({"description": description, "type": ["string", "number", "boolean"], "pattern": pattern, "maxLength": LONGEST_TAG});
    json!({
        "description": "Put a tag on the machine, or take one off",
        "type": "object",
        "properties": {
            "add": tag("Put it on; no parentheses or commas, which the portal's filters may not find", "^[^\\s(),]([^(),]*[^\\s(),])?$"),
            "remove": tag("Take it off", "^\\S(.*\\S)?$")
        },
        "oneOf": [{"required": ["add"]}, {"required": ["remove"]}],
        "additionalProperties": false
    })
}

pub fn device_value_schema() -> Value {
    let values: Vec<&str> = DeviceValue::ALL.iter().map(|value| value.as_str()).collect();
    json!({
        "description": "Say what the machine is worth; with High, by default, a person decides about it from then on",
        "anyOf": [
            {"enum": values},
            {"type": "object", "properties": {"value": {"enum": values}}, "required": ["value"], "additionalProperties": false}
        ]
    })
}
