//! Explains a condition on one record: every sub-expression as it is written, with its value.
//!
//! Each sub-expression is compiled by the compiler of [`Condition::judge`] and judged alone, so that what is shown is
//! what decides. Also shown is what `&&`, `||`, `? :` and loops need not look at; it has no influence and is marked
//! ([`Step::asked`]).

mod conjuncts;
mod plan;
mod shown;
mod written;

use serde_json::Value as Json;

pub use conjuncts::conjuncts;
use plan::Plan;

use super::compile::Frame;
use super::{Condition, Judged, Mistake, check, depth, parse};
use crate::facts::RecordFacts;

/// A condition on one record, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What the condition says.
    pub judged: Judged,
    /// The whole condition and its parts.
    pub root: Step,
}

/// A sub-expression and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// As written, on one line.
    pub text: String,
    /// Its type, as messages name it: `bool`, `string`, `timestamp` …
    pub kind: String,
    /// Its value, or why it has none. Timestamps and durations are texts (RFC 3339 in UTC, seconds).
    pub value: Result<Json, String>,
    /// For a field: whether the record gives it; if not, the value is the schema's default.
    pub given: Option<bool>,
    /// False when what stands before it had settled the matter: its value is shown, but has no influence.
    pub asked: bool,
    /// What it is made of; constants are left out.
    pub parts: Vec<Self>,
    /// For a loop: so many elements of its list are not among the parts.
    pub left_out: usize,
}

impl Step {
    /// The value of an expression that is true or false and has one.
    #[must_use]
    pub fn truth(&self) -> Option<bool> {
        self.value.as_ref().ok().and_then(Json::as_bool)
    }
}

/// Explains the expression that `condition` was parsed from.
///
/// # Errors
/// When `source` is not that expression but one with mistakes.
pub fn explain(condition: &Condition, source: &str, facts: &RecordFacts<'_>) -> Result<Explanation, Vec<Mistake>> {
    let root = depth::on_a_deep_stack(|| -> Result<Step, Vec<Mistake>> {
        let program = parse::parse(source)?;
        let places = parse::Places { info: program.source_info(), source };
        let outcome = check::check(program.expression(), places);
        if !outcome.mistakes.is_empty() {
            return Err(outcome.mistakes);
        }
        let plan = Plan::of(&outcome.typed, program.expression(), &written::Written::new(places));
        Ok(plan.step(&Frame::new(facts)))
    });
    let root = root.unwrap_or_else(|| Err(Mistake::whole("the condition cannot be read".to_owned())))?;
    Ok(Explanation { judged: condition.judge(facts), root })
}
