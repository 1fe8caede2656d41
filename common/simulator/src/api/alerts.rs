//! `GET /api/alerts` and what hangs off it.

use serde_json::{Map, Value, json};
use url::Url;

use super::route::Related;
use super::{Request, collection, entity, list_options, not_found, page};
use crate::answer::{Answer, error};
use crate::odata::Kind;
use crate::state::State;
use crate::tenant::machine::user_json;
use crate::wire_time::before;

/// What the list can be filtered by ("List alerts"). `machineId` is not among it.
const PROPERTIES: &[(&str, Kind)] = &[
    ("alertCreationTime", Kind::Time),
    ("lastUpdateTime", Kind::Time),
    ("lastEventTime", Kind::Time),
    ("incidentId", Kind::Number),
    ("investigationId", Kind::Number),
    ("id", Kind::Text),
    ("assignedTo", Kind::Text),
    ("detectionSource", Kind::Text),
    ("status", Kind::Text),
    ("severity", Kind::Text),
    ("category", Kind::Text),
];

/// The list, as it was `list_lag` ago. Without `$orderby` it is sorted by id, as seen in a real capture; without
/// `$expand=evidence` every `evidence` is empty.
pub(crate) fn list(request: &Request<'_>, state: &mut State) -> Answer {
    let query = match list_options(request.call, state, PROPERTIES) {
        Ok(query) => query,
        Err(refusal) => return refusal,
    };
    let time = before(request.now, state.options.list_lag);
    let selected = query.select(state.tenant.alerts_at(time), &state.options.quirks);
    let answer = page((request.call, state), "Alerts", (&query, &selected), |row| {
        if !query.expand_evidence {
            row.insert("evidence".to_owned(), json!([]));
        }
    });
    let ids = selected.rows.iter().filter_map(|row| row.get("id").and_then(Value::as_str));
    let news: Vec<String> = ids.filter(|id| !state.listed.contains_key(*id)).map(str::to_owned).collect();
    let ready = state.options.clock.now();
    state.listed.extend(news.into_iter().map(|id| (id, ready)));
    answer
}

/// One alert, with evidence.
pub(crate) fn single(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    match state.tenant.alert_wire(id) {
        Some(wire) => entity(request.call, "Alerts", 200, wire),
        None => not_found(state, &format!("Alert {id}")),
    }
}

/// Machine, user, files, addresses or domains of an alert.
pub(crate) fn related(request: &Request<'_>, state: &mut State, id: &str, related: Related) -> Answer {
    let Some(wire) = state.tenant.alert_wire(id).cloned() else {
        return not_found(state, &format!("Alert {id}"));
    };
    match related {
        Related::Machine => machine(request, state, id, &wire),
        Related::User => user(request, state, id),
        Related::Files => collection(request.call, "Files", items(&wire, file)),
        Related::Ips => collection(request.call, "Ips", items(&wire, address)),
        Related::Domains => collection(request.call, "Domains", items(&wire, domain)),
    }
}

fn machine(request: &Request<'_>, state: &mut State, alert: &str, wire: &Map<String, Value>) -> Answer {
    let id = wire.get("machineId").and_then(Value::as_str).unwrap_or_default();
    let machine = state.tenant.machine(id).filter(|_| !state.options.quirks.lookups_404);
    match machine.map(|machine| machine.to_json(request.now)) {
        Some(wire) => entity(request.call, "Machines", 200, &wire),
        None => not_found(state, &format!("Machine of alert {alert}")),
    }
}

/// An alert without a user answers 404, too: "There is no User related to alert …" was seen.
fn user(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    let alert = state.tenant.alert(id);
    let user = alert.and_then(|alert| {
        let (account, domain) = alert.user.as_ref()?;
        let machine = alert.machine.as_ref().map_or("", |machine| machine.as_str());
        Some(user_json(account, domain, machine, request.now))
    });
    match user {
        Some(Value::Object(wire)) => entity(request.call, "Users", 200, &wire),
        _ => {
            let target = format!("|{}.", state.tenant.guid());
            error(404, "ResourceNotFound", &format!("There is no User related to alert {id}"), &target)
        }
    }
}

fn items(wire: &Map<String, Value>, shape: fn(&Map<String, Value>) -> Option<Value>) -> Vec<Value> {
    let evidence = wire.get("evidence").and_then(Value::as_array);
    let mut rows: Vec<Value> = Vec::new();
    for row in evidence.into_iter().flatten().filter_map(Value::as_object).filter_map(shape) {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

fn file(item: &Map<String, Value>) -> Option<Value> {
    let sha1 = item.get("sha1").filter(|sha1| sha1.is_string())?;
    Some(json!({
        "sha1": sha1, "sha256": item.get("sha256"), "md5": null, "globalPrevalence": 3,
        "globalFirstObserved": "2024-01-08T09:20:00Z", "globalLastObserved": "2024-02-08T09:20:00Z", "size": 12345,
        "fileType": null, "isPeFile": true, "filePublisher": null, "fileProductName": null, "signer": null, "issuer": null,
        "signerHash": null, "isValidCertificate": false, "determinationType": "Unknown", "determinationValue": "",
    }))
}

fn address(item: &Map<String, Value>) -> Option<Value> {
    item.get("ipAddress").filter(|address| address.is_string()).map(|address| json!({"id": address}))
}

fn domain(item: &Map<String, Value>) -> Option<Value> {
    let url = Url::parse(item.get("url")?.as_str()?).ok()?;
    url.host_str().map(|host| json!({"host": host}))
}
