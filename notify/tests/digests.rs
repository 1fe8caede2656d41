//! Many reports at once become few mails, and each decision that waits for a person is in exactly one: the stage against
//! an in-memory broker and a simulated tenant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use cordon_notify::notified::{MailRecord, Notified, Planned, Reader, Stored, Tells};
use cordon_records::{
    ActionKey, ActionRecord, ActionState, AlertId, Clock as _, IntentHash, MachineId, Report, Ruling, SystemClock,
    Topic,
};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Inbound, read_all};
use cordon_simulator::{SmtpFault, SmtpFaultKind, SmtpPhase};
use support::{report, step, verdict};
use world::{Running, World, until};

/// A decision about a server of its own, held under an action key of its own.
fn held(number: usize) -> ActionRecord {
    let mut record = step(ActionState::Held, &format!("srv-{number:04}"));
    let key = ActionKey::new(format!("{number:016x}")).unwrap();
    record.id = ActionRecord::step_id(&key, 0, ActionState::Held);
    record.intent = Some(IntentHash::new(format!("{number:016x}")).unwrap());
    record.alert.id = AlertId::new(format!("da{number}")).unwrap();
    record.machine.as_mut().unwrap().id = MachineId::new(format!("machine{number}")).unwrap();
    record.key = Some(key);
    record
}

fn held_by_the_breaker(number: usize) -> ActionRecord {
    let mut record = held(number);
    record.guards = vec![verdict("breaker", Ruling::Hold, "latched")];
    record
}

fn all(make: fn(usize) -> ActionRecord, count: usize) -> Vec<Report> {
    (0..count).map(|number| report(make(number))).collect()
}

/// How many mails are noted for each decision: each digest names those that it tells.
async fn told(world: &World) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    let mut newest: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    for record in read_all(&world.kafka(), Topic::Notified).await.unwrap() {
        let Some(key) = record.key_text().and_then(|key| key.strip_prefix("mail/")) else { continue };
        newest.insert(key.to_owned(), record.json().unwrap());
    }
    for (key, record) in newest {
        let keys: Vec<String> = serde_json::from_value(record["keys"].clone()).unwrap_or_default();
        let keys = if keys.is_empty() { vec![key] } else { keys };
        keys.into_iter().for_each(|key| *told.entry(key).or_default() += 1);
    }
    told
}

/// Waits until so many reports are settled; what waits for its digest is not.
async fn settled(running: &Running, reports: u64) {
    until(|| running.settled() >= reports, || format!("{} of {reports}", running.settled())).await;
    assert_eq!(running.settled(), reports);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_held_at_once_are_one_mail_and_three_full_digests_and_the_rest_waits_for_its_window() {
    let world = World::start();
    let running = world.run(&world.smtp());
    world.publish(&all(held, 2_000)).await;
    settled(&running, 1_501).await;
    let subjects = world.subjects();
    assert_eq!(subjects.len(), 4, "{subjects:?}");
    assert_eq!(subjects[0], "srv-0000: you decide");
    assert_eq!(subjects[1], "ACTION NEEDED: 500 more actions wait for a person: High 500");
    let told = told(&world).await;
    assert_eq!((told.len(), told.values().max()), (1_501, Some(&1)));
    // What waits is no standstill: status is told how far was read, what for, and until when.
    let health = running.health.clone();
    until(|| health.waiting().is_some_and(|it| it.read_to == 2_000), || format!("{:?}", health.waiting())).await;
    let waiting = health.waiting().unwrap();
    let what: Vec<&str> = waiting.waits.iter().map(|wait| wait.what.as_str()).collect();
    assert_eq!((waiting.partition, what), (0, vec!["a digest of 499 reports of what is held"]));
    assert!(waiting.waits[0].until > SystemClock.now(), "{waiting:?}");
    running.stop().await;
    assert_eq!(health.waiting(), None, "who does not hold the topic keeps nothing back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_breaker_holds_has_no_mail_of_its_own_and_is_in_exactly_one_digest() {
    let world = World::start();
    let running = world.run(&world.smtp());
    world.publish(&all(held_by_the_breaker, 1_000)).await;
    running.until_settled(1_000).await;
    let subjects = world.subjects();
    assert_eq!(subjects, ["ACTION NEEDED: 500 more actions wait for a person: High 500"; 2]);
    assert_eq!((told(&world).await.len(), told(&world).await.values().max().copied()), (1_000, Some(1)));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_alert_of_the_day_that_is_held_anew_on_the_same_machine_is_told() {
    let world = World::start();
    let (mut first, mut second) = (held(1), held(2));
    second.machine.clone_from(&first.machine);
    (first.at, second.at) = ("2026-11-20T09:00:00Z".parse().unwrap(), "2026-11-20T11:00:00Z".parse().unwrap());
    let running = world.run(&world.smtp());
    world.publish(&[report(first.clone())]).await;
    running.until_settled(1).await;
    running.stop().await;
    // A new window: the first one is quiet for longer than two minutes.
    let running = world.run(&world.smtp());
    world.publish(&[report(first), report(second)]).await;
    running.until_settled(2).await;
    assert_eq!(world.subjects().len(), 2, "{:?}", world.subjects());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_an_open_window_stay_unsettled_so_that_whoever_takes_over_tells_each_once() {
    let world = World::start();
    let running = world.run(&world.smtp());
    world.publish(&all(held, 3)).await;
    settled(&running, 1).await;
    assert_eq!(world.subjects().len(), 1);
    running.task.abort();
    until(|| running.task.is_finished(), || "the stage goes on".into()).await;
    let again = world.run(&world.smtp());
    world.publish(&(3..503).map(|number| report(held(number))).collect::<Vec<_>>()).await;
    // The first is known, the second goes out at once, and the window fills up with 500.
    until(|| world.subjects().len() >= 3, || format!("{:?}", world.subjects())).await;
    until(|| again.settled() >= 501, || again.settled().to_string()).await;
    assert_eq!((told(&world).await.len(), told(&world).await.values().max().copied()), (502, Some(1)));
    assert_eq!(world.subjects().len(), 3, "{:?}", world.subjects());
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_was_sent_and_not_written_down_is_sent_again_as_it_was_and_its_reports_in_no_other_mail() {
    let world = World::start();
    let running = world.run(&world.smtp());
    world.publish(&all(held, 1)).await;
    settled(&running, 1).await;
    // The server keeps the digest, and the answer never comes.
    world.tenant.script_smtp(SmtpFault::at(SmtpPhase::Accepted, SmtpFaultKind::Hang(Duration::from_secs(60))));
    world.publish(&(1..521).map(|number| report(held(number))).collect::<Vec<_>>()).await;
    until(|| world.subjects().len() == 2, || format!("{:?}", world.subjects())).await;
    running.task.abort();
    until(|| running.task.is_finished(), || "the stage goes on".into()).await;
    let again = world.run(&world.smtp());
    until(|| again.settled() >= 501, || again.settled().to_string()).await;
    let subjects = world.subjects();
    assert_eq!(subjects[1..3], ["ACTION NEEDED: 500 more actions wait for a person: High 500"; 2]);
    assert_eq!(subjects.len(), 4, "the first of the other twenty goes out at once: {subjects:?}");
    let ids: Vec<_> = world.tenant.mails().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids[1], ids[2]);
    let told = told(&world).await;
    assert_eq!((told.len(), told.values().max()), (502, Some(&1)));
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_waits_for_its_digest_holds_up_nothing_however_many_reports_need_no_mail() {
    let world = World::start();
    let running = world.run(&world.smtp());
    world.publish(&all(held, 2)).await;
    settled(&running, 1).await;
    // The runtime reads no further than 5,000 records beyond the oldest that is not settled.
    world.publish(&vec![report(step(ActionState::Covered, "srv-0001")); 5_001]).await;
    world.publish(&[report(step(ActionState::Accepted, "LAPTOP-ANNA"))]).await;
    let requested = "LAPTOP-ANNA: isolation requested, not yet confirmed";
    until(
        || world.subjects().iter().any(|subject| subject == requested),
        || format!("{} settled, {:?}", running.settled(), world.subjects()),
    )
    .await;
    running.stop().await;
}

/// The reports among the dead letters; the others are mails.
async fn dead_reports(world: &World) -> Vec<Inbound> {
    let dead = read_all(&world.kafka(), Topic::DeadLetters).await.unwrap();
    dead.into_iter().filter(|record| record.json::<Report>().is_ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reports_of_a_digest_that_everybody_refuses_are_dead_letters_each_by_itself_and_are_told_when_sent_back() {
    let world = World::start();
    let running = world.run(&world.smtp_to(&["soc@contoso.com"], ", digest_after: 1s"));
    world.publish(&all(held, 1)).await;
    settled(&running, 1).await;
    let refusal = SmtpFaultKind::Reply("554 5.7.1 looks like spam".into());
    world.tenant.script_smtp(SmtpFault::at(SmtpPhase::Message, refusal).times(1_000));
    // More than the runtime takes for a fault of the stage.
    let refused: Vec<Report> = (1..31).map(|number| report(held(number))).collect();
    world.publish(&refused).await;
    settled(&running, 31).await;
    let dead = dead_reports(&world).await;
    assert_eq!(dead.len(), 30, "{:?}", running.health.missing());
    for (record, report) in dead.iter().zip(&refused) {
        assert_eq!(record.json::<Report>().unwrap(), *report);
        assert_eq!(record.headers.text("x-error-class"), Some("rejected"));
        assert!(record.headers.text("x-error-detail").unwrap().contains("looks like spam"));
    }
    world.tenant.clear_faults();
    running.stop().await;
    // Whoever takes over tells them too: what nobody took tells nothing.
    let again = world.run(&world.smtp_to(&["soc@contoso.com"], ", digest_after: 1s"));
    world.publish(&refused).await;
    settled(&again, 30).await;
    let told = told(&world).await;
    let of_reports = told.iter().filter(|(key, _)| key.contains("|held|") && !key.starts_with("digest"));
    assert_eq!(of_reports.map(|(_, mails)| *mails).collect::<Vec<_>>(), vec![1; 31]);
    again.stop().await;
}

async fn claim(world: &World) -> Notified {
    let context =
        Context::open("notify", world.kafka(), prometheus::Registry::new(), std::sync::Arc::new(SystemClock)).unwrap();
    Notified::claim(&context).await.unwrap()
}

fn plan(epoch: u64, report: &str) -> MailRecord {
    let reader = Reader("soc@contoso.com".parse().unwrap());
    MailRecord::Planned(Planned {
        message_id: "<a@cordon>".into(),
        mail: Stored { from: reader.clone(), to: vec![reader], mime: "Subject: a\r\n\r\na".into() },
        tells: Tells { keys: vec![report.to_owned()], dead_letters: Vec::new() },
        epoch,
        at: "2026-11-20T09:00:00Z".parse().unwrap(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_wakes_after_another_has_claimed_sends_no_digest_and_nobody_takes_over_what_it_planned() {
    let world = World::start();
    let mut frozen = claim(&world).await;
    let offset = frozen.write("digest|held|a", &plan(frozen.epoch(), "a")).await.unwrap();
    assert!(frozen.stands(offset).await.unwrap(), "nobody else has claimed");
    let mut next = claim(&world).await;
    assert_eq!(next.take_unfinished().len(), 1, "what was planned in time is sent by whoever takes over");
    // It wakes, and does not know yet that it was replaced.
    let offset = frozen.write("digest|held|b", &plan(frozen.epoch(), "b")).await.unwrap();
    assert!(!frozen.stands(offset).await.unwrap(), "the other one tells these reports");
    let offset = next.write("digest|held|c", &plan(next.epoch(), "c")).await.unwrap();
    assert!(next.stands(offset).await.unwrap());
    let mut third = claim(&world).await;
    let unfinished: Vec<String> = third.take_unfinished().into_iter().map(|(key, _)| key).collect();
    assert_eq!(unfinished, ["digest|held|a", "digest|held|c"]);
    assert_eq!((third.knows("a"), third.knows("b"), third.knows("c")), (true, false, true));
    // Compaction takes the claim away that tells why the plan does not count, so the plan goes first.
    let left = read_all(&world.kafka(), Topic::Notified).await.unwrap();
    let newest = left.iter().rev().find(|record| record.key_text() == Some("mail/digest|held|b"));
    assert_eq!(newest.map(|record| record.value.is_none()), Some(true));
}
