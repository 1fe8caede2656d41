//! Who works on which record: one lane per key and partition, all lanes under one limit of concurrency.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cordon_records::{Classified, DeadLetterReason, ErrorClass, RecordOutcome};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use super::accounts::{Accounts, pause};
use super::event::Assigned;
use super::handler::{Handler, Outcome};
use super::panics::guarded;
use super::registry::{Lease, PartitionRegistry};
use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::records::{Inbound, Outbound};

/// The workers of one stage.
pub(super) struct Lanes<H> {
    handler: Arc<H>,
    context: Context,
    registry: Arc<PartitionRegistry>,
    accounts: Accounts,
    permits: Semaphore,
    failed: UnboundedSender<KafkaFailure>,
}

/// Records that wait behind one of the same key. A key that is here has a task. Keys are kept as hashes: two keys
/// that collide share a lane, which costs nothing but time.
type Waiting = Mutex<HashMap<u64, VecDeque<Inbound>>>;

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

impl<H: Handler> Lanes<H> {
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

    /// Works on one partition until it goes.
    pub(super) async fn serve(self: Arc<Self>, assigned: Assigned) {
        let Assigned { lease, mut records } = assigned;
        let waiting: Arc<Waiting> = Arc::default();
        loop {
            let record = tokio::select! {
                biased;
                () = lease.draining.cancelled() => return,
                record = records.recv() => record,
            };
            let Some(record) = record else { return };
            self.accounts.received();
            self.admit(&lease, &waiting, record);
        }
    }

    /// Puts a record into its lane; the first of a lane starts its task. Records without a key have no order.
    fn admit(self: &Arc<Self>, lease: &Lease, waiting: &Arc<Waiting>, record: Inbound) {
        let Some(lane) = record.key.as_deref().map(lane_of) else {
            let (this, lease) = (Arc::clone(self), lease.clone());
            tokio::spawn(async move { this.work(&lease, &record).await });
            return;
        };
        match waiting.lock().unwrap_or_else(PoisonError::into_inner).entry(lane) {
            Entry::Occupied(mut queue) => {
                queue.get_mut().push_back(record);
                return;
            }
            Entry::Vacant(place) => drop(place.insert(VecDeque::new())),
        }
        let (this, lease, waiting) = (Arc::clone(self), lease.clone(), Arc::clone(waiting));
        tokio::spawn(async move {
            let mut next = Some(record);
            while let Some(record) = next {
                if !this.work(&lease, &record).await {
                    // The lane stays closed: nothing may overtake an unsettled record of its key.
                    return;
                }
                next = pop(&waiting, lane);
            }
        });
    }

    /// Tries until the record is settled; `false` when it must stay unsettled.
    async fn work(&self, lease: &Lease, record: &Inbound) -> bool {
        loop {
            match self.attempt(lease, record).await {
                Attempt::Settled => return true,
                Attempt::Over => return false,
                Attempt::Again(after) => tokio::select! {
                    () = lease.draining.cancelled() => return false,
                    () = tokio::time::sleep(after) => {}
                },
            }
        }
    }

    async fn attempt(&self, lease: &Lease, record: &Inbound) -> Attempt {
        let permit = tokio::select! {
            biased;
            () = lease.draining.cancelled() => return Attempt::Over,
            permit = self.permits.acquire() => permit,
        };
        let Some(_running) = self.registry.start(lease) else { return Attempt::Over };
        let outcome = tokio::select! {
            biased;
            () = lease.over.cancelled() => return Attempt::Over,
            outcome = guarded(self.handler.handle(record)) => outcome,
        };
        // The confirmation is waited for outside the limit: many may be under way.
        drop(permit);
        if !self.registry.is_current(lease) {
            return Attempt::Over;
        }
        tokio::select! {
            biased;
            () = lease.over.cancelled() => Attempt::Over,
            attempt = self.finish(lease, record, outcome) => attempt,
        }
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
            for output in &outputs {
                queued.push(self.context.producer.enqueue(output).await);
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

fn lane_of(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The next record of a lane; an empty lane is removed.
fn pop(waiting: &Waiting, lane: u64) -> Option<Inbound> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let next = waiting.get_mut(&lane).and_then(VecDeque::pop_front);
    if next.is_none() {
        waiting.remove(&lane);
    }
    next
}
