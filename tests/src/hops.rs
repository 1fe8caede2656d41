//! Where Cordon's time goes: the instants that its own records carry, hop by hop.

use std::collections::HashMap;
use std::time::Duration;

use cordon_records::{AlertId, DecisionRecord, LedgerRecord, Topic};
use jiff::Timestamp;

use crate::percentile::percentile;
use crate::pipeline::Pipeline;

/// One alert and the call that it led to.
#[derive(Debug, Clone)]
pub struct Isolated {
    /// The alert.
    pub alert: AlertId,
    /// When a page of the list with the alert was ready to be sent.
    pub listed: Timestamp,
    /// When the call that isolates its machine arrived.
    pub called: Timestamp,
}

impl Isolated {
    /// From the page to the call.
    #[must_use]
    pub fn took(&self) -> Duration {
        between(self.listed, self.called)
    }
}

/// The parts of the way from the page to the call, in their order.
const PARTS: [&str; 5] = ["seen by ingest", "enriched", "decided", "ruled on fresh facts", "called"];

/// How long each part of an alert's way took.
type Way = [Duration; PARTS.len()];

/// Prints of each part of the way the median, what 99 of 100 need at most, and what the slowest one of the whole way took.
///
/// # Panics
/// When a record of one of the alerts is not there, or there is no alert.
pub async fn print(pipeline: &Pipeline, isolated: &[Isolated]) {
    let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
    let decisions: HashMap<AlertId, DecisionRecord> =
        decisions.into_iter().map(|decision| (decision.alert.id.clone(), decision)).collect();
    let ledger: Vec<LedgerRecord> = pipeline.records(Topic::Ledger).await;
    let intents: HashMap<AlertId, Timestamp> = ledger.into_iter().filter_map(intent).collect();
    let way = |one: &Isolated| -> Way {
        let decision = &decisions[&one.alert];
        let marks = [decision.seen_at, decision.enriched_at, decision.decided_at, intents[&one.alert], one.called];
        let before = [&[one.listed], &marks[..PARTS.len() - 1]].concat();
        std::array::from_fn(|part| between(before[part], marks[part]))
    };
    let slowest = way(isolated.iter().max_by_key(|one| one.took()).expect("an alert"));
    let ways: Vec<Way> = isolated.iter().map(way).collect();
    for (part, name) in PARTS.iter().enumerate() {
        let mut taken: Vec<Duration> = ways.iter().map(|way| way[part]).collect();
        taken.sort_unstable();
        let [half, most, slowest] = [percentile(&taken, 50), percentile(&taken, 99), slowest[part]].map(milliseconds);
        println!("  {name:<21} after {half:5.1} ms, p99 {most:6.1} ms; the slowest alert: {slowest:6.1} ms");
    }
}

fn intent(record: LedgerRecord) -> Option<(AlertId, Timestamp)> {
    match record {
        LedgerRecord::Action(entry) => Some((entry.alert.id.clone(), *entry.intents.first()?)),
        _ => None,
    }
}

fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

/// In fractions of a millisecond.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
