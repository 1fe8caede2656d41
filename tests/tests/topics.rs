//! What people and retention do to topics while the stages run: partitions added, a topic deleted and made again, records
//! deleted before they were read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use cordon_records::{
    ActionState, AlertId, AlertRecord, LedgerRecord, StampedRecord, Topic, dead_letter_header as header,
};
use cordon_runtime::kafka::apply_topics;
use cordon_simulator::SimAlert;
use cordon_tests::invariants::{decided, each_is_isolated_once, every_alert_is_decided, further};
use cordon_tests::load::{Load, machines_of};
use cordon_tests::meddle;
use cordon_tests::oracle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::processes::cordon;
use cordon_tests::wait::until;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use tokio::sync::Mutex;

/// Pipelines take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// Clients look for new partitions and topics every 30 s (`topic.metadata.refresh.interval.ms`) and then rebalance.
const NOTICED: Duration = Duration::from_secs(100);

const MACHINES: u32 = 12;
const PACE: Duration = Duration::from_millis(100);

/// Exit codes of sysexits.h: something outside is missing; the stage failed.
const UNAVAILABLE: i32 = 69;
const SOFTWARE: i32 = 70;

async fn says(pipeline: &mut Pipeline, stage: &'static str, words: &str) -> String {
    pipeline.process(stage, 0).line(NOTICED, words).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn partitions_that_are_added_are_read_and_told_of_and_the_next_start_is_refused() {
    let _turn = TURN.lock().await;
    let setup = Setup { unlimited: true, ..Setup::default() };
    let Some(mut pipeline) = Pipeline::start("added", setup).await else { return };
    let load = Load::start(&pipeline.tenant, MACHINES, PACE);
    further(&mut pipeline, 10, SOON).await;
    let bootstrap = pipeline.kafka.bootstrap_servers.clone();
    for topic in [Topic::Alerts, Topic::Enriched] {
        meddle::add_partitions(&bootstrap, &pipeline.kafka.topic(topic), 24).await;
    }
    for (stage, topic) in [("cordon-enrich", Topic::Alerts), ("cordon-act", Topic::Enriched)] {
        let told = says(&mut pipeline, stage, "partitions were added").await;
        assert!(told.contains("ERROR") && told.contains(&pipeline.kafka.topic(topic)), "{told}");
    }
    // Our writers use them when they next look for them, within five minutes; whoever is quicker is read at once.
    for topic in [Topic::Alerts, Topic::Enriched] {
        meddle::write_to(&bootstrap, (&pipeline.kafka.topic(topic), 20), b"k", b"not json");
    }
    until(SOON, "two dead letters from new partitions", async || {
        let dead = oracle::records(&bootstrap, &pipeline.kafka.topic(Topic::DeadLetters), SOON);
        let of_new = |record: &&OwnedMessage| {
            let headers = record.headers().expect("headers");
            headers.iter().any(|it| it.key == header::PARTITION && it.value == Some(b"20"))
        };
        let count = dead.iter().filter(of_new).count();
        if count == 2 { Ok(()) } else { Err(format!("{count} of {}", dead.len())) }
    })
    .await;
    let raised = load.finish().await;
    every_alert_is_decided(&pipeline, &raised, SOON * 2).await;
    each_is_isolated_once(&pipeline, &machines_of(MACHINES), SOON * 2).await;

    let enrich = pipeline.process("cordon-enrich", 0);
    assert_eq!(enrich.terminate(SOON).await.code(), Some(0));
    pipeline.start_stage("cordon-enrich", 0, &[]);
    let again = pipeline.process("cordon-enrich", 0);
    assert_eq!(again.exit(SOON).await.code(), Some(UNAVAILABLE), "{:#?}", again.log());
    let said = again.log().join("\n");
    assert!(said.contains("has 24 partitions and must have 12"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_topic_that_is_deleted_under_the_stages_is_told_of_and_read_from_its_beginning_once_it_is_made_again() {
    let told = async |pipeline: &mut Pipeline, topic: &str| {
        let told = says(pipeline, "cordon-act", "the topic does not exist").await;
        assert!(told.contains(topic), "{told}");
    };
    made_anew("anew", told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_topic_that_is_deleted_and_made_again_at_once_is_read_from_its_beginning() {
    made_anew("at-once", async |_: &mut Pipeline, _: &str| {}).await;
}

/// Deletes `enriched` under running stages, waits for what `meanwhile` waits for, and makes it again.
async fn made_anew(test: &str, meanwhile: impl AsyncFnOnce(&mut Pipeline, &str)) {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start(test, Setup::default()).await else { return };
    let before = pipeline.raise_high(1, "LAPTOP-BEFORE");
    pipeline.reported(&before.id, ActionState::Succeeded, SOON).await;
    // So that the new topic's ends lie below the old offsets.
    for _ in 0..40 {
        pipeline.tenant.add_alert(SimAlert::on(&before).severity("Low"));
    }
    until(SOON, "41 decisions", async || {
        let count = decided(&pipeline).await.len();
        if count == 41 { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
    let (bootstrap, topic) = (pipeline.kafka.bootstrap_servers.clone(), pipeline.kafka.topic(Topic::Enriched));
    meddle::delete_topic(&bootstrap, &topic).await;
    meanwhile(&mut pipeline, &topic).await;
    apply_topics(&pipeline.kafka).await.unwrap();
    // On the partition that the first machine's records had, and on others.
    let after = pipeline.raise_high(2, "LAPTOP-AFTER");
    let again = pipeline.tenant.add_alert(SimAlert::on(&before).severity("Low"));
    pipeline.reported(&after.id, ActionState::Succeeded, NOTICED).await;
    every_alert_is_decided(&pipeline, &[again], NOTICED).await;
    pipeline.all_are_running();

    // What a restart goes on with are the offsets of the new topic: nothing is skipped, however many records it has.
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    let committed = oracle::committed(&bootstrap, &pipeline.kafka.group("act-decide"), &topic);
    for (partition, end) in ends(&bootstrap, &topic) {
        let committed = committed.get(&partition);
        assert!(committed.is_none_or(|committed| *committed <= end), "{partition}: {committed:?} beyond {end}");
    }
    pipeline.start_stage("cordon-act", 0, &[]);
    let last = pipeline.raise_high(3, "LAPTOP-LAST");
    pipeline.reported(&last.id, ActionState::Succeeded, SOON).await;
    let posts = [&before, &after, &last].map(|machine| pipeline.tenant.isolate_posts(&machine.id));
    assert_eq!(posts, [1, 1, 1], "{}", pipeline.tenant.to_jsonl());
}

fn ends(bootstrap: &str, topic: &str) -> BTreeMap<i32, i64> {
    let mut ends = BTreeMap::new();
    for record in oracle::records(bootstrap, topic, SOON) {
        ends.insert(record.partition(), record.offset() + 1);
    }
    ends
}

/// Waits until `alerts` holds all of these.
async fn seen(pipeline: &Pipeline, raised: &[AlertId]) {
    until(SOON, &format!("{} alerts on the topic", raised.len()), async || {
        let alerts: Vec<AlertRecord> = pipeline.records(Topic::Alerts).await;
        let count = raised.iter().filter(|id| alerts.iter().any(|alert| &alert.alert_id == *id)).count();
        if count == raised.len() { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_that_retention_deleted_before_enrich_read_them_are_counted_as_lost() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("overtaken", Setup::default()).await else { return };
    // A group has an offset only where it has read: every partition gets some.
    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    let low = |count: usize| -> Vec<AlertId> {
        (0..count).map(|_| pipeline.tenant.add_alert(SimAlert::on(&anna).severity("Low"))).collect()
    };
    let first = low(120);
    every_alert_is_decided(&pipeline, &first, SOON).await;
    let before = {
        let topic = pipeline.kafka.topic(Topic::Alerts);
        ends(&pipeline.kafka.bootstrap_servers, &topic)
    };
    let second = low(60);
    let third_machine = anna.clone();
    assert_eq!(before.len(), 12, "some partition was never written to: {before:?}");
    // Whatever of the second lot enrich has read by now is not lost.
    assert_eq!(pipeline.process("cordon-enrich", 0).terminate(SOON).await.code(), Some(0));
    let third: Vec<AlertId> =
        (0..60).map(|_| pipeline.tenant.add_alert(SimAlert::on(&third_machine).severity("Low"))).collect();
    let raised: Vec<AlertId> = first.iter().chain(&second).chain(&third).cloned().collect();
    seen(&pipeline, &raised).await;
    let (bootstrap, topic) = (pipeline.kafka.bootstrap_servers.clone(), pipeline.kafka.topic(Topic::Alerts));
    let group = pipeline.kafka.group("enrich");
    let deleted = meddle::delete_records(&bootstrap, &topic).await;
    let committed = oracle::committed(&bootstrap, &group, &topic);
    let lost: i64 = deleted.into_iter().map(|(partition, end)| end - committed[&partition]).sum();
    assert!(lost > 0);
    pipeline.start_stage("cordon-enrich", 0, &[]);
    pipeline.ready("cordon-enrich", 0).await;
    // It is told without any record that comes after it.
    let letters = lost_letters(&pipeline, "enrich", lost).await;
    for letter in &letters {
        assert_eq!(
            letter.headers().unwrap().iter().find(|it| it.key == header::TOPIC).unwrap().value,
            Some(topic.as_bytes())
        );
        assert!(letter.payload().is_none(), "there is nothing left to keep");
    }
    let fourth: Vec<AlertId> =
        (0..120).map(|_| pipeline.tenant.add_alert(SimAlert::on(&anna).severity("Low"))).collect();
    every_alert_is_decided(&pipeline, &fourth, SOON).await;
    let counted = pipeline.counter("cordon-enrich", "cordon_records_lost_total").await;
    assert_eq!(i64::try_from(counted).unwrap(), lost);
    let told = says(&mut pipeline, "cordon-enrich", "records were deleted before this stage read them").await;
    assert!(told.contains("ERROR") && told.contains(&topic), "{told}");
    // What is told is passed: a restart does not tell it again.
    assert_eq!(pipeline.process("cordon-enrich", 0).terminate(SOON).await.code(), Some(0));
    pipeline.start_stage("cordon-enrich", 0, &[]);
    pipeline.ready("cordon-enrich", 0).await;
    let fifth: Vec<AlertId> = (0..5).map(|_| pipeline.tenant.add_alert(SimAlert::on(&anna).severity("Low"))).collect();
    every_alert_is_decided(&pipeline, &fifth, SOON).await;
    assert_eq!(lost_letters(&pipeline, "enrich", lost).await.len(), letters.len());
}

/// Waits until the dead letters tell of so many lost records, and returns those that do.
async fn lost_letters(pipeline: &Pipeline, stage: &str, lost: i64) -> Vec<OwnedMessage> {
    let (bootstrap, topic) = (&pipeline.kafka.bootstrap_servers, pipeline.kafka.topic(Topic::DeadLetters));
    until(SOON, &format!("{lost} lost records on the dead letters"), async || {
        let of = |record: &OwnedMessage, name: &str| -> Option<String> {
            let value = record.headers()?.iter().find(|it| it.key == name)?.value?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let is_lost = |record: &OwnedMessage| {
            let said = (of(record, header::STAGE), of(record, header::REASON));
            said == (Some(stage.to_owned()), Some("lost".to_owned()))
        };
        let letters: Vec<_> = oracle::records(bootstrap, &topic, SOON).into_iter().filter(is_lost).collect();
        let number = |record: &OwnedMessage, name: &str| of(record, name)?.parse::<i64>().ok();
        let of_one = |it: &OwnedMessage| Some(number(it, header::LAST_OFFSET)? - number(it, header::OFFSET)? + 1);
        let told: i64 = letters.iter().filter_map(of_one).sum();
        if told == lost { Ok(letters) } else { Err(format!("{told} are told of")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_respond_whose_decisions_were_deleted_before_it_read_them_refuses_to_go_on() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("deleted", Setup::default()).await else { return };
    let before = pipeline.raise_high(1, "LAPTOP-BEFORE");
    pipeline.reported(&before.id, ActionState::Succeeded, SOON).await;
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    pipeline.start_stage("cordon-act", 0, &["--role", "decide"]);
    let never = pipeline.raise_high(2, "LAPTOP-NEVER");
    until(SOON, "two decisions", async || {
        let count = decided(&pipeline).await.len();
        if count == 2 { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
    let (bootstrap, topic) = (pipeline.kafka.bootstrap_servers.clone(), pipeline.kafka.topic(Topic::Decisions));
    meddle::delete_records(&bootstrap, &topic).await;
    let mut respond = pipeline.spawn("cordon-act", &["--role", "respond"], &[]);
    assert_eq!(respond.exit(SOON).await.code(), Some(SOFTWARE), "{:#?}", respond.log());
    let said = respond.log().into_iter().rfind(|line| line.contains("stopped: ")).expect("a reason");
    assert!(said.contains("no usable committed offset") && said.contains(&topic), "{said}");
    lost_letters(&pipeline, "act", 1).await;
    let posts = [&before, &never].map(|machine| pipeline.tenant.isolate_posts(&machine.id));
    assert_eq!(posts, [1, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_pause_counts_on_a_topic_of_commands_that_was_made_anew_under_respond_or_while_it_was_down() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("commands", Setup::default()).await else { return };
    // So that the new topic ends below what was read of the old one.
    for word in ["one", "two", "three"] {
        pause(&pipeline, word).await;
    }
    let (bootstrap, topic) = (pipeline.kafka.bootstrap_servers.clone(), pipeline.kafka.topic(Topic::Commands));
    meddle::delete_topic(&bootstrap, &topic).await;
    apply_topics(&pipeline.kafka).await.unwrap();
    pause(&pipeline, "on the new topic").await;
    let told = says(&mut pipeline, "cordon-act", "the topic of commands was made anew").await;
    assert!(told.contains("WARN") && told.contains("\"before\":3"), "{told}");

    for word in ["two more", "three more"] {
        pause(&pipeline, word).await;
    }
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    meddle::delete_topic(&bootstrap, &topic).await;
    apply_topics(&pipeline.kafka).await.unwrap();
    say_pause(&pipeline, "while respond was down").await;
    pipeline.start_stage("cordon-act", 0, &[]);
    paused_by(&pipeline, "while respond was down").await;
}

/// Says it, and waits until respond has obeyed.
async fn pause(pipeline: &Pipeline, why: &str) {
    say_pause(pipeline, why).await;
    paused_by(pipeline, why).await;
}

async fn say_pause(pipeline: &Pipeline, why: &str) {
    let (code, told) = cordon(pipeline.config(), &["pause", "--why", why]).await;
    assert_eq!(code, Some(0), "{told}");
}

async fn paused_by(pipeline: &Pipeline, why: &str) {
    until(NOTICED, &format!("the pause {why:?} in the ledger"), async || {
        let ledger: Vec<StampedRecord> = pipeline.records(Topic::Ledger).await;
        let mut pauses = ledger.iter().filter_map(|record| match record.record() {
            LedgerRecord::Pause(latch) => Some(latch.why.clone()),
            _ => None,
        });
        let newest = pauses.next_back();
        if newest.as_deref() == Some(why) { Ok(()) } else { Err(format!("{newest:?}")) }
    })
    .await;
}
