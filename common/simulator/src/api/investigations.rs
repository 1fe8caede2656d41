//! `POST /api/machines/{id}/startInvestigation` ("Start Investigation API").

use serde_json::json;

use super::body::Body;
use super::machine_call::is_recent_windows;
use super::{Request, bad_request, entity, not_found};
use crate::answer::Answer;
use crate::state::State;
use crate::tenant::machine::object;
use crate::wire_time::wire_time;

/// Starts an investigation, which then runs for ever here.
pub(crate) fn start(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    let body = Body::read(request, state, &["Comment", "ExternalId"]);
    if let Err(refusal) = body.and_then(|body| body.required(state, "Comment")) {
        return refusal;
    }
    let found = state.tenant.machine(id).map(|machine| (machine.id.clone(), machine.name.clone(), machine.os.clone()));
    let Some((machine, name, os)) = found else { return not_found(state, &format!("Machine {id}")) };
    if !is_recent_windows(&os) {
        return bad_request(state, "OsPlatformNotSupported", &format!("The action is not supported on {os}"));
    }
    let wire = object(json!({
        "id": (63_000 + state.tenant.investigations().len()).to_string(), "startTime": wire_time(request.now),
        "endTime": null, "state": "Running", "cancelledBy": null, "statusDetails": null,
        "machineId": machine.as_str(), "computerDnsName": name, "triggeringAlertId": null,
    }));
    state.tenant.put_investigation(wire.clone());
    entity(request.call, "Investigations", 201, &wire)
}
