//! Calls of functions: known, called the right way, with the right arguments.

use cel::parser::Expression;
use cordon_settings::closest;

use super::super::functions::{Does, FUNCTIONS, Function, Style, TextTest, Unary};
use super::super::network::Network;
use super::super::time::{Part, Zone};
use super::super::tree::{Node, Typed};
use super::super::types::Type;
use super::loops::{LOOPS, loop_kind};
use super::{Checker, did_you_mean};

impl Checker<'_> {
    pub fn call(&mut self, id: u64, target: Option<&Expression>, name: &str, arguments: &[Expression]) -> Typed {
        let at = self.places.function(id, name);
        if name == "has" {
            return self.presence(at, arguments);
        }
        if let Some(kind) = loop_kind(name) {
            return self.a_loop(at, kind, target, arguments);
        }
        let subject = target.map(|target| self.expression(target));
        let rest = arguments.iter().map(|argument| self.expression(argument));
        let all: Vec<Typed> = subject.into_iter().chain(rest).collect();
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
            return self.unknown_function(at, name);
        };
        let right_style = match function.style {
            Style::Method => target.is_some(),
            Style::Global => target.is_none(),
            Style::Either => true,
        };
        if !right_style {
            return self.misused(at, function);
        }
        self.apply(at, function, all)
    }

    fn unknown_function(&mut self, at: usize, name: &str) -> Typed {
        let known: Vec<&str> = FUNCTIONS
            .iter()
            .map(|function| function.name)
            .chain(LOOPS.iter().map(|(name, _)| *name))
            .chain(["has"])
            .collect();
        let meant = closest(name, &known).map(str::to_owned);
        self.broken(at, format!("unknown function `{name}`"), Some(did_you_mean(meant, &known)))
    }

    fn misused(&mut self, at: usize, function: &Function) -> Typed {
        self.broken(
            at,
            format!("`{}` is called otherwise", function.name),
            Some(format!("write `{}`", function.usage())),
        )
    }

    fn apply(&mut self, at: usize, function: &Function, arguments: Vec<Typed>) -> Typed {
        let mut arguments = arguments.into_iter();
        let (Some(first), second, None) = (arguments.next(), arguments.next(), arguments.next()) else {
            return self.wrong_count(at, function);
        };
        if !function.accepts(&first.kind) {
            let message = format!("`{}` takes {}, not {}", function.name, function.wanted(), first.kind.a());
            return self.broken(first.at, message, None);
        }
        match (function.does, second) {
            (Does::Unary(unary), None) => self.unary(at, unary, function.gives.clone(), first),
            (Does::Part(part), zone) => self.part(at, part, first, zone),
            (Does::TextTest(test), Some(second)) => self.text_test(at, test, first, second),
            (Does::Unary(_), Some(_)) | (Does::TextTest(_), None) => self.wrong_count(at, function),
        }
    }

    fn wrong_count(&mut self, at: usize, function: &Function) -> Typed {
        let message = format!("`{}` is given the wrong number of arguments", function.name);
        self.broken(at, message, Some(format!("write `{}`", function.usage())))
    }

    fn part(&mut self, at: usize, part: Part, subject: Typed, zone: Option<Typed>) -> Typed {
        let zone = match zone {
            None => Zone::UTC,
            Some(zone) if subject.kind == Type::Span => {
                return self.broken(zone.at, "a duration has no time zone", None);
            }
            Some(zone) => {
                let Some(known) = zone.literal().and_then(Zone::parse) else {
                    let help = "write a name such as \"Europe/Berlin\", or an offset such as \"+02:00\"".to_owned();
                    return self.broken(zone.at, "this is no time zone that is written out", Some(help));
                };
                known
            }
        };
        self.unary(at, Unary::Part(part, zone), Type::Int, subject)
    }

    fn text_test(&mut self, at: usize, test: TextTest, first: Typed, second: Typed) -> Typed {
        if !second.kind.is_text() {
            self.require(&second, &Type::Text, "the second argument");
            return Typed::new(Type::Bool, Node::Broken, at);
        }
        if let Some(text) = second.literal()
            && let Some(message) = unusable(test, text)
        {
            return self.broken(second.at, message, None);
        }
        self.tested_choice(test, &first, &second);
        Typed::new(Type::Bool, Node::TextTest(test, Box::new([first, second])), at)
    }
}

/// Why a constant cannot be the second argument.
fn unusable(test: TextTest, text: &str) -> Option<String> {
    match test {
        TextTest::Matches => {
            let error = regex::Regex::new(text).err()?.to_string();
            Some(format!("the pattern {text:?} does not compile: {}", error.lines().last().unwrap_or_default()))
        }
        TextTest::Within if Network::parse(text).is_none() => {
            Some(format!("{text:?} is no network such as \"10.0.0.0/8\""))
        }
        TextTest::Within | TextTest::StartsWith | TextTest::EndsWith | TextTest::Contains => None,
    }
}
