//! `POST /api/machines/{id}/isolate` and `/unisolate`.

use cordon_records::MachineId;
use serde_json::{Map, Value};

use super::{Request, bad_request, entity, not_found};
use crate::answer::Answer;
use crate::state::State;
use crate::tenant::NewAction;

/// Platforms that cannot be isolated ("Take response actions on a device").
const NOT_ISOLATED: [&str; 3] = ["iOS", "Android", "WindowsXP"];

/// The body of an action. Its keys are PascalCase and case-sensitive.
pub(crate) struct Body {
    pub(crate) comment: String,
    pub(crate) isolation: Option<String>,
}

/// Isolates a machine ("Isolate machine API").
pub(crate) fn isolate(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    let body = match body_of(request, state, &["Comment", "IsolationType", "ExternalId"]) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let scope = body.isolation.clone().unwrap_or_else(|| "Full".to_owned());
    if !matches!(scope.as_str(), "Full" | "Selective" | "UnManagedDevice") {
        return bad_request(state, "InvalidInput", "IsolationType must be Full, Selective or UnManagedDevice");
    }
    act(request, state, id, ("Isolate", Some(scope), body.comment))
}

/// Releases a machine ("Release device from isolation API").
pub(crate) fn unisolate(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    match body_of(request, state, &["Comment", "ExternalId"]) {
        Ok(body) => act(request, state, id, ("Unisolate", None, body.comment)),
        Err(refusal) => refusal,
    }
}

fn act(
    request: &Request<'_>,
    state: &mut State,
    id: &str,
    (kind, scope, comment): (&str, Option<String>, String),
) -> Answer {
    let found = state.tenant.machine(id).map(|machine| (machine.id.clone(), machine.os.clone()));
    let Some((machine, os)) = found else { return not_found(state, &format!("Machine {id}")) };
    let windows = os.starts_with("Windows");
    let selective = scope.as_deref() == Some("Selective");
    if NOT_ISOLATED.contains(&os.as_str()) || (selective && !windows && os != "macOS") {
        return bad_request(state, "OsPlatformNotSupported", &format!("The action is not supported on {os}"));
    }
    if let Some(answer) = already_running(request, state, kind, &machine) {
        return answer;
    }
    let new = NewAction {
        kind: kind.to_owned(),
        machine,
        requestor: request.caller.client_id.clone(),
        comment,
        scope,
        source: "PublicApi",
        settle: state.options.settle,
    };
    let action = state.tenant.put_action(new, request.now).clone();
    let mut wire = state.tenant.action_wire(&action, request.now);
    // However quick the machine is, the answer to the request itself says Pending.
    wire.insert("status".to_owned(), Value::from("Pending"));
    entity(request.call, "MachineActions", 201, &wire)
}

/// What a second action of a kind gets while one is under way.
fn already_running(request: &Request<'_>, state: &mut State, kind: &str, machine: &MachineId) -> Option<Answer> {
    let live = state.tenant.live_action(kind, machine, request.now)?;
    if state.options.quirks.actions_answer_existing {
        let wire = state.tenant.action_wire(live, request.now);
        return Some(entity(request.call, "MachineActions", 201, &wire));
    }
    Some(bad_request(state, "ActiveRequestAlreadyExists", "Action is already in progress"))
}

/// Reads an action's body: a JSON object with these keys only, and a `Comment` that is not empty.
pub(crate) fn body_of(request: &Request<'_>, state: &mut State, allowed: &[&str]) -> Result<Body, Answer> {
    let parsed: Option<Map<String, Value>> = serde_json::from_slice(&request.call.body).ok();
    let json = request.call.content_type.to_ascii_lowercase().starts_with("application/json");
    let Some(body) = parsed.filter(|body| json && body.keys().all(|key| allowed.contains(&key.as_str()))) else {
        return Err(bad_request(state, "InvalidRequestBody", "Request body is incorrect"));
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    match text("Comment").filter(|comment| !comment.trim().is_empty()) {
        Some(comment) => Ok(Body { comment, isolation: text("IsolationType") }),
        None => Err(bad_request(state, "MissingRequiredParameter", "The parameter Comment is required")),
    }
}
