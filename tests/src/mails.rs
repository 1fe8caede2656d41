//! What the mailbox says of decisions that wait for a person.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cordon_records::{ActionState, Topic};
use cordon_runtime::kafka::{Position, positions, read_all};

use crate::pipeline::Pipeline;
use crate::wait::until;

/// Until notify has settled everything; the last digest waits for two minutes.
const SETTLED: Duration = Duration::from_secs(400);

/// Waits until notify has settled all reports; then so many decisions are held, and each is told by exactly one mail that
/// arrived, on its own or counted in a digest. What the mails themselves count, copies under one `Message-ID` aside, is
/// that number too.
///
/// # Panics
/// When that is not so.
pub async fn each_decision_that_waits_is_in_exactly_one_mail(pipeline: &Pipeline, decisions: usize) {
    until(SETTLED, "every decision to be held and told", async || {
        let held = pipeline.actions().await.iter().filter(|record| record.state == ActionState::Held).count();
        let left = positions(&pipeline.kafka, Some("notify"), Topic::Actions).await;
        let left: i64 = left.map_err(|error| error.to_string())?.iter().map(Position::lag).sum();
        if held >= decisions && left == 0 { Ok(()) } else { Err(format!("{held} held, {left} not settled")) }
    })
    .await;
    let arrived: BTreeMap<String, String> = pipeline
        .tenant
        .mails()
        .iter()
        .map(|mail| (mail.header("Message-ID").unwrap_or_default(), mail.subject()))
        .collect();
    let told = told(pipeline).await;
    let held: Vec<_> = pipeline.actions().await.into_iter().filter(|it| it.state == ActionState::Held).collect();
    let mut keys = BTreeSet::new();
    for record in &held {
        let (key, intent) = (record.key.as_ref().expect("a key"), record.intent.as_ref().expect("an intent"));
        let mails = told.get(&format!("{key}|{}|held|{intent}#0", record.attempt)).cloned().unwrap_or_default();
        assert_eq!(mails.len(), 1, "{key} is told by {mails:?}");
        assert!(mails.iter().all(|mail| arrived.contains_key(mail)), "{key}: {mails:?} never arrived");
        keys.insert(key.clone());
    }
    assert_eq!(keys.len(), decisions);
    assert_eq!(arrived.values().map(|subject| counted(subject)).sum::<usize>(), held.len(), "{:?}", arrived.values());
}

/// The `Message-ID`s under which each notification key was sent.
async fn told(pipeline: &Pipeline) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in read_all(&pipeline.kafka, Topic::Notified).await.expect("the topic can be read") {
        let Some(key) = record.key_text().and_then(|key| key.strip_prefix("mail/")) else { continue };
        let sent: serde_json::Value = record.json().expect("a record of ours");
        let id = sent["message_id"].as_str().expect("a Message-ID").to_owned();
        let keys: Vec<String> = serde_json::from_value(sent["keys"].clone()).unwrap_or_default();
        keys.into_iter().chain([key.to_owned()]).for_each(|key| {
            told.entry(key).or_default().insert(id.clone());
        });
    }
    told
}

/// How many held decisions a mail tells, by its subject.
fn counted(subject: &str) -> usize {
    if subject.contains(": you decide") {
        return 1;
    }
    let count = subject.strip_prefix("ACTION NEEDED: ").and_then(|rest| rest.split_once(" more action"));
    count.filter(|(_, rest)| rest.contains("for a person")).and_then(|(count, _)| count.parse().ok()).unwrap_or(0)
}
