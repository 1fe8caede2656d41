//! Dead letters: the original record as it was, with headers that say where it came from and why it died.

use cordon_records::{DeadLetterReason, Headers, Topic, dead_letter_header as header};

use super::error::KafkaFailure;
use super::producer::Parts;
use super::records::Inbound;
use crate::context::Context;

/// Longest detail, in bytes.
const DETAIL: usize = 512;
/// What is kept of a record that is too large for the dead letters, too.
const HEAD: usize = 64 * 1024;
/// Full size in bytes of a value of which only the head was kept.
const ORIGINAL_SIZE: &str = "x-original-size";

/// Writes a record to the dead letters: the same key and bytes, its own headers, and `x-…` headers with origin and
/// reason. A record that died before keeps its first origin. When it is too large even for that, its first 64 KiB
/// are kept; the rest can be read at its origin.
///
/// # Errors
/// As [`super::Producer::send`].
pub async fn dead_letter(
    context: &Context,
    record: &Inbound,
    reason: DeadLetterReason,
    detail: &str,
) -> Result<(), KafkaFailure> {
    let mut headers = headers_of(record, context.stage, reason, detail);
    headers.set(header::FAILED_AT, &context.clock.now().to_string());
    match write(context, record, &headers, record.value.as_deref()).await {
        Err(KafkaFailure::Refused { bytes, .. }) => {
            headers.set(ORIGINAL_SIZE, &bytes.to_string());
            let head = record.value.as_deref().and_then(|value| value.get(..HEAD.min(value.len())));
            write(context, record, &headers, head).await
        }
        other => other,
    }
}

async fn write(
    context: &Context,
    record: &Inbound,
    headers: &Headers,
    value: Option<&[u8]>,
) -> Result<(), KafkaFailure> {
    let parts = Parts { topic: Topic::DeadLetters, key: record.key.as_deref(), headers, value };
    let queued = context.producer.enqueue_parts(&parts).await?;
    context.producer.delivered(queued).await.map(|_| ())
}

/// The original headers without an earlier verdict, then the origin if it is not there yet, then the verdict.
fn headers_of(record: &Inbound, stage: &str, reason: DeadLetterReason, detail: &str) -> Headers {
    let verdict = [header::STAGE, header::REASON, header::DETAIL, header::FAILED_AT, ORIGINAL_SIZE];
    let kept = record.headers.0.iter().filter(|(name, _)| !verdict.contains(&name.as_str()));
    let mut headers = Headers(kept.cloned().collect());
    if headers.text(header::TOPIC).is_none() {
        headers.set(header::TOPIC, &record.topic_name);
        headers.set(header::PARTITION, &record.partition.to_string());
        headers.set(header::OFFSET, &record.offset.to_string());
        if let Some(at) = record.timestamp {
            headers.set(header::TIMESTAMP, &at.to_string());
        }
    }
    headers.set(header::STAGE, stage);
    headers.set(header::REASON, reason.as_str());
    headers.set(header::DETAIL, capped(detail));
    headers
}

/// At most [`DETAIL`] bytes, cut between characters.
pub(super) fn capped(detail: &str) -> &str {
    detail.get(..detail.floor_char_boundary(DETAIL)).unwrap_or(detail)
}

#[cfg(test)]
mod tests {
    use super::super::records::tests::inbound;
    use super::*;

    #[test]
    fn the_first_origin_is_never_overwritten_and_the_last_verdict_counts() {
        let first = headers_of(&inbound(42, Some("k"), None), "enrich", DeadLetterReason::Decode, "first");
        let mut again = inbound(7, Some("k"), None);
        again.topic_name = "cordon.dead-letters".into();
        again.headers = first;
        let second = headers_of(&again, "notify", DeadLetterReason::Panic, "second");
        assert_eq!(second.text(header::TOPIC), Some("cordon.alerts"));
        assert_eq!(second.text(header::PARTITION), Some("3"));
        assert_eq!(second.text(header::OFFSET), Some("42"));
        assert_eq!(second.text(header::STAGE), Some("notify"));
        assert_eq!(second.text(header::REASON), Some("panic"));
        assert_eq!(second.0.iter().filter(|(name, _)| name == header::DETAIL).count(), 1);
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        assert_eq!(capped(&"é".repeat(400)).len(), 512);
        assert_eq!(capped(&format!("x{}", "é".repeat(400))).len(), 511);
        assert_eq!(capped("short"), "short");
    }
}
