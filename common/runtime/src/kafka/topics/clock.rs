//! How far the broker's clock is from ours.
//!
//! Kafka's protocol has no question for that. But a broker refuses a record whose time stamp is further ahead of its clock
//! than the topic's `message.timestamp.after.max.ms` (an hour by default, since Kafka 3.6): so what it takes and what it
//! refuses tells where its clock is. Where a topic has `message.timestamp.type=LogAppendTime`, the broker says its time
//! itself. What is written for that are tombstones of a key that nobody uses, on `cursors`: compaction removes them.

use std::time::Duration;

use cordon_records::{Clock, Topic};
use jiff::{SignedDuration, Timestamp};

use super::describe;
use crate::kafka::error::KafkaFailure;
use crate::kafka::producer::Producer;
use crate::kafka::settings::KafkaSettings;

/// Where the tombstones go, and their key.
const PROBED: (Topic, &str) = (Topic::Cursors, "clock-probe");
/// A limit beyond this is none.
const NO_LIMIT: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What could be learnt of the broker's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerClock {
    /// It is so far ahead of ours; negative when it is behind.
    Read(SignedDuration),
    /// It is no further from ours than the tolerance.
    Near,
    /// It is further ahead of ours.
    Ahead,
    /// It is further behind ours.
    Behind,
    /// Nothing, for this reason.
    Hidden(String),
}

/// Compares the broker's clock with ours.
///
/// # Errors
/// When the broker does not answer, or this principal may not look at or write to `cursors`.
pub async fn broker_clock(
    kafka: &KafkaSettings,
    clock: &dyn Clock,
    tolerance: Duration,
) -> Result<BrokerClock, KafkaFailure> {
    let name = kafka.topic(PROBED.0);
    let settings = describe(kafka, &[&name]).await?.remove(&name).unwrap_or_default();
    let setting = |key: &str| settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let producer = Producer::open(kafka, "cordon-clock")?;
    if setting("message.timestamp.type") == Some("LogAppendTime") {
        let before = clock.now();
        let said = producer.stamp(PROBED, before).await?;
        let ours = before + clock.now().duration_since(before) / 2;
        return Ok(BrokerClock::Read(said.duration_since(ours)));
    }
    let limit = setting("message.timestamp.after.max.ms").and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let Some(limit) = limit.filter(|limit| *limit < NO_LIMIT) else {
        let why = format!("{name} has no message.timestamp.after.max.ms, and brokers do not say their time otherwise");
        return Ok(BrokerClock::Hidden(why));
    };
    let furthest = clock.now().saturating_add(limit).unwrap_or(Timestamp::MAX);
    if !takes(&producer, furthest.saturating_sub(tolerance).unwrap_or(Timestamp::MIN)).await? {
        return Ok(BrokerClock::Behind);
    }
    let beyond = takes(&producer, furthest.saturating_add(tolerance).unwrap_or(Timestamp::MAX)).await?;
    Ok(if beyond { BrokerClock::Ahead } else { BrokerClock::Near })
}

/// Whether the broker takes a record with this time stamp.
async fn takes(producer: &Producer, stamp: Timestamp) -> Result<bool, KafkaFailure> {
    match producer.stamp(PROBED, stamp).await {
        Ok(_) => Ok(true),
        Err(KafkaFailure::Declined { .. }) => Ok(false),
        Err(failure) => Err(failure),
    }
}
