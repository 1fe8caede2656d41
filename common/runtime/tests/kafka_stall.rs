//! The thread that polls is stalled for longer than `max.poll.interval.ms` (fault 18). Nothing of ours does that, but a
//! log that nobody reads can: writing a line blocks then, and the thread writes one about every rebalance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
#![allow(dead_code, reason = "the support module is shared with other tests")]

mod kafka_support;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use cordon_records::Topic;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{KafkaSettings, Outcome};
use kafka_support::faulty::FaultyBroker;
use kafka_support::stage::{Running, numbered};
use kafka_support::*;
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

/// A log whose reader can stop: the first thread that reports a revocation then waits.
#[derive(Default)]
struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default, PartialEq, Clone, Copy, Debug)]
enum State {
    #[default]
    Read,
    /// The next revocation will find nobody who reads.
    Unread,
    /// Somebody waits.
    Stalled,
    Thawed,
}

/// A test that fails lets the thread go, too.
struct Thaw(Arc<Log>);

impl Drop for Thaw {
    fn drop(&mut self) {
        self.0.turn(State::Thawed);
    }
}

impl Log {
    fn turn(&self, to: State) {
        *self.state.lock().unwrap() = to;
        self.changed.notify_all();
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap()
    }

    fn line(&self, text: &str) {
        let mut state = self.state.lock().unwrap();
        if *state == State::Unread && text.contains("partitions revoked") {
            *state = State::Stalled;
            drop(self.changed.wait_while(state, |state| *state == State::Stalled).unwrap());
        }
    }
}

struct Reader(Arc<Log>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Reader {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("cordon")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.line(&text.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

type Places = Arc<Mutex<BTreeSet<(i32, i64)>>>;

const KEYS: usize = 60;

fn all_in(places: &Places) -> std::future::Ready<Result<(), String>> {
    let count = places.lock().unwrap().len();
    holds(count == KEYS, count)
}

/// A member that notes what it gets and ends nothing before the gate opens.
struct Member {
    stage: Running,
    got: Places,
    gate: CancellationToken,
}

impl Member {
    fn join(kafka: &KafkaSettings) -> Self {
        let (got, gate) = (Places::default(), CancellationToken::new());
        let (notes, open) = (Arc::clone(&got), gate.clone());
        let stage = Running::start(kafka, 1000, move |input| {
            notes.lock().unwrap().insert((input.partition, input.offset));
            let open = open.clone();
            async move {
                open.cancelled().await;
                Outcome::Skip("done")
            }
        });
        Self { stage, got, gate }
    }

    fn settled(&self) -> i64 {
        counts(&self.stage.context)[2]
    }
}

/// Records keep coming until both have settled some; returns how many came.
async fn both_work(writer: &Context, first: &Member, second: &Member) -> usize {
    let (before, mut more) = (first.settled(), 0);
    until("both at work", || {
        more += KEYS;
        let seen = (first.settled() - before, second.settled());
        async move {
            fill(writer, Topic::Alerts, numbered(KEYS, KEYS)).await;
            if seen.0 > 0 && seen.1 > 0 { Ok(()) } else { Err(format!("{seen:?}")) }
        }
    })
    .await;
    more
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stalled_member_settles_after_it_lost_its_partitions_is_not_committed_and_it_joins_again() {
    let log = Arc::new(Log::default());
    let _thaw = Thaw(Arc::clone(&log));
    tracing::subscriber::set_global_default(Reader(Arc::clone(&log))).unwrap();
    let broker = FaultyBroker::start(1);
    let kafka = broker.classic(&[("max.poll.interval.ms", "6000"), ("auto.commit.interval.ms", "200")]);
    let writer = process(kafka.clone());
    let first = Member::join(&kafka);
    fill(&writer, Topic::Alerts, numbered(KEYS, KEYS)).await;
    until("the first one has all", || all_in(&first.got)).await;

    // A second one joins, and the first is stalled in the middle of the rebalance.
    log.turn(State::Unread);
    let second = Member::join(&kafka);
    until("the first one stalls", || holds(log.state() == State::Stalled, log.state())).await;
    until("the second one has all", || all_in(&second.got)).await;

    // The first one settles what it still believes to hold, and wakes.
    assert_eq!(first.settled(), 0);
    first.gate.cancel();
    until("the first one settles", || holds(first.settled() > 0, first.settled())).await;
    log.turn(State::Thawed);
    let watched = Instant::now();
    while watched.elapsed() < Duration::from_secs(3) {
        let committed = broker.committed("enrich", Topic::Alerts).await;
        assert!(committed.values().all(|next| *next == 0), "{committed:?} while everything is open");
    }

    second.gate.cancel();
    let all = i64::try_from(KEYS + both_work(&writer, &first, &second).await).unwrap();
    until("everything committed", || {
        let broker = &broker;
        async move {
            let sum: i64 = broker.committed("enrich", Topic::Alerts).await.values().sum();
            if sum == all { Ok(()) } else { Err(format!("{sum} of {all}")) }
        }
    })
    .await;
    first.stage.stop().await.unwrap();
    second.stage.stop().await.unwrap();
}
