//! Storms: what cannot end in a call costs nothing at Defender and keeps no isolation waiting.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use cordon_policy::{RuleSet, decide};
use cordon_records::{
    ActionKey, AlertId, Clock as _, DecisionRecord, EnrichedRecord, MachineId, SystemClock, TenantId, Topic,
};
use cordon_runtime::kafka::{Position, positions};
use cordon_simulator::{SimAlert, TENANT_ID};
use cordon_tests::hops::{self, Isolated};
use cordon_tests::load::machines_of;
use cordon_tests::meddle;
use cordon_tests::percentile::percentile;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::wait::until;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Storms take turns on the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// What the starter rules say of a High alert that several of them match.
fn by_the_starter_rules() -> DecisionRecord {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let rules = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let texts: Vec<(String, String)> =
        rules.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())).collect();
    let record: EnrichedRecord =
        serde_json::from_str(include_str!("../../common/records/examples/v1/enriched.json")).unwrap();
    let decision = decide(&RuleSet::load(&texts).unwrap(), &record, record.id.clone(), record.enriched_at).unwrap();
    assert!(!decision.planned.is_empty(), "{decision:?}");
    decision
}

/// The same of another alert on another machine, a moment ago.
fn another(decision: &DecisionRecord, number: i64) -> DecisionRecord {
    let mut decision = decision.clone();
    decision.id = format!("cordon.enriched/0/{number}");
    decision.tenant = TenantId::new(TENANT_ID).unwrap();
    decision.alert.id = AlertId::new(format!("storm-{number}")).unwrap();
    decision.alert.newest_moment = Some(SystemClock.now());
    let machine = decision.machine.as_mut().unwrap();
    machine.tags = Some(Vec::new());
    machine.id = MachineId::new(format!("{number:040x}")).unwrap();
    for planned in &mut decision.planned {
        planned.key = ActionKey::derive(&decision.tenant, &decision.alert.id, &machine.id, &planned.action);
    }
    decision
}

fn write(pipeline: &Pipeline, decisions: impl Iterator<Item = DecisionRecord>) {
    let records = decisions.map(|decision| {
        let key = decision.machine.as_ref().unwrap().id.to_string();
        (key, serde_json::to_vec(&decision).unwrap())
    });
    meddle::fill(&pipeline.kafka.bootstrap_servers, &pipeline.kafka.topic(Topic::Decisions), records);
}

/// How long 50,000 decisions may take. A build that is not optimised took 195 s, with other work beside it.
const SETTLED: Duration = Duration::from_secs(if cfg!(debug_assertions) { 400 } else { 120 });

/// Waits until so many decisions are settled; says how long that took.
async fn settled(pipeline: &Pipeline, decisions: i64, within: Duration) -> Duration {
    let began = Instant::now();
    until(within, "every decision to be settled", async || {
        let positions = positions(&pipeline.kafka, Some("act-respond"), Topic::Decisions).await.unwrap();
        let made = positions.iter().map(|at| at.high).sum::<i64>();
        let left = positions.iter().map(Position::lag).sum::<i64>();
        if made >= decisions && left == 0 { Ok(()) } else { Err(format!("{made} made, {left} not settled")) }
    })
    .await;
    began.elapsed()
}

/// Reads and calls about single alerts, machines and actions; the fleet is counted besides.
fn calls(pipeline: &Pipeline) -> Vec<String> {
    let requests = pipeline.tenant.requests().into_iter();
    let of_one =
        requests.filter(|request| request.path.starts_with("/api/") && !request.path.starts_with("/api/machines?"));
    of_one.map(|request| format!("{} {}", request.method, request.path)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn fifty_thousand_decisions_in_shadow_mode_are_settled_in_time_and_cost_no_call() {
    const DECISIONS: i64 = 50_000;
    let _turn = TURN.lock().await;
    let setup = Setup { mode: "shadow", ..Setup::default() };
    let Some(pipeline) = Pipeline::prepare("shadow-storm", setup).await else { return };
    let mut act = pipeline.spawn("cordon-act", &["--role", "respond", "--init-ledger"], &[]);
    act.line(SOON, "respond holds the ledger").await;
    let template = by_the_starter_rules();
    write(&pipeline, (0..DECISIONS).map(|number| another(&template, number)));
    let took = settled(&pipeline, DECISIONS, Duration::from_secs(600)).await;
    let planned = template.planned.len();
    println!("{DECISIONS} decisions of {planned} actions each in shadow mode: settled in {took:?}");
    let calls = calls(&pipeline);
    assert!(calls.is_empty(), "{} calls: {:?}", calls.len(), &calls[..calls.len().min(10)]);
    assert!(took <= SETTLED, "{took:?}");
}

/// A rule that only rehearses, for what the shipped one leaves alone.
const REHEARSED: &str = "id: rehearse-medium\ndescription: What isolating at Medium would do\nmode: shadow\n\
                         when: 'alert.severity == \"Medium\"'\nactions:\n  - isolate: {type: Full, comment: Medium}\n\
                         tests:\n  - name: Medium is rehearsed\n    given: {alert: {severity: Medium}}\n    expect: [isolate]\n";

/// How long 99 of a hundred High alerts may take.
const HIGH_WAITS: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 2 });

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn in_a_storm_of_ten_thousand_medium_alerts_a_high_one_a_second_does_not_wait_for_the_storm_to_end() {
    const FLEET: u32 = 10_000;
    const HIGH: u32 = 100;
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::prepare("storm", Setup { unlimited: true, ..Setup::default() }).await else {
        return;
    };
    let folder = pipeline.config().parent().unwrap().to_owned();
    std::fs::write(folder.join("rehearse-medium.yaml"), REHEARSED).unwrap();
    let text = std::fs::read_to_string(pipeline.config()).unwrap();
    let both = text.replace("[isolate-high.yaml]", "[isolate-high.yaml, rehearse-medium.yaml]");
    assert_ne!(text, both);
    std::fs::write(pipeline.config(), both).unwrap();
    pipeline.environment.push(("CORDON_NOTIFY__DIGEST_AFTER", "2m".to_owned()));
    pipeline.launch(1).await;
    for known in machines_of(FLEET) {
        pipeline.tenant.add_alert(SimAlert::on(&known).severity("Medium"));
        pipeline.tenant.add_machine(known);
    }
    let mut high = Vec::new();
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    for number in 1..=HIGH {
        beat.tick().await;
        let target = machine(FLEET + number, &format!("TARGET-{number:03}"));
        pipeline.tenant.add_machine(target.clone());
        let alert = pipeline.tenant.add_alert(SimAlert::on(&target).severity("High"));
        high.push((alert, format!("/api/machines/{}/isolate", target.id)));
    }
    let isolated = || -> Vec<Isolated> {
        let requests = pipeline.tenant.requests();
        let posts: BTreeMap<&str, Timestamp> = requests
            .iter()
            .filter(|request| request.method == "POST")
            .map(|request| (request.path.as_str(), request.at))
            .collect();
        let of = |(alert, path): &(AlertId, String)| {
            let (listed, called) = (pipeline.tenant.first_listed(alert)?, *posts.get(path.as_str())?);
            Some(Isolated { alert: alert.clone(), listed, called })
        };
        high.iter().filter_map(of).collect()
    };
    until(Duration::from_secs(300), "every High alert's machine to be isolated", async || {
        let done = isolated().len();
        if done == HIGH as usize { Ok(()) } else { Err(format!("{done}")) }
    })
    .await;
    let isolated = isolated();
    let mut waits: Vec<Duration> = isolated.iter().map(Isolated::took).collect();
    waits.sort();
    let (half, most) = (percentile(&waits, 50), percentile(&waits, 99));
    let rehearsed = settled(&pipeline, i64::from(FLEET + HIGH), Duration::from_secs(300)).await;
    println!(
        "alert returned by the API to isolate call in a storm of {FLEET}: p50 {:?}, p99 {:?}, longest {:?}; the last decision was \
         settled {rehearsed:?} later",
        half,
        most,
        waits.last()
    );
    hops::print(&pipeline, &isolated).await;
    assert!(half <= Duration::from_secs(1) && most <= HIGH_WAITS, "{waits:?}");
}
