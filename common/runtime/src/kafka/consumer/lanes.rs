//! Who works on which record: one task for each partition and in it one lane for each key, all lanes of all partitions
//! under one limit of concurrency.
//!
//! A task for each record would cost more than most records do. So the work of a partition is polled by its one task:
//! what needs no waiting is done there and then, record after record, and the producer gets many outputs at once.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cordon_records::{Classified, DeadLetterReason, ErrorClass, RecordOutcome};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use super::accounts::{Accounts, pause};
use super::event::Assigned;
use super::handler::{Handler, Outcome};
use super::panics::guarded;
use super::registry::{Lease, PartitionRegistry};
use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::producer::Departure;
use crate::kafka::records::{Inbound, Outbound};

/// How many records are taken in at once.
const BATCH: usize = 64;

/// Where so many records are in flight, what the last one has before it takes longer than outputs wait for each other.
const CROWD: usize = 250;

/// The workers of one stage.
pub(super) struct Workers<H> {
    handler: Arc<H>,
    context: Context,
    registry: Arc<PartitionRegistry>,
    accounts: Accounts,
    permits: Semaphore,
    failed: UnboundedSender<KafkaFailure>,
}

/// Records that wait behind one of the same key. Keys are kept as hashes: two keys that collide share a lane, which costs
/// nothing but time.
#[derive(Default)]
struct Lanes {
    waiting: HashMap<u64, VecDeque<Inbound>>,
}

/// A record whose turn it is, and its lane if it has a key: without one it has no order.
struct Turn {
    lane: Option<u64>,
    record: Inbound,
}

impl Lanes {
    /// Puts a record into its lane. It comes back if nothing of its lane is at work.
    fn enter(&mut self, record: Inbound) -> Option<Turn> {
        let Some(lane) = record.key.as_deref().map(lane_of) else { return Some(Turn { lane: None, record }) };
        match self.waiting.entry(lane) {
            Entry::Occupied(mut queue) => {
                queue.get_mut().push_back(record);
                None
            }
            Entry::Vacant(place) => {
                place.insert(VecDeque::new());
                Some(Turn { lane: Some(lane), record })
            }
        }
    }

    /// A record of this lane is settled; the next one of it, or the lane is empty.
    fn leave(&mut self, lane: u64) -> Option<Turn> {
        let next = self.waiting.get_mut(&lane).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.waiting.remove(&lane);
        }
        next.map(|record| Turn { lane: Some(lane), record })
    }
}

/// How one attempt ended.
enum Attempt {
    Settled,
    Again(Duration),
    /// The lease is over, or the stage is stopping: leave the record unsettled.
    Over,
}

/// How writing the outputs ended.
enum Sending {
    Done,
    Refused(String),
    Over,
}

impl<H: Handler> Workers<H> {
    pub(super) fn new(
        handler: Arc<H>,
        context: &Context,
        registry: Arc<PartitionRegistry>,
        (concurrency, failed): (usize, UnboundedSender<KafkaFailure>),
    ) -> Self {
        let permits = Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS));
        let accounts = Accounts::new(context, Arc::clone(&registry));
        Self { handler, context: context.clone(), registry, accounts, permits, failed }
    }

    /// Works on one partition until it goes. What is running when it is about to go runs on until its end, or until the
    /// partition is gone.
    pub(super) async fn serve(self: Arc<Self>, assigned: Assigned) {
        let Assigned { lease, mut records } = assigned;
        let (mut draining, mut over) = (pin!(lease.draining.cancelled()), pin!(lease.over.cancelled()));
        let (mut lanes, mut batch, mut begins) = (Lanes::default(), Vec::with_capacity(BATCH), true);
        let begin = |turn: Turn| self.work(&lease, turn);
        let mut work: FuturesUnordered<_> = None.map(begin).into_iter().collect();
        while begins || !work.is_empty() {
            tokio::select! {
                biased;
                () = &mut over => return,
                () = &mut draining, if begins => begins = false,
                Some((lane, settled)) = work.next(), if !work.is_empty() => {
                    // Of an unsettled record the lane stays closed: nothing may overtake it.
                    let next = if settled && begins { lane.and_then(|lane| lanes.leave(lane)) } else { None };
                    work.extend(next.map(begin));
                }
                count = records.recv_many(&mut batch, BATCH), if begins => {
                    begins = count > 0;
                    for record in batch.drain(..) {
                        self.accounts.received();
                        work.extend(lanes.enter(record).map(begin));
                    }
                }
            }
        }
    }

    /// Tries until the record is settled; `false` when it must stay unsettled.
    async fn work(&self, lease: &Lease, turn: Turn) -> (Option<u64>, bool) {
        let Turn { lane, record } = turn;
        loop {
            match self.attempt(lease, &record).await {
                Attempt::Settled => return (lane, true),
                Attempt::Over => return (lane, false),
                Attempt::Again(after) => tokio::select! {
                    () = lease.draining.cancelled() => return (lane, false),
                    () = tokio::time::sleep(after) => {}
                },
            }
        }
    }

    async fn attempt(&self, lease: &Lease, record: &Inbound) -> Attempt {
        let permit = self.permits.acquire().await;
        let Some(_running) = self.registry.start(lease) else { return Attempt::Over };
        let outcome = guarded(self.handler.handle(record)).await;
        // The confirmation is waited for outside the limit: many may be under way.
        drop(permit);
        if lease.over.is_cancelled() {
            return Attempt::Over;
        }
        self.finish(lease, record, outcome).await
    }

    async fn finish(&self, lease: &Lease, record: &Inbound, outcome: Result<Outcome, String>) -> Attempt {
        match outcome {
            Ok(Outcome::Emit(outputs)) => match self.deliver(lease, outputs).await {
                Sending::Done => self.settle(lease, record, RecordOutcome::Sent),
                Sending::Refused(detail) => self.dead_letter(lease, record, DeadLetterReason::Oversize, &detail).await,
                Sending::Over => Attempt::Over,
            },
            Ok(Outcome::Skip(reason)) => self.settle(lease, record, RecordOutcome::Skipped(reason)),
            Ok(Outcome::DeadLetter { reason, detail }) => self.dead_letter(lease, record, reason, &detail).await,
            Err(panic) => self.dead_letter(lease, record, DeadLetterReason::Panic, &panic).await,
            Ok(Outcome::Retry { after, why }) => {
                self.context.metrics.retried();
                self.accounts.sound();
                tracing::debug!(position = %record.position(), why, ?after, "record will be tried again");
                Attempt::Again(after)
            }
            Ok(Outcome::Halt(why)) => self.fail(KafkaFailure::Halted { position: record.position(), why }),
        }
    }

    fn settle(&self, lease: &Lease, record: &Inbound, outcome: RecordOutcome) -> Attempt {
        if self.accounts.settle(lease, record.offset, outcome) { Attempt::Settled } else { Attempt::Over }
    }

    fn fail(&self, failure: KafkaFailure) -> Attempt {
        // Nobody listens only when the stage is stopping for another failure.
        let _ = self.failed.send(failure);
        Attempt::Over
    }

    /// Writes all outputs, then waits for all confirmations, and repeats those that were not confirmed: at least
    /// once, in the order of the list.
    async fn deliver(&self, lease: &Lease, mut outputs: Vec<Outbound>) -> Sending {
        while !outputs.is_empty() {
            let mut queued = Vec::with_capacity(outputs.len());
            // The next record of a key is handled once these are confirmed, so that it cannot pass them however it leaves.
            let departure = departure(self.registry.pending());
            for output in &outputs {
                queued.push(self.context.producer.enqueue(output, departure).await);
            }
            let mut open = Vec::new();
            for (output, report) in outputs.into_iter().zip(queued) {
                let answer = match report {
                    Ok(report) => self.context.producer.delivered(report).await.map(|_| ()),
                    Err(failure) => Err(failure),
                };
                let Err(failure) = answer else { continue };
                match failure.class() {
                    ErrorClass::Poison => return Sending::Refused(failure.to_string()),
                    ErrorClass::Fatal => {
                        self.fail(failure);
                        return Sending::Over;
                    }
                    ErrorClass::Transient | ErrorClass::Ambiguous => {
                        failure.log_repetition("an output was not confirmed; writing it again");
                        open.push(output);
                    }
                }
            }
            outputs = open;
            if !outputs.is_empty() && !pause(lease).await {
                return Sending::Over;
            }
        }
        Sending::Done
    }

    /// Writes a dead letter and settles its input, unless there are too many.
    async fn dead_letter(&self, lease: &Lease, record: &Inbound, reason: DeadLetterReason, detail: &str) -> Attempt {
        match self.accounts.dead_letter(lease, record, reason, detail).await {
            Ok(true) => Attempt::Settled,
            Ok(false) => Attempt::Over,
            Err(failure) => self.fail(failure),
        }
    }
}

/// How outputs leave while so many records are in flight.
const fn departure(in_flight: usize) -> Departure {
    if in_flight < CROWD { Departure::AtOnce } else { Departure::Together }
}

fn lane_of(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::consume::PENDING;
    use super::*;

    #[test]
    fn outputs_wait_for_each_other_only_in_a_crowd_that_reading_lets_come_together() {
        assert_eq!([1, 20, CROWD - 1].map(departure), [Departure::AtOnce; 3]);
        assert_eq!([CROWD, PENDING].map(departure), [Departure::Together; 2]);
        // Reading goes on at three quarters.
        const { assert!(CROWD < PENDING / 4 * 3) };
    }
}
