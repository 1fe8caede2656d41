//! The one thread that talks to the group. It polls, keeps the rebalance promises, stores offsets, and stops.
//!
//! It is a thread of its own around `BaseConsumer`, because rebalance hooks run inside `poll` and must be able to
//! wait for work in flight; `StreamConsumer` would block an executor thread for that, and its wake-ups are
//! edge-triggered (rust-rdkafka issues #638, #665). Offsets are only stored here: librdkafka commits what is stored
//! in the background, on revocation and on close. An explicit synchronous commit has no timeout (librdkafka #3740).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_records::{Cleanup, Topic};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

use super::event::Event;
use super::gate::Gate;
use super::hooks::{Hooks, store};
use super::leave::Farewell;
use super::loss::{self, Meaning, Watch};
use super::registry::{Limits, PartitionRegistry};
use crate::context::{Context, Ends};
use crate::kafka::error::{KafkaFailure, is_fatal, words};
use crate::kafka::records::Inbound;
use crate::kafka::settings::Role;

/// Longest wait for a message or a rebalance, which end it; the stop signal is noticed within it.
const POLL: Duration = Duration::from_millis(250);
/// Longest wait for room before the limits are looked at.
const CROWDED: Duration = Duration::from_millis(50);
/// How often offsets are stored and gauges are set.
const TICK: Duration = Duration::from_millis(100);
/// Records between two looks at the limits.
const GLANCE: u32 = 32;
/// How long running work may take to end when its partition goes; never more than a third of the session, and of a
/// holder's, which is shorter and holds up nobody but its successor, two thirds.
const DRAIN: Duration = Duration::from_secs(10);
/// How long closing the consumer may take. Without a broker it takes the whole session timeout, and sometimes for
/// ever (rust-rdkafka #453, librdkafka #3740); all that matters is committed before.
const CLOSE: Duration = Duration::from_secs(5);

/// What to read, and as whom.
pub(in crate::kafka) struct PollSpec {
    pub(in crate::kafka) topic: Topic,
    /// Without the prefix.
    pub(in crate::kafka) group: String,
    pub(in crate::kafka) role: Role,
    /// `auto.offset.reset`.
    pub(in crate::kafka) reset: &'static str,
    pub(in crate::kafka) limits: Limits,
}

/// The stage's end of the thread.
pub(in crate::kafka) struct Poller {
    pub(in crate::kafka) registry: Arc<PartitionRegistry>,
    pub(in crate::kafka) events: UnboundedReceiver<Event>,
    pub(in crate::kafka) topic_name: Arc<str>,
    pub(in crate::kafka) drain: Duration,
    /// Leases end.
    ending: CancellationToken,
    /// The group is to be left.
    stop: CancellationToken,
    /// The thread is gone.
    done: CancellationToken,
    /// A stage that is dropped in the middle stops its thread, too.
    _guards: [DropGuard; 2],
}

impl Poller {
    /// Joins the group and starts reading.
    pub(in crate::kafka) fn start(
        spec: PollSpec,
        context: &Context,
        shutdown: &CancellationToken,
    ) -> Result<Self, KafkaFailure> {
        let mut config = context.kafka.consumer(context.stage, &spec.group, spec.role, spec.reset)?;
        let ends = context.ends.clone();
        if ends.is_some() {
            config.set("enable.partition.eof", "true");
        }
        context.groups.join(&spec.group);
        let topic_name: Arc<str> = context.input.topic(spec.topic).into();
        let registry = PartitionRegistry::new(spec.limits).ending_at(ends.as_ref().map(|ends| ends.offsets.clone()));
        let (registry, stop) = (Arc::new(registry), shutdown.child_token());
        let ending = match spec.role {
            // Shared partitions are worked on until the group is left: see `leave`.
            Role::Handler => CancellationToken::new(),
            Role::Elected => stop.clone(),
        };
        let (sender, events) = unbounded_channel();
        let drain = drain_deadline(&config, spec.role);
        let hooks = Hooks::new(Arc::clone(&registry), sender.clone(), context, (Arc::clone(&topic_name), spec.topic))
            .in_group(context.kafka.group(&spec.group))
            .ending_with(ending.clone(), drain)
            .going_on(spec.reset == "earliest");
        let farewell = Farewell::of(&config);
        let consumer: BaseConsumer<Hooks> =
            config.create_with_context(hooks).map_err(|answer| KafkaFailure::Client { what: "consumer", answer })?;
        consumer.subscribe(&[&topic_name]).map_err(|answer| KafkaFailure::Client { what: "consumer", answer })?;
        let done = CancellationToken::new();
        let thread = PollThread {
            consumer,
            registry: Arc::clone(&registry),
            sender,
            ending: ending.clone(),
            stop: stop.clone(),
            farewell,
            topic: (Arc::clone(&topic_name), spec.topic),
            group: context.kafka.group(&spec.group),
            drain,
            gate: Gate::default(),
            watch: Watch::new(Instant::now()),
            ends: ends.map(|ends| (ends, shutdown.clone())),
        };
        let gone = done.clone().drop_guard();
        std::thread::Builder::new().name("kafka-poll".to_owned()).spawn(move || {
            let _gone = gone;
            thread.run();
        })?;
        let guards = [ending.clone().drop_guard(), stop.clone().drop_guard()];
        Ok(Self { registry, events, topic_name, drain, ending, stop, done, _guards: guards })
    }

    /// Waits until the thread is gone: after a shutdown, or a failure that it told before.
    pub(super) fn gone(&self) -> WaitForCancellationFutureOwned {
        self.done.clone().cancelled_owned()
    }

    /// Asks the thread to stop; leases begin to end at once.
    pub(in crate::kafka) fn stop(&self) {
        self.ending.cancel();
        self.stop.cancel();
    }

    /// Stops, waits for running work to end, for the last offsets to be stored and for the group to be left.
    pub(in crate::kafka) async fn close(self) {
        self.stop();
        self.done.cancelled().await;
    }
}

fn drain_deadline(config: &ClientConfig, role: Role) -> Duration {
    let session = config.get("session.timeout.ms").and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let part = match role {
        Role::Handler => 1,
        Role::Elected => 2,
    };
    session.map_or(DRAIN, |session| DRAIN.min(session / 3 * part))
}

struct PollThread {
    consumer: BaseConsumer<Hooks>,
    registry: Arc<PartitionRegistry>,
    sender: UnboundedSender<Event>,
    ending: CancellationToken,
    stop: CancellationToken,
    farewell: Farewell,
    topic: (Arc<str>, Topic),
    group: String,
    drain: Duration,
    gate: Gate,
    watch: Watch,
    /// Where the input ends, and what tells the stage that it has.
    ends: Option<(Ends, CancellationToken)>,
}

impl PollThread {
    fn run(mut self) {
        let (mut ticked, mut unseen) = (Instant::now(), 0_u32);
        while !self.is_to_leave() {
            if ticked.elapsed() >= TICK || unseen >= GLANCE {
                unseen = 0;
                self.gate.step(&self.registry, &self.consumer, &self.topic.0);
                if ticked.elapsed() >= TICK {
                    ticked = Instant::now();
                    self.tick();
                }
            }
            if self.gate.is_parked() {
                let paused = self.consumer.context().paused().clone();
                self.registry.wait_for_room(&paused, CROWDED);
                unseen = GLANCE;
                continue;
            }
            if let Some(failure) = self.poll(&mut unseen) {
                let _ = self.sender.send(Event::Failed(failure));
                break;
            }
        }
        self.close();
    }

    /// Whether the group is to be left now.
    fn is_to_leave(&mut self) -> bool {
        self.stop.is_cancelled() && self.farewell.is_due(self.consumer.context().round(), Instant::now())
    }

    /// One poll; a failure is one that ends reading.
    fn poll(&self, unseen: &mut u32) -> Option<KafkaFailure> {
        match self.consumer.poll(POLL)? {
            Ok(message) => {
                *unseen = unseen.saturating_add(1);
                let (partition, offset) = (message.partition(), message.offset());
                if self.registry.is_beyond(partition, offset) {
                    self.has_come(partition, offset);
                    return None;
                }
                if let Some(found) = self.registry.comes(partition, offset) {
                    match loss::judge(&self.consumer, &self.topic.0, self.topic.1, found) {
                        Some(Meaning::Anew) => self.consumer.context().begins_anew(found.partition, found.came),
                        Some(Meaning::Lost(gap)) => self.consumer.context().lost(gap),
                        None => {}
                    }
                }
                self.registry.receive(Inbound::detach(&message, self.topic.1, &self.topic.0));
                self.consumer.context().connected();
                self.has_come(partition, offset.saturating_add(1));
                None
            }
            Err(error) => self.judge(&error),
        }
    }

    /// Most errors are the weather: librdkafka keeps trying by itself. A few end the consumer.
    fn judge(&self, error: &KafkaError) -> Option<KafkaFailure> {
        match error {
            // Only asked for where the input ends: nothing is there that would come before the end.
            KafkaError::PartitionEOF(partition) => {
                self.has_come(*partition, i64::MAX);
                None
            }
            KafkaError::MessageConsumptionFatal(_) => Some(KafkaFailure::Dead(error.to_string())),
            KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => {
                let hooks = self.consumer.context();
                hooks.settle_doubts(&self.consumer, Instant::now());
                hooks.wait_for_letters();
                Some(KafkaFailure::NoOffset { group: self.group.clone(), topic: self.topic.0.to_string() })
            }
            KafkaError::MessageConsumption(code) if is_fatal(*code) => Some(KafkaFailure::Dead(error.to_string())),
            KafkaError::MessageConsumption(code) => {
                self.consumer.context().complain(*code);
                None
            }
            other => {
                tracing::warn!(error = words(other), topic = %self.topic.0, "reading from kafka reports an error");
                None
            }
        }
    }

    /// All of a partition before this offset has come. Of one of which no more is wanted nothing is fetched any more.
    fn has_come(&self, partition: i32, next: i64) {
        if self.registry.has_come(partition, next) {
            let mut list = TopicPartitionList::with_capacity(1);
            list.add_partition(&self.topic.0, partition);
            if let Err(error) = self.consumer.pause(&list) {
                tracing::debug!(%error, partition, "cannot pause what is read to its end");
            }
        }
    }

    /// Tells the stage when all of an input that ends is settled.
    fn look_at_the_end(&self) {
        if let Some((ends, stage)) = &self.ends
            && self.registry.has_ended()
        {
            ends.reach();
            stage.cancel();
        }
    }

    fn tick(&mut self) {
        self.consumer.context().settle_doubts(&self.consumer, Instant::now());
        store(&self.consumer, &self.topic.0, &self.registry.advances());
        self.consumer.context().beat(self.registry.pending());
        self.look_at_a_silent_partition();
        self.look_at_the_end();
    }

    fn look_at_a_silent_partition(&mut self) {
        let hooks = self.consumer.context();
        if self.gate.is_parked() || !hooks.paused().is_empty() || !hooks.is_ready() {
            self.watch.rest();
        } else if self.topic.1.spec().cleanup != Cleanup::Compact
            && let Some(silent) = self.watch.next(Instant::now(), &self.registry.expected())
        {
            let gaps = loss::deleted(&self.consumer, &self.topic.0, &BTreeMap::from([silent]));
            gaps.into_iter().for_each(|gap| hooks.lost(gap));
        }
    }

    /// Lets running work end, stores what is settled, and leaves the group on a side thread under a watchdog.
    ///
    /// A member without partitions unsubscribes first: closed under a cooperative assignor, librdkafka 2.12 sends no
    /// LeaveGroup for it (`rd_kafka_cgrp_revoke_all_rejoin` returns before), and the next round waits for its session.
    fn close(self) {
        self.ending.cancel();
        let partitions = self.registry.partitions();
        let busy = self.registry.drain(&partitions, self.drain);
        if !busy.is_empty() {
            tracing::warn!(partitions = ?busy, "work did not end in time; its records will be read again");
        }
        store(&self.consumer, &self.topic.0, &self.registry.close(&partitions));
        self.consumer.context().rest();
        let (closed, wait) = std::sync::mpsc::channel();
        let consumer = self.consumer;
        let thread = std::thread::Builder::new().name("kafka-close".to_owned()).spawn(move || {
            if partitions.is_empty() {
                consumer.unsubscribe();
            }
            drop(consumer);
            let _ = closed.send(());
        });
        if thread.is_err() || wait.recv_timeout(CLOSE).is_err() {
            tracing::warn!("leaving the group takes too long; going on without waiting");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_as_long_for_its_last_writes_as_under_a_long_session() {
        let of = |session, role| drain_deadline(ClientConfig::new().set("session.timeout.ms", session), role).as_secs();
        assert_eq!((of("9000", Role::Elected), of("6000", Role::Elected), of("30000", Role::Elected)), (6, 4, 10));
        assert_eq!((of("15000", Role::Handler), of("45000", Role::Handler)), (5, 10));
        assert_eq!(drain_deadline(&ClientConfig::new(), Role::Elected), DRAIN);
    }
}
