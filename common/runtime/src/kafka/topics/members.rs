//! Who stands in a consumer group: asked from outside, for people who look.

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::{ASK, ask};
use crate::kafka::connection::Connection;
use crate::kafka::connection::right::{Needs, Operation};
use crate::kafka::error::KafkaFailure;
use crate::kafka::settings::KafkaSettings;

/// What the coordinator shows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// So many members. A group without DESCRIBE for us looks like one without members: whoever believes a zero asks for
    /// the group's offsets, too, which are refused then.
    Members(usize),
    /// The group is there, and its members are not shown: it has the consumer protocol (KIP-848), which the question that
    /// this client can put does not cover.
    Hidden,
}

/// How a coordinator calls a group of which it knows no classic members.
const DEAD: &str = "Dead";

/// The members of a group.
///
/// # Errors
/// Transient when the broker does not answer within 10 s.
pub async fn members(kafka: &KafkaSettings, group: &str) -> Result<Membership, KafkaFailure> {
    let name = kafka.group(group);
    let what = format!("ask for the members of group {name}");
    let look = move |consumer: &BaseConsumer<Connection>| {
        let list = consumer.fetch_group_list(Some(&name), ASK)?;
        let found = list.groups().iter().filter(|found| found.name() == name);
        let (mut members, mut is_hidden) = (0, false);
        for found in found {
            members += found.members().len();
            is_hidden |= found.members().is_empty() && found.state() == DEAD;
        }
        Ok(if members == 0 && is_hidden { Membership::Hidden } else { Membership::Members(members) })
    };
    let needs = Needs::cluster(Operation::Describe).and_group(Operation::Describe, kafka.group(group));
    ask(kafka, None, look, (&what, needs)).await
}
