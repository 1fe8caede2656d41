//! What consumer groups have committed and who belongs to them, asked by a plain client that joins none of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use cordon_records::Topic;
use cordon_runtime::kafka::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::Deserialize;

use crate::oracle;

const EVERY: Duration = Duration::from_millis(500);
const ANSWER: Duration = Duration::from_secs(10);

/// Offsets by partition.
type Offsets = BTreeMap<i32, i64>;

/// A group that reads one topic and writes to the next.
#[derive(Debug, Clone, Copy)]
pub struct Hop {
    /// Without the prefix.
    pub group: &'static str,
    /// What it reads.
    pub input: Topic,
    /// What it writes: one record for each that it reads.
    pub output: Topic,
}

/// From `alerts` to `enriched` and on to `decisions`.
pub const HOPS: [Hop; 2] = [
    Hop { group: "enrich", input: Topic::Alerts, output: Topic::Enriched },
    Hop { group: "act-decide", input: Topic::Enriched, output: Topic::Decisions },
];

/// What a group had committed at one moment, and where its output ended just after.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sample {
    committed: Offsets,
    ends: Offsets,
}

/// Looks at what the groups have committed, again and again.
#[derive(Debug)]
pub struct Committed {
    kafka: KafkaSettings,
    stop: Arc<AtomicBool>,
    threads: Vec<(Hop, JoinHandle<Vec<Sample>>)>,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
}

impl Committed {
    /// Starts looking at the groups of [`HOPS`].
    #[must_use]
    pub fn watch(kafka: &KafkaSettings) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |hop: Hop| {
            let (kafka, stop) = (kafka.clone(), Arc::clone(&stop));
            (hop, std::thread::spawn(move || look(&kafka, hop, &stop)))
        };
        let threads = HOPS.into_iter().map(start).collect();
        Self { kafka: kafka.clone(), stop, threads }
    }

    /// I6, at every look and at the last one now: no committed offset has gone back, and each input below one had its
    /// output on the next topic by then. Returns how many looks there were. Blocks.
    ///
    /// # Panics
    /// When it does not hold.
    #[must_use]
    pub fn nothing_unsettled_lay_below(self, deadline: Duration) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let mut looks = 0;
        for (hop, thread) in self.threads {
            let samples = thread.join().expect("the groups can be asked");
            let topic = |topic: Topic| self.kafka.topic(topic);
            let read = |name: &str| oracle::records(&self.kafka.bootstrap_servers, name, deadline);
            let needs = needs(hop, &read(&topic(hop.input)), &read(&topic(hop.output)));
            looks += samples.len();
            check(hop, &samples, &needs);
        }
        looks
    }
}

/// Asks until it is told to stop, and once more then.
fn look(kafka: &KafkaSettings, hop: Hop, stop: &AtomicBool) -> Vec<Sample> {
    let asker = asker(kafka, &kafka.group(hop.group));
    let (input, output) = (kafka.topic(hop.input), kafka.topic(hop.output));
    let (inputs, outputs) = (partitions(&asker, &input), partitions(&asker, &output));
    let mut samples = Vec::new();
    loop {
        let last = stop.load(Ordering::Relaxed);
        // A coordinator that is busy with the group is asked again at the next look.
        if let Ok(committed) = committed(&asker, &input, inputs) {
            samples.push(Sample { committed, ends: ends(&asker, &output, outputs) });
        } else {
            assert!(!last, "{}: the committed offsets cannot be asked for", hop.group);
        }
        if last {
            return samples;
        }
        std::thread::sleep(EVERY);
    }
}

fn asker(kafka: &KafkaSettings, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap_servers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer")
}

fn partitions(asker: &BaseConsumer, topic: &str) -> i32 {
    let metadata = asker.fetch_metadata(Some(topic), ANSWER).expect("metadata");
    let count = metadata.topics().first().expect("the topic in the metadata").partitions().len();
    i32::try_from(count).expect("few partitions")
}

fn committed(asker: &BaseConsumer, topic: &str, partitions: i32) -> Result<Offsets, KafkaError> {
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_range(topic, 0, partitions - 1);
    let found = asker.committed_offsets(wanted, ANSWER)?;
    let offsets = found.elements().into_iter().map(|element| match element.offset() {
        Offset::Offset(at) => Ok((element.partition(), at)),
        Offset::Invalid if element.error().is_ok() => Ok((element.partition(), 0)),
        _ => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::Fail)),
    });
    offsets.collect()
}

fn ends(asker: &BaseConsumer, topic: &str, partitions: i32) -> Offsets {
    let end = |partition| asker.fetch_watermarks(topic, partition, ANSWER).expect("watermarks").1;
    (0..partitions).map(|partition| (partition, end(partition))).collect()
}

/// For each input, where its first output is, if anywhere.
type Needs = BTreeMap<(i32, i64), Option<(i32, i64)>>;

/// enrich keeps the record's id; a decision has its input's position as its id.
fn needs(hop: Hop, inputs: &[OwnedMessage], outputs: &[OwnedMessage]) -> Needs {
    let id = |message: &OwnedMessage| -> String {
        let record: Identified = serde_json::from_slice(message.payload().expect("a value")).expect("our own record");
        record.id
    };
    let mut first: BTreeMap<String, (i32, i64)> = BTreeMap::new();
    for output in outputs {
        first.entry(id(output)).or_insert((output.partition(), output.offset()));
    }
    let wanted = |input: &OwnedMessage| match hop.output {
        Topic::Decisions => format!("{}/{}/{}", input.topic(), input.partition(), input.offset()),
        _ => id(input),
    };
    inputs.iter().map(|input| ((input.partition(), input.offset()), first.get(&wanted(input)).copied())).collect()
}

fn check(hop: Hop, samples: &[Sample], needs: &Needs) {
    let mut before = Offsets::new();
    for sample in samples {
        for (partition, &at) in &sample.committed {
            let last = before.insert(*partition, at).unwrap_or(0);
            assert!(at >= last, "{}: the offset of partition {partition} went back from {last} to {at}", hop.group);
            for ((_, offset), output) in needs.range((*partition, 0)..(*partition, at)) {
                let was_there = output.is_some_and(|(partition, offset)| offset < sample.ends[&partition]);
                assert!(
                    was_there,
                    "{}: {at} was committed on partition {partition}, but the output of {offset} is at {output:?} and \
                     the ends were {:?}",
                    hop.group, sample.ends
                );
            }
        }
    }
}

/// How many members a group of the classic protocol has, as its coordinator counts them; `group` is without the
/// prefix. Blocks.
///
/// # Panics
/// When the coordinator does not answer.
#[must_use]
pub fn members(kafka: &KafkaSettings, group: &str) -> usize {
    let name = kafka.group(group);
    let groups = asker(kafka, "asker").fetch_group_list(Some(&name), ANSWER).expect("the group");
    groups.groups().iter().map(|group| group.members().len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOP: Hop = HOPS[0];

    fn sample(committed: i64, end: i64) -> Sample {
        Sample { committed: [(0, committed)].into(), ends: [(3, end)].into() }
    }

    fn inputs() -> Needs {
        [((0, 0), Some((3, 10))), ((0, 1), Some((3, 12))), ((0, 2), None)].into()
    }

    #[test]
    fn inputs_with_their_outputs_may_lie_below_what_is_committed() {
        check(HOP, &[sample(0, 0), sample(1, 11), sample(2, 13)], &inputs());
    }

    #[test]
    #[should_panic(expected = "the output of 1 is at Some((3, 12))")]
    fn a_commit_before_the_output_was_there_is_found_although_it_came_later() {
        check(HOP, &[sample(2, 12)], &inputs());
    }

    #[test]
    #[should_panic(expected = "the output of 2 is at None")]
    fn a_commit_without_an_output_is_found() {
        check(HOP, &[sample(3, 100)], &inputs());
    }

    #[test]
    #[should_panic(expected = "went back from 2 to 1")]
    fn an_offset_that_goes_back_is_found() {
        check(HOP, &[sample(2, 13), sample(1, 13)], &inputs());
    }
}
