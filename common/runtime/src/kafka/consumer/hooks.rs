//! What librdkafka calls back on the poll thread: rebalances, statistics, commits; and what follows for health.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cordon_records::Topic;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::commit_health::CommitHealth;
use super::event::{Assigned, Event};
use super::leave::Round;
use super::loss::{self, Gap};
use super::registry::{Break, PartitionRegistry};
use crate::context::Context;
use crate::kafka::connection::Connection;
use crate::kafka::connection::right::{Needs, Operation};
use crate::kafka::connection::statistics::Statistics;
use crate::kafka::error::words;
use crate::telemetry::{Health, StageMetrics};

/// The same complaint is logged again after this long.
const REPEAT: Duration = Duration::from_secs(30);
/// The pause before it is asked again where the group stands.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How long a stage that ends waits until it is told what it has lost.
const LETTERS: Duration = Duration::from_secs(30);

/// The consumer's context.
pub(super) struct Hooks {
    registry: Arc<PartitionRegistry>,
    events: UnboundedSender<Event>,
    topic: (Arc<str>, Topic),
    context: Context,
    metrics: StageMetrics,
    health: Health,
    ending: CancellationToken,
    drain: Duration,
    /// Reading goes on behind records that are lost.
    goes_on: bool,
    runtime: Option<Handle>,
    paused: Mutex<BTreeSet<i32>>,
    ready: AtomicBool,
    /// The topic is missing or forbidden; a connected broker does not change that.
    blocked: AtomicBool,
    round: Round,
    connection: Connection,
    /// What reading takes.
    needs: Needs,
    commits: Arc<CommitHealth>,
    complaint: Mutex<Option<(String, Instant)>>,
    /// This loop's part of the in-flight gauge.
    shown: AtomicI64,
    /// Lost records that are being told of.
    letters: Mutex<Vec<JoinHandle<()>>>,
    asked: Mutex<Option<Instant>>,
}

impl Hooks {
    pub(super) fn new(
        registry: Arc<PartitionRegistry>,
        events: UnboundedSender<Event>,
        context: &Context,
        topic: (Arc<str>, Topic),
    ) -> Self {
        let (metrics, health) = (context.metrics.clone(), context.health.clone());
        health.set_ready(topic.1.suffix(), false, "joining the consumer group");
        let (connection, needs) = (Connection::of(&context.kafka), Needs::topic(Operation::Read, &topic.0));
        Self {
            registry,
            events,
            topic,
            context: context.clone(),
            metrics,
            health,
            ending: CancellationToken::new(),
            drain: Duration::ZERO,
            goes_on: false,
            runtime: Handle::try_current().ok(),
            paused: Mutex::default(),
            ready: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            round: Round::default(),
            connection,
            needs,
            commits: Arc::new(CommitHealth::new(String::new())),
            complaint: Mutex::default(),
            shown: AtomicI64::new(0),
            letters: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// The group that is joined, by its full id.
    pub(super) fn in_group(self, group: String) -> Self {
        let commits = Arc::new(CommitHealth::new(group.clone()));
        self.health.watch("offsets", &commits);
        Self { needs: self.needs.and_group(Operation::Read, group), commits, ..self }
    }

    /// Leases end with `ending`; a revocation waits at most `drain` for running work.
    pub(super) fn ending_with(self, ending: CancellationToken, drain: Duration) -> Self {
        Self { ending, drain, ..self }
    }

    /// Whether reading goes on at the oldest record where the next one is lost; else the consumer ends.
    pub(super) fn going_on(self, goes_on: bool) -> Self {
        Self { goes_on, ..self }
    }

    /// One stage may read several topics, each with a loop of its own.
    fn component(&self) -> &'static str {
        self.topic.1.suffix()
    }

    /// Whether the broker answers.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Records were gone before they were read: tells of them, and passes over them once the dead letters have it.
    pub(super) fn lost(&self, gap: Gap) {
        self.metrics.lost(gap.records());
        gap.log(&self.topic.0);
        let (Some(lease), Some(runtime)) = (self.registry.lose(gap.partition, gap.last()), &self.runtime) else {
            return;
        };
        let (registry, context, name) = (Arc::clone(&self.registry), self.context.clone(), Arc::clone(&self.topic.0));
        let (goes_on, events) = (self.goes_on, self.events.clone());
        let letter = runtime.spawn(async move {
            if !goes_on && loss::is_told(&context, &name, gap).await {
                return;
            }
            match loss::record(&context, &name, gap, &lease).await {
                Ok(true) if goes_on => drop(registry.settle(&lease, gap.last())),
                Ok(_) => {}
                // Nobody listens only when the stage is stopping for another failure.
                Err(failure) => drop(events.send(Event::Failed(failure))),
            }
        });
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.retain(|letter| !letter.is_finished());
        letters.push(letter);
    }

    /// Waits, for some time, until the dead letters tell of what is lost. Never on a thread of the runtime.
    pub(super) fn wait_for_letters(&self) {
        let letters = std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(runtime) = &self.runtime else { return };
        let written = async {
            for letter in letters {
                let _ = letter.await;
            }
        };
        if runtime.block_on(async { tokio::time::timeout(LETTERS, written).await }).is_err() {
            tracing::warn!("that records are lost is not on the dead letters yet; it is told at the next start");
        }
    }

    /// Asks again where the group stands on partitions on which nobody could say when they came, and tells of what is
    /// lost before the first record that has come meanwhile.
    pub(super) fn settle_doubts(&self, consumer: &BaseConsumer<Self>, now: Instant) {
        let doubted = self.registry.doubted();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if doubted.is_empty() || asked.is_some_and(|at| now.saturating_duration_since(at) < ASK_AGAIN) {
            return;
        }
        let committed = loss::committed(consumer, (&self.topic.0, self.topic.1), &doubted);
        *asked = Some(Instant::now());
        let Some(committed) = committed else { return };
        for partition in doubted {
            let next = committed.get(&partition).copied();
            let came = self.registry.stands(partition, next);
            match (next, came) {
                (Some(expected), Some(came)) if expected != came => {
                    let found = Break { partition, expected, came };
                    if let Some(gap) = loss::judge_late(consumer, &self.topic.0, found) {
                        self.lost(gap);
                    }
                }
                (Some(next), None) => {
                    let gaps = loss::deleted(consumer, &self.topic.0, &BTreeMap::from([(partition, next)]));
                    gaps.into_iter().for_each(|gap| self.lost(gap));
                }
                (Some(_), Some(_)) | (None, _) => {}
            }
            self.registry.trust(partition);
        }
    }

    /// The partitions that are paused.
    pub(super) fn paused(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Our part in the group's present round.
    pub(super) fn round(&self) -> &Round {
        &self.round
    }

    /// The broker answers.
    pub(super) fn connected(&self) {
        if !self.ready.swap(true, Ordering::Relaxed) {
            self.health.set_ready(self.component(), true, "");
        }
    }

    fn unready(&self, why: &str) {
        self.ready.store(false, Ordering::Relaxed);
        self.health.set_ready(self.component(), false, why);
    }

    /// The poll thread is alive.
    pub(super) fn beat(&self, pending: usize) {
        self.health.beat(self.component());
        self.show_in_flight(pending);
    }

    /// The poll thread ends, and not because it is stuck.
    pub(super) fn rest(&self) {
        self.show_in_flight(0);
        self.health.rest(self.component());
    }

    fn show_in_flight(&self, pending: usize) {
        let pending = i64::try_from(pending).unwrap_or(i64::MAX);
        self.metrics.in_flight_changed(pending - self.shown.swap(pending, Ordering::Relaxed));
    }

    /// Something is wrong that librdkafka keeps working on. A single broken connection is no reason for alarm.
    pub(super) fn complain(&self, code: RDKafkaErrorCode) {
        let right = self.connection.lacking(&self.needs, code);
        let missing = matches!(code, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic);
        let why = match (&right, self.connection.newest()) {
            (Some(right), _) => format!("access is denied: {right}, which the broker's access lists do not give"),
            (None, _) if missing => "the topic does not exist".to_owned(),
            (None, Some(cause)) => format!("no broker can be used: {cause}"),
            (None, None) => format!("no broker can be reached: {}", words(&KafkaError::Global(code))),
        };
        if missing || right.is_some() {
            self.blocked.store(true, Ordering::Relaxed);
            self.unready(&why);
        } else if is_disconnected(code) {
            self.unready(&why);
        }
        let mut last = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|(same, at)| *same == why && at.elapsed() < REPEAT) {
            return;
        }
        let topic = &*self.topic.0;
        if missing {
            tracing::warn!(topic, "the topic does not exist yet; waiting for it (cordon topics apply creates it)");
        } else if matches!(code, RDKafkaErrorCode::BrokerTransportFailure) {
            tracing::debug!(topic, "a connection to a broker was lost; reconnecting");
            return;
        } else {
            tracing::warn!(topic, error = why, "kafka is not available; trying again");
        }
        *last = Some((why, Instant::now()));
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        // A member without partitions may be a standby, or one whose topic is missing.
        if list.count() > 0 {
            self.blocked.store(false, Ordering::Relaxed);
        }
        if !self.blocked.load(Ordering::Relaxed) {
            self.connected();
        }
        tracing::info!(topic = &*self.topic.0, partitions = ?partitions(list), "partitions assigned");
        loss::tell_of_added(&self.topic.0, self.topic.1, &partitions(list));
        let committed = loss::committed(consumer, (&self.topic.0, self.topic.1), &partitions(list));
        let known = committed.is_some();
        let committed = committed.unwrap_or_default();
        let gaps = loss::deleted(consumer, &self.topic.0, &committed);
        for partition in partitions(list) {
            self.paused().remove(&partition);
            self.open(partition, committed.get(&partition).copied());
            if !known {
                self.registry.doubt(partition);
            }
        }
        gaps.into_iter().for_each(|gap| self.lost(gap));
    }

    /// Begins a lease. One that is held on the partition ends.
    fn open(&self, partition: i32, next: Option<i64>) {
        let (sender, records) = unbounded_channel();
        let lease = self.registry.open((partition, next), &self.ending, sender);
        // Nobody listens only while the stage is stopping.
        let _ = self.events.send(Event::Assigned(Assigned { lease, records }));
    }

    /// The partition is another one under the old name. What is under way belongs to the old one and must not settle
    /// offsets of the new one.
    pub(super) fn begins_anew(&self, partition: i32, at: i64) {
        self.open(partition, Some(at.saturating_add(1)));
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = partitions(list);
        if consumer.assignment_lost() {
            // Someone else may have them already: what runs is dropped, nothing is stored.
            self.registry.close(&partitions);
            tracing::warn!(topic = &*self.topic.0, ?partitions, "partitions lost");
        } else {
            let busy = self.registry.drain(&partitions, self.drain);
            store(consumer, &self.topic.0, &self.registry.close(&partitions));
            tracing::info!(topic = &*self.topic.0, ?partitions, unfinished = ?busy, "partitions revoked");
        }
        for partition in partitions {
            self.paused().remove(&partition);
            self.metrics.lag(&self.topic.0, partition, 0);
        }
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect()
}

fn is_disconnected(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SaslAuthenticationFailed
    )
}

impl ClientContext for Hooks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.connection.log(level, facility, message);
    }

    fn stats_raw(&self, json: &[u8]) {
        let statistics = Statistics::parse(json);
        self.round.report(statistics.is_waiting_for_the_group());
        if statistics.is_connected() {
            self.connection.works();
        }
        if statistics.is_connected() && !self.blocked.load(Ordering::Relaxed) {
            self.connected();
        }
        let held = self.registry.partitions();
        for (partition, lag) in statistics.lags(&self.topic.0) {
            if held.contains(&partition) {
                self.metrics.lag(&self.topic.0, partition, lag);
            }
        }
    }

    /// The same errors come out of `poll`, where they are judged.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client reports an error");
    }
}

impl ConsumerContext for Hooks {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => self.revoked(consumer, list),
            Rebalance::Assign(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance reports an error"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            self.assigned(consumer, list);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        match result {
            Ok(()) => self.commits.taken(),
            // There was nothing to commit.
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                let right = error.rdkafka_error_code().and_then(|code| self.connection.lacking(&self.needs, code));
                let why = right.map_or_else(|| words(&error), |right| format!("access is denied: {right}"));
                if self.commits.refused(why.clone()) {
                    tracing::warn!(error = why, "offsets are not committed; their records may be read again");
                }
            }
        }
    }
}

/// Stores next-to-read offsets for the background commit. The list lives only for this call: one that is alive when
/// the consumer is dropped pins the partition, and the drop never returns (rust-rdkafka #453). `store_offsets` takes
/// the number as it is, whereas `store_offset` would add one.
pub(super) fn store(consumer: &BaseConsumer<Hooks>, topic: &str, offsets: &[(i32, i64)]) {
    if offsets.is_empty() {
        return;
    }
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    let added = offsets
        .iter()
        .try_for_each(|(partition, at)| list.add_partition_offset(topic, *partition, Offset::Offset(*at)));
    match added.and_then(|()| consumer.store_offsets(&list)) {
        Ok(()) => {}
        // The partition is no longer ours: whoever has it now reads these records again.
        Err(KafkaError::StoreOffset(RDKafkaErrorCode::State)) => {}
        Err(error) => tracing::warn!(%error, topic, "cannot store offsets; their records may be read again"),
    }
}
