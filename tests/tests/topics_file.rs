//! `deploy/topics.yaml` says of every topic what the code says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::fmt::Write as _;

use cordon_records::{Cleanup, Topic};
use cordon_runtime::kafka::apply_topics;
use cordon_tests::broker::RealKafka;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

const HEAD: &str = "\
# Cordon's topics for Strimzi (KafkaTopic); elsewhere `cordon topics apply --config FILE` makes them. Set the cluster's
# name. A test compares this file with the code and, on a mismatch, prints what it should be.
";

/// Settings of a topic with three replicas, in the order of the file.
fn settings(topic: Topic) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("min.insync.replicas", "2".to_owned()),
        ("unclean.leader.election.enable", "false".to_owned()),
        ("max.message.bytes", "1048588".to_owned()),
        ("compression.type", "producer".to_owned()),
    ];
    match topic.spec().cleanup {
        Cleanup::Delete(after) => {
            settings.push(("cleanup.policy", "delete".to_owned()));
            settings.push(("retention.ms", after.as_millis().to_string()));
        }
        Cleanup::Compact => {
            settings.push(("cleanup.policy", "compact".to_owned()));
            settings.push(("min.cleanable.dirty.ratio", "0.1".to_owned()));
            settings.push(("segment.ms", "86400000".to_owned()));
            settings.push(("delete.retention.ms", "604800000".to_owned()));
            settings.push(("min.compaction.lag.ms", "86400000".to_owned()));
        }
    }
    settings
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for topic in Topic::ALL {
        write!(
            text,
            "---\napiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata:\n  name: {}\n  labels:\n    \
             strimzi.io/cluster: kafka\nspec:\n  partitions: {}\n  replicas: 3\n  config:\n",
            topic.name("cordon."),
            topic.spec().partitions
        )
        .unwrap();
        for (key, value) in settings(topic) {
            writeln!(text, "    {key}: \"{value}\"").unwrap();
        }
    }
    text
}

#[test]
fn the_file_lists_every_topic_as_the_code_specifies_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/topics.yaml");
    let file = std::fs::read_to_string(path).unwrap();
    let wanted = document();
    assert!(file == wanted, "deploy/topics.yaml should be:\n{wanted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_the_code_makes_have_the_settings_of_the_file() {
    let Some(broker) = RealKafka::obtain() else { return };
    let kafka = broker.settings("settings");
    apply_topics(&kafka).await.unwrap();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker.bootstrap()).create().unwrap();
    for topic in Topic::ALL {
        let name = kafka.topic(topic);
        let answer = admin.describe_configs([&ResourceSpecifier::Topic(&name)], &AdminOptions::new()).await.unwrap();
        let found = answer.into_iter().next().unwrap().unwrap();
        // One broker: the number of replicas and what follows from it is smaller here.
        for (key, value) in settings(topic).into_iter().filter(|(key, _)| *key != "min.insync.replicas") {
            let entry = found.entries.iter().find(|entry| entry.name == key);
            let set = entry.and_then(|entry| entry.value.as_deref());
            assert_eq!(set, Some(value.as_str()), "{name}: {key}");
        }
    }
}
