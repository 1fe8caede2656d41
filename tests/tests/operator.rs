//! What an operator does before and beside the stages: check, topics, up, pause.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use cordon_records::{ActionState, NoticeKind, Report, Topic};
use cordon_runtime::kafka::KafkaSettings;
use cordon_simulator::{App, CLIENT_ID, CLIENT_SECRET, Options, SimAlert, Simulator};
use cordon_tests::broker::RealKafka;
use cordon_tests::meddle;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, configuration, machine};
use cordon_tests::processes::{Binaries, Process, cordon};
use cordon_tests::wait::until;

fn written(kafka: &KafkaSettings, tenant: &Simulator) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cordon.yaml");
    std::fs::write(&config, configuration(kafka, tenant, "auto", folder.path())).unwrap();
    (folder, config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_missing_until_they_are_applied_and_then_check_finds_everything_in_place() {
    let Some(kafka) = RealKafka::obtain() else { return };
    let (kafka, tenant) = (kafka.settings("check"), Simulator::start(Options::default()).unwrap());
    let (_folder, config) = written(&kafka, &tenant);
    let (code, told) = cordon(&config, &["check"]).await;
    assert_eq!(code, Some(69), "{told}");
    assert!(told.contains("FAIL  topics") && told.contains("cordon topics apply"), "{told}");

    let mut stage = Process::stage("cordon-enrich", &config, &[] as &[&str], &[]);
    assert_eq!(stage.exit(SOON).await.code(), Some(69), "a stage does not start without its topics");
    assert!(stage.log().iter().any(|line| line.contains("cordon topics apply")), "{:?}", stage.log());

    let (code, told) = cordon(&config, &["topics", "apply"]).await;
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = cordon(&config, &["check"]).await;
    assert_eq!(code, Some(0), "{told}");
    for part in [
        "ok    broker",
        "ok    broker's clock",
        "ok    topics",
        "ok    clock",
        "ok    defender token",
        "Machine.Isolate (respond: isolate)",
        "ok    mail",
    ] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    // Without a limit for time stamps, the broker does not give its clock away, and nobody says "ok".
    let unlimited = [("cleanup.policy", "compact"), ("message.timestamp.after.max.ms", "9223372036854775807")];
    meddle::set(&kafka.bootstrap_servers, &kafka.topic(Topic::Cursors), &unlimited).await;
    let (code, told) = cordon(&config, &["check"]).await;
    assert!(code == Some(0) && told.contains("?     broker's clock   cannot be told"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_names_the_permission_that_is_missing_and_ends_with_77() {
    let Some(kafka) = RealKafka::obtain() else { return };
    let app = App::new(CLIENT_ID, CLIENT_SECRET, &["Alert.Read.All", "Machine.Read.All"]);
    let tenant = Simulator::start(Options { apps: vec![app], ..Options::default() }).unwrap();
    let (_folder, config) = written(&kafka.settings("denied"), &tenant);
    cordon(&config, &["topics", "apply"]).await;
    let (code, told) = cordon(&config, &["check"]).await;
    assert_eq!(code, Some(77), "{told}");
    assert!(told.contains("FAIL  permission       Machine.Isolate is missing (respond: isolate)"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn up_without_a_broker_mails_what_it_would_do_and_does_nothing() {
    let tenant = Simulator::start(Options { enforce_quota: false, ..Options::default() }).unwrap();
    let (_folder, config) = written(&KafkaSettings::in_memory("127.0.0.1:1"), &tenant);
    let text = std::fs::read_to_string(&config).unwrap();
    let without = &text[text.find("defender:").unwrap()..];
    std::fs::write(&config, without).unwrap();
    let mut command = Command::new(Binaries::find("cordon"));
    command.args(["up", "--config"]).arg(&config);
    let mut up = Process::start("cordon up", command);
    up.line(SOON, "shadow mode").await;
    let anna = machine(1, "LAPTOP-ANNA");
    tenant.add_machine(anna.clone());
    tenant.add_alert(SimAlert::on(&anna).severity("High"));
    until(SOON, "the mail", async || {
        let subjects: Vec<_> = tenant.mails().iter().map(|mail| mail.subject()).collect();
        if subjects.iter().any(|it| it.contains("LAPTOP-ANNA: WOULD isolate it")) {
            Ok(())
        } else {
            Err(format!("{subjects:?}"))
        }
    })
    .await;
    assert_eq!(tenant.isolate_posts(&anna.id), 0);
    assert_eq!(up.terminate(Duration::from_secs(40)).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_holds_what_comes_after_it_and_resuming_that_one_lets_new_alerts_through() {
    let Some(mut pipeline) = Pipeline::start("pause", Setup::default()).await else { return };
    let (anna, ben) = (machine(1, "LAPTOP-ANNA"), machine(2, "LAPTOP-BEN"));
    pipeline.tenant.add_machine(anna.clone());
    pipeline.tenant.add_machine(ben.clone());
    let (code, told) = cordon(pipeline.config(), &["pause", "--why", "drill"]).await;
    assert_eq!(code, Some(0), "{told}");
    let notice = until(SOON, "the notice of the pause", async || {
        let reports: Vec<Report> = pipeline.records(Topic::Actions).await;
        reports.into_iter().find_map(|report| match report {
            Report::Notice(notice) if notice.kind == NoticeKind::Paused => Some(notice.id),
            Report::Notice(_) | Report::Action(_) => None,
        })
    })
    .await;
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    pipeline.reported(&anna.id, ActionState::Held, SOON).await;

    assert_eq!(pipeline.process("cordon-act", 0).terminate(Duration::from_secs(40)).await.code(), Some(0));
    pipeline.start_stage("cordon-act", 0, &["--resume", &notice]);
    pipeline.tenant.add_alert(SimAlert::on(&ben).severity("High"));
    pipeline.reported(&ben.id, ActionState::Succeeded, SOON).await;
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 0, "what was held waits for a person");
}

/// The notice of this kind, once it is there.
async fn notice(pipeline: &Pipeline, kind: NoticeKind) -> String {
    until(SOON, kind.as_str(), async || {
        let reports: Vec<Report> = pipeline.records(Topic::Actions).await;
        let found = reports.into_iter().find_map(|report| match report {
            Report::Notice(notice) if notice.kind == kind => Some(notice.text),
            Report::Notice(_) | Report::Action(_) => None,
        });
        found.ok_or_else(|| "not on the topic".to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_rules_are_taken_over_while_act_runs_and_wrong_ones_leave_the_old_in_force_and_status_says_so() {
    let Some(pipeline) = Pipeline::prepare("reload", Setup::default()).await else { return };
    let mut pipeline = pipeline;
    pipeline.environment.push(("CORDON_ACT__RELOAD_EVERY", "200ms".to_owned()));
    pipeline.launch(1).await;
    let rule = pipeline.config().with_file_name("isolate-high.yaml");
    let shipped = std::fs::read_to_string(&rule).unwrap();

    std::fs::write(&rule, shipped.replace("alert.severity", "alert.severty")).unwrap();
    let told = notice(&pipeline, NoticeKind::PolicyRefused).await;
    assert!(told.contains("severty") && told.contains("stay in force"), "{told}");
    let anna = machine(1, "LAPTOP-ANNA");
    pipeline.tenant.add_machine(anna.clone());
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
    let (code, told) = cordon(pipeline.config(), &["status"]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("LOOK  rules") && told.contains("REFUSED") && told.contains("severty"), "{told}");

    // Nobody but this rule acts: with its condition turned round, High is left alone and Low is not.
    std::fs::write(&rule, shipped.replace("\"High\"", "\"Low\"").replace("severity: High", "severity: Low")).unwrap();
    notice(&pipeline, NoticeKind::PolicyReloaded).await;
    let (ben, eva) = (machine(2, "LAPTOP-BEN"), machine(3, "LAPTOP-EVA"));
    for (person, severity) in [(&ben, "High"), (&eva, "Low")] {
        pipeline.tenant.add_machine(person.clone());
        pipeline.tenant.add_alert(SimAlert::on(person).severity(severity));
    }
    pipeline.reported(&eva.id, ActionState::Succeeded, SOON).await;
    let (code, told) = cordon(pipeline.config(), &["status"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("ok    rules") && told.contains("ok    coverage"), "{told}");
    let posts = [&anna, &ben, &eva].map(|machine| pipeline.tenant.isolate_posts(&machine.id));
    assert_eq!(posts, [1, 0, 1], "{told}");
}
