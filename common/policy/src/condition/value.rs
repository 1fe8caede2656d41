//! The values that a condition computes with. They borrow from the record and from the compiled condition, so that
//! reading a field copies nothing.

use std::cmp::Ordering;
use std::sync::Arc;

use cordon_records::Evidence;

use super::time::Instant;

/// Why an expression has no value on this record. Kept small, since every step of a condition may give one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// By zero, `/` or `%`.
    #[error("division by zero")]
    DivisionByZero,
    /// An operator whose result is beyond the range of the type.
    #[error("`{0}` goes beyond the range of its type")]
    Overflow(char),
    /// A number that the type it is converted to cannot hold.
    #[error("a number is beyond the range of the type that it is converted to")]
    Conversion,
    /// An index, and the length of the list that has no such element.
    #[error("there is no element {} in a list of {}", .0.0, .0.1)]
    Index(Box<(i64, usize)>),
    /// An order that does not exist.
    #[error("a number that is undefined (NaN) has no order")]
    NoOrder,
    /// A text, cut to a length that people can read, and what it should be.
    #[error("{:?} is no {}", .0.0, .0.1)]
    Text(Box<(String, &'static str)>),
    /// The record leaves a part of the field out: how much of what.
    #[error("the alert was too large: {0}")]
    Cut(Box<str>),
    /// The machine is absent.
    #[error("the machine is absent")]
    NoMachine,
    /// The checker lets nothing through that leads here.
    #[error("a value is not of the type that was checked")]
    Type,
}

impl Fault {
    pub fn text(text: &str, wanted: &'static str) -> Self {
        Self::Text(Box::new((text.chars().take(40).collect(), wanted)))
    }
}

/// A text of the record or of the condition.
#[derive(Debug, Clone)]
pub enum Text<'r> {
    Borrowed(&'r str),
    Shared(Arc<str>),
}

impl Text<'_> {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

/// A list of the record, or a computed one.
#[derive(Debug, Clone)]
pub enum List<'r> {
    Texts(&'r [String]),
    Names(&'r [&'r str]),
    Items(&'r [Evidence]),
    Values(Arc<[Value<'r>]>),
}

impl<'r> List<'r> {
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(list) => list.len(),
            Self::Names(list) => list.len(),
            Self::Items(list) => list.len(),
            Self::Values(list) => list.len(),
        }
    }

    pub fn get(&self, index: usize) -> Option<Value<'r>> {
        match self {
            Self::Texts(list) => list.get(index).map(|text| Value::borrowed(text)),
            Self::Names(list) => list.get(index).map(|text| Value::borrowed(text)),
            Self::Items(list) => list.get(index).map(Value::Item),
            Self::Values(list) => list.get(index).cloned(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Value<'r>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Looks at each element until one gives a result; faster than [`List::iter`].
    pub fn find<T>(&self, mut look: impl FnMut(&Value<'r>) -> Option<T>) -> Option<T> {
        match self {
            Self::Texts(list) => list.iter().find_map(|text| look(&Value::borrowed(text))),
            Self::Names(list) => list.iter().find_map(|text| look(&Value::borrowed(text))),
            Self::Items(list) => list.iter().find_map(|item| look(&Value::Item(item))),
            Self::Values(list) => list.iter().find_map(look),
        }
    }

    /// Whether a text is in the list.
    pub fn holds_text(&self, wanted: &str) -> bool {
        match self {
            Self::Texts(list) => list.iter().any(|text| text == wanted),
            Self::Names(list) => list.contains(&wanted),
            Self::Items(_) => false,
            Self::Values(list) => {
                list.iter().any(|value| matches!(value, Value::Text(text) if text.as_str() == wanted))
            }
        }
    }
}

/// A value of any type.
#[derive(Debug, Clone)]
pub enum Value<'r> {
    Bool(bool),
    Int(i64),
    UInt(u64),
    Double(f64),
    Text(Text<'r>),
    Instant(Instant),
    /// Nanoseconds, as in CEL's Go implementation: about 292 years either way.
    Span(i64),
    Item(&'r Evidence),
    List(List<'r>),
}

impl<'r> Value<'r> {
    pub const fn borrowed(text: &'r str) -> Self {
        Self::Text(Text::Borrowed(text))
    }

    pub fn shared(text: &str) -> Self {
        Self::Text(Text::Shared(Arc::from(text)))
    }

    pub fn list(values: Vec<Self>) -> Self {
        Self::List(List::Values(Arc::from(values)))
    }

    pub fn as_bool(&self) -> Result<bool, Fault> {
        match self {
            Self::Bool(value) => Ok(*value),
            _ => Err(Fault::Type),
        }
    }

    pub fn into_text(self) -> Result<Text<'r>, Fault> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(Fault::Type),
        }
    }

    pub fn into_list(self) -> Result<List<'r>, Fault> {
        match self {
            Self::List(list) => Ok(list),
            _ => Err(Fault::Type),
        }
    }

    pub fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Bool(one), Value::Bool(two)) => one == two,
            (Self::Int(one), Value::Int(two)) => one == two,
            (Self::UInt(one), Value::UInt(two)) => one == two,
            // NaN equals nothing, as in CEL.
            (Self::Double(one), Value::Double(two)) => one == two,
            (Self::Text(one), Value::Text(two)) => one.as_str() == two.as_str(),
            (Self::Instant(one), Value::Instant(two)) => one == two,
            (Self::Span(one), Value::Span(two)) => one == two,
            (Self::List(one), Value::List(two)) => {
                one.len() == two.len() && one.iter().zip(two.iter()).all(|(one, two)| one.equals(&two))
            }
            _ => false,
        }
    }

    pub fn order(&self, other: &Value<'_>) -> Result<Ordering, Fault> {
        match (self, other) {
            (Self::Int(one), Value::Int(two)) => Ok(one.cmp(two)),
            (Self::UInt(one), Value::UInt(two)) => Ok(one.cmp(two)),
            (Self::Double(one), Value::Double(two)) => one.partial_cmp(two).ok_or(Fault::NoOrder),
            (Self::Instant(one), Value::Instant(two)) => Ok(one.cmp(two)),
            (Self::Span(one), Value::Span(two)) => Ok(one.cmp(two)),
            _ => Err(Fault::Type),
        }
    }
}
