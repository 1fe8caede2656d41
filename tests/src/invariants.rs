//! What must hold whatever was done to the pipeline. The numbers are those of the README.
//!
//! [`Evidence`] gathers everything that can be known: topics and committed offsets, read by a plain consumer, the tenant's
//! request log, the mailbox, logs and metrics. [`Evidence::judge`] is a pure function over it: every [`Breach`] of I1 to
//! I10 with the ids concerned. I11 is about backtests and is judged with them. [`report`] tells the breaches, and the
//! story of the first ids, so that a person can act on it.
//!
//! The functions in this file wait for one promise each, for tests that have no need of the whole.

mod breach;
mod delivery;
mod effects;
mod evidence;
mod judge;
mod mail;
mod resources;
mod settled;
#[cfg(test)]
mod tests;

pub use breach::{Breach, report, story};
pub use evidence::{Committed, Evidence, Expectation, Reader, Seen};
pub use settled::committed_went_back;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cordon_records::{ActionState, AlertId, DecisionRecord, Topic};
use cordon_simulator::SimMachine;
use rdkafka::message::Message as _;

use crate::load::{Load, machines_of};
use crate::oracle;
use crate::pipeline::{Pipeline, SOON};
use crate::wait::until;

/// Waits until the pipeline has come to rest, and judges all invariants.
///
/// # Panics
/// When one is breached, or something is still open at the deadline: with every breach, and what is known of the first.
pub async fn all_hold(pipeline: &mut Pipeline, expectation: &Expectation, deadline: Duration) {
    Evidence::at_rest(pipeline, expectation, deadline).await.must_hold(expectation);
}

/// Judges what holds at every instant, also while things break or stages are missing: I2, I4, I5, I6, I9.
///
/// # Panics
/// As [`all_hold`].
pub async fn all_hold_so_far(pipeline: &Pipeline, expectation: &Expectation) {
    let evidence = Evidence::read(pipeline.kafka.clone(), pipeline.tenant.clone()).await;
    let breaches = evidence.judge_running(expectation);
    assert!(breaches.is_empty(), "{}", report(&breaches, &evidence));
}

/// The distinct alerts decided so far.
pub async fn decided(pipeline: &Pipeline) -> BTreeSet<AlertId> {
    let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
    decisions.into_iter().map(|decision| decision.alert.id).collect()
}

/// Waits until so many more alerts are decided than now, while every process lives.
///
/// # Panics
/// When the deadline passes, or a process ends.
pub async fn further(pipeline: &mut Pipeline, more: usize, deadline: Duration) {
    let before = decided(pipeline).await.len();
    until(deadline, &format!("{more} further decisions"), async || {
        pipeline.all_are_running();
        let count = decided(pipeline).await.len() - before;
        if count >= more { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
}

/// Ends the load on `machines` machines, and judges all invariants once the pipeline has come to rest. `interruptions`
/// is how often a session may have been lost: with each a mail may have been repeated.
///
/// # Panics
/// As [`all_hold`]; or when a machine was not isolated exactly once.
pub async fn nothing_is_missed_or_doubled(
    pipeline: &mut Pipeline,
    (load, machines): (Load, u32),
    interruptions: usize,
    deadline: Duration,
) {
    let raised = load.finish().await;
    let expectation = Expectation { interruptions, ..Expectation::of(&raised) };
    all_hold(pipeline, &expectation, deadline).await;
    each_is_isolated_once(pipeline, &machines_of(machines), deadline).await;
    assert_eq!(machines_decided_in_order(pipeline), machines as usize);
}

/// I1: waits until every alert is decided.
///
/// # Panics
/// When the deadline passes.
pub async fn every_alert_is_decided(pipeline: &Pipeline, raised: &[AlertId], deadline: Duration) {
    let raised: BTreeSet<AlertId> = raised.iter().cloned().collect();
    until(deadline, "every alert to be decided", async || {
        let open = raised.difference(&decided(pipeline).await).count();
        if open == 0 { Ok(()) } else { Err(format!("{open} of {} are not decided", raised.len())) }
    })
    .await;
}

/// I2 and I3: waits until each machine's isolation is confirmed, and finds one call with effect for each.
///
/// # Panics
/// When the deadline passes, or there are more calls.
pub async fn each_is_isolated_once(pipeline: &Pipeline, machines: &[SimMachine], deadline: Duration) {
    for machine in machines {
        pipeline.reported(&machine.id, ActionState::Succeeded, deadline).await;
        assert_eq!(pipeline.tenant.isolations(&machine.id), 1, "{}: isolated", machine.name);
        assert_eq!(pipeline.tenant.isolate_posts(&machine.id), 1, "{}: calls", machine.name);
    }
}

/// I5: for each machine, its inputs in the order of their decisions. A repeated input may stand again later; its first
/// decision may not stand behind that of a later input. Returns how many machines there are.
///
/// # Panics
/// When an input was overtaken. Blocks.
#[must_use]
pub fn machines_decided_in_order(pipeline: &Pipeline) -> usize {
    let bootstrap = &pipeline.kafka.bootstrap_servers;
    let records = oracle::records(bootstrap, &pipeline.kafka.topic(Topic::Decisions), SOON);
    let mut highest: BTreeMap<(Vec<u8>, String), i64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for record in records {
        let decision: DecisionRecord = serde_json::from_slice(record.payload().expect("a decision")).expect("our own");
        if !seen.insert(decision.id.clone()) {
            continue;
        }
        let (partition, offset) = decision.id.rsplit_once('/').expect("topic/partition/offset");
        let offset: i64 = offset.parse().expect("an offset");
        let last = highest.entry((record.key().expect("a key").to_vec(), partition.to_owned())).or_insert(-1);
        assert!(*last < offset, "{} was decided after input {last}, at {}", decision.id, record.offset());
        *last = offset;
    }
    highest.len()
}
