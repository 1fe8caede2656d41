//! Text for people and of programs: the names of its record are replaced wherever they stand in it, and so is whatever looks
//! like an address, an id or the folder of a user.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Pseudonyms;
use super::fields::Treatment;
use super::host::{is_domain, is_end};

/// A shorter name is replaced only where it stands for itself, and not within a word.
const WITHIN_WORDS: usize = 4;

/// A shorter number names nothing in a text.
const SHORTEST_NUMBER: usize = 7;

/// A name of so many letters is none of the words of a list.
const WITHIN_LISTS: usize = 8;

/// What stands before the name of a user in a path or a URL.
const BEFORE_USER: [&str; 3] = ["\\users\\", "/users/", "/home/"];

/// What stands before a mail address in a URL of OneDrive, whose dots and `@` are `_` there.
const BEFORE_MAIL: [&str; 2] = ["/personal/", "%2fpersonal%2f"];

/// Folders of users that every machine has.
const FOLDERS: [&str; 5] = ["public", "default", "all users", "default user", "shared"];

/// The names in a record, the longest first, each with its pseudonym.
#[derive(Debug, Default)]
pub struct Known(Vec<Name>);

#[derive(Debug)]
struct Name {
    lower: String,
    pseudonym: String,
    /// Whether it is also replaced within a word.
    anywhere: bool,
}

impl Known {
    /// Those of this record.
    pub fn of(pseudonyms: &Pseudonyms, record: &Value) -> Self {
        let mut names = BTreeMap::new();
        collect(pseudonyms, "", record, &mut names);
        let of = |(lower, (pseudonym, is_name)): (String, (String, bool))| {
            let anywhere = is_name && lower.chars().count() >= WITHIN_WORDS;
            Name { lower, pseudonym, anywhere }
        };
        let mut known: Vec<Name> = names.into_iter().map(of).collect();
        known.sort_by(|one, other| other.lower.len().cmp(&one.lower.len()).then_with(|| one.lower.cmp(&other.lower)));
        Self(known)
    }

    /// Whether a name that is no ordinary word stands in this text.
    pub fn is_in(&self, text: &str) -> bool {
        let lower = small(text);
        let long = self.0.iter().filter(|name| name.anywhere && name.lower.len() >= WITHIN_LISTS);
        long.into_iter().any(|name| lower.contains(&name.lower))
    }

    /// The longest name that begins here, in a text of small letters.
    fn at(&self, lower: &str, at: usize) -> Option<&Name> {
        let rest = lower.get(at..)?;
        let is_free = |name: &Name| {
            let ends = |side: Option<char>| side.is_none_or(|c| !c.is_alphanumeric());
            let before = lower.get(..at).and_then(|before| before.chars().next_back());
            let after = rest.get(name.lower.len()..).and_then(|after| after.chars().next());
            name.anywhere || (ends(before) && ends(after))
        };
        self.0.iter().find(|name| rest.starts_with(&name.lower) && is_free(name))
    }
}

type Names = BTreeMap<String, (String, bool)>;

fn collect(pseudonyms: &Pseudonyms, field: &str, value: &Value, names: &mut Names) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(field, value)| collect(pseudonyms, field, value, names)),
        Value::Array(items) => items.iter().for_each(|item| collect(pseudonyms, field, item, names)),
        Value::String(text) => {
            let treatment = Treatment::of(field);
            // Of an ordinary word, such as a tag, nothing within a word is replaced.
            let is_name = !matches!(treatment, Treatment::Name | Treatment::Tag | Treatment::Held);
            if treatment.names() {
                name(pseudonyms, (treatment, text), is_name, names);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn name(pseudonyms: &Pseudonyms, (treatment, text): (Treatment, &str), is_name: bool, names: &mut Names) {
    let mut add = |text: &str, pseudonym: String| {
        // What stays as it is needs no care, and a small number is one of many.
        let is_number = text.len() < SHORTEST_NUMBER && text.chars().all(|c| c.is_ascii_digit());
        if text.chars().count() > 1 && text.trim() == text && pseudonym != text && !is_number {
            names.entry(small(text)).or_insert((pseudonym, is_name));
        }
    };
    match treatment {
        Treatment::Url => {
            let (_, host, _) = parts(text);
            add(host, pseudonyms.host(host));
        }
        Treatment::Held if text.contains(['@', '\\']) => name(pseudonyms, (Treatment::User, text), is_name, names),
        Treatment::User => {
            add(text, pseudonyms.user(text));
            for part in text.split(['@', '\\']) {
                add(part, pseudonyms.user(part));
            }
        }
        Treatment::Name | Treatment::Tag => add(text, pseudonyms.text_of(treatment, text, &Known::default())),
        _ => {
            add(text, pseudonyms.by_shape(text));
            if let Some((first, rest)) = text.split_once('.').filter(|_| is_domain(text)) {
                add(first, pseudonyms.name(first));
                add(rest, pseudonyms.domain(rest));
            }
        }
    }
}

/// A URL, or a text that leaves out how it is reached: what stands before its host, the host, and the rest.
fn parts(url: &str) -> (&str, &str, &str) {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(begin..).unwrap_or_default();
    let authority = rest.get(..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())).unwrap_or(rest);
    let named = begin + authority.rfind('@').map_or(0, |at| at + 1);
    let host = url.get(named..begin + authority.len()).unwrap_or_default();
    let (before, rest) = url.split_at_checked(named).unwrap_or((url, ""));
    let (host, after) = rest.split_at_checked(without_port(host)).unwrap_or((rest, ""));
    (before, host, after)
}

/// How long a host is without its port. An address of version 6 stands in brackets, and its colons are not the port's.
fn without_port(host: &str) -> usize {
    if let Some(end) = host.find(']').filter(|_| host.starts_with('[')) {
        return end + 1;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.chars().all(|c| c.is_ascii_digit()) => name.len(),
        _ => host.len(),
    }
}

impl Pseudonyms {
    /// A URL, or a name that stands for one: its host is another, and what follows is cleaned.
    pub fn url(&self, text: &str, known: &Known) -> String {
        let (before, host, after) = parts(text);
        let before = match before.split_once("://") {
            // Somebody's name, and perhaps a password.
            Some((scheme, user)) if !user.is_empty() => {
                format!("{scheme}://{}@", self.name(user.trim_end_matches('@')))
            }
            Some(_) => before.to_owned(),
            None if before.is_empty() => String::new(),
            None => format!("{}@", self.name(before.trim_end_matches('@'))),
        };
        before + &self.host(host) + &self.cleaned(after, known)
    }

    /// A host as URLs write it: an address of version 6 in brackets.
    fn host(&self, host: &str) -> String {
        match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inside) => format!("[{}]", self.by_shape(inside)),
            None => self.by_shape(host),
        }
    }

    /// The text without the names of its record, and without what looks like an address or an id.
    pub fn cleaned(&self, text: &str, known: &Known) -> String {
        let lower = small(text);
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
            let found = self.here(text, &lower, at).or_else(|| {
                let name = known.at(&lower, at)?;
                Some((name.lower.len(), name.pseudonym.clone()))
            });
            match found {
                Some((length, pseudonym)) => {
                    out.push_str(&pseudonym);
                    at += length;
                }
                None => {
                    out.push(first);
                    at += first.len_utf8();
                }
            }
        }
        out
    }

    /// What begins here and is replaced by its shape or its place: how long it is, and what stands for it.
    fn here(&self, text: &str, lower: &str, at: usize) -> Option<(usize, String)> {
        let (before, rest) = (lower.get(..at)?, text.get(at..)?);
        if BEFORE_USER.iter().any(|mark| before.ends_with(mark)) {
            let user = rest.split(['\\', '/', '"', '\'', '<', '>', '|', '*', '?', ';', '\n']).next()?;
            let is_whole = user.len() < rest.len() || !user.contains(' ');
            let user = if is_whole { user } else { user.split(' ').next()? };
            let stays = user.is_empty() || FOLDERS.contains(&&*user.to_lowercase());
            return (!stays).then(|| (user.len(), self.user(user)));
        }
        if BEFORE_MAIL.iter().any(|mark| before.ends_with(mark)) {
            let mail = rest.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-')).next()?;
            return mail.contains('_').then(|| (mail.len(), self.mail_in_path(mail)));
        }
        self.domain_account(before, rest).or_else(|| self.token(before, rest))
    }

    /// `anna_smith_contoso_com`, part by part as in the address.
    fn mail_in_path(&self, text: &str) -> String {
        let parts = text.split('_').map(|part| if is_end(part) { part.to_owned() } else { self.name(part) });
        parts.collect::<Vec<_>>().join("_")
    }
}

/// The same text in small letters, each of which is as long as what it stands for.
fn small(text: &str) -> String {
    let of = |c: char| {
        let mut small = c.to_lowercase();
        match (small.next(), small.next()) {
            (Some(one), None) if one.len_utf8() == c.len_utf8() => one,
            _ => c,
        }
    };
    text.chars().map(of).collect()
}
