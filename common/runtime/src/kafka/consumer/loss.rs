//! Records that the broker deleted before they were read: a group that fell behind the topic's retention, or a topic that
//! was made anew.
//!
//! With `auto.offset.reset=earliest` librdkafka goes on at the oldest record and says nothing. Nothing can bring those
//! records back, so reading does go on; but it is told: in the log, as a count, and by a record on the dead letters, of
//! which notify sends a mail. What is to be read next is compared with the oldest record that is left when a partition
//! comes, and now and then while it is silent; a record that comes late says the same. Only once the dead letters have it
//! does the committed offset pass over what is lost.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{Duration, Instant};

use cordon_records::{Classified, Cleanup, DeadLetterReason, ErrorClass, Headers, Topic, dead_letter_header as header};
use jiff::{SignedDuration, Timestamp};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::accounts::pause;
use super::registry::{Break, Lease};
use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::records::{Inbound, Outbound};
use crate::kafka::topics::partitions::all_told;
use crate::kafka::topics::snapshot::fold_since;

/// How long the broker may take to answer. The poll thread waits, so it is short.
const ASK: Duration = Duration::from_secs(5);
/// The same for a question that is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// What is lost is told once in so long: a stage that ends where records are lost finds them again at each start.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The part of health that says that lost records could not be told of.
const COMPONENT: &str = "lost_records";
/// One silent partition is looked at this often.
const LOOK: Duration = Duration::from_secs(5);

/// The offsets from which these partitions are to be read; `None` while nobody can say. A compacted topic has gaps that
/// mean nothing.
pub(super) fn committed(
    consumer: &BaseConsumer<impl ConsumerContext>,
    (name, topic): (&str, Topic),
    partitions: &[i32],
) -> Option<BTreeMap<i32, i64>> {
    if partitions.is_empty() || topic.spec().cleanup == Cleanup::Compact {
        return Some(BTreeMap::new());
    }
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        asked.add_partition(name, *partition);
    }
    match consumer.committed_offsets(asked, ASK_AGAIN).and_then(all_told) {
        Ok(answer) => {
            let next = |offset| match offset {
                Offset::Offset(next) => Some(next),
                Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
            };
            let elements = answer.elements();
            Some(elements.iter().filter_map(|element| Some((element.partition(), next(element.offset())?))).collect())
        }
        Err(error) => {
            tracing::warn!(
                %error,
                topic = name,
                ?partitions,
                "cannot ask where reading goes on, so nobody knows whether records before that are lost; nothing is \
                 committed until this is known; asking again"
            );
            None
        }
    }
}

/// Records that are gone from a partition before they were read: those from `expected` up to, but not with, `oldest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) partition: i32,
    expected: i64,
    oldest: i64,
}

impl Gap {
    pub(super) fn between((partition, expected): (i32, i64), oldest: i64) -> Option<Self> {
        (oldest > expected).then_some(Self { partition, expected, oldest })
    }

    /// How many they are.
    pub(super) fn records(self) -> u64 {
        u64::try_from(self.oldest.saturating_sub(self.expected)).unwrap_or(0)
    }

    /// Their last offset.
    pub(super) fn last(self) -> i64 {
        self.oldest.saturating_sub(1)
    }

    /// Says it in the log.
    pub(super) fn log(self, topic: &str) {
        let Self { partition, expected, oldest } = self;
        tracing::error!(
            topic,
            partition,
            expected,
            oldest,
            records = self.records(),
            "records were deleted before this stage read them, by the topic's retention or by a person; they are lost \
             to it: give the topic a longer retention, or the stage more replicas"
        );
    }

    /// The same records have the same id.
    fn id(self, topic: &str) -> String {
        format!("{topic}/{}/{}-{}", self.partition, self.expected, self.last())
    }

    /// The record that tells of them on the dead letters. It has no value: there is nothing left to keep.
    fn letter(self, topic: &str, stage: &str, now: Timestamp) -> Outbound {
        let (from, last) = (self.expected.to_string(), self.last().to_string());
        let id = self.id(topic);
        let detail = format!(
            "{} records, offsets {from} to {last}, were deleted before {stage} read them, by the topic's retention or by \
             a person",
            self.records()
        );
        let mut headers = Headers::event(stage, "records.lost", &id, now, &id);
        headers.set(header::TOPIC, topic);
        headers.set(header::PARTITION, &self.partition.to_string());
        headers.set(header::OFFSET, &from);
        headers.set(header::LAST_OFFSET, &last);
        headers.set(header::STAGE, stage);
        headers.set(header::REASON, DeadLetterReason::Lost.as_str());
        headers.set(header::DETAIL, &detail);
        headers.set(header::FAILED_AT, &now.to_string());
        Outbound { topic: Topic::DeadLetters, key: Some(id), headers, value: None }
    }
}

/// Writes to the dead letters that records are lost, until it is confirmed; `false` when the lease ended first.
///
/// # Errors
/// When nobody may write there: then the stage must end, since it can neither tell nor go on.
pub(super) async fn record(context: &Context, topic: &str, gap: Gap, lease: &Lease) -> Result<bool, KafkaFailure> {
    let written = loop {
        let letter = gap.letter(topic, context.stage, context.clock.now());
        let Err(failure) = context.producer.send(letter).await else { break true };
        match failure.class() {
            ErrorClass::Transient | ErrorClass::Ambiguous => {
                failure.log_repetition("that records are lost could not be written to the dead letters; again");
                let why = format!("{} lost records of {topic} cannot be told of: {failure}", gap.records());
                context.health.set_ready(COMPONENT, false, &why);
            }
            ErrorClass::Poison | ErrorClass::Fatal => return Err(failure),
        }
        if !pause(lease).await {
            break false;
        }
    };
    context.health.set_ready(COMPONENT, true, "");
    Ok(written)
}

/// Whether the dead letters tell of these records already, of late. Who cannot look says no: told twice is better than
/// never.
pub(super) async fn is_told(context: &Context, topic: &str, gap: Gap) -> bool {
    let (id, stage) = (gap.id(topic), context.stage);
    let since = context.clock.now().checked_sub(TOLD_FOR).unwrap_or(Timestamp::MIN);
    let look = move |told: &mut bool, letter: Inbound| {
        let says = |name, text| letter.headers.text(name) == Some(text);
        let lost = says(header::REASON, DeadLetterReason::Lost.as_str()) && says(header::STAGE, stage);
        *told |= lost && letter.key_text() == Some(&id);
    };
    match fold_since(&context.kafka, Topic::DeadLetters, since, false, look).await {
        Ok(told) => told,
        Err(error) => {
            tracing::warn!(%error, "cannot look whether the dead letters tell of these lost records already; telling of them");
            false
        }
    }
}

/// What is gone of these partitions, each with the offset that is to be read next.
pub(super) fn deleted(
    consumer: &BaseConsumer<impl ConsumerContext>,
    name: &str,
    next: &BTreeMap<i32, i64>,
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (&partition, &next) in next {
        match consumer.fetch_watermarks(name, partition, ASK) {
            Ok((oldest, _)) => gaps.extend(Gap::between((partition, next), oldest)),
            Err(error) => {
                tracing::warn!(%error, topic = name, partition, "cannot ask for the oldest records; records that were \
                    deleted unread are told of when the next one comes");
                break;
            }
        }
    }
    gaps
}

/// Looks, now and then, whether what is to come next on partitions that have fallen silent is still there.
#[derive(Debug)]
pub(super) struct Watch {
    due: Instant,
    /// Each partition with what was to come next when it was last its turn.
    seen: BTreeMap<i32, i64>,
    turn: i32,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now, seen: BTreeMap::new(), turn: -1 }
    }

    /// Reading rests: what librdkafka has fetched is not yet with us, so nothing is silent.
    pub(super) fn rest(&mut self) {
        self.seen.clear();
    }

    /// The partition to look at, with what is to come next on it: the next in turn, if it is due and nothing has come
    /// since its last turn.
    pub(super) fn next(&mut self, now: Instant, held: &BTreeMap<i32, i64>) -> Option<(i32, i64)> {
        if now < self.due {
            return None;
        }
        self.due = now.checked_add(LOOK)?;
        self.seen.retain(|partition, _| held.contains_key(partition));
        let after = held.range((Bound::Excluded(self.turn), Bound::Unbounded)).next();
        let (&partition, &next) = after.or_else(|| held.iter().next())?;
        self.turn = partition;
        (self.seen.insert(partition, next) == Some(next)).then_some((partition, next))
    }
}

/// What a break in the offsets means.
pub(super) enum Meaning {
    /// The partition was made anew.
    Anew,
    /// Records were deleted before they were read.
    Lost(Gap),
}

/// What this break means, if anything. Offsets also have gaps that mean nothing (transaction markers), and librdkafka may
/// hand a record over twice, so what the broker has decides.
pub(super) fn judge(
    consumer: &BaseConsumer<impl ConsumerContext>,
    name: &str,
    topic: Topic,
    found: Break,
) -> Option<Meaning> {
    if topic.spec().cleanup == Cleanup::Compact {
        return None;
    }
    let Break { partition, expected, came } = found;
    let has = consumer.fetch_watermarks(name, partition, ASK);
    if came < expected {
        // Better a false alarm than none.
        let is_anew = has.map_or(true, |(_, end)| end < expected);
        return is_anew.then(|| {
            tell_of_new(name, found);
            Meaning::Anew
        });
    }
    let oldest = has.map_or(came, |(oldest, _)| oldest.min(came));
    Gap::between((partition, expected), oldest).map(Meaning::Lost)
}

/// Compares where the group stands, learned late, with the first record that has come meanwhile. What is under way was
/// read from the partition as it is now, so there is nothing to start over with.
pub(super) fn judge_late(consumer: &BaseConsumer<impl ConsumerContext>, name: &str, found: Break) -> Option<Gap> {
    let Break { partition, expected, came } = found;
    if came < expected {
        tell_of_new(name, found);
        return None;
    }
    let oldest = consumer.fetch_watermarks(name, partition, ASK_AGAIN).map_or(came, |(oldest, _)| oldest.min(came));
    Gap::between((partition, expected), oldest)
}

fn tell_of_new(name: &str, Break { partition, expected, came }: Break) {
    tracing::error!(
        topic = name,
        partition,
        expected,
        came,
        "the partition begins anew: the topic was deleted and made again, or the broker lost its end; what was not read \
         before is lost"
    );
}

/// Tells of partitions beyond the number that the topic must have.
pub(super) fn tell_of_added(name: &str, topic: Topic, partitions: &[i32]) {
    let specified = topic.spec().partitions;
    if partitions.iter().any(|partition| *partition >= specified) {
        tracing::error!(
            topic = name,
            specified,
            "partitions were added: keys move between partitions, so that records about one machine may overtake each \
             other; no stage starts on this topic before it is made again with the specified number"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_told_with_its_place_and_range_and_without_a_value() {
        assert_eq!(Gap::between((3, 100), 100), None);
        let gap = Gap::between((3, 100), 150).unwrap();
        assert_eq!((gap.records(), gap.last()), (50, 149));
        let letter = gap.letter("cordon.alerts", "enrich", Timestamp::UNIX_EPOCH);
        assert_eq!((letter.topic, letter.value.as_deref()), (Topic::DeadLetters, None));
        let said =
            [header::TOPIC, header::PARTITION, header::OFFSET, header::LAST_OFFSET, header::STAGE, header::REASON];
        let said = said.map(|name| letter.headers.text(name).unwrap());
        assert_eq!(said, ["cordon.alerts", "3", "100", "149", "enrich", "lost"]);
        assert!(
            letter.headers.text(header::DETAIL).unwrap().starts_with("50 records, offsets 100 to 149, were deleted")
        );
    }

    #[test]
    fn silent_partitions_are_looked_at_one_after_the_other_and_busy_ones_never() {
        let (start, mut watch) = (Instant::now(), Watch::new(Instant::now()));
        let mut held = BTreeMap::from([(0, 10), (1, 20), (2, 30)]);
        let mut looked = Vec::new();
        for turn in 0..9_u32 {
            // Something comes on partition 1 all the time.
            *held.get_mut(&1).unwrap() += 1;
            looked.push(watch.next(start + LOOK * (turn + 1), &held));
        }
        let silent = [Some((0, 10)), None, Some((2, 30))];
        assert_eq!(looked, [[None; 3], silent, silent].concat());
        assert_eq!(watch.next(start + LOOK * 9, &held), None, "not due yet");
        watch.rest();
        assert_eq!(watch.next(start + LOOK * 10, &held), None, "silence counts from here on");
    }
}
