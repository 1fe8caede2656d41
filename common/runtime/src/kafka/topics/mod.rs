//! The broker from outside: are the topics there and as they must be, make those that are missing, and place a
//! group's offsets by hand. The in-process broker has no admin API; its topics are made when it starts.

pub(super) mod clock;
mod compare;
pub(super) mod members;
pub(super) mod partitions;
pub(super) mod position;
pub(super) mod range;
pub(super) mod snapshot;
pub(super) mod tail;
pub(super) mod trial;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use cordon_records::{Classified, Cleanup, ErrorClass, Topic};
use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::kafka::connection::right::{Needs, Operation};
use crate::kafka::connection::{Connection, failed};
use crate::kafka::error::{KafkaFailure, is_forbidden};
use crate::kafka::settings::KafkaSettings;
use partitions::{all_told, there};

use compare::{Seen, Verdict, compare, topic_settings};

/// How long one question to the broker may take.
pub(super) const ASK: Duration = Duration::from_secs(10);

/// The pause between two looks for topics that were just made.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Why the topics will not do.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// The broker could not be asked.
    #[error(transparent)]
    Kafka(#[from] KafkaFailure),
    /// Topics are missing or differ; one line each, with what to do about it.
    #[error("the topics are not as they must be: {}", .0.join("; "))]
    Wrong(Vec<String>),
}

impl Classified for TopicsError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Kafka(failure) => failure.class(),
            Self::Wrong(_) => ErrorClass::Fatal,
        }
    }
}

/// What [`apply_topics`] did about one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It was missing and is made now.
    Created {
        /// Its full name.
        topic: String,
    },
    /// It is there and as it must be.
    Exists {
        /// Its full name.
        topic: String,
        /// What is weaker than advised.
        advice: Vec<String>,
    },
    /// It is there and differs. It stays so: a person decides.
    Differs {
        /// Its full name.
        topic: String,
        /// How, and how to fix it.
        differences: Vec<String>,
    },
}

/// Looks at the topics a stage needs: present, with the specified partitions and cleanup. A replication that can lose
/// confirmed records is logged as a warning, and so is a topic that takes no records at present for want of replicas in sync:
/// those come back, each with why, since a process that runs waits for them.
///
/// # Errors
/// [`TopicsError::Wrong`] names everything that is wrong at once; transient when the broker does not answer.
pub async fn check_topics(kafka: &KafkaSettings, topics: &[Topic]) -> Result<Vec<String>, TopicsError> {
    if kafka.in_memory {
        return Ok(Vec::new());
    }
    let (mut wrong, mut missing) = (Vec::new(), Vec::new());
    let mut refusing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (topic, seen) in topics.iter().zip(look(kafka, topics).await?.0) {
        let name = kafka.topic(*topic);
        let Some(seen) = seen else {
            missing.push(name);
            continue;
        };
        let verdict = compare(*topic, &seen);
        wrong.extend(verdict.differences.iter().map(|difference| format!("{name} {difference}")));
        for advice in verdict.advice {
            tracing::warn!(topic = name, advice, "the topic is weaker than advised");
        }
        if let Some(why) = verdict.refuses {
            tracing::warn!(topic = name, why, "the topic takes no records at present");
            refusing.entry(why).or_default().push(name);
        }
    }
    wrong.extend(told_missing(&missing));
    let refusing = refusing.iter().map(|(why, names)| format!("{}: {why}", names.join(", "))).collect();
    if wrong.is_empty() { Ok(refusing) } else { Err(TopicsError::Wrong(wrong)) }
}

/// One sentence for all: a new installation has none.
fn told_missing(missing: &[String]) -> Option<String> {
    match missing {
        [] => None,
        [name] => Some(format!("{name} does not exist: make it with `cordon topics apply`")),
        [..] => Some(format!("{} do not exist: make them with `cordon topics apply`", missing.join(", "))),
    }
}

/// Makes the topics that are missing and reports on the others. Replication is 3, or the number of brokers if less;
/// with 3, two in-sync replicas must have a record before it is confirmed.
///
/// # Errors
/// When the broker does not answer or refuses.
pub async fn apply_topics(kafka: &KafkaSettings) -> Result<Vec<Applied>, TopicsError> {
    apply(kafka, &Topic::ALL).await
}

/// Makes those of these topics that are missing.
///
/// # Errors
/// When one of them is there and differs, or the broker does not answer or refuses.
pub(crate) async fn make_topics(kafka: &KafkaSettings, topics: &[Topic]) -> Result<(), TopicsError> {
    let differing = apply(kafka, topics).await?.into_iter().filter_map(|applied| match applied {
        Applied::Differs { topic, differences } => Some(format!("{topic} {}", differences.join(", "))),
        Applied::Created { .. } | Applied::Exists { .. } => None,
    });
    let wrong: Vec<String> = differing.collect();
    if wrong.is_empty() { Ok(()) } else { Err(TopicsError::Wrong(wrong)) }
}

async fn apply(kafka: &KafkaSettings, topics: &[Topic]) -> Result<Vec<Applied>, TopicsError> {
    let mut applied = Vec::new();
    if kafka.in_memory {
        return Ok(applied);
    }
    let (seen, brokers) = look(kafka, topics).await?;
    for (topic, seen) in topics.iter().copied().zip(seen) {
        let name = kafka.topic(topic);
        let Some(seen) = seen else {
            create(kafka, topic, brokers).await?;
            applied.push(Applied::Created { topic: name });
            continue;
        };
        let Verdict { differences, advice, refuses: _ } = compare(topic, &seen);
        applied.push(if differences.is_empty() {
            Applied::Exists { topic: name, advice }
        } else {
            Applied::Differs { topic: name, differences }
        });
    }
    until_visible(kafka, topics).await?;
    Ok(applied)
}

/// Waits until every topic can be seen: a broker confirms a new topic before all of its metadata tells of it, and a
/// stage started in between would find it missing.
async fn until_visible(kafka: &KafkaSettings, topics: &[Topic]) -> Result<(), TopicsError> {
    let deadline = Instant::now() + ASK;
    loop {
        match look(kafka, topics).await {
            Ok((seen, _)) if seen.iter().all(Option::is_some) => return Ok(()),
            Ok(_) => {}
            // A topic whose partitions have no leader yet.
            Err(failure) if failure.class() == ErrorClass::Transient => {}
            Err(failure) => return Err(failure.into()),
        }
        if Instant::now() > deadline {
            return Err(Connection::of(kafka).silence("see the topics that were just made", ASK).into());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The cluster's id.
///
/// # Errors
/// Transient when the broker does not answer within 10 s.
pub async fn cluster_id(kafka: &KafkaSettings) -> Result<String, KafkaFailure> {
    let no_answer = KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut);
    let id = |consumer: &BaseConsumer<Connection>| consumer.client().fetch_cluster_id(ASK).ok_or(no_answer);
    ask(kafka, None, id, ("ask for the cluster id", Needs::cluster(Operation::Describe))).await
}

/// Whether the group has a committed offset on partition 0 of the topic.
///
/// # Errors
/// Transient when the broker does not answer within 10 s.
pub async fn has_committed(kafka: &KafkaSettings, group: &str, topic: Topic) -> Result<bool, KafkaFailure> {
    let name = kafka.topic(topic);
    let what = format!("ask for the offsets of group {}", kafka.group(group));
    let needs = Needs::topic(Operation::Describe, &name).and_group(Operation::Describe, kafka.group(group));
    let committed = move |consumer: &BaseConsumer<Connection>| {
        let mut list = TopicPartitionList::new();
        list.add_partition(&name, 0);
        let answer = committed(consumer, &list)?;
        Ok(answer.elements().iter().any(|element| matches!(element.offset(), Offset::Offset(_))))
    };
    ask(kafka, Some(group), committed, (&what, needs)).await
}

/// Asks for a group's offsets. A broker that has just started, or a group that moves to another one, has no coordinator
/// for a moment.
pub(super) fn committed(
    consumer: &BaseConsumer<Connection>,
    list: &TopicPartitionList,
) -> Result<TopicPartitionList, KafkaError> {
    let deadline = Instant::now() + ASK;
    loop {
        match consumer.committed_offsets(list.clone(), ASK).and_then(all_told) {
            Err(error) if is_settling(&error) && Instant::now() < deadline => std::thread::sleep(LOOK_AGAIN),
            other => return other,
        }
    }
}

fn is_settling(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
        )
    )
}

/// Commits the present end of partition 0 for a group that is not running, and returns it: a deliberate new
/// beginning.
///
/// # Errors
/// Transient when the broker does not answer; a group with running members refuses.
pub async fn commit_end(kafka: &KafkaSettings, group: &str, topic: Topic) -> Result<i64, KafkaFailure> {
    let name = kafka.topic(topic);
    let what = format!("commit the end of {name} for group {}", kafka.group(group));
    let needs = Needs::topic(Operation::Read, &name).and_group(Operation::Read, kafka.group(group));
    let commit = move |consumer: &BaseConsumer<Connection>| {
        let (_, end) = consumer.fetch_watermarks(&name, 0, ASK)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&name, 0, Offset::Offset(end))?;
        consumer.commit(&list, CommitMode::Sync)?;
        Ok(end)
    };
    ask(kafka, Some(group), commit, (&what, needs)).await
}

/// Makes a topic that nobody may have made before. Says whether it did.
///
/// # Errors
/// When the broker does not answer or refuses.
pub(crate) async fn claim_topic(kafka: &KafkaSettings, topic: Topic) -> Result<bool, TopicsError> {
    let (seen, brokers) = look(kafka, &[topic]).await?;
    if seen.iter().any(Option::is_some) || !create(kafka, topic, brokers).await? {
        return Ok(false);
    }
    until_visible(kafka, &[topic]).await?;
    Ok(true)
}

/// Commits these offsets, by partition, for a group of `own` that is not running, on a topic of `input`.
///
/// # Errors
/// Transient when the broker does not answer; a group with running members refuses.
pub(crate) async fn place_group(
    (own, group): (&KafkaSettings, &str),
    (input, topic): (&KafkaSettings, Topic),
    offsets: Vec<(i32, i64)>,
) -> Result<(), KafkaFailure> {
    let name = input.topic(topic);
    let what = format!("place group {} in {name}", own.group(group));
    let needs = Needs::topic(Operation::Read, &name).and_group(Operation::Read, own.group(group));
    let commit = move |consumer: &BaseConsumer<Connection>| {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, offset) in offsets {
            list.add_partition_offset(&name, partition, Offset::Offset(offset))?;
        }
        consumer.commit(&list, CommitMode::Sync)
    };
    ask(own, Some(group), commit, (&what, needs)).await
}

/// What the broker says of some topics; `None` for one that does not exist.
async fn look(kafka: &KafkaSettings, topics: &[Topic]) -> Result<(Vec<Option<Seen>>, usize), KafkaFailure> {
    let names: Vec<String> = topics.iter().map(|topic| kafka.topic(*topic)).collect();
    let Listed { shapes, brokers, .. } = list(kafka, &names).await?;
    let there: Vec<&str> = names.iter().filter(|name| shapes.contains_key(*name)).map(String::as_str).collect();
    let mut settings = describe(kafka, &there).await?;
    let seen = names.iter().map(|name| {
        let Shape { partitions, replicas, in_sync } = *shapes.get(name)?;
        Some(Seen { partitions, replicas, in_sync, settings: settings.remove(name).unwrap_or_default() })
    });
    Ok((seen.collect(), brokers))
}

/// Which of these topics are there; refused where one of them is denied.
async fn list(kafka: &KafkaSettings, names: &[String]) -> Result<Listed, KafkaFailure> {
    let (what, asked) = ("look at the topics", names.to_vec());
    let list = move |consumer: &BaseConsumer<Connection>| listed(consumer, asked);
    let listed = ask(kafka, None, list, (what, Needs::topic(Operation::Describe, &names.join(", ")))).await?;
    if listed.denied.is_empty() {
        return Ok(listed);
    }
    let refusal = KafkaError::MetadataFetch(RDKafkaErrorCode::TopicAuthorizationFailed);
    let needs = Needs::topic(Operation::Describe, &listed.denied.join(", "));
    Err(Connection::of(kafka).request(what, &needs, refusal))
}

/// Whether a topic is there, as whoever may describe it is told.
async fn is_there(kafka: &KafkaSettings, name: &str) -> Result<bool, KafkaFailure> {
    let listed = list(kafka, &[name.to_owned()]).await?;
    Ok(listed.shapes.contains_key(name))
}

/// How many partitions a topic has, and of that partition which has the fewest, replicas and those in sync.
#[derive(Clone, Copy)]
struct Shape {
    partitions: usize,
    replicas: usize,
    in_sync: usize,
}

impl Shape {
    fn of(topic: &MetadataTopic) -> Self {
        let fewest = |of: fn(&MetadataPartition) -> usize| topic.partitions().iter().map(of).min().unwrap_or(0);
        Self {
            partitions: topic.partitions().len(),
            replicas: fewest(|partition| partition.replicas().len()),
            in_sync: fewest(|partition| partition.isr().len()),
        }
    }
}

/// What a broker says of topics that were asked for by name.
struct Listed {
    shapes: HashMap<String, Shape>,
    /// Those that we may not look at: whether they are there is not told.
    denied: Vec<String>,
    brokers: usize,
}

/// Asks for each by its name: a list of all leaves out those that are denied.
fn listed(consumer: &BaseConsumer<Connection>, names: Vec<String>) -> Result<Listed, KafkaError> {
    let mut listed = Listed { shapes: HashMap::new(), denied: Vec::new(), brokers: 0 };
    for name in names {
        let metadata = consumer.fetch_metadata(Some(&name), ASK)?;
        listed.brokers = metadata.brokers().len();
        match there(&metadata, &name) {
            Ok(found) => {
                listed.shapes.insert(name, Shape::of(found));
            }
            Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {}
            Err(code) if is_forbidden(code) => listed.denied.push(name),
            Err(code) => return Err(KafkaError::MetadataFetch(code)),
        }
    }
    Ok(listed)
}

pub(super) type TopicSettings = Vec<(String, String)>;

pub(super) async fn describe(
    kafka: &KafkaSettings,
    names: &[&str],
) -> Result<HashMap<String, TopicSettings>, KafkaFailure> {
    let what = "read the settings of the topics";
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let specifiers: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let connection = Connection::of(kafka);
    let answer = admin(kafka)?.describe_configs(&specifiers, &options()).await;
    let asked = |answer| connection.request(what, &Needs::topic(Operation::DescribeConfigs, &names.join(", ")), answer);
    let mut settings = HashMap::new();
    let mut refusal = None;
    for resource in answer.map_err(asked)? {
        match resource {
            // rdkafka 0.39 passes over the error of a resource; a topic that may be looked at has settings.
            Ok(resource) if resource.entries.is_empty() => {
                refusal = Some(RDKafkaErrorCode::TopicAuthorizationFailed);
            }
            Ok(resource) => {
                if let OwnedResourceSpecifier::Topic(name) = resource.specifier {
                    let known = resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?)));
                    settings.insert(name, known.collect());
                }
            }
            Err(code) => refusal = Some(code),
        }
    }
    let Some(code) = refusal else { return Ok(settings) };
    let refused: Vec<&str> = names.iter().filter(|name| !settings.contains_key(**name)).copied().collect();
    let needs = Needs::topic(Operation::DescribeConfigs, &refused.join(", "));
    Err(connection.request(what, &needs, KafkaError::AdminOp(code)))
}

/// Says whether it is this call that made it.
async fn create(kafka: &KafkaSettings, topic: Topic, brokers: usize) -> Result<bool, KafkaFailure> {
    let name = kafka.topic(topic);
    let what = format!("create topic {name}");
    let replicas = i32::try_from(brokers.clamp(1, 3)).unwrap_or(1);
    let settings = topic_settings(topic, replicas);
    let new = NewTopic::new(&name, topic.spec().partitions, TopicReplication::Fixed(replicas));
    let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
    let answer = admin(kafka)?.create_topics([&new], &options()).await;
    let (connection, needs) = (Connection::of(kafka), Needs::topic(Operation::Create, &name));
    let mut made = true;
    for result in answer.map_err(|answer| connection.request(what.clone(), &needs, answer))? {
        match result {
            Ok(_) => {}
            // Somebody else may have been quicker; the next look will tell whether it is as it must be.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => made = false,
            Err((_, code)) => return Err(connection.request(what, &needs, KafkaError::AdminOp(code))),
        }
    }
    Ok(made)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK)).operation_timeout(Some(ASK))
}

fn admin(kafka: &KafkaSettings) -> Result<AdminClient<Connection>, KafkaFailure> {
    let config = kafka.inquirer(None)?;
    let client = config.create_with_context(Connection::of(kafka));
    client.map_err(|answer| KafkaFailure::Client { what: "admin client", answer })
}

/// Asks on a thread for blocking calls, with a deadline of its own: some of librdkafka's have none. `asked` is the question
/// as a verb phrase, and the right that it takes.
pub(super) async fn ask<T: Send + 'static>(
    kafka: &KafkaSettings,
    group: Option<&str>,
    question: impl FnOnce(&BaseConsumer<Connection>) -> Result<T, KafkaError> + Send + 'static,
    asked: (&str, Needs),
) -> Result<T, KafkaFailure> {
    let (what, needs) = (asked.0.to_owned(), asked.1);
    let connection = Connection::of(kafka);
    let consumer = kafka.inquirer(group)?.create_with_context(connection.clone());
    let consumer: BaseConsumer<Connection> =
        consumer.map_err(|answer| KafkaFailure::Client { what: "admin client", answer })?;
    let deadline = ASK.saturating_mul(2);
    let verb = what.clone();
    let answered = tokio::task::spawn_blocking(move || {
        question(&consumer).map_err(|answer| failed(&consumer, verb, &needs, answer))
    });
    match tokio::time::timeout(deadline, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(KafkaFailure::Dead("a blocking call was aborted".to_owned())),
        Err(_) => Err(connection.silence(what, deadline)),
    }
}

/// How long records of a deleted kind are kept, in milliseconds, as Kafka wants it.
fn retention_ms(cleanup: Cleanup) -> Option<u128> {
    match cleanup {
        Cleanup::Delete(kept) => Some(kept.as_millis()),
        Cleanup::Compact => None,
    }
}
