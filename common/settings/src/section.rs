//! A mapping of the document, asked key by key.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::field::{At, Field};
use crate::ledger::{Ledger, join};
use crate::node::{Kind, Node, Spot};
use crate::problem::{Place, Problems};
use crate::secret::Secret;
use crate::suggest::closest;
use crate::units::{self, parse_duration, parse_size};

/// A value's text turned into `T`, or what is wrong and what to do.
type Parsed<T> = Result<T, (String, Option<String>)>;

/// One section of a document. Copies share what was asked and found; an absent section reads as an empty one.
#[derive(Debug, Clone)]
pub struct Section {
    ledger: Rc<Ledger>,
    path: String,
    node: Arc<Node>,
    /// Where to point when a key is missing.
    spot: Spot,
}

impl Section {
    pub(crate) fn new(ledger: Rc<Ledger>, path: String, node: Arc<Node>, spot: Spot) -> Self {
        Self { ledger, path, node, spot }
    }

    /// The section under a key; an empty one when there is none.
    pub fn section(&mut self, key: &str) -> Self {
        self.optional_section(key).unwrap_or_else(|| Self {
            ledger: Rc::clone(&self.ledger),
            path: join(&self.path, key),
            node: Arc::new(crate::node::empty(self.spot.clone())),
            spot: self.spot.clone(),
        })
    }

    /// The section under a key, if it is there. A key without a value is an absent section.
    pub fn optional_section(&mut self, key: &str) -> Option<Self> {
        self.ledger.asked(&self.path, key);
        let entry = self.node.entry(key)?;
        let path = join(&self.path, key);
        match &entry.value.kind {
            Kind::Null => None,
            Kind::Map(_) => Some(Self {
                ledger: Rc::clone(&self.ledger),
                path,
                node: Arc::clone(&entry.value),
                spot: entry.spot.clone(),
            }),
            Kind::Scalar { .. } | Kind::List(_) => {
                self.expected("a section (`key: value` lines)", &entry.value, &path);
                None
            }
        }
    }

    /// The list of sections under a key; empty when there is none.
    pub fn list_of_sections(&mut self, key: &str) -> Vec<Self> {
        let path = join(&self.path, key);
        let mut sections = Vec::new();
        for (index, item) in self.items(key).into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            if let Kind::Map(_) = item.kind {
                let spot = item.spot.clone();
                sections.push(Self { ledger: Rc::clone(&self.ledger), path, node: item, spot });
            } else {
                self.expected("a section (`key: value` lines)", &item, &path);
            }
        }
        sections
    }

    fn items(&self, key: &str) -> Vec<Arc<Node>> {
        self.ledger.asked(&self.path, key);
        let Some(entry) = self.node.entry(key) else { return Vec::new() };
        match &entry.value.kind {
            Kind::List(items) => items.clone(),
            Kind::Null => Vec::new(),
            Kind::Scalar { .. } | Kind::Map(_) => {
                self.expected("a list", &entry.value, &join(&self.path, key));
                Vec::new()
            }
        }
    }

    fn expected(&self, what: &str, node: &Node, path: &str) {
        self.ledger.report(&node.spot, path, format!("expected {what}, found {}", node.described()), None);
    }

    /// True when the key is given and has a value. Does not count as asking for it.
    #[must_use]
    pub fn is_present(&self, key: &str) -> bool {
        self.node.entry(key).is_some_and(|entry| !matches!(entry.value.kind, Kind::Null))
    }

    /// Every key of a free-form section, in the file's order; all of them count as asked for.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        for entry in self.node.entries() {
            self.ledger.asked(&self.path, &entry.key);
        }
        self.node.entries().iter().map(|entry| entry.key.clone()).collect()
    }

    /// Says that a key is known without reading it: it belongs to somebody else.
    pub fn known(&mut self, key: &str) {
        self.ledger.asked(&self.path, key);
    }

    /// A text. Numbers and `true` are taken as they are written.
    pub fn text(&mut self, key: &str) -> Field<String> {
        self.scalar(key, "a text", |text| Ok(text.to_owned()))
    }

    /// A path. A relative one counts from the folder of the document's file.
    pub fn path(&mut self, key: &str) -> Field<PathBuf> {
        let ledger = Rc::clone(&self.ledger);
        self.scalar(key, "a path", |text| Ok(ledger.resolve(Path::new(text))))
    }

    /// A list of paths, as [`Section::path`] reads one.
    pub fn paths(&mut self, key: &str) -> Field<Vec<PathBuf>> {
        let ledger = Rc::clone(&self.ledger);
        self.texts(key).convert(|texts| Ok(texts.iter().map(|text| ledger.resolve(Path::new(text))).collect()))
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str) -> Field<bool> {
        self.scalar(key, "true or false", |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(("expected true or false".to_owned(), None)),
        })
    }

    /// A whole number.
    pub fn integer(&mut self, key: &str) -> Field<i64> {
        self.scalar(key, "a whole number", |text| parse(text, "expected a whole number"))
    }

    /// A whole number that is not negative.
    pub fn count(&mut self, key: &str) -> Field<u64> {
        self.scalar(key, "a whole number", |text| parse(text, "expected a whole number, 0 or more"))
    }

    /// A number; infinite and undefined ones are refused.
    pub fn float(&mut self, key: &str) -> Field<f64> {
        self.scalar(key, "a number", |text| {
            parse::<f64>(text, "expected a number").and_then(|number| {
                if number.is_finite() { Ok(number) } else { Err(("expected a finite number".to_owned(), None)) }
            })
        })
    }

    /// A duration with a unit: `250ms`, `5s`, `5m`, `1h`, `1d`.
    pub fn duration(&mut self, key: &str) -> Field<Duration> {
        self.scalar(key, "a duration such as 5s", |text| parse_duration(text).map_err(|message| (message, None)))
    }

    /// A duration with a unit, or the one name that stands in its place; `None` is the name.
    pub fn duration_or(&mut self, key: &str, name: &str) -> Field<Option<Duration>> {
        self.scalar(key, &format!("{name}, or a duration such as 5s"), |text| match units::duration(text) {
            Some(duration) => Ok(Some(duration)),
            None if text == name => Ok(None),
            None => {
                let help = closest(text, &[name]).map(|name| format!("did you mean \"{name}\"?"));
                Err((format!("expected {name}, or {}", units::a_duration(text)), help))
            }
        })
    }

    /// A size with a unit, in bytes: `512B`, `10KiB`, `10MiB`, `1GiB`.
    pub fn size(&mut self, key: &str) -> Field<u64> {
        self.scalar(key, "a size such as 10MiB", |text| parse_size(text).map_err(|message| (message, None)))
    }

    /// An instant, RFC 3339 with an offset (`2026-03-01T22:00:00Z`).
    pub fn timestamp(&mut self, key: &str) -> Field<Timestamp> {
        self.scalar(key, "a time such as 2026-03-01T22:00:00Z", |text| {
            parse(text, "expected a time with its offset, such as 2026-03-01T22:00:00Z")
        })
    }

    /// An absolute URL of any scheme. It may hold a password (`smtp://user:…@host`), so messages never show it.
    pub fn url(&mut self, key: &str) -> Field<Url> {
        self.veil_if(key, |text| text.contains('@'));
        self.scalar(key, "an address such as https://host/path", |text| {
            Url::parse(text).map_err(|error| (format!("not a valid address: {error}"), None))
        })
    }

    /// The address of an HTTP service: `http` or `https`, with a host, without user name and password. Whether plain
    /// HTTP is acceptable is [`crate::require_https`]'s question.
    pub fn endpoint(&mut self, key: &str) -> Field<Url> {
        self.url(key).check(|url| {
            if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
                return Err("expected an http or https address".to_owned());
            }
            if !url.username().is_empty() || url.password().is_some() {
                return Err("an address must not hold a user name or password".to_owned());
            }
            Ok(())
        })
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &str) -> Field<Vec<String>> {
        let at = self.at(key);
        if !self.is_present(key) {
            return Field::absent(at);
        }
        let list = self.list(key).ok_or_else(|| ("expected a list of texts, such as [a, b]".to_owned(), None));
        Field::read(at, list)
    }

    fn list(&self, key: &str) -> Option<Vec<String>> {
        let Kind::List(items) = &self.node.entry(key)?.value.kind else { return None };
        items
            .iter()
            .map(|item| match &item.kind {
                Kind::Scalar { text, .. } => Some(text.clone()),
                Kind::Null | Kind::List(_) | Kind::Map(_) => None,
            })
            .collect()
    }

    /// One name of a closed set.
    pub fn choice<T: Clone>(&mut self, key: &str, choices: &[(&str, T)]) -> Field<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        self.scalar(key, &expected, |text| {
            let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| value.clone());
            let help = || closest(text, &names).map(|name| format!("did you mean \"{name}\"?"));
            found.ok_or_else(|| (format!("\"{text}\" is not {expected}"), help()))
        })
    }

    /// A reference to a secret, `env:NAME` or `file:/path`; `file:./path` counts from the folder of the document's file.
    /// A secret written into the file is a mistake, and the message does not show it.
    pub fn secret(&mut self, key: &str) -> Field<Secret> {
        self.veil_if(key, |text| Secret::parse(text).is_none());
        let ledger = Rc::clone(&self.ledger);
        let field = self.scalar(key, "env:NAME or file:/path", |text| {
            Secret::parse(text).map(|secret| secret.beside(|path| ledger.resolve(path))).ok_or_else(|| {
                let help =
                    "write env:NAME or file:/path, and put the secret there; if this file was shared, replace it";
                ("expected a reference to a secret, not the secret itself".to_owned(), Some(help.to_owned()))
            })
        });
        if let Some(secret) = field.given() {
            let At { spot, path, .. } = self.at_unasked(key);
            self.ledger.names_secret(spot, path, secret.clone());
        }
        field
    }

    /// Any value, as JSON: for data that has no fixed shape.
    pub fn value(&mut self, key: &str) -> Field<Value> {
        let at = self.at(key);
        match self.node.entry(key) {
            Some(entry) => Field::read(at, Ok(entry.value.value())),
            None => Field::absent(at),
        }
    }

    /// Records a mistake that only the caller can see, at a key's place.
    pub fn problem(&self, key: &str, message: impl Into<String>) {
        let at = self.at_unasked(key);
        self.ledger.report(&at.spot, &at.path, message, None);
    }

    /// The same, with advice.
    pub fn problem_with_help(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let at = self.at_unasked(key);
        self.ledger.report(&at.spot, &at.path, message, Some(help.into()));
    }

    /// Takes over the mistakes of another document that this one names, such as a rule file.
    pub fn adopt(&self, problems: Problems) {
        self.ledger.adopt(problems);
    }

    /// Where a key's value is, or where the section is when the key is absent.
    #[must_use]
    pub fn place(&self, key: &str) -> Place {
        self.at_unasked(key).spot.place()
    }

    /// Ends the reading of this section: a key that nobody asked for is a mistake. A section that is read in parts by
    /// several is finished by each; only keys that none of them asked for are reported.
    pub fn finish(self) {
        self.ledger.close(&self.path, &self.node);
    }

    fn scalar<T>(&mut self, key: &str, expected: &str, parse: impl FnOnce(&str) -> Parsed<T>) -> Field<T> {
        let at = self.at(key);
        let Some(entry) = self.node.entry(key) else { return Field::absent(at) };
        match &entry.value.kind {
            Kind::Null => Field::absent(at),
            Kind::Scalar { text, .. } => Field::read(at, parse(text)),
            Kind::List(_) | Kind::Map(_) => {
                Field::read(at, Err((format!("expected {expected}, found {}", entry.value.described()), None)))
            }
        }
    }

    /// Hides a value in every message if it may be secret: a list or section in a secret's place always is.
    fn veil_if(&self, key: &str, is_secret: impl FnOnce(&str) -> bool) {
        let Some(entry) = self.node.entry(key) else { return };
        let secret = match &entry.value.kind {
            Kind::Null => false,
            Kind::Scalar { text, .. } => is_secret(text),
            Kind::List(_) | Kind::Map(_) => true,
        };
        if secret {
            self.ledger.veil(&entry.value);
        }
    }

    fn at(&self, key: &str) -> At {
        self.ledger.asked(&self.path, key);
        self.at_unasked(key)
    }

    fn at_unasked(&self, key: &str) -> At {
        let spot = self.node.entry(key).map_or(&self.spot, |entry| match entry.value.kind {
            Kind::Null => &entry.spot,
            Kind::Scalar { .. } | Kind::List(_) | Kind::Map(_) => &entry.value.spot,
        });
        At { ledger: Rc::clone(&self.ledger), spot: spot.clone(), path: join(&self.path, key) }
    }
}

fn parse<T: std::str::FromStr>(text: &str, expected: &str) -> Parsed<T> {
    text.parse().map_err(|_| (expected.to_owned(), None))
}
