use std::path::Path;

use cordon_settings::{Document, Reader};

use super::*;
use crate::rules::RuleSet;

/// The schema as it is delivered, for editors.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rule.schema.json");

#[test]
fn the_delivered_file_is_the_schema() {
    let text = std::fs::read_to_string(FILE).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file, rule_schema(), "write it anew: cargo test -p cordon-policy write_the_schema -- --ignored");
}

#[test]
#[ignore = "writes rule.schema.json into the crate"]
fn write_the_schema() {
    std::fs::write(FILE, serde_json::to_string_pretty(&rule_schema()).unwrap() + "\n").unwrap();
}

/// A rule file as JSON.
fn json_of(text: &str) -> Value {
    let document = Document::parse("rule.yaml", text).unwrap();
    let mut root = Reader::new(&document).root();
    let keys = root.keys();
    keys.into_iter()
        .map(|key| {
            let value = root.value(&key).optional().unwrap_or_default();
            (key, value)
        })
        .collect::<Map<_, _>>()
        .into()
}

/// The part of JSON Schema that the schema uses; anything else is a failure of the test.
fn fits(schema: &Value, value: &Value, defs: &Value) -> Result<(), String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for (keyword, wanted) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "format" => true,
            "$ref" => {
                let name = text(wanted);
                fits(&defs[name.strip_prefix("#/$defs/").unwrap()], value, defs)?;
                true
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|one| fits(one, value, defs).is_ok()),
            "enum" => wanted.as_array().unwrap().contains(value),
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|one| is_a(&text(one), value)),
                one => is_a(&text(one), value),
            },
            "pattern" => value.as_str().is_none_or(|value| regex::Regex::new(&text(wanted)).unwrap().is_match(value)),
            "minProperties" => value.as_object().is_none_or(|value| value.len() as u64 >= wanted.as_u64().unwrap()),
            "maxProperties" => value.as_object().is_none_or(|value| value.len() as u64 <= wanted.as_u64().unwrap()),
            "minItems" => value.as_array().is_none_or(|value| value.len() as u64 >= wanted.as_u64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|value| value.chars().count() as u64 <= wanted.as_u64().unwrap()),
            "oneOf" => wanted.as_array().unwrap().iter().filter(|one| fits(one, value, defs).is_ok()).count() == 1,
            "dependentRequired" => value.as_object().is_none_or(|value| {
                let present = wanted.as_object().unwrap().iter().filter(|(key, _)| value.contains_key(*key));
                let mut needs = present.flat_map(|(_, needs)| needs.as_array().unwrap());
                needs.all(|key| value.contains_key(key.as_str().unwrap()))
            }),
            "minimum" => value.as_i64().is_none_or(|value| value >= wanted.as_i64().unwrap()),
            "required" => value.as_object().is_none_or(|value| {
                wanted.as_array().unwrap().iter().all(|key| value.contains_key(key.as_str().unwrap()))
            }),
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| fits(wanted, item, defs))?;
                true
            }
            "properties" | "patternProperties" => true,
            "additionalProperties" => {
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .try_for_each(|(key, value)| member(schema, key, value, defs))?;
                true
            }
            other => panic!("the test does not know the keyword {other}"),
        };
        if !holds {
            return Err(format!("{value} against {keyword}: {wanted}"));
        }
    }
    Ok(())
}

fn member(schema: &Value, key: &str, value: &Value, defs: &Value) -> Result<(), String> {
    if let Some(property) = schema["properties"].get(key) {
        return fits(property, value, defs).map_err(|why| format!("{key}: {why}"));
    }
    let patterns = schema["patternProperties"].as_object();
    let found = patterns.into_iter().flatten().find(|(pattern, _)| regex::Regex::new(pattern).unwrap().is_match(key));
    found.map_or_else(|| Err(format!("{key} is not allowed")), |(_, property)| fits(property, value, defs))
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("the test does not know the type {other}"),
    }
}

fn taken_by_schema(text: &str) -> Result<(), String> {
    let schema = rule_schema();
    fits(&schema, &json_of(text), &schema["$defs"])
}

fn taken_by_loader(text: &str) -> bool {
    RuleSet::load(&[("rule.yaml".to_owned(), text.to_owned())]).is_ok()
}

#[test]
fn every_delivered_rule_fits_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/rules");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(taken_by_schema(&text), Ok(()), "{text}");
    }
}

#[test]
fn the_schema_and_the_loader_take_and_refuse_the_same_files() {
    let rule = "{id: a, when: 'true', actions: [{isolate: {comment: x}}]";
    for rest in [
        "",
        ", mode: approve, description: d, limits: {1h: 15, 10m: 3}",
        ", mode: automatic",
        ", limits: {1x: 3}",
        ", limits: {1h: 0}",
        ", limit: {1h: 3}",
        ", tests: [{name: t, expect: [isolate]}]",
        ", tests: [{name: t, expect: [isolated]}]",
        ", tests: [{name: t}]",
        ", tests: [{expect: []}]",
        ", tests: [{name: t, given: {alert: {severity: High, title: 7}, machine: null}, expect: [needs_human]}]",
        ", tests: [{name: t, given: {alert: {severty: High}}, expect: []}]",
        ", tests: [{name: t, given: {alert: {severity: Hihg}}, expect: []}]",
        ", tests: [{name: t, given: {alert: {severity: '', status: }, machine: {deviceValue: Low}}, expect: []}]",
        ", tests: [{name: t, given: {machine: {deviceValue: low}}, expect: []}]",
        ", tests: [{name: t, given: {alert: {classification: 'Informational, expected activity', status: in progress}}, expect: []}]",
        ", tests: [{name: t, given: {alert: {determination: noEnoughDataToValidate, detectionSource: whatever}}, expect: []}]",
        ", tests: [{name: t, given: {alert: {determination: NoEnoughData}}, expect: []}]",
        ", tests: [{name: t, given: {alert: {incidentId: x}}, expect: []}]",
        ", tests: [{name: t, given: {machine: {isExcluded: maybe}}, expect: []}]",
        ", tests: [{name: t, given: {alert: {evidence: [{sha1: a}]}}, expect: []}]",
        ", tests: [{name: t, given: {alert: {evidence: [{sha: a}]}}, expect: []}]",
        ", tests: [{name: t, given: {machines: {}}, expect: []}]",
    ] {
        let text = format!("{rule}{rest}}}");
        assert_eq!(taken_by_schema(&text).is_ok(), taken_by_loader(&text), "{text}: {:?}", taken_by_schema(&text));
        let listed = format!("rules: [{text}]");
        assert_eq!(taken_by_schema(&listed).is_ok(), taken_by_loader(&listed), "{listed}");
    }
    for text in [
        "{id: a, when: 'true'}",
        "{id: a, actions: []}",
        "{when: 'true', actions: []}",
        "{id: a b, when: 'true', actions: []}",
        "{id: a, when: true, actions: []}",
        "{id: a, when: 'true', actions: [{isolate: {type: Complete, comment: x}}]}",
        "{id: a, when: 'true', actions: [{isolate: {type: Full}}]}",
        "{id: a, when: 'true', actions: [{isolate: {comment: ' '}}]}",
        "{id: a, when: 'true', actions: [{release: {comment: x}}]}",
        "{id: a, when: 'true', actions: [{isolate: {comment: x, why: y}}]}",
        "{id: a, when: 'true', actions: [{update_alert: {status: in progress, determination: clean}}]}",
        "{id: a, when: 'true', actions: [{update_alert: {classification: 'Informational, expected activity'}}]}",
        "{id: a, when: 'true', actions: [{update_alert: {classification: Unknown}}]}",
        "{rules: []}",
    ] {
        assert_eq!(taken_by_schema(text).is_ok(), taken_by_loader(text), "{text}: {:?}", taken_by_schema(text));
    }
}

#[test]
fn the_schema_and_the_loader_take_and_refuse_the_same_actions() {
    let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80708";
    let stop = format!("stop_file: {{sha1: {sha1}, comment: c}}");
    for entry in [
        "release: {comment: x}",
        "release: {comment: ''}",
        "release: {}",
        "unisolate: {comment: x}",
        "{scan: {comment: c}, release: {comment: x}}",
        "isolate: {type: UnManagedDevice, comment: c, release_after: 4h, ask_before_release: true}",
        "isolate: {comment: c, release_after: 4}",
        "isolate: {comment: c, ask_before_release: true}",
        "isolate: {comment: c, ask_before_release: maybe, release_after: 4h}",
        "scan: {type: Fast, comment: c}",
        "stop_file: {files: evidence, comment: c}",
        &stop,
        "stop_file: {sha1: abc, comment: c}",
        "stop_file: {comment: c}",
        "stop_file: {files: evidence}",
        "live_response: {commands: [{put_file: a}, {run_script: b.ps1, args: c}, {get_file: /d/e}], comment: c}",
        "live_response: {commands: [], comment: c}",
        "live_response: {comment: c}",
        "live_response: {commands: [{run_script: a/b}], comment: c}",
        "live_response: {commands: [{run_script: a, get_file: b}], comment: c}",
        "live_response: {commands: [{get_file: a, args: b}], comment: c}",
        "live_response: {commands: [{args: b}], comment: c}",
        "tag: {add: under investigation}",
        "tag: {add: a (b)}",
        "tag: {remove: a (b)}",
        "tag: {add: ' a'}",
        "tag: {add: a, remove: b}",
        "tag: {}",
        "set_device_value: High",
        "set_device_value: {value: High}",
        "set_device_value: {value: Hihg}",
        "set_device_value: Hihg",
        "set_device_value: {}",
        "update_alert: {status: InProgress, classification: TruePositive, determination: Malware}",
        "update_alert: {status: Unknown}",
        "update_alert: {determination: Apt}",
        "update_alert: {comment: ' '}",
        "update_alert: {}",
        "indicator: {from: evidence_files, action: Block, title: t, description: d, groups: [a], expires_after: 30d}",
        "indicator: {from: evidence_files, action: Block, title: t}",
        "indicator: {from: files, action: Block, title: t, description: d}",
        "indicator: {value: 8.8.8.8, type: IpAddress, action: Block, title: t, description: d, severity: High}",
        "indicator: {value: 8.8.8.8, action: Block, title: t, description: d}",
        "indicator: {from: evidence_ips, type: IpAddress, action: Block, title: t, description: d}",
        "indicator: {action: Block, title: t, description: d}",
        "cancel: {what: isolate, comment: c}",
        "cancel: {what: tag, comment: c}",
        "cancel: {what: isolate}",
    ] {
        let text = format!("id: a\nwhen: 'true'\nactions:\n  - {entry}\n");
        assert_eq!(taken_by_schema(&text).is_ok(), taken_by_loader(&text), "{entry}: {:?}", taken_by_schema(&text));
    }
}

/// The keys that the loader lists when it meets one that it does not know.
fn known_to_loader(text: &str) -> Vec<String> {
    let problems = RuleSet::load(&[("rule.yaml".to_owned(), text.to_owned())]).unwrap_err();
    let help = problems.0.iter().find_map(|problem| problem.help.as_deref()?.strip_prefix("known keys: "));
    let mut keys: Vec<String> = help.unwrap_or_else(|| panic!("{problems}")).split(", ").map(str::to_owned).collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_names_exactly_the_keys_that_the_loader_knows() {
    let schema = rule_schema();
    let names = |part: &Value| {
        let mut names: Vec<String> = part["properties"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let (rule, test) = (&schema["$defs"]["rule"], &schema["$defs"]["test"]);
    let known = "rules: [{id: a, when: 'true', actions: [";
    assert_eq!(names(rule), known_to_loader(&format!("{known}], zzzzzzzzzzzz: 1}}]")));
    for (kind, action) in schema["$defs"]["action"]["properties"].as_object().unwrap() {
        let object = action["anyOf"].get(1).unwrap_or(action);
        let text = format!("{known}{{{kind}: {{zzzzzzzzzzzz: 1}}}}]}}]");
        assert_eq!(names(object), known_to_loader(&text), "{kind}");
    }
    let commands = &schema["$defs"]["action"]["properties"]["live_response"]["properties"]["commands"];
    let text = format!("{known}{{live_response: {{comment: c, commands: [{{zzzzzzzzzzzz: 1}}]}}}}]}}]");
    assert_eq!(names(&commands["items"]), known_to_loader(&text));
    assert_eq!(
        names(test),
        known_to_loader(&format!("{known}], tests: [{{name: t, expect: [], zzzzzzzzzzzz: 1}}]}}]"))
    );
    let given = &test["properties"]["given"];
    let text = format!("{known}], tests: [{{name: t, expect: [], given: {{zzzzzzzzzzzz: 1}}}}]}}]");
    assert_eq!(names(given), known_to_loader(&text));
    for (part, fields) in [("alert", ALERT), ("machine", MACHINE)] {
        let mut fields: Vec<String> = fields.iter().map(|field| field.name.to_owned()).collect();
        fields.sort();
        assert_eq!(names(&given["properties"][part]), fields);
    }
}
