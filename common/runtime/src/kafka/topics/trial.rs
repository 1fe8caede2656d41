//! The rights of a client, tried out: what can be asked of a broker without changing anything there is asked. Whether a client
//! may write, make a topic or join a group shows only when it does so, and is therefore not tried.

use cordon_records::Topic;

use super::snapshot::read_newest;
use super::{TopicsError, check_topics, has_committed};
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
        (Resource::Topic(name), Operation::Read | Operation::Describe | Operation::DescribeConfigs) => {
            let Some(topic) = Topic::ALL.into_iter().find(|topic| kafka.topic(*topic) == *name) else {
                return Outcome::Untried;
            };
            if operation == Operation::Read { read(kafka, topic).await } else { look(kafka, topic).await }
        }
        (Resource::Group(id), Operation::Read | Operation::Describe) => {
            let asked = offsets(kafka, access, id).await;
            match (operation, asked) {
                // That its offsets are shown does not say that it may be joined.
                (Operation::Read, Outcome::Held) => Outcome::Untried,
                (Operation::Read, Outcome::Failed(failure)) => Outcome::Failed(as_read(failure)),
                (_, outcome) => outcome,
            }
        }
        (Resource::Topic(_), Operation::Write | Operation::Create)
        | (Resource::Group(_), Operation::Write | Operation::Create | Operation::DescribeConfigs)
        | (Resource::Cluster, _) => Outcome::Untried,
    }
}

/// Fetches the newest record of each partition.
async fn read(kafka: &KafkaSettings, topic: Topic) -> Outcome {
    match read_newest(kafka, topic).await {
        Ok(_) => Outcome::Held,
        Err(failure) => Outcome::Failed(failure),
    }
}

/// Asks how it is set; whether that is right is another question.
async fn look(kafka: &KafkaSettings, topic: Topic) -> Outcome {
    match check_topics(kafka, &[topic]).await {
        Ok(_) | Err(TopicsError::Wrong(_)) => Outcome::Held,
        Err(TopicsError::Kafka(failure)) => Outcome::Failed(failure),
    }
}

/// Asks how far a group has come, in a topic that whoever is in it may see.
async fn offsets(kafka: &KafkaSettings, access: &[Access], id: &str) -> Outcome {
    let groups = access.iter().flat_map(|it| it.joins.iter().chain(it.watches)).copied().chain([READERS]);
    let group = groups.into_iter().find(|group| kafka.group(group) == id);
    let topic = access.iter().flat_map(|it| it.reads.iter().chain(it.checks)).next();
    let (Some(group), Some(topic)) = (group, topic) else { return Outcome::Untried };
    match has_committed(kafka, group, *topic).await {
        Ok(_) => Outcome::Held,
        Err(failure) => Outcome::Failed(failure),
    }
}

/// Who is to join a group needs Read on it, which stands for Describe as well.
fn as_read(failure: KafkaFailure) -> KafkaFailure {
    match failure {
        KafkaFailure::Forbidden { what, mut right } => {
            if matches!(right.resource, Resource::Group(_)) {
                right.operation = Operation::Read;
            }
            KafkaFailure::Forbidden { what, right }
        }
        other => other,
    }
}
