//! Deserializers for JSON that is not ours: a wrong type, a null or a missing field is an absent value, never an
//! error. Use them with `#[serde(default, deserialize_with = "…")]`, and read the text with [`from_str`], which also
//! bears what is no text at all.
//!
//! Most alerts are read millions of times, so these read what comes as it comes and build no tree of values.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use crate::by_name::ByName;
pub use crate::repair::{entries, from_str};

/// Reads a text, or the spelling of a number or a boolean, and makes something of it; all else is absent.
struct Spelled<F>(F);

impl<'de, T, F: FnOnce(Cow<'_, str>) -> Option<T>> Visitor<'de> for Spelled<F> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((self.0)(Cow::Borrowed(text)))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok((self.0)(Cow::Owned(text)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_string(number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_string(number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Number::from_f64(number).map_or(Ok(None), |number| self.visit_string(number.to_string()))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        self.visit_string(flag.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(items).map(|_| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(entries).map(|_| None)
    }
}

/// What `make` makes of a text; numbers and booleans are taken by their spelling, all else is absent.
pub(crate) fn spelled<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    make: impl FnOnce(Cow<'_, str>) -> Option<T>,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(Spelled(make))
}

/// A text; numbers and booleans are taken by their spelling.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    spelled(deserializer, |text| Some(text.into_owned()))
}

/// An instant, RFC 3339 with any number of fractional digits; a text without an offset is read as UTC.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    spelled(deserializer, |text| parse_instant(&text))
}

/// Reads an instant as Microsoft writes it; the offset may be missing.
#[must_use]
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

/// Any type that reads itself; a value that does not fit is absent, and so is a list in the place of an object.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn or_absent<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(T::deserialize(ByName(Value::deserialize(deserializer)?)).ok())
}

/// What a list that is not ours may hold.
pub trait Item: Sized {
    /// What a text in the list says; absent where it does not fit.
    #[must_use]
    fn of_text(_: Cow<'_, str>) -> Option<Self> {
        None
    }

    /// What an object in the list says; absent where it does not fit.
    ///
    /// # Errors
    /// Those of reading, and an object that gives a key twice.
    fn of_object<'de, A: MapAccess<'de>>(entries: A) -> Result<Option<Self>, A::Error> {
        IgnoredAny.visit_map(entries).map(|_| None)
    }
}

impl Item for String {
    fn of_text(text: Cow<'_, str>) -> Option<Self> {
        Some(text.into_owned())
    }
}

/// Reads an object whose fields may all be absent.
pub(crate) fn object<'de, A: MapAccess<'de>, T: Deserialize<'de>>(entries: A) -> Result<Option<T>, A::Error> {
    T::deserialize(MapAccessDeserializer::new(entries)).map(Some)
}

/// Numbers, booleans and null give nothing.
macro_rules! nothing_of_what_is_no_text {
    () => {
        nothing_of_what_is_no_text!(visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_bool: bool);

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    ($($visit:ident: $kind:ty),+) => {
        $(fn $visit<E: Error>(self, _: $kind) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })+
    };
}

/// Reads one item of a list.
struct One<T>(PhantomData<T>);

/// An item of a list, if it fits.
struct Fitting<T>(Option<T>);

impl<'de, T: Item> Deserialize<'de> for Fitting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(One(PhantomData)).map(Self)
    }
}

impl<'de, T: Item> Visitor<'de> for One<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::of_text(Cow::Borrowed(text)))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(T::of_text(Cow::Owned(text)))
    }

    nothing_of_what_is_no_text!();

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(items).map(|_| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        T::of_object(entries)
    }
}

/// Reads a list, or the one item that stands for it.
struct Many<T>(PhantomData<T>);

impl<'de, T: Item> Visitor<'de> for Many<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::of_text(Cow::Borrowed(text)).into_iter().collect())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(T::of_text(Cow::Owned(text)).into_iter().collect())
    }

    nothing_of_what_is_no_text!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Fitting(item)) = items.next_element()? {
            list.extend(item);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        Ok(T::of_object(entries)?.into_iter().collect())
    }
}

/// A list; a single object or text stands for a list of one, items that do not fit are left out.
///
/// # Errors
/// When the input is not JSON at all, and when an object in it gives a key twice: [`from_str`] repairs that.
pub fn list<'de, D: Deserializer<'de>, T: Item>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(Many(PhantomData))
}

/// A whole number, also when it arrives as text.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    spelled(deserializer, |text| text.parse().ok())
}

/// A yes or no, also when it arrives as text.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    spelled(deserializer, |text| text.to_ascii_lowercase().parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{Alert, Machine};

    /// What these read by way of a tree of values, as a model.
    fn as_text(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[0-9]{1,4}|true|FALSE|2021-01-26T20:33:59(Z|[.]1234567Z|)|T1059|\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let keys = prop_oneof![Just("accountName".to_owned()), Just("entityType".to_owned()), "[a-z]{1,3}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(keys, inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_field_reads_what_its_value_says_and_nothing_of_another_type(value in any_json()) {
            let alert = json!({
                "id": "a", "title": value, "incidentId": value, "lastEventTime": value, "evidence": value,
                "mitreTechniques": value, "loggedOnUsers": value,
            });
            // A number is what its digits are read as, which may print otherwise: the model reads the same digits.
            let value = serde_json::from_str::<Value>(&alert.to_string()).unwrap()["title"].take();
            let text = as_text(&value);
            let machine = json!({"id": "m", "isExcluded": alert["title"]});
            let read: Alert = from_str(&alert.to_string()).unwrap();
            prop_assert_eq!(&read.title, &text);
            prop_assert_eq!(read.incident_id, text.as_deref().and_then(|text| text.parse().ok()));
            prop_assert_eq!(read.last_event_time, text.as_deref().and_then(parse_instant));
            let excluded = text.and_then(|text| text.to_ascii_lowercase().parse().ok());
            prop_assert_eq!(from_str::<Machine>(&machine.to_string()).unwrap().is_excluded, excluded);

            let items = match value {
                Value::Array(items) => items,
                Value::Null => Vec::new(),
                single => vec![single],
            };
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            prop_assert_eq!(read.mitre_techniques, texts);
            let objects: Vec<&Value> = items.iter().filter(|item| item.is_object()).collect();
            let names: Vec<Option<String>> = objects.iter().map(|item| as_text(&item["accountName"])).collect();
            let kinds: Vec<Option<String>> = objects.iter().map(|item| as_text(&item["entityType"])).collect();
            prop_assert_eq!(read.logged_on_users.into_iter().map(|user| user.account_name).collect::<Vec<_>>(), names);
            prop_assert_eq!(read.evidence.into_iter().map(|item| item.entity_type).collect::<Vec<_>>(), kinds);
        }
    }

    #[test]
    fn of_evidence_that_gives_a_key_twice_the_last_one_counts() {
        let text = r#"{"id":"a","evidence":[{"entityType":"File"},{"entityType":"User","entityType":"Ip"}]}"#;
        let alert: Alert = from_str(text).unwrap();
        let kinds: Vec<Option<&str>> = alert.evidence.iter().map(|item| item.entity_type.as_deref()).collect();
        assert_eq!(kinds, [Some("File"), Some("Ip")]);
    }

    #[test]
    fn seven_fractional_digits_none_and_a_missing_offset_are_the_same_clock() {
        let whole = parse_instant("2021-01-26T20:33:59Z").unwrap();
        assert_eq!(parse_instant("2021-01-26T20:33:59.0000000Z"), Some(whole));
        assert_eq!(parse_instant("2021-01-26T20:33:59"), Some(whole));
        assert_eq!(parse_instant("yesterday"), None);
    }
}
