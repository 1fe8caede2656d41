//! Texts from a known list: a misspelt one, and an attempt to order them.

use cel::common::ast::Expr;
use cel::parser::Expression;
use cordon_settings::closest;

use super::super::functions::Unary;
use super::super::tree::{Comparison, Node, Typed};
use super::super::types::Type;
use super::super::value::Value;
use super::Checker;
use crate::schema::Choice;

/// The list of values behind an expression, and whether another text is a mistake.
#[derive(Clone, Copy)]
struct Wanted {
    choice: &'static Choice,
    strict: bool,
}

impl Wanted {
    fn by(typed: &Typed) -> Option<Self> {
        match (&typed.kind, &typed.node) {
            (Type::Choice(choice), _) => Some(Self { choice, strict: !choice.open }),
            (Type::Text, Node::Unary(Unary::Text, inner)) => Some(Self { strict: false, ..Self::by(inner)? }),
            (Type::Text, Node::Choose(parts)) => {
                let [_, one, two] = parts.as_ref();
                Some(Self { strict: false, ..Self::by(one).or_else(|| Self::by(two))? })
            }
            _ => None,
        }
    }
}

impl Checker<'_> {
    /// Checks `field == "text"`, either way round, and gives the text as records spell it.
    pub fn compared_choice(&mut self, one: Typed, two: Typed) -> [Typed; 2] {
        match (Wanted::by(&one), Wanted::by(&two)) {
            (Some(wanted), None) => {
                let two = self.spelt(wanted, two);
                [one, two]
            }
            (None, Some(wanted)) => [self.spelt(wanted, one), two],
            (Some(_), Some(_)) | (None, None) => [one, two],
        }
    }

    /// Checks `field in ["text", …]`, and gives the list as records spell its texts. `written` is the list as it stands
    /// in the source.
    pub fn listed_choice(&mut self, field: &Typed, list: Typed, written: &Expression) -> Typed {
        let Some(wanted) = Wanted::by(field) else { return list };
        let node = match list.node {
            Node::Constant(Value::List(values)) => {
                let places: Vec<usize> = match &written.expr {
                    Expr::List(list) => list.elements.iter().map(|element| self.places.token(element.id)).collect(),
                    _ => Vec::new(),
                };
                let places = places.into_iter().chain(std::iter::repeat(list.at));
                let constant = |(value, at)| Typed::new(Type::Text, Node::Constant(value), at);
                let texts: Vec<Typed> = values.iter().zip(places).map(constant).collect();
                let values = texts.into_iter().map(|text| self.spelt(wanted, text));
                Node::Constant(Value::list(values.filter_map(|text| text.constant().cloned()).collect()))
            }
            Node::List(elements) => Node::List(elements.into_iter().map(|text| self.spelt(wanted, text)).collect()),
            node => node,
        };
        Typed { node, ..list }
    }

    /// A constant text in the spelling of records; what is in no list is a mistake where the list is complete.
    fn spelt(&mut self, Wanted { choice, strict }: Wanted, typed: Typed) -> Typed {
        let Some(text) = typed.literal() else { return typed };
        if let Some(value) = choice.values.value(text) {
            return Typed { node: Node::Constant(Value::shared(value)), ..typed };
        }
        if strict && !text.is_empty() {
            let known = choice.values.known();
            let help = match closest(text, known) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => format!("known are {}; for a newer one write `string(…) == {text:?}`", known.join(", ")),
            };
            self.mistake(typed.at, format!("{text:?} is no value of {}", choice.name), Some(help));
        }
        typed
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
    let known = choice.values.known();
    let value = choice.values.value(text)?;
    let place = known.iter().position(|known| *known == value).filter(|_| choice.ranked)?;
    let meant = match comparison {
        Comparison::Less => known.get(..place),
        Comparison::LessOrEqual => known.get(..=place),
        Comparison::Greater => known.get(place + 1..),
        Comparison::GreaterOrEqual => known.get(place..),
        Comparison::Equal | Comparison::NotEqual => None,
    }?;
    let quoted: Vec<String> = meant.iter().map(|value| format!("{value:?}")).collect();
    Some(format!("name the values: `… in [{}]`", quoted.join(", ")))
}
