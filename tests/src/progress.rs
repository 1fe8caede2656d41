//! How long nothing moved: the decisions as they arrive, over all and by machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cordon_runtime::kafka::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::Deserialize;

const STEP: Duration = Duration::from_millis(50);

/// When which machine's alert was decided for the first time.
type Arrivals = Arc<Mutex<Vec<(Instant, String)>>>;

/// Reads a topic of one partition as it is written. A record that stands there again is no progress.
#[derive(Debug)]
pub struct Progress {
    arrivals: Arrivals,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The longest times without progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standstill {
    /// Of all.
    pub overall: Duration,
    /// Of each key.
    pub by_key: BTreeMap<String, Duration>,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
}

impl Progress {
    /// Starts reading at the beginning of `topic`, which is a full name.
    #[must_use]
    pub fn watch(kafka: &KafkaSettings, topic: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &kafka.bootstrap_servers)
            .set("group.id", "progress")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "100")
            .create()
            .expect("a consumer");
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(topic, 0, Offset::Beginning).expect("an offset");
        consumer.assign(&all).expect("an assignment");
        let (arrivals, stop) = (Arrivals::default(), Arc::new(AtomicBool::new(false)));
        let (told, stopped) = (Arc::clone(&arrivals), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut known = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                let Some(Ok(message)) = consumer.poll(STEP) else { continue };
                let record: Identified =
                    serde_json::from_slice(message.payload().expect("a value")).expect("our own record");
                let key = String::from_utf8_lossy(message.key().expect("a key")).into_owned();
                if known.insert(record.id) {
                    told.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), key));
                }
            }
        });
        Self { arrivals, stop, thread: Some(thread) }
    }

    /// How many distinct records have come.
    #[must_use]
    pub fn count(&self) -> usize {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The longest times without progress between two moments, up to the very end.
    #[must_use]
    pub fn standstill(&self, from: Instant, to: Instant) -> Standstill {
        standstill(&self.arrivals.lock().unwrap_or_else(PoisonError::into_inner), from, to)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || !matches!(ended, Some(Err(_))), "the reader of decisions has panicked");
    }
}

fn standstill(arrivals: &[(Instant, String)], from: Instant, to: Instant) -> Standstill {
    let keys: BTreeSet<&String> = arrivals.iter().map(|(_, key)| key).collect();
    let longest = |of: &dyn Fn(&str) -> bool| {
        let within = arrivals.iter().filter(|(at, key)| (from..to).contains(at) && of(key)).map(|(at, _)| *at);
        let (mut last, mut longest) = (from, Duration::ZERO);
        for at in within.chain([to]) {
            longest = longest.max(at.saturating_duration_since(last));
            last = at;
        }
        longest
    };
    let by_key = keys.into_iter().map(|key| (key.clone(), longest(&|other| other == key))).collect();
    Standstill { overall: longest(&|_| true), by_key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standstill_counts_from_the_beginning_between_records_and_up_to_the_end() {
        let from = Instant::now();
        let at = |seconds: u64| from + Duration::from_secs(seconds);
        let arrivals = [(at(1), "a".to_owned()), (at(4), "b".to_owned()), (at(5), "a".to_owned())];
        let seen = standstill(&arrivals, from, at(7));
        assert_eq!(seen.overall, Duration::from_secs(3));
        assert_eq!(seen.by_key["a"], Duration::from_secs(4));
        assert_eq!(seen.by_key["b"], Duration::from_secs(4));
        assert_eq!(standstill(&arrivals, from, at(20)).overall, Duration::from_secs(15));
        assert_eq!(standstill(&arrivals, at(4), at(5)).overall, Duration::from_secs(1));
    }
}
