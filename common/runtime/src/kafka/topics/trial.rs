//! The rights of a client, tried out: what can be asked of a broker without changing anything there is asked. Whether a client
//! may write, make a topic or join a group shows only when it does so, and is therefore not tried.

use std::collections::BTreeSet;
use std::sync::Arc;

use cordon_records::Topic;

use super::snapshot::read_newest;
use super::{describe, has_committed, is_there};
use crate::kafka::access::Access;
use crate::kafka::connection::right::{Operation, Resource, Right};
use crate::kafka::error::KafkaFailure;
use crate::kafka::settings::{KafkaSettings, READERS};

/// What came of trying a right.
#[derive(Debug)]
pub enum Outcome {
    /// The broker let us.
    Held,
    /// It did not, or could not be asked.
    Failed(Arc<KafkaFailure>),
    /// It cannot be tried without changing something.
    Untried,
}

impl Outcome {
    fn of<T, E: Into<Arc<KafkaFailure>>>(answer: Result<T, E>) -> Self {
        match answer {
            Ok(_) => Self::Held,
            Err(failure) => Self::Failed(failure.into()),
        }
    }
}

/// A right, and what came of trying it.
#[derive(Debug)]
pub struct Trial {
    /// To do what.
    pub operation: Operation,
    /// With what.
    pub resource: Resource,
    /// What came of it.
    pub outcome: Outcome,
}

/// Tries the least rights for all of these, one after the other.
pub async fn try_rights(kafka: &KafkaSettings, access: &[Access]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (resource, operations) in Access::rights(access, kafka) {
        let there = presence(kafka, &resource, &operations).await;
        for operation in operations {
            let outcome = match &resource {
                Resource::Topic(name) => on_topic(kafka, name, &there, operation).await,
                Resource::Group(id) => on_group(kafka, access, id, operation).await,
                Resource::Cluster => Outcome::Untried,
            };
            trials.push(Trial { operation, resource: resource.clone(), outcome });
        }
    }
    trials
}

/// What the broker says when it is asked whether a topic is there; asked once for all that hangs on it.
enum Presence {
    NotAsked,
    Asked(Result<bool, Arc<KafkaFailure>>),
}

async fn presence(kafka: &KafkaSettings, resource: &Resource, operations: &BTreeSet<Operation>) -> Presence {
    let hangs = |it: &Operation| matches!(it, Operation::Describe | Operation::Write | Operation::DescribeConfigs);
    match resource {
        Resource::Topic(name) if operations.iter().any(hangs) => {
            Presence::Asked(is_there(kafka, name).await.map_err(Arc::new))
        }
        Resource::Topic(_) | Resource::Group(_) | Resource::Cluster => Presence::NotAsked,
    }
}

async fn on_group(kafka: &KafkaSettings, access: &[Access], id: &str, operation: Operation) -> Outcome {
    match operation {
        Operation::Read => as_implied(offsets(kafka, access, id).await, operation),
        Operation::Describe => offsets(kafka, access, id).await,
        Operation::Write | Operation::Create | Operation::DescribeConfigs => Outcome::Untried,
    }
}

/// Each right by a question that takes no other one, so that one that is missing is told once.
async fn on_topic(kafka: &KafkaSettings, name: &str, there: &Presence, operation: Operation) -> Outcome {
    match (operation, there) {
        (Operation::Read, _) => match Topic::ALL.into_iter().find(|topic| kafka.topic(*topic) == name) {
            Some(topic) => read(kafka, topic).await,
            None => Outcome::Untried,
        },
        (Operation::Describe, Presence::Asked(there)) => Outcome::of(there.clone()),
        (Operation::Write, Presence::Asked(there)) => as_implied(Outcome::of(there.clone()), operation),
        (Operation::DescribeConfigs, Presence::Asked(there)) => look(kafka, name, there).await,
        (Operation::Create, _) | (_, Presence::NotAsked) => Outcome::Untried,
    }
}

/// Fetches the newest record of each partition.
async fn read(kafka: &KafkaSettings, topic: Topic) -> Outcome {
    Outcome::of(read_newest(kafka, topic).await)
}

/// Asks how it is set. The answer is as empty for a topic that is not there as for one whose settings are denied.
async fn look(kafka: &KafkaSettings, name: &str, there: &Result<bool, Arc<KafkaFailure>>) -> Outcome {
    let is_denied = there.as_ref().is_err_and(|failure| matches!(**failure, KafkaFailure::Forbidden { .. }));
    match (there, describe(kafka, &[name]).await) {
        (Ok(false), _) => Outcome::Untried,
        (Err(_), Err(KafkaFailure::Forbidden { .. })) if is_denied => Outcome::Untried,
        (Ok(true) | Err(_), settings) => Outcome::of(settings),
    }
}

/// Asks how far a group has come, in the first topic that whoever is in it may see.
async fn offsets(kafka: &KafkaSettings, access: &[Access], id: &str) -> Outcome {
    let groups = access.iter().flat_map(|it| it.joins.iter().chain(it.watches)).copied().chain([READERS]);
    let Some(group) = groups.into_iter().find(|group| kafka.group(group) == id) else { return Outcome::Untried };
    for topic in access.iter().flat_map(|it| it.reads.iter().chain(it.checks)) {
        match has_committed(kafka, group, *topic).await {
            Err(KafkaFailure::Forbidden { right, .. }) if matches!(right.resource, Resource::Topic(_)) => {}
            answer => return Outcome::of(answer),
        }
    }
    Outcome::Untried
}

/// Read on a group, and Write on a topic, stand for Describe as well: where that is refused they are not given. That it is
/// given says nothing of them.
fn as_implied(asked: Outcome, operation: Operation) -> Outcome {
    match asked {
        Outcome::Held | Outcome::Untried => Outcome::Untried,
        Outcome::Failed(failure) => match &*failure {
            KafkaFailure::Forbidden { what, right } => {
                let right = Box::new(Right { operation, ..(**right).clone() });
                Outcome::Failed(Arc::new(KafkaFailure::Forbidden { what: what.clone(), right }))
            }
            _ => Outcome::Failed(failure),
        },
    }
}
