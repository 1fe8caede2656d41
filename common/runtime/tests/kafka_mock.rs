//! Handler stages against librdkafka's in-process broker, or a real one at `CORDON_TEST_KAFKA`: accounting, order,
//! restarts, sharing, backpressure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
#![allow(dead_code, reason = "the support module is shared with other tests")]

mod kafka_support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cordon_records::{DeadLetterReason, Headers, Topic, dead_letter_header as header};
use cordon_runtime::kafka::{Inbound, KafkaFailure, KafkaSettings, Outcome, Tail, dead_letter, read_all};
use kafka_support::stage::{Running, fill_in_order, numbered};
use kafka_support::*;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn every_record_ends_once_as_sent_skipped_or_dead_lettered() {
    let broker = broker().await;
    let kafka = broker.settings();
    fill(&process(kafka.clone()), Topic::Alerts, numbered(300, 40)).await;
    let tried = Arc::new(Mutex::new(BTreeSet::new()));
    let stage = Running::start(&kafka, 8, move |input| {
        let tried = Arc::clone(&tried);
        async move {
            let text = value(&input);
            match text.parse::<usize>().unwrap() % 10 {
                0 => Outcome::Skip("not_wanted"),
                1 if text == "151" => panic!("on {text}"),
                // Few enough for the breaker.
                1 if text.parse::<usize>().unwrap() % 30 == 1 => {
                    Outcome::DeadLetter { reason: DeadLetterReason::Rejected, detail: "no".into() }
                }
                2 if tried.lock().unwrap().insert(text.clone()) => {
                    Outcome::Retry { after: Duration::from_millis(20), why: "not yet".into() }
                }
                3 => Outcome::Emit(vec![record(Topic::Enriched, "a", &text), record(Topic::Decisions, "a", &text)]),
                _ => Outcome::Emit(vec![record(Topic::Enriched, "a", &text)]),
            }
        }
    });
    stage.settled(300).await;
    assert_eq!(counts(&stage.context), [300, 260, 30, 10]);
    assert_eq!(metric(&stage.context, "cordon_records_retried_total"), 30);
    stage.stop().await.unwrap();

    let values = |records: Vec<Inbound>| records.iter().map(value).collect::<Vec<_>>();
    let enriched = values(read_all(&kafka, Topic::Enriched).await.unwrap());
    assert_eq!((enriched.len(), enriched.iter().collect::<BTreeSet<_>>().len()), (260, 260));
    assert_eq!(read_all(&kafka, Topic::Decisions).await.unwrap().len(), 30);
    let dead = read_all(&kafka, Topic::DeadLetters).await.unwrap();
    assert_eq!(dead.len(), 10);
    let panicked = dead.iter().find(|letter| value(letter) == "151").unwrap();
    assert_eq!(panicked.headers.text(header::REASON), Some("panic"));
    assert_eq!(panicked.headers.text(header::DETAIL), Some("on 151"));

    // All of it is committed: a successor finds nothing to do.
    let successor = Running::start(&kafka, 8, |_| async { Outcome::Skip("again") });
    fill(&process(kafka.clone()), Topic::Alerts, [("key-1".to_owned(), "new".to_owned())]).await;
    successor.settled(1).await;
    successor.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_key_are_handled_in_order_and_one_at_a_time() {
    let broker = broker().await;
    let kafka = broker.settings();
    fill_in_order(&process(kafka.clone()), 200, 5).await;
    let seen: Arc<Mutex<BTreeMap<String, Vec<usize>>>> = Arc::default();
    let busy: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let overlaps = Arc::new(AtomicUsize::new(0));
    let retried = Arc::new(AtomicBool::new(false));
    let stage = {
        let (seen, overlaps) = (Arc::clone(&seen), Arc::clone(&overlaps));
        Running::start(&kafka, 16, move |input| {
            let (seen, busy, overlaps, retried) =
                (Arc::clone(&seen), Arc::clone(&busy), Arc::clone(&overlaps), Arc::clone(&retried));
            async move {
                let (key, number) = (input.key_text().unwrap().to_owned(), value(&input).parse::<usize>().unwrap());
                if !busy.lock().unwrap().insert(key.clone()) {
                    overlaps.fetch_add(1, Ordering::Relaxed);
                }
                // Later records give way less often, so that they would overtake if they could.
                for _ in number % 7..7 {
                    tokio::task::yield_now().await;
                }
                busy.lock().unwrap().remove(&key);
                if number == 50 && !retried.swap(true, Ordering::Relaxed) {
                    return Outcome::Retry { after: Duration::from_millis(300), why: "later".into() };
                }
                seen.lock().unwrap().entry(key).or_default().push(number);
                Outcome::Skip("seen")
            }
        })
    };
    stage.settled(200).await;
    stage.stop().await.unwrap();
    assert_eq!(overlaps.load(Ordering::Relaxed), 0);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 5);
    assert!(seen.values().all(|numbers| numbers.is_sorted() && numbers.len() == 40), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_reads_an_unsettled_record_again_and_nothing_below_it() {
    let broker = broker().await;
    let kafka = broker.settings();
    // One partition, because one key; the stuck record is the only one of its lane after it is handled.
    fill_in_order(&process(kafka.clone()), 20, 1).await;
    let first = Running::start(&kafka, 4, |input| async move {
        if value(&input) == "5" {
            return Outcome::Retry { after: Duration::from_secs(3600), why: "stuck".into() };
        }
        Outcome::Skip("done")
    });
    until("five settled and one stuck", || {
        let seen = (counts(&first.context), metric(&first.context, "cordon_records_retried_total"));
        holds(seen.0[2] == 5 && seen.1 == 1, seen)
    })
    .await;
    let stopping = Instant::now();
    first.stop().await.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(5), "a record that waits for its retry held the stop up");

    let again: Arc<Mutex<Vec<usize>>> = Arc::default();
    let notes = Arc::clone(&again);
    let second = Running::start(&kafka, 4, move |input| {
        notes.lock().unwrap().push(value(&input).parse().unwrap());
        std::future::ready(Outcome::Skip("done"))
    });
    second.settled(15).await;
    second.stop().await.unwrap();
    assert_eq!(*again.lock().unwrap(), (5..20).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_runs_at_shutdown_may_end_and_is_committed() {
    let broker = broker().await;
    let kafka = broker.settings();
    fill_in_order(&process(kafka.clone()), 1, 1).await;
    let begun = Arc::new(AtomicBool::new(false));
    let (flag, asked) = (Arc::clone(&begun), CancellationToken::new());
    let stopping = asked.clone();
    let stage = Running::start_until(&kafka, 1, asked, move |_| {
        flag.store(true, Ordering::Relaxed);
        let stopping = stopping.clone();
        async move {
            stopping.cancelled().await;
            Outcome::Emit(vec![record(Topic::Enriched, "a", "late")])
        }
    });
    until("work begun", || holds(begun.load(Ordering::Relaxed), "not begun")).await;
    let context = stage.context.clone();
    stage.stop().await.unwrap();
    assert_eq!(counts(&context), [1, 1, 0, 0]);
    assert_eq!(read_all(&kafka, Topic::Enriched).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_share_the_partitions_and_every_record_is_settled_by_one() {
    let broker = broker().await;
    let kafka = broker.settings();
    let member = || Running::start(&kafka, 4, |_| async { Outcome::Skip("done") });
    let (one, two) = (member(), member());
    let writer = process(kafka.clone());
    let mut written = 0;
    until("both members at work", || {
        written += 20;
        let (writer, seen) = (&writer, [counts(&one.context), counts(&two.context)]);
        async move {
            fill(writer, Topic::Alerts, numbered(20, 20)).await;
            if seen.iter().all(|counts| counts[2] > 0) { Ok(()) } else { Err(format!("{seen:?}")) }
        }
    })
    .await;
    until("all records settled by one of them", || {
        let seen = [counts(&one.context), counts(&two.context)];
        holds(seen[0][2] + seen[1][2] >= written, (written, seen))
    })
    .await;
    // The one that stays takes over what the other leaves.
    let two_context = two.context.clone();
    one.stop().await.unwrap();
    let before = counts(&two_context)[2];
    fill(&writer, Topic::Alerts, numbered(100, 50)).await;
    until("the other takes all", || holds(counts(&two_context)[2] >= before + 100, counts(&two_context))).await;
    two.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_pauses_when_too_much_is_in_flight_and_goes_on_below_half() {
    let broker = broker().await;
    let kafka = broker.settings();
    fill(&process(kafka.clone()), Topic::Alerts, numbered(4000, 400)).await;
    let gate = CancellationToken::new();
    let open = gate.clone();
    let stage = Running::start(&kafka, 8, move |_| {
        let open = open.clone();
        async move {
            open.cancelled().await;
            Outcome::Skip("done")
        }
    });
    let in_flight = || metric(&stage.context, "cordon_records_in_flight");
    until("the limit", || holds(in_flight() >= 1000, in_flight())).await;
    // Long enough for the second resort, pausing, to be reached; the loop must not read on then.
    let within_the_limit = || assert!(in_flight() < 1200, "{} in flight", in_flight());
    cordon_wait::throughout(Duration::from_millis(1500), within_the_limit).await;
    gate.cancel();
    stage.settled(4000).await;
    stage.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_halts_stops_the_stage_and_names_the_record() {
    let broker = broker().await;
    let kafka = broker.settings();
    fill_in_order(&process(kafka.clone()), 1, 1).await;
    let stage = Running::start(&kafka, 1, |_| async { Outcome::Halt("unknown version".into()) });
    let failure = stage.task.await.unwrap().unwrap_err();
    assert!(matches!(&failure, KafkaFailure::Halted { position, .. } if position.contains("alerts/")));
    let again = Running::start(&kafka, 1, |_| async { Outcome::Skip("now it can") });
    again.settled(1).await;
    again.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_too_large_makes_its_input_a_dead_letter() {
    let broker = broker().await;
    let kafka = broker.settings();
    fill_in_order(&process(kafka.clone()), 1, 1).await;
    let stage = Running::start(&kafka, 1, |_| async {
        Outcome::Emit(vec![record(Topic::Enriched, "a", &"x".repeat(1_100_000))])
    });
    stage.settled(1).await;
    assert_eq!(counts(&stage.context), [1, 0, 0, 1]);
    stage.stop().await.unwrap();
    let dead = read_all(&kafka, Topic::DeadLetters).await.unwrap();
    assert_eq!(dead[0].headers.text(header::REASON), Some("oversize"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_reads_back_with_every_header_in_its_place() {
    let broker = broker().await;
    let kafka = broker.settings();
    let context = process(kafka.clone());
    let mut original = record(Topic::Alerts, "the-key", "{broken");
    original.headers.set("ce_id", "one");
    original.headers.0.push(("empty".into(), None));
    // Offset and partition must not be equal, or an exchange would go unnoticed.
    for _ in 0..20 {
        context.producer.send(original.clone()).await.unwrap();
    }
    let read = read_all(&kafka, Topic::Alerts).await.unwrap();
    let read = read.iter().find(|r| r.offset == 17 && i64::from(r.partition) != r.offset).unwrap();
    dead_letter(&context, read, DeadLetterReason::Decode, "expected a value").await.unwrap();

    let dead = read_all(&kafka, Topic::DeadLetters).await.unwrap();
    let [letter] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!((letter.key.as_deref(), value(letter).as_str()), (Some(b"the-key".as_slice()), "{broken"));
    let text = |name: &str| letter.headers.text(name).map(str::to_owned);
    assert_eq!(text("ce_id").as_deref(), Some("one"));
    assert!(letter.headers.0.contains(&("empty".into(), None)));
    assert_eq!(text(header::TOPIC).as_deref(), Some(&*read.topic_name));
    assert_eq!(text(header::PARTITION), Some(read.partition.to_string()));
    assert_eq!(text(header::OFFSET).as_deref(), Some("17"));
    assert_eq!(text(header::TIMESTAMP), read.timestamp.map(|at| at.to_string()));
    assert_eq!(text(header::STAGE).as_deref(), Some("enrich"));
    assert_eq!(text(header::REASON).as_deref(), Some("decode"));
    assert_eq!(text(header::DETAIL).as_deref(), Some("expected a value"));
    text(header::FAILED_AT).unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(Headers(read.headers.0.clone()).text("ce_id"), Some("one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_there_is_waited_for_and_the_stop_is_still_prompt() {
    let kafka = KafkaSettings::in_memory("127.0.0.1:1");
    let stage = Running::start(&kafka, 1, |_| async { Outcome::Skip("never") });
    until("health says so", || {
        let missing = stage.context.health.missing();
        holds(missing.iter().any(|why| why.contains("no broker")), missing)
    })
    .await;
    assert!(!stage.task.is_finished());
    let stopping = Instant::now();
    stage.stop().await.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(7));
}

/// Text that no compression makes much smaller.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_the_broker_deleted_before_they_were_read_are_counted_as_lost() {
    // Only the in-process broker forgets at once: beyond 5 MiB in a partition, the oldest go.
    let broker = cordon_runtime::kafka::MemoryBroker::start().unwrap();
    let kafka = broker.settings();
    let one_key = |numbers: std::ops::Range<u64>| numbers.map(|n| ("key".to_owned(), noise(n, 300_000)));
    fill(&process(kafka.clone()), Topic::Alerts, one_key(0..1)).await;
    let stage = Running::start(&kafka, 4, |_| async { Outcome::Skip("seen") });
    stage.settled(1).await;
    assert_eq!(metric(&stage.context, "cordon_records_lost_total"), 0);
    stage.stop().await.unwrap();

    for some in 0..60 {
        fill(&process(kafka.clone()), Topic::Alerts, one_key(some..some + 1)).await;
    }
    let stage = Running::start(&kafka, 4, |_| async { Outcome::Skip("seen") });
    until("the rest", || {
        let (received, lost) = (counts(&stage.context)[0], metric(&stage.context, "cordon_records_lost_total"));
        holds(received + lost == 60 && lost > 0 && received > 0, (received, lost))
    })
    .await;
    stage.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_shows_all_that_is_written_after_it_was_opened_and_nothing_from_before() {
    let broker = broker().await;
    let kafka = broker.settings();
    let context = process(kafka.clone());
    let single = |text: &str| [("key".to_owned(), text.to_owned())];
    fill(&context, Topic::Actions, single("before")).await;
    fill(&context, Topic::Enriched, numbered(20, 20)).await;
    let mut tail = Tail::open(&kafka, &[Topic::Actions, Topic::Enriched]).await.unwrap();
    fill(&context, Topic::Enriched, numbered(20, 20)).await;
    fill(&context, Topic::Actions, single("after")).await;
    fill(&context, Topic::Alerts, single("elsewhere")).await;
    let mut seen: Vec<(Topic, String)> = Vec::new();
    while seen.len() < 21 {
        let record = tokio::time::timeout(Duration::from_secs(30), tail.next()).await.unwrap().unwrap();
        seen.push((record.topic, value(&record)));
    }
    let told: Vec<&str> = seen.iter().filter(|(topic, _)| *topic == Topic::Actions).map(|(_, v)| v.as_str()).collect();
    assert_eq!(told, ["after"]);
    let numbers: BTreeSet<&str> = seen.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(numbers.len(), 21, "each once: {seen:?}");
}
