//! A broker that refuses our time stamps, as one does whose clock is behind ours: everything waits, says why, and goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::{ActionState, Clock, SystemClock, Topic};
use cordon_runtime::kafka::{BrokerClock, broker_clock, check_topics, read_all};
use cordon_simulator::{SimAlert, SimMachine};
use cordon_tests::meddle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::site::Site;
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// Pipelines take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// With this, a broker takes no record that was stamped before the present millisecond.
const REFUSED: &str = "0";
/// The default: the past is taken, however old.
const TAKEN: &str = "9223372036854775807";
/// `act.settle` and some time to look.
const SETTLED: Duration = Duration::from_secs(180);

/// So long every request is on its way to the broker. On a quick way a record may come within the millisecond that it was
/// stamped in, and then it is taken.
const ON_THE_WAY: Duration = Duration::from_millis(5);

/// A pipeline whose stages are that far from their broker.
async fn far(test: &str) -> Option<Site> {
    let mut site = Site::prepare(test, Setup::default()).await?;
    site.relay.slow(ON_THE_WAY);
    site.launch().await;
    Some(site)
}

async fn takes(pipeline: &Pipeline, topic: Topic, before: &str) {
    let change = ("message.timestamp.before.max.ms", before);
    meddle::change(&pipeline.kafka.bootstrap_servers, &pipeline.kafka.topic(topic), change).await;
}

/// Lets the broker refuse what `stage` writes to `topic`, brings an alert, and lets it take records again.
async fn refused(pipeline: &mut Pipeline, (number, topic, stage): (u32, Topic, &'static str)) -> SimMachine {
    takes(pipeline, topic, REFUSED).await;
    // Several in one batch: then the broker calls the records invalid, and not their time stamps.
    let first = machine(1, "LAPTOP-1");
    for _ in 0..40 {
        pipeline.tenant.add_alert(SimAlert::on(&first).severity("Low"));
    }
    let machine = pipeline.raise_high(number, &format!("LAPTOP-{number}"));
    says_why(pipeline, topic, stage).await;
    pipeline.all_are_running();
    takes(pipeline, topic, TAKEN).await;
    machine
}

/// Waits until `stage` is unready since the broker refuses what it writes to `topic`, and says what to look at.
async fn says_why(pipeline: &mut Pipeline, topic: Topic, stage: &'static str) {
    let said = pipeline.unready(stage, 0, &pipeline.kafka.topic(topic)).await;
    for words in ["clock", "message.timestamp.before.max.ms", "message.timestamp.after.max.ms"] {
        assert!(said.contains(words), "{stage} does not name {words}: {said}");
    }
}

async fn nothing_died(pipeline: &Pipeline) {
    let dead = read_all(&pipeline.kafka, Topic::DeadLetters).await.unwrap();
    let told: Vec<_> = dead.iter().map(|letter| (letter.position(), &letter.headers)).collect();
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_wait_while_the_broker_refuses_their_time_stamps_and_are_isolated_when_it_takes_them() {
    let _turn = TURN.lock().await;
    let Some(Site { mut pipeline, relay: _relay, cluster: _cluster }) = far("stamps").await else { return };
    let first = pipeline.raise_high(1, "LAPTOP-1");
    pipeline.reported(&first.id, ActionState::Succeeded, SOON).await;
    let cases = [
        (2, Topic::Alerts, "cordon-ingest"),
        (3, Topic::Enriched, "cordon-enrich"),
        (4, Topic::Decisions, "cordon-act"),
        (5, Topic::Ledger, "cordon-act"),
        (6, Topic::Cursors, "cordon-ingest"),
        (7, Topic::Notified, "cordon-notify"),
    ];
    for case in cases {
        let machine = refused(&mut pipeline, case).await;
        pipeline.reported(&machine.id, ActionState::Succeeded, SOON).await;
        assert_eq!(pipeline.tenant.isolate_posts(&machine.id), 1, "{case:?}");
        pipeline.ready(case.2, 0).await;
        nothing_died(&pipeline).await;
        pipeline.mailed(&format!("LAPTOP-{}", case.0), SOON).await;
    }
    pipeline.all_are_running();
    check_topics(&pipeline.kafka, &Topic::ALL).await.expect("the topics are as they were but for the stamps");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_waits_while_the_broker_refuses_dead_letters_and_is_one_when_it_takes_them() {
    let _turn = TURN.lock().await;
    let Some(Site { mut pipeline, relay: _relay, cluster: _cluster }) = far("letter-stamps").await else { return };
    takes(&pipeline, Topic::DeadLetters, REFUSED).await;
    meddle::write(&pipeline.kafka.bootstrap_servers, &pipeline.kafka.topic(Topic::Alerts), "k", b"not json");
    says_why(&mut pipeline, Topic::DeadLetters, "cordon-enrich").await;
    let machine = pipeline.raise_high(1, "LAPTOP-1");
    pipeline.reported(&machine.id, ActionState::Succeeded, SOON).await;
    takes(&pipeline, Topic::DeadLetters, TAKEN).await;
    until(SOON, "the one dead letter", async || {
        let dead = read_all(&pipeline.kafka, Topic::DeadLetters).await.map_err(|error| error.to_string())?;
        let values: Vec<_> = dead.iter().map(|letter| letter.value.clone()).collect();
        if values == [Some(b"not json".to_vec())] { Ok(()) } else { Err(format!("{values:?}")) }
    })
    .await;
    pipeline.ready("cordon-enrich", 0).await;
    pipeline.all_are_running();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn an_isolation_whose_report_the_broker_refuses_is_looked_up_and_reported_and_not_asked_for_again() {
    let _turn = TURN.lock().await;
    let Some(Site { mut pipeline, relay: _relay, cluster: _cluster }) = far("report-stamps").await else { return };
    let machine = refused(&mut pipeline, (2, Topic::Actions, "cordon-act")).await;
    pipeline.reported(&machine.id, ActionState::Succeeded, SETTLED).await;
    assert_eq!(pipeline.tenant.isolate_posts(&machine.id), 1, "{}", pipeline.tenant.to_jsonl());
    nothing_died(&pipeline).await;
    pipeline.all_are_running();
}

/// A clock that is so many hours off.
struct Off(i64);

impl Clock for Off {
    fn now(&self) -> jiff::Timestamp {
        SystemClock.now() + jiff::SignedDuration::from_hours(self.0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_tells_its_clock_by_what_it_takes_or_says_and_nobody_says_ok_who_could_not_look() {
    const MINUTE: Duration = Duration::from_secs(60);
    let _turn = TURN.lock().await;
    let Some(pipeline) = Pipeline::prepare("broker-clock", Setup::default()).await else { return };
    let found = async |off| broker_clock(&pipeline.kafka, &Off(off), MINUTE).await.unwrap();
    // The broker's default: an hour.
    assert_eq!(found(0).await, BrokerClock::Near);
    assert_eq!(found(2).await, BrokerClock::Behind);
    assert_eq!(found(-2).await, BrokerClock::Ahead);
    let (bootstrap, topic) = (&pipeline.kafka.bootstrap_servers, pipeline.kafka.topic(Topic::Cursors));
    let stamps = ("message.timestamp.type", "LogAppendTime");
    meddle::set(bootstrap, &topic, &[("cleanup.policy", "compact"), stamps]).await;
    let BrokerClock::Read(ahead) = found(2).await else { panic!("the topic stamps records") };
    assert!(ahead.as_secs().abs_diff(-7200) < 30, "{ahead:?}");
    meddle::set(bootstrap, &topic, &[("cleanup.policy", "compact"), ("message.timestamp.after.max.ms", TAKEN)]).await;
    assert!(matches!(found(0).await, BrokerClock::Hidden(_)));
}
