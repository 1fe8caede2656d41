//! A record in which names of machines and people, addresses and ids are others of the same shape.
//!
//! A pseudonym follows from a secret key and the name alone, so that the same name has the same one everywhere, in every export
//! under that key, and nobody without the key finds the name by trying. What a field holds is judged by its name
//! (`fields.rs`); a field that is not known is replaced by the shape of its value (`shape.rs`); in text for people the names of
//! the record are replaced (`text.rs`), and whatever looks like an address, an id (`token.rs`) or an account (`account.rs`).

mod account;
mod fields;
mod host;
mod shape;
#[cfg(test)]
mod tests;
mod text;
mod token;

use cordon_records::{Alert, EnrichedRecord, Machine};
use cordon_settings::Secret;
use ring::hmac;
use serde_json::{Map, Value};

use crate::error::BacktestError;
use fields::Treatment;
use text::Known;

/// So many bytes has a key at least.
const KEY: usize = 32;

/// The key of the pseudonyms. It is never shown.
#[derive(Debug)]
pub struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    /// The key that this names: `env:NAME` or `file:/path`.
    ///
    /// # Errors
    /// When it names none, it cannot be read, or it is too short. What was given is not repeated: it may be the key itself.
    pub fn read(reference: &str) -> Result<Self, BacktestError> {
        let usage = |why: String| BacktestError::Usage(format!("--pseudonyms: {why}"));
        let secret = Secret::parse(reference).ok_or_else(|| {
            usage("say where the key is: env:NAME or file:/path; a key itself is not taken here".to_owned())
        })?;
        let text = secret.reveal().map_err(|error| usage(told(&error)))?;
        let key = secrecy::ExposeSecret::expose_secret(&text).as_bytes();
        if key.len() < KEY {
            let why = format!("the key at {secret} has {} bytes, and takes {KEY} at least", key.len());
            return Err(usage(format!("{why}: head -c 32 /dev/urandom | base64 makes one")));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// The record, as it may be given to others.
    ///
    /// # Errors
    /// Why it cannot be judged: then nothing of it may be given away.
    pub fn record(&self, bytes: &[u8]) -> Result<Value, String> {
        // What has to be repaired could be repaired otherwise once it is another text.
        serde_json::from_slice::<EnrichedRecord<Alert, Machine>>(bytes).map_err(|error| error.to_string())?;
        let record: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let known = Known::of(self, &record);
        let Value::Object(mut fields) = record else { return Err("it is no JSON object".to_owned()) };
        let id = fields.get("id").and_then(Value::as_str).map(|id| self.id_of(id, fields.get("alert_id")));
        for (name, value) in &mut fields {
            *value = self.field(name, value.take(), &known);
        }
        fields.insert("id".to_owned(), id.map_or(Value::Null, Value::String));
        Ok(Value::Object(fields))
    }

    /// The id of a record: the alert's, and when it was updated.
    fn id_of(&self, id: &str, alert: Option<&Value>) -> String {
        let alert = alert.and_then(Value::as_str).unwrap_or_default();
        let rest = id.strip_prefix(alert).filter(|_| !alert.is_empty());
        match rest.and_then(|rest| rest.strip_prefix('@')) {
            Some(time) if shape::is_instant(time) => format!("{}@{time}", self.by_shape(alert)),
            Some(_) | None => self.by_shape(id),
        }
    }

    fn field(&self, name: &str, value: Value, known: &Known) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.field(name, item, known)).collect()),
            Value::Object(fields) => Value::Object(self.object(fields, known)),
            Value::String(text) => Value::String(self.text_of(Treatment::of(name), &text, known)),
            Value::Number(number) => match Treatment::of(name) {
                Treatment::Number => Value::Number(number),
                _ => Value::Number(self.number(&number)),
            },
        }
    }

    fn object(&self, fields: Map<String, Value>, known: &Known) -> Map<String, Value> {
        let of = |(name, value): (String, Value)| {
            let value = self.field(&name, value, known);
            let name = if Treatment::of(&name) == Treatment::Unknown { self.cleaned(&name, known) } else { name };
            (name, value)
        };
        fields.into_iter().map(of).collect()
    }

    fn text_of(&self, treatment: Treatment, text: &str, known: &Known) -> String {
        match treatment {
            Treatment::Word if fields::is_word(text) && !known.is_in(text) => text.to_owned(),
            Treatment::Time if shape::is_instant(text) => text.to_owned(),
            Treatment::Hash if shape::is_hash(text) => text.to_owned(),
            Treatment::Number if text.chars().all(|c| c.is_ascii_digit()) => text.to_owned(),
            Treatment::Tag if text.starts_with(fields::OURS) => text.to_owned(),
            Treatment::Text => self.cleaned(text, known),
            Treatment::User => self.user(text),
            Treatment::Url => self.url(text, known),
            Treatment::Name | Treatment::Tag => self.name(text),
            Treatment::Word
            | Treatment::Time
            | Treatment::Hash
            | Treatment::Id
            | Treatment::Number
            | Treatment::Held
            | Treatment::Unknown => self.by_shape(text),
        }
    }
}

/// An error with all its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        told.push_str(&format!(": {deeper}"));
        cause = deeper.source();
    }
    told
}
