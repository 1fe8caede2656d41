//! The proxy on the way, for people. The HTTP client takes it from the environment and does not say so when it fails, so
//! a dead proxy would look like a dead Microsoft.

use cordon_settings::is_loopback;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// What is told of a connection that could not be made to an address: which host, by which proxy, why, and what to do.
pub(crate) fn unconnected(url: &Url, why: &str) -> String {
    by_way_of(url, proxy(url).as_deref(), why)
}

/// What is told of a proxy that asks for credentials in its own answer; `None` where no proxy is set.
pub(crate) fn unauthorized(url: &Url) -> Option<String> {
    let proxy = proxy(url)?;
    Some(by_way_of(url, Some(&proxy), "it answered HTTP 407, proxy authorization required"))
}

/// The proxy's address without its credentials. Read as the HTTP client reads it.
fn proxy(url: &Url) -> Option<String> {
    if is_loopback(url) {
        return None;
    }
    let found = Matcher::from_system().intercept(&url.as_str().parse().ok()?)?;
    let uri = found.uri();
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}", uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or("?")))
}

fn by_way_of(url: &Url, proxy: Option<&str>, why: &str) -> String {
    // A name that does not resolve is not in the error's own words.
    let host = url.host_str().unwrap_or("the server");
    let Some(proxy) = proxy else { return format!("{host}: {why}") };
    let set = if url.scheme() == "https" { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let advice = if why.contains("proxy authorization required") {
        format!("the proxy asks for a name and a password: put them into {set}, as in http://NAME:PASSWORD@HOST:PORT")
    } else if why.contains("tunnel error: unsuccessful") {
        let port = url.port_or_known_default().unwrap_or(443);
        format!("the proxy would not connect us: have it allow {host}:{port}, or see in its log why it could not")
    } else {
        format!("check the proxy's address in {set} or ALL_PROXY, or name {host} in NO_PROXY if it needs no proxy")
    };
    format!("{host} by way of the proxy {proxy}: {why}; {advice}")
}
