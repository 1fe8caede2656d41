//! `POST /{tenant}/oauth2/v2.0/token`: the client credentials grant with a secret.

use jiff::Timestamp;
use serde_json::json;
use url::form_urlencoded;

use super::Call;
use crate::answer::{Answer, token_error};
use crate::options::App;
use crate::state::State;
use crate::token::{Grant, audience, roles_for};

struct Refusal {
    status: u16,
    code: &'static str,
    number: u32,
    message: String,
}

/// Issues a token, or refuses with the `AADSTS` number that Entra would give.
pub(crate) fn token(call: &Call, tenant: &str, state: &mut State, now: Timestamp) -> Answer {
    let trace = state.tenant.guid();
    match grant(call, tenant, state) {
        Err(refusal) => {
            let what = (refusal.number, refusal.message.as_str());
            token_error(refusal.status, refusal.code, what, (&trace, now))
        }
        Ok(grant) => {
            let lifetime = state.options.token_lifetime;
            let token = state.tokens.issue(grant, &state.options.tenant, &trace, (now, lifetime));
            let seconds = lifetime.as_secs();
            let body = json!({
                "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
            });
            Answer::json(200, &body).header("Cache-Control", "no-store, no-cache")
        }
    }
}

fn grant(call: &Call, tenant: &str, state: &State) -> Result<Grant, Refusal> {
    let field = |name: &str| {
        let mut pairs = form_urlencoded::parse(&call.body);
        pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let refuse = |status, code, number, message: String| Err(Refusal { status, code, number, message });
    if tenant != state.options.tenant {
        return refuse(400, "invalid_request", 90002, format!("Tenant '{tenant}' not found."));
    }
    if field("grant_type") != "client_credentials" {
        let message = "The app requested an unsupported grant type.";
        return refuse(400, "unsupported_grant_type", 70003, message.to_owned());
    }
    let app = app(state, &field("client_id"))?;
    if field("client_secret") != app.client_secret {
        let message = format!("Invalid client secret provided for app '{}'.", app.client_id);
        return refuse(401, "invalid_client", 7_000_215, message);
    }
    let scope = field("scope");
    let Some(audience) = audience(&scope) else {
        let message = format!("The resource principal of the scope '{scope}' was not found in the tenant.");
        return refuse(400, "invalid_resource", 500_011, message);
    };
    Ok(Grant {
        client_id: app.client_id.clone(),
        audience: audience.to_owned(),
        roles: roles_for(app, audience),
        expires: Timestamp::MIN,
    })
}

fn app<'a>(state: &'a State, client_id: &str) -> Result<&'a App, Refusal> {
    state.options.apps.iter().find(|app| app.client_id == client_id).ok_or_else(|| Refusal {
        status: 400,
        code: "unauthorized_client",
        number: 700_016,
        message: format!("Application with identifier '{client_id}' was not found in the directory."),
    })
}
