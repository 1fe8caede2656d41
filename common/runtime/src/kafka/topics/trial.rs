//! The rights of a client, tried out: what can be asked of a broker without changing anything there is asked. Whether a client
//! may write, make a topic or join a group shows only when it does so, and is therefore not tried.

use cordon_records::Topic;

use super::snapshot::read_newest;
use super::{describe, has_committed, is_there};
use crate::kafka::access::Access;
use crate::kafka::connection::right::{Operation, Resource};
use crate::kafka::error::KafkaFailure;
use crate::kafka::settings::{KafkaSettings, READERS};

/// What came of trying a right.
#[derive(Debug)]
pub enum Outcome {
    /// The broker let us.
    Held,
    /// It did not, or could not be asked.
    Failed(KafkaFailure),
    /// It cannot be tried without changing something.
    Untried,
}

impl Outcome {
    fn of<T>(answer: Result<T, KafkaFailure>) -> Self {
        match answer {
            Ok(_) => Self::Held,
            Err(failure) => Self::Failed(failure),
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
        for operation in operations {
            let outcome = outcome(kafka, access, (&resource, operation)).await;
            trials.push(Trial { operation, resource: resource.clone(), outcome });
        }
    }
    trials
}

async fn outcome(kafka: &KafkaSettings, access: &[Access], (resource, operation): (&Resource, Operation)) -> Outcome {
    match (resource, operation) {
        (Resource::Topic(name), operation) => on_topic(kafka, name, operation).await,
        (Resource::Group(id), Operation::Read | Operation::Describe) => {
            let asked = offsets(kafka, access, id).await;
            if operation == Operation::Read { as_implied(asked, operation) } else { asked }
        }
        (Resource::Group(_), Operation::Write | Operation::Create | Operation::DescribeConfigs)
        | (Resource::Cluster, _) => Outcome::Untried,
    }
}

/// Each right by a question that takes no other one, so that one that is missing is told once.
async fn on_topic(kafka: &KafkaSettings, name: &str, operation: Operation) -> Outcome {
    match operation {
        Operation::Read => match Topic::ALL.into_iter().find(|topic| kafka.topic(*topic) == name) {
            Some(topic) => read(kafka, topic).await,
            None => Outcome::Untried,
        },
        Operation::Describe => Outcome::of(is_there(kafka, name).await),
        Operation::Write => as_implied(Outcome::of(is_there(kafka, name).await), operation),
        Operation::DescribeConfigs => look(kafka, name).await,
        Operation::Create => Outcome::Untried,
    }
}

/// Fetches the newest record of each partition.
async fn read(kafka: &KafkaSettings, topic: Topic) -> Outcome {
    Outcome::of(read_newest(kafka, topic).await)
}

/// Asks how it is set. The answer is as empty for a topic that is not there as for one whose settings are denied.
async fn look(kafka: &KafkaSettings, name: &str) -> Outcome {
    let is_there = is_there(kafka, name).await;
    match (is_there, describe(kafka, &[name]).await) {
        (Ok(false), _) | (Err(KafkaFailure::Forbidden { .. }), Err(KafkaFailure::Forbidden { .. })) => Outcome::Untried,
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
        Outcome::Failed(KafkaFailure::Forbidden { what, mut right }) => {
            right.operation = operation;
            Outcome::Failed(KafkaFailure::Forbidden { what, right })
        }
        Outcome::Failed(other) => Outcome::Failed(other),
    }
}
