//! The document as a tree in which every key and value knows where it was written.
//!
//! serde-saphyr parses into [`Tree`] with `Spanned` locations; [`Node`] is the same tree tied to its source text.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Location, MergeKeyPolicy, NonFiniteFloatPolicy, Spanned};

use crate::private;
use crate::problem::{Place, Problem};

/// Deepest nesting that is read; a settings file has fewer than ten levels.
const MAX_DEPTH: usize = 64;

/// A text that was parsed, with the name it goes by in messages.
#[derive(Debug)]
pub(crate) struct Source {
    pub name: String,
    pub text: String,
}

impl Source {
    /// The text of a line (from 1) with the hidden byte ranges replaced by one ellipsis each.
    pub fn line(&self, number: usize, hidden: &[Range<usize>]) -> Option<String> {
        let start = match number {
            0 => return None,
            1 => 0,
            n => self.text.match_indices('\n').nth(n - 2)?.0 + 1,
        };
        let end = self.text[start..].find('\n').map_or(self.text.len(), |length| start + length);
        let mut shown = String::new();
        let mut masked = false;
        for (offset, character) in self.text[start..end].trim_end_matches('\r').char_indices() {
            let is_hidden = hidden.iter().any(|range| range.contains(&(start + offset)));
            match (is_hidden, masked) {
                (false, _) => shown.push(character),
                (true, false) => shown.push('…'),
                (true, true) => {}
            }
            masked = is_hidden;
        }
        Some(shown)
    }
}

/// Where something was written.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub source: Arc<Source>,
    pub line: usize,
    pub column: usize,
}

impl Spot {
    pub fn start_of(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), line: 1, column: 1 }
    }

    fn of(source: &Arc<Source>, location: Location) -> Self {
        let (line, column) = (to_usize(location.line()).max(1), to_usize(location.column()).max(1));
        Self { source: Arc::clone(source), line, column }
    }

    pub fn place(&self) -> Place {
        Place { origin: self.source.name.clone(), line: self.line, column: self.column }
    }

    pub fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        Problem {
            line: self.line,
            column: self.column,
            path: path.to_owned(),
            ..Problem::whole(&self.source.name, message)
        }
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A value and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub kind: Kind,
    pub spot: Spot,
    /// Bytes of the source: exact for scalars, a start only for lists and mappings.
    pub range: Range<usize>,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    /// `text` is what the file says (`0123` stays `0123`); `value` is what YAML makes of it.
    Scalar {
        text: String,
        value: Value,
    },
    List(Vec<Arc<Node>>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: String,
    pub spot: Spot,
    pub value: Arc<Node>,
}

impl Node {
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Null | Kind::Scalar { .. } | Kind::List(_) => &[],
        }
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// What the node is, for messages.
    pub fn described(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Scalar { value: Value::Bool(_), .. } => "true or false",
            Kind::Scalar { value: Value::Number(_), .. } => "a number",
            Kind::Scalar { .. } => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a section",
        }
    }

    /// The plain value, without places.
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Scalar { value, .. } => value.clone(),
            Kind::List(items) => items.iter().map(|item| item.value()).collect(),
            Kind::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.value.value())).collect(),
        }
    }

    /// The bytes that must not be shown if this value is, or may be, a secret: to the end of its last line.
    pub fn veil(&self) -> Range<usize> {
        let text = &self.spot.source.text;
        let last = self.range.end.max(self.range.start).min(text.len());
        let rest = text.as_bytes().get(last..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| last + length);
        self.range.start..end
    }
}

/// Parses one YAML document. Repeated keys and keys that are no scalars are added to `problems`; a text that is no
/// YAML at all, or holds a private key, is an error.
pub(crate) fn parse(source: &Arc<Source>, problems: &mut Vec<Problem>) -> Result<Arc<Node>, Box<Problem>> {
    if let Some(problem) = private::problem(&source.name, &source.text) {
        return Err(Box::new(problem));
    }
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, flow_nesting_limit: MAX_DEPTH },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Tree>>(&source.text, options) {
        Ok(tree) => Ok(Builder { source, problems }.node(tree)),
        Err(serde_saphyr::Error::Eof { .. }) => Ok(Arc::new(empty(Spot::start_of(source)))),
        Err(error) => Err(Box::new(syntax_problem(source, &error))),
    }
}

pub(crate) fn empty(spot: Spot) -> Node {
    Node { kind: Kind::Null, spot, range: 0..0 }
}

/// The line is not shown: in a file that does not parse nobody knows which part of it is a secret.
fn syntax_problem(source: &Arc<Source>, error: &serde_saphyr::Error) -> Problem {
    let spot = Spot::of(source, error.location().unwrap_or(Location::UNKNOWN));
    let said = error.without_snippet().to_string();
    let first = said.lines().next().unwrap_or_default();
    spot.problem("", format!("not valid YAML: {first}"))
}

/// What the parser delivers, before it is tied to the source.
enum Tree {
    Null,
    Text(String),
    Literal(Value),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<Tree>, Spanned<Tree>)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Literal(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Literal(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Literal(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
        Ok(Tree::Literal(Value::String(value.to_string())))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Tree, E> {
        Ok(Tree::Literal(Value::String(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Literal(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    problems: &'a mut Vec<Problem>,
}

impl Builder<'_> {
    fn node(&mut self, tree: Spanned<Tree>) -> Arc<Node> {
        let spot = Spot::of(self.source, tree.referenced);
        let range = byte_range(tree.defined);
        let kind = match tree.value {
            Tree::Null => Kind::Null,
            Tree::Text(text) => Kind::Scalar { value: Value::String(text.clone()), text },
            Tree::Literal(value) => Kind::Scalar { text: self.written(&range, &value), value },
            Tree::List(items) => Kind::List(items.into_iter().map(|item| self.node(item)).collect()),
            Tree::Map(entries) => Kind::Map(self.entries(entries)),
        };
        Arc::new(Node { kind, spot, range })
    }

    /// A number as the file spells it, so that an identifier such as `0123` can still be read as text.
    fn written(&self, range: &Range<usize>, value: &Value) -> String {
        self.source.text.get(range.clone()).map(str::trim).filter(|text| !text.is_empty()).map_or_else(
            || value.to_string(),
            // A tagged scalar (`!!int "5"`) is more than its digits; the value itself is the better text then.
            |text| if text.starts_with(['!', '"', '\'', '&']) { value.to_string() } else { text.to_owned() },
        )
    }

    fn entries(&mut self, pairs: Vec<(Spanned<Tree>, Spanned<Tree>)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let node = self.node(key);
            let value = self.node(value);
            let spot = node.spot.clone();
            let Kind::Scalar { text, .. } = &node.kind else {
                self.problems.push(spot.problem("", format!("a key must be a text, not {}", node.described())));
                continue;
            };
            if let Some(first) = entries.iter().find(|entry| entry.key == *text) {
                let message = format!("key given twice; it is already on line {}", first.spot.line);
                self.problems.push(spot.problem(text, message));
                continue;
            }
            entries.push(Entry { key: text.clone(), spot, value });
        }
        entries
    }
}

fn byte_range(location: Location) -> Range<usize> {
    let span = location.span();
    let start = span.byte_offset().map_or(0, to_usize);
    start..start.saturating_add(span.byte_len().map_or(0, to_usize))
}
