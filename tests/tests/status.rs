//! What an operator is told when stages are dead or cannot work: `cordon status`, `/readyz`, `cordon check` and the mail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::{ActionState, Topic};
use cordon_simulator::{CLIENT_SECRET, SimAlert};
use cordon_tests::broker::{own_cluster, settings, unique_prefix};
use cordon_tests::cluster::Cluster;
use cordon_tests::meddle;
use cordon_tests::pipeline::{Pipeline, SOON, STAGES, Setup, machine};
use cordon_tests::processes::cordon;
use cordon_tests::wait::until;
use tokio::sync::Mutex;

/// How long it may take until a stage that was killed is known to be dead: its last word counts for two minutes.
const DEAD: Duration = Duration::from_secs(200);

/// Asks for the status until every one of these is in it.
async fn status(pipeline: &Pipeline, deadline: Duration, code: i32, parts: &[&str]) -> String {
    until(deadline, &format!("a status with {parts:?}"), async || {
        let (ended, told) = cordon(pipeline.config(), &["status"]).await;
        let all = ended == Some(code) && parts.iter().all(|part| told.contains(part));
        if all { Ok(told) } else { Err(format!("{ended:?}\n{told}")) }
    })
    .await
}

/// The lines that want a person.
fn wanted(told: &str) -> Vec<&str> {
    told.lines().filter_map(|line| line.strip_prefix("LOOK  ")?.split_whitespace().next()).collect()
}

/// Shows what an operator saw, for whoever keeps a table of it (`--nocapture`).
fn seen(what: &str, told: &str) {
    println!("=== {what}\n{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn one_stage_that_is_killed_is_named_with_the_alerts_that_wait_for_it_and_is_well_once_started_again() {
    let Some(mut pipeline) = Pipeline::start("one-killed", Setup::default()).await else { return };
    seen("all is well", &status(&pipeline, SOON, 0, &["ok    enrich     lives, 1 member"]).await);
    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    pipeline.kill("cordon-enrich", 0);
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    let parts = ["LOOK  enrich     NOT RUNNING: no member in its group", "1 record unsettled", "start cordon-enrich"];
    let told = status(&pipeline, DEAD, 1, &parts).await;
    seen("enrich killed", &told);
    assert_eq!(wanted(&told), ["enrich"], "{told}");
    pipeline.start_stage("cordon-enrich", 0, &[]);
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
    status(&pipeline, SOON, 0, &["ok    enrich"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn with_every_stage_killed_every_stage_is_named_and_coverage_too() {
    let Some(mut pipeline) = Pipeline::start("all-killed", Setup::default()).await else { return };
    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    for stage in ["cordon-enrich", "cordon-act", "cordon-notify"] {
        pipeline.kill(stage, 0);
    }
    for _ in 0..60 {
        pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    }
    let of = |stage: &str| format!("LOOK  {stage:<10} NOT RUNNING");
    let parts = ["enrich", "decide", "respond", "notify"].map(of);
    let parts: Vec<&str> = parts.iter().map(String::as_str).chain(["60 records unsettled"]).collect();
    let told = status(&pipeline, DEAD, 1, &parts).await;
    assert_eq!(wanted(&told), ["enrich", "decide", "respond", "notify"], "{told}");
    seen("enrich, act and notify killed, 60 High alerts wait", &told);
    pipeline.kill("cordon-ingest", 0);
    let told = status(&pipeline, DEAD, 1, &["LOOK  ingest     NOT RUNNING"]).await;
    seen("every stage killed", &told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_newer_group_protocol_stages_are_known_to_live_by_what_they_say() {
    let setup = Setup { new_protocol: true, ..Setup::default() };
    let Some(pipeline) = Pipeline::start("status-848", setup).await else { return };
    let told = status(&pipeline, SOON, 0, &["ok    ingest     lives", "ok    notify     lives"]).await;
    seen("all is well, group.protocol=consumer", &told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_told_everywhere_before_any_alert_and_nothing_is_lost_by_it() {
    let Some(mut pipeline) = Pipeline::prepare("wrong-secret", Setup::default()).await else { return };
    let secret = pipeline.config().with_file_name("secret");
    let wrong = pipeline.config().with_file_name("act-secret");
    std::fs::write(&wrong, "not the secret").unwrap();
    let reference = format!("file:{}", wrong.display());
    // act alone has it wrong: the alert comes as far as the action.
    pipeline.environment.push(("CORDON_DEFENDER__CLIENT_SECRET", reference));
    pipeline.start_stage("cordon-act", 0, &["--init-ledger"]);
    pipeline.process("cordon-act", 0).line(SOON, "respond holds the ledger").await;
    pipeline.environment.clear();
    for stage in STAGES.into_iter().filter(|stage| *stage != "cordon-act") {
        pipeline.start_stage(stage, 0, &[]);
        pipeline.ready(stage, 0).await;
    }
    seen("/readyz of act", &pipeline.unready("cordon-act", 0, "AADSTS7000215").await);
    let told = status(&pipeline, SOON, 1, &["LOOK  respond    lives", "NOT READY: act/token: ", "AADSTS7000215"]).await;
    seen("status", &told);
    assert!(pipeline.process("cordon-act", 0).is_running(), "a stage without a token does not end");

    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    let held = pipeline.reported(&anna.id, ActionState::Held, SOON).await;
    assert!(held.tenant_refuses && held.reason.contains("AADSTS7000215"), "{}", held.reason);
    let mail = until(SOON, "the mail", async || {
        let mails = pipeline.tenant.mails();
        // Quoted-printable ends its lines with an equals sign.
        let texts = mails.iter().map(|mail| String::from_utf8_lossy(&mail.raw).replace("=\r\n", ""));
        let told: Vec<String> = texts.collect();
        told.iter().find(|text| text.contains("AADSTS7000215")).cloned().ok_or_else(|| format!("{told:?}"))
    })
    .await;
    seen("mail", &mail);
    assert!(!mail.contains("cordon approve"), "{mail}");
    let (code, told) = cordon(pipeline.config(), &["approvals", "list"]).await;
    seen("approvals list", &told);
    assert!(code == Some(0) && told.contains("AADSTS7000215") && told.contains("not to be approved"), "{told}");

    std::fs::write(&wrong, CLIENT_SECRET).unwrap();
    pipeline.reported(&anna.id, ActionState::Succeeded, Duration::from_secs(120)).await;
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 1);
    pipeline.ready("cordon-act", 0).await;

    std::fs::write(&secret, "not the secret").unwrap();
    let (code, told) = cordon(pipeline.config(), &["check"]).await;
    seen("check", &told);
    assert!(code == Some(77) && told.contains("FAIL  defender token") && told.contains("AADSTS7000215"), "{told}");
}

/// Three brokers and a pipeline at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// A pipeline on three brokers, of which one is dead, where these topics take only what all three have: nothing.
async fn refusing(test: &str, topics: &[Topic]) -> Option<(Cluster, Pipeline)> {
    let mut cluster = own_cluster(3, &[])?;
    let kafka = settings(cluster.bootstrap(), &unique_prefix(test));
    let mut pipeline = Pipeline::prepare_on(kafka, Setup::default()).await;
    pipeline.launch(1).await;
    status(&pipeline, SOON, 0, &[]).await;
    for topic in topics {
        let name = pipeline.kafka.topic(*topic);
        meddle::change(cluster.bootstrap(), &name, ("min.insync.replicas", "3")).await;
    }
    cluster.kill_node(3);
    Some((cluster, pipeline))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn a_ledger_that_the_broker_does_not_write_is_told_everywhere_and_nothing_is_called_until_it_does() {
    let _turn = TURN.lock().await;
    let Some((mut cluster, mut pipeline)) = refusing("refused-ledger", &[Topic::Ledger]).await else { return };
    let anna = pipeline.raise_high(1, "LAPTOP-ANNA");
    seen("/readyz of act, the ledger refused", &pipeline.unready("cordon-act", 0, "ledger").await);
    let told = status(&pipeline, SOON, 1, &["LOOK  respond", "NOT READY"]).await;
    seen("status, the ledger refused", &told);
    let (code, told) = cordon(pipeline.config(), &["check"]).await;
    seen(&format!("check, the ledger refused: {code:?}"), &told);
    let parts = ["FAIL  topics", "ledger: 2 of 3 replicas in sync and min.insync.replicas=3, so no record is taken"];
    assert!(code == Some(69) && parts.iter().all(|part| told.contains(part)), "{code:?} {told}");
    seen("mails, the ledger refused", &format!("{:#?}", pipeline.subjects()));
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 0, "no call without its intention in the ledger");
    cluster.start_node(3);
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON * 4).await;
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 1, "{}", pipeline.tenant.to_jsonl());
    pipeline.ready("cordon-act", 0).await;
    status(&pipeline, SOON, 0, &["ok    respond"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn brokers_that_write_nothing_at_all_are_told_by_status_and_readyz_and_the_alert_is_not_lost() {
    let _turn = TURN.lock().await;
    let Some((mut cluster, mut pipeline)) = refusing("refused-all", &Topic::ALL).await else { return };
    let anna = pipeline.raise_high(1, "LAPTOP-ANNA");
    seen(
        "/readyz of ingest, everything refused",
        &pipeline.unready("cordon-ingest", 0, "has confirmed no record").await,
    );
    let told = status(&pipeline, DEAD, 1, &["LOOK  ingest"]).await;
    seen("status, everything refused", &told);
    let told = status(&pipeline, DEAD, 1, &["LOOK  respond"]).await;
    seen("status, everything refused, later", &told);
    let (code, told) = cordon(pipeline.config(), &["check"]).await;
    seen(&format!("check, everything refused: {code:?}"), &told);
    assert!(code == Some(69) && told.contains("no record is taken"), "{code:?} {told}");
    seen("mails, everything refused", &format!("{:#?}", pipeline.subjects()));
    cluster.start_node(3);
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON * 4).await;
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 1, "{}", pipeline.tenant.to_jsonl());
    status(&pipeline, SOON * 2, 0, &["ok    ingest", "ok    respond"]).await;
}
