//! What is recorded from now on can be judged again: the topics alone give the decision and the guards' verdicts back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use cordon_policy::{Guards, Recorded, RuleSet, decide, judge};
use cordon_records::{
    ActionRecord, ActionState, DecisionRecord, EnrichedRecord, GuardVerdict, PolicyKind, PolicyRecord, PolicyTexts,
    Ruling, Topic,
};
use cordon_simulator::SimAlert;
use cordon_tests::oracle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::wait::until;
use rdkafka::message::Message as _;

/// The enriched records by the ids under which they were decided.
fn enriched(pipeline: &Pipeline) -> Vec<(String, EnrichedRecord)> {
    let topic = pipeline.kafka.topic(Topic::Enriched);
    let records = oracle::records(&pipeline.kafka.bootstrap_servers, &topic, SOON);
    let place = |record: &rdkafka::message::OwnedMessage| format!("{topic}/{}/{}", record.partition(), record.offset());
    records.iter().map(|record| (place(record), serde_json::from_slice(record.payload().unwrap()).unwrap())).collect()
}

fn rulings(verdicts: &[GuardVerdict]) -> Vec<(String, Ruling)> {
    verdicts.iter().map(|verdict| (verdict.guard.clone(), verdict.ruling)).collect()
}

/// What the guards say to a recorded action when they are told what was recorded, and nothing else.
fn judged_again(report: &ActionRecord, guards: &Guards) -> Vec<(String, Ruling)> {
    let recorded = Recorded::of(report).expect("the report has facts");
    rulings(&judge(guards, &recorded.case()).verdicts)
}

async fn texts(pipeline: &Pipeline) -> PolicyTexts {
    let mut texts = PolicyTexts::default();
    for record in pipeline.records::<PolicyRecord>(Topic::Policies).await {
        if let PolicyRecord::Text(text) = record {
            texts.take(text);
        }
    }
    texts
}

fn rules(texts: &PolicyTexts, hash: &str) -> RuleSet {
    let files = texts.files(PolicyKind::Rules, hash).unwrap();
    let files: Vec<(String, String)> = files.into_iter().map(|file| (file.name, file.text)).collect();
    RuleSet::load(&files).unwrap()
}

fn guards(texts: &PolicyTexts, hash: &str) -> Guards {
    let files = texts.files(PolicyKind::Guards, hash).unwrap();
    Guards::load(&files[0].name, &files[0].text).unwrap()
}

/// One alert that is acted on and one that a guard holds, both after decide knows the fleet.
async fn acted_and_held(pipeline: &Pipeline) -> [ActionRecord; 2] {
    let (anna, server) = (machine(1, "LAPTOP-ANNA"), machine(2, "SERVER-ONE").os("WindowsServer2022"));
    for machine in [&anna, &server] {
        pipeline.tenant.add_machine(machine.clone());
    }
    pipeline.fleet_counted(SOON).await;
    for machine in [&anna, &server] {
        pipeline.tenant.add_alert(SimAlert::on(machine).severity("High"));
    }
    [
        pipeline.reported(&anna.id, ActionState::Accepted, SOON).await,
        pipeline.reported(&server.id, ActionState::Held, SOON).await,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_decision_and_its_guards_verdicts_are_judged_again_from_the_topics_alone() {
    let Some(pipeline) = Pipeline::start("recorded", Setup::default()).await else { return };
    let reports = acted_and_held(&pipeline).await;
    let texts = texts(&pipeline).await;
    let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
    let enriched = enriched(&pipeline);
    assert!(decisions.len() >= 2);
    for decision in &decisions {
        let (_, record) = enriched.iter().find(|(place, _)| *place == decision.id).expect("its enriched record");
        let rules = rules(&texts, &decision.rule_set);
        let mut again = decide(&rules, record, decision.id.clone(), decision.decided_at).unwrap();
        again.fleet = decision.fleet;
        assert_eq!(&again, decision);
    }
    for report in reports {
        let facts = report.facts.clone().expect("what the guards were told");
        let guards = guards(&texts, &facts.guard_set);
        assert_eq!(guards.hash(), facts.guard_set);
        assert_eq!(judged_again(&report, &guards), rulings(&report.guards), "{}", report.id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decide_without_credential_notes_the_fleet_that_respond_counted() {
    let Some(mut pipeline) = Pipeline::prepare("fleet", Setup::default()).await else { return };
    pipeline.start_stage("cordon-ingest", 0, &[]);
    pipeline.start_stage("cordon-enrich", 0, &[]);
    pipeline.start_stage("cordon-act", 0, &["--role", "decide"]);
    let decided = async |number: u32| {
        let machine = machine(number, &format!("LAPTOP-{number}"));
        pipeline.tenant.add_machine(machine.clone());
        pipeline.tenant.add_alert(SimAlert::on(&machine).severity("High"));
        until(SOON, "its decision", async || {
            let decisions: Vec<DecisionRecord> = pipeline.records(Topic::Decisions).await;
            let of = |decision: &DecisionRecord| decision.machine.as_ref().is_some_and(|it| it.id == machine.id);
            decisions.into_iter().find(of).ok_or("none yet")
        })
        .await
    };
    assert_eq!(decided(1).await.fleet, None, "nobody has counted, and nobody guesses");
    let mut respond = pipeline.spawn("cordon-act", &["--role", "respond", "--init-ledger"], &[]);
    respond.line(SOON, "respond holds the ledger").await;
    let mut number = 1;
    let with_fleet = until(SOON, "a decision that names the fleet", async || {
        number += 1;
        let decision = decided(number).await;
        decision.fleet.map(|fleet| (fleet, decision.decided_at)).ok_or(number)
    })
    .await;
    assert!(with_fleet.0.machines >= 1 && with_fleet.0.at <= with_fleet.1, "{with_fleet:?}");
}
