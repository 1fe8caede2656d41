//! A right that a client lacks: what it wanted to do, with what, and as whom.

use std::fmt;

use rdkafka::error::RDKafkaErrorCode;

/// What an access list allows. The names are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Read records, or be a member of a group.
    Read,
    /// Write records.
    Write,
    /// See that it is there.
    Describe,
    /// See how it is set.
    DescribeConfigs,
    /// Make it.
    Create,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Describe => "Describe",
            Self::DescribeConfigs => "DescribeConfigs",
            Self::Create => "Create",
        })
    }
}

/// What an access list is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A topic, by its full name.
    Topic(String),
    /// A group, by its full id.
    Group(String),
    /// The cluster as a whole.
    Cluster,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Group(id) => write!(f, "group {id}"),
            Self::Cluster => f.write_str("the cluster"),
        }
    }
}

/// What is missing on the broker's access lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// Who has not got it, as the broker calls this client.
    pub principal: String,
    /// To do what.
    pub operation: Operation,
    /// With what.
    pub resource: Resource,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} needs {} on {}", self.principal, self.operation, self.resource)
    }
}

/// What a question to the broker needs, so that its refusal can name it.
#[derive(Debug, Clone)]
pub(in crate::kafka) struct Needs {
    operation: Operation,
    topic: Option<String>,
    group: Option<(Operation, String)>,
}

impl Needs {
    /// An operation on a topic.
    pub(in crate::kafka) fn topic(operation: Operation, topic: &str) -> Self {
        Self { operation, topic: Some(topic.to_owned()), group: None }
    }

    /// An operation on the cluster.
    pub(in crate::kafka) fn cluster(operation: Operation) -> Self {
        Self { operation, topic: None, group: None }
    }

    /// Another one on a group.
    pub(in crate::kafka) fn and_group(self, operation: Operation, group: String) -> Self {
        Self { group: Some((operation, group)), ..self }
    }

    /// Whether something is wanted of a group, too.
    pub(super) const fn names_group(&self) -> bool {
        self.group.is_some()
    }

    /// What is missing when the broker refuses with this code. `None` for codes that are about no right.
    pub(super) fn lacking(&self, code: RDKafkaErrorCode, principal: String) -> Option<Right> {
        let topic = || self.topic.clone().map_or(Resource::Cluster, Resource::Topic);
        let (operation, resource) = match code {
            RDKafkaErrorCode::TopicAuthorizationFailed => (self.operation, topic()),
            RDKafkaErrorCode::GroupAuthorizationFailed => match &self.group {
                Some((operation, group)) => (*operation, Resource::Group(group.clone())),
                None => (self.operation, topic()),
            },
            RDKafkaErrorCode::ClusterAuthorizationFailed => (self.operation, Resource::Cluster),
            _ => return None,
        };
        Some(Right { principal, operation, resource })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_topic_or_the_group_as_the_broker_meant_it() {
        let needs =
            Needs::topic(Operation::Read, "cordon.alerts").and_group(Operation::Read, "cordon.enrich".to_owned());
        let said = |code| needs.lacking(code, "User:ann".to_owned()).map(|right| right.to_string());
        let topic = said(RDKafkaErrorCode::TopicAuthorizationFailed);
        assert_eq!(topic.as_deref(), Some("User:ann needs Read on topic cordon.alerts"));
        let group = said(RDKafkaErrorCode::GroupAuthorizationFailed);
        assert_eq!(group.as_deref(), Some("User:ann needs Read on group cordon.enrich"));
        assert_eq!(said(RDKafkaErrorCode::BrokerTransportFailure), None);
    }
}
