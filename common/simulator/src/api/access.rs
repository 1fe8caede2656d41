//! Who may call: the token, then the quota, then the role.

use jiff::Timestamp;

use super::{Call, Route, graph_refusal};
use crate::answer::{Answer, error};
use crate::quota::Quota;
use crate::state::State;
use crate::token::{DEFENDER_AUDIENCES, GRAPH_AUDIENCE, Grant};

/// The app behind a call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) client_id: String,
    pub(crate) roles: Vec<String>,
}

impl Caller {
    /// Refuses a caller who has none of these roles.
    pub(crate) fn need(&self, needed: &[&str], state: &mut State) -> Result<(), Answer> {
        if needed.iter().any(|role| self.roles.iter().any(|has| has == role)) {
            return Ok(());
        }
        let (needed, have) = (needed.join(","), self.roles.join(","));
        let message = format!("Missing application roles. API required roles: {needed}, application roles: {have}.");
        let target = state.tenant.guid();
        Err(error(403, "Forbidden", &message, &target))
    }
}

/// Lets a call in or says why not.
pub(crate) fn admit(call: &Call, route: &Route, state: &mut State, now: Timestamp) -> Result<Caller, Answer> {
    let graph = matches!(route, Route::SendMail(_));
    let grant = call.bearer.as_deref().and_then(|token| state.tokens.check(token, now)).cloned();
    let Some(grant) = grant.filter(|grant| fits(grant, graph)) else {
        return Err(unauthorized(call, state, graph, now));
    };
    if let Some(template) = route.template() {
        let quota = route.quota(state.options.quota);
        count((template, quota), &grant.client_id, state, now)?;
    }
    let caller = Caller { client_id: grant.client_id, roles: grant.roles };
    match caller.need(route.roles(), state) {
        Ok(()) => Ok(caller),
        Err(_) if graph => {
            let what = ("ErrorAccessDenied", "Access is denied. Check credentials and try again.");
            Err(graph_refusal(state, 403, what, now))
        }
        Err(refusal) => Err(refusal),
    }
}

fn fits(grant: &Grant, graph: bool) -> bool {
    if graph { grant.audience == GRAPH_AUDIENCE } else { DEFENDER_AUDIENCES.contains(&grant.audience.as_str()) }
}

fn unauthorized(call: &Call, state: &mut State, graph: bool, now: Timestamp) -> Answer {
    let message = if call.bearer.is_none() {
        "Access token is missing."
    } else {
        "Access token has expired or is not yet valid."
    };
    let answer = if graph {
        graph_refusal(state, 401, ("InvalidAuthenticationToken", message), now)
    } else {
        let target = state.tenant.guid();
        error(401, "Unauthorized", message, &target)
    };
    answer.header("WWW-Authenticate", "Bearer realm=\"\", error=\"invalid_token\"")
}

fn count((template, quota): (&'static str, Quota), app: &str, state: &mut State, now: Timestamp) -> Result<(), Answer> {
    let Err(over) = state.windows.call(template, app, quota, now) else { return Ok(()) };
    if !state.options.enforce_quota {
        return Ok(());
    }
    let seconds = over.retry_after;
    let message = format!(
        "API calls quota exceeded! {} for the key Destination+TenantID+AppID. You can send requests again in {seconds} seconds.",
        over.limit
    );
    let target = state.options.tenant.clone();
    Err(error(429, "429", &message, &target).header("Retry-After", &seconds.to_string()))
}
