//! Where Cordon's time goes: the instants that its own records carry, hop by hop.

use std::collections::HashMap;
use std::time::Duration;

use cordon_records::{AlertId, DecisionRecord, LedgerRecord, Topic};
use cordon_tests::pipeline::Pipeline;
use jiff::Timestamp;

use crate::figures::milliseconds;
use crate::traffic::Isolated;

/// Prints the median of each part of the way, from the tenant's page to the call.
pub async fn print(pipeline: &Pipeline, isolated: &[Isolated]) {
    let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
    let decisions: HashMap<AlertId, DecisionRecord> =
        decisions.into_iter().map(|decision| (decision.alert.id.clone(), decision)).collect();
    let ledger: Vec<LedgerRecord> = pipeline.records(Topic::Ledger).await;
    let intents: HashMap<AlertId, Timestamp> = ledger.into_iter().filter_map(intent).collect();
    let marks = |one: &Isolated| {
        let decision = &decisions[&one.alert];
        let intent = intents[&one.alert];
        [one.listed, decision.seen_at, decision.enriched_at, decision.decided_at, intent, one.called]
    };
    let marks: Vec<[Timestamp; 6]> = isolated.iter().map(marks).collect();
    let names = ["seen by ingest", "enriched", "decided", "ruled on fresh facts", "called"];
    for (hop, name) in names.iter().enumerate() {
        println!("  {name:<21} after {:5.1} ms", median(&marks, hop));
    }
}

fn intent(record: LedgerRecord) -> Option<(AlertId, Timestamp)> {
    match record {
        LedgerRecord::Action(entry) => Some((entry.alert.id.clone(), *entry.intents.first()?)),
        _ => None,
    }
}

fn median(marks: &[[Timestamp; 6]], hop: usize) -> f64 {
    let gap =
        |marks: &[Timestamp; 6]| Duration::try_from(marks[hop + 1].duration_since(marks[hop])).unwrap_or_default();
    let mut gaps: Vec<Duration> = marks.iter().map(gap).collect();
    gaps.sort_unstable();
    milliseconds(gaps[gaps.len() / 2])
}
