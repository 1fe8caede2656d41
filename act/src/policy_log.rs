//! The topic `policies`: every process of act writes there what it judges by, once for each hash, so that a recorded decision
//! can be judged again; respond writes the fleet's size there, and decide reads it.
//!
//! decide needs no credential and no right to the ledger for it, and no stage counts a second time. Nothing waits for this
//! topic: where it is missing, alerts are decided and acted on as ever, and log and metrics say what is not recorded.

use std::time::Duration;

use cordon_policy::Policy;
use cordon_records::{
    CountedFleet, Fleet, Headers, PolicyFile, PolicyKind, PolicyRecord, PolicyText, PolicyTexts, Topic, policy_texts,
};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Inbound, KafkaFailure, Outbound, StateLog};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::ActError;
use crate::metrics::PolicyMetrics;
use crate::reload::LoadedPolicy;

/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(60);

/// The name that the guards' text is recorded under. It is made of every setting in force, so it is no file of anybody's.
const GUARDS: &str = "guards.yaml";

/// Writes the text of what is in force, now and after each change, until `shutdown`.
pub async fn record(
    mut policy: watch::Receiver<LoadedPolicy>,
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
///
/// # Errors
/// When the topic cannot be read or written.
pub async fn write(policy: &Policy, context: &Context) -> Result<(), ActError> {
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

/// How often the newest count is written again. A former holder that was frozen may write its own after it, and compaction
/// keeps the last record of a key: whoever starts to read later would take that for the true one. Writing again needs no
/// right to read the topic and no view of who else writes there.
const TELL_EVERY: Duration = Duration::from_secs(10 * 60);

/// Tells decide how many machines there are, as long as the holder that counts them lives.
pub async fn publish_fleet(counts: watch::Receiver<Option<CountedFleet>>, context: Context) {
    let send = |counted: CountedFleet| {
        let record = outbound(&PolicyRecord::Fleet(counted), context.stage, counted.at);
        let context = &context;
        async move {
            let sent = context.producer.send(record.map_err(|error| error.to_string())?).await;
            sent.map(|_| ()).map_err(|error| error.to_string())
        }
    };
    tell(counts, send).await;
}

/// Sends each count, and the newest again and again; one that failed sooner. Ends with the sender of the counts.
async fn tell<S>(mut counts: watch::Receiver<Option<CountedFleet>>, send: impl Fn(CountedFleet) -> S)
where
    S: Future<Output = Result<(), String>>,
{
    loop {
        let newest = *counts.borrow_and_update();
        let said = async {
            match newest {
                None => std::future::pending().await,
                Some(counted) => tokio::time::sleep(say(counted, &send).await).await,
            }
        };
        tokio::select! {
            changed = counts.changed() => if changed.is_err() { return },
            () = said => {}
        }
    }
}

/// Sends a count; says how long to wait before it is sent again.
async fn say<S>(counted: CountedFleet, send: impl Fn(CountedFleet) -> S) -> Duration
where
    S: Future<Output = Result<(), String>>,
{
    let Err(error) = send(counted).await else { return TELL_EVERY };
    tracing::warn!(%error, machines = counted.machines, "the fleet's size could not be told to decide; trying again");
    AGAIN
}

/// Follows the fleet's size until `shutdown`. What a respond that was frozen says late is of an earlier claim, and passed
/// over.
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
    let mut log = StateLog::open(&context.reading_input(), Topic::Policies).await?;
    let mut known = None;
    loop {
        if let Ok(PolicyRecord::Fleet(counted)) = log.next().await?.json()
            && take(&mut known, counted)
        {
            fleet.send_replace(Some(counted.fleet()));
        }
    }
}

/// Takes a count in the order of the log, unless one of a higher claim is known; says whether it was taken. Whose clock is
/// ahead does not matter.
fn take(known: &mut Option<CountedFleet>, counted: CountedFleet) -> bool {
    let stands = known.is_none_or(|known| known.by <= counted.by);
    if stands {
        *known = Some(counted);
    }
    stands
}

#[cfg(test)]
mod tests {
    use cordon_records::Counter;

    use super::*;
    use cordon_policy::PolicyFiles;

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

    fn counted(machines: u64, time: &str, epoch: Option<u64>) -> CountedFleet {
        let by = epoch.map(|epoch| Counter { ledger: at("00:00:00"), epoch });
        CountedFleet { machines, at: at(time), by }
    }

    /// What is known after these counts, in the order of the log.
    fn taken(counts: &[CountedFleet]) -> Option<u64> {
        let mut known = None;
        for count in counts {
            take(&mut known, *count);
        }
        known.map(|known: CountedFleet| known.machines)
    }

    #[test]
    fn the_last_count_of_the_highest_claim_stands_whatever_the_clocks_say() {
        let first = counted(3_000, "03:00:00", Some(4));
        let later = counted(3_100, "04:00:00", Some(4));
        assert_eq!(taken(&[first, later]), Some(3_100));
        let frozen = counted(2_000, "05:00:00", Some(3));
        assert_eq!(taken(&[first, frozen]), Some(3_000), "a former holder that wakes");
        let ahead = counted(2_500, "23:00:00", Some(3));
        assert_eq!(taken(&[ahead, first]), Some(3_000), "one whose clock was ahead");
        assert_eq!(taken(&[ahead, counted(3_200, "03:30:00", Some(3))]), Some(3_200), "and whose clock was set right");
        let older_build = counted(1_000, "06:00:00", None);
        assert_eq!(taken(&[older_build, counted(1_100, "02:00:00", None)]), Some(1_100), "of older builds the last");
        assert_eq!((taken(&[first, older_build]), taken(&[older_build, first])), (Some(3_000), Some(3_000)));
    }

    #[test]
    fn a_ledger_that_was_made_anew_counts_its_claims_anew() {
        let before = counted(3_000, "03:00:00", Some(57));
        let by = Some(Counter { ledger: at("06:00:00"), epoch: 1 });
        let anew = CountedFleet { machines: 10, at: at("06:00:01"), by };
        assert_eq!((taken(&[before, anew]), taken(&[anew, before])), (Some(10), Some(10)));
    }

    /// What is sent, and when; the first so many times it fails.
    async fn told(fails: usize, counts: watch::Receiver<Option<CountedFleet>>) -> Vec<(u64, Duration)> {
        let began = tokio::time::Instant::now();
        let sent = std::sync::Mutex::new(Vec::new());
        let send = |counted: CountedFleet| {
            let mut sent = sent.lock().unwrap();
            sent.push((counted.machines, began.elapsed()));
            let answer = if sent.len() > fails { Ok(()) } else { Err("the broker is away".to_owned()) };
            async move { answer }
        };
        tell(counts, send).await;
        sent.into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_count_that_could_not_be_sent_is_sent_again_and_the_newest_again_and_again_until_its_holder_ends() {
        let (holder, counts) = watch::channel(None);
        let of_the_holder = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            holder.send_replace(Some(counted(3_000, "03:00:00", Some(1))));
            tokio::time::sleep(Duration::from_secs(1_500)).await;
            holder.send_replace(Some(counted(3_100, "04:00:00", Some(1))));
            tokio::time::sleep(Duration::from_secs(700)).await;
            drop(holder);
        };
        let (told, ()) = tokio::join!(told(2, counts), of_the_holder);
        let told: Vec<(u64, u64)> = told.into_iter().map(|(machines, after)| (machines, after.as_secs())).collect();
        assert_eq!(
            told,
            [(3_000, 30), (3_000, 90), (3_000, 150), (3_000, 750), (3_000, 1_350), (3_100, 1_530), (3_100, 2_130)]
        );
    }
}
