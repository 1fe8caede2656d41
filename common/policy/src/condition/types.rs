//! The types that an expression can have.

use std::fmt;

use crate::schema::{Choice, FieldSpec, FieldType};

/// A record with fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    Alert,
    Machine,
    /// One item of `alert.evidence`.
    Evidence,
}

impl Record {
    pub const fn fields(self) -> &'static [FieldSpec] {
        match self {
            Self::Alert => crate::schema::ALERT,
            Self::Machine => crate::schema::MACHINE,
            Self::Evidence => crate::schema::EVIDENCE,
        }
    }

    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Machine => "machine",
            Self::Evidence => "evidence",
        }
    }
}

/// The static type of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Not known: a mistake was recorded already, or the elements of an empty list.
    Unknown,
    Bool,
    Int,
    UInt,
    Double,
    Text,
    /// A text from a known list of values.
    Choice(&'static Choice),
    /// CEL's `timestamp`.
    Instant,
    /// CEL's `duration`.
    Span,
    List(Box<Self>),
    Record(Record),
}

impl Type {
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    pub fn of(field: FieldType) -> Self {
        match field {
            FieldType::Text(_) => Self::Text,
            FieldType::Choice(choice) => Self::Choice(choice),
            FieldType::Integer => Self::Int,
            FieldType::Flag => Self::Bool,
            FieldType::Instant => Self::Instant,
            FieldType::Texts => Self::list(Self::Text),
            FieldType::Evidence => Self::list(Self::Record(Record::Evidence)),
        }
    }

    /// With its article, for messages.
    pub fn a(&self) -> String {
        let article = if matches!(self, Self::Int | Self::Unknown) { "an" } else { "a" };
        format!("{article} {self}")
    }

    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Choice(_))
    }

    pub const fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::UInt | Self::Double)
    }

    /// The type of a value that may be either, if there is one.
    pub fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Unknown, any) | (any, Self::Unknown) => Some(any.clone()),
            (one, two) if one == two => Some(one.clone()),
            (one, two) if one.is_text() && two.is_text() => Some(Self::Text),
            (Self::List(one), Self::List(two)) => Some(Self::list(one.join(two)?)),
            _ => None,
        }
    }

    /// Whether `==` can compare its values.
    pub fn is_comparable(&self) -> bool {
        match self {
            Self::Record(_) => false,
            Self::List(element) => element.is_comparable(),
            _ => true,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::UInt => "uint",
            Self::Double => "double",
            Self::Text | Self::Choice(_) => "string",
            Self::Instant => "timestamp",
            Self::Span => "duration",
            Self::List(element) => return write!(f, "list<{element}>"),
            Self::Record(record) => return write!(f, "record `{}`", record.name()),
        })
    }
}
