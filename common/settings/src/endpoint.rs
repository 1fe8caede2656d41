//! Which addresses may be spoken to without TLS.

use std::net::Ipv4Addr;

use url::{Host, Url};

/// True for `localhost`, 127.0.0.0/8 and `::1`: the machine itself, which nobody can listen in on from the network.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|mapped: Ipv4Addr| mapped.is_loopback())
        }
        None => false,
    }
}

/// Refuses plain HTTP to anywhere but this machine, unless `allow_http` is set: tokens and device data would cross the
/// network in the clear.
///
/// # Errors
/// What is wrong with the scheme, as a message for [`crate::Field::check`].
pub fn require_https(url: &Url, allow_http: bool) -> Result<(), String> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if allow_http || is_loopback(url) => Ok(()),
        "http" => Err("plain http would send tokens and device data unencrypted; use https (http is accepted for \
                       loopback hosts, or anywhere with allow_http: true)"
            .to_owned()),
        scheme => Err(format!("expected an https address, found scheme \"{scheme}\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(address: &str, allow_http: bool) -> bool {
        require_https(&Url::parse(address).unwrap(), allow_http).is_ok()
    }

    #[test]
    fn https_is_accepted_anywhere_and_http_only_on_this_machine() {
        assert!(allowed("https://api.security.microsoft.com", false));
        for here in ["http://localhost:1", "http://127.0.0.1", "http://127.9.9.9:80", "http://[::1]:8080"] {
            assert!(allowed(here, false), "{here}");
        }
        for away in ["http://example.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "http://localhost.evil"] {
            assert!(!allowed(away, false), "{away}");
            assert!(allowed(away, true), "{away}");
        }
    }

    #[test]
    fn another_scheme_is_refused_even_when_http_is_allowed() {
        assert!(!allowed("ftp://localhost", true));
        assert!(!allowed("file:///etc/passwd", true));
    }
}
