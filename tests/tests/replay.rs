//! Decisions that come again, in any order and from any offset: the ledger knows them, and nobody is called twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use cordon_records::{ActionState, Topic};
use cordon_simulator::{SimAlert, SimMachine};
use cordon_tests::invariants::{Expectation, all_hold, each_is_isolated_once};
use cordon_tests::load::machines_of;
use cordon_tests::meddle;
use cordon_tests::oracle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use rdkafka::message::Message as _;
use tokio::sync::Mutex;

/// Pipelines take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// Four machines that were isolated, one of which got further alerts.
async fn isolated(test: &str) -> Option<(Pipeline, Vec<SimMachine>)> {
    let pipeline = Pipeline::start(test, Setup::default()).await?;
    let machines = machines_of(4);
    for machine in &machines {
        pipeline.tenant.add_machine(machine.clone());
        pipeline.tenant.add_alert(SimAlert::on(machine).severity("High"));
    }
    for _ in 0..3 {
        pipeline.tenant.add_alert(SimAlert::on(&machines[0]).severity("High"));
    }
    each_is_isolated_once(&pipeline, &machines, SOON).await;
    Some((pipeline, machines))
}

/// One more alert: when its machine is isolated, everything before it on the one partition has been dealt with.
async fn nothing_more(pipeline: &mut Pipeline, machines: &[SimMachine]) {
    let last = machine(900, "LAPTOP-LAST");
    pipeline.tenant.add_machine(last.clone());
    pipeline.tenant.add_alert(SimAlert::on(&last).severity("High"));
    pipeline.reported(&last.id, ActionState::Succeeded, SOON).await;
    each_is_isolated_once(pipeline, machines, SOON).await;
    all_hold(pipeline, &Expectation::default(), SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_that_come_three_times_more_and_backwards_call_nobody_again() {
    let _turn = TURN.lock().await;
    let Some((mut pipeline, machines)) = isolated("again").await else { return };
    let (bootstrap, topic) = (&pipeline.kafka.bootstrap_servers, pipeline.kafka.topic(Topic::Decisions));
    let decisions = oracle::records(bootstrap, &topic, SOON);
    assert!(decisions.len() >= machines.len());
    for _ in 0..3 {
        for decision in decisions.iter().rev() {
            let key = std::str::from_utf8(decision.key().unwrap()).unwrap();
            meddle::write(bootstrap, &topic, key, decision.payload().unwrap());
        }
    }
    nothing_more(&mut pipeline, &machines).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_respond_whose_offset_was_set_back_to_the_beginning_calls_nobody_again() {
    let _turn = TURN.lock().await;
    let Some((mut pipeline, machines)) = isolated("set-back").await else { return };
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    let (bootstrap, group) = (pipeline.kafka.bootstrap_servers.clone(), pipeline.kafka.group("act-respond"));
    let topic = pipeline.kafka.topic(Topic::Decisions);
    assert!(oracle::committed(&bootstrap, &group, &topic)[&0] > 0);
    meddle::commit(&bootstrap, &group, &topic, 0);
    pipeline.start_stage("cordon-act", 0, &[]);
    nothing_more(&mut pipeline, &machines).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enriched_alerts_that_are_all_read_again_are_decided_again_and_call_nobody_again() {
    let _turn = TURN.lock().await;
    let Some((mut pipeline, machines)) = isolated("from-the-start").await else { return };
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    let (bootstrap, topic) = (pipeline.kafka.bootstrap_servers.clone(), pipeline.kafka.topic(Topic::Decisions));
    let before = oracle::records(&bootstrap, &topic, SOON).len();
    meddle::delete_group(&bootstrap, &pipeline.kafka.group("act-decide")).await;
    pipeline.start_stage("cordon-act", 0, &[]);
    nothing_more(&mut pipeline, &machines).await;
    assert!(oracle::records(&bootstrap, &topic, SOON).len() > before + 1, "nothing was decided again");
}
