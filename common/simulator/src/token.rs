//! The token endpoint's tokens: JWT-shaped, unsigned, known to the server that issued them.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;

use crate::options::App;
use crate::wire_time::after;

/// The audiences that Defender's API takes ("Create an app to access Microsoft Defender for Endpoint", and its older
/// names).
pub(crate) const DEFENDER_AUDIENCES: [&str; 3] = [
    "https://api.securitycenter.microsoft.com",
    "https://api.securitycenter.windows.com",
    "https://securitycenter.onmicrosoft.com/windowsatpservice",
];
/// The audience that Graph takes.
pub(crate) const GRAPH_AUDIENCE: &str = "https://graph.microsoft.com";
/// A token for Defender XDR can be had, but no API simulated here takes it.
const XDR_AUDIENCE: &str = "https://api.security.microsoft.com";

/// What a token says.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) audience: String,
    pub(crate) roles: Vec<String>,
    pub(crate) expires: Timestamp,
}

/// The tokens issued.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    issued: HashMap<String, Grant>,
}

impl Tokens {
    /// Issues a token; `id` makes it unique.
    pub(crate) fn issue(
        &mut self,
        grant: Grant,
        tenant: &str,
        id: &str,
        (now, lifetime): (Timestamp, Duration),
    ) -> String {
        self.issued.retain(|_, grant| grant.expires > now);
        let grant = Grant { expires: after(now, lifetime), ..grant };
        let claims = json!({
            "aud": grant.audience, "iss": format!("https://sts.windows.net/{tenant}/"), "iat": now.as_second(),
            "nbf": now.as_second(), "exp": grant.expires.as_second(), "appid": grant.client_id, "appidacr": "1",
            "roles": grant.roles, "tid": tenant, "uti": id, "ver": "1.0",
        });
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = json!({"typ": "JWT", "alg": "none"});
        let token = format!("{}.{}.{}", part(&header.to_string()), part(&claims.to_string()), part("unsigned"));
        self.issued.insert(token.clone(), grant);
        token
    }

    /// The grant behind a token that is neither unknown nor expired nor revoked.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Option<&Grant> {
        self.issued.get(token).filter(|grant| grant.expires > now)
    }

    /// Forgets every token: the next call with one is a 401.
    pub(crate) fn revoke_all(&mut self) {
        self.issued.clear();
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        self.issued.keys()
    }
}

/// The audience of a v2.0 scope, if such a resource exists.
pub(crate) fn audience(scope: &str) -> Option<&str> {
    let audience = scope.strip_suffix("/.default")?;
    let known = DEFENDER_AUDIENCES.contains(&audience) || audience == GRAPH_AUDIENCE || audience == XDR_AUDIENCE;
    known.then_some(audience)
}

/// The roles of an app that belong to an audience.
pub(crate) fn roles_for(app: &App, audience: &str) -> Vec<String> {
    let graph = audience == GRAPH_AUDIENCE;
    app.roles.iter().filter(|role| role.starts_with("Mail.") == graph).cloned().collect()
}
