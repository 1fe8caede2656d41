//! People approve, deny and release with real SSH keys, over a real broker; and isolations that end by themselves.
//! The tenant's request log tells what was done.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_records::{ActionKey, ActionState, CommandRecord, Headers, NoticeKind, Report, Topic};
use cordon_runtime::kafka::{Outbound, Producer};
use cordon_simulator::{Options, SimAlert, SimMachine};
use cordon_tests::office::Office;
use cordon_tests::pipeline::{Pipeline, SOON, Setup, machine};
use cordon_tests::wait::until;

/// The rule of every pipeline, changed so.
fn change_rule(pipeline: &Pipeline, from: &str, to: &str) {
    let rule = pipeline.config().with_file_name("isolate-high.yaml");
    let text = std::fs::read_to_string(&rule).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&rule, text.replace(from, to)).unwrap();
}

fn raise(pipeline: &Pipeline, number: u32, name: &str) -> SimMachine {
    let machine = machine(number, name);
    pipeline.tenant.add_machine(machine.clone());
    pipeline.tenant.add_alert(SimAlert::on(&machine).severity("High"));
    machine
}

/// The key of what is held for this machine.
async fn held(pipeline: &Pipeline, machine: &SimMachine) -> ActionKey {
    pipeline.reported(&machine.id, ActionState::Held, SOON).await.key.unwrap()
}

/// Waits for so many notices of refused commands; gives back what they say.
async fn refusals(pipeline: &Pipeline, count: usize) -> Vec<String> {
    until(SOON, &format!("{count} refused commands"), async || {
        let reports: Vec<Report> = pipeline.records(Topic::Actions).await;
        let refused = reports.into_iter().filter_map(|report| match report {
            Report::Notice(notice) if notice.kind == NoticeKind::CommandRefused => Some(notice.text),
            Report::Notice(_) | Report::Action(_) => None,
        });
        let refused: Vec<String> = refused.collect();
        if refused.len() == count { Ok(refused) } else { Err(format!("{refused:?}")) }
    })
    .await
}

async fn write(pipeline: &Pipeline, command: &CommandRecord) {
    let producer = Producer::open(&pipeline.kafka, "somebody").unwrap();
    producer.send(Outbound::json(Topic::Commands, "k", Headers::default(), command).unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_done_once_by_a_signed_yes_and_by_no_forged_altered_or_repeated_one() {
    let Some(office) = Office::of(&["ann", "eve"]) else { return };
    let Some(mut pipeline) = Pipeline::prepare("approve", Setup::default()).await else { return };
    change_rule(&pipeline, "mode: auto", "mode: approve");
    office.guard(&pipeline, &["ann"], "");
    pipeline.launch(1).await;
    let anna = raise(&pipeline, 1, "LAPTOP-ANNA");
    let key = held(&pipeline, &anna).await;
    pipeline.mailed(": you decide", SOON).await;
    let config = pipeline.config().to_owned();
    let approve = ["approve", key.as_str(), "--why", "seen with Bob", "--yes", "--wait", "60s"];

    let (code, told) = office.says("eve", &config, &approve).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("REFUSED") && told.contains("does not name"), "{told}");
    pipeline.mailed("Cordon refused a command", SOON).await;
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 0);

    let (code, told) = office.says("ann", &config, &approve).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("approved (1 approval): approved by ann@example.com"), "{told}");
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
    pipeline.mailed("isolation approved by ann@example.com", SOON).await;

    // Ann's own word, once more, and once more with another reason.
    let commands: Vec<CommandRecord> = pipeline.records(Topic::Commands).await;
    let anns = commands.last().unwrap().clone();
    write(&pipeline, &anns).await;
    write(&pipeline, &CommandRecord { why: "somebody else's words".into(), ..anns }).await;
    let refused = refusals(&pipeline, 3).await;
    assert!(refused[1].contains("this is a copy"), "{refused:?}");
    assert!(refused[2].contains("altered") || refused[2].contains("not"), "{refused:?}");
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yes_that_was_given_while_nobody_held_the_ledger_is_obeyed_after_it_and_a_no_is_final() {
    let Some(office) = Office::of(&["ann"]) else { return };
    let Some(mut pipeline) = Pipeline::prepare("approve-late", Setup::default()).await else { return };
    change_rule(&pipeline, "mode: auto", "mode: approve");
    office.guard(&pipeline, &["ann"], "");
    pipeline.launch(1).await;
    let (anna, ben) = (raise(&pipeline, 1, "LAPTOP-ANNA"), raise(&pipeline, 2, "LAPTOP-BEN"));
    let (yes, no) = (held(&pipeline, &anna).await, held(&pipeline, &ben).await);
    pipeline.kill("cordon-act", 0);
    let config = pipeline.config().to_owned();
    for (word, key) in [("approve", &yes), ("deny", &no)] {
        let mut args = vec![word, key.as_str(), "--why", "w", "--wait", "0"];
        args.extend((word == "approve").then_some("--yes"));
        let (code, told) = office.says("ann", &config, &args).await;
        assert_eq!(code, Some(0), "{told}");
    }
    pipeline.start_stage("cordon-act", 0, &[]);
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON * 2).await;
    pipeline.reported(&ben.id, ActionState::Denied, SOON).await;
    assert_eq!([&anna, &ben].map(|machine| pipeline.tenant.isolate_posts(&machine.id)), [1, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_is_let_back_whether_its_isolation_stands_or_is_pending_and_stays_connected() {
    let Some(office) = Office::of(&["ann"]) else { return };
    let Some(mut pipeline) = Pipeline::prepare("release", Setup::default()).await else { return };
    office.guard(&pipeline, &["ann"], "");
    pipeline.launch(1).await;
    let anna = raise(&pipeline, 1, "LAPTOP-ANNA");
    pipeline.reported(&anna.id, ActionState::Succeeded, SOON).await;
    let config = pipeline.config().to_owned();
    let (code, told) =
        office.says("ann", &config, &["release", "laptop-anna", "--why", "clean", "--wait", "60s"]).await;
    assert_eq!(code, Some(0), "{told}");
    pipeline.mailed("LAPTOP-ANNA: RELEASED, connected again, asked for by ann@example.com: clean", SOON).await;
    assert!(!pipeline.tenant.is_isolated(&anna.id));
    assert_eq!(pipeline.tenant.accepted("Unisolate", &anna.id), 1);
    // A further alert on the machine meets the guard, although the call to release it was Cordon's.
    pipeline.tenant.add_alert(SimAlert::on(&anna).severity("High"));
    let again = held(&pipeline, &anna).await;
    let (_, told) = office.says("ann", &config, &["approvals", "show", again.as_str()]).await;
    assert!(told.contains("released by ann@example.com"), "{told}");

    // This one is switched off: Defender keeps the isolation pending.
    let ben = machine(2, "LAPTOP-BEN");
    pipeline.tenant.add_machine(ben.clone());
    pipeline.tenant.set_online(&ben.id, false);
    pipeline.tenant.add_alert(SimAlert::on(&ben).severity("High"));
    pipeline.reported(&ben.id, ActionState::Accepted, SOON).await;
    let (code, told) =
        office.says("ann", &config, &["release", "laptop-ben", "--why", "wrong machine", "--wait", "60s"]).await;
    assert_eq!(code, Some(0), "{told}");
    pipeline.reported(&ben.id, ActionState::Cancelled, SOON).await;
    pipeline.tenant.set_online(&ben.id, true);
    until(SOON, "the release to find nothing to do", async || {
        let actions = pipeline.actions().await;
        let covered = actions.iter().any(|action| {
            action.state == ActionState::Covered && action.machine.as_ref().is_some_and(|it| it.id == ben.id)
        });
        covered.then_some(()).ok_or_else(|| format!("{actions:?}"))
    })
    .await;
    assert!(!pipeline.tenant.is_isolated(&ben.id));
    assert_eq!((pipeline.tenant.isolate_posts(&ben.id), pipeline.tenant.accepted("Unisolate", &ben.id)), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_lifted_and_a_pending_action_cancelled_by_signed_words_and_the_list_tells_what_waits() {
    let Some(office) = Office::of(&["ann"]) else { return };
    let Some(mut pipeline) = Pipeline::prepare("resume", Setup::default()).await else { return };
    office.guard(&pipeline, &["ann"], "");
    pipeline.launch(1).await;
    let config = pipeline.config().to_owned();
    let (code, told) = office.says("ann", &config, &["pause", "--why", "an exercise"]).await;
    assert_eq!(code, Some(0), "{told}");
    let notice = until(SOON, "the notice of the pause", async || {
        let reports: Vec<Report> = pipeline.records(Topic::Actions).await;
        let id = reports.into_iter().find_map(|report| match report {
            Report::Notice(notice) if notice.kind == NoticeKind::Paused => Some(notice.id),
            Report::Notice(_) | Report::Action(_) => None,
        });
        id.ok_or_else(|| "none yet".to_owned())
    })
    .await;
    let anna = raise(&pipeline, 1, "LAPTOP-ANNA");
    let key = held(&pipeline, &anna).await;
    let (code, told) = office.says("ann", &config, &["approvals", "list"]).await;
    assert!(code == Some(0) && told.contains(key.as_str()) && told.contains("pause: paused since"), "{told}");
    let (code, told) = office.says("ann", &config, &["resume", &notice, "--why", "it is over", "--wait", "60s"]).await;
    assert!(code == Some(0) && told.contains("ann@example.com lifted paused@"), "{told}");
    assert_eq!(pipeline.tenant.isolate_posts(&anna.id), 0, "what was held stays held");

    let ben = machine(2, "LAPTOP-BEN");
    pipeline.tenant.add_machine(ben.clone());
    pipeline.tenant.set_online(&ben.id, false);
    pipeline.tenant.add_alert(SimAlert::on(&ben).severity("High"));
    let key = pipeline.reported(&ben.id, ActionState::Accepted, SOON).await.key.unwrap();
    let (code, told) =
        office.says("ann", &config, &["cancel", key.as_str(), "--why", "wrong machine", "--wait", "60s"]).await;
    assert_eq!(code, Some(0), "{told}");
    pipeline.reported(&ben.id, ActionState::Cancelled, SOON).await;
    assert!(!pipeline.tenant.is_isolated(&ben.id));
    assert_eq!(pipeline.tenant.isolate_posts(&ben.id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_isolation_ends_by_itself_after_its_time_although_respond_is_killed_before_and_never_against_people() {
    let tenant = Options { settle: Duration::from_secs(1), enforce_quota: false, ..Options::default() };
    let Some(mut pipeline) = Pipeline::prepare("timer", Setup { tenant, ..Setup::default() }).await else { return };
    change_rule(&pipeline, "isolate: {type: Full,", "isolate: {type: Full, release_after: 15s,");
    pipeline.launch(1).await;
    let (anna, ben) = (raise(&pipeline, 1, "LAPTOP-ANNA"), raise(&pipeline, 2, "LAPTOP-BEN"));
    for machine in [&anna, &ben] {
        pipeline.reported(&machine.id, ActionState::Succeeded, SOON).await;
    }
    pipeline.kill("cordon-act", 0);
    // A person lets one back in the portal, and isolates it anew there.
    pipeline.tenant.release_by_person(&ben.id, "bert@example.com", "back to work");
    until(SOON, "the person's release", async || {
        if pipeline.tenant.is_isolated(&ben.id) { Err("still isolated".to_owned()) } else { Ok(()) }
    })
    .await;
    pipeline.tenant.isolate_by_person(&ben.id, "bert@example.com", "not so fast");
    pipeline.start_stage("cordon-act", 0, &[]);
    until(SOON, "the machine to be let back", async || {
        if pipeline.tenant.is_isolated(&anna.id) { Err("still isolated".to_owned()) } else { Ok(()) }
    })
    .await;
    pipeline.reported(&ben.id, ActionState::Covered, SOON).await;
    assert!(pipeline.tenant.is_isolated(&ben.id), "people decide when it ends");
    let released = [&anna, &ben].map(|machine| pipeline.tenant.posts(&format!("/machines/{}/unisolate", machine.id)));
    assert_eq!(released, [1, 0], "{}", pipeline.tenant.to_jsonl());
}
