//! respond refuses a ledger that it cannot trust, says what to do, and starts on one that was made on request. A respond
//! that slept while another took over does nothing when it wakes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::{ActionState, DecisionRecord, Genesis, Latch, LedgerRecord, StampedRecord, Topic};
use cordon_runtime::kafka::{apply_topics, commit_end, has_committed};
use cordon_simulator::{Fault, FaultKind, SimAlert, SimMachine};
use cordon_tests::meddle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::processes::{Process, Signal};
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// Pipelines take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// respond's consumer group, without the prefix: an operator sees it on the broker.
const GROUP: &str = "act-respond";

/// A fatal error of a stage, by sysexits.h.
const SOFTWARE: i32 = 70;

/// A dead or frozen holder is noticed after the session timeout of 6 s; restoring the ledger comes on top.
const TAKEN_OVER: Duration = Duration::from_secs(60);

/// respond must end by itself; these are the words with which it does.
async fn refuses(pipeline: &Pipeline, args: &[&str], words: &[&str]) {
    let before = posts(pipeline);
    let mut act = pipeline.spawn("cordon-act", args, &[]);
    let code = act.exit(SOON).await.code();
    let log = act.log();
    assert_eq!(code, Some(SOFTWARE), "{log:#?}");
    let last = log.iter().rfind(|line| line.contains("stopped: ")).unwrap_or_else(|| panic!("no reason: {log:#?}"));
    for word in words {
        assert!(last.contains(word), "{word:?} is not in {last}");
    }
    assert_eq!(posts(pipeline), before, "a respond that refuses to start does nothing");
}

fn posts(pipeline: &Pipeline) -> usize {
    let calls = |path: &str| path.contains("/api/machines/");
    pipeline.tenant.requests().iter().filter(|request| request.method == "POST" && calls(&request.path)).count()
}

fn high_alert(pipeline: &Pipeline, number: u32, name: &str) -> SimMachine {
    let machine = machine(number, name);
    pipeline.tenant.add_machine(machine.clone());
    pipeline.tenant.add_alert(SimAlert::on(&machine).severity("High"));
    machine
}

fn ledger(pipeline: &Pipeline) -> String {
    pipeline.kafka.topic(Topic::Ledger)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tombstone_on_the_ledger_keeps_init_ledger_from_nothing() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::prepare("tombstone", Setup::default()).await else { return };
    meddle::bury(&pipeline.kafka.bootstrap_servers, &ledger(&pipeline), "action/gone");
    pipeline.start_stage("cordon-act", 0, &["--role", "respond", "--init-ledger"]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    // And on one that is there already.
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    meddle::bury(&pipeline.kafka.bootstrap_servers, &ledger(&pipeline), "action/gone");
    pipeline.start_stage("cordon-act", 0, &["--role", "respond", "--init-ledger"]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
}

/// Ingest, enrich and decide, so that decisions exist while no respond does.
fn start_the_rest(pipeline: &mut Pipeline) {
    pipeline.start_stage("cordon-ingest", 0, &[]);
    pipeline.start_stage("cordon-enrich", 0, &[]);
    pipeline.start_stage("cordon-act", 7, &["--role", "decide"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_installation_without_a_ledger_is_refused_and_init_ledger_makes_one_that_starts() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::prepare("fresh", Setup::default()).await else { return };
    start_the_rest(&mut pipeline);
    let early = high_alert(&pipeline, 1, "LAPTOP-EARLY");
    decided(&pipeline, 1).await;
    refuses(&pipeline, &["--role", "respond"], &["no usable committed offset", "--init-ledger"]).await;
    pipeline.start_stage("cordon-act", 0, &["--role", "respond", "--init-ledger"]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    let later = high_alert(&pipeline, 2, "LAPTOP-LATER");
    pipeline.reported(&later.id, ActionState::Succeeded, SOON).await;
    assert_eq!(pipeline.tenant.isolate_posts(&later.id), 1);
    assert_eq!(pipeline.tenant.isolate_posts(&early.id), 0, "a new ledger starts at the present end of decisions");
}

async fn decided(pipeline: &Pipeline, count: usize) {
    until(SOON, &format!("{count} decisions"), async || {
        let seen = pipeline.records::<DecisionRecord>(Topic::Decisions).await.len();
        if seen >= count { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_offsets_without_a_genesis_record_are_refused() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = Pipeline::prepare("no-genesis", Setup::default()).await else { return };
    commit_end(&pipeline.kafka, GROUP, Topic::Decisions).await.unwrap();
    refuses(&pipeline, &["--role", "respond"], &["no genesis record", "--init-ledger", "what is isolated"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_was_deleted_and_made_again_is_refused_until_a_person_asks_for_a_new_one() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("recreated", Setup::default()).await else { return };
    let before = high_alert(&pipeline, 1, "LAPTOP-BEFORE");
    pipeline.reported(&before.id, ActionState::Succeeded, SOON).await;
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    assert!(has_committed(&pipeline.kafka, GROUP, Topic::Decisions).await.unwrap());

    meddle::delete_topic(&pipeline.kafka.bootstrap_servers, &ledger(&pipeline)).await;
    apply_topics(&pipeline.kafka).await.unwrap();
    refuses(&pipeline, &["--role", "respond"], &["no genesis record", "if it was lost"]).await;

    pipeline.start_stage("cordon-act", 0, &["--init-ledger"]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    let after = high_alert(&pipeline, 2, "LAPTOP-AFTER");
    pipeline.reported(&after.id, ActionState::Succeeded, SOON).await;
    let posts = [&before, &after].map(|machine| pipeline.tenant.isolate_posts(&machine.id));
    assert_eq!(posts, [1, 1], "what was done under the lost ledger is not done again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_of_another_cluster_is_refused_and_init_ledger_does_not_take_it_over() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = Pipeline::prepare("foreign", Setup::default()).await else { return };
    let foreign = LedgerRecord::Genesis(Genesis { cluster_id: "another-cluster".into(), at: pipeline.tenant.now() });
    let value = serde_json::to_vec(&foreign).unwrap();
    meddle::write(&pipeline.kafka.bootstrap_servers, &ledger(&pipeline), &foreign.key(), &value);
    commit_end(&pipeline.kafka, GROUP, Topic::Decisions).await.unwrap();
    for args in [&["--role", "respond"] as &[&str], &["--role", "respond", "--init-ledger"]] {
        refuses(&pipeline, args, &["belongs to cluster another-cluster", "refuses to act"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_with_an_unreadable_record_is_refused_with_its_place() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("unreadable", Setup::default()).await else { return };
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    meddle::write(&pipeline.kafka.bootstrap_servers, &ledger(&pipeline), "action/x", b"{\"entry\":\"action\",");
    refuses(&pipeline, &["--role", "respond"], &[&format!("{}/0/", ledger(&pipeline)), "unreadable"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_whose_offsets_were_deleted_is_refused_although_its_ledger_is_whole() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("no-offsets", Setup::default()).await else { return };
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    meddle::delete_group(&pipeline.kafka.bootstrap_servers, &pipeline.kafka.group(GROUP)).await;
    refuses(&pipeline, &["--role", "respond"], &["no usable committed offset"]).await;
}

fn elected(process: &Process) -> usize {
    process.log().iter().filter(|line| line.contains("respond holds the ledger")).count()
}

/// Waits until `process` has been elected so many times.
async fn holds(process: &Process, times: usize) {
    until(TAKEN_OVER, &format!("tenure {times}"), async || {
        if elected(process) >= times { Ok(()) } else { Err(process.log().last().cloned().unwrap_or_default()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_respond_that_was_frozen_before_its_intent_and_wakes_after_another_took_over_posts_nothing() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::prepare("frozen", Setup::default()).await else { return };
    start_the_rest(&mut pipeline);
    let sleeper = pipeline.spawn("cordon-act", &["--role", "respond", "--init-ledger"], &[]);
    holds(&sleeper, 1).await;
    let mut other = pipeline.spawn("cordon-act", &["--role", "respond"], &[]);
    other.line(SOON, "metrics and health are served").await;

    // Frozen in the fresh read: all that is left to do is INTENT and POST.
    pipeline.tenant.script(Fault::on("GET", "/api/alerts/", FaultKind::Delay(Duration::from_secs(2))));
    let anna = high_alert(&pipeline, 1, "LAPTOP-ANNA");
    until(SOON, "the fresh read", async || {
        pipeline.tenant.requests().into_iter().find(|it| it.path.contains("/api/alerts/") && it.fault.is_some())
    })
    .await;
    sleeper.signal(Signal::Freeze);
    holds(&other, 1).await;
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 1, "the new holder did it");

    sleeper.signal(Signal::Thaw);
    // The sleeper has woken and found its place once it is elected again.
    assert_eq!(other.terminate(SOON).await.code(), Some(0));
    holds(&sleeper, 2).await;
    let ben = high_alert(&pipeline, 2, "LAPTOP-BEN");
    pipeline.reported(&ben.id, ActionState::Succeeded, SOON).await;
    let posts = [&anna, &ben].map(|machine| pipeline.tenant.isolate_posts(&machine.id));
    assert_eq!(posts, [1, 1], "{}", pipeline.tenant.to_jsonl());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_switches_that_a_frozen_former_holder_writes_late_are_obeyed_neither_live_nor_after_a_restart() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("late-switch", Setup::default()).await else { return };
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    pipeline.start_stage("cordon-act", 0, &[]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    let latch = || Latch {
        on: true,
        by: "epoch 1".into(),
        why: "written late".into(),
        at: pipeline.tenant.now(),
        window_s: None,
    };
    for late in [LedgerRecord::Breaker(latch()), LedgerRecord::Pause(latch())] {
        let (key, value) = (late.key(), serde_json::to_vec(&late.stamped(1)).unwrap());
        meddle::write(&pipeline.kafka.bootstrap_servers, &ledger(&pipeline), &key, &value);
        until(SOON, &format!("the holder's word on {key} to be the last"), async || {
            let records: Vec<StampedRecord> = pipeline.records(Topic::Ledger).await;
            let last = records.into_iter().rfind(|record| record.record().key() == key).expect("it was written");
            if last.epoch() == Some(2) { Ok(()) } else { Err(format!("{last:?}")) }
        })
        .await;
    }
    let anna = high_alert(&pipeline, 1, "LAPTOP-ANNA");
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;

    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    pipeline.start_stage("cordon-act", 0, &[]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    let ben = high_alert(&pipeline, 2, "LAPTOP-BEN");
    pipeline.reported(&ben.id, ActionState::Succeeded, SOON).await;
    let posts = [&anna, &ben].map(|machine| pipeline.tenant.isolate_posts(&machine.id));
    assert_eq!(posts, [1, 1], "{}", pipeline.tenant.to_jsonl());
}
