//! A rule's condition: a CEL expression, parsed and checked once, judged on many records.
//!
//! The `cel` crate parses and interprets; nothing outside this folder and the facts sees its types, so that the
//! interpreter can be replaced.

mod check;

use cel::{Value, parser::Expression};

use crate::facts::{ENVIRONMENT, Facts};
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

/// What a condition says of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be told, and why. Never "no match".
    Unknown(String),
}

/// A checked condition.
#[derive(Debug, Clone)]
pub struct Condition {
    expression: Expression,
    asks_for_machine: bool,
}

impl Condition {
    /// Parses and checks an expression; all mistakes at once.
    pub fn parse(source: &str) -> Result<Self, Vec<Mistake>> {
        let program = ENVIRONMENT.compile(source).map_err(|errors| syntax_mistakes(source, &errors))?;
        let mut expression = program.expression().clone();
        let outcome = check::check(&mut expression, program.source_info(), source);
        if outcome.mistakes.is_empty() {
            Ok(Self { expression, asks_for_machine: outcome.asks_for_machine })
        } else {
            Err(outcome.mistakes)
        }
    }

    /// Judges one record.
    pub fn judge(&self, facts: &Facts) -> Judged {
        if self.asks_for_machine && !facts.has_machine {
            return Judged::Unknown("its condition asks for the machine, which is absent".to_owned());
        }
        match Value::resolve(&self.expression, &facts.context) {
            Ok(Value::Bool(true)) => Judged::True,
            Ok(Value::Bool(false)) => Judged::False,
            Ok(other) => Judged::Unknown(format!("its condition gave {}, not true or false", other.type_of())),
            Err(error) => Judged::Unknown(one_line(&format!("its condition failed: {error}"))),
        }
    }
}

/// The parser's errors, in reading order; the first of each place only, since recovery repeats itself.
fn syntax_mistakes(source: &str, errors: &cel::ParseErrors) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = errors
        .errors
        .iter()
        .map(|error| Mistake {
            line: usize::try_from(error.pos.0).unwrap_or(1).max(1),
            column: usize::try_from(error.pos.1).unwrap_or(1).max(1),
            message: one_line(&error.msg),
            help: None,
        })
        .collect();
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    mistakes.dedup_by_key(|mistake| (mistake.line, mistake.column));
    if mistakes.is_empty() {
        mistakes.push(Mistake { line: 1, column: 1, message: format!("cannot be parsed: {source}"), help: None });
    }
    mistakes
}

#[cfg(test)]
mod tests;
