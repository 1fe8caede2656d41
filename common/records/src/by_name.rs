//! Objects are read by the names of their fields. What `serde` derives for a struct takes a list as well, the first item for the
//! first field and so on; JSON that is not ours could so be an alert without being an object.

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Reads what another reads, and a struct from an object alone. What stands within is read by the other.
pub(crate) struct ByName<D>(pub(crate) D);

/// Reads a value so, for `#[serde(deserialize_with = "…")]`.
pub(crate) fn value<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(ByName(deserializer))
}

/// The same of one that may be null.
pub(crate) fn option<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Named<T>>::deserialize(deserializer)?.map(|named| named.0))
}

/// A value that is read so.
struct Named<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        value(deserializer).map(Self)
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ByName<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_bytes(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use crate::{Alert, EnrichedRecord, Machine};

    /// The record of the examples, with this in place of its machine or alert.
    fn read(field: &str, value: &str) -> Result<EnrichedRecord<Alert, Machine>, serde_json::Error> {
        let mut record: serde_json::Value =
            serde_json::from_str(include_str!("../examples/v1/enriched.json")).expect("an example");
        record[field] = serde_json::from_str(value).expect("JSON");
        serde_json::from_str(&record.to_string())
    }

    #[test]
    fn neither_an_alert_nor_a_machine_is_a_list() {
        assert!(read("machine", "null").is_ok_and(|record| record.machine.is_none()));
        assert!(read("machine", r#"{"id": "m"}"#).is_ok_and(|record| record.machine.is_some()));
        for field in ["alert", "machine"] {
            for list in ["[]", r#"["id"]"#] {
                assert!(read(field, list).is_err(), "{field} {list}");
            }
        }
    }
}
