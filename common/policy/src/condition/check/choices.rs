//! Texts from a known list: a misspelt one, and an attempt to order them.

use cel::common::ast::{Expr, LiteralValue};
use cel::parser::Expression;
use cordon_settings::closest;

use super::super::tree::{Comparison, Typed};
use super::super::types::Type;
use super::Checker;
use crate::schema::Choice;

impl Checker<'_> {
    /// Checks `field == "text"` either way round.
    pub fn compared_choice(&mut self, one: &Typed, two: &Typed) {
        for (field, literal) in [(one, two), (two, one)] {
            if let (Type::Choice(choice), Some(text)) = (&field.kind, literal.literal()) {
                self.choice(choice, text, literal.at);
            }
        }
    }

    /// Checks `field in ["text", …]`.
    pub fn listed_choice(&mut self, field: &Typed, list: &Expression) {
        let (Type::Choice(choice), Expr::List(list)) = (&field.kind, &list.expr) else { return };
        for element in &list.elements {
            if let Expr::Literal(LiteralValue::String(text)) = &element.expr {
                self.choice(choice, text.inner(), self.places.token(element.id));
            }
        }
    }

    fn choice(&mut self, choice: &Choice, text: &str, at: usize) {
        if text.is_empty() || choice.known.contains(&text) {
            return;
        }
        let help = match closest(text, choice.known) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("known are {}; for a newer one write `string(…) == {text:?}`", choice.known.join(", ")),
        };
        self.mistake(at, format!("{text:?} is no value of {}", choice.name), Some(help));
    }

    /// `severity >= "High"` would compare letters.
    pub fn ordered_texts(&mut self, at: usize, comparison: Comparison, one: &Typed, two: &Typed) -> Typed {
        let help = match (&one.kind, two.literal()) {
            (Type::Choice(choice), Some(text)) => from_here(choice, comparison, text),
            _ => None,
        };
        let help = help.unwrap_or_else(|| "numbers in texts compare after `int(…)` or `double(…)`".to_owned());
        self.broken(at, "texts have no order: their letters would be compared", Some(help))
    }
}

/// The values that an ordering means: `>= "High"` is `in ["High"]`.
fn from_here(choice: &Choice, comparison: Comparison, text: &str) -> Option<String> {
    let place = choice.known.iter().position(|known| known.eq_ignore_ascii_case(text)).filter(|_| choice.ranked)?;
    let meant = match comparison {
        Comparison::Less => choice.known.get(..place),
        Comparison::LessOrEqual => choice.known.get(..=place),
        Comparison::Greater => choice.known.get(place + 1..),
        Comparison::GreaterOrEqual => choice.known.get(place..),
        Comparison::Equal | Comparison::NotEqual => None,
    }?;
    let quoted: Vec<String> = meant.iter().map(|value| format!("{value:?}")).collect();
    Some(format!("name the values: `… in [{}]`", quoted.join(", ")))
}
