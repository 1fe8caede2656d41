//! Checks a parsed condition against the schema: every name known, every type right, constants sound. All mistakes at
//! once; what is wrong in one place stays quiet in the places that build on it.

mod calls;
mod choices;
mod loops;
mod names;
mod operators;
mod sources;

use std::collections::BTreeMap;

use cel::common::ast::{Expr, ListExpr, LiteralValue, operators as op};
use cel::parser::Expression;

use super::Mistake;
use super::parse::Places;
use super::tree::{Node, Typed};
use super::types::{Record, Type};
use super::value::Value;
use sources::{Elements, Source};

/// Loops inside loops cost the product of the lists' lengths.
pub const MAX_LOOP_DEPTH: usize = 2;

/// What the check found.
pub struct Outcome {
    pub typed: Typed,
    pub mistakes: Vec<Mistake>,
    /// What is allowed, and likely not what was meant.
    pub doubts: Vec<Mistake>,
}

/// Checks a whole condition, which must be true or false.
pub fn check(expression: &Expression, places: Places<'_>) -> Outcome {
    let mut checker =
        Checker { places, locals: Vec::new(), lists: BTreeMap::new(), mistakes: Vec::new(), doubts: Vec::new() };
    let typed = checker.expression(expression);
    if !matches!(typed.kind, Type::Bool | Type::Unknown) {
        let message = format!("the condition is {}, not true or false", typed.kind.a());
        checker.mistake(typed.at, message, Some("compare it with something: `… == …`".to_owned()));
    }
    let Checker { mut mistakes, mut doubts, .. } = checker;
    for said in [&mut mistakes, &mut doubts] {
        said.sort_by_key(|mistake| (mistake.line, mistake.column));
        said.dedup();
    }
    Outcome { typed, mistakes, doubts }
}

pub struct Checker<'a> {
    places: Places<'a>,
    /// The variables of the loops around the present place, outermost first.
    locals: Vec<Local>,
    /// What the elements of each list of texts may be, by the byte at which the list stands.
    lists: BTreeMap<usize, Elements>,
    mistakes: Vec<Mistake>,
    doubts: Vec<Mistake>,
}

/// The variable of a loop.
struct Local {
    name: String,
    kind: Type,
    /// What its text may be, if it is one.
    source: Source,
}

impl Checker<'_> {
    fn expression(&mut self, node: &Expression) -> Typed {
        match &node.expr {
            Expr::Unspecified => Typed::broken(self.places.token(node.id)),
            Expr::Literal(literal) => self.literal(node.id, literal),
            Expr::Ident(name) => self.variable(node.id, name),
            Expr::Select(select) => self.field(node.id, &select.operand, &select.field),
            Expr::Call(call) => match (&call.target, call.func_name.as_str(), call.args.as_slice()) {
                (None, op::CONDITIONAL, [test, one, two]) => self.choose(node.id, test, [one, two]),
                (None, op::LOGICAL_NOT | op::NEGATE, [argument]) => self.prefix(node.id, &call.func_name, argument),
                (None, op::INDEX, [operand, index]) => self.index(node.id, operand, index),
                (None, name, [one, two]) if operators::is_operator(name) => self.infix(node.id, name, [one, two]),
                (target, name, arguments) => self.call(node.id, target.as_deref(), name, arguments),
            },
            Expr::List(list) => self.list(node.id, list),
            Expr::Map(_) => self.unsupported(node.id, "maps", "no field of a record is a map"),
            Expr::Struct(_) => self.unsupported(node.id, "messages", "no field of a record is one"),
            Expr::Comprehension(_) => self.unsupported(node.id, "expanded loops", "write `list.exists(x, …)`"),
        }
    }

    fn literal(&mut self, id: u64, literal: &LiteralValue) -> Typed {
        let at = self.places.token(id);
        let (kind, value) = match literal {
            LiteralValue::Boolean(flag) => (Type::Bool, Value::Bool(*flag.inner())),
            LiteralValue::Int(number) => (Type::Int, Value::Int(*number.inner())),
            LiteralValue::UInt(number) => (Type::UInt, Value::UInt(*number.inner())),
            LiteralValue::Double(number) => (Type::Double, Value::Double(*number.inner())),
            LiteralValue::String(text) => (Type::Text, Value::shared(text.inner())),
            LiteralValue::Bytes(_) => return self.unsupported(id, "bytes", "write a text without the b before it"),
            LiteralValue::Null => {
                let help = "an absent field reads as its default; ask `!has(alert.classification)`";
                return self.broken(at, "nothing is ever null here", Some(help.to_owned()));
            }
        };
        Typed::new(kind, Node::Constant(value), at)
    }

    fn list(&mut self, id: u64, list: &ListExpr) -> Typed {
        let elements: Vec<Typed> = list.elements.iter().map(|element| self.expression(element)).collect();
        let mut kind = Type::Unknown;
        for element in &elements {
            let Some(joined) = kind.join(&element.kind) else {
                let message = format!("a list of {kind} cannot hold {}", element.kind.a());
                return self.broken(element.at, message, None);
            };
            kind = joined;
        }
        if let Type::Record(Record::Alert | Record::Machine) = kind {
            return self.broken(self.places.token(id), "a list of whole records cannot be made", None);
        }
        self.remember_list(self.places.token(id), &kind, &elements);
        let constants: Option<Vec<Value<'static>>> =
            elements.iter().map(|element| element.constant().cloned()).collect();
        let node = constants.map_or(Node::List(elements), |values| Node::Constant(Value::list(values)));
        Typed::new(Type::list(kind), node, self.places.token(id))
    }

    fn unsupported(&mut self, id: u64, what: &str, help: &str) -> Typed {
        self.broken(self.places.token(id), format!("{what} are not part of this language"), Some(help.to_owned()))
    }

    /// The element type of a list that is asked for its elements; a list that is written as empty has none.
    fn element(&mut self, at: usize, element: &Type) -> Type {
        if *element == Type::Unknown && self.mistakes.is_empty() {
            self.mistake(at, "this list is always empty", None);
        }
        element.clone()
    }

    /// Records a mistake and gives what stands in its place.
    fn broken(&mut self, at: usize, message: impl Into<String>, help: Option<String>) -> Typed {
        self.mistake(at, message, help);
        Typed::broken(at)
    }

    fn mistake(&mut self, at: usize, message: impl Into<String>, help: Option<String>) {
        let mistake = self.said(at, message, help);
        self.mistakes.push(mistake);
    }

    fn doubt(&mut self, at: usize, message: impl Into<String>, help: Option<String>) {
        let doubt = self.said(at, message, help);
        self.doubts.push(doubt);
    }

    fn said(&self, at: usize, message: impl Into<String>, help: Option<String>) -> Mistake {
        let (line, column) = self.places.line_and_column(at);
        Mistake { line, column, message: message.into(), help }
    }

    /// Says that an expression is of the wrong type, unless its type is not known.
    fn require(&mut self, typed: &Typed, wanted: &Type, what: &str) -> bool {
        if typed.kind == *wanted {
            return true;
        }
        if typed.kind != Type::Unknown {
            self.mistake(typed.at, format!("{what} must be {}, not {}", wanted.a(), typed.kind.a()), None);
        }
        false
    }
}

/// The nearest name as a question, else all names.
fn did_you_mean(meant: Option<String>, known: &[&str]) -> String {
    meant.map_or_else(|| format!("known are {}", known.join(", ")), |meant| format!("did you mean `{meant}`?"))
}
