//! The HTTP interface without its transport: a call comes in, the state changes, an answer goes out.

mod access;
pub(crate) mod admin;
mod alert_updates;
mod alerts;
mod body;
mod downloads;
mod graph;
mod indicators;
mod investigations;
mod machine_actions;
mod machine_call;
mod machine_marks;
mod machines;
mod respond;
mod route;
mod token_endpoint;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, error, graph_error};
use crate::odata::{Query, Selected};
use crate::state::State;
use access::Caller;
use route::{Found, Route};

/// A request, as far as the API looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// The path's segments after the prefix, percent-decoded.
    pub(crate) segments: Vec<String>,
    /// The query string as sent.
    pub(crate) query: String,
    /// The token of the `Authorization` header.
    pub(crate) bearer: Option<String>,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
    /// The server's own address with the prefix, for `@odata.nextLink` and `@odata.context`.
    pub(crate) base: String,
}

/// Carries a call out.
pub(crate) fn carry_out(call: &Call, state: &mut State, now: Timestamp) -> Answer {
    let route = match Route::find(call) {
        Found::Route(route) => route,
        Found::OtherMethod => return Answer::empty(405),
        Found::Nothing => {
            let target = state.tenant.guid();
            return error(404, "NotFound", "No resource matches this address", &target);
        }
    };
    if let Route::Token { tenant } = &route {
        return token_endpoint::token(call, tenant, state, now);
    }
    if let Route::Download(token) = &route {
        return downloads::file(state, token, now);
    }
    match access::admit(call, &route, state, now) {
        Ok(caller) => dispatch(&Request { call, caller: &caller, now }, &route, state),
        Err(refusal) => refusal,
    }
}

/// A call that was let in.
pub(crate) struct Request<'a> {
    pub(crate) call: &'a Call,
    pub(crate) caller: &'a Caller,
    pub(crate) now: Timestamp,
}

fn dispatch(request: &Request<'_>, route: &Route, state: &mut State) -> Answer {
    match route {
        Route::Token { .. } | Route::Download(_) => Answer::empty(500),
        Route::Alerts => alerts::list(request, state),
        Route::Alert(id) => alerts::single(request, state, id),
        Route::AlertRelated(id, related) => alerts::related(request, state, id, *related),
        Route::Machines => machines::list(request, state),
        Route::Machine(id) => machines::single(request, state, id),
        Route::LogonUsers(id) => machines::logon_users(request, state, id),
        Route::Respond(response, id) => respond::respond(request, state, *response, id),
        Route::Investigate => investigations::start(state),
        Route::Tags(id) => machine_marks::tag(request, state, id),
        Route::DeviceValue(id) => machine_marks::set_value(request, state, id),
        Route::UpdateAlert(id) => alert_updates::update(request, state, id),
        Route::UpdateAlerts => alert_updates::update_all(request, state),
        Route::Indicators => indicators::submit(request, state),
        Route::MachineActions => machine_actions::list(request, state),
        Route::MachineAction(id) => machine_actions::single(request, state, id),
        Route::Cancel(id) => machine_actions::cancel(request, state, id),
        Route::Package(id) => downloads::package(request, state, id),
        Route::Result(id, index) => downloads::result(request, state, id, *index),
        Route::SendMail(sender) => graph::send_mail(request, state, sender),
    }
}

/// 404 in the words of the "Common REST API error codes" page.
pub(crate) fn not_found(state: &mut State, what: &str) -> Answer {
    let target = state.tenant.guid();
    error(404, "ResourceNotFound", &format!("{what} was not found"), &target)
}

/// 400 with this code.
pub(crate) fn bad_request(state: &mut State, code: &str, message: &str) -> Answer {
    let target = state.tenant.guid();
    error(400, code, message, &target)
}

/// A single entity with its context.
pub(crate) fn entity(call: &Call, set: &str, status: u16, wire: &Map<String, Value>) -> Answer {
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), json!(format!("{}/api/$metadata#{set}/$entity", call.base)));
    body.extend(wire.clone());
    Answer::json(status, &Value::Object(body))
}

/// A collection without paging.
pub(crate) fn collection(call: &Call, set: &str, rows: Vec<Value>) -> Answer {
    Answer::json(200, &json!({"@odata.context": format!("{}/api/$metadata#{set}", call.base), "value": rows}))
}

/// A page of a list; `shape` may change each row before `$select` is applied.
pub(crate) fn page(
    (call, state): (&Call, &State),
    set: &str,
    (query, page): (&Query, &Selected<'_>),
    shape: impl Fn(&mut Map<String, Value>),
) -> Answer {
    let mut body = json!({"@odata.context": format!("{}/api/$metadata#{set}", call.base)});
    let shaped = |row: &&Map<String, Value>| {
        let mut row = (*row).clone();
        shape(&mut row);
        query.project(&mut row);
        Value::Object(row)
    };
    body["value"] = page.rows.iter().map(shaped).collect();
    if let Some(query) = &page.next {
        let path = call.segments.join("/");
        let base = state.options.quirks.next_link_host.as_deref().unwrap_or(&call.base);
        body["@odata.nextLink"] = json!(format!("{base}/{path}?{query}"));
    }
    Answer::json(200, &body)
}

/// The list options of a call, or the 400 for them.
pub(crate) fn list_options(
    call: &Call,
    state: &mut State,
    properties: &'static [(&'static str, crate::odata::Kind)],
) -> Result<Query, Answer> {
    Query::parse(&call.query, properties, &state.options.quirks)
        .map_err(|refused| bad_request(state, "ODataError", &refused.0))
}

/// A Graph error with a fresh request id.
pub(crate) fn graph_refusal(state: &mut State, status: u16, (code, message): (&str, &str), now: Timestamp) -> Answer {
    let request = state.tenant.guid();
    graph_error(status, code, message, (&request, now))
}
