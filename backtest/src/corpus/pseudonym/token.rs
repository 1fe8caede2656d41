//! What no blank and no quote divides in a text, and the parts of it: addresses, ids and accounts as programs write them, alone
//! or glued to a flag.

use std::net::{IpAddr, SocketAddr};

use cordon_records::text::is_hex;

use super::Pseudonyms;
use super::host::{is_domain, is_file, is_host};

/// So many hexadecimal digits are a hash or the id of a machine; which, nobody can tell in a text.
const HASH: usize = 32;

/// So many letters and digits without a blank are no word of a language; what they encode cannot be judged.
const ENCODED: usize = 24;

/// So many pieces may make one address or id: an address of version 6 has eight, the longest SID thirteen.
const PIECES: usize = 16;

/// What stands before the name of a machine in a path or a URL.
const BEFORE_HOST: [&str; 2] = ["://", "\\\\"];

/// What stands before an account, as in `mailto:anna@contoso.com`, and names nobody.
const BEFORE_ACCOUNT: [&str; 8] = ["mailto", "smtp", "sip", "user", "username", "u", "login", "account"];

/// How programs write `@` and `\` in a URL.
const AT: &str = "%40";
const BACKSLASH: &str = "%5c";

/// Where something begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Nothing that belongs to it stands before.
    Token,
    /// What stands before may be a flag or the like.
    Part,
    /// Within a word.
    Inside,
}

impl Start {
    /// Of what follows `before`.
    pub fn after(before: &str, first: char) -> Self {
        let Some(last) = before.chars().next_back().filter(|c| is_inside(*c)) else { return Self::Token };
        let escape =
            before.len().checked_sub(3).and_then(|at| before.get(at..)).and_then(|text| text.strip_prefix('%'));
        let is_escape = escape.is_some_and(|digits| is_hex(digits, 2));
        if is_divider(last) || is_escape || last.is_ascii() != first.is_ascii() { Self::Part } else { Self::Inside }
    }
}

impl Pseudonyms {
    /// The address, id or account that begins here, the longest: how long it is, and what stands for it. `before` has small
    /// letters.
    pub fn token(&self, before: &str, rest: &str) -> Option<(usize, String)> {
        let start = Start::after(before, rest.chars().next()?);
        if start == Start::Inside {
            return None;
        }
        if start == Start::Token {
            let token = rest.get(..rest.find(|c| !is_inside(c)).unwrap_or(rest.len()))?;
            let token = token.trim_end_matches(['.', ':', '-', '+', '%']);
            if !token.is_empty() && BEFORE_HOST.iter().any(|mark| before.ends_with(mark)) {
                return Some((token.len(), self.authority(token)));
            }
            if let Some(made) = self.in_text(token) {
                return Some((token.len(), made));
            }
        }
        let of = |part: &str, made: Option<String>| made.map(|made| (part.len(), made));
        self.signed(rest)
            .or_else(|| parts(rest).into_iter().find_map(|part| of(part, self.in_text(part))))
            .or_else(|| self.encoded_at(before, rest))
    }

    /// A token or a part of one, if it is an address, an id or an account.
    fn in_text(&self, token: &str) -> Option<String> {
        if let Ok(socket) = token.parse::<SocketAddr>() {
            return Some(self.authority(&socket.to_string()));
        }
        if let Some((who, place)) = token.rsplit_once('@') {
            return self.at_place(who, place).map(|(who, place)| format!("{who}@{place}"));
        }
        if let Some((who, escape, place)) = divided(token, AT) {
            return self.at_place(who, place).map(|(who, place)| format!("{who}{escape}{place}"));
        }
        if let Some((domain, escape, account)) = divided(token, BACKSLASH) {
            let is_account = [domain, account].iter().all(|part| is_label(part));
            return is_account.then(|| format!("{}{escape}{}", self.by_shape(domain), self.user(account)));
        }
        // A file has a name like a domain's.
        let shaped = self.shaped(token).filter(|made| made != token && (!is_domain(token) || is_host(token)));
        let hash = || (token.len() >= HASH && is_hex(token, token.len())).then(|| self.name(token));
        shaped.or_else(hash).or_else(|| is_encoded(token).then(|| self.encoded(token)))
    }

    /// Who and where, as in `bob@srv07` and `anna@contoso.com`: a package has its version there.
    fn at_place(&self, who: &str, place: &str) -> Option<(String, String)> {
        let of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | ':' | '@');
        let is_place = place.parse::<IpAddr>().is_ok() || is_host(place) || (is_label(place) && !is_file(place));
        let is_who = !who.is_empty() && !who.starts_with(['-', ':', '@']) && who.chars().all(of_name);
        if !is_who || !is_place {
            return None;
        }
        let mut made = String::new();
        for part in who.split_inclusive([':', '@']) {
            let name = part.trim_end_matches([':', '@']);
            let is_flag = part.ends_with(':') && BEFORE_ACCOUNT.contains(&&*name.to_lowercase());
            made.push_str(&if is_flag { name.to_owned() } else { self.user(name) });
            made.push_str(part.get(name.len()..).unwrap_or_default());
        }
        Some((made, self.by_shape(place)))
    }

    /// Who and where in a URL: `user@host:port`.
    fn authority(&self, text: &str) -> String {
        let (user, host) = text.rsplit_once('@').map_or((None, text), |(user, host)| (Some(user), host));
        let (host, port) = match host.rsplit_once(':') {
            Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) && !name.contains(':') => (name, Some(port)),
            _ => (host, None),
        };
        let user = user.map(|user| format!("{}@", self.name(user))).unwrap_or_default();
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{user}{}{port}", self.by_shape(host))
    }

    /// A JSON Web Token: it has the name of whoever it was made out to.
    fn signed(&self, rest: &str) -> Option<(usize, String)> {
        let within = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '=');
        let token = rest.starts_with("eyJ").then(|| upto(rest, |c| !within(c)))?;
        (token.len() >= ENCODED).then(|| (token.len(), self.encoded(token)))
    }

    /// Something encoded that begins here. A `+` is a letter of it, and none begins behind one.
    fn encoded_at(&self, before: &str, rest: &str) -> Option<(usize, String)> {
        let code = upto(rest, |c| !is_code(c));
        let padding = upto(rest.get(code.len()..)?, |c| c != '=');
        let token = rest.get(..code.len() + padding.len()).filter(|_| !before.ends_with('+'));
        token.filter(|token| is_encoded(token)).map(|token| (token.len(), self.encoded(token)))
    }

    /// As many letters that say nothing.
    fn encoded(&self, text: &str) -> String {
        let made = self.name(text);
        made.chars().cycle().take(text.len()).collect()
    }
}

/// The parts that begin here and end where something else may begin, the longest first.
fn parts(rest: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut last = None;
    for (at, c) in rest.char_indices().chain([(rest.len(), ' ')]) {
        let is_end = !is_inside(c) || is_divider(c) || last.is_some_and(|last: char| last.is_ascii() != c.is_ascii());
        if let Some(part) = rest.get(..at).filter(|_| is_end) {
            parts.push(part.trim_end_matches('.'));
        }
        if !is_inside(c) || parts.len() > PIECES {
            break;
        }
        last = Some(c);
    }
    parts.retain(|part| !part.is_empty());
    parts.reverse();
    parts
}

/// What stands before the first such letter.
fn upto(text: &str, ends: impl Fn(char) -> bool) -> &str {
    text.get(..text.find(ends).unwrap_or(text.len())).unwrap_or(text)
}

/// What stands on the two sides of an escape in small letters, and the escape as it is written.
fn divided<'a>(token: &'a str, escape: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let at = token.find(escape).or_else(|| token.find(&escape.to_ascii_uppercase()))?;
    let (before, rest) = token.split_at_checked(at)?;
    let (escape, after) = rest.split_at_checked(escape.len())?;
    Some((before, escape, after))
}

/// Whether this may be the name of a machine, a domain or an account; a version is none.
fn is_label(text: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut letters = text.chars();
    let is_version = text.split(['.', '-']).next().is_some_and(|part| part.chars().all(|c| c.is_ascii_digit()));
    ends(letters.next())
        && (text.chars().count() == 1 || ends(letters.next_back()))
        && text.chars().all(inside)
        && !is_version
}

/// What parts of addresses and ids are made of.
pub fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | ':' | '@' | '%' | '+' | '-' | '=')
}

/// What stands between an address or an id and what it is glued to.
const fn is_divider(c: char) -> bool {
    matches!(c, ':' | '=' | '%' | '_' | '-' | '@' | '+')
}

/// What base64 is made of, but for its end.
const fn is_code(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+'
}

/// Whether this looks like something encoded, as base64 is: capitals, small letters and digits without a word among them.
fn is_encoded(token: &str) -> bool {
    let has = |is: fn(&char) -> bool| token.chars().any(|c| is(&c));
    let mixed = || has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    token.len() >= ENCODED && token.trim_end_matches('=').chars().all(is_code) && mixed()
}
