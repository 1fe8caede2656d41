//! Links to what an action brought, and what is behind them.
//!
//! Sources: Microsoft's pages "Get package SAS URI API" and "Get live response results". Who has a link needs no token;
//! it ends after 30 minutes, which is published for results and assumed for packages.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Request, not_found};
use crate::answer::{Answer, error};
use crate::state::State;
use jiff::Timestamp;

const WORKS_FOR: Duration = Duration::from_secs(30 * 60);
/// An empty ZIP archive: its end record alone.
const PACKAGE: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// A link to an investigation package. The link stands in quotes of its own inside the JSON string.
pub(crate) fn package(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    if !has_succeeded(request, state, id, "CollectInvestigationPackage") {
        return not_found(state, &format!("The package of machine action {id}"));
    }
    let link = issue(request, state, "package.zip", PACKAGE.to_vec());
    answer(request, &format!("\"{link}\""))
}

/// A link to what a live response command brought. Putting a file brings nothing.
pub(crate) fn result(request: &Request<'_>, state: &mut State, id: &str, index: usize) -> Answer {
    let command = state.tenant.action(id).and_then(|action| action.commands.get(index)).cloned().unwrap_or_default();
    let kind = command["type"].as_str().unwrap_or_default();
    let done = has_succeeded(request, state, id, "LiveResponse");
    let content = match kind {
        "RunScript" => {
            json!({"script_name": command["params"][0]["value"], "exit_code": 0, "script_output": "", "script_errors": ""})
        }
        "GetFile" => json!("the content of the file"),
        _ => Value::Null,
    };
    if !done || content.is_null() {
        return not_found(state, &format!("The result {index} of machine action {id}"));
    }
    let link = issue(request, state, "result.json", content.to_string().into_bytes());
    answer(request, &link)
}

/// The file behind a link.
pub(crate) fn file(state: &mut State, token: &str, now: Timestamp) -> Answer {
    match state.links.open(token, now) {
        Some(content) => Answer::text(200, "application/octet-stream", content),
        None => {
            let target = state.tenant.guid();
            error(403, "Forbidden", "The link is unknown or has expired", &target)
        }
    }
}

fn has_succeeded(request: &Request<'_>, state: &State, id: &str, kind: &str) -> bool {
    let action = state.tenant.action(id).filter(|action| action.kind == kind);
    action.is_some_and(|action| state.tenant.action_state(action, request.now).status == "Succeeded")
}

fn issue(request: &Request<'_>, state: &mut State, name: &str, content: Vec<u8>) -> String {
    let token = state.tenant.guid();
    state.links.issue(token.clone(), content, (request.now, WORKS_FOR));
    format!("{}/download/{token}/{name}", request.call.base)
}

fn answer(request: &Request<'_>, value: &str) -> Answer {
    Answer::json(
        200,
        &json!({"@odata.context": format!("{}/api/$metadata#Edm.String", request.call.base), "value": value}),
    )
}
