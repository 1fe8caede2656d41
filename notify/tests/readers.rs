//! One reader whom the server puts off stops nobody's mail: the stage against an in-memory broker and a simulated tenant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;
#[path = "support/world.rs"]
mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cordon_notify::config::MailConfig;
use cordon_notify::error::DeliveryError;
use cordon_notify::render::{Mail, Parties};
use cordon_notify::transport::{Handover, Transport};
use cordon_records::{ActionState, Topic};
use cordon_runtime::kafka::read_all;
use cordon_simulator::{SmtpFault, SmtpFaultKind, SmtpPhase};
use support::report;
use tokio::sync::Semaphore;
use world::{World, step_under, until};

const FULL: &str = "452 4.2.2 the mailbox is full";
const BOTH: [&str; 2] = ["soc@contoso.com", "boss@contoso.com"];
const MAILS: [&str; 2] = ["LAPTOP-ANNA: isolation requested, not yet confirmed", "LAPTOP-ANNA: isolated"];

fn full(world: &World, phase: SmtpPhase, times: u32) {
    let fault = SmtpFault::at(phase, SmtpFaultKind::Reply(FULL.into()));
    world.tenant.script_smtp(fault.containing("boss@contoso.com").times(times));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_holds_up_neither_the_others_nor_later_mails_and_gets_its_own_when_it_is_emptied() {
    let world = World::start();
    full(&world, SmtpPhase::Rcpt, 1_000);
    let running = world.run(&world.smtp_to(&BOTH, ""));
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    world.publish(&[report(step_under(ActionState::Succeeded, "a"))]).await;
    running.until_settled(2).await;
    assert_eq!(world.got("soc@contoso.com"), MAILS);
    world.tenant.clear_faults();
    until(|| world.got("boss@contoso.com").len() == 2, || format!("{:?}", world.got("boss@contoso.com"))).await;
    assert_eq!(world.got("soc@contoso.com"), MAILS, "what was delivered is not delivered again");
    assert!(running.health.missing().is_empty(), "{:?}", running.health.missing());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_after_the_data_that_one_reader_causes_costs_the_other_nothing() {
    let world = World::start();
    full(&world, SmtpPhase::Message, 1_000);
    let running = world.run(&world.smtp_to(&BOTH, ""));
    world
        .publish(&[report(step_under(ActionState::Accepted, "a")), report(step_under(ActionState::Succeeded, "a"))])
        .await;
    running.until_settled(2).await;
    assert_eq!(world.got("soc@contoso.com"), MAILS);
    assert_eq!(world.got("boss@contoso.com"), Vec::<String>::new());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_mail_does_not_get_it_again_after_a_restart_and_who_waits_gets_it_under_its_message_id() {
    let world = World::start();
    full(&world, SmtpPhase::Rcpt, 1_000);
    let running = world.run(&world.smtp_to(&BOTH, ""));
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    running.stop().await;
    world.tenant.clear_faults();
    let again = world.run(&world.smtp_to(&BOTH, ""));
    until(|| !world.got("boss@contoso.com").is_empty(), || "the waiting mail was forgotten".into()).await;
    again.stop().await;
    let ids: Vec<_> = world.tenant.mails().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!((ids.len(), world.got("soc@contoso.com").len()), (2, 1));
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_refused_costs_a_dead_letter_with_the_mail_and_a_metric_and_nobody_else_anything() {
    let world = World::start();
    let refusal = SmtpFault::at(SmtpPhase::Rcpt, SmtpFaultKind::Reply("550 5.1.1 no such user".into()));
    world.tenant.script_smtp(refusal.containing("boss@contoso.com"));
    let running = world.run(&world.smtp_to(&BOTH, ""));
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    assert_eq!(running.count("cordon_notify_lost_readers_total"), 1);
    running.stop().await;
    assert_eq!(world.got("soc@contoso.com").first().map(String::as_str), Some(MAILS[0]));
    let dead = read_all(&world.kafka(), Topic::DeadLetters).await.unwrap();
    let detail = dead[0].headers.text("x-error-detail").unwrap();
    assert!(detail.contains("boss@contoso.com") && detail.contains("no such user"), "{detail}");
    assert!(String::from_utf8_lossy(dead[0].value.as_deref().unwrap()).contains("isolation requested"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_put_off_until_the_deadline_is_given_up_with_a_dead_letter_and_a_metric() {
    let world = World::start();
    full(&world, SmtpPhase::Rcpt, 1_000);
    let running = world.run_with(&world.smtp_to(&BOTH, ""), |it| it.config.give_up_after = Duration::from_secs(1));
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    until(|| running.count("cordon_notify_lost_readers_total") == 1, || "nobody was given up".into()).await;
    let got = |reader| world.got(reader).iter().filter(|subject| *subject == MAILS[0]).count();
    assert_eq!((got(BOTH[0]), got(BOTH[1])), (1, 0));
    running.stop().await;
    let dead = read_all(&world.kafka(), Topic::DeadLetters).await.unwrap();
    assert!(dead[0].headers.text("x-error-detail").unwrap().contains("the mailbox is full"));
    world.tenant.clear_faults();
    // It is written down: nobody tries again.
    let again = world.run(&world.smtp_to(&BOTH, ""));
    world.publish(&[report(step_under(ActionState::Succeeded, "a"))]).await;
    until(|| world.got(BOTH[1]).len() >= 2, || format!("{:?}", world.got(BOTH[1]))).await;
    assert!(!world.got(BOTH[1]).contains(&MAILS[0].to_owned()), "{:?}", world.got(BOTH[1]));
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_way_out_is_closed_everybody_waits_and_nobody_is_given_up() {
    let world = World::start();
    let fault = SmtpFault::at(SmtpPhase::Connect, SmtpFaultKind::Reply("421 4.3.2 try later".into()));
    world.tenant.script_smtp(fault.times(4));
    let running = world.run_with(&world.smtp_to(&BOTH, ""), |it| it.config.give_up_after = Duration::ZERO);
    world
        .publish(&[report(step_under(ActionState::Accepted, "a")), report(step_under(ActionState::Succeeded, "a"))])
        .await;
    running.until_settled(2).await;
    assert_eq!(
        (world.got(BOTH[0]), world.got(BOTH[1])),
        (MAILS.map(str::to_owned).to_vec(), MAILS.map(str::to_owned).to_vec())
    );
    assert_eq!(running.count("cordon_notify_lost_readers_total"), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_rests_keeps_its_mail_when_another_reader_of_this_mail_is_tried() {
    let world = World::start();
    // Put off twice, boss rests beyond the first rest of soc.
    full(&world, SmtpPhase::Rcpt, 2);
    let running = world.run(&world.smtp_to(&BOTH, ""));
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    let greylisted = SmtpFault::at(SmtpPhase::Rcpt, SmtpFaultKind::Reply("450 4.7.1 greylisted".into()));
    world.tenant.script_smtp(greylisted.containing("soc@contoso.com"));
    world.publish(&[report(step_under(ActionState::Succeeded, "a"))]).await;
    running.until_settled(2).await;
    until(|| world.got(BOTH[0]).len() == 2, || format!("{:?}", world.got(BOTH[0]))).await;
    until(|| world.got(BOTH[1]).len() == 2, || format!("boss got {:?}", world.got(BOTH[1]))).await;
    assert_eq!((world.got(BOTH[0]).len(), running.count("cordon_notify_lost_readers_total")), (2, 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notify_is_not_ready_while_nobody_gets_any_mail_and_is_again_when_somebody_does() {
    let world = World::start();
    let later = SmtpFault::at(SmtpPhase::Message, SmtpFaultKind::Reply("451 4.7.1 not now".into()));
    world.tenant.script_smtp(later.times(1_000));
    let running = world.run(&world.smtp_to(&BOTH, ""));
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    assert!(format!("{:?}", running.health.missing()).contains("not now"), "{:?}", running.health.missing());
    world.tenant.clear_faults();
    world.publish(&[report(step_under(ActionState::Succeeded, "a"))]).await;
    until(|| running.health.missing().is_empty(), || format!("{:?}", running.health.missing())).await;
    until(|| world.got(BOTH[1]).len() == 2, || format!("boss got {:?}", world.got(BOTH[1]))).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_puts_every_reader_off_the_way_out_is_closed_and_nobody_is_given_up() {
    let world = World::start();
    let later = SmtpFault::at(SmtpPhase::Rcpt, SmtpFaultKind::Reply("451 4.3.0 not now".into()));
    world.tenant.script_smtp(later.times(1_000));
    let running = world.run_with(&world.smtp_to(&BOTH, ""), |it| it.config.give_up_after = Duration::ZERO);
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    until(|| running.count("cordon_notify_failed_attempts_total") >= 3, || "the mail was put off".into()).await;
    assert!(format!("{:?}", running.health.missing()).contains("not now"), "{:?}", running.health.missing());
    assert_eq!(running.settled(), 0);
    world.tenant.clear_faults();
    running.until_settled(1).await;
    assert_eq!((world.got(BOTH[0]).len(), world.got(BOTH[1]).len()), (1, 1));
    assert_eq!(running.count("cordon_notify_lost_readers_total"), 0);
    running.stop().await;
}

/// A way out that hands over one mail for each permit, and has one mailbox that may be full.
#[derive(Clone)]
struct Counter {
    permits: Arc<Semaphore>,
    boss_is_full: Arc<AtomicBool>,
    /// The `Message-ID` of each mail that came to the counter.
    came: Arc<Mutex<Vec<String>>>,
}

impl Counter {
    fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }

    async fn until_came(&self, mails: usize) {
        until(|| self.came().len() >= mails, || format!("{:?}", self.came())).await;
    }
}

impl Transport for Counter {
    async fn deliver(&self, mail: &Mail, handover: &mut Handover) -> Result<(), DeliveryError> {
        self.came.lock().unwrap().push(mail.message_id.clone());
        self.permits.acquire().await.unwrap().forget();
        for reader in handover.open.clone() {
            if reader.to_string() == BOTH[1] && self.boss_is_full.load(Ordering::SeqCst) {
                handover.put_off(&reader, FULL);
            } else {
                handover.take(&reader);
            }
        }
        Ok(())
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }

    fn label(&self) -> String {
        "a counter".into()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_go_before_mails_that_wait_and_after_each_report_one_of_those_is_tried() {
    let world = World::start();
    let counter = Counter {
        permits: Arc::new(Semaphore::new(3)),
        boss_is_full: Arc::new(AtomicBool::new(true)),
        came: Arc::default(),
    };
    let parties = Parties {
        from: "cordon@contoso.com".parse().unwrap(),
        to: BOTH.iter().map(|reader| reader.parse().unwrap()).collect(),
    };
    let hour = Duration::from_secs(3_600);
    let running = world.run_through(MailConfig { parties, give_up_after: hour, digest_after: hour }, counter.clone());
    let accepted =
        |keys: &[&str]| -> Vec<_> { keys.iter().map(|key| report(step_under(ActionState::Accepted, key))).collect() };
    // One reader has three mails, the other waits for all of them.
    world.publish(&accepted(&["a", "b", "c"])).await;
    running.until_settled(3).await;
    let waiting = counter.came();
    counter.boss_is_full.store(false, Ordering::SeqCst);
    // The first of them is tried; while it stands at the counter, reports come.
    counter.until_came(4).await;
    world.publish(&accepted(&["d", "e", "f", "g", "h"])).await;
    until(|| running.in_flight() == 5, || running.in_flight().to_string()).await;
    counter.permits.add_permits(100);
    counter.until_came(11).await;
    let order: Vec<&str> = counter.came()[3..]
        .iter()
        .map(|id| match waiting.iter().position(|waits| waits == id) {
            Some(place) => ["a waits", "b waits", "c waits"][place],
            None => "a report",
        })
        .collect();
    let expected = ["a waits", "a report", "b waits", "a report", "c waits", "a report", "a report", "a report"];
    assert_eq!(order, expected);
    running.stop().await;
}
