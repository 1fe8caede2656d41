//! `PATCH /api/alerts/{id}` and `POST /api/alerts/batchUpdate`.

use serde_json::{Value, json};

use super::alerts::single;
use super::body::Body;
use super::{Request, bad_request, not_found};
use crate::answer::Answer;
use crate::state::State;
use crate::wire_time::wire_time;

const STATUSES: [&str; 3] = ["New", "InProgress", "Resolved"];
const CLASSIFICATIONS: [&str; 3] = ["TruePositive", "InformationalExpectedActivity", "FalsePositive"];
/// `ConfirmedActivity` and `NotMalicious` stand on the page "Update alert", `ConfirmedUserActivity` and `Clean` for the
/// same on "Batch update alerts"; both calls take either.
const DETERMINATIONS: [&str; 14] = [
    "MultiStagedAttack",
    "MaliciousUserActivity",
    "CompromisedUser",
    "Malware",
    "Phishing",
    "UnwantedSoftware",
    "Other",
    "SecurityTesting",
    "LineOfBusinessApplication",
    "ConfirmedActivity",
    "ConfirmedUserActivity",
    "NotMalicious",
    "Clean",
    "InsufficientData",
];
const KEYS: [&str; 5] = ["status", "assignedTo", "classification", "determination", "comment"];

/// What a body changes.
struct Changes {
    status: Option<String>,
    /// `assignedTo`, `classification`, `determination`.
    fields: Vec<(&'static str, String)>,
    comment: Option<String>,
}

impl Changes {
    fn read(body: &Body, state: &mut State) -> Result<Self, Answer> {
        if KEYS.iter().all(|key| body.value(key).is_none()) {
            return Err(bad_request(state, "InvalidRequestBody", "Nothing is to be updated"));
        }
        let status = body.one_of(state, "status", &STATUSES)?;
        let mut fields = Vec::new();
        for (name, words) in [("classification", &CLASSIFICATIONS[..]), ("determination", &DETERMINATIONS[..])] {
            fields.extend(body.one_of(state, name, words)?.map(|word| (name, word)));
        }
        fields.extend(body.text("assignedTo").map(|owner| ("assignedTo", owner.to_owned())));
        Ok(Self { status, fields, comment: body.text("comment").map(str::to_owned) })
    }
}

/// Changes one alert and answers with it.
pub(crate) fn update(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    let changes = Body::read(request, state, &KEYS).and_then(|body| Changes::read(&body, state));
    match changes {
        Err(refusal) => refusal,
        Ok(_) if state.tenant.alert(id).is_none() => not_found(state, &format!("Alert {id}")),
        Ok(changes) => {
            apply(request, state, id, &changes);
            single(request, state, id)
        }
    }
}

/// Changes several alerts and answers with an empty body. What becomes of the others when one is unknown is not
/// documented; here nothing is changed then.
pub(crate) fn update_all(request: &Request<'_>, state: &mut State) -> Answer {
    match read_all(request, state) {
        Err(refusal) => refusal,
        Ok((ids, changes)) => {
            for id in &ids {
                apply(request, state, id, &changes);
            }
            Answer::empty(200)
        }
    }
}

fn read_all(request: &Request<'_>, state: &mut State) -> Result<(Vec<String>, Changes), Answer> {
    let keys: Vec<&str> = KEYS.iter().copied().chain(["alertIds"]).collect();
    let body = Body::read(request, state, &keys)?;
    let listed = body.value("alertIds").and_then(Value::as_array).cloned().unwrap_or_default();
    let ids: Vec<String> = listed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if ids.is_empty() || ids.len() < listed.len() {
        return Err(bad_request(state, "MissingRequiredParameter", "The parameter alertIds is required"));
    }
    let changes = Changes::read(&body, state)?;
    match ids.iter().find(|id| state.tenant.alert(id).is_none()) {
        Some(unknown) => Err(not_found(state, &format!("Alert {unknown}"))),
        None => Ok((ids, changes)),
    }
}

fn apply(request: &Request<'_>, state: &mut State, id: &str, changes: &Changes) {
    let Some(mut alert) = state.tenant.alert(id).cloned() else { return };
    alert.updated = Some(request.now);
    if let Some(status) = &changes.status {
        alert.status.clone_from(status);
        alert.resolved = (status == "Resolved").then_some(request.now);
    }
    for (name, value) in &changes.fields {
        alert.extra.insert((*name).to_owned(), json!(value));
    }
    if let Some(comment) = &changes.comment {
        let comments = alert.extra.entry("comments").or_insert_with(|| json!([]));
        if let Value::Array(comments) = comments {
            let by = &request.caller.client_id;
            comments.push(json!({"comment": comment, "createdBy": by, "createdTime": wire_time(request.now)}));
        }
    }
    state.tenant.put_alert(alert, request.now);
}
