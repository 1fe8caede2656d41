//! Texts from a known list: a misspelt one, and an attempt to order them.

use cordon_settings::closest;

use super::super::functions::{self, TextTest};
use super::super::tree::{Comparison, Node, Typed};
use super::super::types::Type;
use super::super::value::Value;
use super::Checker;
use super::sources::{Source, View};
use crate::schema::Choice;

/// A test of a part of a field's text.
#[derive(Clone, Copy)]
struct Asked<'t> {
    view: View,
    /// Where the other text stands.
    at: usize,
    text: &'t str,
    /// It is written in the test itself.
    is_direct: bool,
    test: TextTest,
}

/// Each text with each field that it may be compared with.
fn pairs(views: &Source, texts: &Source) -> Vec<(View, usize, String)> {
    let of = |(at, text): &(usize, String)| {
        let (at, text) = (*at, text.clone());
        views.views.iter().map(move |view| (*view, at, text.clone())).collect::<Vec<_>>()
    };
    texts.texts.iter().flat_map(of).collect()
}

impl Checker<'_> {
    /// Checks `field == "text"`, either way round, and gives the text as records spell it.
    pub fn compared_choice(&mut self, one: Typed, two: Typed) -> [Typed; 2] {
        let of = |typed: &Typed| if typed.kind.is_text() { self.source(typed) } else { self.elements(typed) };
        let (of_one, of_two) = (of(&one), of(&two));
        let two = self.respelt(&of_one, &of_two, two);
        [self.respelt(&of_two, &of_one, one), two]
    }

    /// Checks `field in ["text", …]` and `"text" in [field, …]`, and gives the texts as records spell them.
    pub fn listed_choice(&mut self, one: Typed, list: Typed) -> [Typed; 2] {
        let (of_one, of_list) = (self.source(&one), self.elements(&list));
        let node = match list.node {
            Node::Constant(Value::List(values)) if of_one.views.len() == 1 => {
                let places = self.lists.get(&list.at).map(|known| known.places.clone()).unwrap_or_default();
                let places = places.into_iter().chain(std::iter::repeat(list.at));
                let constant = |(value, at)| Typed::new(Type::Text, Node::Constant(value), at);
                let texts: Vec<Typed> = values.iter().zip(places).map(constant).collect();
                let values = texts.into_iter().map(|text| {
                    let of_text = self.source(&text);
                    self.respelt(&of_one, &of_text, text)
                });
                Node::Constant(Value::list(values.filter_map(|text| text.constant().cloned()).collect()))
            }
            Node::List(elements) => {
                let respelt = |element: Typed| {
                    let of_element = self.source(&element);
                    self.respelt(&of_one, &of_element, element)
                };
                Node::List(elements.into_iter().map(respelt).collect())
            }
            node => {
                self.misspelt(&of_one, &of_list);
                node
            }
        };
        [self.respelt(&of_list, &of_one, one), Typed { node, ..list }]
    }

    /// A text that is compared with what `of` may be. One that is written out, and compared with one field alone, is given
    /// in the spelling of records.
    fn respelt(&mut self, of: &Source, itself: &Source, typed: Typed) -> Typed {
        match (of.views.as_slice(), typed.literal()) {
            // Beside the field stands this very text: it is meant.
            (_, Some(text)) if of.texts.iter().any(|(_, other)| other == text) => typed,
            ([view], Some(_)) if !of.others => self.spelt(*view, typed),
            _ => {
                self.misspelt(of, itself);
                typed
            }
        }
    }

    /// A constant text in the spelling of records; what is in no list is a mistake where the list is complete.
    fn spelt(&mut self, view: View, typed: Typed) -> Typed {
        let Some(text) = typed.literal() else { return typed };
        let value = view.choice.values.value(text);
        if view.lowered && view.shown(text) != text {
            let meant = view.shown(value.unwrap_or(text));
            let message = format!("{text:?} has capital letters, and what `lower(…)` gives has none");
            self.mistake(typed.at, message, Some(format!("write {meant:?}")));
            return typed;
        }
        if let Some(value) = value {
            return Typed { node: Node::Constant(Value::shared(&view.shown(value))), ..typed };
        }
        if view.strict && !text.is_empty() {
            self.mistake(typed.at, no_value(view, text), Some(known(view, text)));
        }
        typed
    }

    /// Texts that reach the comparison through a loop or a choice, where they cannot be given another spelling.
    fn misspelt(&mut self, of: &Source, texts: &Source) {
        for view in &of.views {
            for (at, text) in &texts.texts {
                match view.otherwise(text) {
                    Some(value) if view.strict => self.mistake(*at, never(*view, text), Some(instead(*view, value))),
                    Some(value) => self.doubt(*at, never(*view, text), Some(instead(*view, value))),
                    None if view.strict && !text.is_empty() && view.choice.values.value(text).is_none() => {
                        self.doubt(*at, no_value(*view, text), Some(known(*view, text)));
                    }
                    None => {}
                }
            }
        }
    }

    /// Checks `field.contains("text")` and its kin, either way round.
    pub fn tested_choice(&mut self, test: TextTest, first: &Typed, second: &Typed) {
        let (of_first, of_second) = (self.source(first), self.source(second));
        let is_direct = second.literal().is_some();
        for (view, at, text) in pairs(&of_first, &of_second) {
            let asked = Asked { view, at, text: &text, is_direct, test };
            self.tested(&asked, |value| functions::test(test, value, &text).ok());
        }
        for (view, at, text) in pairs(&of_second, &of_first) {
            let asked = Asked { view, at, text: &text, is_direct: false, test };
            self.tested(&asked, |value| functions::test(test, &text, value).ok());
        }
    }

    /// `fits` tells what the test says of a text of the field.
    fn tested(&mut self, asked: &Asked<'_>, fits: impl Fn(&str) -> Option<bool>) {
        let Asked { view, at, text, is_direct, test } = *asked;
        let fits = |value: &str| fits(&view.shown(value)).unwrap_or(false);
        let choice = view.choice;
        let can_hold = choice.values.known().iter().copied().chain([choice.default, ""]).any(fits);
        let left_out = spellings(choice, text).into_iter().find_map(|spelling| {
            let value = choice.values.value(&spelling).filter(|value| fits(&spelling) && !fits(value))?;
            Some((spelling, value))
        });
        let asked = format!("{} {text:?}", verb(test));
        match left_out {
            Some((spelling, value)) if !can_hold && view.strict => {
                let message = format!("no value of {} that a record holds {asked}", choice.name);
                self.mistake(at, message, Some(format!("{spelling:?}: {}", instead(view, value))));
            }
            Some((spelling, value)) => {
                let message = format!("{asked}, as {spelling:?} does, but not {:?}", view.shown(value));
                self.doubt(at, message, Some(format!("{spelling:?}: {}", instead(view, value))));
            }
            None if !can_hold && view.strict => {
                let message = format!("no value of {} {asked}", choice.name);
                let help = Some(known(view, text));
                if is_direct { self.mistake(at, message, help) } else { self.doubt(at, message, help) }
            }
            None => {}
        }
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

fn no_value(view: View, text: &str) -> String {
    format!("{text:?} is no value of {}", view.choice.name)
}

/// What to do about a text that is no value.
fn known(view: View, text: &str) -> String {
    let known = view.choice.values.known();
    match closest(text, known) {
        Some(meant) => format!("did you mean {:?}?", view.shown(meant)),
        None => format!("known are {}; for a newer one write `string(…) == {text:?}`", known.join(", ")),
    }
}

fn never(view: View, text: &str) -> String {
    format!("a record never holds {text:?} as its {}", view.choice.name)
}

fn instead(view: View, value: &str) -> String {
    match view.shown(value).as_str() {
        "" => "a record leaves the field out then; write \"\"".to_owned(),
        value => format!("records spell it {value:?}"),
    }
}

const fn verb(test: TextTest) -> &'static str {
    match test {
        TextTest::StartsWith => "starts with",
        TextTest::EndsWith => "ends with",
        TextTest::Contains => "contains",
        TextTest::Matches => "matches",
        TextTest::Within => "lies in",
    }
}

/// Spellings of the list's values that records do not hold: those of the table, those of Graph, which begin with a small
/// letter, and the text that a rule names, if it is one.
fn spellings(choice: &Choice, text: &str) -> Vec<String> {
    let small = |value: &&str| {
        let mut letters = value.chars();
        letters.next().map(|first| format!("{}{}", first.to_ascii_lowercase(), letters.as_str()))
    };
    let graph = choice.values.known().iter().filter_map(small);
    let named = choice.values.value(text).map(|_| text.to_owned());
    choice.values.also().map(str::to_owned).chain(graph).chain(named).collect()
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
