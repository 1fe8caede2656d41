//! `GET /api/machines` and what hangs off it.

use super::{Request, collection, entity, list_options, not_found, page};
use crate::answer::Answer;
use crate::odata::Kind;
use crate::state::State;
use crate::tenant::machine::SimMachine;

/// What the list can be filtered by ("List machines").
const PROPERTIES: &[(&str, Kind)] = &[
    ("computerDnsName", Kind::Text),
    ("id", Kind::Text),
    ("version", Kind::Text),
    ("deviceValue", Kind::Text),
    ("aadDeviceId", Kind::Text),
    ("lastSeen", Kind::Time),
    ("exposureLevel", Kind::Text),
    ("onboardingStatus", Kind::Text),
    ("lastIpAddress", Kind::Text),
    ("healthStatus", Kind::Text),
    ("osPlatform", Kind::Text),
    ("riskScore", Kind::Text),
    ("rbacGroupId", Kind::Number),
];

/// The list. "If no recent machines - 404 Not Found" (List machines): so does a filter that fits nothing.
pub(crate) fn list(request: &Request<'_>, state: &mut State) -> Answer {
    let query = match list_options(request.call, state, PROPERTIES) {
        Ok(query) => query,
        Err(refusal) => return refusal,
    };
    let ids = query.one_of("id");
    let wanted = |machine: &&SimMachine| ids.as_ref().is_none_or(|ids| ids.contains(&machine.id.as_str()));
    let rows: Vec<_> = state.tenant.machines().filter(wanted).map(|machine| machine.to_json(request.now)).collect();
    let selected = query.select(rows.iter(), &state.options.quirks);
    if selected.none || state.options.quirks.lookups_404 {
        return not_found(state, "Machine");
    }
    page((request.call, state), "Machines", (&query, &selected), |_| {})
}

/// One machine, by id or by name.
pub(crate) fn single(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    let machine = state.tenant.machine(id).filter(|_| !state.options.quirks.lookups_404);
    match machine.map(|machine| machine.to_json(request.now)) {
        Some(wire) => entity(request.call, "Machines", 200, &wire),
        None => not_found(state, &format!("Machine {id}")),
    }
}

/// The accounts logged on.
pub(crate) fn logon_users(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    let machine = state.tenant.machine(id).filter(|_| !state.options.quirks.lookups_404);
    match machine.map(|machine| machine.users_json(request.now)) {
        Some(users) => collection(request.call, "Users", users),
        None => not_found(state, &format!("Machine {id}")),
    }
}
