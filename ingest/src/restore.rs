//! Taking over: claim the cursor log, read how far the poll has come, and remember what is on `alerts` already.

use cordon_records::{AlertId, AlertRecord, PollCursor, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Claimed, Inbound, fold_since};
use jiff::{SignedDuration, Timestamp};

use crate::config::IngestSettings;
use crate::cursor::{Cursors, LookBack, earlier};
use crate::error::IngestError;
use crate::seen::{Asked, Item, Seen};

/// How far Kafka's clock may be behind Microsoft's when old records are left undecoded.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// What a new holder of the poll starts from.
pub struct Restored {
    /// The cursor log.
    pub log: Claimed,
    /// The newest cursor; absent on the very first start.
    pub cursor: Option<PollCursor>,
    /// The newest `lastUpdateTime` received so far; on the very first start, where the look-back begins.
    pub watermark: Timestamp,
    /// How far back rounds ask.
    pub reach: LookBack,
    /// What has been produced since the window's beginning.
    pub seen: Seen,
}

/// Takes the poll over.
///
/// # Errors
/// Those of reading and writing the cursor log, and of reading `alerts`.
pub async fn restore(context: &Context, settings: &IngestSettings) -> Result<Restored, IngestError> {
    let mut cursors = Cursors::default();
    let mut log = Claimed::take(context, Topic::Cursors, |record, _| cursors.fold(&record)).await?;
    log.rest()?;
    let cursor = cursors.newest();
    let watermark = match &cursor {
        Some(cursor) => cursor.watermark,
        None => earlier(context.clock.now(), settings.lookback),
    };
    let first = cursor.as_ref().and_then(|cursor| cursor.from);
    let from = first.unwrap_or_else(|| earlier(watermark, settings.overlap));
    let reach = LookBack::new((settings.overlap, settings.sweep_interval, settings.sweep_window), from);
    let seen = recall(context, reach.sweep(watermark, context.clock.now())).await?;
    tracing::info!(epoch = log.epoch(), %watermark, first_start = cursor.is_none(), remembered = seen.len(), "holding the poll");
    Ok(Restored { log, cursor, watermark, reach, seen })
}

/// Reads what is on `alerts` since then, record by record: a day of a large tenant is hundreds of megabytes.
async fn recall(context: &Context, since: Timestamp) -> Result<Seen, IngestError> {
    let written_since = since.checked_sub(SKEW).unwrap_or(Timestamp::MIN);
    let look = move |seen: &mut Seen, record: Inbound| remember(seen, &record, since);
    Ok(fold_since(&context.kafka, Topic::Alerts, written_since, Seen::default(), look).await?)
}

/// Remembers one record of `alerts`: its alert's id, and its version if the poll will be served it again. An alert that
/// was last written before the window is not remembered: its next update is then called new, which no rule and no
/// guard depends on.
fn remember(seen: &mut Seen, record: &Inbound, since: Timestamp) {
    if let Some(id) = record.key_text().and_then(|key| AlertId::new(key).ok()) {
        seen.know(id);
    }
    match record.json::<AlertRecord>() {
        Ok(alert) if alert.last_update.is_none_or(|stamp| stamp >= since) => {
            let asked = if alert.asked_with_evidence() { Asked::Whole } else { Asked::WithoutEvidence };
            seen.insert(&Item::read(alert.raw).asked(asked));
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(position = %record.position(), %error, "left aside an unreadable alert record"),
    }
}
