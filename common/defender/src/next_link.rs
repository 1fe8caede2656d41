//! The continuation of a list, as the server gives it: opaque, and trusted only under our own base address.

use url::Url;

use crate::base::Base;
use crate::wire::clean;

/// A checked `@odata.nextLink`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextLink(Url);

/// Why a continuation is not followed. A list can be paged without it, by time or by `$skip`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedLink {
    /// It is not an absolute address.
    #[error("the list's continuation is not an address: {text}")]
    NotAnAddress {
        /// Its beginning.
        text: String,
    },
    /// It leads elsewhere, where our token must not go.
    #[error("the list's continuation leads to {host}, which is not under the configured address")]
    Foreign {
        /// Scheme and host of the target.
        host: String,
    },
}

impl NextLink {
    /// Takes a continuation if it stays under the base.
    pub(crate) fn check(base: &Base, text: &str) -> Result<Self, RefusedLink> {
        let url = Url::parse(text).map_err(|_| RefusedLink::NotAnAddress { text: clean(text) })?;
        if base.covers(&url) {
            return Ok(Self(url));
        }
        Err(RefusedLink::Foreign { host: clean(&format!("{}://{}", url.scheme(), url.host_str().unwrap_or("?"))) })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continuation_is_followed_only_under_the_configured_address() {
        let base = Base::new("api_url", &Url::parse("https://api.security.microsoft.com").unwrap(), false).unwrap();
        let check = |text: &str| NextLink::check(&base, text);
        assert!(check("https://api.security.microsoft.com/api/alerts?$skiptoken=a%2Fb").is_ok());
        assert_eq!(
            check("https://evil.test/api/alerts"),
            Err(RefusedLink::Foreign { host: "https://evil.test".into() })
        );
        assert!(matches!(check("/api/alerts?$skip=3"), Err(RefusedLink::NotAnAddress { .. })));
        assert!(matches!(check("http://api.security.microsoft.com/api"), Err(RefusedLink::Foreign { .. })));
    }
}
