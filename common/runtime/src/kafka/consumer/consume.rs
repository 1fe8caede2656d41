//! Stages that share partitions: a handler answers each record with an outcome, and the loop does the rest.
//!
//! The loop writes what the handler emits and waits until it is confirmed, and only then settles the input. Records
//! with one key are handled in their order, one at a time; everything else runs side by side up to the concurrency.

use std::pin::pin;
use std::sync::Arc;

use cordon_records::Topic;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::handler::Handler;
use super::lanes::Workers;
use super::poll::{PollSpec, Poller};
use super::registry::Limits;
use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::settings::Role;

/// Records in flight over all partitions; twenty keys at work are enough, the rest waits for confirmations.
pub(super) const PENDING: usize = 1000;
/// Bytes in flight; alerts are a few KiB, but one may have a megabyte.
const BYTES: usize = 32 * 1024 * 1024;
/// Offsets that a restart may repeat on one partition.
const SPAN: i64 = 5000;

/// What a stage reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topic.
    pub topic: Topic,
    /// The group, without the prefix.
    pub group: String,
    /// How many records are handled at once.
    pub concurrency: usize,
}

/// Reads a topic as a member of a group until `shutdown`, and on until the group can be left, which it can unless a
/// round of its rebalance waits for another member. Then, and on revocation, running work gets up to 10 s to end, or
/// a third of a shorter session. A new group starts at the beginning of the topic.
///
/// # Errors
/// Fatal ones only: a dead client, a handler that halts, too many dead letters in a row. A broker that cannot be
/// reached and a topic that does not exist are waited for.
pub async fn consume<H: Handler>(
    subscription: Subscription,
    handler: Arc<H>,
    context: &Context,
    shutdown: CancellationToken,
) -> Result<(), KafkaFailure> {
    let concurrency = subscription.concurrency.max(1);
    let spec = PollSpec {
        topic: subscription.topic,
        group: subscription.group,
        role: Role::Handler,
        reset: "earliest",
        limits: Limits { pending: PENDING.max(concurrency.saturating_mul(4)), bytes: BYTES, span: SPAN },
    };
    let mut poller = Poller::start(spec, context, &shutdown)?;
    let (failed, mut failures) = unbounded_channel();
    let workers = Arc::new(Workers::new(handler, context, Arc::clone(&poller.registry), (concurrency, failed)));
    let mut gone = pin!(poller.gone());
    let ended = loop {
        tokio::select! {
            biased;
            Some(failure) = failures.recv() => break Err(failure),
            event = poller.events.recv() => match event {
                Some(Event::Assigned(assigned)) => drop(tokio::spawn(Arc::clone(&workers).serve(assigned))),
                Some(Event::Failed(failure)) => break Err(failure),
                None => break thread_ended(&shutdown),
            },
            // What it has told before is read first.
            () = &mut gone => break thread_ended(&shutdown),
        }
    };
    poller.close().await;
    // What failed while the rest was ending is not lost.
    ended.and_then(|()| failures.try_recv().map_or(Ok(()), Err))
}

/// The poll thread ends by itself after a shutdown, and never otherwise.
fn thread_ended(shutdown: &CancellationToken) -> Result<(), KafkaFailure> {
    if shutdown.is_cancelled() { Ok(()) } else { Err(KafkaFailure::Dead("the poll thread ended".to_owned())) }
}
