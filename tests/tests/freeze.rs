//! A respond that is frozen in the middle of an action, as a paused virtual machine is, and wakes when another has taken
//! over. Its failpoints stop the process exactly where it matters: before the INTENT, and between INTENT and POST.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::{Duration, Instant};

use cordon_records::{ActionState, AttemptState, LedgerRecord, Topic};
use cordon_simulator::{SimAlert, SimMachine};
use cordon_tests::invariants::{Expectation, all_hold_so_far};
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::processes::{Process, Signal, stands_still};
use cordon_tests::wait::until;

/// The session timeout of 6 s, the rest of an action in doubt (110 s), and a busy machine.
const RECOVERED: Duration = Duration::from_secs(200);

/// The lease of an INTENT, after which it permits no call.
const LEASE: Duration = Duration::from_secs(30);

struct Frozen {
    pipeline: Pipeline,
    sleeper: Process,
    other: Process,
    anna: SimMachine,
    since: Instant,
}

/// Two responds; the one that holds the ledger stops itself at the point.
async fn frozen_at(name: &str, point: &str) -> Option<Frozen> {
    let mut pipeline = Pipeline::prepare(name, Setup::default()).await?;
    pipeline.start_stage("cordon-ingest", 0, &[]);
    pipeline.start_stage("cordon-enrich", 0, &[]);
    pipeline.start_stage("cordon-act", 0, &["--role", "decide"]);
    let environment = [("CORDON_FAILPOINT", point)];
    let mut sleeper = pipeline.spawn("cordon-act-failpoints", &["--role", "respond", "--init-ledger"], &environment);
    sleeper.line(SOON, "respond holds the ledger").await;
    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    until(SOON, "the process to be stopped", async || {
        if stands_still(sleeper.pid()) { Ok(()) } else { Err(sleeper.log().last().cloned().unwrap_or_default()) }
    })
    .await;
    let since = Instant::now();
    let mut other = pipeline.spawn("cordon-act", &["--role", "respond"], &[]);
    other.line(SOON, "respond holds the ledger").await;
    Some(Frozen { pipeline, sleeper, other, anna, since })
}

impl Frozen {
    fn posts(&self) -> usize {
        self.pipeline.tenant.isolate_posts(&self.anna.id)
    }

    /// Wakes the sleeper and waits until it has seen that it was overtaken.
    async fn wake(&mut self) {
        self.sleeper.signal(Signal::Thaw);
        until(SOON, "the sleeper to notice", async || {
            let log = self.sleeper.log();
            let told = ["lost its footing", "partitions lost", "partitions revoked"];
            let noticed = log.iter().any(|line| told.iter().any(|words| line.contains(words)));
            if noticed { Ok(()) } else { Err(log.last().cloned().unwrap_or_default()) }
        })
        .await;
    }

    /// The sleeper is a good member again: it takes over when the other leaves, acts on what is new, and on nothing old.
    async fn works_again(&mut self) {
        assert_eq!(self.other.terminate(SOON).await.code(), Some(0));
        until(SOON, "the sleeper's second tenure", async || {
            let log = self.sleeper.log();
            let tenures = log.iter().filter(|line| line.contains("respond holds the ledger")).count();
            if tenures == 2 { Ok(()) } else { Err(log.last().cloned().unwrap_or_default()) }
        })
        .await;
        assert_eq!(self.posts(), 1, "{}", self.pipeline.tenant.to_jsonl());
        assert_eq!(self.last_word().await, AttemptState::Reported(ActionState::Succeeded));
        all_hold_so_far(&self.pipeline, &Expectation::default()).await;
    }

    /// What compaction would keep of the action.
    async fn last_word(&self) -> AttemptState {
        let records: Vec<LedgerRecord> = self.pipeline.records(Topic::Ledger).await;
        let action = |record| match record {
            LedgerRecord::Action(entry) => Some(entry.state),
            _ => None,
        };
        records.into_iter().filter_map(action).next_back().expect("the ledger knows the action")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_respond_that_wakes_before_its_intent_writes_one_in_vain_and_posts_nothing() {
    let Some(mut frozen) = frozen_at("before", "C0:stop").await else { return };
    frozen.pipeline.reported(&frozen.anna.id, ActionState::Succeeded, SOON).await;
    assert_eq!(frozen.posts(), 1, "the other one did it");
    frozen.wake().await;
    assert_eq!(frozen.posts(), 1);
    until(SOON, "the new holder's word to be the last", async || {
        let word = frozen.last_word().await;
        if word == AttemptState::Reported(ActionState::Succeeded) { Ok(()) } else { Err(format!("{word:?}")) }
    })
    .await;
    frozen.works_again().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_respond_that_wakes_between_intent_and_post_after_the_lease_posts_nothing() {
    let Some(mut frozen) = frozen_at("between", "C2:stop").await else { return };
    until(LEASE * 2, "the lease to be over", async || {
        let slept = frozen.since.elapsed();
        if slept > LEASE { Ok(()) } else { Err(format!("{} s", slept.as_secs())) }
    })
    .await;
    frozen.wake().await;
    assert_eq!(frozen.posts(), 0, "the sleeper's permission is over; the other one waits until the list is settled");
    frozen.pipeline.reported(&frozen.anna.id, ActionState::Succeeded, RECOVERED).await;
    assert_eq!(frozen.posts(), 1, "the other one did it");
    frozen.works_again().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_respond_that_wakes_between_intent_and_post_within_the_lease_leaves_one_post_in_all() {
    let Some(mut frozen) = frozen_at("within", "C2:stop").await else { return };
    assert!(frozen.since.elapsed() < LEASE, "taken over too late for this test: {:?}", frozen.since.elapsed());
    // Whether it still calls depends on whether it hears of its loss first; the other one rests long enough for both.
    frozen.wake().await;
    frozen.pipeline.reported(&frozen.anna.id, ActionState::Succeeded, RECOVERED).await;
    frozen.works_again().await;
}
