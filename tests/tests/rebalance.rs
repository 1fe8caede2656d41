//! Replicas of enrich and of decide come and go all the time, under load. Every alert is decided, every machine's alerts
//! are decided in their order, every machine is isolated once, and the work never stands still.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::{Duration, Instant};

use cordon_records::Topic;
use cordon_settings::variable;
use cordon_tests::groups::{Committed, members};
use cordon_tests::invariants::{
    Expectation, all_hold_so_far, each_is_isolated_once, every_alert_is_decided, machines_decided_in_order,
};
use cordon_tests::load::{Load, machines_of};
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::processes::{Process, Signal};
use cordon_tests::progress::Progress;
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// Pipelines take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

const MACHINES: u32 = 20;
const PACE: Duration = Duration::from_millis(50);
const EVERY: Duration = Duration::from_secs(2);

/// Minutes of each storm, unless `CORDON_STORM_MINUTES` says otherwise.
const MINUTES: u64 = 2;

/// Longest time without a decision while everybody leaves well. Under the classic protocol whoever leaves or comes waits
/// for every other member's heartbeat (1 s), and partitions that move for two of them; librdkafka joins at most once a
/// second. Both stages may stand in such a round at once.
const STANDSTILL: Duration = Duration::from_secs(5);

/// The same where members are killed. The round that follows ends when the dead member's session of 6 s has: until then
/// its partitions wait, and those that were on their way between two members at that moment, in the worst case all.
const STANDSTILL_OF_THE_DEAD: Duration = Duration::from_secs(10);

/// What one machine may stand still on top: its alerts come each second, and its partition may move in both stages.
const OF_ONE_MACHINE: Duration = Duration::from_secs(4);

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

/// The storm itself.
async fn storm(pipeline: &Pipeline, churn: &mut Churn, kill: bool) {
    let minutes = variable("CORDON_STORM_MINUTES").map_or(MINUTES, |text| text.parse().expect("a number of minutes"));
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut beat = tokio::time::interval(EVERY);
    while Instant::now() < end {
        beat.tick().await;
        churn.step(pipeline, kill);
    }
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
    let progress = Progress::watch(&pipeline.kafka, &pipeline.kafka.topic(Topic::Decisions));
    until(SOON, "the first decision", async || (progress.count() > 0).then_some(())).await;
    let committed = Committed::watch(&pipeline.kafka);

    let start = Instant::now();
    storm(&pipeline, &mut churn, kill).await;
    let seen = progress.standstill(start, Instant::now());
    let raised = load.finish().await;
    let machines = seen.by_key.values().max().copied().unwrap_or_default();
    let (alerts, longest) = (raised.len(), seen.overall);
    println!("{alerts} alerts; longest without a decision: {longest:?} overall, {machines:?} for one machine");

    churn.left().await;
    every_alert_is_decided(&pipeline, &raised, SOON * 2).await;
    each_is_isolated_once(&pipeline, &machines_of(MACHINES), SOON).await;
    assert_eq!(machines_decided_in_order(&pipeline), MACHINES as usize, "a machine's alerts stay on one partition");
    all_hold_so_far(&pipeline, &Expectation::of(&raised)).await;
    println!("committed offsets were looked at {} times", committed.nothing_unsettled_lay_below(SOON));
    let bound = if kill { STANDSTILL_OF_THE_DEAD } else { STANDSTILL };
    assert!(longest < bound, "nothing was decided for {longest:?}; at most {bound:?} was expected");
    let bound = bound + OF_ONE_MACHINE;
    assert!(machines < bound, "a machine waited for {machines:?}; at most {bound:?} was expected: {seen:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn replicas_that_come_and_go_every_two_seconds_lose_repeat_and_reorder_nothing() {
    comes_and_goes("classic", false, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn replicas_that_come_and_are_killed_lose_and_reorder_nothing() {
    comes_and_goes("classic-kill", false, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn replicas_that_come_and_go_under_the_new_group_protocol_lose_repeat_and_reorder_nothing() {
    comes_and_goes("new", true, false).await;
}

/// librdkafka sends no LeaveGroup for a member without partitions when it is closed; everybody would wait for its session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_replica_without_partitions_leaves_its_group_as_well() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::prepare("standby", Setup::default()).await else { return };
    pipeline.start_stage("cordon-ingest", 0, &[]);
    pipeline.process("cordon-ingest", 0).line(SOON, "\"partitions\":\"[0]\"").await;
    pipeline.start_stage("cordon-ingest", 1, &[]);
    pipeline.process("cordon-ingest", 1).line(SOON, "\"partitions\":\"[]\"").await;
    assert_eq!(members(&pipeline.kafka, "ingest"), 2);
    let ended = pipeline.process("cordon-ingest", 1).terminate(SOON).await;
    assert_eq!(ended.code(), Some(0));
    assert_eq!(members(&pipeline.kafka, "ingest"), 1, "the replica that ended is still a member");
}
