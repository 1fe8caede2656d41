//! Stages of which one may act: whoever holds the one partition of a topic.
//!
//! Kafka's group protocol is the election. The holder works through its [`Inbox`] under a [`Tenure`] and settles
//! records in any order; when the tenure is lost, what it settles no longer counts.

mod again;
mod aside;
mod inbox;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cordon_records::{Classified, DeadLetterReason, ErrorClass, RecordOutcome, Topic};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::kafka::consumer::accounts::Accounts;
use crate::kafka::consumer::event::{Assigned, Event};
use crate::kafka::consumer::panics::guarded;
use crate::kafka::consumer::poll::{PollSpec, Poller};
use crate::kafka::consumer::registry::{Lease, Limits};
use crate::kafka::error::KafkaFailure;
use crate::kafka::records::Inbound;
use crate::kafka::settings::Role;

pub use inbox::{Arrival, Inbox, Others};

/// Unsettled records, their bytes and the span that a restart would repeat: beyond, reading pauses.
const LIMITS: Limits = Limits { pending: 1000, bytes: 16 * 1024 * 1024, span: 5_000 };

/// The span of a holder that puts records aside. They count for nothing else.
const FAR: i64 = 250_000;

/// What is elected on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// A topic of one partition.
    pub topic: Topic,
    /// The group, without the prefix.
    pub group: String,
    /// Where a group without committed offsets begins.
    pub start: Start,
    /// Whether its holder puts records aside ([`Inbox::skim`]), so that a restart may begin far behind.
    pub reads_past: bool,
}

/// Where a group without committed offsets begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the beginning of the topic.
    Earliest,
    /// Nowhere: it is an error, because a new beginning would act on old records and the end would skip some.
    Committed,
}

/// What the holder of the partition does.
pub trait Holder: Send + 'static {
    /// Its own failures.
    type Error: Classified + Send + Sync + 'static;

    /// Called once per tenure. It must return within [`Tenure::patience`] of [`Tenure::lost`], or the process ends;
    /// returning while the tenure is held ends the election.
    fn hold(&mut self, tenure: Tenure, inbox: Inbox) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// The time during which this process holds the partition.
#[derive(Debug, Clone)]
pub struct Tenure {
    lease: Lease,
    patience: Duration,
}

impl Tenure {
    /// Whether the partition is still held, as far as this process knows.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.lease.draining.is_cancelled()
    }

    /// How long the holder may take to return once the tenure is lost: 10 s, or two thirds of a shorter session.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Waits until the partition is about to go, or the process is.
    pub async fn lost(&self) {
        self.lease.draining.cancelled().await;
    }
}

/// Settles records of one tenure, in any order; the committed offset follows the lowest one that is open.
#[derive(Clone)]
pub struct Settler {
    accounts: Arc<Accounts>,
    lease: Lease,
}

impl std::fmt::Debug for Settler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settler").field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl Settler {
    /// Settles a record. `false` when it does not count: the tenure is over, or it was settled before. One that cannot
    /// be handled is settled by [`Settler::dead_letter`].
    pub fn settle(&self, offset: i64, outcome: RecordOutcome) -> bool {
        self.accounts.settle(&self.lease, offset, outcome)
    }

    /// Tells that a record could be read, for a holder that settles it much later: until then, only those that cannot
    /// be read would be seen to end, and would pass for a row of them.
    pub fn sound(&self) {
        self.accounts.sound();
    }

    /// Writes a record that cannot be handled to the dead letters, repeats that until it is confirmed, and settles it.
    /// `false` when the tenure was lost first: nothing is settled. A write under way may outlast the tenure by the time
    /// that a broker takes to answer; whoever must return sooner drops the call.
    ///
    /// # Errors
    /// [`KafkaFailure::TooManyDeadLetters`] when the fault is more likely ours: nothing is written, the record stays
    /// unsettled, and the holder must return this error. Others as [`crate::kafka::dead_letter()`], fatal ones only.
    pub async fn dead_letter(
        &self,
        record: &Inbound,
        reason: DeadLetterReason,
        detail: &str,
    ) -> Result<bool, KafkaFailure> {
        tokio::select! {
            biased;
            () = self.lease.over.cancelled() => Ok(false),
            dead_lettered = self.accounts.dead_letter(&self.lease, record, reason, detail) => dead_lettered,
        }
    }
}

/// Why an election ended.
#[derive(Debug, thiserror::Error)]
pub enum ElectError<E: Classified + 'static> {
    /// The Kafka half.
    #[error(transparent)]
    Kafka(#[from] KafkaFailure),
    /// The holder.
    #[error(transparent)]
    Holder(E),
}

impl<E: Classified + 'static> Classified for ElectError<E> {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Kafka(failure) => failure.class(),
            Self::Holder(error) => error.class(),
        }
    }
}

/// Stands for election until `shutdown`, and runs the holder whenever this process is elected.
///
/// # Errors
/// The holder's errors, too many dead letters among them, and fatal ones of Kafka: no committed offset with [`Start::Committed`], a holder that does
/// not give way, a topic of more than one partition, a dead client.
pub async fn elect<H: Holder>(
    election: Election,
    mut holder: H,
    context: &Context,
    shutdown: CancellationToken,
) -> Result<(), ElectError<H::Error>> {
    let reset = match election.start {
        Start::Earliest => "earliest",
        Start::Committed => "error",
    };
    let limits = if election.reads_past { Limits { span: FAR, ..LIMITS } } else { LIMITS };
    let (topic, group) = (election.topic, election.group);
    let spec = PollSpec { topic, group, role: Role::Elected, reset, limits };
    let mut poller = Poller::start(spec, context, &shutdown)?;
    let accounts = Arc::new(Accounts::new(context, Arc::clone(&poller.registry)));
    let ended = election_loop(&mut poller, &mut holder, &accounts, &shutdown).await;
    poller.close().await;
    ended
}

/// How one tenure ended.
enum Reign {
    /// The partition went; after a lost session it may be back already.
    Lost(Option<Assigned>),
    Finished,
}

async fn election_loop<H: Holder>(
    poller: &mut Poller,
    holder: &mut H,
    accounts: &Arc<Accounts>,
    shutdown: &CancellationToken,
) -> Result<(), ElectError<H::Error>> {
    let mut back = None;
    loop {
        let event = match back.take() {
            Some(assigned) => Some(Event::Assigned(assigned)),
            None => tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                event = poller.events.recv() => event,
            },
        };
        match event {
            Some(Event::Assigned(assigned)) => match serve_tenure(poller, holder, accounts, assigned).await? {
                Reign::Lost(again) => back = again,
                Reign::Finished => return Ok(()),
            },
            Some(Event::Failed(failure)) => return Err(failure.into()),
            None => return Err(KafkaFailure::Dead("the poll thread ended".to_owned()).into()),
        }
    }
}

async fn serve_tenure<H: Holder>(
    poller: &mut Poller,
    holder: &mut H,
    accounts: &Arc<Accounts>,
    assigned: Assigned,
) -> Result<Reign, ElectError<H::Error>> {
    let Assigned { lease, records } = assigned;
    let topic = poller.topic_name.to_string();
    if lease.partition != 0 {
        return Err(KafkaFailure::NotOnePartition { topic }.into());
    }
    let registry = Arc::clone(&poller.registry);
    let Some(running) = registry.start(&lease) else { return Ok(Reign::Lost(None)) };
    let settler = Settler { accounts: Arc::clone(accounts), lease: lease.clone() };
    let inbox = Inbox::new(records, settler);
    let patience = poller.drain;
    let mut hold = pin!(guarded(holder.hold(Tenure { lease: lease.clone(), patience }, inbox)));
    let mut overstayed = pin!(async {
        lease.draining.cancelled().await;
        tokio::time::sleep(patience).await;
    });
    let (mut failure, mut back) = (None, None);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut hold => break ended,
            () = &mut overstayed => {
                let late = KafkaFailure::DidNotYield { topic, seconds: patience.as_secs() };
                return Err(failure.unwrap_or(late).into());
            }
            event = poller.events.recv(), if failure.is_none() => match event {
                Some(Event::Assigned(assigned)) if assigned.lease.partition == 0 => back = Some(assigned),
                event => {
                    failure = Some(disturbance(event, &topic));
                    poller.stop();
                }
            },
        }
    };
    drop(running);
    match (ended, failure) {
        (Err(text), _) => Err(KafkaFailure::Panicked { topic, text }.into()),
        (Ok(Err(error)), _) => Err(ElectError::Holder(error)),
        (Ok(Ok(())), Some(failure)) => Err(failure.into()),
        (Ok(Ok(())), None) if lease.draining.is_cancelled() => Ok(Reign::Lost(back)),
        (Ok(Ok(())), None) => Ok(Reign::Finished),
    }
}

/// Whatever the poll thread says during a tenure ends it, except that it was lost, which the lease tells.
fn disturbance(event: Option<Event>, topic: &str) -> KafkaFailure {
    match event {
        Some(Event::Failed(failure)) => failure,
        Some(Event::Assigned(_)) => KafkaFailure::NotOnePartition { topic: topic.to_owned() },
        None => KafkaFailure::Dead("the poll thread ended".to_owned()),
    }
}
