//! Records as stages see them: what came in, what goes out.

use std::sync::Arc;

use cordon_records::{Headers, Topic};
use jiff::Timestamp;
use rdkafka::message::{BorrowedMessage, Headers as _, Message};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// The topic.
    pub topic: Topic,
    /// The key; it decides the partition and what compaction keeps.
    pub key: Option<String>,
    /// The headers.
    pub headers: Headers,
    /// The value; absent is a tombstone.
    pub value: Option<Vec<u8>>,
}

impl Outbound {
    /// A record whose value is `value` as JSON.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn json(topic: Topic, key: &str, headers: Headers, value: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self { topic, key: Some(key.to_owned()), headers, value: Some(serde_json::to_vec(value)?) })
    }
}

/// A record that was read. It owns its bytes: a borrowed message would pin the client's fetch buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The topic.
    pub topic: Topic,
    /// The topic's name on the broker, prefix included.
    pub topic_name: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The headers, in order, repeated names kept.
    pub headers: Headers,
    /// The value; absent is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The broker's or the producer's timestamp, whichever the topic keeps.
    pub timestamp: Option<Timestamp>,
}

/// Why a value is not what the reader expects.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// There is no value.
    #[error("the record has no value")]
    Empty,
    /// The value is not JSON of the expected shape.
    #[error("the value is not the expected JSON: {0}")]
    Shape(#[from] serde_json::Error),
}

impl Inbound {
    /// `topic/partition/offset`: unique for ever, hence the source of deterministic ids.
    #[must_use]
    pub fn position(&self) -> String {
        format!("{}/{}/{}", self.topic_name, self.partition, self.offset)
    }

    /// The value, read as JSON.
    ///
    /// # Errors
    /// When there is no value, or it has another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Undecodable> {
        let value = self.value.as_deref().ok_or(Undecodable::Empty)?;
        Ok(serde_json::from_slice(value)?)
    }

    /// The key as text, if it is text.
    #[must_use]
    pub fn key_text(&self) -> Option<&str> {
        std::str::from_utf8(self.key.as_deref()?).ok()
    }

    /// Bytes of key and value: what the record costs while it waits.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len).saturating_add(self.value.as_ref().map_or(0, Vec::len))
    }

    /// Copies a message out of the client's buffer, once.
    pub(crate) fn detach(message: &BorrowedMessage<'_>, topic: Topic, topic_name: &Arc<str>) -> Self {
        let headers = message.headers().map_or_else(Headers::default, |headers| {
            Headers(headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect())
        });
        Self {
            topic,
            topic_name: Arc::clone(topic_name),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            headers,
            value: message.payload().map(<[u8]>::to_vec),
            timestamp: message.timestamp().to_millis().and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record of a test.
    pub(crate) fn inbound(offset: i64, key: Option<&str>, value: Option<&str>) -> Inbound {
        Inbound {
            topic: Topic::Alerts,
            topic_name: "cordon.alerts".into(),
            partition: 3,
            offset,
            key: key.map(|k| k.as_bytes().to_vec()),
            headers: Headers::default(),
            value: value.map(|v| v.as_bytes().to_vec()),
            timestamp: None,
        }
    }

    #[test]
    fn a_position_names_topic_partition_and_offset() {
        assert_eq!(inbound(42, None, None).position(), "cordon.alerts/3/42");
    }

    #[test]
    fn a_tombstone_is_not_json_and_says_so() {
        let answer = inbound(0, Some("k"), None).json::<serde_json::Value>();
        assert!(matches!(answer, Err(Undecodable::Empty)));
    }

    #[test]
    fn a_value_of_another_shape_is_an_error_and_not_a_default() {
        assert!(matches!(inbound(0, None, Some("[1]")).json::<String>(), Err(Undecodable::Shape(_))));
        assert_eq!(inbound(0, None, Some("[1]")).json::<Vec<u8>>().unwrap(), vec![1]);
    }
}
