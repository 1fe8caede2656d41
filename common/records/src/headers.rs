//! Record headers: CloudEvents in Kafka's binary mode, and W3C trace context.
//! Source: CloudEvents "Kafka Protocol Binding" 1.0.2, section 3.2; W3C Trace Context.

use jiff::Timestamp;

use crate::text::{digest, marked};

/// One header. A value may be absent and need not be text.
pub type Header = (String, Option<Vec<u8>>);

/// The headers of an outgoing record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<Header>);

impl Headers {
    /// CloudEvents headers for a record of ours. `kind` is the event type without prefix (`alert.seen`), `trace`
    /// the alert id, so that all records of one alert share one trace.
    #[must_use]
    pub fn event(stage: &str, kind: &str, id: &str, at: Timestamp, trace: &str) -> Self {
        let mut headers = Self::default();
        headers.set("ce_specversion", "1.0");
        headers.set("ce_id", id);
        headers.set("ce_source", &format!("/cordon/{stage}"));
        headers.set("ce_type", &format!("cordon.{kind}.v{}", crate::SCHEMA_VERSION));
        headers.set("ce_time", &at.to_string());
        headers.set("content-type", "application/json");
        headers.set(
            "traceparent",
            &format!("00-{}-{}-01", digest(&["trace", trace], 16), digest(&["span", stage, id], 8)),
        );
        headers
    }

    /// Adds a header with a text value. What others can have written of it is made harmless, since any tool may print it.
    pub fn set(&mut self, name: &str, value: &str) {
        let harmless = match value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            true => value.to_owned(),
            false => value.chars().map(marked).collect(),
        };
        self.0.push((name.to_owned(), Some(harmless.into_bytes())));
    }

    /// The last header of that name, as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().rev().find(|(key, _)| key == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::text::UNSEEN;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_holds_nothing_that_a_tool_which_prints_it_would_obey_or_hide(
            text in UNSEEN,
        ) {
            let mut headers = Headers::default();
            headers.set("detail", &format!("ä{text}"));
            let held = headers.text("detail").unwrap();
            prop_assert!(held.strip_prefix('ä').unwrap().chars().all(|c| matches!(c, ' ' | '\u{fffd}')), "{:?}", held);
        }
    }
}
