//! Dead letters are told by mail, once, and bring no further ones: the stage against an in-memory broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;
#[path = "support/world.rs"]
mod world;

use cordon_notify::letters::{DeadLetter, Sort, message};
use cordon_notify::message::Message;
use cordon_notify::render::Renderer;
use cordon_records::{ActionState, Headers, Topic};
use cordon_runtime::kafka::{Inbound, read_all};
use cordon_simulator::{SmtpFault, SmtpFaultKind, SmtpPhase};
use support::{instant, report};
use world::{World, step_under, until};

const ONE: &str = "ACTION NEEDED: A record is a dead letter: enrich gave it up (decode)";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_dead_letter_is_told_at_once_the_others_together_and_none_again_after_a_restart() {
    let world = World::start();
    world.dead_letter(0, "enrich", "decode").await;
    let running = world.run(&world.smtp_to(&["soc@contoso.com"], ", digest_after: 8s"));
    until(|| world.subjects().len() == 1, || format!("{:?}", world.subjects())).await;
    for number in 1..6 {
        world.dead_letter(number, if number < 5 { "enrich" } else { "act" }, "decode").await;
    }
    until(|| world.subjects().len() == 2, || format!("{:?}", world.subjects())).await;
    let told = [ONE, "ACTION NEEDED: 5 records are dead letters: enrich decode 4, act decode 1"];
    assert_eq!(world.subjects(), told);
    running.stop().await;
    let again = world.run(&world.smtp_to(&["soc@contoso.com"], ", digest_after: 8s"));
    world.dead_letter(6, "enrich", "decode").await;
    until(|| world.subjects().len() == 3, || format!("{:?}", world.subjects())).await;
    assert_eq!(world.subjects()[2], ONE, "only what was not told is told");
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_a_topic_that_was_made_anew_is_told_although_mails_told_of_as_many_letters_of_the_one_before() {
    let world = World::start();
    for number in 0..5 {
        world.dead_letter(number, "enrich", "decode").await;
    }
    world.tell_of_all_so_far(Some("2020-01-01T00:00:00Z"), "2100-01-01T00:00:00Z").await;
    let running = world.run(&world.smtp_to(&["soc@contoso.com"], ", digest_after: 8s"));
    until(|| world.subjects().len() == 2, || format!("{:?}", world.subjects())).await;
    assert_eq!(world.subjects(), [ONE, "ACTION NEEDED: 4 records are dead letters: enrich decode 4"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mails_have_told_is_not_told_again_where_the_topic_is_the_same() {
    let (before, after) = ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    // An older build does not say when the newest was written, and the time of its mail may be before that: it is that
    // of another clock, or the one at which the newest was given up.
    for (newest, at) in [(Some(after), after), (None, after), (None, before)] {
        let world = World::start();
        for number in 0..5 {
            world.dead_letter(number, "enrich", "decode").await;
        }
        world.tell_of_all_so_far(newest, at).await;
        let running = world.run(&world.smtp_to(&["soc@contoso.com"], ", digest_after: 1h"));
        world.dead_letter(5, "act", "panic").await;
        until(|| !world.subjects().is_empty(), || "nothing was told".into()).await;
        assert_eq!(
            world.subjects(),
            ["ACTION NEEDED: A record is a dead letter: act gave it up (panic)"],
            "{newest:?}, {at}"
        );
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_mail_is_refused_the_mail_about_the_dead_letter_makes_no_further_dead_letter() {
    let world = World::start();
    let refusal = SmtpFault::at(SmtpPhase::Message, SmtpFaultKind::Reply("554 5.7.1 refused".into()));
    world.tenant.script_smtp(refusal.times(1_000));
    let running = world.run(&world.smtp_to(&["soc@contoso.com", "boss@contoso.com"], ", digest_after: 1s"));
    world.publish(&[report(step_under(ActionState::Accepted, "a"))]).await;
    running.until_settled(1).await;
    // The report's two readers and those of the mail about its dead letter.
    until(|| running.count("cordon_notify_lost_readers_total") == 4, || "the dead letter was not told".into()).await;
    world.dead_letter(1, "enrich", "decode").await;
    until(|| running.count("cordon_notify_lost_readers_total") >= 6, || "the second one was not told".into()).await;
    let dead = read_all(&world.kafka(), Topic::DeadLetters).await.unwrap();
    assert_eq!(dead.len(), 2, "the report's and the one that was put there");
    assert_eq!(world.subjects().len(), 0);
    running.stop().await;
}

fn letters(count: usize) -> Vec<DeadLetter> {
    let causes = [("enrich", "decode"), ("enrich", "oversize"), ("act", "foreign"), ("notify", "rejected")];
    let letter = |number: usize| {
        let (stage, reason) = causes[[0, 0, 0, 1, 0, 2, 0, 3][number % 8]];
        DeadLetter {
            partition: (number % 3) as i32,
            offset: number as i64,
            stage: stage.into(),
            reason: reason.into(),
            sort: if stage == "notify" { Sort::Mail } else { Sort::Record },
            records: 1,
            detail: "the value is not the expected JSON: missing field `id` at line 1 column 17".into(),
            origin: (stage != "notify").then(|| format!("cordon.alerts/3/{number}")),
            at: instant("2026-11-20T09:13:10Z").checked_add(jiff::SignedDuration::from_secs(number as i64)).unwrap(),
        }
    };
    (0..count).map(letter).collect()
}

#[test]
fn two_letters_that_have_one_place_on_topics_made_one_after_the_other_are_told_by_two_mails() {
    let mut both = [letters(1), letters(1)].concat();
    both[1].at = instant("2026-11-21T00:00:00Z");
    assert_ne!(of_all(&both[..1]).key, of_all(&both[1..]).key);
}

fn of_all(letters: &[DeadLetter]) -> Message {
    message(&letters.iter().collect::<Vec<_>>(), 0).unwrap()
}

fn headers(of: &[(&str, &str)]) -> DeadLetter {
    let mut headers = Headers::default();
    of.iter().for_each(|(name, value)| headers.set(name, value));
    let record = Inbound {
        topic: Topic::DeadLetters,
        topic_name: "cordon.dead-letters".into(),
        partition: 1,
        offset: 9,
        key: None,
        headers,
        value: None,
        timestamp: None,
    };
    DeadLetter::of(&record, instant("2026-11-20T09:13:10Z"))
}

fn lost() -> DeadLetter {
    headers(&[
        ("x-original-topic", "cordon.alerts"),
        ("x-original-partition", "3"),
        ("x-original-offset", "100"),
        ("x-last-offset", "149"),
        ("x-failed-stage", "enrich"),
        ("x-error-class", "lost"),
        ("x-error-detail", "50 records, offsets 100 to 149, were deleted before enrich read them"),
    ])
}

fn undelivered() -> DeadLetter {
    headers(&[
        ("x-failed-stage", "notify"),
        ("x-error-class", "rejected"),
        ("x-error-detail", "boss@contoso.com: an answer of SMTP server x:25: 550 5.1.1 no such user"),
    ])
}

#[test]
fn lost_records_are_counted_by_their_range_and_nobody_is_told_that_they_are_kept_or_can_be_sent_back() {
    let renderer = Renderer::new().unwrap();
    let message = message(&[&lost()], 0).unwrap();
    assert_eq!(message.subject, "ACTION NEEDED: 50 records of cordon.alerts were deleted before enrich read them");
    let text = renderer.text(&message).unwrap();
    assert!(text.contains("cordon.alerts/3/100-149") && text.contains("retention"), "{text}");
    assert!(!text.contains("put aside") && !text.contains("redrive"), "{text}");
    insta::assert_snapshot!("text_dead_lost", text);
}

#[test]
fn a_mail_that_was_not_delivered_is_called_that_and_says_that_the_action_may_be_done() {
    let message = message(&[&undelivered()], 0).unwrap();
    assert_eq!(message.subject, "ACTION NEEDED: A mail was not delivered: notify gave it up (rejected)");
    let text = Renderer::new().unwrap().text(&message).unwrap();
    assert!(text.contains("may well be done") && !text.contains("redrive") && !text.contains("is not done"), "{text}");
    insta::assert_snapshot!("text_dead_undelivered", text);
}

#[test]
fn a_mail_about_several_sorts_of_dead_letters_counts_records_and_says_of_each_sort_what_is_true() {
    let mut all = letters(6);
    all.extend([lost(), undelivered()]);
    let message = of_all(&all);
    let subject = "ACTION NEEDED: 6 records are dead letters, 50 records were deleted unread, 1 mail was not delivered";
    assert_eq!(message.subject, subject);
    insta::assert_snapshot!("text_dead_sorts", Renderer::new().unwrap().text(&message).unwrap());
}

#[test]
fn a_mail_about_dead_letters_counts_them_shows_one_of_each_cause_and_says_what_to_do() {
    let renderer = Renderer::new().unwrap();
    for (name, count) in [("one", 1), ("many", 43)] {
        let message = of_all(&letters(count));
        insta::assert_snapshot!(format!("text_dead_{name}"), renderer.text(&message).unwrap());
        insta::assert_snapshot!(format!("html_dead_{name}"), renderer.html(&message).unwrap());
    }
    let causes: Vec<_> = of_all(&letters(43)).items.into_iter().take(4).map(|item| item.head).collect();
    assert_eq!(causes, ["enrich: decode", "enrich: oversize", "act: foreign", "notify: rejected"]);
    assert_eq!(message(&[], 0), None);
}
