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
use cordon_simulator::{ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, Options, SimAlert, TENANT_ID};
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

/// The machines of the storm, and how many High alerts come in the middle of it.
const FLEET: u32 = 10_000;
const HIGH: u32 = 100;

fn rehearse_medium() -> (String, String) {
    ("rehearse-medium.yaml".to_owned(), REHEARSED.to_owned())
}

/// The rules that are shipped, but for the one that isolates at High, only rehearsed.
fn shipped_in_shadow() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let rules = files.filter(|path| name(path).ends_with(".yaml") && name(path) != "isolate-high.yaml");
    let mode = |line: &str| if line.starts_with("mode: ") { "mode: shadow".to_owned() } else { line.to_owned() };
    rules
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (name(&path), text.lines().map(mode).collect::<Vec<_>>().join("\n") + "\n")
        })
        .collect()
}

/// A Medium alert on each machine of the fleet, all at once.
fn raise_medium(pipeline: &Pipeline) {
    for known in machines_of(FLEET) {
        pipeline.tenant.add_alert(SimAlert::on(&known).severity("Medium"));
        pipeline.tenant.add_machine(known);
    }
}

/// High alerts, each on a machine of its own.
struct Targets(Vec<(AlertId, MachineId)>);

impl Targets {
    /// Raises one a second.
    async fn raise(pipeline: &Pipeline) -> Self {
        let mut targets = Vec::new();
        let mut beat = tokio::time::interval(Duration::from_secs(1));
        for number in 1..=HIGH {
            beat.tick().await;
            let target = machine(FLEET + number, &format!("TARGET-{number:03}"));
            pipeline.tenant.add_machine(target.clone());
            targets.push((pipeline.tenant.add_alert(SimAlert::on(&target).severity("High")), target.id));
        }
        Self(targets)
    }

    /// Those whose machine was isolated by now.
    fn isolated(&self, pipeline: &Pipeline) -> Vec<Isolated> {
        let requests = pipeline.tenant.requests();
        let posts = requests.iter().filter(|request| request.method == "POST");
        let posts: BTreeMap<&str, Timestamp> = posts.map(|request| (request.path.as_str(), request.at)).collect();
        let of = |(alert, machine): &(AlertId, MachineId)| {
            let called = *posts.get(format!("/api/machines/{machine}/isolate").as_str())?;
            Some(Isolated { alert: alert.clone(), listed: pipeline.tenant.first_listed(alert)?, called })
        };
        self.0.iter().filter_map(of).collect()
    }

    /// All of them, with how long they took, in ascending order.
    async fn all(&self, pipeline: &Pipeline) -> (Vec<Isolated>, Vec<Duration>) {
        let isolated = until(Duration::from_secs(300), "every High alert's machine to be isolated", async || {
            let isolated = self.isolated(pipeline);
            if isolated.len() == HIGH as usize { Ok(isolated) } else { Err(format!("{}", isolated.len())) }
        })
        .await;
        let mut waits: Vec<Duration> = isolated.iter().map(Isolated::took).collect();
        waits.sort();
        (isolated, waits)
    }

    /// Whether a request is about one of them. Nothing else is followed.
    fn are_asked_for(&self, path: &str) -> bool {
        let names =
            |(alert, machine): &(AlertId, MachineId)| path.contains(alert.as_str()) || path.contains(machine.as_str());
        path.starts_with("/api/machineactions") || self.0.iter().any(names)
    }
}

/// How long 99 of a hundred High alerts may take.
const HIGH_WAITS: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 2 });

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn in_a_storm_of_ten_thousand_medium_alerts_a_high_one_a_second_does_not_wait_for_the_storm_to_end() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::prepare("storm", Setup { unlimited: true, ..Setup::default() }).await else {
        return;
    };
    pipeline.add_rules(&[rehearse_medium()]);
    pipeline.environment.push(("CORDON_NOTIFY__DIGEST_AFTER", "2m".to_owned()));
    pipeline.launch(1).await;
    raise_medium(&pipeline);
    let high = Targets::raise(&pipeline).await;
    let (isolated, waits) = high.all(&pipeline).await;
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

/// Each stage that asks Microsoft has an app of its own, as is recommended, and so a quota of its own.
const APPS: [(&str, &str); 2] =
    [("cordon-ingest", "5a17c0de-0000-4000-8000-0000000000b1"), ("cordon-act", "5a17c0de-0000-4000-8000-0000000000b2")];

/// How long a process that rests takes to have its buckets full: that of the hour begins with 9 calls, holds 150 and gets
/// 20 a minute.
const FULL: Duration = Duration::from_secs(430);

/// The goals, for a release build; one for debugging is some three times as slow.
const DECIDED: Duration = Duration::from_secs(if cfg!(debug_assertions) { 400 } else { 180 });
const ALL_SETTLED: Duration = Duration::from_secs(if cfg!(debug_assertions) { 600 } else { 300 });
const CALLS: usize = 100;

/// How long 99 of a hundred High alerts may take by the published quota. One a second takes 60 reads a minute of a machine's
/// actions, which is what flows back; what a page of the list brings at once comes from the twenty that are saved up.
const HIGH_WAITS_BY_QUOTA: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 2 });

/// Every stage at the pace that is shipped and by the published quota, which the tenant enforces.
async fn by_the_published_quota(mut pipeline: Pipeline) -> Pipeline {
    for (key, value) in [
        ("CORDON_DEFENDER__QUOTA__PER_MINUTE", "100"),
        ("CORDON_DEFENDER__QUOTA__PER_HOUR", "1500"),
        ("CORDON_INGEST__POLL_INTERVAL", "auto"),
        ("CORDON_ACT__FOLLOW_UP", "5s"),
        ("CORDON_NOTIFY__DIGEST_AFTER", "2m"),
    ] {
        pipeline.environment.push((key, value.to_owned()));
    }
    for (stage, app) in APPS {
        pipeline.asks_as(stage, app);
    }
    pipeline.launch(1).await;
    tokio::time::sleep(FULL).await;
    pipeline
}

/// Waits until so many decisions are made; says how long that took since then.
async fn decided(pipeline: &Pipeline, decisions: i64, began: Instant) -> Duration {
    until(ALL_SETTLED * 2, "every alert to be decided", async || {
        let positions = positions(&pipeline.kafka, Some("act-respond"), Topic::Decisions).await.unwrap();
        let made = positions.iter().map(|at| at.high).sum::<i64>();
        if made >= decisions { Ok(()) } else { Err(format!("{made} made")) }
    })
    .await;
    began.elapsed()
}

/// The requests since so many for which there is a quota, counted by what they ask for.
fn api_calls(pipeline: &Pipeline, before: usize, counts: impl Fn(&str) -> bool) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for request in pipeline.tenant.requests().into_iter().skip(before) {
        if request.path.starts_with("/api/") && counts(&request.path) {
            let what = request.path.split(['?', '(']).next().unwrap_or_default();
            let words: Vec<&str> = what.split('/').map(|word| if word.len() > 30 { "ID" } else { word }).collect();
            *calls.entry(format!("{} {}", request.method, words.join("/"))).or_default() += 1;
        }
    }
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_storm_by_the_published_quota_costs_a_hundred_calls_and_high_alerts_in_the_middle_of_it_wait_for_no_more_than_their_quota()
 {
    let _turn = TURN.lock().await;
    let app = |id| App::new(id, CLIENT_SECRET, &ALL_ROLES);
    let apps = [CLIENT_ID].into_iter().chain(APPS.map(|(_, id)| id)).map(app).collect();
    let tenant = Options { apps, settle: Duration::from_secs(1), ..Options::default() };
    let setup = Setup { tenant, unlimited: true, ..Setup::default() };
    let Some(pipeline) = Pipeline::prepare("published", setup).await else { return };
    pipeline.add_rules(&[shipped_in_shadow(), vec![rehearse_medium()]].concat());
    let pipeline = by_the_published_quota(pipeline).await;
    let (before, began) = (pipeline.tenant.requests().len(), Instant::now());
    raise_medium(&pipeline);
    let high = Targets::raise(&pipeline).await;
    let all = i64::from(FLEET + HIGH);
    let decided = decided(&pipeline, all, began).await;
    _ = settled(&pipeline, all, ALL_SETTLED * 2).await;
    let settled = began.elapsed();
    let calls = api_calls(&pipeline, before, |path| !high.are_asked_for(path));
    let of_high = api_calls(&pipeline, before, |path| high.are_asked_for(path));
    let (isolated, waits) = high.all(&pipeline).await;
    let (half, most) = (percentile(&waits, 50), percentile(&waits, 99));
    println!(
        "{FLEET} Medium alerts by the published quota: decided in {decided:?}, settled in {settled:?}, {} calls: {calls:?}",
        calls.values().sum::<usize>()
    );
    println!(
        "alert returned by the API to isolate call, one a second in the middle of them: p50 {half:?}, p99 {most:?}, longest {:?}, \
         {} calls: {of_high:?}",
        waits.last(),
        of_high.values().sum::<usize>()
    );
    hops::print(&pipeline, &isolated).await;
    assert_eq!(pipeline.tenant.violations(), 0);
    assert!(decided <= DECIDED && settled <= ALL_SETTLED, "decided in {decided:?}, settled in {settled:?}");
    assert!(calls.values().sum::<usize>() <= CALLS, "{calls:?}");
    assert!(most <= HIGH_WAITS_BY_QUOTA, "{waits:?}");
}
