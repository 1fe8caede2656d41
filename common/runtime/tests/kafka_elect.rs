//! Elected stages and their state logs against librdkafka's in-process broker, or a real one at `CORDON_TEST_KAFKA`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
#![allow(dead_code, reason = "the support module is shared with other tests")]

mod kafka_support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cordon_records::{Headers, RecordOutcome, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{
    Arrival, Claimed, ElectError, Election, Holder, Inbound, Inbox, KafkaFailure, KafkaSettings, Others, Settler,
    Start, StateLog, Tenure, commit_end, elect, has_committed,
};
use kafka_support::*;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What a holder does with a record of that value.
type Habit = fn(&str) -> Act;

enum Act {
    Settle,
    Keep,
    GiveUp,
    Return,
    Panic,
}

/// What a holder tells the test.
enum News {
    Elected(Tenure, Settler),
    Got(i64, String),
    Ended,
}

struct Clerk {
    habit: Habit,
    news: UnboundedSender<News>,
}

impl Holder for Clerk {
    type Error = GaveUp;

    async fn hold(&mut self, tenure: Tenure, mut inbox: Inbox) -> Result<(), GaveUp> {
        let settler = inbox.settler();
        let _ = self.news.send(News::Elected(tenure, settler.clone()));
        while let Some(record) = inbox.next().await {
            let text = value(&record);
            let act = (self.habit)(&text);
            if matches!(act, Act::Settle) {
                settler.settle(record.offset, RecordOutcome::Sent);
            }
            let _ = self.news.send(News::Got(record.offset, text));
            match act {
                Act::Settle | Act::Keep => {}
                Act::GiveUp => return Err(GaveUp),
                Act::Return => return Ok(()),
                Act::Panic => panic!("in the middle"),
            }
        }
        let _ = self.news.send(News::Ended);
        Ok(())
    }
}

struct Candidate {
    context: Context,
    stop: CancellationToken,
    news: UnboundedReceiver<News>,
    task: JoinHandle<Result<(), ElectError<GaveUp>>>,
}

impl Candidate {
    fn stand(kafka: &KafkaSettings, start: Start, habit: Habit) -> Self {
        Self::stand_in("act", kafka, start, habit)
    }

    fn stand_in(group: &str, kafka: &KafkaSettings, start: Start, habit: Habit) -> Self {
        let election = Election { topic: Topic::Decisions, group: group.to_owned(), start, reads_past: false };
        Self::with(kafka, election, |_, news| Clerk { habit, news })
    }

    fn skim(kafka: &KafkaSettings, settles: bool) -> Self {
        let (topic, start) = (Topic::Decisions, Start::Earliest);
        let election = Election { topic, group: "act".to_owned(), start, reads_past: true };
        Self::with(kafka, election, |context, news| Skimmer { context: context.clone(), news, settles })
    }

    fn with<H: Holder<Error = GaveUp>>(
        kafka: &KafkaSettings,
        election: Election,
        holder: impl FnOnce(&Context, UnboundedSender<News>) -> H,
    ) -> Self {
        let (context, stop) = (process(kafka.clone()), CancellationToken::new());
        let (sender, news) = unbounded_channel();
        let (inside, token, holder) = (context.clone(), stop.clone(), holder(&context, sender));
        let task = tokio::spawn(async move { elect(election, holder, &inside, token).await });
        Self { context, stop, news, task }
    }

    async fn next(&mut self) -> News {
        tokio::time::timeout(PATIENCE, self.news.recv()).await.expect("no news in time").expect("the candidate ended")
    }

    async fn elected(&mut self) -> (Tenure, Settler) {
        let News::Elected(tenure, settler) = self.next().await else { panic!("something else came first") };
        (tenure, settler)
    }

    async fn gets(&mut self) -> (i64, String) {
        let News::Got(offset, text) = self.next().await else { panic!("something else came first") };
        (offset, text)
    }

    async fn stop(self) -> Result<(), ElectError<GaveUp>> {
        self.stop.cancel();
        self.task.await.unwrap()
    }
}

async fn decide(context: &Context, texts: &[&str]) {
    for text in texts {
        context.producer.send(record(Topic::Decisions, "m", text)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standby_takes_over_when_the_holder_goes_and_reads_what_was_not_settled() {
    let broker = broker().await;
    let kafka = broker.settings();
    let writer = process(kafka.clone());
    let mut first = Candidate::stand(&kafka, Start::Earliest, |text| if text == "b" { Act::Keep } else { Act::Settle });
    let (tenure, settler) = first.elected().await;
    let mut second = Candidate::stand(&kafka, Start::Earliest, |_| Act::Settle);
    decide(&writer, &["a", "b", "c"]).await;
    for expected in ["a", "b", "c"] {
        assert_eq!(first.gets().await.1, expected);
    }
    assert!(tenure.is_held());
    assert!(second.news.try_recv().is_err(), "two holders at once");
    assert_eq!(counts(&first.context), [3, 2, 0, 0]);
    first.stop().await.unwrap();
    assert!(!tenure.is_held());

    let (held, _) = second.elected().await;
    assert_eq!(second.gets().await, (1, "b".to_owned()));
    assert_eq!(second.gets().await, (2, "c".to_owned()));
    assert!(held.is_held());
    // What the former holder settles now does not count: not for the offsets, not for the metrics.
    assert!(!settler.settle(1, RecordOutcome::Sent));
    second.stop().await.unwrap();
    let mut third = Candidate::stand(&kafka, Start::Earliest, |_| Act::Settle);
    third.elected().await;
    decide(&writer, &["d"]).await;
    assert_eq!(third.gets().await, (3, "d".to_owned()));
    third.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_offsets_is_refused_until_a_beginning_is_made() {
    let broker = broker().await;
    let kafka = broker.settings();
    let writer = process(kafka.clone());
    decide(&writer, &["old"]).await;
    assert!(!has_committed(&kafka, "act", Topic::Decisions).await.unwrap());
    // Another group, because the broker in memory takes no commit from outside once a group has had members.
    let refused = Candidate::stand_in("other", &kafka, Start::Committed, |_| Act::Settle);
    let failure = tokio::time::timeout(PATIENCE, refused.task).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(failure, ElectError::Kafka(KafkaFailure::NoOffset { .. })), "{failure}");
    assert!(failure.to_string().contains("--init-ledger"));

    assert_eq!(commit_end(&kafka, "act", Topic::Decisions).await.unwrap(), 1);
    assert!(has_committed(&kafka, "act", Topic::Decisions).await.unwrap());
    let mut holder = Candidate::stand(&kafka, Start::Committed, |_| Act::Settle);
    holder.elected().await;
    decide(&writer, &["new"]).await;
    assert_eq!(holder.gets().await, (1, "new".to_owned()));
    holder.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_fails_returns_or_panics_ends_the_election() {
    let broker = broker().await;
    let kafka = broker.settings();
    decide(&process(kafka.clone()), &["x"]).await;
    let end = |habit: Habit| {
        let candidate = Candidate::stand(&kafka, Start::Earliest, habit);
        async move { tokio::time::timeout(PATIENCE, candidate.task).await.unwrap().unwrap() }
    };
    assert!(matches!(end(|_| Act::GiveUp).await, Err(ElectError::Holder(GaveUp))));
    assert!(matches!(end(|_| Act::Panic).await, Err(ElectError::Kafka(KafkaFailure::Panicked { .. }))));
    end(|_| Act::Return).await.unwrap();
}

/// A holder that does not give way.
struct Squatter(UnboundedSender<()>);

impl Holder for Squatter {
    type Error = GaveUp;

    async fn hold(&mut self, _tenure: Tenure, _inbox: Inbox) -> Result<(), GaveUp> {
        let _ = self.0.send(());
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_does_not_give_way_ends_the_process() {
    let broker = broker().await;
    let (context, stop) = (process(broker.settings()), CancellationToken::new());
    let (sender, mut begun) = unbounded_channel();
    let (inside, token) = (context.clone(), stop.clone());
    let task = tokio::spawn(async move {
        let election =
            Election { topic: Topic::Decisions, group: "act".into(), start: Start::Earliest, reads_past: false };
        elect(election, Squatter(sender), &inside, token).await
    });
    tokio::time::timeout(PATIENCE, begun.recv()).await.unwrap().unwrap();
    stop.cancel();
    let failure = tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(failure, ElectError::Kafka(KafkaFailure::DidNotYield { .. })), "{failure}");
}

/// Takes the log over, and gives what was read on the way, each with the highest epoch up to it.
async fn claim_once(context: Context) -> (Claimed, Vec<(String, u64)>) {
    let (mut folded, mut last) = (Vec::new(), -1);
    let fold = |input: Inbound, highest| {
        assert_eq!(input.offset, last + 1, "a record was left out");
        last = input.offset;
        folded.push((value(&input), highest));
    };
    let log = Claimed::take(&context, Topic::Ledger, fold).await.unwrap();
    (log, folded)
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_that_race_for_the_log_get_distinct_epochs_above_all_that_is_named_and_see_who_won() {
    let broker = broker().await;
    let context = process(broker.settings());
    context.producer.send(record(Topic::Ledger, "other", "unrelated")).await.unwrap();
    // Its claim was lost: what it wrote names the epoch all the same.
    context.producer.send(record(Topic::Ledger, "state", r#"{"entry":"of a later build","epoch":7}"#)).await.unwrap();
    let racers = [(); 3].map(|()| tokio::spawn(claim_once(context.clone())));
    let mut won = Vec::new();
    for racer in racers {
        won.push(tokio::time::timeout(PATIENCE, racer).await.unwrap().unwrap());
    }
    let epochs: BTreeSet<u64> = won.iter().map(|(log, _)| log.epoch()).collect();
    assert!(epochs.len() == 3 && epochs.iter().all(|epoch| *epoch > 7), "{epochs:?}");
    let highest = *epochs.last().unwrap();
    for (mut log, folded) in won {
        assert_eq!(folded[0], ("unrelated".to_owned(), 0));
        assert_eq!(folded[1].1, 7);
        assert_eq!(folded.last().unwrap().1, log.epoch(), "nothing as high stands before the own claim");
        // Whoever has rested meanwhile reads on from there, and rests again.
        for rests in [false, true, true] {
            if rests {
                log.rest().unwrap();
            }
            let offset = log.append("k", Headers::default(), b"mine".to_vec()).await.unwrap();
            let stands = tokio::time::timeout(PATIENCE, log.stands(offset)).await.unwrap().unwrap();
            assert_eq!(stands, log.epoch() == highest, "whoever did not win finds the higher claim when reading on");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_log_reads_from_its_beginning_tails_and_knows_its_end() {
    let broker = broker().await;
    let context = process(broker.settings());
    let mut log = StateLog::open(&context, Topic::Cursors).await.unwrap();
    assert_eq!(log.end().await.unwrap(), 0);
    assert_eq!(log.append("k", Headers::default(), b"one".to_vec()).await.unwrap(), 0);
    assert_eq!(value(&log.next().await.unwrap()), "one");
    // A wait that is given up loses nothing.
    assert!(tokio::time::timeout(Duration::from_millis(200), log.next()).await.is_err());
    assert_eq!(log.append("k", Headers::default(), b"two".to_vec()).await.unwrap(), 1);
    assert_eq!(value(&tokio::time::timeout(PATIENCE, log.next()).await.unwrap().unwrap()), "two");
    assert_eq!(log.end().await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_has_an_id() {
    let broker = broker().await;
    let id = cordon_runtime::kafka::cluster_id(&broker.settings()).await.unwrap();
    assert!(!id.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_out_of_order_commits_only_the_contiguous_part() {
    let broker = broker().await;
    let kafka = broker.settings();
    decide(&process(kafka.clone()), &["0", "1", "2"]).await;
    let mut first = Candidate::stand(&kafka, Start::Earliest, |_| Act::Keep);
    let (_, settler) = first.elected().await;
    for _ in 0..3 {
        first.gets().await;
    }
    let order: Arc<Mutex<Vec<bool>>> = Arc::default();
    for offset in [2, 0, 0, 9] {
        order.lock().unwrap().push(settler.settle(offset, RecordOutcome::Skipped("test")));
    }
    assert_eq!(*order.lock().unwrap(), [true, true, false, false]);
    first.stop().await.unwrap();
    let mut second = Candidate::stand(&kafka, Start::Earliest, |_| Act::Settle);
    second.elected().await;
    assert_eq!(second.gets().await.0, 1);
    second.stop().await.unwrap();
}

/// Puts everything aside that is not urgent, until it has seen what is; takes what comes again, and settles it or not.
struct Skimmer {
    context: Context,
    news: UnboundedSender<News>,
    settles: bool,
}

impl Holder for Skimmer {
    type Error = GaveUp;

    async fn hold(&mut self, tenure: Tenure, mut inbox: Inbox) -> Result<(), GaveUp> {
        let settler = inbox.settler();
        let _ = self.news.send(News::Elected(tenure, settler.clone()));
        // Many are there at once, as behind a holder that was busy.
        let there = || holds(metric(&self.context, "cordon_records_in_flight") >= MANY, "fewer");
        if self.settles {
            until("many records", there).await;
        }
        let mut has_room = false;
        while let Some(arrival) = inbox.arrival(has_room).await.expect("kafka works") {
            // Where many are there at once, that alone is a reason.
            let is_behind = |others: Others| !self.settles || others.are_many();
            let waits = |record: &Inbound, others| (value(record) != "urgent" && is_behind(others)).then_some(1);
            let arrival = inbox.skim(arrival, waits).expect("a second reader");
            let Some(Arrival::New(record) | Arrival::Again(record)) = arrival else { continue };
            has_room = true;
            if self.settles || value(&record) == "urgent" {
                settler.settle(record.offset, RecordOutcome::Sent);
            }
            let _ = self.news.send(News::Got(record.offset, value(&record)));
        }
        let _ = self.news.send(News::Ended);
        Ok(())
    }
}

/// More than are put aside in one go.
const MANY: i64 = 900;

/// So many records that can wait, and one at the end that cannot: more than may be worked on at once.
const BEHIND: i64 = 2_500;

async fn urgent_behind_many(kafka: &KafkaSettings) {
    let writer = process(kafka.clone());
    for number in 0..BEHIND {
        decide(&writer, &[&format!("later {number}")]).await;
    }
    decide(&writer, &["urgent"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_urgent_is_reached_behind_records_that_are_put_aside_and_those_come_again_in_order() {
    let broker = broker().await;
    let kafka = broker.settings();
    urgent_behind_many(&kafka).await;
    let mut holder = Candidate::skim(&kafka, true);
    holder.elected().await;
    assert_eq!(holder.gets().await, (BEHIND, "urgent".to_owned()));
    for number in 0..BEHIND {
        assert_eq!(holder.gets().await, (number, format!("later {number}")));
    }
    assert_eq!(counts(&holder.context)[..2], [BEHIND + 1, BEHIND + 1], "each is received and settled once");
    holder.stop().await.unwrap();
    // Everything is settled, so that nothing is read again.
    let mut next = Candidate::stand(&kafka, Start::Earliest, |_| Act::Settle);
    next.elected().await;
    decide(&process(kafka.clone()), &["new"]).await;
    assert_eq!(next.gets().await, (BEHIND + 1, "new".to_owned()));
    next.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_aside_stays_unsettled_so_that_the_next_holder_begins_with_it() {
    let broker = broker().await;
    let kafka = broker.settings();
    urgent_behind_many(&kafka).await;
    let mut holder = Candidate::skim(&kafka, false);
    holder.elected().await;
    assert_eq!(holder.gets().await.1, "urgent");
    holder.stop().await.unwrap();
    let mut next = Candidate::stand(&kafka, Start::Earliest, |_| Act::Settle);
    next.elected().await;
    for number in 0..BEHIND {
        assert_eq!(next.gets().await.0, number);
    }
    next.stop().await.unwrap();
}
