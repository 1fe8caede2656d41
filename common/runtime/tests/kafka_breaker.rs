//! The breaker of the dead letters in both loops: too many of them stop a stage before the next one is written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
#![allow(dead_code, reason = "the support module is shared with other tests")]

mod kafka_support;

use cordon_records::{Classified, DeadLetterReason, ErrorClass, RecordOutcome, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{
    ElectError, Election, Holder, Inbound, Inbox, KafkaFailure, KafkaSettings, Outcome, Start, Tenure, Tripped, elect,
    read_all,
};
use kafka_support::stage::{Running, fill_in_order};
use kafka_support::*;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const GOOD: &str = "good";
const REASON: DeadLetterReason = DeadLetterReason::Decode;

fn judge(input: &Inbound) -> Outcome {
    if value(input) == GOOD {
        return Outcome::Skip("good");
    }
    Outcome::DeadLetter { reason: REASON, detail: "not json".into() }
}

/// One key is one partition and one order.
async fn write(kafka: &KafkaSettings, topic: Topic, texts: impl IntoIterator<Item = &str>) {
    let writer = process(kafka.clone());
    for text in texts {
        writer.producer.send(record(topic, "key", text)).await.unwrap();
    }
}

fn good_then_poison(count: usize) -> impl Iterator<Item = &'static str> {
    std::iter::once(GOOD).chain(std::iter::repeat_n("{", count))
}

async fn dead(kafka: &KafkaSettings) -> Vec<String> {
    read_all(kafka, Topic::DeadLetters).await.unwrap().iter().map(value).collect()
}

/// A stage that goes on fails the test.
async fn ended<T>(task: JoinHandle<T>) -> T {
    tokio::time::timeout(PATIENCE, task).await.expect("the stage stops").unwrap()
}

fn tripped(failure: &KafkaFailure) -> Tripped {
    match failure {
        KafkaFailure::TooManyDeadLetters { tripped, .. } => *tripped,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_twenty_dead_letters_in_a_row_the_next_one_stops_the_stage_and_is_not_written() {
    let broker = broker().await;
    let kafka = broker.settings();
    write(&kafka, Topic::Alerts, good_then_poison(40)).await;
    let stage = Running::start(&kafka, 4, |input| std::future::ready(judge(&input)));
    let failure = ended(stage.task).await.unwrap_err();
    assert_eq!(tripped(&failure), Tripped::InARow { dead: 20 });
    assert_eq!(dead(&kafka).await.len(), 20);
    // The refused one is the first of those that the next process reads.
    let next = Running::start(&kafka, 4, |_| async { Outcome::Skip("fixed") });
    next.settled(20).await;
    next.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_start_on_nothing_but_poison_ends_after_five_dead_letters() {
    let broker = broker().await;
    let kafka = broker.settings();
    fill_in_order(&process(kafka.clone()), 40, 1).await;
    for starts in 1..=2 {
        let stage = Running::start(&kafka, 4, |input| std::future::ready(judge(&input)));
        let failure = ended(stage.task).await.unwrap_err();
        assert_eq!(tripped(&failure), Tripped::AtStart { dead: 5 });
        let expected: Vec<String> = (0..5 * starts).map(|n| n.to_string()).collect();
        assert_eq!(dead(&kafka).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_waits_for_its_next_try_shows_that_not_everything_is_poison() {
    let broker = broker().await;
    let kafka = broker.settings();
    let writer = process(kafka.clone());
    writer.producer.send(record(Topic::Alerts, "waits", "wait")).await.unwrap();
    let stage = Running::start(&kafka, 4, |input| {
        let hour = std::time::Duration::from_secs(3600);
        std::future::ready(match value(&input).as_str() {
            "wait" => Outcome::Retry { after: hour, why: "the API is down".into() },
            _ => judge(&input),
        })
    });
    until("it waits", || {
        let seen = metric(&stage.context, "cordon_records_retried_total");
        holds(seen == 1, seen)
    })
    .await;
    write(&kafka, Topic::Alerts, std::iter::repeat_n("{", 20)).await;
    until("twenty dead letters", || holds(counts(&stage.context)[3] == 20, counts(&stage.context))).await;
    assert!(!stage.task.is_finished());
    stage.stop().await.unwrap();
}

/// Buries all but the good ones.
struct Sexton;

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failed(#[from] KafkaFailure);

impl Classified for Failed {
    fn class(&self) -> ErrorClass {
        self.0.class()
    }
}

impl Holder for Sexton {
    type Error = Failed;

    async fn hold(&mut self, _tenure: Tenure, mut inbox: Inbox) -> Result<(), Failed> {
        let settler = inbox.settler();
        while let Some(record) = inbox.next().await {
            if value(&record) == GOOD {
                settler.settle(record.offset, RecordOutcome::Sent);
            } else {
                settler.dead_letter(&record, REASON, "not json").await?;
            }
        }
        Ok(())
    }
}

struct Elected {
    context: Context,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ElectError<Failed>>>,
}

fn stand(kafka: &KafkaSettings) -> Elected {
    let (context, stop) = (process(kafka.clone()), CancellationToken::new());
    let (inside, token) = (context.clone(), stop.clone());
    let task = tokio::spawn(async move {
        let election =
            Election { topic: Topic::Decisions, group: "act".into(), start: Start::Earliest, reads_past: false };
        elect(election, Sexton, &inside, token).await
    });
    Elected { context, stop, task }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_elected_stage_stops_after_twenty_dead_letters_in_a_row_and_leaves_the_next_one_unsettled() {
    let broker = broker().await;
    let kafka = broker.settings();
    write(&kafka, Topic::Decisions, good_then_poison(30)).await;
    let failure = ended(stand(&kafka).task).await.unwrap_err();
    assert_eq!(failure.class(), ErrorClass::Fatal);
    let ElectError::Holder(Failed(failure)) = failure else { panic!("{failure}") };
    assert_eq!(tripped(&failure), Tripped::InARow { dead: 20 });
    let told = failure.to_string();
    assert!(told.contains("decisions/0/21 because of decode (not json)"), "{told}");
    assert!(told.contains("cordon dlq list --stage enrich"), "{told}");
    assert_eq!(dead(&kafka).await.len(), 20);

    // The next process begins with the refused one, and is believed less.
    let next = stand(&kafka);
    let context = next.context.clone();
    let ElectError::Holder(Failed(failure)) = ended(next.task).await.unwrap_err() else { panic!("another error") };
    assert_eq!(tripped(&failure), Tripped::AtStart { dead: 5 });
    assert_eq!(counts(&context), [6, 0, 0, 5]);
    assert_eq!(dead(&kafka).await.len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_elected_stage_every_fifth_record_may_die_until_a_hundred_tell_a_share() {
    let broker = broker().await;
    let kafka = broker.settings();
    let mixed = |n: usize| if n % 5 == 4 { "{" } else { GOOD };
    write(&kafka, Topic::Decisions, (0..200).map(mixed)).await;
    let elected = stand(&kafka);
    let ElectError::Holder(Failed(failure)) = ended(elected.task).await.unwrap_err() else { panic!("another error") };
    assert_eq!(tripped(&failure), Tripped::Share { dead: 21, records: 105 });
    assert_eq!(counts(&elected.context), [105, 84, 0, 20]);
    assert_eq!(dead(&kafka).await.len(), 20);
    assert!(!elected.stop.is_cancelled());
}
