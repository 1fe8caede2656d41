//! How long nobody may act after the holder was killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::{Duration, Instant};

use cordon_tests::groups::members;
use cordon_tests::pipeline::{Pipeline, SOON, Setup};
use cordon_tests::wait::until;

/// A killed holder is missed after the session timeout that Cordon ships with; a round of the group and the restore come
/// on top.
const CLAIMED: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "part of the fault suite, which takes minutes: bash tests/nightly.sh"]
async fn with_the_times_that_are_shipped_a_killed_holder_is_replaced_within_twelve_seconds() {
    let Some(mut pipeline) = Pipeline::prepare("takeover", Setup::default()).await else { return };
    let config = std::fs::read_to_string(pipeline.config()).unwrap();
    let shipped = config.lines().filter(|line| !line.contains("session.timeout.ms")).collect::<Vec<_>>().join("\n");
    assert_ne!(shipped, config);
    std::fs::write(pipeline.config(), shipped).unwrap();
    let mut took = Vec::new();
    pipeline.start_stage("cordon-act", 0, &["--role", "respond", "--init-ledger"]);
    for round in 0..3 {
        pipeline.process("cordon-act", round).line(SOON, "respond holds the ledger").await;
        pipeline.start_stage("cordon-act", round + 1, &["--role", "respond"]);
        pipeline.process("cordon-act", round + 1).line(SOON, "metrics and health are served").await;
        // Only a member of the group can take over at once.
        let both = async || {
            let group = members(&pipeline.kafka, "act-respond");
            if group == 2 { Ok(()) } else { Err(group.to_string()) }
        };
        until(SOON, "two members", both).await;
        pipeline.kill("cordon-act", round);
        let killed = Instant::now();
        pipeline.process("cordon-act", round + 1).line(SOON, "respond holds the ledger").await;
        took.push(killed.elapsed());
    }
    println!("from the kill to the claim: {took:?}");
    assert!(took.iter().all(|took| *took <= CLAIMED), "{took:?}");
}
