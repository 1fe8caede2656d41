//! What people look at is kept apart from all that ever was: it comes right after a crash, and it takes no longer on a ledger
//! of a million closed actions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use cordon_records::{
    ActionKey, ActionState, AlertId, AlertMark, AttemptState, ClosedEntry, LedgerRecord, MachineActionId, MachineId,
    Topic,
};
use cordon_simulator::Options;
use cordon_tests::meddle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::processes::cordon;
use cordon_tests::usage::{Usage, processor_time, resident_kib};
use cordon_tests::wait::until;
use jiff::SignedDuration;
use tokio::sync::Mutex;

/// Pipelines take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// SIGABRT.
const ABORTED: i32 = 6;

/// With which words it is said that the summary cannot be relied on.
const NOT_WHOLE: &str = "does not say all that there is";

/// What is known of ours, and that it was read from the summary.
async fn isolated(pipeline: &Pipeline, part: &str, deadline: Duration) -> String {
    until(deadline, &format!("{part:?} in what is isolated"), async || {
        let (code, text) = cordon(pipeline.config(), &["isolated", "--mine"]).await;
        let is_it = code == Some(0) && text.contains(part) && !text.contains(NOT_WHOLE);
        if is_it { Ok(text) } else { Err(format!("{code:?} {text}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_look_at_comes_right_after_a_death_between_the_ledgers_record_and_its_own() {
    let _turn = TURN.lock().await;
    // Nothing more is written of the action meanwhile: Defender takes its time.
    let tenant = Options { settle: Duration::from_secs(600), enforce_quota: false, ..Options::default() };
    let Some(mut pipeline) = Pipeline::prepare("summary-killed", Setup { tenant, ..Setup::default() }).await else {
        return;
    };
    pipeline.start_stage("cordon-ingest", 0, &[]);
    pipeline.start_stage("cordon-enrich", 0, &[]);
    let environment = [("CORDON_FAILPOINT", "C5")];
    let mut doomed = pipeline.spawn("cordon-act-failpoints", &["--init-ledger"], &environment);
    doomed.line(SOON * 2, "respond holds the ledger").await;
    let anna = pipeline.raise_high(1, "LAPTOP-ANNA");
    assert_eq!(doomed.exit(SOON * 2).await.signal(), Some(ABORTED), "{:#?}", doomed.log());
    let ledger: Vec<LedgerRecord> = pipeline.records(Topic::Ledger).await;
    let is_accepted = |record: &LedgerRecord| match record {
        LedgerRecord::Action(entry) => entry.state == AttemptState::Reported(ActionState::Accepted),
        _ => false,
    };
    assert!(ledger.iter().any(is_accepted), "the ledger has it");
    let told = isolated(&pipeline, "unknown", SOON).await;
    assert!(!told.contains("isolating"), "what people look at has the INTENT yet: {told}");

    pipeline.start_stage("cordon-act", 0, &[]);
    let told = isolated(&pipeline, "isolating", SOON * 2).await;
    assert!(!told.contains("unknown"), "{told}");
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_summary_that_nobody_keeps_up_to_date_counts_no_more_and_the_ledger_is_read_in_its_place() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("summary-old", Setup::default()).await else { return };
    let (code, text) = cordon(pipeline.config(), &["approvals", "list"]).await;
    assert!(code == Some(0) && !text.contains(NOT_WHOLE), "{code:?} {text}");
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    let ledger = format!("nothing is held on {}", pipeline.kafka.topic(Topic::Ledger));
    until(Duration::from_secs(180), "the ledger to be read in its place", async || {
        let (code, text) = cordon(pipeline.config(), &["approvals", "list"]).await;
        let told = text.contains("respond last kept it up to date") && text.contains(&ledger);
        if code == Some(0) && told { Ok(()) } else { Err(format!("{code:?} {text}")) }
    })
    .await;
}

const CLOSED: u64 = 1_000_000;
const HELD: u64 = 200;
/// Of a release build; one for debugging is some three times as slow.
const GOAL: Duration = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 1 });

/// The same of a restart, the claim and its way back included. A build for debugging took 26 s of processor.
const RESTART: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 5 });
/// How much more memory respond may take than with an empty ledger, KiB.
const MORE: u64 = 64 * 1024;

/// Memory of a process in KiB: what it has now, and the most that it ever had.
fn memory(pid: u32) -> (u64, u64) {
    (resident_kib(pid), Usage::of(pid).unwrap().peak_kib)
}

/// As respond writes it, with a key as even as a digest is.
fn closed(number: u64) -> (String, Vec<u8>) {
    let even = |salt: u64| (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(salt | 1);
    let (one, other) = (even(0xBF58_476D_1CE4_E5B9), even(0x94D0_49BB_1331_11EB));
    let (low, high) = (one & 0xffff, other & 0xfff);
    let id = format!("{:08x}-{low:04x}-4{:03x}-8{high:03x}-{:012x}", one >> 32, one & 0xfff, other >> 16);
    let record = LedgerRecord::Closed(ClosedEntry {
        key: ActionKey::new(format!("{one:016x}")).unwrap(),
        state: ActionState::Succeeded,
        attempt: 1,
        id: Some(MachineActionId::new(id).unwrap()),
        alert: Some(AlertMark::of(&AlertId::new(format!("da{number}_1")).unwrap())),
        again: false,
        day: None,
        epoch: 1,
    });
    (record.key(), serde_json::to_vec(&record.stamped(1)).unwrap())
}

/// An isolation that waits for a person.
fn held(number: u64, until: jiff::Timestamp) -> (String, Vec<u8>) {
    let text = include_str!("../../common/records/examples/v1/ledger-held.json");
    let LedgerRecord::Action(mut entry) = serde_json::from_str(text).unwrap() else { panic!("no entry") };
    entry.key = ActionKey::new(format!("{number:016x}")).unwrap();
    entry.machine.id = MachineId::new(format!("{number:040x}")).unwrap();
    entry.expires_at = Some(until);
    let record = LedgerRecord::Action(entry);
    (record.key(), serde_json::to_vec(&record.stamped(1)).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn what_people_look_at_takes_a_second_on_a_ledger_of_a_million_closed_actions() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("summary-million", Setup::default()).await else { return };
    let idle = memory(pipeline.process("cordon-act", 0).pid());
    assert_eq!(pipeline.process("cordon-act", 0).terminate(SOON).await.code(), Some(0));
    let until_when = pipeline.tenant.now() + SignedDuration::from_hours(4);
    let (bootstrap, ledger) = (pipeline.kafka.bootstrap_servers.clone(), pipeline.kafka.topic(Topic::Ledger));
    let filling = move || {
        let all = (0..CLOSED).map(closed).chain((0..HELD).map(|number| held(number, until_when)));
        meddle::fill(&bootstrap, &ledger, all);
    };
    tokio::task::spawn_blocking(filling).await.unwrap();
    let began = Instant::now();
    pipeline.start_stage("cordon-act", 0, &[]);
    pipeline.process("cordon-act", 0).line(SOON * 4, "respond holds the ledger").await;
    let held = began.elapsed();
    pipeline.ready("cordon-act", 0).await;
    let (ready, now) = (began.elapsed(), memory(pipeline.process("cordon-act", 0).pid()));
    let (more, peak) = (now.0.saturating_sub(idle.0), now.1.saturating_sub(idle.1));
    let processor = processor_time(pipeline.process("cordon-act", 0).pid());
    println!(
        "restart of respond with {CLOSED} closed actions: ready after {ready:?}, its claim read back after {held:?}, {processor:?} \
         of processor; {} MiB more than with none, {} MiB at the most",
        more / 1024,
        peak / 1024
    );
    assert!(ready <= RESTART && more <= MORE, "{ready:?}, {more} KiB more, {peak} KiB at the most");
    until(SOON, "the summary to have what is held", async || {
        let (code, text) = cordon(pipeline.config(), &["approvals", "list"]).await;
        let rows = text.lines().filter(|line| line.contains("isolate")).count() as u64;
        if rows == HELD && !text.contains(NOT_WHOLE) { Ok(()) } else { Err(format!("{code:?} {rows} {text}")) }
    })
    .await;
    let mut slow = Vec::new();
    for args in [&["approvals", "list"] as &[&str], &["isolated"], &["isolated", "--mine"], &["status"]] {
        let began = Instant::now();
        let (code, text) = cordon(pipeline.config(), args).await;
        let took = began.elapsed();
        println!("cordon {}: {took:?}", args.join(" "));
        assert!(code.is_some_and(|code| code <= 1) && !text.contains(NOT_WHOLE), "{args:?}: {code:?} {text}");
        slow.extend((took > GOAL).then(|| format!("{args:?} took {took:?}")));
    }
    assert!(slow.is_empty(), "{slow:?}");
}
