//! Dead letters: the original record as it was, with headers that say where it came from and why it died; and the way
//! back.

use cordon_records::{DeadLetterReason, Headers, Topic, dead_letter_header as header};

use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::producer::{Delivered, Parts, Producer};
use crate::kafka::records::Inbound;

/// Longest detail, in bytes. Causes stand at its end, so this is only what a header must bear when others wrote the text.
const DETAIL: usize = 4_096;
/// What is kept of a record that is too large for the dead letters, too.
const HEAD: usize = 64 * 1024;
/// Full size in bytes of a value of which only the head was kept.
pub const ORIGINAL_SIZE: &str = "x-original-size";
/// Where a record first came from.
const ORIGIN: [&str; 4] = [header::TOPIC, header::PARTITION, header::OFFSET, header::TIMESTAMP];
/// What a stage said of a record that it gave up.
const VERDICT: [&str; 5] = [header::STAGE, header::REASON, header::DETAIL, header::FAILED_AT, ORIGINAL_SIZE];

/// Writes a record to the dead letters: the same key and bytes, its own headers, and `x-…` headers with origin and
/// reason. A record that was sent back and died again keeps its first origin. When it is too large even for that, its
/// first 64 KiB are kept; the rest can be read at its origin.
///
/// # Errors
/// As [`crate::kafka::Producer::send`].
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

/// Sends a dead letter's record back: the same key and bytes to `topic`, under these headers. See [`sent_back`].
///
/// # Errors
/// As [`Producer::send`].
pub async fn send_back(
    producer: &Producer,
    letter: &Inbound,
    topic: Topic,
    headers: &Headers,
) -> Result<Delivered, KafkaFailure> {
    let parts = Parts { topic, key: letter.key.as_deref(), headers, value: letter.value.as_deref() };
    let queued = producer.enqueue_parts(&parts).await?;
    producer.delivered(queued).await
}

/// The headers of a record that goes back: its own and its origin, without the verdict and without `marks` of an earlier
/// way back, which the caller sets anew.
#[must_use]
pub fn sent_back(letter: &Headers, marks: &[&str]) -> Headers {
    let dropped = |name: &str| VERDICT.contains(&name) || marks.contains(&name);
    Headers(letter.0.iter().filter(|(name, _)| !dropped(name)).cloned().collect())
}

/// The original headers without an earlier verdict, then the origin if it is not there yet, then the verdict.
///
/// A record goes back only to where it came from, so an origin elsewhere is forged: were it believed, whoever may write to
/// one topic could have a person's redrive carry the record to another.
fn headers_of(record: &Inbound, stage: &str, reason: DeadLetterReason, detail: &str) -> Headers {
    let died_before = record.headers.text(header::TOPIC) == Some(&*record.topic_name);
    let kept = |name: &str| !VERDICT.contains(&name) && (died_before || !ORIGIN.contains(&name));
    let mut headers = Headers(record.headers.0.iter().filter(|(name, _)| kept(name)).cloned().collect());
    if !died_before {
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
    use super::*;
    use crate::kafka::records::tests::inbound;

    #[test]
    fn the_first_origin_is_never_overwritten_and_the_last_verdict_counts() {
        let first = headers_of(&inbound(42, Some("k"), None), "enrich", DeadLetterReason::Decode, "first");
        let mut again = inbound(7, Some("k"), None);
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
    fn an_origin_on_another_topic_is_forged_and_does_not_count() {
        let mut record = inbound(7, Some("k"), None);
        for name in ORIGIN {
            record.headers.set(name, "cordon.decisions");
        }
        let headers = headers_of(&record, "enrich", DeadLetterReason::Decode, "text");
        let said = |name| headers.0.iter().filter(|(key, _)| key == name).count();
        assert_eq!(headers.text(header::TOPIC), Some("cordon.alerts"));
        assert_eq!(headers.text(header::OFFSET), Some("7"));
        assert_eq!(ORIGIN.map(said), [1, 1, 1, 0], "the record has no timestamp of its own");
    }

    #[test]
    fn what_goes_back_has_its_own_headers_and_its_origin_and_no_verdict() {
        let mut record = inbound(7, Some("k"), None);
        record.headers.set("ce_id", "a");
        record.headers.0.push(("empty".to_owned(), None));
        record.headers.set("mark", "old");
        let dead = headers_of(&record, "enrich", DeadLetterReason::Decode, "text");
        let back = sent_back(&dead, &["mark"]);
        let names: Vec<&str> = back.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ce_id", "empty", header::TOPIC, header::PARTITION, header::OFFSET]);
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        assert_eq!(capped(&"é".repeat(4_000)).len(), DETAIL);
        assert_eq!(capped(&format!("x{}", "é".repeat(4_000))).len(), DETAIL - 1);
        assert_eq!(capped("short"), "short");
    }
}
