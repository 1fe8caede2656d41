//! Stages that are starved: of file handles, of the processor, and watched for the memory they take.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cordon_records::{
    AlertId, AlertRecord, Change, Clock as _, SCHEMA_VERSION, Source, SystemClock, TenantId, Topic, Verbatim,
};
use cordon_simulator::{SimAlert, TENANT_ID};
use cordon_tests::invariants::{
    Expectation, all_hold, each_is_isolated_once, every_alert_is_decided, further, nothing_is_missed_or_doubled,
};
use cordon_tests::load::{Load, machines_of};
use cordon_tests::meddle;
use cordon_tests::pipeline::{Pipeline, SOON, STAGES, Setup};
use cordon_tests::processes::{Signal, signal};
use tokio::sync::Mutex;

/// Pipelines take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// The design's limits for one stage, in KiB.
const IDLE: u64 = 64 * 1024;
const STORM: u64 = 256 * 1024;
/// What a restart of ingest may take, whatever the sweep window holds.
const RESTART: u64 = 128 * 1024;

const MACHINES: u32 = 12;
const PACE: Duration = Duration::from_millis(100);

/// Sets the number of file handles that a running process may have; those that it has stay open.
fn limit_handles(pid: u32, handles: &str) {
    let limit = format!("--nofile={handles}:");
    let set = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status().expect("util-linux is there");
    assert!(set.success(), "{set}");
}

/// The most memory that a process ever had, in KiB (`VmHWM` of proc(5)).
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn peaks(pipeline: &Pipeline) -> BTreeMap<&'static str, u64> {
    pipeline.processes().map(|(stage, process)| (stage, peak(process.pid()))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn stages_without_a_file_handle_to_spare_say_so_live_on_and_catch_up() {
    // Without its lookups enrich lets alerts go on, and what has no machine is for people: that is another test.
    const STARVED: [&str; 3] = ["cordon-ingest", "cordon-act", "cordon-notify"];
    let _turn = TURN.lock().await;
    let setup = Setup { unlimited: true, ..Setup::default() };
    let Some(mut pipeline) = Pipeline::start("handles", setup).await else { return };
    for stage in ["cordon-act", "cordon-notify"] {
        limit_handles(pipeline.process(stage, 0).pid(), "3");
    }
    let load = Load::start(&pipeline.tenant, MACHINES, PACE);
    pipeline.process("cordon-act", 0).line(SOON, "Too many open files").await;
    // Its alerts flow, so it has taken the poll over.
    limit_handles(pipeline.process("cordon-ingest", 0).pid(), "3");
    pipeline.all_are_running();
    // With respond at work again there is something to tell, and no way out for it.
    limit_handles(pipeline.process("cordon-act", 0).pid(), "1024");
    pipeline.process("cordon-notify", 0).line(SOON, "Too many open files").await;
    pipeline.all_are_running();
    for stage in STARVED {
        limit_handles(pipeline.process(stage, 0).pid(), "1024");
    }
    further(&mut pipeline, 30, SOON).await;
    nothing_is_missed_or_doubled(&mut pipeline, (load, MACHINES), STARVED.len(), SOON * 4).await;
}

/// Lets processes run for a tenth of each second until `stop`.
fn starve(pids: Vec<u32>, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            pids.iter().for_each(|pid| signal(*pid, Signal::Freeze));
            std::thread::sleep(Duration::from_millis(900));
            pids.iter().for_each(|pid| signal(*pid, Signal::Thaw));
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_storm_of_1000_alerts_on_a_tenth_of_the_processor_loses_nothing_and_keeps_within_the_memory() {
    const STARVED: u32 = 100;
    let _turn = TURN.lock().await;
    let setup = Setup { unlimited: true, ..Setup::default() };
    let Some(mut pipeline) = Pipeline::start("starved", setup).await else { return };
    let idle = peaks(&pipeline);
    assert!(idle.values().all(|peak| *peak <= IDLE), "KiB at rest: {idle:?}");
    let stop = Arc::default();
    let starving = starve(STAGES.map(|stage| pipeline.process(stage, 0).pid()).to_vec(), &stop);
    let machines = machines_of(STARVED);
    machines.iter().for_each(|machine| pipeline.tenant.add_machine(machine.clone()));
    let raised: Vec<AlertId> = (0..1000)
        .map(|number| {
            let severity = if number < machines.len() { "High" } else { "Medium" };
            pipeline.tenant.add_alert(SimAlert::on(&machines[number % machines.len()]).severity(severity))
        })
        .collect();
    every_alert_is_decided(&pipeline, &raised, SOON * 4).await;
    each_is_isolated_once(&pipeline, &machines, SOON * 4).await;
    stop.store(true, Ordering::Relaxed);
    starving.join().unwrap();
    pipeline.all_are_running();
    let storm = peaks(&pipeline);
    all_hold(&mut pipeline, &Expectation::of(&raised), SOON).await;
    println!("KiB at rest {idle:?}, in the storm {storm:?}");
    assert!(storm.values().all(|peak| *peak <= STORM), "KiB in the storm: {storm:?}");
}

/// An alert of 4.5 kB that was seen a moment ago.
fn seen(number: usize) -> AlertRecord {
    let (now, id) = (SystemClock.now(), format!("da{number:08}_1"));
    let title = format!("{number:08x}").repeat(500);
    let raw = format!(r#"{{"id":"{id}","lastUpdateTime":"{now}","severity":"Low","title":"{title}"}}"#);
    let alert_id = AlertId::new(id).unwrap();
    AlertRecord {
        schema_version: SCHEMA_VERSION,
        id: AlertRecord::record_id(&alert_id, Some(now)),
        alert_id,
        tenant: TenantId::new(TENANT_ID).unwrap(),
        source: Source::Mde,
        change: Change::New,
        last_update: Some(now),
        seen_at: now,
        raw: Verbatim::parse(&raw).unwrap(),
        cut: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_restart_of_ingest_behind_50000_alerts_of_a_day_remembers_them_all_and_keeps_none_of_their_text() {
    const ALERTS: usize = 50_000;
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::prepare("day", Setup::default()).await else { return };
    let records = (0..ALERTS).map(|number| {
        let record = seen(number);
        (record.alert_id.to_string(), serde_json::to_vec(&record).unwrap())
    });
    let bytes = serde_json::to_vec(&seen(0)).unwrap().len();
    meddle::fill(&pipeline.kafka.bootstrap_servers, &pipeline.kafka.topic(Topic::Alerts), records);
    pipeline.start_stage("cordon-ingest", 0, &[]);
    let held = pipeline.process("cordon-ingest", 0).line(SOON * 2, "holding the poll").await;
    let peak = peak(pipeline.process("cordon-ingest", 0).pid());
    println!("{} MiB at most behind {ALERTS} alerts of {bytes} bytes: {held}", peak / 1024);
    assert!(held.contains(&format!("\"remembered\":{ALERTS}")), "{held}");
    assert!(peak <= RESTART, "{peak} KiB");
}
