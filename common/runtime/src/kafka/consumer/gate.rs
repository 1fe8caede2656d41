//! Backpressure: when too much is in flight, stop polling for a moment; only when that lasts, pause.
//!
//! `pause` throws away what librdkafka has prefetched and fetches it again after `resume` (about a second, measured),
//! so it is the second resort and has hysteresis. Pause state cannot be asked for; it is kept here and forgotten when
//! a partition comes or goes, because new partitions arrive unpaused.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::hooks::Hooks;
use super::registry::PartitionRegistry;

/// How long polling may rest before partitions are paused; heartbeats go on, rebalances wait that long.
const PARK: Duration = Duration::from_secs(1);

/// Whether to poll.
#[derive(Debug, Default)]
pub(super) struct Gate {
    parked: Option<Instant>,
}

impl Gate {
    pub(super) fn is_parked(&self) -> bool {
        self.parked.is_some()
    }

    /// Looks at what is in flight and parks, pauses or resumes.
    pub(super) fn step(&mut self, registry: &PartitionRegistry, consumer: &BaseConsumer<Hooks>, topic: &str) {
        let full: BTreeSet<i32> = registry.full().into_iter().collect();
        let mut paused = consumer.context().paused();
        let unpaused: BTreeSet<i32> = full.difference(&paused).copied().collect();
        if !paused.is_empty() {
            let busy: BTreeSet<i32> = registry.half_full().into_iter().collect();
            let rested: BTreeSet<i32> = paused.difference(&busy).copied().collect();
            if turn(consumer, topic, &rested, false) {
                paused.retain(|partition| !rested.contains(partition));
            }
        }
        match self.parked {
            _ if unpaused.is_empty() => self.parked = None,
            None => self.parked = Some(Instant::now()),
            Some(since) if since.elapsed() >= PARK => {
                if turn(consumer, topic, &unpaused, true) {
                    paused.extend(&unpaused);
                }
                self.parked = None;
            }
            Some(_) => {}
        }
    }
}

/// Pauses or resumes; `false` when the client refuses, which is tried again at the next step.
fn turn(consumer: &BaseConsumer<Hooks>, topic: &str, partitions: &BTreeSet<i32>, pause: bool) -> bool {
    if partitions.is_empty() {
        return true;
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(topic, *partition);
    }
    let answer = if pause { consumer.pause(&list) } else { consumer.resume(&list) };
    if let Err(error) = &answer {
        tracing::debug!(%error, pause, "cannot change what is paused");
    }
    answer.is_ok()
}
