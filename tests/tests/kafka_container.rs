//! Real Apache Kafka in a container. Skipped unless a Docker engine with the local image answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod round_trip;

use cordon_tests::broker::{settings, skipped, unique_prefix};
use cordon_tests::engine::ContainedKafka;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_acknowledged_by_a_contained_broker_is_read_back() {
    let kafka = match ContainedKafka::start().await {
        Ok(kafka) => kafka,
        Err(why) => return skipped("CORDON_REQUIRE_DOCKER", "Kafka in a container", &why).unwrap_or(()),
    };
    round_trip::topics_are_made_and_records_are_read_back(settings(kafka.bootstrap(), &unique_prefix("container")), 20)
        .await;
}
