//! One HTTP exchange: send, read a bounded body, and say exactly how far it got when it fails.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_LENGTH, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use tokio::time::Instant;
use url::Url;

use crate::error::ApiError;
use crate::proxy;
use crate::retry;
use crate::wire::clean;

/// How partners sign their calls, so that Microsoft's support can find them.
const USER_AGENT: &str = concat!("MdatpPartner-Cordon-Cordon/", env!("CARGO_PKG_VERSION"));
/// An idle connection is dropped before usual servers and proxies drop it, so that few calls meet a dead one.
const IDLE: Duration = Duration::from_secs(20);
/// Of an error body only this much is read: a status is definite whatever follows it.
const MAX_ERROR_BODY: u64 = 64 * 1024;

/// A whole answer, of whatever status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The `Retry-After` header as it came.
    pub(crate) retry_after: Option<String>,
    /// The server's clock.
    pub(crate) date: Option<Timestamp>,
    /// Scheme and host of a redirect's target.
    pub(crate) location: Option<String>,
}

/// How an exchange failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection: nothing was sent.
    Connect(String),
    /// Something was sent, or may have been, and no whole answer came.
    Broken(String),
    /// The body passed the limit; the status had already come.
    TooLarge { status: u16 },
    /// A body that cannot be decompressed or unframed; the status had already come.
    Body { status: u16, why: String },
}

impl Failure {
    /// The status that arrived before it failed, 0 if none.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Connect(_) | Self::Broken(_) => 0,
            Self::TooLarge { status } | Self::Body { status, .. } => *status,
        }
    }
}

/// Builds the HTTP client: ring as the TLS provider, no redirects, no retries of its own, gzip.
pub(crate) fn client(connect_timeout: Duration, loopback: bool) -> Result<reqwest::Client, ApiError> {
    // A second installation fails and leaves the first, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE);
    let builder = if loopback { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| ApiError::setup("the HTTP client cannot be built:", causes(&error)))
}

/// Sends a request and reads its answer up to `max_bytes`, all before `deadline`.
pub(crate) async fn exchange(
    request: reqwest::RequestBuilder,
    max_bytes: u64,
    deadline: Instant,
) -> Result<Answer, Failure> {
    match tokio::time::timeout_at(deadline, whole(request, max_bytes)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::Broken("no whole answer in time".to_owned())),
    }
}

async fn whole(request: reqwest::RequestBuilder, max_bytes: u64) -> Result<Answer, Failure> {
    let mut response = request.send().await.map_err(|error| {
        let why = causes(&error);
        match error.url() {
            Some(url) if error.is_connect() => Failure::Connect(proxy::unconnected(url, &why)),
            _ if error.is_connect() || error.is_builder() => Failure::Connect(why),
            _ => Failure::Broken(why),
        }
    })?;
    let status = response.status().as_u16();
    // The proxy passed nothing on: no answer of the server is a 407.
    if let Some(why) = (status == 407).then(|| proxy::unauthorized(response.url())).flatten() {
        return Err(Failure::Connect(why));
    }
    let headers = response.headers();
    let mut answer = Answer {
        status,
        body: Vec::new(),
        retry_after: text(headers, RETRY_AFTER.as_str()),
        date: text(headers, DATE.as_str()).and_then(|text| retry::http_date(&text)),
        location: text(headers, LOCATION.as_str()).map(|text| origin_of(&text)),
    };
    let is_good = response.status().is_success();
    let limit = if is_good { max_bytes } else { MAX_ERROR_BODY };
    let announced = text(headers, CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok()).unwrap_or(0u64);
    if is_good && announced > limit {
        return Err(Failure::TooLarge { status });
    }
    match read_body(&mut response, limit, &mut answer.body).await {
        Ok(()) => Ok(answer),
        // The status alone is the answer then.
        Err(_) if !is_good => Ok(answer),
        Err(failure) => Err(failure),
    }
}

/// Reads the decompressed body piece by piece, so that neither a huge nor a cleverly packed one fills memory.
async fn read_body(response: &mut reqwest::Response, limit: u64, body: &mut Vec<u8>) -> Result<(), Failure> {
    let status = response.status().as_u16();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) if body.len() as u64 + piece.len() as u64 > limit => {
                return Err(Failure::TooLarge { status });
            }
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => return Ok(()),
            Err(error) => return Err(Failure::Body { status, why: causes(&error) }),
        }
    }
}

/// Takes a secret out of an error body: some gateways quote the request that they refuse.
pub(crate) fn scrub(mut answer: Answer, secret: &str) -> Answer {
    if answer.status >= 300 && !secret.is_empty() {
        let text = String::from_utf8_lossy(&answer.body);
        if text.contains(secret) {
            answer.body = text.replace(secret, "[secret]").into_bytes();
        }
    }
    answer
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Where a redirect leads, without path and query, which may hold anything.
fn origin_of(location: &str) -> String {
    match Url::parse(location) {
        Ok(url) => format!("{}://{}", url.scheme(), url.host_str().unwrap_or("?")),
        Err(_) => "another path of the same host".to_owned(),
    }
}

/// An error with all its causes and without the address, which the endpoint's name already tells.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() { "the HTTP client gave no reason".to_owned() } else { clean(&text) }
}

/// A random id for `client-request-id`, in the form of a version 4 UUID, so that one call can be found in our
/// log and in Microsoft's.
pub(crate) fn request_id() -> String {
    let high = (retry::random() & !0xf000) | 0x4000;
    let low = (retry::random() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_has_the_form_of_a_version_4_uuid_and_is_new_each_time() {
        let (one, other) = (request_id(), request_id());
        assert_ne!(one, other);
        let parts: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{one}");
        assert!(one.split('-').nth(2).unwrap().starts_with('4'), "{one}");
        assert!(one.split('-').nth(3).unwrap().starts_with(['8', '9', 'a', 'b']), "{one}");
    }

    #[test]
    fn of_a_redirect_only_scheme_and_host_are_told() {
        assert_eq!(origin_of("https://evil.test/a?token=x"), "https://evil.test");
        assert_eq!(origin_of("/login"), "another path of the same host");
    }
}
