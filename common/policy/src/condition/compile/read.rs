//! Reading a text without copying it: nearly all of a rule compares texts of the record with constants.

use std::sync::Arc;

use cordon_records::{Alert, Evidence, Machine};

use super::super::fields::{Getter, of_alert, of_evidence, of_machine};
use super::super::tree::{Node, Typed};
use super::super::types::Record;
use super::super::value::{Fault, Value};
use super::fields::{alert, default_text};
use super::{Eval, Frame, value};

/// Where a text is.
pub enum Read {
    Constant(Arc<str>),
    /// A field of the alert, its name, and what stands in for it.
    Alert(fn(&Alert) -> Option<&str>, &'static str, &'static str),
    Machine(fn(&Machine) -> Option<&str>, &'static str),
    /// A field of the evidence item that is the loop's variable at this depth.
    Item(usize, fn(&Evidence) -> Option<&str>),
    /// The loop's variable itself.
    Local(usize),
    Computed(Eval),
}

impl Read {
    /// Compiles an expression that is a text.
    pub fn of(typed: Typed) -> Self {
        let known = match &typed.node {
            Node::Constant(Value::Text(text)) => Some(Self::Constant(text.as_str().into())),
            Node::Field(record, name) => Self::field(*record, name),
            Node::ItemField(item, name) => match item.node {
                Node::Local(depth) => of_evidence(name).map(|get| Self::Item(depth, get)),
                _ => None,
            },
            Node::Local(depth) => Some(Self::Local(*depth)),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Computed(value(typed)))
    }

    fn field(record: Record, name: &'static str) -> Option<Self> {
        let default = default_text(record, name);
        match record {
            Record::Alert => match of_alert(name)? {
                Getter::Text(get) => Some(Self::Alert(get, name, default)),
                _ => None,
            },
            Record::Machine => match of_machine(name)? {
                Getter::Text(get) => Some(Self::Machine(get, default)),
                _ => None,
            },
            Record::Evidence => None,
        }
    }

    /// Lets `asks` look at the text.
    pub fn with<T>(&self, frame: &Frame<'_, '_>, asks: impl FnOnce(&str) -> T) -> Result<T, Fault> {
        match self {
            Self::Constant(text) => Ok(asks(text)),
            Self::Alert(get, name, default) => Ok(asks(get(alert(frame.facts, name)?).unwrap_or(default))),
            Self::Machine(get, default) => {
                Ok(asks(get(frame.facts.machine.ok_or(Fault::NoMachine)?).unwrap_or(default)))
            }
            Self::Item(depth, get) => match frame.local(*depth)? {
                Value::Item(item) => Ok(asks(get(item).unwrap_or_default())),
                _ => Err(Fault::Type),
            },
            Self::Local(depth) => match frame.local(*depth)? {
                Value::Text(text) => Ok(asks(text.as_str())),
                _ => Err(Fault::Type),
            },
            Self::Computed(eval) => Ok(asks(eval(frame)?.into_text()?.as_str())),
        }
    }
}
