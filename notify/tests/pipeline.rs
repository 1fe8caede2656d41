//! The whole stage against an in-memory broker and a simulated tenant: reports in, mails out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;
#[path = "support/world.rs"]
mod world;

use cordon_records::{ActionState, NoticeKind, Report, Topic};
use cordon_runtime::kafka::read_all;
use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, SmtpFault, SmtpFaultKind, SmtpPhase, TENANT_ID};
use support::{notice, report};
use world::{World, step_under, until};

#[tokio::test(flavor = "multi_thread")]
async fn each_report_becomes_one_mail_and_a_repeated_one_none_also_after_a_restart() {
    let world = World::start();
    let reports = [
        report(step_under(ActionState::Accepted, "a")),
        report(step_under(ActionState::Succeeded, "a")),
        report(step_under(ActionState::Covered, "b")),
        report(step_under(ActionState::Succeeded, "a")),
        Report::Notice(notice(NoticeKind::BreakerLatched)),
    ];
    let running = world.run(&world.smtp());
    world.publish(&reports).await;
    world.publish_raw(b"not json").await;
    running.until_settled(6).await;
    let expected = [
        "LAPTOP-ANNA: isolation requested, not yet confirmed",
        "LAPTOP-ANNA: isolated",
        "ACTION NEEDED: Cordon stopped acting: all_rules.10m reached: 10 attempts in 10 min",
    ];
    assert_eq!(world.reported(), expected);
    running.stop().await;

    let again = world.run(&world.smtp());
    world.publish(&reports).await;
    again.until_settled(5).await;
    assert_eq!(world.reported(), expected);
    again.stop().await;
    let dead = read_all(&world.kafka(), Topic::DeadLetters).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].headers.text("x-error-class"), Some("decode"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_delays_mails_in_order_and_loses_none() {
    let world = World::start();
    for phase in [SmtpPhase::Connect, SmtpPhase::Mail, SmtpPhase::Message] {
        world.tenant.script_smtp(SmtpFault::at(phase, SmtpFaultKind::Reply("421 4.3.2 try later".into())));
    }
    let running = world.run(&world.smtp());
    world
        .publish(&[report(step_under(ActionState::Accepted, "a")), report(step_under(ActionState::Succeeded, "a"))])
        .await;
    until(|| !running.health.missing().is_empty() || !world.subjects().is_empty(), || "never unready".into()).await;
    running.until_settled(2).await;
    assert_eq!(world.subjects(), ["LAPTOP-ANNA: isolation requested, not yet confirmed", "LAPTOP-ANNA: isolated"]);
    assert!(running.count("cordon_notify_failed_attempts_total") >= 2);
    assert!(running.health.missing().is_empty(), "{:?}", running.health.missing());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_after_the_mail_was_taken_repeats_it_under_the_same_message_id() {
    let world = World::start();
    world.tenant.script_smtp(SmtpFault::at(SmtpPhase::Accepted, SmtpFaultKind::Drop));
    let running = world.run(&world.smtp());
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    let ids: Vec<_> = world.tenant.mails().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_nobody_takes_goes_to_the_dead_letters_and_the_next_one_out() {
    let world = World::start();
    let refusal = SmtpFaultKind::Reply("550 5.1.1 no such user".into());
    world.tenant.script_smtp(SmtpFault::at(SmtpPhase::Rcpt, refusal));
    let running = world.run(&world.smtp());
    world
        .publish(&[report(step_under(ActionState::Accepted, "a")), report(step_under(ActionState::Succeeded, "a"))])
        .await;
    running.until_settled(2).await;
    assert_eq!(world.reported(), ["LAPTOP-ANNA: isolated"]);
    running.stop().await;
    let dead = read_all(&world.kafka(), Topic::DeadLetters).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].headers.text("x-error-class"), Some("rejected"));
    assert!(dead[0].headers.text("x-error-detail").unwrap().contains("no such user"));
    assert_eq!(dead[0].json::<Report>().unwrap(), report(step_under(ActionState::Accepted, "a")));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_through_graph_takes_its_identity_from_the_section_graph_and_an_invalid_address_costs_the_others_nothing()
{
    let world = World::start();
    let folder = tempfile::tempdir().unwrap();
    let settings = graph(&world, folder.path(), "gone@contoso.com, soc@contoso.com");
    let running = world.run(&settings);
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    assert_eq!(world.subjects(), ["LAPTOP-ANNA: isolation requested, not yet confirmed"]);
    assert_eq!(world.tenant.mails()[0].to, ["gone@contoso.com", "soc@contoso.com"]);
    // One address that Graph does not take costs the other reader nothing: the call to both, the call to the first.
    let invalid = FaultKind::status(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.");
    world.tenant.script(Fault::on("POST", "sendMail", invalid).times(2));
    world.publish(&[report(step_under(ActionState::Succeeded, "a"))]).await;
    running.until_settled(2).await;
    assert_eq!(world.got("soc@contoso.com").last().map(String::as_str), Some("LAPTOP-ANNA: isolated"));
    assert_eq!(world.got("gone@contoso.com").len(), 1);
    assert_eq!(running.count("cordon_notify_lost_readers_total"), 1);
    running.stop().await;
}

/// Mail through Graph to these readers.
fn graph(world: &World, folder: &std::path::Path, readers: &str) -> String {
    let secret = folder.join("secret");
    std::fs::write(&secret, CLIENT_SECRET).unwrap();
    format!(
        "notify: {{graph: {{sender: cordon@contoso.com, to: [{readers}]}}}}\n\
         graph: {{url: '{}', authority_url: '{}', tenant_id: {TENANT_ID}, client_id: {CLIENT_ID}, client_secret: 'file:{}'}}\n",
        world.tenant.graph_url(),
        world.tenant.authority_url(),
        secret.display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_on_which_graph_breaks_after_it_was_seen_waits_beside_the_others_and_holds_up_none() {
    let world = World::start();
    let folder = tempfile::tempdir().unwrap();
    let running = world.run(&graph(&world, folder.path(), "gone@contoso.com, soc@contoso.com"));
    // Graph refuses the mail to both; then, to one after the other, it breaks: it may be this mail that breaks it.
    let invalid = || FaultKind::status(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.");
    let broken = || FaultKind::status(500, "ErrorInternalServerError", "An internal server error occurred.");
    for _ in 0..3 {
        world.tenant.script(Fault::on("POST", "sendMail", invalid()));
        world.tenant.script(Fault::on("POST", "sendMail", broken()));
    }
    world
        .publish(&[report(step_under(ActionState::Accepted, "a")), report(step_under(ActionState::Succeeded, "a"))])
        .await;
    running.until_settled(2).await;
    let first = world.subjects().first().cloned();
    assert_eq!(first.as_deref(), Some("LAPTOP-ANNA: isolated"), "the later mail went first: {:?}", world.subjects());
    let requested = "LAPTOP-ANNA: isolation requested, not yet confirmed".to_owned();
    for reader in ["gone@contoso.com", "soc@contoso.com"] {
        until(|| world.got(reader).contains(&requested), || format!("{:?}", world.subjects())).await;
    }
    assert_eq!(running.count("cordon_notify_lost_readers_total"), 0);
    running.stop().await;
}
