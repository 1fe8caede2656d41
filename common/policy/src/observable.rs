//! Files, addresses and names in the form in which Microsoft takes them for indicators.
//!
//! Sources: Microsoft's pages "Overview of indicators" and "Create indicators for IPs and URLs/domains": single external
//! addresses only, IPv6 with all eight segments, a domain covers its subdomains.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cordon_records::IndicatorType;
use cordon_records::text::is_hex;
use url::{Host, Url};

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is none of its type, or none that Microsoft takes.
    Malformed(&'static str),
    /// It has the right form and stands for no file, address or name of an attack: what is done about it is done to
    /// nothing, or to what every machine has.
    IdentifiesNothing(&'static str),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => f.write_str(why),
            Self::IdentifiesNothing(what) => write!(f, "{what}: it identifies nothing"),
        }
    }
}

/// The value as it is submitted, or why it is not taken.
pub fn normal(kind: IndicatorType, value: &str) -> Result<String, Unfit> {
    let value = value.trim();
    match kind {
        IndicatorType::FileSha1 => hex(value, 40, "is not a SHA-1: 40 hexadecimal digits are expected"),
        IndicatorType::FileSha256 => hex(value, 64, "is not a SHA-256: 64 hexadecimal digits are expected"),
        IndicatorType::FileMd5 => hex(value, 32, "is not an MD5: 32 hexadecimal digits are expected"),
        IndicatorType::CertificateThumbprint => {
            hex(value, 40, "is not a certificate's thumbprint: 40 hexadecimal digits are expected")
        }
        IndicatorType::IpAddress => address(value),
        IndicatorType::DomainName => domain(value),
        IndicatorType::Url => web_address(value).map(|_| value.to_owned()),
    }
}

/// The name in a URL or in a text that leaves the scheme out.
pub fn domain_of(text: &str) -> Result<String, Unfit> {
    let text = text.trim();
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    match url.as_ref().ok().and_then(Url::host) {
        Some(Host::Domain(name)) => domain(name),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => Err(Unfit::Malformed("holds no domain name")),
    }
}

/// The value as people are told of it: a URL may be of any length.
pub fn cut(value: &str) -> String {
    value.trim().chars().take(64).collect()
}

/// MD5, SHA-1 and SHA-256 of no bytes at all: the hash of every empty file.
const EMPTY: [&str; 3] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

fn hex(value: &str, digits: usize, wrong: &'static str) -> Result<String, Unfit> {
    if !is_hex(value, digits) {
        return Err(Unfit::Malformed(wrong));
    }
    let value = value.to_ascii_lowercase();
    if ['0', 'f'].iter().any(|digit| value.chars().all(|each| each == *digit)) {
        return Err(Unfit::IdentifiesNothing("stands where a hash is not known"));
    }
    if EMPTY.contains(&value.as_str()) {
        return Err(Unfit::IdentifiesNothing("is the hash of an empty file"));
    }
    Ok(value)
}

fn address(value: &str) -> Result<String, Unfit> {
    if value.contains('/') {
        return Err(Unfit::Malformed("is a network; Microsoft takes single addresses only"));
    }
    let ip: IpAddr = value.parse().map_err(|_| Unfit::Malformed("is not an IP address"))?;
    let ip = ip.to_canonical();
    let not_external = match ip {
        IpAddr::V4(ip) => not_external_v4(ip),
        IpAddr::V6(ip) => not_external_v6(ip),
    };
    if let Some(what) = not_external {
        return Err(Unfit::IdentifiesNothing(what));
    }
    Ok(match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => ip.segments().map(|segment| format!("{segment:x}")).join(":"),
    })
}

/// What an address is that many networks have, or none. Source: the IANA registries of special-purpose addresses.
const fn not_external_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [first, second, ..] = ip.octets();
    match first {
        _ if ip.is_broadcast() => Some("is the broadcast address"),
        0 => Some("is an unspecified address"),
        _ if ip.is_loopback() => Some("is a loopback address"),
        _ if ip.is_link_local() => Some("is a link-local address"),
        _ if ip.is_multicast() => Some("is a multicast address"),
        _ if ip.is_private() => Some(INTERNAL),
        100 if second & 0xc0 == 64 => Some(INTERNAL),
        240.. => Some("is a reserved address"),
        _ => None,
    }
}

const INTERNAL: &str = "is an internal address; Microsoft takes external ones only";

fn not_external_v6(ip: Ipv6Addr) -> Option<&'static str> {
    match ip.segments() {
        _ if ip.is_unspecified() => Some("is an unspecified address"),
        _ if ip.is_loopback() => Some("is a loopback address"),
        _ if ip.is_unicast_link_local() => Some("is a link-local address"),
        _ if ip.is_multicast() => Some("is a multicast address"),
        // fec0::/10 is the older form of an internal address.
        [first, ..] if ip.is_unique_local() || first & 0xffc0 == 0xfec0 => Some(INTERNAL),
        [0x100, 0, 0, 0, ..] => Some("is an address that leads nowhere"),
        // An IPv4 address inside: an old notation, NAT64 and 6to4.
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            not_external_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        _ => None,
    }
}

/// The ends of names that lead to the machine itself or no further than its own network. Source: the IANA registry of
/// special-use domain names (RFC 6761, RFC 6762, RFC 8375), and `localdomain` of many hosts files.
const LOCAL: [&str; 6] = ["localhost", "localdomain", "local", "internal", "invalid", "arpa"];

/// A name with at least two labels: one label would be a whole top-level domain.
fn domain(value: &str) -> Result<String, Unfit> {
    let wrong = || Unfit::Malformed("is not a domain name such as evil.example; no scheme, path, port or `*`");
    let name = value.strip_suffix('.').unwrap_or(value);
    let Ok(Host::Domain(name)) = Host::parse(name) else { return Err(wrong()) };
    if name.rsplit('.').next().is_some_and(|end| LOCAL.contains(&end)) {
        return Err(Unfit::IdentifiesNothing("is a name of the machine itself or its own network"));
    }
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(inside)
    };
    let fits = name.len() <= 253 && name.contains('.') && name.split('.').all(label);
    if fits { Ok(name) } else { Err(wrong()) }
}

fn web_address(value: &str) -> Result<Url, Unfit> {
    let wrong = || Unfit::Malformed("is not a URL such as https://evil.example/path");
    let url = Url::parse(value).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || value.contains(char::is_whitespace) {
        return Err(wrong());
    }
    match url.host() {
        Some(Host::Domain(name)) => match domain(name) {
            Err(Unfit::Malformed(_)) => Err(wrong()),
            found => found.map(|_| url),
        },
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
            "0.1.2.3",
            "240.0.0.1",
            "ff05::2",
            "fec0::1",
            "100::1",
            "::ffff:0.0.0.0",
            "::10.0.0.1",
            "64:ff9b::192.168.0.1",
            "2002:7f00:1::1",
        ] {
            assert!(matches!(normal(ip, internal), Err(Unfit::IdentifiesNothing(_))), "{internal}");
        }
        assert!(normal(ip, "203.0.113.0/24").unwrap_err().to_string().contains("single addresses"));
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
        assert_eq!(domain_of("https://evil.example:8443/x?y").as_deref(), Ok("evil.example"));
        assert_eq!(domain_of("evil.example/x").as_deref(), Ok("evil.example"));
        assert!(domain_of("https://203.0.113.9/x").is_err());
    }

    #[test]
    fn a_value_that_identifies_nothing_is_told_from_one_that_is_malformed() {
        let nothing = |kind, value: &str| {
            let unfit = normal(kind, value).unwrap_err();
            assert!(matches!(unfit, Unfit::IdentifiesNothing(_)), "{kind} {value}: {unfit:?}");
            assert!(unfit.to_string().ends_with(": it identifies nothing"), "{unfit}");
        };
        for (kind, length, empty) in [
            (IndicatorType::FileMd5, 32, "d41d8cd98f00b204e9800998ecf8427e"),
            (IndicatorType::FileSha1, 40, "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"),
            (IndicatorType::FileSha256, 64, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ] {
            nothing(kind, empty);
            for digit in ["0", "f", "F"] {
                nothing(kind, &digit.repeat(length));
            }
            assert!(ok(kind, &"1".repeat(length)).is_some());
            assert!(matches!(normal(kind, ""), Err(Unfit::Malformed(_))));
        }
        for name in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "localhost.localdomain",
            "printer.local",
            "vault.internal",
            "1.0.0.127.in-addr.arpa",
            "x.home.arpa",
            "none.invalid",
        ] {
            nothing(IndicatorType::DomainName, name);
            nothing(IndicatorType::Url, &format!("https://{name}/x"));
        }
        for host in ["0.0.0.0", "255.255.255.255", "[::]", "127.1", "0"] {
            nothing(IndicatorType::Url, &format!("http://{host}/"));
        }
        assert_eq!(ok(IndicatorType::DomainName, "local.example").as_deref(), Some("local.example"));
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
