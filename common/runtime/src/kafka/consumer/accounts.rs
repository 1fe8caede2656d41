//! How records end, in both loops alike: settled on the registry, counted in the metrics, and, when they cannot be handled,
//! written to the dead letters first, if the breaker lets them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cordon_records::{Classified, DeadLetterReason, ErrorClass, RecordOutcome};

use super::breaker::Breaker;
use super::dead_letter::{capped, dead_letter};
use super::registry::{Lease, PartitionRegistry};
use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::records::Inbound;

/// Pause before what was not confirmed is written again.
const DELIVERY_PAUSE: Duration = Duration::from_secs(1);

/// The books of one stage, for as long as its process runs.
pub(in crate::kafka) struct Accounts {
    context: Context,
    registry: Arc<PartitionRegistry>,
    breaker: Mutex<Breaker>,
}

impl Accounts {
    pub(in crate::kafka) fn new(context: &Context, registry: Arc<PartitionRegistry>) -> Self {
        Self { context: context.clone(), registry, breaker: Mutex::default() }
    }

    /// A poisoned lock only means that another thread panicked between two whole updates.
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the stage shares.
    pub(in crate::kafka) const fn context(&self) -> &Context {
        &self.context
    }

    /// A record is put aside: it stays unsettled, and takes no room. `false` when the lease is over.
    pub(in crate::kafka) fn put_aside(&self, lease: &Lease, offset: i64) -> bool {
        self.registry.put_aside(lease, offset)
    }

    /// A record came to the stage.
    pub(in crate::kafka) fn received(&self) {
        self.context.metrics.received();
    }

    /// A record proved to be readable, long before it ends: poison ends at once, and would pass for a row of it.
    pub(in crate::kafka) fn sound(&self) {
        self.breaker().sound();
    }

    /// Settles a record. `false` when it does not count: the lease is over, or it was settled before.
    pub(in crate::kafka) fn settle(&self, lease: &Lease, offset: i64, outcome: RecordOutcome) -> bool {
        if !self.registry.settle(lease, offset) {
            return false;
        }
        let metrics = &self.context.metrics;
        match outcome {
            RecordOutcome::Sent => metrics.sent(),
            RecordOutcome::Skipped(reason) => metrics.skipped(reason),
            RecordOutcome::DeadLettered(reason) => {
                metrics.dead_lettered(reason);
                return true;
            }
        }
        self.breaker().ended(Instant::now());
        true
    }

    /// Writes a dead letter until it is confirmed, and settles its input; `false` when the lease ended first. When the
    /// breaker refuses, nothing is written and the input stays unsettled.
    pub(in crate::kafka) async fn dead_letter(
        &self,
        lease: &Lease,
        record: &Inbound,
        reason: DeadLetterReason,
        detail: &str,
    ) -> Result<bool, KafkaFailure> {
        let asked = self.breaker().dead(Instant::now());
        asked.map_err(|tripped| KafkaFailure::TooManyDeadLetters {
            tripped,
            position: record.position(),
            stage: self.context.stage,
            last: reason.as_str(),
            detail: capped(detail).to_owned(),
        })?;
        while let Err(failure) = dead_letter(&self.context, record, reason, detail).await {
            match failure.class() {
                ErrorClass::Poison | ErrorClass::Fatal => return Err(failure),
                ErrorClass::Transient | ErrorClass::Ambiguous => {
                    failure.log_repetition("a dead letter was not confirmed; writing it again");
                }
            }
            if !pause(lease).await {
                return Ok(false);
            }
        }
        let (position, detail) = (record.position(), capped(detail));
        tracing::warn!(position, reason = reason.as_str(), detail, "record is a dead letter");
        Ok(self.settle(lease, record.offset, RecordOutcome::DeadLettered(reason)))
    }
}

/// Waits before the next write; `false` when the partition goes meanwhile.
pub(super) async fn pause(lease: &Lease) -> bool {
    tokio::select! {
        () = lease.draining.cancelled() => false,
        () = tokio::time::sleep(DELIVERY_PAUSE) => true,
    }
}
