//! Bodies of calls with an effect: a JSON object whose keys are case-sensitive.

use serde_json::{Map, Value};

use super::{Request, bad_request};
use crate::answer::Answer;
use crate::state::State;

/// A body of which only the keys are checked yet.
pub(crate) struct Body(Map<String, Value>);

impl Body {
    /// Reads a body with these keys only.
    pub(crate) fn read(request: &Request<'_>, state: &mut State, allowed: &[&str]) -> Result<Self, Answer> {
        let parsed: Option<Map<String, Value>> = serde_json::from_slice(&request.call.body).ok();
        let json = request.call.content_type.to_ascii_lowercase().starts_with("application/json");
        match parsed.filter(|body| json && body.keys().all(|key| allowed.contains(&key.as_str()))) {
            Some(body) => Ok(Self(body)),
            None => Err(bad_request(state, "InvalidRequestBody", "Request body is incorrect")),
        }
    }

    /// The value under a key, unless it is null.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// The text under a key.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The text under a key that must be there and not be blank.
    pub(crate) fn required(&self, state: &mut State, name: &str) -> Result<String, Answer> {
        match self.text(name).filter(|text| !text.trim().is_empty()) {
            Some(text) => Ok(text.to_owned()),
            None => Err(bad_request(state, "MissingRequiredParameter", &format!("The parameter {name} is required"))),
        }
    }

    /// The text under a key, if it is there, which must then be one of these.
    pub(crate) fn one_of(&self, state: &mut State, name: &str, words: &[&str]) -> Result<Option<String>, Answer> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => match value.as_str().filter(|text| words.contains(text)) {
                Some(text) => Ok(Some(text.to_owned())),
                None => {
                    let message = format!("{name} must be one of {}", words.join(", "));
                    Err(bad_request(state, "InvalidInput", &message))
                }
            },
        }
    }
}
