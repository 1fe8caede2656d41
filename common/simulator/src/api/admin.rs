//! The admin interface under `/sim/`, for a simulator that runs in a process of its own. The crate's front page
//! describes it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cordon_records::MachineId;
use cordon_settings::closest;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Call;
use crate::answer::Answer;
use crate::fault::{Fault, FaultKind};
use crate::mail::MailSource;
use crate::people;
use crate::state::State;
use crate::tenant::alert::{SimAlert, evidence};
use crate::tenant::machine::SimMachine;

/// Answers a call whose path began with `/sim`.
pub(crate) fn answer(call: &Call, state: &mut State, now: Timestamp) -> Answer {
    let segments: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["requests"]) => Answer::text(200, "application/x-ndjson", state.log.to_jsonl()),
        ("GET", ["mails"]) => Answer::json(200, &mails(state)),
        ("POST", ["machines"]) => each(call, |fields| put_machine(fields, state, now)),
        ("POST", ["alerts"]) => each(call, |fields| put_alert(fields, state, now)),
        ("PATCH", ["alerts", id]) => each(call, |fields| patch_alert(id, fields, state, now)),
        ("GET", ["machines", id]) => machine(id, state, now),
        ("POST", ["machines", id, "isolate"]) => each(call, |fields| act_by(("Isolate", id), fields, state, now)),
        ("POST", ["machines", id, "release"]) => each(call, |fields| act_by(("Unisolate", id), fields, state, now)),
        ("POST", ["actions", id, "cancel"]) => each(call, |fields| cancel_by(id, fields, state, now)),
        ("POST", ["faults"]) => each(call, |fields| put_fault(fields, state)),
        _ => refusal(404, "there is no such admin operation"),
    }
}

fn refusal(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({"error": message}))
}

/// Carries an operation out for the object in the body, or for each object of an array.
fn each(call: &Call, mut carry_out: impl FnMut(&Map<String, Value>) -> Result<Value, String>) -> Answer {
    let objects = match serde_json::from_slice(&call.body) {
        Ok(Value::Array(items)) => items,
        Ok(item @ Value::Object(_)) => vec![item],
        _ => return refusal(400, "the body must be a JSON object or an array of them"),
    };
    let mut results = Vec::new();
    for item in &objects {
        let fields = item.as_object().ok_or_else(|| "every item must be a JSON object".to_owned());
        match fields.and_then(&mut carry_out) {
            Ok(result) => results.push(result),
            Err(message) => return refusal(400, &message),
        }
    }
    Answer::json(200, &json!({"value": results}))
}

/// Refuses a name that nobody knows: what was meant by it would silently stay as it is.
fn known<'a>(fields: &Map<String, Value>, known: impl Iterator<Item = &'a str>) -> Result<(), String> {
    known_in("", fields, &known.collect::<Vec<_>>())
}

/// The same for an object inside another, whose place is `path`.
fn known_in(path: &str, fields: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    Err(format!("there is no field `{path}{unknown}`; {}", hint(unknown, known)))
}

fn hint(unknown: &str, known: &[&str]) -> String {
    match closest(unknown, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// The objects inside an alert or a machine, by the field under which one or a list of them stands, and their fields. Those of
/// an item of evidence are told by [`evidence`].
const NESTED: [(&str, &[&str]); 5] = [
    ("relatedUser", &["userName", "domainName"]),
    ("loggedOnUsers", &["accountName", "domainName"]),
    ("comments", &["comment", "createdBy", "createdTime"]),
    ("ipAddresses", &["ipAddress", "macAddress", "type", "operationalStatus"]),
    ("vmMetadata", &["vmId", "cloudProvider", "resourceId", "subscriptionId"]),
];

/// Refuses names inside these that nobody knows.
fn nested(fields: &Map<String, Value>) -> Result<(), String> {
    let item = evidence("", Timestamp::UNIX_EPOCH, &[]);
    let of_evidence: Vec<&str> = item.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
    for (name, known) in NESTED.into_iter().chain([("evidence", of_evidence.as_slice())]) {
        match fields.get(name) {
            Some(Value::Object(inner)) => known_in(&format!("{name}."), inner, known)?,
            Some(Value::Array(items)) => {
                for (place, inner) in items.iter().enumerate().filter_map(|(at, item)| Some((at, item.as_object()?))) {
                    known_in(&format!("{name}[{place}]."), inner, known)?;
                }
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

type Fields = Map<String, Value>;

/// The fields without those that the wire does not know, which stand under `extra`: for what a test wants to be sent.
fn with_extra(fields: &Fields) -> Result<(Fields, Fields), String> {
    let mut fields = fields.clone();
    match fields.remove("extra") {
        None => Ok((fields, Map::new())),
        Some(Value::Object(extra)) => Ok((fields, extra)),
        Some(_) => Err("`extra` must be an object of wire fields".to_owned()),
    }
}

/// The fields of a machine: those of the wire, and what the wire does not tell.
fn machine_fields(fields: &Map<String, Value>, wire: &Map<String, Value>) -> Result<(), String> {
    known(fields, wire.keys().map(String::as_str).chain(["online", "users"]))?;
    nested(fields)?;
    match (fields.get("online"), fields.get("users")) {
        (Some(online), _) if !online.is_boolean() => Err("`online` must be true or false".to_owned()),
        (_, Some(users)) if !users.as_array().is_some_and(|users| users.iter().all(Value::is_string)) => {
            Err(r#"`users` must be a list of texts such as ["DOMAIN\\name"]"#.to_owned())
        }
        _ => Ok(()),
    }
}

/// The fields of an alert: those of the wire, and those that only real payloads have.
fn alert_fields(fields: &Map<String, Value>) -> Result<(), String> {
    let wire = SimAlert::default().to_json("");
    known(fields, wire.keys().map(String::as_str))?;
    nested(fields)
}

fn put_machine(fields: &Map<String, Value>, state: &mut State, now: Timestamp) -> Result<Value, String> {
    let (fields, extra) = with_extra(fields)?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let id = text("id").ok_or("a machine needs an id")?;
    let known = state.tenant.machine(id).cloned();
    let mut machine = match known {
        Some(machine) => machine,
        None => SimMachine::new(
            MachineId::new(id).map_err(|error| error.to_string())?,
            text("computerDnsName").unwrap_or(id),
        ),
    };
    machine_fields(&fields, &machine.to_json(now))?;
    machine.apply_json(&fields);
    machine.extra.extend(extra);
    let wire = machine.to_json(now);
    state.tenant.put_machine(machine, now);
    Ok(Value::Object(wire))
}

fn put_alert(fields: &Map<String, Value>, state: &mut State, now: Timestamp) -> Result<Value, String> {
    let (fields, extra) = with_extra(fields)?;
    alert_fields(&fields)?;
    let machine = fields.get("machineId").and_then(Value::as_str).and_then(|id| state.tenant.machine(id));
    let mut alert = machine.map_or_else(SimAlert::default, SimAlert::on);
    alert.apply_json(&fields);
    alert.extra.extend(extra);
    let id = state.tenant.put_alert(alert, now);
    Ok(state.tenant.alert_wire(id.as_str()).cloned().map_or(Value::Null, Value::Object))
}

fn patch_alert(id: &str, fields: &Map<String, Value>, state: &mut State, now: Timestamp) -> Result<Value, String> {
    let mut alert = state.tenant.alert(id).cloned().ok_or_else(|| format!("there is no alert {id}"))?;
    let (fields, extra) = with_extra(fields)?;
    alert_fields(&fields)?;
    let own_id = alert.id.clone();
    alert.updated = Some(now);
    alert.apply_json(&fields);
    alert.extra.extend(extra);
    alert.id = own_id;
    state.tenant.put_alert(alert, now);
    Ok(state.tenant.alert_wire(id).cloned().map_or(Value::Null, Value::Object))
}

/// A machine with what its actions came to.
fn machine(id: &str, state: &State, now: Timestamp) -> Answer {
    let Some(machine) = state.tenant.machine(id) else { return refusal(404, &format!("there is no machine {id}")) };
    let last = |kinds: [&'static str; 2]| state.tenant.last_succeeded(kinds, &machine.id, now) == Some(kinds[0]);
    let mut wire = machine.to_json(now);
    wire.insert("isolated".to_owned(), json!(last(["Isolate", "Unisolate"])));
    wire.insert("restricted".to_owned(), json!(last(["RestrictCodeExecution", "UnrestrictCodeExecution"])));
    Answer::json(200, &Value::Object(wire))
}

/// Who does something in the portal, and why.
fn person(fields: &Map<String, Value>) -> Result<(&str, &str), String> {
    known(fields, ["person", "comment"].into_iter())?;
    let text = |name: &str, unless_given| match fields.get(name) {
        None => Ok(unless_given),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(format!("`{name}` must be a text")),
    };
    Ok((text("person", "person@example.com")?, text("comment", "by hand")?))
}

fn act_by(
    (kind, id): (&str, &str),
    fields: &Map<String, Value>,
    state: &mut State,
    now: Timestamp,
) -> Result<Value, String> {
    let machine = state.tenant.machine(id).map(|machine| machine.id.clone());
    let machine = machine.ok_or_else(|| format!("there is no machine {id}"))?;
    let action = people::act(state, kind, &machine, person(fields)?, now);
    Ok(json!({"id": action.as_str()}))
}

fn cancel_by(id: &str, fields: &Map<String, Value>, state: &mut State, now: Timestamp) -> Result<Value, String> {
    if people::cancel(state, id, person(fields)?, now) {
        return Ok(json!({"id": id}));
    }
    Err(format!("no action {id} is under way"))
}

fn mails(state: &State) -> Value {
    let mail = |mail: &crate::mail::Mail| {
        let source = match mail.source {
            MailSource::Smtp => "smtp",
            MailSource::Graph => "graph",
        };
        json!({"at": mail.at, "source": source, "from": mail.from, "to": mail.to, "raw": STANDARD.encode(&mail.raw)})
    };
    state.mails.iter().map(mail).collect()
}

/// The kinds of faults, with the fields that belong to each.
const FAULTS: [(&str, &[&str]); 12] = [
    ("status", &["status", "body", "headers"]),
    ("html502", &[]),
    ("hang", &["milliseconds"]),
    ("dropBeforeAnswer", &[]),
    ("refuseBeforeEffect", &[]),
    ("truncatedJson", &[]),
    ("cutMidBody", &[]),
    ("garbage", &[]),
    ("fields", &["fields"]),
    ("delay", &["milliseconds"]),
    ("slowBody", &["milliseconds"]),
    ("hugeBody", &["bytes"]),
];

/// Refuses a kind that there is not, and a field that means nothing with this one.
fn fault_fields(fields: &Map<String, Value>) -> Result<(), String> {
    const ANY: [&str; 4] = ["method", "pathContains", "times", "kind"];
    let Some(Value::String(kind)) = fields.get("kind") else {
        // A misspelt `kind` is named rather than missed.
        let all: Vec<&str> = ANY.into_iter().chain(FAULTS.iter().flat_map(|(_, own)| own.iter().copied())).collect();
        known_in("", fields, &all)?;
        return Err("a fault needs a `kind`, which is a text".to_owned());
    };
    match FAULTS.iter().find(|(name, _)| name == kind) {
        Some((_, own)) => known(fields, ANY.into_iter().chain(own.iter().copied())),
        None => {
            let kinds = FAULTS.map(|(name, _)| name);
            Err(format!("there is no fault of kind `{kind}`; {}", hint(kind, &kinds)))
        }
    }
}

/// A fault as JSON, whose fields are known to fit its kind.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FaultBody {
    #[serde(default = "any")]
    method: String,
    #[serde(default)]
    path_contains: String,
    #[serde(default = "once")]
    times: u32,
    kind: String,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    body: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    milliseconds: u64,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    fields: Map<String, Value>,
}

fn any() -> String {
    "*".to_owned()
}

fn once() -> u32 {
    1
}

fn put_fault(fields: &Map<String, Value>, state: &mut State) -> Result<Value, String> {
    fault_fields(fields)?;
    let body: FaultBody = serde_json::from_value(Value::Object(fields.clone())).map_err(|error| error.to_string())?;
    let time = Duration::from_millis(body.milliseconds);
    let what = match body.kind.as_str() {
        "status" if (100..1000).contains(&body.status) => {
            FaultKind::Status { code: body.status, body: body.body, headers: body.headers }
        }
        "status" => return Err("a fault of kind status needs a status from 100 to 999".to_owned()),
        "html502" => FaultKind::Html502,
        "hang" => FaultKind::Hang(time),
        "dropBeforeAnswer" => FaultKind::DropBeforeAnswer,
        "refuseBeforeEffect" => FaultKind::RefuseBeforeEffect,
        "truncatedJson" => FaultKind::TruncatedJson,
        "cutMidBody" => FaultKind::CutMidBody,
        "garbage" => FaultKind::Garbage,
        "fields" => FaultKind::Fields(body.fields),
        "delay" => FaultKind::Delay(time),
        "slowBody" => FaultKind::SlowBody(time),
        "hugeBody" => FaultKind::HugeBody(body.bytes),
        other => return Err(format!("there is no fault of kind {other}")),
    };
    state.script.add(Fault { method: body.method, path_contains: body.path_contains, times: body.times, what });
    Ok(json!({"left": state.script.left()}))
}
