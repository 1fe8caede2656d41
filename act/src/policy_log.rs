//! The topic `policies`: every process of act writes there what it judges by, once for each hash, so that a recorded decision
//! can be judged again; respond writes the fleet's size there, and decide reads it.
//!
//! decide needs no credential and no right to the ledger for it, and no stage counts a second time. Nothing waits for this
//! topic: where it is missing, alerts are decided and acted on as ever, and log and metrics say what is not recorded.

use std::time::Duration;

use cordon_records::{
    Fleet, Headers, PolicyFile, PolicyKind, PolicyRecord, PolicyText, PolicyTexts, Topic, policy_texts,
};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Inbound, KafkaFailure, Outbound, StateLog};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::ActError;
use crate::metrics::PolicyMetrics;
use crate::policy::Policy;
use crate::reload::InForce;

/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(60);

/// The name that the guards' text is recorded under. It is made of every setting in force, so it is no file of anybody's.
const GUARDS: &str = "guards.yaml";

/// Writes the text of what is in force, now and after each change, until `shutdown`.
pub async fn record(
    mut policy: watch::Receiver<InForce>,
    context: &Context,
    metrics: PolicyMetrics,
    shutdown: CancellationToken,
) {
    loop {
        let in_force = policy.borrow_and_update().policy.clone();
        let written = tokio::select! {
            written = write(&in_force, context) => written,
            () = shutdown.cancelled() => return,
        };
        metrics.recorded(written.is_ok());
        if let Err(error) = &written {
            tracing::warn!(
                %error, topic = context.kafka.topic(Topic::Policies),
                "the text of rules and guards could not be recorded; trying again. If the topic is missing, make it with \
                 `cordon topics apply`"
            );
        }
        tokio::select! {
            Ok(()) = policy.changed() => {}
            () = tokio::time::sleep(AGAIN), if written.is_err() => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Writes what is not there yet.
async fn write(policy: &Policy, context: &Context) -> Result<(), ActError> {
    let known = kafka::read_all(&context.kafka, Topic::Policies).await?;
    let now = context.clock.now();
    for text in unknown(policy, &texts(&known), now)? {
        let record = PolicyRecord::Text(text);
        context.producer.send(outbound(&record, context.stage, now)?).await?;
    }
    Ok(())
}

/// The records of those texts in force that are not on the topic.
fn unknown(policy: &Policy, known: &PolicyTexts, at: Timestamp) -> Result<Vec<PolicyText>, ActError> {
    let guards = [PolicyFile { name: GUARDS.to_owned(), text: policy.guards.to_string() }];
    let in_force: [(PolicyKind, String, &[PolicyFile]); 2] = [
        (PolicyKind::Rules, policy.rules.hash().to_owned(), &policy.rule_files),
        (PolicyKind::Guards, policy.guards.hash(), &guards),
    ];
    let mut records = Vec::new();
    for (of, hash, files) in in_force {
        if known.files(of, &hash).is_err() {
            records.extend(policy_texts(of, &hash, files, at)?);
        }
    }
    Ok(records)
}

/// The texts among these records. What cannot be read, of a newer version perhaps, is none of ours.
fn texts(records: &[Inbound]) -> PolicyTexts {
    let mut texts = PolicyTexts::default();
    for record in records {
        if let Ok(PolicyRecord::Text(text)) = record.json() {
            texts.take(text);
        }
    }
    texts
}

fn outbound(record: &PolicyRecord, stage: &'static str, at: Timestamp) -> Result<Outbound, serde_json::Error> {
    let key = record.key();
    let headers = Headers::event(stage, "policy.recorded", &key, at, &key);
    Outbound::json(Topic::Policies, &key, headers, record)
}

/// Tells decide how many machines there are.
pub async fn publish_fleet(context: Context, fleet: Fleet) {
    let sent = match outbound(&PolicyRecord::Fleet(fleet), context.stage, fleet.at) {
        Ok(outbound) => context.producer.send(outbound).await.map(|_| ()).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = sent {
        tracing::warn!(%error, machines = fleet.machines, "the fleet's size could not be told to decide");
    }
}

/// Follows the fleet's size until `shutdown`. What a respond that was frozen says late is older, and passed over.
pub async fn follow_fleet(fleet: watch::Sender<Option<Fleet>>, context: &Context, shutdown: CancellationToken) {
    loop {
        let failure = tokio::select! {
            Err(failure) = read_fleet(&fleet, context) => failure,
            () = shutdown.cancelled() => return,
        };
        tracing::warn!(error = %failure, "the fleet's size cannot be read, so new decisions do not name it; trying again");
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn read_fleet(fleet: &watch::Sender<Option<Fleet>>, context: &Context) -> Result<(), KafkaFailure> {
    let mut log = StateLog::open(context, Topic::Policies).await?;
    loop {
        if let Ok(PolicyRecord::Fleet(counted)) = log.next().await?.json() {
            fleet.send_if_modified(|known| take(known, counted));
        }
    }
}

/// Takes a later count; says whether it was one.
fn take(known: &mut Option<Fleet>, counted: Fleet) -> bool {
    let is_later = known.is_none_or(|known| known.at < counted.at);
    if is_later {
        *known = Some(counted);
    }
    is_later
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyFiles;

    const RULE: &str = "id: r\nwhen: alert.severity == \"High\"\nactions: []\n";

    fn at(text: &str) -> Timestamp {
        format!("2026-11-24T{text}Z").parse().unwrap()
    }

    fn policy(rule: &str) -> Policy {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("r.yaml"), rule).unwrap();
        PolicyFiles { rules: vec![folder.path().to_owned()], guards: None }.read().check().unwrap()
    }

    #[test]
    fn what_is_in_force_is_written_once_for_each_hash_and_again_only_when_it_decides_otherwise() {
        let first = policy(RULE);
        let mut known = PolicyTexts::default();
        let written = unknown(&first, &known, at("03:00:00")).unwrap();
        let kinds: Vec<PolicyKind> = written.iter().map(|text| text.of).collect();
        assert_eq!(kinds, [PolicyKind::Rules, PolicyKind::Guards]);
        written.into_iter().for_each(|text| known.take(text));
        assert_eq!(unknown(&first, &known, at("04:00:00")).unwrap(), []);
        let commented = policy(&format!("# why\n{RULE}"));
        assert_eq!(unknown(&commented, &known, at("04:00:00")).unwrap(), [], "a comment decides nothing");
        let other = unknown(&policy(&RULE.replace("High", "Low")), &known, at("04:00:00")).unwrap();
        assert_eq!(other.iter().map(|text| text.of).collect::<Vec<_>>(), [PolicyKind::Rules]);
    }

    #[test]
    fn the_text_that_is_read_back_has_the_hash_under_which_it_was_written() {
        let policy = policy(&format!("# a comment stays\n{RULE}"));
        let mut read = PolicyTexts::default();
        unknown(&policy, &read, at("03:00:00")).unwrap().into_iter().for_each(|text| read.take(text));
        let rules = read.files(PolicyKind::Rules, policy.rules.hash()).unwrap();
        assert!(rules[0].text.starts_with("# a comment stays\n") && rules[0].name.ends_with("r.yaml"), "{rules:?}");
        let files: Vec<(String, String)> = rules.into_iter().map(|file| (file.name, file.text)).collect();
        assert_eq!(cordon_policy::RuleSet::load(&files).unwrap().hash(), policy.rules.hash());
        let guards = read.files(PolicyKind::Guards, &policy.guards.hash()).unwrap();
        let again = cordon_policy::Guards::load(GUARDS, &guards[0].text).unwrap();
        assert_eq!((again.hash(), again), (policy.guards.hash(), policy.guards));
    }

    #[test]
    fn an_older_count_that_comes_later_does_not_replace_a_newer_one() {
        let fleet = |machines, time| Fleet { machines, at: at(time) };
        let mut known = None;
        assert!(take(&mut known, fleet(3_000, "03:00:00")));
        assert!(take(&mut known, fleet(3_100, "04:00:00")));
        assert!(!take(&mut known, fleet(2_000, "03:30:00")));
        assert_eq!(known, Some(fleet(3_100, "04:00:00")));
    }
}
