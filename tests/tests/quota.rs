//! Microsoft's quota: the tenant enforces it and counts what goes beyond, and nothing does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cordon_defender::{Cloud, Defender, DefenderSettings, QuotaSettings};
use cordon_records::{AlertId, AlertRecord, DecisionRecord, EnrichedRecord, Severity, SystemClock, TenantId, Topic};
use cordon_runtime::kafka::{Position, positions};
use cordon_settings::Secret;
use cordon_simulator::{
    ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, LoggedRequest, Options, Quota, SimAlert, Simulator, TENANT_ID,
};
use cordon_tests::load::machines_of;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::processes::{Binaries, Process};
use cordon_tests::wait::until;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

static TURN: Mutex<()> = Mutex::const_new(());

/// The apps of ingest and of act, where they have their own.
const INGEST: &str = "5a17c0de-0000-4000-8000-0000000000b1";
const ACT: &str = "5a17c0de-0000-4000-8000-0000000000b2";

/// A tenant that enforces this quota, for each of three apps.
fn tenant(quota: Quota) -> Options {
    let app = |id| App::new(id, CLIENT_SECRET, &ALL_ROLES);
    Options { quota, apps: vec![app(CLIENT_ID), app(INGEST), app(ACT)], settle: SECOND, ..Options::default() }
}

const SECOND: Duration = Duration::from_secs(1);

/// The processes of a pipeline whose stages are told of the tenant's quota.
struct Stages<'a> {
    pipeline: &'a Pipeline,
    quota: [(&'static str, String); 2],
    running: Vec<Process>,
}

impl<'a> Stages<'a> {
    fn new(pipeline: &'a Pipeline, quota: Quota) -> Self {
        let quota = [
            ("CORDON_DEFENDER__QUOTA__PER_MINUTE", quota.per_minute.to_string()),
            ("CORDON_DEFENDER__QUOTA__PER_HOUR", quota.per_hour.to_string()),
        ];
        Self { pipeline, quota, running: Vec::new() }
    }

    fn spawn(&self, stage: &str, args: &[&str], more: &[(&str, &str)]) -> Process {
        let quota = self.quota.iter().map(|(key, value)| (*key, value.as_str()));
        let environment: Vec<_> = quota.chain(more.iter().copied()).collect();
        self.pipeline.spawn(stage, args, &environment)
    }

    /// act with its own app, and the ledger.
    async fn act(&mut self) {
        let mut act = self.spawn("cordon-act", &["--init-ledger"], &[("CORDON_DEFENDER__CLIENT_ID", ACT)]);
        act.line(SOON, "respond holds the ledger").await;
        self.running.push(act);
    }

    /// ingest with its own app.
    fn ingest(&mut self, every: &str) {
        let environment = [("CORDON_DEFENDER__CLIENT_ID", INGEST), ("CORDON_INGEST__POLL_INTERVAL", every)];
        self.running.push(self.spawn("cordon-ingest", &[], &environment));
    }

    /// A replica of enrich with half of the quota of its app.
    fn enrich(&self) -> Process {
        self.spawn("cordon-enrich", &[], &[("CORDON_DEFENDER__QUOTA_SHARE", "0.5")])
    }
}

/// Waits until every one of these alerts is decided.
async fn decided(pipeline: &Pipeline, alerts: &BTreeSet<AlertId>, deadline: Duration) {
    until(deadline, "a decision for every alert", async || {
        let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
        let of: BTreeSet<AlertId> = decisions.into_iter().map(|decision| decision.alert.id).collect();
        if of.is_superset(alerts) { Ok(()) } else { Err(format!("{} of {}", of.len(), alerts.len())) }
    })
    .await;
}

/// Single machines that were asked for.
fn single_reads(tenant: &Simulator) -> Vec<LoggedRequest> {
    let is_single = |request: &LoggedRequest| {
        let rest = request.path.strip_prefix("/api/machines/");
        request.method == "GET" && rest.is_some_and(|id| !id.contains('/'))
    };
    tenant.requests().into_iter().filter(is_single).collect()
}

/// The most of these requests in any minute.
fn busiest_minute(requests: &[LoggedRequest]) -> usize {
    let within = |first: &LoggedRequest| {
        let end = first.at + jiff::SignedDuration::from_secs(60);
        requests.iter().filter(|request| first.at <= request.at && request.at < end).count()
    };
    requests.iter().map(within).max().unwrap_or(0)
}

fn nothing_was_refused(tenant: &Simulator) {
    let refused: Vec<_> = tenant.requests().into_iter().filter(|request| request.status == 429).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert_eq!(tenant.violations(), 0);
}

/// Nobody knows these machines, so each alert costs a call of its own: more than half a minute's quota at any time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn two_replicas_of_enrich_under_one_identity_keep_within_the_tenants_minute_also_when_they_are_killed_and_started_again()
 {
    let _turn = TURN.lock().await;
    let quota = Quota { per_minute: 60, per_hour: 6_000 };
    let setup = Setup { tenant: tenant(quota), ..Setup::default() };
    let Some(pipeline) = Pipeline::prepare("minute", setup).await else { return };
    let mut stages = Stages::new(&pipeline, quota);
    stages.act().await;
    stages.ingest("2s");
    let mut replicas = [stages.enrich(), stages.enrich()];
    let alerts: BTreeSet<AlertId> = (1..=64)
        .map(|number| {
            let unknown = machine(number, &format!("GONE-{number:03}"));
            pipeline.tenant.add_alert(SimAlert::on(&unknown).severity("Medium"))
        })
        .collect();
    for reads in [6, 14] {
        until(SOON, &format!("{reads} reads"), async || {
            let seen = single_reads(&pipeline.tenant).len();
            if seen >= reads { Ok(()) } else { Err(format!("{seen}")) }
        })
        .await;
        replicas.iter_mut().for_each(Process::kill);
        replicas = [stages.enrich(), stages.enrich()];
    }
    decided(&pipeline, &alerts, Duration::from_secs(300)).await;
    nothing_was_refused(&pipeline.tenant);
    let busiest = busiest_minute(&single_reads(&pipeline.tenant));
    assert!(
        (25..=60).contains(&busiest),
        "{busiest} reads in the busiest minute: too few to show anything, or too many"
    );
}

/// A crash loop against the hour: the client as every stage has it, started 17 times, each time with more to do than it
/// may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_started_sixteen_times_again_within_an_hour_keeps_within_the_hour() {
    let _turn = TURN.lock().await;
    cordon_runtime::process::install_tls();
    let quota = Quota { per_minute: 1_000, per_hour: 120 };
    let tenant = Simulator::start(Options { quota, ..Options::default() }).unwrap();
    let known = machine(1, "LAPTOP-ANNA");
    tenant.add_machine(known.clone());
    for life in 1..=17 {
        let defender = client(&tenant, quota);
        let mut calls = JoinSet::new();
        for _ in 0..12 {
            let (defender, id) = (defender.clone(), known.id.clone());
            calls.spawn(async move { defender.machine(&id).await.map(drop) });
        }
        until(SOON, "what a life may call at once", async || {
            let seen = single_reads(&tenant).len();
            if seen >= life { Ok(()) } else { Err(format!("{seen} calls in {life} lives")) }
        })
        .await;
        // Whoever may go now has gone; the others wait for minutes.
        tokio::time::timeout(SECOND / 4, async { while calls.join_next().await.is_some() {} }).await.unwrap_err();
        // The next life must not find this one's account.
        calls.shutdown().await;
    }
    assert_eq!(tenant.violations(), 0);
}

fn client(tenant: &Simulator, quota: Quota) -> Defender {
    let secret = Secret::from_literal(CLIENT_SECRET);
    let id = TenantId::new(TENANT_ID).unwrap();
    let mut settings = DefenderSettings::new(Cloud::Public, id, CLIENT_ID.to_owned(), secret).unwrap();
    settings.api_url = tenant.api_url().parse().unwrap();
    settings.authority_url = tenant.authority_url().parse().unwrap();
    let (per_minute, per_hour) = (Some(quota.per_minute), Some(quota.per_hour));
    settings.quota = QuotaSettings { share: 1.0, per_minute, per_hour };
    // As respond, to whom the whole of a fresh account is open.
    Defender::new(settings, Arc::new(SystemClock)).unwrap().for_respond()
}

/// The published quota, a poll every 15 s, two replicas of enrich with half of it each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_storm_of_a_thousand_alerts_on_a_hundred_machines_costs_at_most_a_hundred_and_fifty_reads() {
    let _turn = TURN.lock().await;
    let quota = Quota::default();
    let setup = Setup { tenant: tenant(quota), ..Setup::default() };
    let Some(pipeline) = Pipeline::prepare("thousand", setup).await else { return };
    let machines = machines_of(100);
    machines.iter().for_each(|machine| pipeline.tenant.add_machine(machine.clone()));
    let mut stages = Stages::new(&pipeline, quota);
    stages.act().await;
    stages.ingest("15s");
    let _replicas = [stages.enrich(), stages.enrich()];
    let mut alerts = BTreeSet::new();
    let mut beat = tokio::time::interval(Duration::from_millis(15));
    for number in 0..1_000 {
        beat.tick().await;
        let severity = if number < 100 { "High" } else { "Medium" };
        let alert = SimAlert::on(&machines[number % 100]).severity(severity).title(&format!("Alert {number}"));
        alerts.insert(pipeline.tenant.add_alert(alert));
    }
    decided(&pipeline, &alerts, Duration::from_secs(120)).await;
    let enriched: Vec<EnrichedRecord> = pipeline.records(Topic::Enriched).await;
    let partial = enriched.iter().filter(|record| !record.missing.is_empty()).count();
    assert_eq!(partial, 0, "of {} records", enriched.len());
    let is_read = |request: &LoggedRequest| request.method == "GET" && request.path.starts_with("/api/");
    let by = |app: &str| {
        let requests = pipeline.tenant.requests();
        requests.iter().filter(|request| is_read(request) && request.client_id.as_deref() == Some(app)).count()
    };
    let (polls, lookups) = (by(INGEST), by(CLIENT_ID));
    println!("1,000 alerts cost {polls} polls and {lookups} lookups");
    assert!(polls > 0 && lookups > 0 && polls + lookups <= 150, "{polls} polls and {lookups} lookups");
    nothing_was_refused(&pipeline.tenant);
}

/// The whole fleet at once, at the published quota. Medium, so that nothing is to be done but decided.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn ten_thousand_alerts_on_ten_thousand_machines_are_decided_with_their_machines_by_at_most_a_hundred_calls() {
    const FLEET: u32 = 10_000;
    let _turn = TURN.lock().await;
    let quota = Quota::default();
    let setup = Setup { tenant: tenant(quota), mode: "shadow", ..Setup::default() };
    let Some(pipeline) = Pipeline::prepare("fleet", setup).await else { return };
    for machine in machines_of(FLEET) {
        pipeline.tenant.add_alert(SimAlert::on(&machine).severity("Medium"));
        pipeline.tenant.add_machine(machine);
    }
    let mut stages = Stages::new(&pipeline, quota);
    stages.act().await;
    let started = Instant::now();
    stages.ingest("15s");
    stages.running.push(stages.spawn("cordon-enrich", &[], &[]));
    // A debug build takes a few milliseconds for each alert, over all stages.
    until(Duration::from_secs(400), "every decision to be settled", async || {
        let decisions = positions(&pipeline.kafka, Some("act-respond"), Topic::Decisions).await.unwrap();
        let made = decisions.iter().map(|at| at.high).sum::<i64>();
        let left = decisions.iter().map(Position::lag).sum::<i64>();
        if made >= i64::from(FLEET) && left == 0 { Ok(()) } else { Err(format!("{made} made, {left} not settled")) }
    })
    .await;
    let took = started.elapsed();
    let calls: Vec<_> = pipeline.tenant.requests().into_iter().filter(|call| call.path.starts_with("/api/")).collect();
    let lookups = calls.iter().filter(|call| call.path.contains("/api/machines")).count();
    println!("{FLEET} alerts on as many machines: {took:?}, {} calls, {lookups} of them for machines", calls.len());
    assert!(calls.len() <= 100, "{calls:#?}");
    let enriched: Vec<EnrichedRecord> = pipeline.records(Topic::Enriched).await;
    let partial = enriched.iter().filter(|record| record.machine.is_none()).count();
    assert_eq!(partial, 0, "of {} records", enriched.len());
    nothing_was_refused(&pipeline.tenant);
}

/// `cordon up`: one process, one identity, one quota. Reads of single machines are what enrich and respond both need;
/// enrich has used up its part and waits. The alert's own machine is remembered from before, so that its decision does
/// not wait as well. From the decision on there are three reads and the call, for each of which at least one call is
/// kept; so nothing waits for quota, and 5 s, the longest that the call itself may wait for quota, are enough for all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_isolation_does_not_wait_while_enrich_has_used_up_its_part_of_the_same_quota() {
    let _turn = TURN.lock().await;
    let quota = Quota::default();
    let setup = Setup { tenant: tenant(quota), ..Setup::default() };
    let Some(pipeline) = Pipeline::prepare("reserve", setup).await else { return };
    let mut first = pipeline.spawn("cordon-act", &["--init-ledger"], &[]);
    first.line(SOON, "respond holds the ledger").await;
    first.terminate(SOON).await;
    let mut command = Command::new(Binaries::find("cordon"));
    command.args(["up", "--config"]).arg(pipeline.config()).env("CORDON_TELEMETRY__LISTEN", "127.0.0.1:0");
    let polls = ("CORDON_INGEST__POLL_INTERVAL", "4s".to_owned());
    command.envs(Stages::new(&pipeline, quota).quota.into_iter().chain([polls]));
    let mut up = Process::start("cordon up", command);
    up.line(SOON, "respond holds the ledger").await;

    let anna = machine(100, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("Medium"));
    enriched(&pipeline, 1).await;
    for number in 1..=28 {
        pipeline.tenant.add_alert(SimAlert::on(&machine(number, "GONE")).severity("Medium"));
    }
    until(SOON, "enrich to have them all", async || {
        let alerts: Vec<AlertRecord> = pipeline.records(Topic::Alerts).await;
        if alerts.len() == 29 { Ok(()) } else { Err(format!("{} alerts", alerts.len())) }
    })
    .await;
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    let posted = until(SOON, "the isolation", async || {
        pipeline.tenant.requests().into_iter().find(|request| request.path.ends_with("/isolate"))
    })
    .await;
    let waiting = 30 - pipeline.records::<EnrichedRecord>(Topic::Enriched).await.len();
    assert!(waiting >= 5, "only {waiting} alerts wait for quota: the flood was too small");
    let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
    let decision = decisions.iter().find(|decision| decision.alert.severity == Severity::High).unwrap();
    let took = Duration::try_from(posted.at.duration_since(decision.decided_at)).unwrap();
    println!("{took:?} from the decision to the call, with {waiting} alerts waiting for quota");
    assert!(took < Duration::from_secs(5), "{took:?} from the decision to the call");
    nothing_was_refused(&pipeline.tenant);
}

async fn enriched(pipeline: &Pipeline, count: usize) {
    until(SOON, &format!("{count} enriched alerts"), async || {
        let seen = pipeline.records::<EnrichedRecord>(Topic::Enriched).await.len();
        if seen >= count { Ok(()) } else { Err(format!("{seen}")) }
    })
    .await;
}
