//! The one question that every error must answer: what may be done about it.

/// What an error means for the work at hand. Match it without a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The input is at fault; trying again gives the same. The record goes to the dead letters or to a person.
    Poison,
    /// The world is at fault and nothing was done; trying again later may work.
    Transient,
    /// Something may have been done. Look before doing it again.
    Ambiguous,
    /// The set-up is at fault, or our own state: stop and say so.
    Fatal,
}

impl ErrorClass {
    /// The stable name: metric label and log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poison => "poison",
            Self::Transient => "transient",
            Self::Ambiguous => "ambiguous",
            Self::Fatal => "fatal",
        }
    }
}

/// An error that knows its class.
pub trait Classified: std::error::Error {
    /// What may be done about it.
    fn class(&self) -> ErrorClass;
}
