//! Turns a checked expression into closures over the typed record.
//!
//! Two kinds of closure: one that tests, and one that gives a value of any type. Tests of texts, which nearly all of
//! a rule consists of, look at the record's own text and copy nothing.

mod compare;
mod fields;
mod loops;
mod read;
mod texts;

use cordon_records::cut::EVIDENCE;

use super::arithmetic;
use super::check::MAX_LOOP_DEPTH;
use super::functions;
use super::tree::{Node, Typed};
use super::types::Type;
use super::value::{Fault, List, Value};
use crate::facts::RecordFacts;

/// What a closure sees: the record and the variables of the loops around it.
#[derive(Clone, Copy)]
pub struct Frame<'f, 'r> {
    pub facts: &'r RecordFacts<'r>,
    locals: [Option<&'f Value<'r>>; MAX_LOOP_DEPTH],
}

impl<'f, 'r> Frame<'f, 'r> {
    pub const fn new(facts: &'r RecordFacts<'r>) -> Self {
        Self { facts, locals: [None; MAX_LOOP_DEPTH] }
    }

    /// The frame inside a loop.
    pub fn with(&self, depth: usize, value: &'f Value<'r>) -> Self {
        let mut frame = *self;
        if let Some(local) = frame.locals.get_mut(depth) {
            *local = Some(value);
        }
        frame
    }

    fn local(&self, depth: usize) -> Result<&'f Value<'r>, Fault> {
        self.locals.get(depth).copied().flatten().ok_or(Fault::Type)
    }
}

/// Gives true or false.
pub type Test = Box<dyn for<'f, 'r> Fn(&Frame<'f, 'r>) -> Result<bool, Fault> + Send + Sync>;
/// Gives any value.
pub type Eval = Box<dyn for<'f, 'r> Fn(&Frame<'f, 'r>) -> Result<Value<'r>, Fault> + Send + Sync>;

fn boxed_test(test: impl for<'f, 'r> Fn(&Frame<'f, 'r>) -> Result<bool, Fault> + Send + Sync + 'static) -> Test {
    Box::new(test)
}

fn boxed_eval(eval: impl for<'f, 'r> Fn(&Frame<'f, 'r>) -> Result<Value<'r>, Fault> + Send + Sync + 'static) -> Eval {
    Box::new(eval)
}

/// Compiles an expression of type bool.
pub fn test(typed: Typed) -> Test {
    match typed.node {
        Node::Constant(Value::Bool(value)) => boxed_test(move |_| Ok(value)),
        Node::Given(record, name) => fields::given(record, name),
        Node::ItemGiven(item, name) => fields::item_given(*item, name),
        Node::Not(inner) => {
            let inner = test(*inner);
            boxed_test(move |frame| inner(frame).map(|value| !value))
        }
        Node::And(sides) => both(*sides, false),
        Node::Or(sides) => both(*sides, true),
        Node::Choose(parts) => {
            let [condition, one, two] = parts.map(test);
            boxed_test(move |frame| if condition(frame)? { one(frame) } else { two(frame) })
        }
        Node::Compare(comparison, sides) => compare::compare(comparison, *sides),
        Node::In(sides) => compare::membership(*sides),
        Node::TextTest(kind, sides) => texts::text_test(kind, *sides),
        Node::Loop(inner) if typed.kind == Type::Bool => loops::test(*inner),
        node => {
            let value = value(Typed { node, ..typed });
            boxed_test(move |frame| value(frame)?.as_bool())
        }
    }
}

/// `&&` and `||`. `decides` is the value that settles the matter from either side, even when the other side fails:
/// CEL's logic is commutative over errors.
fn both([one, two]: [Typed; 2], decides: bool) -> Test {
    let (one, two) = (test(one), test(two));
    boxed_test(move |frame| match one(frame) {
        Ok(value) if value == decides => Ok(decides),
        Ok(_) => two(frame),
        Err(fault) => match two(frame) {
            Ok(value) if value == decides => Ok(decides),
            Ok(_) | Err(_) => Err(fault),
        },
    })
}

/// Compiles any expression.
pub fn value(typed: Typed) -> Eval {
    match typed.node {
        Node::Constant(value) => boxed_eval(move |_| Ok(value.clone())),
        Node::Now => boxed_eval(|frame| Ok(Value::Instant(frame.facts.now.into()))),
        Node::Users => boxed_eval(|frame| {
            fields::alert(frame.facts, EVIDENCE)?;
            Ok(Value::List(List::Names(&frame.facts.users)))
        }),
        Node::Field(record, name) => fields::value(record, name),
        Node::ItemField(item, name) => fields::item_value(*item, name),
        Node::Local(depth) => boxed_eval(move |frame| frame.local(depth).cloned()),
        Node::Choose(parts) if typed.kind != Type::Bool => choose(*parts),
        Node::Arithmetic(operator, sides) => {
            let [one, two] = sides.map(value);
            boxed_eval(move |frame| arithmetic::apply(operator, &one(frame)?, &two(frame)?))
        }
        Node::Index(parts) => index(*parts),
        Node::List(elements) => {
            let elements: Vec<Eval> = elements.into_iter().map(value).collect();
            boxed_eval(move |frame| {
                elements.iter().map(|element| element(frame)).collect::<Result<_, _>>().map(Value::list)
            })
        }
        Node::Unary(function, argument) => {
            let argument = value(*argument);
            boxed_eval(move |frame| functions::apply(function, argument(frame)?))
        }
        Node::Loop(inner) if typed.kind != Type::Bool => loops::list(*inner),
        Node::Broken | Node::Whole => boxed_eval(|_| Err(Fault::Type)),
        node => {
            let test = test(Typed { node, ..typed });
            boxed_eval(move |frame| test(frame).map(Value::Bool))
        }
    }
}

fn choose(parts: [Typed; 3]) -> Eval {
    let [condition, one, two] = parts;
    let (condition, one, two) = (test(condition), value(one), value(two));
    boxed_eval(move |frame| if condition(frame)? { one(frame) } else { two(frame) })
}

fn index([list, index]: [Typed; 2]) -> Eval {
    let (list, index) = (value(list), value(index));
    boxed_eval(move |frame| {
        let list = list(frame)?.into_list()?;
        let Value::Int(index) = index(frame)? else { return Err(Fault::Type) };
        let element = usize::try_from(index).ok().and_then(|place| list.get(place));
        element.ok_or_else(|| Fault::Index(Box::new((index, list.len()))))
    })
}
