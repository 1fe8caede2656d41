//! Where a text may come from, through lists, loops, `? :` and conversions: fields whose values are listed, and texts that
//! are written out.

use std::collections::BTreeSet;

use super::super::functions::Unary;
use super::super::tree::{Node, Operator, Typed};
use super::super::types::Type;
use super::super::value::Value;
use super::Checker;
use crate::schema::Choice;

/// A field with listed values, as an expression gives its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    pub choice: &'static Choice,
    /// Another text than one of the list is a mistake.
    pub strict: bool,
    /// In small letters.
    pub lowered: bool,
}

impl View {
    /// What the expression gives when the record holds this value.
    pub fn shown(self, value: &str) -> String {
        if self.lowered { value.to_lowercase() } else { value.to_owned() }
    }

    /// How a record holds what a text means, where the expression gives something else than the text.
    pub fn otherwise(self, text: &str) -> Option<&'static str> {
        self.choice.values.value(text).filter(|value| self.shown(value) != text)
    }
}

/// All that a text may be, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Source {
    pub views: Vec<View>,
    /// The byte at which each stands, and the text.
    pub texts: BTreeSet<(usize, String)>,
    /// It may be any other text as well.
    pub others: bool,
}

/// What the elements of a list may be.
#[derive(Debug, Clone, Default)]
pub struct Elements {
    pub source: Source,
    /// The byte at which each element of a list that is written out stands.
    pub places: Vec<usize>,
}

impl Source {
    fn and(mut self, other: Self) -> Self {
        for view in other.views {
            if !self.views.contains(&view) {
                self.views.push(view);
            }
        }
        self.texts.extend(other.texts);
        self.others |= other.others;
        self
    }

    /// What is neither one list nor another takes any text.
    fn lenient_unless(mut self, is_one_list: bool) -> Self {
        self.views.iter_mut().for_each(|view| view.strict &= is_one_list);
        self
    }

    fn lowered(mut self) -> Self {
        self.views.iter_mut().for_each(|view| view.lowered = true);
        self.texts = self.texts.into_iter().map(|(at, text)| (at, text.to_lowercase())).collect();
        self
    }
}

impl Checker<'_> {
    /// What the text of an expression may be.
    pub fn source(&self, typed: &Typed) -> Source {
        let is_one_list = matches!(typed.kind, Type::Choice(_));
        match (&typed.kind, &typed.node) {
            (Type::Choice(choice), Node::Field(..)) => {
                let view = View { choice, strict: !choice.open, lowered: false };
                Source { views: vec![view], ..Source::default() }
            }
            (_, Node::Constant(Value::Text(text))) => {
                Source { texts: BTreeSet::from([(typed.at, text.as_str().to_owned())]), ..Source::default() }
            }
            (_, Node::Unary(Unary::Text, inner)) => self.source(inner).lenient_unless(false),
            (_, Node::Unary(Unary::Lower, inner)) => self.source(inner).lowered(),
            (_, Node::Choose(parts)) => {
                let [_, one, two] = parts.as_ref();
                // What stands in for a field that is not given is compared as the field is.
                Source { others: false, ..self.source(one).and(self.source(two)).lenient_unless(is_one_list) }
            }
            (_, Node::Index(parts)) => {
                let [list, _] = parts.as_ref();
                self.elements(list).lenient_unless(is_one_list)
            }
            (_, Node::Local(depth)) => self.locals.get(*depth).map(|local| local.source.clone()).unwrap_or_default(),
            _ => Source { others: true, ..Source::default() },
        }
    }

    /// What the elements of a list of texts may be.
    pub fn elements(&self, list: &Typed) -> Source {
        match &list.node {
            Node::Choose(parts) => {
                let [_, one, two] = parts.as_ref();
                self.elements(one).and(self.elements(two))
            }
            Node::Arithmetic(Operator::Add, parts) => {
                let [one, two] = parts.as_ref();
                self.elements(one).and(self.elements(two))
            }
            Node::Constant(Value::List(values)) if !self.lists.contains_key(&list.at) => {
                let texts = values.iter().filter_map(|value| value.into_text().ok());
                let texts = texts.map(|text| (list.at, text.as_str().to_owned())).collect();
                Source { texts, ..Source::default() }
            }
            _ => self.lists.get(&list.at).map(|known| known.source.clone()).unwrap_or_default(),
        }
    }

    /// Remembers what the elements of a list that is written out may be.
    pub fn remember_list(&mut self, at: usize, element: &Type, elements: &[Typed]) {
        let is_one_list = matches!(element, Type::Choice(_));
        if element.is_text() {
            let all = elements.iter().fold(Source::default(), |all, element| all.and(self.source(element)));
            let places = elements.iter().map(|element| element.at).collect();
            self.lists.insert(at, Elements { source: all.lenient_unless(is_one_list), places });
        }
    }

    /// Remembers what the elements of a list that a loop gives may be.
    pub fn remember_loop(&mut self, at: usize, source: Source) {
        self.lists.insert(at, Elements { source, places: Vec::new() });
    }
}
