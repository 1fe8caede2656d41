//! A key's value on its way to a setting: given, absent, or wrong.

use std::rc::Rc;

use crate::ledger::Ledger;
use crate::node::Spot;

/// What a section says about one key. It is used up by [`Field::or`], [`Field::optional`] or [`Field::required`].
#[derive(Debug)]
#[must_use = "a field that is not used up is a setting that has no effect"]
pub struct Field<T> {
    state: State<T>,
    at: At,
}

/// Where a field stands, so that later checks can report it.
#[derive(Debug)]
pub(crate) struct At {
    pub ledger: Rc<Ledger>,
    pub spot: Spot,
    pub path: String,
}

#[derive(Debug)]
enum State<T> {
    Given(T),
    Absent,
    /// A problem has been recorded.
    Wrong,
}

impl<T> Field<T> {
    pub(crate) fn absent(at: At) -> Self {
        Self { state: State::Absent, at }
    }

    /// The value, or a recorded problem.
    pub(crate) fn read(at: At, value: Result<T, (String, Option<String>)>) -> Self {
        match value {
            Ok(value) => Self { state: State::Given(value), at },
            Err((message, help)) => {
                at.ledger.report(&at.spot, &at.path, message, help);
                Self { state: State::Wrong, at }
            }
        }
    }

    /// The value, while the field is not used up.
    pub(crate) const fn given(&self) -> Option<&T> {
        match &self.state {
            State::Given(value) => Some(value),
            State::Absent | State::Wrong => None,
        }
    }

    /// The value, or `default` when the key is absent (or wrong, which is reported anyway).
    pub fn or(self, default: T) -> T {
        self.optional().unwrap_or(default)
    }

    /// The value if the key is given and right.
    pub fn optional(self) -> Option<T> {
        match self.state {
            State::Given(value) => Some(value),
            State::Absent | State::Wrong => None,
        }
    }

    /// The value; an absent key is a mistake. `None` only after a problem was recorded.
    pub fn required(self) -> Option<T> {
        if let State::Absent = self.state {
            self.at.ledger.report(&self.at.spot, &self.at.path, "required, but missing", None);
        }
        self.optional()
    }

    /// A rule for the value, if there is one; the error text becomes the problem at the value's place.
    pub fn check(mut self, rule: impl FnOnce(&T) -> Result<(), String>) -> Self {
        if let State::Given(value) = &self.state
            && let Err(message) = rule(value)
        {
            self.at.ledger.report(&self.at.spot, &self.at.path, message, None);
            self.state = State::Wrong;
        }
        self
    }

    /// Turns the value into another type, such as an id; the error text becomes the problem at the value's place.
    pub fn convert<U>(self, into: impl FnOnce(T) -> Result<U, String>) -> Field<U> {
        match self.state {
            State::Given(value) => Field::read(self.at, into(value).map_err(|message| (message, None))),
            State::Absent => Field { state: State::Absent, at: self.at },
            State::Wrong => Field { state: State::Wrong, at: self.at },
        }
    }
}
