//! `GET /api/machineactions`, the single action, and its cancellation.

use std::time::Duration;

use serde_json::{Map, Value};

use super::body::Body;
use super::machine_call::MachineCall;
use super::{Request, bad_request, entity, list_options, not_found, page};
use crate::answer::Answer;
use crate::odata::Kind;
use crate::state::State;
use crate::tenant::action::SimAction;
use crate::wire_time::before;

/// What the list can be filtered by ("List machine actions").
const PROPERTIES: &[(&str, Kind)] = &[
    ("id", Kind::Text),
    ("status", Kind::Text),
    ("machineId", Kind::Text),
    ("type", Kind::Text),
    ("requestor", Kind::Text),
    ("creationDateTimeUtc", Kind::Time),
];

/// The list as it was `list_lag` ago, newest first (as in the documentation's sample).
pub(crate) fn list(request: &Request<'_>, state: &mut State) -> Answer {
    let query = match list_options(request.call, state, PROPERTIES) {
        Ok(query) => query,
        Err(refusal) => return refusal,
    };
    let time = before(request.now, state.options.list_lag);
    let tenant = &state.tenant;
    let of = query.one_of("machineId");
    // What is written of an instant is less exact than the instant.
    let since = query.not_before("creationDateTimeUtc").map(|since| before(since, Duration::from_secs(1)));
    let fits = |action: &SimAction| {
        of.as_ref().is_none_or(|of| of.contains(&action.machine.as_str()))
            && since.is_none_or(|since| action.created >= since)
    };
    let wanted = |action: &&SimAction| action.created <= time && fits(action);
    let mut seen: Vec<_> = tenant.actions().iter().filter(wanted).collect();
    seen.sort_by_key(|action| std::cmp::Reverse(action.created));
    let rows: Vec<Map<String, Value>> = seen.into_iter().map(|action| tenant.action_wire(action, time)).collect();
    let selected = query.select(rows.iter(), &state.options.quirks);
    let old_name = state.options.quirks.actions_update_time_utc;
    page((request.call, state), "MachineActions", (&query, &selected), |row| {
        if old_name && let Some(time) = row.remove("lastUpdateDateTimeUtc") {
            row.insert("lastUpdateTimeUtc".to_owned(), time);
        }
    })
}

/// One action; it never lags.
pub(crate) fn single(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    let wire = state.tenant.action(id).map(|action| state.tenant.action_wire(action, request.now));
    match wire {
        Some(wire) => entity(request.call, "MachineActions", 200, &wire),
        None => not_found(state, &format!("Machine action {id}")),
    }
}

/// Cancels an action that is not final ("Cancel machine action"), by somebody who might have asked for it.
pub(crate) fn cancel(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    match check_cancel(request, state, id) {
        Ok(comment) => {
            let by = request.caller.client_id.clone();
            state.cancel(id, (request.now, by, comment));
            single(request, state, id)
        }
        Err(refusal) => refusal,
    }
}

fn check_cancel(request: &Request<'_>, state: &mut State, id: &str) -> Result<String, Answer> {
    let comment = Body::read(request, state, &["Comment"])?.required(state, "Comment")?;
    let Some(action) = state.tenant.action(id) else {
        return Err(not_found(state, &format!("Machine action {id}")));
    };
    let live = state.tenant.action_state(action, request.now).is_live();
    if let Some(response) = MachineCall::of_kind(&action.kind) {
        request.caller.need(response.roles(), state)?;
    }
    if live {
        return Ok(comment);
    }
    Err(bad_request(state, "InvalidInput", "The action is in a final state and cannot be cancelled"))
}
