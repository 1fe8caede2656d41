//! What each part of Cordon does on the broker, as a table. Stages check their topics by it, and `cordon acls` prints the
//! access lists that allow just this.

use std::collections::{BTreeMap, BTreeSet};

use cordon_records::Topic;

use crate::kafka::connection::right::{Operation, Resource};
use crate::kafka::settings::{KafkaSettings, READERS};

/// What one role of a stage, or one kind of person, does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Topics whose records it reads.
    pub reads: &'static [Topic],
    /// Topics that it writes.
    pub writes: &'static [Topic],
    /// Topics that must be there, and set as they must be, before it starts.
    pub checks: &'static [Topic],
    /// Topics that it makes.
    pub makes: &'static [Topic],
    /// Groups that it joins, or whose offsets it commits; without the prefix.
    pub joins: &'static [&'static str],
    /// Groups whose members and offsets it looks at; without the prefix.
    pub watches: &'static [&'static str],
}

/// The least rights for something: operations by resource.
pub type Rights = BTreeMap<Resource, BTreeSet<Operation>>;

impl Access {
    /// Nothing at all.
    pub const NONE: Self = Self { reads: &[], writes: &[], checks: &[], makes: &[], joins: &[], watches: &[] };

    /// The least rights for all of these together. Each name is given in full, so none covers what another installation on
    /// the same broker has.
    #[must_use]
    pub fn rights(all: &[Self], kafka: &KafkaSettings) -> Rights {
        let mut rights = Rights::new();
        let mut give = |resource, operation| {
            rights.entry(resource).or_default().insert(operation);
        };
        let topic = |topic: &Topic| Resource::Topic(kafka.topic(*topic));
        let group = |group: &str| Resource::Group(kafka.group(group));
        for access in all {
            access.reads.iter().for_each(|it| give(topic(it), Operation::Read));
            access.writes.iter().for_each(|it| give(topic(it), Operation::Write));
            access.makes.iter().for_each(|it| give(topic(it), Operation::Create));
            access.joins.iter().for_each(|it| give(group(it), Operation::Read));
            access.watches.iter().for_each(|it| give(group(it), Operation::Describe));
            if !access.checks.is_empty() {
                // `cordon check` looks at all that a stage uses, its start only at what it cannot do without.
                for it in [access.reads, access.writes, access.checks].into_iter().flatten() {
                    give(topic(it), Operation::Describe);
                    give(topic(it), Operation::DescribeConfigs);
                }
            }
            if !access.reads.is_empty() {
                // Whoever reads by manual assignment names a group all the same, and the client asks for its coordinator.
                give(group(READERS), Operation::Describe);
            }
        }
        rights.values_mut().for_each(drop_implied);
        rights
    }

    /// The topics that must be there before these start.
    #[must_use]
    pub fn checked(all: &[Self]) -> Vec<Topic> {
        let checked: BTreeSet<Topic> = all.iter().flat_map(|access| access.checks).copied().collect();
        checked.into_iter().collect()
    }

    /// The topics that these write.
    pub(crate) fn written(all: &[Self]) -> Vec<Topic> {
        let written: BTreeSet<Topic> = all.iter().flat_map(|access| access.writes).copied().collect();
        written.into_iter().collect()
    }

    /// The topics that must be there before these start, and that others write.
    pub(crate) fn written_by_others(all: &[Self]) -> Vec<Topic> {
        let written = Self::written(all);
        Self::checked(all).into_iter().filter(|topic| !written.contains(topic)).collect()
    }
}

/// Kafka takes Read and Write for Describe as well.
fn drop_implied(operations: &mut BTreeSet<Operation>) {
    if operations.contains(&Operation::Read) || operations.contains(&Operation::Write) {
        operations.remove(&Operation::Describe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: Access = Access {
        reads: &[Topic::Alerts],
        checks: &[Topic::Alerts, Topic::Enriched],
        joins: &["enrich"],
        watches: &["enrich", "ingest"],
        ..Access::NONE
    };
    const WRITER: Access = Access { writes: &[Topic::Alerts], makes: &[Topic::Enriched], ..Access::NONE };

    #[test]
    fn rights_of_several_are_one_list_with_the_prefix_and_without_what_others_imply() {
        let kafka = KafkaSettings { topic_prefix: "soc.".into(), ..KafkaSettings::in_memory("") };
        let rights: Vec<String> = Access::rights(&[READER, WRITER], &kafka)
            .into_iter()
            .map(|(resource, operations)| format!("{resource:?} {operations:?}"))
            .collect();
        assert_eq!(
            rights,
            [
                r#"Topic("soc.alerts") {Read, Write, DescribeConfigs}"#,
                r#"Topic("soc.enriched") {Describe, DescribeConfigs, Create}"#,
                r#"Group("soc.enrich") {Read}"#,
                r#"Group("soc.ingest") {Describe}"#,
                r#"Group("soc.reader") {Describe}"#,
            ]
        );
    }

    #[test]
    fn who_reads_nothing_needs_no_group() {
        let rights = Access::rights(&[WRITER], &KafkaSettings::in_memory(""));
        assert!(rights.keys().all(|resource| matches!(resource, Resource::Topic(_))), "{rights:?}");
    }
}
