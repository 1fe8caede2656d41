//! One line of an `allowed_signers` file. Source: `ssh-keygen(1)`, ALLOWED SIGNERS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{Key, begins_a_key};
use crate::mistake::Mistake;
use crate::options::{self, Options};
use crate::pattern::Patterns;

/// A line that lets a key sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose key it is: the first plain principal.
    pub principal: String,
    /// What the key may do.
    pub options: Options,
    /// The key in its SSH encoding: so it stands in signatures.
    pub blob: Vec<u8>,
    /// The key, ready for use.
    pub key: Key,
}

const FORM: &str = "a line is: PRINCIPALS [OPTIONS] KEYTYPE KEY, for example: ann@example.com ssh-ed25519 AAAA…";

/// Reads a line; `None` for an empty one or a comment.
pub fn read(line: &str) -> Result<Option<Entry>, Vec<Mistake>> {
    let mut rest = Rest { line, at: 0 };
    rest.skip_space();
    if rest.text().is_empty() || rest.text().starts_with('#') {
        return Ok(None);
    }
    let mut mistakes = Vec::new();
    let principal = principal(&mut rest, &mut mistakes);
    rest.skip_space();
    let mut options = Options::default();
    // Options begin otherwise.
    if !begins_a_key(rest.text()) {
        let column = rest.column();
        match rest.word() {
            Some(text) if !text.is_empty() => options = options::read(text, column, &mut mistakes),
            Some(_) => {}
            None => mistakes.push(Mistake::at(column, "a double quote is not closed")),
        }
        rest.skip_space();
    }
    let key = key(&rest).map_err(|mistake| mistakes.push(mistake)).ok();
    match (principal, key) {
        (Some(principal), Some((blob, key))) if mistakes.is_empty() => {
            Ok(Some(Entry { principal, options, blob, key }))
        }
        _ => Err(mistakes),
    }
}

fn principal(rest: &mut Rest<'_>, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let column = rest.column();
    let mut fail = |message: &str, help: &str| {
        mistakes.push(Mistake::at(column, message).with(help));
        None
    };
    let Some(word) = rest.word() else { return fail("a double quote is not closed", FORM) };
    // OpenSSH takes the field in quotes, too.
    let list = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word);
    let Some(patterns) = Patterns::read(list) else { return fail("one of the principals is empty", FORM) };
    match patterns.first_plain() {
        Some(name) => Some(name.to_owned()),
        None => fail(
            "no principal is a plain name, so nobody would know who signed",
            "put the person's own name first: ann@example.com,*@example.com",
        ),
    }
}

fn key(rest: &Rest<'_>) -> Result<(Vec<u8>, Key), Mistake> {
    let column = rest.column();
    let mut words = rest.text().split_ascii_whitespace();
    let (Some(kind), Some(encoded)) = (words.next(), words.next()) else {
        return Err(Mistake::at(column, "the key is missing").with(FORM));
    };
    let unread = |why: &str| {
        Mistake::at(column, format!("the key cannot be taken: {why}"))
            .with("copy the *.pub file of an Ed25519 key (ssh-keygen -t ed25519) or of a FIDO key (-t ed25519-sk)")
    };
    let blob = STANDARD.decode(encoded).map_err(|_| unread("its base64 is wrong"))?;
    let (inside, key) = Key::read(&blob).map_err(|why| unread(&why))?;
    if inside != kind {
        return Err(unread(&format!("the line says {kind:?}, the key itself {inside:?}")));
    }
    Ok((blob, key))
}

/// What is left of a line.
struct Rest<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn text(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    fn column(&self) -> usize {
        self.line.get(..self.at).map_or(0, |before| before.chars().count()) + 1
    }

    fn skip_space(&mut self) {
        self.at += self.text().len() - self.text().trim_start_matches([' ', '\t']).len();
    }

    /// Up to the next space that is not in quotes; `None` when a quote is not closed.
    fn word(&mut self) -> Option<&'a str> {
        let text = self.text();
        let (mut quoted, mut escaped) = (false, false);
        let mut end = text.len();
        for (at, c) in text.char_indices() {
            match c {
                '"' if !escaped => quoted = !quoted,
                ' ' | '\t' if !quoted => {
                    end = at;
                    break;
                }
                _ => {}
            }
            escaped = c == '\\' && quoted;
        }
        self.at += end;
        if quoted { None } else { text.get(..end) }
    }
}
