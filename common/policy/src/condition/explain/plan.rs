//! A condition taken apart: each sub-expression compiled for itself, ready to be judged in a frame.

use cel::common::ast::Expr;
use cel::parser::Expression;
use serde_json::Value as Json;

use super::super::compile::{self, Eval, Frame};
use super::super::tree::{Loop, LoopKind, Node, Typed};
use super::super::types::Type;
use super::super::value::{List, Value};
use super::Step;
use super::shown::json;
use super::written::Written;

/// At most so many elements of a loop are explained; the one that settled it is always among them.
const SHOWN_ELEMENTS: usize = 5;

/// One sub-expression.
pub struct Plan {
    text: String,
    kind: Type,
    eval: Eval,
    /// For a field: whether it is given.
    given: Option<Eval>,
    shape: Shape,
}

/// How a sub-expression uses its parts.
enum Shape {
    /// It looks at all of them.
    All(Vec<Plan>),
    /// `&&` or `||`, from left to right, until a part gives this value.
    Until(bool, Vec<Plan>),
    /// `? :`.
    Choose(Box<[Plan; 3]>),
    Loop(Box<LoopPlan>),
}

struct LoopPlan {
    kind: LoopKind,
    list: Plan,
    depth: usize,
    variable: String,
    inside: Vec<Plan>,
}

impl Plan {
    /// Takes an expression apart: `typed` is what the checker made of `node`.
    pub fn of(typed: &Typed, node: &Expression, written: &Written<'_>) -> Self {
        Self {
            text: written.text(node),
            kind: typed.kind.clone(),
            eval: compile::value(typed.clone()),
            given: given(typed),
            shape: shape(typed, node, written),
        }
    }

    /// Judges it and its parts.
    pub fn step(&self, frame: &Frame<'_, '_>) -> Step {
        let (parts, left_out) = match &self.shape {
            Shape::All(parts) => (parts.iter().map(|part| part.step(frame)).collect(), 0),
            Shape::Until(decides, parts) => (until(*decides, parts, frame), 0),
            Shape::Choose(parts) => (choose(parts, frame), 0),
            Shape::Loop(inner) => inner.parts(frame),
        };
        let given = self.given.as_ref().and_then(|given| given(frame).ok()).and_then(|given| given.as_bool().ok());
        Step {
            text: self.text.clone(),
            kind: self.kind.to_string(),
            value: (self.eval)(frame).map(|value| json(&value)).map_err(|fault| fault.to_string()),
            given,
            asked: true,
            parts,
            left_out,
        }
    }
}

/// `has()` of a field.
fn given(typed: &Typed) -> Option<Eval> {
    let node = match &typed.node {
        Node::Field(record, name) => Node::Given(*record, name),
        Node::ItemField(item, name) => Node::ItemGiven(item.clone(), name),
        _ => return None,
    };
    Some(compile::value(Typed::new(Type::Bool, node, typed.at)))
}

fn shape(typed: &Typed, node: &Expression, written: &Written<'_>) -> Shape {
    match &typed.node {
        Node::And(_) | Node::Or(_) => {
            let mut parts = Vec::new();
            flatten(typed, node, matches!(typed.node, Node::And(_)), written, &mut parts);
            Shape::Until(matches!(typed.node, Node::Or(_)), parts)
        }
        Node::Choose(sides) => {
            let [Some(one), Some(two), Some(three)] = [0, 1, 2].map(|place| argument(node, place)) else {
                return Shape::All(Vec::new());
            };
            let [test, yes, no] = sides.as_ref();
            Shape::Choose(Box::new(
                [(test, one), (yes, two), (no, three)].map(|(typed, node)| Plan::of(typed, node, written)),
            ))
        }
        Node::Loop(inner) => a_loop(inner, node, written),
        _ => {
            let parts = parts(typed).into_iter().enumerate();
            let worth =
                parts.filter(|(_, part)| !matches!(part.node, Node::Constant(_) | Node::Local(_) | Node::Whole));
            let known = worth.filter_map(|(place, part)| Some(Plan::of(part, argument(node, place)?, written)));
            Shape::All(known.collect())
        }
    }
}

/// The parts of `a && b && c` as one row; the parser nests them in pairs.
fn flatten(typed: &Typed, node: &Expression, is_and: bool, written: &Written<'_>, parts: &mut Vec<Plan>) {
    match (&typed.node, argument(node, 0), argument(node, 1)) {
        (Node::And(sides), Some(one), Some(two)) if is_and => {
            flatten(&sides[0], one, is_and, written, parts);
            flatten(&sides[1], two, is_and, written, parts);
        }
        (Node::Or(sides), Some(one), Some(two)) if !is_and => {
            flatten(&sides[0], one, is_and, written, parts);
            flatten(&sides[1], two, is_and, written, parts);
        }
        _ => parts.push(Plan::of(typed, node, written)),
    }
}

/// What an expression that looks at all of its parts is made of, in the order in which the text has them.
fn parts(typed: &Typed) -> Vec<&Typed> {
    match &typed.node {
        Node::Not(inner) | Node::Unary(_, inner) | Node::ItemField(inner, _) => vec![inner],
        Node::Compare(_, sides)
        | Node::Arithmetic(_, sides)
        | Node::In(sides)
        | Node::Index(sides)
        | Node::TextTest(_, sides) => sides.iter().collect(),
        Node::List(elements) => elements.iter().collect(),
        Node::Broken
        | Node::Constant(_)
        | Node::Now
        | Node::Users
        | Node::Whole
        | Node::Field(..)
        | Node::Given(..)
        | Node::ItemGiven(..)
        | Node::Local(_)
        | Node::And(_)
        | Node::Or(_)
        | Node::Choose(_)
        | Node::Loop(_) => Vec::new(),
    }
}

/// The part of a parsed expression at a place: the subject of a method comes first.
fn argument(node: &Expression, place: usize) -> Option<&Expression> {
    match &node.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).nth(place),
        Expr::Select(select) => (place == 0).then_some(&*select.operand),
        Expr::List(list) => list.elements.get(place),
        _ => None,
    }
}

fn a_loop(inner: &Loop, node: &Expression, written: &Written<'_>) -> Shape {
    let last = if inner.test.is_some() && inner.result.is_some() { 3 } else { 2 };
    let bodies = [(inner.test.as_ref(), argument(node, 2)), (inner.result.as_ref(), argument(node, last))];
    let inside = bodies.into_iter().filter_map(|(typed, node)| Some(Plan::of(typed?, node?, written))).collect();
    let Some(list) = argument(node, 0) else { return Shape::All(Vec::new()) };
    let variable = argument(node, 1).map(|variable| written.text(variable)).unwrap_or_default();
    let list = Plan::of(&inner.list, list, written);
    Shape::Loop(Box::new(LoopPlan { kind: inner.kind, list, depth: inner.depth, variable, inside }))
}

fn until(decides: bool, parts: &[Plan], frame: &Frame<'_, '_>) -> Vec<Step> {
    let mut decided = false;
    let mut steps = Vec::with_capacity(parts.len());
    for part in parts {
        let step = Step { asked: !decided, ..part.step(frame) };
        decided |= step.truth() == Some(decides);
        steps.push(step);
    }
    steps
}

fn choose([test, yes, no]: &[Plan; 3], frame: &Frame<'_, '_>) -> Vec<Step> {
    let test = test.step(frame);
    let truth = test.truth();
    let yes = Step { asked: truth == Some(true), ..yes.step(frame) };
    let no = Step { asked: truth == Some(false), ..no.step(frame) };
    vec![test, yes, no]
}

impl LoopPlan {
    /// The list, then its elements; and how many elements are left out.
    fn parts(&self, frame: &Frame<'_, '_>) -> (Vec<Step>, usize) {
        let mut steps = Vec::new();
        if !self.list.is_constant() {
            steps.push(self.list.step(frame));
        }
        let Ok(list) = (self.list.eval)(frame).and_then(Value::into_list) else { return (steps, 0) };
        let settled = self.settled(&list, frame);
        let mut shown: Vec<usize> = (0..list.len().min(SHOWN_ELEMENTS)).collect();
        if let Some(place) = settled.filter(|place| *place >= SHOWN_ELEMENTS) {
            shown.pop();
            shown.push(place);
        }
        for &place in &shown {
            let Some(element) = list.get(place) else { continue };
            steps.push(self.element(frame, &element, settled.is_none_or(|settled| place <= settled)));
        }
        (steps, list.len() - shown.len())
    }

    /// The first element after which `exists` and `all` look no further.
    fn settled(&self, list: &List<'_>, frame: &Frame<'_, '_>) -> Option<usize> {
        let decides = match self.kind {
            LoopKind::Exists => true,
            LoopKind::All => false,
            LoopKind::ExistsOne | LoopKind::Filter | LoopKind::Map => return None,
        };
        let test = self.inside.first()?;
        let says =
            |element: &Value<'_>| (test.eval)(&frame.with(self.depth, element)).and_then(|value| value.as_bool());
        list.iter().position(|element| says(&element) == Ok(decides))
    }

    fn element(&self, frame: &Frame<'_, '_>, element: &Value<'_>, asked: bool) -> Step {
        let inside = frame.with(self.depth, element);
        Step {
            text: self.variable.clone(),
            kind: "element".to_owned(),
            value: Ok::<Json, String>(json(element)),
            given: None,
            asked,
            parts: self.inside.iter().map(|plan| plan.step(&inside)).collect(),
            left_out: 0,
        }
    }
}

impl Plan {
    /// A list that is written out has nothing to tell.
    fn is_constant(&self) -> bool {
        matches!(&self.shape, Shape::All(parts) if parts.is_empty()) && self.text.starts_with('[')
    }
}
