//! A configured base address: the only place that a token may be sent to.

use cordon_settings::{is_loopback, require_https};
use url::Url;

use crate::error::ApiError;
use crate::odata::Query;

/// A checked base address, possibly with a path prefix (`https://gateway.example/mde`).
#[derive(Debug, Clone)]
pub(crate) struct Base {
    url: Url,
    /// The path without its final slash.
    prefix: String,
}

impl Base {
    /// Checks a configured address. `setting` names it in the error.
    pub(crate) fn new(setting: &'static str, url: &Url, allow_http: bool) -> Result<Self, ApiError> {
        check_url(url, allow_http).map_err(|why| ApiError::setup(format!("{setting} {}:", redact(url)), why))?;
        Ok(Self { url: url.clone(), prefix: url.path().trim_end_matches('/').to_owned() })
    }

    /// The address of a call. `path` starts with a slash and holds only checked ids and encoded segments.
    pub(crate) fn join(&self, path: &str, query: &Query) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.prefix));
        url.set_query(query.as_encoded());
        url
    }

    /// Whether an address lies under this base: same scheme, host and port, and below the prefix. Encoded
    /// slashes are refused, because a server that decodes them could be led out of the prefix.
    pub(crate) fn covers(&self, url: &Url) -> bool {
        let lower = url.path().to_ascii_lowercase();
        let smuggles = lower.contains("%2f") || lower.contains("%5c") || lower.contains("%00");
        let below = match url.path().strip_prefix(self.prefix.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        below && !smuggles && self.same_origin(url)
    }

    fn same_origin(&self, url: &Url) -> bool {
        url.scheme() == self.url.scheme()
            && url.host() == self.url.host()
            && url.port_or_known_default() == self.url.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
    }

    /// Whether the base is reached without TLS, as test servers are.
    pub(crate) fn is_http(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Whether the base is this machine, where a system proxy has no business.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }
}

/// What is wrong with a base address, if anything: a fragment of a sentence for people.
pub(crate) fn check_url(url: &Url, allow_http: bool) -> Result<(), String> {
    if url.host().is_none() {
        return Err("no host is named".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("user name and password do not belong in an address; leave them out".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address with a query or fragment is no base; give only scheme, host, port and path".to_owned());
    }
    require_https(url, allow_http)
}

/// The address without anything that could be a secret.
fn redact(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or(""), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Base {
        Base::new("defender.api_url", &Url::parse(text).unwrap(), false).unwrap()
    }

    #[test]
    fn only_the_same_scheme_host_and_port_below_the_prefix_is_covered() {
        let base = base("https://gateway.example:8443/mde/");
        let covers = |text: &str| base.covers(&Url::parse(text).unwrap());
        assert!(covers("https://gateway.example:8443/mde/api/alerts?$skip=3"));
        assert!(covers("https://GATEWAY.example:8443/mde"));
        for foreign in [
            "http://gateway.example:8443/mde/api",
            "https://gateway.example/mde/api",
            "https://gateway.example.evil.test:8443/mde/api",
            "https://evil.test:8443/mde/api",
            "https://gateway.example:8443/mdex/api",
            "https://gateway.example:8443/mde/../other",
            "https://gateway.example:8443/mde/%2e%2e/other",
            "https://gateway.example:8443/mde/..%2fother",
            "https://user@gateway.example:8443/mde/api",
            "https://gateway.example:8443@evil.test/mde/api",
        ] {
            assert!(!covers(foreign), "{foreign} was covered");
        }
    }

    #[test]
    fn a_path_prefix_is_kept_with_or_without_its_final_slash() {
        for text in ["https://g.example/mde", "https://g.example/mde/"] {
            assert_eq!(base(text).join("/api/alerts", &Query::new()).as_str(), "https://g.example/mde/api/alerts");
        }
        assert_eq!(base("https://g.example").join("/api", &Query::new()).as_str(), "https://g.example/api");
    }

    #[test]
    fn plain_http_is_for_loopback_unless_it_is_allowed() {
        let check = |text: &str, allow| check_url(&Url::parse(text).unwrap(), allow);
        for good in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1/x", "https://example.test"] {
            assert_eq!(check(good, false), Ok(()), "{good}");
        }
        for bad in ["http://example.test", "http://localhost.example.test", "ftp://127.0.0.1", "https://u:p@h.test"] {
            assert!(check(bad, false).is_err(), "{bad} was taken");
        }
        assert_eq!(check("http://simulator:8080", true), Ok(()));
    }

    #[test]
    fn a_password_in_an_address_does_not_appear_in_the_error() {
        let url = Url::parse("https://u:hunter2@h.test/").unwrap();
        let error = Base::new("defender.api_url", &url, false).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
