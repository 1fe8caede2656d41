//! A checked expression: every name resolved, every type known, constants computed.

use super::functions::{TextTest, Unary};
use super::types::{Record, Type};
use super::value::Value;

/// An expression with its type and the byte in the source where messages about it point.
#[derive(Debug, Clone)]
pub struct Typed {
    pub kind: Type,
    pub node: Node,
    pub at: usize,
}

#[derive(Debug, Clone)]
pub enum Node {
    /// A mistake was recorded here. A condition with mistakes is never compiled.
    Broken,
    Constant(Value<'static>),
    Now,
    Users,
    /// A record as such: good for nothing but its fields.
    Whole,
    /// A field of `alert` or `machine`.
    Field(Record, &'static str),
    /// `has()` of such a field.
    Given(Record, &'static str),
    /// A field of an evidence item.
    ItemField(Box<Typed>, &'static str),
    /// `has()` of such a field.
    ItemGiven(Box<Typed>, &'static str),
    /// The variable of the loop at this depth, from 0.
    Local(usize),
    Not(Box<Typed>),
    And(Box<[Typed; 2]>),
    Or(Box<[Typed; 2]>),
    Choose(Box<[Typed; 3]>),
    Compare(Comparison, Box<[Typed; 2]>),
    Arithmetic(Operator, Box<[Typed; 2]>),
    In(Box<[Typed; 2]>),
    Index(Box<[Typed; 2]>),
    List(Vec<Typed>),
    Unary(Unary, Box<Typed>),
    TextTest(TextTest, Box<[Typed; 2]>),
    Loop(Box<Loop>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub const fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
            Self::Remainder => '%',
        }
    }
}

/// A loop over a list.
#[derive(Debug, Clone)]
pub struct Loop {
    pub kind: LoopKind,
    pub list: Typed,
    /// Its depth, which is the number of its variable.
    pub depth: usize,
    /// The test, or for `map` without a test nothing.
    pub test: Option<Typed>,
    /// What `map` makes of each element.
    pub result: Option<Typed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopKind {
    Exists,
    All,
    ExistsOne,
    Filter,
    Map,
}

impl Typed {
    pub const fn new(kind: Type, node: Node, at: usize) -> Self {
        Self { kind, node, at }
    }

    pub const fn broken(at: usize) -> Self {
        Self::new(Type::Unknown, Node::Broken, at)
    }

    /// The text, if it is a constant one.
    pub fn literal(&self) -> Option<&str> {
        match &self.node {
            Node::Constant(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    pub const fn constant(&self) -> Option<&Value<'static>> {
        match &self.node {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }
}
