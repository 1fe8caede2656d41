//! Reading fields, with their defaults.

use cordon_records::{Alert, Evidence, Machine};

use super::super::fields::{Getter, of_alert, of_evidence, of_machine};
use super::super::tree::{Node, Typed};
use super::super::types::Record;
use super::super::value::{Fault, List, Value};
use super::{Eval, Frame, Test, boxed_eval, boxed_test, value as compile};
use crate::facts::RecordFacts;
use crate::schema::FieldType;

/// Finds the record of a field.
type Find<R> = for<'r> fn(&'r RecordFacts<'r>, &str) -> Result<&'r R, Fault>;

/// The alert, to read this field of it. A field of which the record has a part only cannot be read.
pub fn alert<'r>(facts: &'r RecordFacts<'r>, field: &str) -> Result<&'r Alert, Fault> {
    match facts.cuts.iter().find(|cut| cut.field == field) {
        None => Ok(facts.alert),
        Some(cut) => Err(Fault::Cut(cut.to_string().into())),
    }
}

fn machine<'r>(facts: &'r RecordFacts<'r>, _field: &str) -> Result<&'r Machine, Fault> {
    facts.machine.ok_or(Fault::NoMachine)
}

/// The text that stands in for an absent field.
pub fn default_text(record: Record, name: &str) -> &'static str {
    record.fields().iter().find(|field| field.name == name).map_or("", |field| match field.kind {
        FieldType::Text(default) => default,
        FieldType::Choice(choice) => choice.default,
        FieldType::Integer | FieldType::Flag | FieldType::Instant | FieldType::Texts | FieldType::Evidence => "",
    })
}

pub fn value(record: Record, name: &'static str) -> Eval {
    let default = default_text(record, name);
    match record {
        Record::Alert => of_alert(name).map(|getter| read_value(getter, (alert, name), default)),
        Record::Machine => of_machine(name).map(|getter| read_value(getter, (machine, name), default)),
        Record::Evidence => None,
    }
    .unwrap_or_else(|| boxed_eval(|_| Err(Fault::Type)))
}

fn read_value<R>(getter: Getter<R>, (find, name): (Find<R>, &'static str), default: &'static str) -> Eval {
    match getter {
        Getter::Text(get) => {
            boxed_eval(move |frame| Ok(Value::borrowed(get(find(frame.facts, name)?).unwrap_or(default))))
        }
        Getter::Integer(get) => {
            boxed_eval(move |frame| Ok(Value::Int(get(find(frame.facts, name)?).unwrap_or_default())))
        }
        Getter::Flag(get) => {
            boxed_eval(move |frame| Ok(Value::Bool(get(find(frame.facts, name)?).unwrap_or_default())))
        }
        Getter::Instant(get) => {
            boxed_eval(move |frame| Ok(Value::Instant(get(find(frame.facts, name)?).unwrap_or_default().into())))
        }
        Getter::Texts(get) => {
            boxed_eval(move |frame| Ok(Value::List(List::Texts(get(find(frame.facts, name)?).unwrap_or_default()))))
        }
        Getter::Items(get) => {
            boxed_eval(move |frame| Ok(Value::List(List::Items(get(find(frame.facts, name)?).unwrap_or_default()))))
        }
    }
}

/// `has()`: whether the field was given.
pub fn given(record: Record, name: &'static str) -> Test {
    match record {
        Record::Alert => of_alert(name).map(|getter| is_given(getter, alert, name)),
        Record::Machine => of_machine(name).map(|getter| is_given(getter, machine, name)),
        Record::Evidence => None,
    }
    .unwrap_or_else(|| boxed_test(|_| Err(Fault::Type)))
}

fn is_given<R>(getter: Getter<R>, find: Find<R>, name: &'static str) -> Test {
    match getter {
        Getter::Text(get) => boxed_test(move |frame| Ok(get(find(frame.facts, name)?).is_some())),
        Getter::Integer(get) => boxed_test(move |frame| Ok(get(find(frame.facts, name)?).is_some())),
        Getter::Flag(get) => boxed_test(move |frame| Ok(get(find(frame.facts, name)?).is_some())),
        Getter::Instant(get) => boxed_test(move |frame| Ok(get(find(frame.facts, name)?).is_some())),
        Getter::Texts(get) => boxed_test(move |frame| Ok(get(find(frame.facts, name)?).is_some())),
        Getter::Items(get) => boxed_test(move |frame| Ok(get(find(frame.facts, name)?).is_some())),
    }
}

/// Finds an evidence item in a frame.
enum Item {
    /// The loop's variable: nearly always.
    Local(usize),
    /// Such as `alert.evidence[0]`.
    Computed(Eval),
}

impl Item {
    fn of(typed: Typed) -> Self {
        match typed.node {
            Node::Local(depth) => Self::Local(depth),
            _ => Self::Computed(compile(typed)),
        }
    }

    fn find<'r>(&self, frame: &Frame<'_, 'r>) -> Result<&'r Evidence, Fault> {
        match self {
            Self::Local(depth) => match frame.local(*depth)? {
                Value::Item(item) => Ok(item),
                _ => Err(Fault::Type),
            },
            Self::Computed(eval) => match eval(frame)? {
                Value::Item(item) => Ok(item),
                _ => Err(Fault::Type),
            },
        }
    }
}

pub fn item_value(item: Typed, name: &'static str) -> Eval {
    let Some(get) = of_evidence(name) else { return boxed_eval(|_| Err(Fault::Type)) };
    let item = Item::of(item);
    boxed_eval(move |frame| Ok(Value::borrowed(get(item.find(frame)?).unwrap_or_default())))
}

/// An empty text on an evidence item counts as absent.
pub fn item_given(item: Typed, name: &'static str) -> Test {
    let Some(get) = of_evidence(name) else { return boxed_test(|_| Err(Fault::Type)) };
    let item = Item::of(item);
    boxed_test(move |frame| Ok(get(item.find(frame)?).is_some_and(|text| !text.is_empty())))
}
