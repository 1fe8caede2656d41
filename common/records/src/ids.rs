//! Newtypes for every id.
//!
//! Microsoft's ids are opaque: non-empty, path-safe characters only, case kept. Anything else is refused here,
//! before a URL is built from it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::text::{digest, is_hex};

/// The longest id accepted, in bytes. Real ones are 40 hexadecimal digits or a GUID.
const MAX_ID_BYTES: usize = 256;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("{what} is empty")]
    Empty {
        /// Which id was expected.
        what: &'static str,
    },
    /// The text is longer than any id.
    #[error("{what} has {bytes} bytes, more than {MAX_ID_BYTES}")]
    TooLong {
        /// Which id was expected.
        what: &'static str,
        /// How long the text is.
        bytes: usize,
    },
    /// The text holds a character that has no place in a URL path segment.
    #[error("{what} holds the character {character:?}; letters, digits and . _ - ~ are allowed")]
    Character {
        /// Which id was expected.
        what: &'static str,
        /// The first offending character.
        character: char,
    },
    /// The text is not 40 hexadecimal digits.
    #[error("{text:?} is not a SHA-1: 40 hexadecimal digits are expected")]
    Sha1 {
        /// Its beginning.
        text: String,
    },
}

fn check(what: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong { what, bytes: text.len() });
    }
    // By bytes, since of ids there are millions: what is allowed is ASCII, so the first other byte begins a character.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~');
    let other = text.bytes().position(|byte| !allowed(byte));
    if let Some(character) = other.and_then(|at| text.get(at..)?.chars().next()) {
        return Err(IdError::Character { what, character });
    }
    // A segment of dots only would climb out of the path that it is put into.
    if text.bytes().all(|byte| byte == b'.') {
        return Err(IdError::Character { what, character: '.' });
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks the text and takes it as it is.
            ///
            /// # Errors
            /// [`IdError`] when it is empty, too long, or holds a character that is not path-safe.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check($what, &text)?;
                Ok(Self(text))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// An alert's id, as Microsoft gave it (`da637472900382838869_1364969609`). It says nothing about order.
    AlertId, "the alert id"
);
id!(
    /// A machine's id, normally 40 hexadecimal digits, but opaque to us.
    MachineId, "the machine id"
);
id!(
    /// The id of a machine action (an isolation, a scan …), given by Defender when it accepts one.
    MachineActionId, "the machine action id"
);
id!(
    /// An Entra tenant: a GUID or a verified domain name.
    TenantId, "the tenant id"
);
id!(
    /// A rule's id, chosen by its author; unique in a rule set.
    RuleId, "the rule id"
);
id!(
    /// What makes an action the same action: tenant, alert, target and kind. Rule and time are left out on
    /// purpose, so that updates of an alert keep the key and rules that agree merge under it.
    ActionKey, "the action key"
);

id!(
    /// Tells one person's command from every other.
    CommandId, "the command id"
);
id!(
    /// A digest of exactly what is held: action, machine, alert, attempt and until when.
    IntentHash, "the intent hash"
);
/// A file's SHA-1: 40 hexadecimal digits, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sha1(String);

impl Sha1 {
    /// Checks the text.
    ///
    /// # Errors
    /// [`IdError`] when it is not 40 hexadecimal digits.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if is_hex(text, 40) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(IdError::Sha1 { text: text.chars().take(80).collect() })
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sha1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl ActionKey {
    /// 16 hexadecimal digits of SHA-256 over the parts; [`ActionKey::derive`] says which.
    pub(crate) fn of(parts: &[&str]) -> Self {
        Self(digest(parts, 8))
    }
}

impl IntentHash {
    /// 16 hexadecimal digits of SHA-256 over the parts.
    pub(crate) fn of(parts: &[&str]) -> Self {
        Self(digest(parts, 8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_change_the_path_of_a_url_is_refused() {
        for bad in ["", ".", "..", "a/b", "a b", "a?b", "a%2f", "ä", "a\n", "a'b"] {
            assert!(MachineId::new(bad).is_err(), "{bad:?} was taken");
        }
        assert!(MachineId::new("x".repeat(257)).is_err());
    }

    #[test]
    fn every_shape_of_alert_id_seen_in_the_wild_is_taken() {
        for good in [
            "da637472900382838869_1364969609",
            "da637308392288907382_-880718168",
            "ar638180599315648136_73827727",
            "1234",
        ] {
            assert_eq!(AlertId::new(good).unwrap().as_str(), good);
        }
    }
}
