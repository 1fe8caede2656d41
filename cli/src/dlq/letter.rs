//! A dead letter as its headers tell it. Headers are written by whoever may write: nothing here is believed blindly, and
//! what is missing stays missing.

use cordon_records::dead_letter_header as header;
use cordon_runtime::kafka::Inbound;
use cordon_runtime::kafka::dead_letter::ORIGINAL_SIZE;

use super::args::{Filter, Place};

/// From which dead letter a record was sent back: that one's position on its topic, and when it was written there.
pub const REDRIVE_ID: &str = "x-redrive-id";
/// How many times a record was sent back.
pub const REDRIVE_COUNT: &str = "x-redrive-count";

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a>(pub &'a Inbound);

impl<'a> Letter<'a> {
    /// Where it is.
    pub fn place(self) -> Place {
        Place { partition: self.0.partition, offset: self.0.offset }
    }

    /// The text of a header.
    pub fn said(self, name: &str) -> Option<&'a str> {
        self.0.headers.text(name)
    }

    /// The number in a header.
    pub fn number(self, name: &str) -> Option<i64> {
        self.said(name)?.parse().ok()
    }

    /// `topic/partition/offset` of the record that died; absent when it came from no topic.
    pub fn origin(self) -> Option<String> {
        let part = |name| self.said(name).unwrap_or("?");
        Some(format!("{}/{}/{}", self.said(header::TOPIC)?, part(header::PARTITION), part(header::OFFSET)))
    }

    /// Whether only the head of the value was kept.
    pub fn is_stub(self) -> bool {
        self.0.headers.0.iter().any(|(name, _)| name == ORIGINAL_SIZE)
    }

    /// How often it was sent back before; the header's text when that is no number.
    pub fn redriven(self) -> Result<u32, String> {
        match self.0.headers.0.iter().rev().find(|(name, _)| name == REDRIVE_COUNT) {
            None => Ok(0),
            Some((_, value)) => {
                let text = String::from_utf8_lossy(value.as_deref().unwrap_or_default());
                text.parse().map_err(|_| text.into_owned())
            }
        }
    }

    /// Whether it is one of those.
    pub fn passes(self, filter: &Filter) -> bool {
        let same = |wanted: &Option<String>, name| wanted.as_deref().is_none_or(|it| self.said(name) == Some(it));
        same(&filter.stage, header::STAGE) && same(&filter.reason, header::REASON)
    }
}

#[cfg(test)]
pub mod tests {
    use cordon_records::{Headers, Topic};

    use super::*;

    /// A dead letter of a test, at 2/17. Anybody may have written its headers.
    pub fn letter(headers: &[(&str, &str)]) -> Inbound {
        let written = |(name, value): &(&str, &str)| ((*name).to_owned(), Some(value.as_bytes().to_vec()));
        Inbound {
            topic: Topic::DeadLetters,
            topic_name: "cordon.dead-letters".into(),
            partition: 2,
            offset: 17,
            key: Some(b"key".to_vec()),
            headers: Headers(headers.iter().map(written).collect()),
            value: Some(b"{".to_vec()),
            timestamp: None,
        }
    }

    fn filter(stage: Option<&str>, reason: Option<&str>) -> Filter {
        Filter { stage: stage.map(str::to_owned), reason: reason.map(str::to_owned) }
    }

    #[test]
    fn a_filter_leaves_what_has_both_the_stage_and_the_reason() {
        let dead = letter(&[(header::STAGE, "enrich"), (header::REASON, "decode")]);
        assert!(Letter(&dead).passes(&Filter::default()));
        assert!(Letter(&dead).passes(&filter(Some("enrich"), Some("decode"))));
        assert!(!Letter(&dead).passes(&filter(Some("act"), None)));
        assert!(!Letter(&dead).passes(&filter(Some("enrich"), Some("panic"))));
        assert!(!Letter(&letter(&[])).passes(&filter(Some("enrich"), None)), "silence is no match");
    }

    #[test]
    fn an_origin_needs_a_topic_and_shows_what_else_is_missing() {
        assert_eq!(Letter(&letter(&[])).origin(), None);
        let dead = letter(&[(header::TOPIC, "cordon.alerts"), (header::OFFSET, "5")]);
        assert_eq!(Letter(&dead).origin().as_deref(), Some("cordon.alerts/?/5"));
    }

    #[test]
    fn a_count_that_cannot_be_read_is_not_taken_for_none() {
        assert_eq!(Letter(&letter(&[])).redriven(), Ok(0));
        assert_eq!(Letter(&letter(&[(REDRIVE_COUNT, "2")])).redriven(), Ok(2));
        assert_eq!(Letter(&letter(&[(REDRIVE_COUNT, "-1")])).redriven(), Err("-1".to_owned()));
        let mut bare = letter(&[]);
        bare.headers.0.push((REDRIVE_COUNT.to_owned(), None));
        assert_eq!(Letter(&bare).redriven(), Err(String::new()));
    }
}
