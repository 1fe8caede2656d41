//! Replicas of enrich and of decide come and go all the time, under load. Every alert is decided, every machine's alerts
//! are decided in their order, every machine is isolated once, and the work never stands still.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::{Duration, Instant};

use cordon_tests::invariants::{decided, each_is_isolated_once, every_alert_is_decided, machines_decided_in_order};
use cordon_tests::load::{Load, machines_of};
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::processes::{Process, Signal};
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// Pipelines take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

const MACHINES: u32 = 20;
const PACE: Duration = Duration::from_millis(50);
const STORM: Duration = Duration::from_secs(40);
const EVERY: Duration = Duration::from_secs(2);

/// Longest time without a decision. Under the classic protocol a newcomer waits until every member has joined again, and
/// a cooperative rebalance takes two rounds; a member that is killed is missed only after its session of 6 s.
const STANDSTILL: Duration = Duration::from_secs(30);

/// Which of the departures are kills: one in twelve seconds, twice the session timeout.
const KILLED: usize = 6;

/// One of the replicas that come and go, and how it left.
struct Churn {
    here: Vec<(&'static str, Process)>,
    leaving: Vec<(&'static str, Process)>,
    turn: usize,
}

impl Churn {
    /// A replica of each stage comes; the oldest of each goes once there are two.
    fn step(&mut self, pipeline: &Pipeline, kill: bool) {
        for (stage, args) in [("cordon-enrich", &[] as &[&str]), ("cordon-act", &["--role", "decide"])] {
            self.here.push((stage, pipeline.spawn(stage, args, &[])));
            if self.here.iter().filter(|(of, _)| *of == stage).count() > 2 {
                let oldest = self.here.iter().position(|(of, _)| *of == stage).unwrap();
                let (stage, mut process) = self.here.remove(oldest);
                if kill && self.turn % KILLED == KILLED - 1 {
                    process.kill();
                } else {
                    process.signal(Signal::Terminate);
                    self.leaving.push((stage, process));
                }
            }
        }
        self.turn += 1;
    }

    /// Whoever was asked to leave has left well.
    async fn left(&mut self) {
        for (stage, process) in &mut self.leaving {
            let ended = process.exit(SOON).await;
            assert_eq!(ended.code(), Some(0), "{stage}: {:#?}", process.log());
        }
    }
}

/// The storm itself; returns the longest time in which no further alert was decided.
async fn storm(pipeline: &Pipeline, churn: &mut Churn, kill: bool) -> Duration {
    let (mut known, mut since, mut longest) = (0, Instant::now(), Duration::ZERO);
    let start = Instant::now();
    let mut beat = tokio::time::interval(EVERY);
    let mut look = tokio::time::interval(Duration::from_millis(500));
    while start.elapsed() < STORM {
        tokio::select! {
            _ = beat.tick() => churn.step(pipeline, kill),
            _ = look.tick() => {
                let count = decided(pipeline).await.len();
                longest = longest.max(since.elapsed());
                if count > known {
                    (known, since) = (count, Instant::now());
                }
            }
        }
    }
    longest
}

async fn comes_and_goes(test: &str, new_protocol: bool, kill: bool) {
    let _turn = TURN.lock().await;
    let setup = Setup { unlimited: true, new_protocol, ..Setup::default() };
    let Some(mut pipeline) = Pipeline::prepare(test, setup).await else { return };
    pipeline.start_stage("cordon-act", 0, &["--role", "respond", "--init-ledger"]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    pipeline.start_stage("cordon-ingest", 0, &[]);
    let mut churn = Churn { here: Vec::new(), leaving: Vec::new(), turn: 0 };
    churn.step(&pipeline, kill);
    let load = Load::start(&pipeline.tenant, MACHINES, PACE);
    until(SOON, "the first decision", async || (!decided(&pipeline).await.is_empty()).then_some(())).await;

    let longest = storm(&pipeline, &mut churn, kill).await;
    let raised = load.finish().await;
    churn.left().await;
    every_alert_is_decided(&pipeline, &raised, SOON * 2).await;
    each_is_isolated_once(&pipeline, &machines_of(MACHINES), SOON).await;
    assert_eq!(machines_decided_in_order(&pipeline), MACHINES as usize, "a machine's alerts stay on one partition");
    assert!(longest < STANDSTILL, "nothing was decided for {longest:?}");
    println!("{} alerts; the longest time without a decision was {longest:?}", raised.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: cargo test -p cordon-tests -- --ignored"]
async fn replicas_that_come_and_go_every_two_seconds_lose_repeat_and_reorder_nothing() {
    comes_and_goes("classic", false, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: cargo test -p cordon-tests -- --ignored"]
async fn replicas_that_come_and_are_killed_lose_and_reorder_nothing() {
    comes_and_goes("classic-kill", false, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: cargo test -p cordon-tests -- --ignored"]
async fn replicas_that_come_and_go_under_the_new_group_protocol_lose_repeat_and_reorder_nothing() {
    comes_and_goes("new", true, false).await;
}
