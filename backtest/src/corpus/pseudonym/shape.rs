//! A name of the same shape for each name: a domain name for a domain name, an address of the same kind for an address, a GUID
//! for a GUID.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cordon_records::text::is_hex;
use jiff::Timestamp;
use ring::hmac;
use serde_json::Number;

use super::Pseudonyms;
use super::host::{is_country, is_domain, is_end};

/// Accounts, domains and groups that every company has, and words that stand for values. They name nobody.
const EVERYWHERE: [&str; 20] = [
    "system",
    "local service",
    "network service",
    "localservice",
    "networkservice",
    "nt authority",
    "nt service",
    "builtin",
    "window manager",
    "font driver host",
    "root",
    "administrator",
    "guest",
    "defaultaccount",
    "everyone",
    "automation",
    "localhost",
    "null",
    "true",
    "false",
];

/// So many hexadecimal digits are an id, fewer may be a word.
const SHORTEST_HEX: usize = 12;

/// How long a word becomes: 65 bits.
const WORD: usize = 13;

/// What words are made of.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Ends of SIDs below it are the same everywhere: administrators, domain users.
const FIRST_OWN_RID: u64 = 1_000;

/// Bytes that follow from the key and a text, without end.
struct Stream<'a> {
    key: &'a hmac::Key,
    text: String,
    block: u32,
    bytes: Vec<u8>,
}

impl Iterator for Stream<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.bytes.is_empty() {
            let part = format!("cordon corpus 1\n{}\n{}", self.block, self.text);
            self.bytes = hmac::sign(self.key, part.as_bytes()).as_ref().iter().rev().copied().collect();
            self.block += 1;
        }
        self.bytes.pop()
    }
}

impl Pseudonyms {
    /// Upper and lower case make no other name.
    fn stream(&self, kind: &str, text: &str) -> Stream<'_> {
        Stream { key: &self.0, text: format!("{kind}\n{}", text.to_lowercase()), block: 0, bytes: Vec::new() }
    }

    /// One of so many, at most 2^32.
    fn below(stream: &mut Stream<'_>, end: u64) -> u64 {
        let wide = stream.take(8).fold(0_u64, |wide, byte| wide << 8 | u64::from(byte));
        wide.checked_rem(end).unwrap_or(0)
    }

    /// Whatever the text looks like.
    pub fn by_shape(&self, text: &str) -> String {
        let other = || if text.contains('\\') { self.user(text) } else { self.name(text) };
        self.shaped(text).unwrap_or_else(other)
    }

    /// The text as an address or an id, if it looks like one.
    pub fn shaped(&self, text: &str) -> Option<String> {
        if is_everywhere(text) {
            return Some(text.to_owned());
        }
        let found = text.parse::<IpAddr>().ok().map(|ip| self.address(ip));
        found
            .or_else(|| self.zoned(text))
            .or_else(|| is_guid(text).then(|| self.hexadecimal("guid", text)))
            .or_else(|| is_mac(text).then(|| self.hexadecimal("mac", text)))
            .or_else(|| self.sid(text))
            .or_else(|| self.mail(text))
            .or_else(|| is_domain(text).then(|| self.domain(text)))
            .or_else(|| is_instant(text).then(|| text.to_owned()))
    }

    /// A name without a shape of its own: of a person, a group, one label of a domain.
    pub fn name(&self, text: &str) -> String {
        if text.trim().is_empty() || is_everywhere(text) {
            return text.to_owned();
        }
        if text.len() >= SHORTEST_HEX && is_hex(text, text.len()) {
            return self.hexadecimal("hex", text);
        }
        if text.chars().all(|c| c.is_ascii_digit()) {
            let mut stream = self.stream("digits", text);
            return (0..text.len().max(9)).map(|_| digit(Self::below(&mut stream, 10), 10)).collect();
        }
        let mut stream = self.stream("word", text);
        let first = Self::below(&mut stream, 26);
        let rest = (1..WORD).map(|_| Self::below(&mut stream, 32));
        let letter =
            |number: u64| usize::try_from(number).ok().and_then(|at| LETTERS.get(at)).map_or('x', |it| char::from(*it));
        let word: String = std::iter::once(first).chain(rest).map(letter).collect();
        as_written(text, word)
    }

    /// An account, with or without its domain.
    pub fn user(&self, text: &str) -> String {
        // Who knows how many there are: a name that was made up may have thousands.
        if let Some((domains, account)) = text.rsplit_once('\\') {
            let domains = domains.split('\\').map(|it| self.shaped(it).unwrap_or_else(|| self.name(it)));
            return format!("{}\\{}", domains.collect::<Vec<_>>().join("\\"), self.user(account));
        }
        match self.mail(text) {
            Some(mail) => mail,
            None if text.contains('@') || is_guid(text) || text.parse::<IpAddr>().is_ok() => self.by_shape(text),
            None => self.sid(text).unwrap_or_else(|| self.account(text)),
        }
    }

    /// The part of a user before the `@`: the parts of a name stand for themselves.
    fn account(&self, text: &str) -> String {
        if is_everywhere(text) {
            return text.to_owned();
        }
        text.split('.').map(|part| self.name(part)).collect::<Vec<_>>().join(".")
    }

    fn mail(&self, text: &str) -> Option<String> {
        let (account, domain) = text.split_once('@')?;
        let is_mail = !account.is_empty() && !account.contains(char::is_whitespace) && is_domain(domain);
        is_mail.then(|| format!("{}@{}", self.account(account), self.domain(domain)))
    }

    /// A domain name, label by label, so that a machine is in the domain of its neighbours.
    pub fn domain(&self, text: &str) -> String {
        let labels: Vec<&str> = text.split('.').collect();
        let last = labels.len() - 1;
        let stays = |number: usize, label: &str| number == last && last > 0 && (is_end(label) || is_country(label));
        let of = |(number, label): (usize, &&str)| match stays(number, label) {
            true => (*label).to_owned(),
            false => self.name(label),
        };
        labels.iter().enumerate().map(of).collect::<Vec<_>>().join(".")
    }

    /// Hexadecimal digits in their places, everything else as it is.
    pub fn hexadecimal(&self, kind: &str, text: &str) -> String {
        let is_upper = text.chars().any(|c| c.is_ascii_uppercase());
        let mut stream = self.stream(kind, text);
        let of = |c: char| match c {
            c if c.is_ascii_hexdigit() => digit(Self::below(&mut stream, 16), 16),
            c => c,
        };
        let made: String = text.chars().map(of).collect();
        if is_upper { made.to_ascii_uppercase() } else { made }
    }

    /// A Windows account's number: its domain and its place there, each for itself.
    fn sid(&self, text: &str) -> Option<String> {
        let parts = text.strip_prefix("S-1-").or_else(|| text.strip_prefix("s-1-"))?;
        let parts: Option<Vec<u64>> = parts.split('-').map(|part| part.parse().ok()).collect();
        let parts = parts?;
        let [authority, kind, domain @ .., rid] = &parts[..] else { return Some(text.to_owned()) };
        let mut stream = self.stream("sid domain", &format!("{authority}-{kind}-{domain:?}"));
        let mut made = vec![*authority, *kind];
        made.extend(domain.iter().map(|_| Self::below(&mut stream, 1 << 32)));
        let own = FIRST_OWN_RID + Self::below(&mut self.stream("sid", text), (1 << 31) - FIRST_OWN_RID);
        made.push(if *rid < FIRST_OWN_RID { *rid } else { own });
        let made: Vec<String> = made.iter().map(u64::to_string).collect();
        Some(format!("S-1-{}", made.join("-")))
    }

    /// Another address of the same kind: a private one stays private, and in the same block of private ones.
    fn address(&self, ip: IpAddr) -> String {
        match ip {
            IpAddr::V4(ip) => self.v4(ip).to_string(),
            IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                Some(inside) => self.v4(inside).to_ipv6_mapped().to_string(),
                None => self.v6(ip).to_string(),
            },
        }
    }

    /// An address of version 6 and the interface by which it is reached: `fe80::1%eth0`, in a URL `fe80::1%25eth0`.
    fn zoned(&self, text: &str) -> Option<String> {
        let (ip, zone) = text.split_once('%')?;
        let ip: Ipv6Addr = ip.parse().ok()?;
        let (escape, zone) = match zone.strip_prefix("25") {
            Some(zone) if !zone.is_empty() => ("%25", zone),
            Some(_) | None => ("%", zone),
        };
        let is_name = !zone.is_empty() && zone.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
        // A number is one of a few, and names nobody.
        let is_number = zone.chars().all(|c| c.is_ascii_digit());
        let zone = if is_number { zone.to_owned() } else { self.name(zone) };
        is_name.then(|| format!("{}{escape}{zone}", self.address(IpAddr::V6(ip))))
    }

    fn v4(&self, ip: Ipv4Addr) -> Ipv4Addr {
        if ip.is_loopback() || ip.is_unspecified() || ip.is_broadcast() {
            return ip;
        }
        let mut stream = self.stream("v4", &ip.to_string());
        let kind = kind_v4(ip);
        loop {
            let bits = u32::try_from(Self::below(&mut stream, 1 << 32)).unwrap_or(0);
            let made = Ipv4Addr::from((u32::from(ip) & kind.mask) | (bits & !kind.mask));
            if made != ip && kind_v4(made) == kind && !made.is_broadcast() {
                return made;
            }
        }
    }

    fn v6(&self, ip: Ipv6Addr) -> Ipv6Addr {
        if ip.is_loopback() || ip.is_unspecified() {
            return ip;
        }
        let mut stream = self.stream("v6", &ip.to_string());
        let bits = stream.by_ref().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(byte));
        // The first 16 bits tell the kinds apart: link-local, unique local, multicast, tunnels.
        let mask = u128::from(u16::MAX) << 112;
        Ipv6Addr::from((u128::from(ip) & mask) | (bits & !mask))
    }

    /// Another number; 0 stands for nothing and stays.
    pub fn number(&self, number: &Number) -> Number {
        if number.as_i64() == Some(0) {
            return number.clone();
        }
        Number::from(1 + Self::below(&mut self.stream("number", &number.to_string()), 1 << 40))
    }
}

/// A kind of IPv4 address: the bits by which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    name: &'static str,
    mask: u32,
}

fn kind_v4(ip: Ipv4Addr) -> Kind {
    let kind = |name, bits: u32| Kind { name, mask: u32::MAX.checked_shl(32 - bits).unwrap_or(0) };
    let [first, second, ..] = ip.octets();
    match (first, second) {
        (10, _) => kind("private 10", 8),
        (172, 16..32) => kind("private 172", 12),
        (192, 168) => kind("private 192", 16),
        (169, 254) => kind("link-local", 16),
        (100, 64..128) => kind("shared", 10),
        (127, _) => kind("loopback", 8),
        (0, _) => kind("this network", 8),
        (224..240, _) => kind("multicast", 4),
        (240.., _) => kind("reserved", 4),
        (_, _) => Kind { name: "external", mask: 0 },
    }
}

fn is_everywhere(text: &str) -> bool {
    EVERYWHERE.contains(&text.trim().to_lowercase().as_str())
}

/// The word in the case of the text.
fn as_written(text: &str, word: String) -> String {
    let mut letters = text.chars().filter(|c| c.is_alphabetic());
    let (has_lower, starts_upper) =
        (text.chars().any(char::is_lowercase), letters.next().is_some_and(char::is_uppercase));
    match (has_lower, starts_upper) {
        (false, true) => word.to_ascii_uppercase(),
        (true, true) => {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        }
        (_, false) => word,
    }
}

fn digit(number: u64, radix: u32) -> char {
    u32::try_from(number).ok().and_then(|number| char::from_digit(number, radix)).unwrap_or('0')
}

/// Whether this is a time, which names nobody.
pub fn is_instant(text: &str) -> bool {
    text.len() >= "2026-01-01T00:00Z".len() && text.parse::<Timestamp>().is_ok()
}

/// Whether this is the hash of a file: MD5, SHA-1 or SHA-256.
pub fn is_hash(text: &str) -> bool {
    [32, 40, 64].iter().any(|digits| is_hex(text, *digits))
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, digits)| is_hex(part, digits))
}

fn is_mac(text: &str) -> bool {
    let separated = |by: char| {
        let parts: Vec<&str> = text.split(by).collect();
        parts.len() == 6 && parts.iter().all(|part| is_hex(part, 2))
    };
    separated(':') || separated('-')
}
