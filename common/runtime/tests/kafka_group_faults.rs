//! A group whose coordinator errs, moves or forgets its members, in librdkafka's in-process cluster: the committed
//! offset never passes an open record (I6), and the work goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
#![allow(dead_code, reason = "the support module is shared with other tests")]

mod kafka_support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cordon_records::Topic;
use cordon_runtime::kafka::{Inbound, KafkaSettings, Outcome};
use kafka_support::faulty::FaultyBroker;
use kafka_support::stage::{Running, numbered};
use kafka_support::*;
use rdkafka::mocking::MockCoordinator;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio_util::sync::CancellationToken;

use RDKafkaRespErr::*;

const GROUP: &str = "cordon.enrich";
/// Of so many records one is withheld until the faults are over; all of these have one key.
const WITHHELD: usize = 100;
/// The error codes of a coordinator, those after which a member must join again at the end.
const ERRORS: [RDKafkaRespErr; 4] = [
    RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
];

/// What the handler has seen and ended, by partition and offset.
#[derive(Default)]
struct Seen {
    open: BTreeSet<(i32, i64)>,
    ended: BTreeSet<(i32, i64)>,
}

/// A stage of which some records stay open until the gate opens.
fn start(kafka: &KafkaSettings, seen: &Arc<Mutex<Seen>>, gate: &CancellationToken) -> Running {
    let (seen, gate) = (Arc::clone(seen), gate.clone());
    Running::start(kafka, 8, move |input: Inbound| {
        let place = (input.partition, input.offset);
        let mut seen = seen.lock().unwrap();
        let open = value(&input).parse::<usize>().unwrap() % WITHHELD == 7 && !gate.is_cancelled();
        if open {
            seen.open.insert(place);
        } else {
            seen.open.remove(&place);
            seen.ended.insert(place);
        }
        let again = Outcome::Retry { after: Duration::from_millis(100), why: "withheld".into() };
        std::future::ready(if open { again } else { Outcome::Skip("done") })
    })
}

/// Nothing that is open or not even seen lies below a committed offset, and no offset goes back.
async fn no_commit_passes_an_open_record(broker: &FaultyBroker, seen: &Mutex<Seen>, last: &mut BTreeMap<i32, i64>) {
    let committed = broker.committed("enrich", Topic::Alerts).await;
    let seen = seen.lock().unwrap();
    for (partition, next) in committed {
        let low = (0..next).find(|offset| !seen.ended.contains(&(partition, *offset)));
        assert_eq!(low, None, "{next} is committed on partition {partition}, and this one is open");
        let before = last.insert(partition, next).unwrap_or(0);
        assert!(next >= before, "partition {partition} went back from {before} to {next}");
    }
}

/// Errors of the coordinator, its moves, or both, while records keep coming.
async fn disturb(broker: &FaultyBroker, round: usize) {
    let error = ERRORS[round % ERRORS.len()];
    let coordinator = i32::try_from(round % 3).unwrap() + 1;
    broker
        .does(move |cluster| {
            // One at a time: a client answers each by asking for the coordinator.
            cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[error]);
            cluster.request_errors(RDKafkaApiKey::Heartbeat, &[error]);
            let unavailable = [RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE];
            cluster.request_errors(RDKafkaApiKey::FindCoordinator, &unavailable);
            cluster.coordinator(MockCoordinator::Group(GROUP.to_owned()), coordinator).unwrap();
        })
        .await;
}

async fn calm(broker: &FaultyBroker) {
    broker
        .does(|cluster| {
            for api in [RDKafkaApiKey::OffsetCommit, RDKafkaApiKey::Heartbeat, RDKafkaApiKey::FindCoordinator] {
                cluster.clear_request_errors(api);
            }
        })
        .await;
}

/// Watches the commits until enough records have ended and enough offsets are committed.
async fn watched(
    what: &str,
    (broker, seen): (&FaultyBroker, &Mutex<Seen>),
    last: &mut BTreeMap<i32, i64>,
    enough: impl Fn(usize, i64) -> bool,
) {
    let (started, mut history) = (Instant::now(), Vec::new());
    loop {
        no_commit_passes_an_open_record(broker, seen, last).await;
        let state = (seen.lock().unwrap().ended.len(), last.values().sum());
        if enough(state.0, state.1) {
            return;
        }
        history.push(state);
        history.dedup();
        assert!(started.elapsed() < 2 * PATIENCE, "waited in vain for {what}; ended and committed: {history:?}");
    }
}

async fn goes_on_under_a_coordinator_that_errs_and_moves(broker: FaultyBroker, kafka: KafkaSettings) {
    let (seen, gate) = (Arc::new(Mutex::new(Seen::default())), CancellationToken::new());
    let stage = start(&kafka, &seen, &gate);
    let (writer, mut last) = (process(kafka.clone()), BTreeMap::new());
    let rounds = ERRORS.len();
    for round in 0..rounds {
        fill(&writer, Topic::Alerts, numbered(WITHHELD, WITHHELD)).await;
        disturb(&broker, round).await;
        let so_far = (round + 1) * (WITHHELD - 1);
        watched(&format!("round {round}"), (&broker, &seen), &mut last, |ended, _| ended >= so_far).await;
    }
    calm(&broker).await;
    assert_eq!(seen.lock().unwrap().open.len(), 1, "one is withheld, and those of its key behind it");
    gate.cancel();
    let all = rounds * WITHHELD;
    let committed = i64::try_from(all).unwrap();
    watched("the end", (&broker, &seen), &mut last, |ended, next| ended == all && next == committed).await;
    stage.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_errs_and_moves_lets_no_commit_pass_an_open_record() {
    let broker = FaultyBroker::start(3);
    let kafka = broker.settings(&[("auto.commit.interval.ms", "200")]);
    goes_on_under_a_coordinator_that_errs_and_moves(broker, kafka).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_of_the_classic_protocol_that_errs_and_moves_lets_no_commit_pass_an_open_record() {
    let broker = FaultyBroker::start(3);
    let kafka = broker.classic(&[("auto.commit.interval.ms", "200")]);
    goes_on_under_a_coordinator_that_errs_and_moves(broker, kafka).await;
}
