//! Reads JSON that is not ours where its text, or the shape of its objects, cannot be read as it stands.
//!
//! Part of an alert is chosen by the attacker it is about. A file may be called by half of a surrogate pair (NTFS allows
//! it), and a title may be cut in the middle of a character; both reach us as a lone `\uD83D`, which is JSON by its
//! grammar (RFC 8259, section 8.2) and no text. Such a text must not decide whether the alert is judged. So what cannot
//! be read at first is read once more, and then
//!
//! - half of a surrogate pair reads as U+FFFD,
//! - of a key that is given twice the last one counts,
//! - a number that no number can hold (`1e999`), and what is nested more than 100 deep, read as null.
//!
//! Ids are never repaired: U+FFFD is no character of an id, and where the object itself gives its `id` or its `machineId`
//! twice, it is refused. Text that is no JSON is refused as ever.

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Error, Map, Number, Value};

use crate::by_name::ByName;

/// Nothing that is read lies deeper; `serde_json` itself reads down to 127.
const MAX_DEPTH: usize = 100;
/// The keys whose values are ids: none is chosen between two.
const IDS: [&str; 2] = ["id", "machineId"];

/// Reads JSON text of Microsoft's as a typed view; what cannot be read as it stands is repaired (see the module's text). A
/// struct is read from an object alone, never from a list.
///
/// # Errors
/// When the text is no JSON, or the JSON does not have the view's shape.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    as_it_stands(text).or_else(|error| {
        let mut repair = Repair::default();
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => match (repair.top(raw)?, repair.made) {
                (value, true) => T::deserialize(ByName(value)),
                (_, false) => Err(error),
            },
            Err(_) => Err(error),
        }
    })
}

fn as_it_stands<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = T::deserialize(ByName(&mut json))?;
    json.end()?;
    Ok(read)
}

/// The entries of a JSON object in their order, repeated keys kept; each value stays as it is written.
///
/// # Errors
/// When the text is no JSON object.
pub fn entries(text: &str) -> Result<Vec<(String, &RawValue)>, Error> {
    let Entries(entries) = serde_json::from_str(text)?;
    Ok(entries.into_iter().map(|(key, value)| (text_of(key).0, value)).collect())
}

/// Reads a value once more and remembers whether anything had to be repaired.
#[derive(Default)]
struct Repair {
    made: bool,
}

impl Repair {
    /// The value itself; an object that gives an id twice is refused.
    fn top(&mut self, raw: &RawValue) -> Result<Value, Error> {
        let keys: Vec<String> =
            entries(raw.get()).map_or(Vec::new(), |entries| entries.into_iter().map(|(key, _)| key).collect());
        for id in IDS {
            if keys.iter().filter(|key| *key == id).count() > 1 {
                return Err(Error::custom(format!(
                    "the key `{id}` is given twice, and an id is not chosen between two"
                )));
            }
        }
        Ok(self.value(raw, 0))
    }

    fn value(&mut self, raw: &RawValue, depth: usize) -> Value {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => self.null(),
            Some(b'{') => self.object(text, depth),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
                items.into_iter().map(|item| self.value(item, depth + 1)).collect()
            }
            Some(b'"') => {
                let (text, repaired) = text_of(raw);
                self.made |= repaired;
                Value::String(text)
            }
            Some(b'-' | b'0'..=b'9') => match serde_json::from_str::<Number>(text) {
                Ok(number) => Value::Number(number),
                Err(_) => self.null(),
            },
            Some(_) | None => serde_json::from_str(text).unwrap_or_default(),
        }
    }

    fn object(&mut self, text: &str, depth: usize) -> Value {
        let mut object = Map::new();
        let Entries(entries) = serde_json::from_str(text).unwrap_or_default();
        for (key, value) in entries {
            let (key, repaired) = text_of(key);
            let value = self.value(value, depth + 1);
            self.made |= object.insert(key, value).is_some() || repaired;
        }
        Value::Object(object)
    }

    const fn null(&mut self) -> Value {
        self.made = true;
        Value::Null
    }
}

/// A JSON string's text, and whether it had to be repaired.
pub(crate) fn text_of(raw: &RawValue) -> (String, bool) {
    if let Ok(text) = serde_json::from_str(raw.get()) {
        return (text, false);
    }
    let Halves(bytes) = serde_json::from_str(raw.get()).unwrap_or_default();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        // A half is three bytes, ED among them as the first; each is told as a chunk of its own.
        if chunk.invalid().first() == Some(&0xED) {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    (text, true)
}

/// The bytes of a JSON string. `serde_json` gives half of a surrogate pair as the three bytes that UTF-8 would have for
/// it, were it allowed (WTF-8).
#[derive(Default)]
struct Halves(Vec<u8>);

impl<'de> Deserialize<'de> for Halves {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(HalvesVisitor)
    }
}

struct HalvesVisitor;

impl Visitor<'_> for HalvesVisitor {
    type Value = Halves;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Halves, E> {
        Ok(Halves(bytes.to_vec()))
    }
}

/// An object's entries as they are written.
#[derive(Default)]
pub(crate) struct Entries<'t>(pub(crate) Vec<(&'t RawValue, &'t RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}
