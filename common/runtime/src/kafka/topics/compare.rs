//! What a topic must look like, compared with what the broker says; pure.

use cordon_records::{Cleanup, Topic};

use super::retention_ms;

/// What the broker says of a topic.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) partitions: usize,
    /// The smallest number of replicas of a partition.
    pub(super) replicas: usize,
    /// The smallest number of replicas in sync of a partition.
    pub(super) in_sync: usize,
    pub(super) settings: Vec<(String, String)>,
}

/// Where a topic differs from what it must be and what a person has to do about it, where it is weaker than advised, and why
/// it takes no records at present.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) differences: Vec<String>,
    pub(super) advice: Vec<String>,
    pub(super) refuses: Option<String>,
}

/// The settings of a new topic. Compacted topics are compacted early and small, because a restart reads them whole;
/// values from Kafka's topic configuration reference.
pub(super) fn topic_settings(topic: Topic, replicas: i32) -> Vec<(&'static str, String)> {
    let cleanup = topic.spec().cleanup;
    let mut settings = vec![
        ("cleanup.policy", policy(cleanup).to_owned()),
        ("min.insync.replicas", if replicas >= 3 { "2" } else { "1" }.to_owned()),
        ("unclean.leader.election.enable", "false".to_owned()),
        ("max.message.bytes", "1048588".to_owned()),
        ("compression.type", "producer".to_owned()),
    ];
    match retention_ms(cleanup) {
        Some(kept) => settings.push(("retention.ms", kept.to_string())),
        None => settings.extend([
            ("min.cleanable.dirty.ratio", "0.1".to_owned()),
            ("segment.ms", "86400000".to_owned()),
            ("delete.retention.ms", "604800000".to_owned()),
            // What a stale holder deletes is there for a day, so that whoever restores it writes it again.
            ("min.compaction.lag.ms", "86400000".to_owned()),
        ]),
    }
    settings
}

fn policy(cleanup: Cleanup) -> &'static str {
    match cleanup {
        Cleanup::Delete(_) => "delete",
        Cleanup::Compact => "compact",
    }
}

/// Compares. Partitions must be exactly as specified: fewer or more would place keys elsewhere, and whatever elects
/// one owner needs one.
pub(super) fn compare(topic: Topic, seen: &Seen) -> Verdict {
    let (spec, mut verdict) = (topic.spec(), Verdict::default());
    if i32::try_from(seen.partitions) != Ok(spec.partitions) {
        verdict.differences.push(format!(
            "has {} partitions and must have {}: delete it if nothing that it holds is needed, and make it anew with \
             `cordon topics apply`",
            seen.partitions, spec.partitions
        ));
    }
    let setting = |name: &str| seen.settings.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let wanted = policy(spec.cleanup);
    if let Some(found) = setting("cleanup.policy").filter(|found| *found != wanted) {
        verdict.differences.push(format!(
            "has cleanup.policy={found} and must have {wanted}: change it with `kafka-configs --alter --add-config \
             cleanup.policy={wanted}`"
        ));
    }
    let min_in_sync = setting("min.insync.replicas").and_then(|text| text.parse::<usize>().ok());
    verdict.refuses = min_in_sync.and_then(|min| refuses(seen, min));
    if seen.replicas < 2 {
        verdict.advice.push("it has one replica: a lost disk loses it".to_owned());
    } else if min_in_sync.is_some_and(|min| min < 2) {
        verdict.advice.push("min.insync.replicas is below 2: one broker alone may confirm".to_owned());
    }
    let kept = setting("retention.ms").and_then(|text| text.parse::<u128>().ok());
    if let (Some(wanted), Some(kept)) = (retention_ms(spec.cleanup), kept)
        && kept < wanted
    {
        verdict.advice.push(format!("retention.ms={kept} is shorter than {wanted}: replays reach back less far"));
    }
    verdict
}

/// Everything is written with acks=all. Of a topic with fewer replicas than `min.insync.replicas` brokers want all.
fn refuses(seen: &Seen, min: usize) -> Option<String> {
    (seen.in_sync < min.min(seen.replicas)).then(|| {
        format!(
            "{} of {} replicas in sync and min.insync.replicas={min}, so no record is taken: bring back the brokers that are \
             down or behind",
            seen.in_sync, seen.replicas
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(topic: Topic, replicas: i32) -> Seen {
        let settings = topic_settings(topic, replicas);
        Seen {
            partitions: usize::try_from(topic.spec().partitions).unwrap(),
            replicas: usize::try_from(replicas).unwrap(),
            in_sync: usize::try_from(replicas).unwrap(),
            settings: settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        }
    }

    #[test]
    fn what_is_created_is_what_is_wanted() {
        for topic in Topic::ALL {
            assert_eq!(compare(topic, &seen(topic, 3)), Verdict::default(), "{topic:?}");
        }
    }

    #[test]
    fn a_ledger_that_forgets_by_age_is_refused() {
        let mut ledger = seen(Topic::Ledger, 3);
        ledger.settings.retain(|(key, _)| key != "cleanup.policy");
        ledger.settings.push(("cleanup.policy".into(), "compact,delete".into()));
        let differences = compare(Topic::Ledger, &ledger).differences;
        assert_eq!(differences.len(), 1);
        assert!(
            differences[0].contains("kafka-configs --alter --add-config cleanup.policy=compact"),
            "{differences:?}"
        );
    }

    #[test]
    fn a_second_partition_on_a_topic_that_elects_is_refused() {
        let mut decisions = seen(Topic::Decisions, 3);
        decisions.partitions = 2;
        let differences = compare(Topic::Decisions, &decisions).differences;
        assert!(differences[0].starts_with("has 2 partitions and must have 1: delete it"), "{differences:?}");
    }

    #[test]
    fn a_topic_with_fewer_replicas_in_sync_than_it_wants_takes_no_records_and_one_with_enough_does() {
        let with = |in_sync, replicas, min: &str| {
            let mut ledger = Seen { in_sync, ..seen(Topic::Ledger, replicas) };
            ledger.settings.retain(|(key, _)| key != "min.insync.replicas");
            ledger.settings.push(("min.insync.replicas".into(), min.into()));
            compare(Topic::Ledger, &ledger).refuses
        };
        let told = with(2, 3, "3").unwrap();
        assert!(told.starts_with("2 of 3 replicas in sync and min.insync.replicas=3, so no record is taken"), "{told}");
        assert!(with(1, 3, "2").is_some() && with(0, 1, "1").is_some());
        assert_eq!([with(2, 3, "2"), with(3, 3, "3"), with(1, 1, "2")], [None, None, None]);
    }

    #[test]
    fn one_replica_is_advised_against_and_not_refused() {
        let verdict = compare(Topic::Alerts, &seen(Topic::Alerts, 1));
        assert!(verdict.differences.is_empty() && verdict.advice.len() == 1);
    }
}
