//! What an item becomes on Kafka, a record on `alerts` or a dead letter, and how it is brought there.

use std::sync::Arc;

use cordon_records::cut::Cut;
use cordon_records::{
    AlertId, AlertRecord, Change, Clock, DeadLetterReason, Headers, RecordOutcome, SCHEMA_VERSION, Source, TenantId,
    Topic, cut, dead_letter_header as header, schema_version_of,
};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{KafkaFailure, Outbound, Producer};
use jiff::Timestamp;

use crate::error::IngestError;
use crate::round::News;
use crate::seen::{Asked, Fingerprint, Item, Reading};

/// The longest detail in a dead letter's headers, in bytes.
const MAX_DETAIL: usize = 512;
/// What is kept of an item that the broker finds too large.
const MAX_KEPT: usize = 64 * 1024;

/// Writes alerts and dead letters; copies share the producer.
#[derive(Clone)]
pub struct Publisher {
    producer: Producer,
    clock: Arc<dyn Clock>,
    tenant: TenantId,
}

impl Publisher {
    /// A publisher for the alerts of one tenant.
    #[must_use]
    pub fn new(context: &Context, tenant: TenantId) -> Self {
        Self { producer: context.producer.clone(), clock: Arc::clone(&context.clock), tenant }
    }

    /// Writes one item and waits until the broker has it.
    ///
    /// # Errors
    /// When the delivery is not confirmed. The record may be there all the same: a repetition has the same id.
    pub async fn deliver(&self, news: &News) -> Result<RecordOutcome, IngestError> {
        match &news.item.reading {
            Reading::Alert(id) => self.alert(&news.item, id, news.change).await,
            Reading::Unreadable(why) => self.dead_letter(&news.item, DeadLetterReason::Decode, why).await,
        }
    }

    async fn alert(&self, item: &Item, id: &AlertId, change: Change) -> Result<RecordOutcome, IngestError> {
        let record = alert_record(item, id, change, &self.tenant, self.clock.now())?;
        match self.producer.send(record).await {
            Ok(_) => Ok(RecordOutcome::Sent),
            Err(refused @ KafkaFailure::Refused { .. }) => {
                self.dead_letter(item, DeadLetterReason::Oversize, &refused.to_string()).await
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn dead_letter(
        &self,
        item: &Item,
        reason: DeadLetterReason,
        detail: &str,
    ) -> Result<RecordOutcome, IngestError> {
        let alert = item.alert_id().map(AlertId::as_str);
        tracing::warn!(alert, reason = reason.as_str(), detail, "an item of the alert list goes to the dead letters");
        self.producer.send(dead_letter(item, reason, detail, self.clock.now())).await?;
        Ok(RecordOutcome::DeadLettered(reason))
    }
}

/// The record of an alert seen, keyed by its id. One that would be too large for a record is cut, and says so.
///
/// # Errors
/// When it cannot be written as JSON.
fn alert_record(
    item: &Item,
    id: &AlertId,
    change: Change,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<Outbound, serde_json::Error> {
    let mut record = AlertRecord {
        schema_version: SCHEMA_VERSION,
        id: record_id(item, id),
        alert_id: id.clone(),
        tenant: tenant.clone(),
        source: Source::Mde,
        change,
        last_update: item.stamp,
        seen_at: now,
        raw: item.raw.clone(),
        cut: Vec::new(),
    };
    (record.raw, record.cut) = cut::for_a_record(record.raw);
    record.schema_version = schema_version_of(&record.cut);
    if !record.cut.is_empty() {
        let missing: Vec<String> = record.cut.iter().map(ToString::to_string).collect();
        let bytes = item.raw.get().len();
        tracing::warn!(alert = %id, bytes, ?missing, "an alert is too large for a record and goes on without a part");
    }
    match item.asked {
        Asked::Whole => {}
        Asked::WithoutEvidence => Cut::add(&mut record.cut, vec![Cut::unasked_evidence()]),
    }
    let headers = Headers::event("ingest", "alert.seen", &record.id, now, id.as_str());
    Outbound::json(Topic::Alerts, id.as_str(), headers, &record)
}

/// An alert that was asked for without its evidence comes again with it, and that is another sight.
fn record_id(item: &Item, id: &AlertId) -> String {
    let whole = AlertRecord::record_id(id, item.stamp);
    match item.asked {
        Asked::Whole => whole,
        Asked::WithoutEvidence => format!("{whole}/without-evidence"),
    }
}

/// The dead letter of an item that is no alert, or too large for a record. It comes from no topic, so the headers name
/// none; the key is the content's fingerprint, which tells repetitions apart from other items.
fn dead_letter(item: &Item, reason: DeadLetterReason, detail: &str, now: Timestamp) -> Outbound {
    let fingerprint = Fingerprint::of(item.raw.get()).to_string();
    let key = item.alert_id().map_or(fingerprint.clone(), ToString::to_string);
    let mut headers = Headers::event("ingest", "alert.unreadable", &fingerprint, now, &key);
    headers.set(header::STAGE, "ingest");
    headers.set(header::REASON, reason.as_str());
    headers.set(header::DETAIL, cut(detail, MAX_DETAIL));
    headers.set(header::FAILED_AT, &now.to_string());
    let value = cut(item.raw.get(), MAX_KEPT).as_bytes().to_vec();
    Outbound { topic: Topic::DeadLetters, key: Some(key), headers, value: Some(value) }
}

/// The longest beginning of at most so many bytes that ends between characters.
fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use cordon_records::cut::MAX_ALERT_RECORD;
    use cordon_records::{Alert, Verbatim};

    use super::*;

    fn item(json: &str) -> Item {
        Item::read(Verbatim::parse(json).unwrap())
    }

    #[test]
    fn an_alert_goes_out_byte_for_byte_under_an_id_that_repeats_with_it() {
        let json = r#"{ "id":"da1_2",  "lastUpdateTime":"2026-01-01T00:00:00.84Z","unknown":[1.0] }"#;
        let id = AlertId::new("da1_2").unwrap();
        let tenant = TenantId::new("t").unwrap();
        let out = alert_record(&item(json), &id, Change::New, &tenant, Timestamp::UNIX_EPOCH).unwrap();
        let record: AlertRecord = serde_json::from_slice(out.value.as_deref().unwrap()).unwrap();
        assert_eq!(record.raw.get(), json);
        assert_eq!(record.id, "da1_2@2026-01-01T00:00:00.84Z");
        assert_eq!((out.topic, out.key.as_deref()), (Topic::Alerts, Some("da1_2")));
    }

    #[test]
    fn an_alert_of_2100_files_fits_a_record_that_says_how_many_are_missing() {
        let file = |n: usize| format!(r#"{{"entityType":"File","sha1":"{n:040x}","filePath":"{}"}}"#, "x".repeat(500));
        let files: Vec<String> = (0..2_100).map(file).collect();
        let json = format!(r#"{{"id":"da1_2","machineId":"m","evidence":[{}],"severity":"High"}}"#, files.join(","));
        assert!(json.len() > 1_200_000);
        let (id, tenant) = (AlertId::new("da1_2").unwrap(), TenantId::new("t".repeat(256)).unwrap());
        let out = alert_record(&item(&json), &id, Change::New, &tenant, Timestamp::UNIX_EPOCH).unwrap();
        let bytes = out.value.unwrap();
        assert!(bytes.len() <= MAX_ALERT_RECORD, "{}", bytes.len());
        let record: AlertRecord = serde_json::from_slice(&bytes).unwrap();
        let kept = record.raw.view::<Alert>().unwrap().evidence.len();
        assert!(kept > 1_500 && record.raw.get().ends_with("]}"), "{kept}");
        assert_eq!(record.cut[0].to_string(), format!("{} of 2100 evidence items were cut", 2_100 - kept));
        assert_eq!(record.schema_version, 2, "a build that passes over the mark refuses it");
    }

    #[test]
    fn a_dead_letter_carries_the_item_its_reason_and_a_bounded_detail() {
        let out =
            dead_letter(&item(r#"{"id":"a/b"}"#), DeadLetterReason::Decode, &"ü".repeat(400), Timestamp::UNIX_EPOCH);
        assert_eq!(out.value.as_deref(), Some(br#"{"id":"a/b"}"#.as_slice()));
        assert_eq!(out.headers.text(header::REASON), Some("decode"));
        assert_eq!(out.headers.text(header::DETAIL).map(str::len), Some(512));
        assert_eq!(out.headers.text(header::TOPIC), None);
    }

    #[test]
    fn of_an_oversize_item_only_the_beginning_is_kept() {
        let big = format!(r#"{{"id":"a","title":"{}"}}"#, "x".repeat(100_000));
        let out = dead_letter(&item(&big), DeadLetterReason::Oversize, "too large", Timestamp::UNIX_EPOCH);
        assert_eq!(out.value.map(|value| value.len()), Some(MAX_KEPT));
        assert_eq!(out.key.as_deref(), Some("a"));
    }
}
