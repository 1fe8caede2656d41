//! Loops over lists: `exists`, `all`, `exists_one`, `filter`, `map`.

use cel::common::ast::Expr;
use cel::parser::Expression;

use super::super::tree::{Loop, LoopKind, Node, Typed};
use super::super::types::{Record, Type};
use super::sources::Source;
use super::{Checker, Local, MAX_LOOP_DEPTH};

/// The loops by name.
pub const LOOPS: &[(&str, LoopKind)] = &[
    ("exists", LoopKind::Exists),
    ("all", LoopKind::All),
    ("exists_one", LoopKind::ExistsOne),
    ("existsOne", LoopKind::ExistsOne),
    ("filter", LoopKind::Filter),
    ("map", LoopKind::Map),
];

pub fn loop_kind(name: &str) -> Option<LoopKind> {
    LOOPS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

impl Checker<'_> {
    pub fn a_loop(
        &mut self,
        at: usize,
        kind: LoopKind,
        target: Option<&Expression>,
        arguments: &[Expression],
    ) -> Typed {
        let (target, variable, test, result) = match (kind, target, arguments) {
            (LoopKind::Map, Some(target), [variable, result]) => (target, variable, None, Some(result)),
            (LoopKind::Map, Some(target), [variable, test, result]) => (target, variable, Some(test), Some(result)),
            (LoopKind::Map, ..) => return self.misused_loop(at, "list.map(x, …)"),
            (_, Some(target), [variable, test]) => (target, variable, Some(test), None),
            _ => return self.misused_loop(at, "list.exists(x, x == …)"),
        };
        let Expr::Ident(name) = &variable.expr else {
            let place = self.places.token(variable.id);
            return self.broken(place, "a loop's variable is a simple name", None);
        };
        let list = self.expression(target);
        let element = match &list.kind {
            Type::List(element) => self.element(at, element),
            Type::Unknown => Type::Unknown,
            other => return self.broken(at, format!("loops go over lists, not over {}", other.a()), None),
        };
        let depth = self.locals.len();
        if depth == MAX_LOOP_DEPTH {
            let message = format!("loops are nested more than {MAX_LOOP_DEPTH} deep");
            self.mistake(at, message, Some("split the rule in two".to_owned()));
        }
        let source = self.elements(&list);
        self.locals.push(Local { name: name.clone(), kind: element, source: source.clone() });
        let test = test.map(|test| self.expression(test));
        let result = result.map(|result| self.expression(result));
        self.remember_elements(at, kind, source, result.as_ref());
        self.locals.truncate(depth);
        if let Some(test) = &test {
            self.require(test, &Type::Bool, "what a loop asks of each element");
        }
        let gives = self.gives(kind, &list.kind, result.as_ref());
        Typed::new(gives, Node::Loop(Box::new(Loop { kind, list, depth, test, result })), at)
    }

    /// What the elements of the list that this loop gives may be.
    fn remember_elements(&mut self, at: usize, kind: LoopKind, of_list: Source, result: Option<&Typed>) {
        match (kind, result) {
            (LoopKind::Exists | LoopKind::All | LoopKind::ExistsOne, _) => {}
            (LoopKind::Filter, _) | (LoopKind::Map, None) => self.remember_loop(at, of_list),
            (LoopKind::Map, Some(result)) => self.remember_loop(at, self.source(result)),
        }
    }

    fn gives(&mut self, kind: LoopKind, list: &Type, result: Option<&Typed>) -> Type {
        match (kind, result) {
            (LoopKind::Exists | LoopKind::All | LoopKind::ExistsOne, _) => Type::Bool,
            (LoopKind::Filter, _) | (LoopKind::Map, None) => list.clone(),
            (LoopKind::Map, Some(result)) => {
                if let Type::Record(Record::Alert | Record::Machine) = result.kind {
                    self.mistake(result.at, "a list of whole records cannot be made", None);
                }
                Type::list(result.kind.clone())
            }
        }
    }

    fn misused_loop(&mut self, at: usize, usage: &str) -> Typed {
        self.broken(at, "the loop is written otherwise", Some(format!("write `{usage}`")))
    }
}
