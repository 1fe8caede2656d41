//! Files, addresses and names in the form in which Microsoft takes them for indicators.
//!
//! Sources: Microsoft's pages "Overview of indicators" and "Create indicators for IPs and URLs/domains": single external
//! addresses only, IPv6 with all eight segments, a domain covers its subdomains.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cordon_records::IndicatorType;
use url::{Host, Url};

/// The value as it is submitted, or why it is none of its type.
pub fn normal(kind: IndicatorType, value: &str) -> Result<String, String> {
    let value = value.trim();
    match kind {
        IndicatorType::FileSha1 => hex(value, 40, "a SHA-1"),
        IndicatorType::FileSha256 => hex(value, 64, "a SHA-256"),
        IndicatorType::FileMd5 => hex(value, 32, "an MD5"),
        IndicatorType::CertificateThumbprint => hex(value, 40, "a certificate's thumbprint"),
        IndicatorType::IpAddress => address(value),
        IndicatorType::DomainName => domain(value),
        IndicatorType::Url => web_address(value).map(|_| value.to_owned()),
    }
}

/// The name in a URL or in a text that leaves the scheme out; `None` when it holds none.
pub fn domain_of(text: &str) -> Option<String> {
    let text = text.trim();
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    match url.ok()?.host()? {
        Host::Domain(name) => domain(name).ok(),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

fn hex(value: &str, digits: usize, what: &str) -> Result<String, String> {
    if value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(value.to_ascii_lowercase());
    }
    Err(format!("is not {what}: {digits} hexadecimal digits are expected"))
}

fn address(value: &str) -> Result<String, String> {
    if value.contains('/') {
        return Err("is a network; Microsoft takes single addresses only".to_owned());
    }
    let ip: IpAddr = value.parse().map_err(|_| "is not an IP address".to_owned())?;
    let ip = ip.to_canonical();
    if !is_external(ip) {
        return Err("is an internal address; Microsoft takes external ones only".to_owned());
    }
    Ok(match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => ip.segments().map(|segment| format!("{segment:x}")).join(":"),
    })
}

fn is_external(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared_or_this = ip.octets()[0] == 0 || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64);
            !(shared_or_this || is_local_v4(ip))
        }
        IpAddr::V6(ip) => !is_local_v6(ip),
    }
}

fn is_local_v4(ip: Ipv4Addr) -> bool {
    ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast()
}

fn is_local_v6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_multicast()
}

/// A name with at least two labels: one label would be a whole top-level domain.
fn domain(value: &str) -> Result<String, String> {
    let wrong = || "is not a domain name such as evil.example; no scheme, path, port or `*`".to_owned();
    let name = value.strip_suffix('.').unwrap_or(value);
    let Ok(Host::Domain(name)) = Host::parse(name) else { return Err(wrong()) };
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(inside)
    };
    let fits = name.len() <= 253 && name.contains('.') && name.split('.').all(label);
    if fits { Ok(name) } else { Err(wrong()) }
}

fn web_address(value: &str) -> Result<Url, String> {
    let wrong = || "is not a URL such as https://evil.example/path".to_owned();
    let url = Url::parse(value).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || value.contains(char::is_whitespace) {
        return Err(wrong());
    }
    match url.host() {
        Some(Host::Domain(name)) => domain(name).map(|_| url).map_err(|_| wrong()),
        Some(Host::Ipv4(ip)) => address(&ip.to_string()).map(|_| url),
        Some(Host::Ipv6(ip)) => address(&ip.to_string()).map(|_| url),
        None => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ok(kind: IndicatorType, value: &str) -> Option<String> {
        normal(kind, value).ok()
    }

    #[test]
    fn hashes_have_their_length_and_come_in_lower_case() {
        let digits = "ABCDEF0123456789".repeat(4);
        for (kind, length) in [
            (IndicatorType::FileSha1, 40),
            (IndicatorType::FileSha256, 64),
            (IndicatorType::FileMd5, 32),
            (IndicatorType::CertificateThumbprint, 40),
        ] {
            assert_eq!(ok(kind, &digits[..length]), Some(digits[..length].to_ascii_lowercase()));
            assert_eq!(ok(kind, &digits[..length - 1]), None);
            assert_eq!(ok(kind, &format!("{}g", &digits[..length - 1])), None);
        }
    }

    #[test]
    fn only_single_external_addresses_are_taken() {
        let ip = IndicatorType::IpAddress;
        assert_eq!(ok(ip, "203.0.113.9").as_deref(), Some("203.0.113.9"));
        assert_eq!(ok(ip, "2001:4860:4860::8888").as_deref(), Some("2001:4860:4860:0:0:0:0:8888"));
        assert_eq!(ok(ip, "::ffff:203.0.113.9").as_deref(), Some("203.0.113.9"));
        for internal in [
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(normal(ip, internal).unwrap_err().contains("internal"), "{internal}");
        }
        assert!(normal(ip, "203.0.113.0/24").unwrap_err().contains("single addresses"));
        assert_eq!(ok(ip, "203.0.113"), None);
    }

    #[test]
    fn a_domain_is_a_name_of_two_labels_at_least() {
        let name = IndicatorType::DomainName;
        assert_eq!(ok(name, "Evil.Example.").as_deref(), Some("evil.example"));
        for wrong in
            ["example", "", ".", "*.example.com", "https://a.example", "a.example/x", "a.example:80", "1.2.3.4", "a..b"]
        {
            assert_eq!(ok(name, wrong), None, "{wrong}");
        }
        assert_eq!(domain_of("https://evil.example:8443/x?y").as_deref(), Some("evil.example"));
        assert_eq!(domain_of("evil.example/x").as_deref(), Some("evil.example"));
        assert_eq!(domain_of("https://203.0.113.9/x"), None);
    }

    #[test]
    fn a_url_is_http_with_a_host_outside() {
        let url = IndicatorType::Url;
        assert_eq!(ok(url, "https://evil.example/A?b").as_deref(), Some("https://evil.example/A?b"));
        assert!(ok(url, "http://203.0.113.9/a").is_some());
        for wrong in [
            "evil.example",
            "ftp://evil.example/",
            "https://10.0.0.1/",
            "https://localhost/",
            "https://",
            "https://a.example/b c",
        ] {
            assert_eq!(ok(url, wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_normal_stays_as_it_is_and_nothing_panics(text in "\\PC{0,60}", pick in 0..IndicatorType::ALL.len()) {
            let kind = IndicatorType::ALL[pick];
            let _ = domain_of(&text);
            if let Ok(value) = normal(kind, &text) {
                prop_assert_eq!(normal(kind, &value), Ok(value.clone()));
            }
        }
    }
}
