//! A rule's condition: a CEL expression, checked once, compiled to closures, judged on many records.
//!
//! The `cel` crate parses. The checker gives every expression a type from the schema, so that what cannot be right is
//! a mistake when the rule is loaded. The compiler makes closures that read the typed record.

mod arithmetic;
mod check;
mod compile;
mod depth;
mod explain;
pub(crate) mod fields;
mod functions;
mod network;
mod parse;
mod reads;
mod time;
mod tree;
mod types;
mod value;

use std::fmt;
use std::sync::Arc;

pub use explain::{Step, conjuncts, explain};
pub use reads::Reads;
pub(crate) use types::Record as Whose;

use compile::{Frame, Test};
use value::Fault;

use crate::facts::RecordFacts;
use crate::text::one_line;

/// A mistake in a condition, at a place counted in the expression's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line in the expression, from 1.
    pub line: usize,
    /// Character in that line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Mistake {
    /// One that concerns the condition as a whole.
    fn whole(message: String) -> Vec<Self> {
        vec![Self { line: 1, column: 1, message, help: Some("split the rule in two".to_owned()) }]
    }
}

/// What a condition says of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be told, and why. Never "no match".
    Unknown(String),
    /// It cannot be told because the alert was too large for its record: what is missing. Apart from other faults, since an
    /// attacker chooses the size of an alert.
    Cut(String),
}

/// A checked and compiled condition. A clone shares what was compiled.
///
/// The language is CEL over the variables of [`crate::schema`], with every expression typed when the rule is loaded:
/// `has`, `size`, `in`, `startsWith`, `endsWith`, `contains`, `matches`, `exists`, `all`, `exists_one`, `filter`,
/// `map`, the conversions (`bool`, `int`, `uint`, `double`, `string`, `timestamp`, `duration`), the parts of dates
/// (`getHours("Europe/Berlin")` and so on), arithmetic, comparison, `? :`; and beside CEL `cidr(ip, network)`,
/// `lower(text)` and `now`, the time at which the record was made. `&&` and `||` are commutative over failures.
///
/// It gives what CEL's interpreter gives (differential tests against the `cel` crate), except, on purpose:
///
/// | expression | CEL | here |
/// |---|---|---|
/// | an absent field | fails | reads as the schema's default; `has()` tells absence |
/// | `alert.classification == null` | true when null | mistake: a null is an absent field |
/// | `has()` of a field given as `null` or `[]`, or of an evidence text given as `""` | true | false |
/// | `alert.severity == "Hihg"` | false | mistake: no value of severity |
/// | `alert.severity >= "High"` | compares letters | mistake |
/// | `true > false` | true | mistake |
/// | `alert.incidentId == "7"`, other types compared | false | mistake |
/// | `1 == 1.0`, numbers of two types compared | true | mistake: convert one |
/// | `[1, "a"]`, `c ? 1 : "a"` | taken | mistake |
/// | evidence items or whole records compared | by their fields | mistake |
/// | maps, bytes, messages, `type()`, `dyn()` | taken | mistake |
/// | an index that is `0u` or `0.0` | taken | mistake: an `int` |
/// | what fails whatever the record says: `1 / 0`, `timestamp("x")` | fails, unless `&&` or `\|\|` decides without it | mistake |
/// | a loop over `[]` | taken | mistake |
/// | loops three deep, expressions nested more than 64 deep, more than 32 KiB | taken, or overflows the stack | mistake |
/// | `duration("30d")` | fails | 30 × 24 hours |
/// | `duration("1h x")`, `duration("1e3s")` | the rest is ignored, exponents are read | fails, or mistake |
/// | `getHours("")`, a zone that is not written out | UTC; read each time | mistake |
/// | a pattern that is not a constant and compiles to more than 1 MiB | taken | cannot be told |
/// | `cidr("", "10.0.0.0/8")`, `lower("A")`, `now` | unknown | false, `"a"`, the record's time |
#[derive(Clone)]
pub struct Condition {
    test: Arc<Test>,
    reads: Arc<Reads>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").finish_non_exhaustive()
    }
}

impl Condition {
    /// Parses, checks and compiles an expression.
    ///
    /// # Errors
    /// Every mistake in it, in reading order.
    pub fn parse(source: &str) -> Result<Self, Vec<Mistake>> {
        if source.len() > depth::MAX_BYTES {
            return Err(Mistake::whole(format!("the condition is longer than {} KiB", depth::MAX_BYTES >> 10)));
        }
        let built = depth::on_a_deep_stack(|| Self::build(source));
        built.unwrap_or_else(|| Err(Mistake::whole("the condition cannot be read".to_owned())))
    }

    /// What an expression without mistakes says and likely does not mean, in reading order.
    #[must_use]
    pub fn doubts(source: &str) -> Vec<Mistake> {
        let doubts = depth::on_a_deep_stack(|| Self::checked(source).map(|outcome| outcome.doubts));
        doubts.and_then(Result::ok).unwrap_or_default()
    }

    fn build(source: &str) -> Result<Self, Vec<Mistake>> {
        let check::Outcome { typed, mistakes, doubts: _ } = Self::checked(source)?;
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let reads = Arc::new(Reads::of(&typed));
        Ok(Self { test: Arc::new(compile::test(typed)), reads })
    }

    fn checked(source: &str) -> Result<check::Outcome, Vec<Mistake>> {
        let program = parse::parse(source)?;
        if depth::depth(program.expression()) > depth::MAX_DEPTH {
            return Err(Mistake::whole(format!("expressions are nested more than {} deep", depth::MAX_DEPTH)));
        }
        let places = parse::Places { info: program.source_info(), source };
        Ok(check::check(program.expression(), places))
    }

    /// What it asks of a record.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Judges one record. Without a machine, what the machine says fails, and so does a field of the alert of which the
    /// record has a part only: where the rest of the condition decides all the same, it is decided, and elsewhere it cannot
    /// be told.
    #[must_use]
    pub fn judge(&self, facts: &RecordFacts<'_>) -> Judged {
        match (self.test)(&Frame::new(facts)) {
            Ok(true) => Judged::True,
            Ok(false) => Judged::False,
            Err(fault @ Fault::Cut(_)) => Judged::Cut(one_line(&fault.to_string())),
            Err(fault) => Judged::Unknown(one_line(&format!("its condition failed: {fault}"))),
        }
    }
}

#[cfg(test)]
mod tests;
