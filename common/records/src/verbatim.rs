//! JSON kept byte for byte.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::lenient;

/// A JSON value exactly as it was received, so that a later rule can see fields that nobody parses today.
///
/// Like every `RawValue` it can be read only by `serde_json` from text, not through an untagged or flattened
/// container.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verbatim(Box<RawValue>);

impl Verbatim {
    /// Takes JSON text as it is.
    ///
    /// # Errors
    /// When the text is not one JSON value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text.to_owned()).map(Self)
    }

    /// The JSON text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Reads the text as a typed view. The text itself stays as it is; what in it is no text, or is given twice, is
    /// repaired for the view only (see [`lenient::from_str`]). A list is no object, whatever is in it.
    ///
    /// # Errors
    /// When the JSON does not have the view's shape.
    pub fn view<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        lenient::from_str(self.get())
    }
}

impl From<Box<RawValue>> for Verbatim {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw)
    }
}

impl PartialEq for Verbatim {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}
