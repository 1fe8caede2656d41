//! Where access tokens come from.
//!
//! [`TokenSource`] is the seam: a certificate, a workload identity or a managed identity is another
//! implementation, given to [`crate::Ports::tokens`]. Here is the client secret, one POST to Entra's v2.0 token
//! endpoint. Source: Microsoft's page "OAuth 2.0 client credentials flow".

use std::pin::Pin;
use std::time::Duration;

use cordon_records::{TenantId, lenient};
use cordon_settings::Secret;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::base::Base;
use crate::error::ApiError;
use crate::exchange::{Answer, Failure, client, exchange, scrub};
use crate::odata::Query;
use crate::retry;
use crate::wire::text_of;
use crate::wire::token_refusal;

/// The token endpoint's name in errors.
const ENDPOINT: &str = "token";
/// How long one token request may take.
const TIMEOUT: Duration = Duration::from_secs(15);
const MAX_BYTES: u64 = 1024 * 1024;

/// A token as it was issued.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The bearer token; opaque, even where it looks like a JWT.
    pub secret: SecretString,
    /// How long it is valid from now.
    pub lifetime: Duration,
}

/// A boxed future of a token, so that sources can be chosen at run time.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<AccessToken, ApiError>> + Send + 'a>>;

/// Issues tokens. An implementation does one request and keeps nothing: caching, early renewal and joining of
/// concurrent callers are done above it.
pub trait TokenSource: Send + Sync {
    /// Gets a new token for a scope.
    ///
    /// # Errors
    /// Fatal when the identity is refused, Transient when the authority cannot be reached or is overloaded.
    fn fetch<'a>(&'a self, scope: &'a str) -> TokenFuture<'a>;
}

/// The client-credentials flow with a secret, which is read anew for each token so that it can be rotated.
#[derive(Debug)]
pub struct ClientSecret {
    http: reqwest::Client,
    url: Url,
    client_id: String,
    secret: Secret,
}

#[derive(Deserialize)]
struct Issued {
    access_token: Option<String>,
    /// Seconds; a text in some flows.
    #[serde(default, deserialize_with = "lenient::integer")]
    expires_in: Option<i64>,
}

impl ClientSecret {
    /// A source for one app registration at `{authority}/{tenant}/oauth2/v2.0/token`.
    ///
    /// # Errors
    /// Fatal when the address must not be used (plain http outside loopback).
    pub fn new(
        authority_url: &Url,
        allow_http: bool,
        tenant: &TenantId,
        client_id: &str,
        secret: Secret,
    ) -> Result<Self, ApiError> {
        let base = Base::new("authority_url", authority_url, allow_http)?;
        Ok(Self {
            http: client(Duration::from_secs(5), base.is_loopback())?,
            url: base.join(&format!("/{tenant}/oauth2/v2.0/token"), &Query::new()),
            client_id: client_id.to_owned(),
            secret,
        })
    }

    /// The secret, which may be a file on a network: no thread waits for it that others wait for.
    async fn reveal(&self) -> Result<SecretString, ApiError> {
        let unread = |why: String| ApiError::setup("client_secret", format!("cannot be read: {why}"));
        let secret = self.secret.clone();
        let revealed = tokio::task::spawn_blocking(move || secret.reveal()).await;
        revealed.map_err(|error| unread(error.to_string()))?.map_err(|error| unread(error.to_string()))
    }

    async fn request(&self, scope: &str) -> Result<AccessToken, ApiError> {
        let secret = self.reveal().await?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.as_str()),
            ("client_secret", secret.expose_secret()),
            ("scope", scope),
        ];
        let request = self.http.post(self.url.clone()).form(&form);
        let answer = exchange(request, MAX_BYTES, Instant::now() + TIMEOUT).await.map_err(no_answer)?;
        read(scrub(answer, secret.expose_secret()), scope)
    }
}

impl TokenSource for ClientSecret {
    fn fetch<'a>(&'a self, scope: &'a str) -> TokenFuture<'a> {
        Box::pin(self.request(scope))
    }
}

/// Asking for a token has no effect that could be doubled, so every failure without an answer is Transient.
fn no_answer(failure: Failure) -> ApiError {
    match failure {
        Failure::Connect(why) => ApiError::Unreachable { endpoint: ENDPOINT, why },
        Failure::Broken(why) | Failure::Body { why, .. } => ApiError::Interrupted { endpoint: ENDPOINT, why },
        Failure::TooLarge { .. } => unreadable("the answer is larger than any token"),
    }
}

fn unreadable(why: &str) -> ApiError {
    ApiError::Unreadable { endpoint: ENDPOINT, why: why.to_owned() }
}

fn read(answer: Answer, scope: &str) -> Result<AccessToken, ApiError> {
    let status = answer.status;
    match status {
        200..300 => read_issued(&answer.body),
        300..=399 => {
            let location = answer.location.unwrap_or_else(|| "nowhere".to_owned());
            Err(ApiError::Redirected { endpoint: ENDPOINT, status, location })
        }
        408 | 429 | 500.. => {
            let refusal = token_refusal(status, &answer.body);
            let seconds = answer.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
            let retry_after = seconds.map(|s| Duration::from_secs(s).min(retry::MAX_RETRY_AFTER));
            Err(ApiError::Unavailable { endpoint: ENDPOINT, refusal, retry_after })
        }
        _ => Err(ApiError::TokenRefused { scope: scope.to_owned(), refusal: token_refusal(status, &answer.body) }),
    }
}

fn read_issued(body: &[u8]) -> Result<AccessToken, ApiError> {
    // The parser's own message could quote the token, so it is not passed on.
    let issued: Issued =
        lenient::from_str(&text_of(body)).map_err(|_| unreadable("it is not a token answer in JSON"))?;
    let secret = issued.access_token.map(SecretString::from).ok_or_else(|| unreadable("it holds no access_token"))?;
    let usable = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !usable(secret.expose_secret()) {
        return Err(unreadable("the access_token holds characters that no token has"));
    }
    // Without a lifetime the shortest that Entra issues is assumed to be far off, and a 401 renews anyway.
    let seconds = issued.expires_in.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(3_600);
    Ok(AccessToken { secret, lifetime: Duration::from_secs(seconds.min(24 * 3_600)) })
}

/// What a token says about itself, for people only: it is read without checking the signature, and nothing is
/// decided by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Whom it is for (`aud`); absent for a token that is not a JWT.
    pub audience: Option<String>,
    /// The app roles granted (`roles`); empty when there are none or the token is opaque.
    pub roles: Vec<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

#[derive(Default, Deserialize)]
struct Claims {
    #[serde(default, deserialize_with = "lenient::list")]
    aud: Vec<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    roles: Vec<String>,
}

/// Reads the payload of a JWT; an opaque token gives facts without audience and roles.
pub(crate) fn facts(token: &SecretString, expires_at: Timestamp) -> TokenFacts {
    let claims = claims(token.expose_secret()).unwrap_or_default();
    let clean = |text: String| crate::wire::clean(&text);
    TokenFacts {
        audience: claims.aud.into_iter().next().map(clean),
        roles: claims.roles.into_iter().map(clean).collect(),
        expires_at,
    }
}

fn claims(token: &str) -> Option<Claims> {
    use base64::Engine as _;
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn jwt(payload: &str) -> SecretString {
        let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        SecretString::from(format!("{}.{}.signature", part("{}"), part(payload)))
    }

    #[test]
    fn audience_and_roles_are_read_from_a_jwt_and_missing_from_an_opaque_token() {
        let token = jwt(r#"{"aud":"https://api.securitycenter.microsoft.com","roles":["Alert.Read.All"]}"#);
        let read = facts(&token, Timestamp::UNIX_EPOCH);
        assert_eq!(read.audience.as_deref(), Some("https://api.securitycenter.microsoft.com"));
        assert_eq!(read.roles, ["Alert.Read.All"]);
        for opaque in ["opaque", "a.b.c", "..", "a.e30.c"] {
            let read = facts(&SecretString::from(opaque), Timestamp::UNIX_EPOCH);
            assert_eq!((read.audience, read.roles.len()), (None, 0), "{opaque}");
        }
    }

    #[test]
    fn a_lifetime_may_be_a_text_and_may_be_missing() {
        let lifetime = |body: &str| read_issued(body.as_bytes()).unwrap().lifetime.as_secs();
        assert_eq!(lifetime(r#"{"access_token":"t","expires_in":3599}"#), 3_599);
        assert_eq!(lifetime(r#"{"access_token":"t","expires_in":"86399"}"#), 86_399);
        assert_eq!(lifetime(r#"{"access_token":"t"}"#), 3_600);
        assert_eq!(lifetime(r#"{"access_token":"t","expires_in":-5}"#), 3_600);
    }

    #[test]
    fn an_answer_that_is_no_token_is_refused_without_being_quoted() {
        for body in ["<html>secret-ish</html>", r#"{"access_token":"a\r\nX: secret-ish"}"#, r#"{"token":"secret-ish"}"#]
        {
            let error = read_issued(body.as_bytes()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret-ish"), "{error}");
        }
    }
}
