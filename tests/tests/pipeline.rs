//! The four stage binaries as separate processes over real Kafka. The tenant's request log is the oracle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::{ActionState, AlertRecord, DecisionRecord, EnrichedRecord, Notice, Report, Topic};
use cordon_simulator::{SimAlert, SimMachine};
use cordon_tests::invariants::{Expectation, all_hold};
use cordon_tests::pipeline::{Pipeline, SOON, STAGES, Setup, machine};
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// Eight processes and a broker on two cores are enough; pipelines take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// Until a dead replica's partitions are with the other: session timeout and a rebalance; for respond also the rest
/// of an action in doubt (120 s).
const TAKEN_OVER: Duration = Duration::from_secs(200);

struct Company {
    anna: SimMachine,
    ben: SimMachine,
    dc: SimMachine,
    cara: SimMachine,
}

impl Company {
    fn settle_in(pipeline: &Pipeline) -> Self {
        let company = Self {
            anna: machine(1, "LAPTOP-ANNA"),
            ben: machine(2, "LAPTOP-BEN"),
            dc: machine(3, "DC-01").os("WindowsServer2022").tag("cordon-never"),
            cara: machine(4, "LAPTOP-CARA").offline(),
        };
        for machine in [&company.anna, &company.ben, &company.dc, &company.cara] {
            pipeline.tenant.add_machine(machine.clone());
        }
        company
    }
}

fn high(machine: &SimMachine) -> SimAlert {
    SimAlert::on(machine).severity("High").title("Ransomware behaviour")
}

/// Plays the demo's scenario; `disturb` happens while its first alert is on its way.
async fn play(pipeline: &mut Pipeline, disturb: impl AsyncFnOnce(&mut Pipeline)) -> Company {
    let company = Company::settle_in(pipeline);
    let first = pipeline.tenant.add_alert(high(&company.anna));
    pipeline.tenant.add_alert(SimAlert::on(&company.ben).severity("Medium"));
    disturb(pipeline).await;
    pipeline.tenant.add_alert(high(&company.dc));
    pipeline.reported(&company.anna.id, ActionState::Succeeded, TAKEN_OVER).await;
    pipeline.reported(&company.dc.id, ActionState::Refused, TAKEN_OVER).await;
    pipeline.tenant.update_alert(&first, |alert| *alert = alert.clone().field("assignedTo", "anna".into()));
    pipeline.tenant.add_alert(high(&company.cara));
    pipeline.reported(&company.cara.id, ActionState::Accepted, SOON).await;
    decided(pipeline, 5).await;
    company
}

/// Waits until so many different sights of alerts are decided.
async fn decided(pipeline: &Pipeline, sights: usize) {
    until(SOON, &format!("{sights} decisions"), async || {
        let mut seen: Vec<_> = pipeline
            .records::<DecisionRecord>(Topic::Decisions)
            .await
            .into_iter()
            .map(|decision| (decision.alert.id, decision.alert.last_update))
            .collect();
        seen.sort();
        seen.dedup();
        if seen.len() == sights { Ok(()) } else { Err(format!("{} decided", seen.len())) }
    })
    .await;
}

async fn told_the_truth(pipeline: &Pipeline, company: &Company) {
    pipeline.mailed("LAPTOP-ANNA: isolation requested, not yet confirmed", SOON).await;
    pipeline.mailed("LAPTOP-ANNA: isolated", SOON).await;
    pipeline.mailed("DC-01: NOT isolated", SOON).await;
    pipeline.mailed("LAPTOP-CARA: isolation requested, not yet confirmed", SOON).await;
    let subjects = pipeline.subjects();
    let at = |text: &str| subjects.iter().position(|subject| subject.contains(text)).unwrap();
    assert!(at("ANNA: isolation requested") < at("ANNA: isolated"), "{subjects:?}");
    assert!(!subjects.iter().any(|subject| subject.contains("CARA: isolated")), "{subjects:?}");
    let posts = |machine: &SimMachine| pipeline.tenant.isolate_posts(&machine.id);
    assert_eq!((posts(&company.anna), posts(&company.cara)), (1, 1), "one POST for each");
    assert_eq!((posts(&company.ben), posts(&company.dc)), (0, 0), "none for these");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_of_each_stage_isolate_once_mail_the_truth_and_account_for_every_record() {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start("scenario", Setup { replicas: 2, ..Setup::default() }).await else {
        return;
    };
    let company = play(&mut pipeline, async |_| ()).await;
    told_the_truth(&pipeline, &company).await;
    assert_eq!(pipeline.subjects().len(), 4, "one mail per machine and state: {:?}", pipeline.subjects());
    assert_eq!(pipeline.tenant.requests().iter().filter(|request| request.status >= 500).count(), 0);
    for stage in STAGES {
        balanced(&mut pipeline, stage).await;
    }
}

/// in = out + skipped + dead-lettered.
async fn balanced(pipeline: &mut Pipeline, stage: &'static str) {
    let name = format!("{stage}: in = out + skipped + dead-lettered");
    let mut seen = Err(String::new());
    for _ in 0..50 {
        let received = pipeline.counter(stage, "cordon_records_received_total").await;
        let sent = pipeline.counter(stage, "cordon_records_sent_total").await;
        let skipped = pipeline.counter(stage, "cordon_records_skipped_total").await;
        let dead = pipeline.counter(stage, "cordon_records_dead_lettered_total").await;
        if received > 0 && received == sent + skipped + dead {
            return;
        }
        seen = Err::<(), _>(format!("{received} in, {sent} out, {skipped} skipped, {dead} dead-lettered"));
    }
    panic!("{name}: {seen:?}");
}

async fn killed(stage: &'static str) {
    let _turn = TURN.lock().await;
    let Some(mut pipeline) = Pipeline::start(stage, Setup { replicas: 2, ..Setup::default() }).await else { return };
    let company = play(&mut pipeline, async |pipeline| {
        // The alert is on the topic, so every stage is busy with it or about to be.
        until(SOON, "the first alert", async || {
            let alerts: Vec<AlertRecord> = pipeline.records(Topic::Alerts).await;
            (!alerts.is_empty()).then_some(())
        })
        .await;
        pipeline.kill(stage, 0);
    })
    .await;
    told_the_truth(&pipeline, &company).await;
    let never = [company.dc.id.clone()].into();
    let expectation = Expectation { never, interruptions: 1, ..Expectation::default() };
    all_hold(&mut pipeline, &expectation, SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_an_ingest_during_the_scenario_loses_nothing_and_does_nothing_twice() {
    killed("cordon-ingest").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_an_enrich_during_the_scenario_loses_nothing_and_does_nothing_twice() {
    killed("cordon-enrich").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_an_act_during_the_scenario_loses_nothing_and_does_nothing_twice() {
    killed("cordon-act").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_a_notify_during_the_scenario_loses_nothing_and_does_nothing_twice() {
    killed("cordon-notify").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_raised_to_high_isolates_once_and_one_that_was_resolved_before_does_not() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = Pipeline::start("raised", Setup::default()).await else { return };
    let (raised, closed) = (machine(1, "LAPTOP-ANNA"), machine(2, "LAPTOP-BEN"));
    pipeline.tenant.add_machine(raised.clone());
    pipeline.tenant.add_machine(closed.clone());
    let alert = pipeline.tenant.add_alert(SimAlert::on(&raised).severity("Low"));
    let resolved = pipeline.tenant.add_alert(SimAlert::on(&closed).severity("High").status("Resolved"));
    decided(&pipeline, 2).await;
    assert_eq!(pipeline.tenant.isolate_posts(&raised.id), 0, "Low isolates nothing");
    for assignee in ["nobody", "anna", "ben"] {
        pipeline.tenant.update_alert(&alert, |alert| {
            *alert = alert.clone().severity("High").field("assignedTo", assignee.into());
        });
        pipeline.reported(&raised.id, ActionState::Succeeded, SOON).await;
    }
    pipeline.tenant.update_alert(&resolved, |alert| *alert = alert.clone().field("assignedTo", "anna".into()));
    decided(&pipeline, 6).await;
    assert_eq!(pipeline.tenant.isolate_posts(&raised.id), 1);
    assert_eq!(pipeline.tenant.isolate_posts(&closed.id), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_high_alerts_on_a_hundred_machines_give_the_caps_posts_one_notice_and_hold_the_rest() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = Pipeline::start("storm", Setup::default()).await else { return };
    let machines: Vec<SimMachine> = (1..=100).map(|n| machine(n, &format!("LAPTOP-{n:03}"))).collect();
    for machine in &machines {
        pipeline.tenant.add_machine(machine.clone());
    }
    for n in 0..500 {
        pipeline.tenant.add_alert(high(&machines[n % 100]).title(&format!("Alert {n}")));
    }
    until(Duration::from_secs(120), "a report for each of 500 alerts", async || {
        let mut alerts: Vec<_> = pipeline.actions().await.into_iter().map(|record| record.alert.id).collect();
        alerts.sort();
        alerts.dedup();
        if alerts.len() == 500 { Ok(()) } else { Err(format!("{} of 500", alerts.len())) }
    })
    .await;
    let posts: usize = machines.iter().map(|machine| pipeline.tenant.isolate_posts(&machine.id)).sum();
    assert_eq!(posts, 10, "the cap of the built-in guards");
    assert_eq!(notices(&pipeline).await.len(), 1);
    let first: Vec<ActionState> = pipeline
        .actions()
        .await
        .into_iter()
        .map(|record| record.state)
        .filter(|state| !matches!(state, ActionState::Succeeded))
        .collect();
    let count = |state| first.iter().filter(|seen| **seen == state).count();
    assert_eq!(count(ActionState::Accepted), 10);
    assert_eq!(count(ActionState::Held) + count(ActionState::Covered), 490, "everything else is held or covered");
    pipeline.mailed("ACTION NEEDED: Cordon stopped acting", SOON).await;
    let loud = pipeline.subjects().iter().filter(|subject| subject.contains("Cordon stopped")).count();
    assert_eq!(loud, 1);
    let allowed = |subject: &String| {
        let parts = ["isolation requested", ": isolated", "Cordon stopped", "for a person: High"];
        parts.iter().any(|part| subject.contains(part))
    };
    assert!(pipeline.subjects().iter().all(allowed), "what is held is told in digests: {:?}", pipeline.subjects());
    let enriched: Vec<EnrichedRecord> = pipeline.records(Topic::Enriched).await;
    assert_eq!(enriched.len(), 500);
    assert!(enriched.iter().all(|record| record.missing.is_empty()), "no lookup was given up");
}

async fn notices(pipeline: &Pipeline) -> Vec<Notice> {
    let reports: Vec<Report> = pipeline.records(Topic::Actions).await;
    let notice = |report| match report {
        Report::Notice(notice) => Some(notice),
        Report::Action(_) => None,
    };
    reports.into_iter().filter_map(notice).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_shadow_mode_mails_say_would_and_nothing_is_posted() {
    let _turn = TURN.lock().await;
    let Some(pipeline) = Pipeline::start("shadow", Setup { mode: "shadow", ..Setup::default() }).await else { return };
    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    pipeline.tenant.add_alert(high(&anna));
    pipeline.mailed("LAPTOP-ANNA: WOULD isolate it", SOON).await;
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 0);
}
