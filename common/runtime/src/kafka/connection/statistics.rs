//! What librdkafka tells about itself: log lines, and its periodic statistics (STATISTICS.md), read tolerantly.

use std::collections::HashMap;

use rdkafka::config::RDKafkaLogLevel;
use serde::Deserialize;

/// The few fields that matter here. librdkafka adds fields with every version.
#[derive(Debug, Default, Deserialize)]
pub(in crate::kafka) struct Statistics {
    #[serde(default)]
    brokers: HashMap<String, Broker>,
    #[serde(default)]
    topics: HashMap<String, TopicStatistics>,
    cgrp: Option<Group>,
}

#[derive(Debug, Deserialize)]
struct Broker {
    #[serde(default)]
    nodeid: i32,
    #[serde(default)]
    state: String,
}

#[derive(Debug, Deserialize)]
struct TopicStatistics {
    #[serde(default)]
    partitions: HashMap<String, Partition>,
}

#[derive(Debug, Deserialize)]
struct Partition {
    #[serde(default)]
    partition: i32,
    #[serde(default = "unknown")]
    consumer_lag: i64,
    #[serde(default = "unknown")]
    consumer_lag_stored: i64,
}

#[derive(Debug, Deserialize)]
struct Group {
    #[serde(default)]
    state: String,
    #[serde(default)]
    join_state: String,
}

fn unknown() -> i64 {
    -1
}

impl Statistics {
    /// Reads them; what cannot be read tells nothing.
    pub(in crate::kafka) fn parse(json: &[u8]) -> Self {
        serde_json::from_slice(json).unwrap_or_default()
    }

    /// Whether a real broker (not only a bootstrap address) is connected, and the group's coordinator, if there is
    /// a group, is known.
    pub(in crate::kafka) fn is_connected(&self) -> bool {
        let broker = self.brokers.values().any(|broker| broker.nodeid >= 0 && broker.state == "UP");
        broker && self.cgrp.as_ref().is_none_or(|group| group.state == "up")
    }

    /// Whether a JoinGroup or a SyncGroup of ours waits for the other members (`rd_kafka_cgrp_join_state_names`).
    pub(in crate::kafka) fn is_waiting_for_the_group(&self) -> bool {
        let waits = |group: &Group| group.state == "up" && matches!(&*group.join_state, "wait-join" | "wait-sync");
        self.cgrp.as_ref().is_some_and(waits)
    }

    /// Records between what is settled and the end, by partition, as far as librdkafka knows them.
    pub(in crate::kafka) fn lags(&self, topic: &str) -> Vec<(i32, i64)> {
        let Some(topic) = self.topics.get(topic) else { return Vec::new() };
        let known = topic.partitions.values().filter_map(|partition| {
            let stored = partition.consumer_lag_stored;
            let lag = if stored >= 0 { stored } else { partition.consumer_lag };
            (partition.partition >= 0 && lag >= 0).then_some((partition.partition, lag))
        });
        known.collect()
    }
}

/// Passes a log line of librdkafka on. Lost connections are normal for it and reported by the poll thread; what a
/// producer says about consumer properties (`CONFWARN`) is noise.
pub(super) fn log_librdkafka(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, detail = message, "librdkafka");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning if !matches!(facility, "CONFWARN" | "FAIL") => {
            tracing::warn!(facility, detail = message, "librdkafka");
        }
        RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning
        | RDKafkaLogLevel::Notice
        | RDKafkaLogLevel::Info
        | RDKafkaLogLevel::Debug => tracing::debug!(facility, detail = message, "librdkafka"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{"brokers": {"a": {"nodeid": -1, "state": "UP"}, "b": {"nodeid": 1, "state": "UP"}},
        "topics": {"cordon.alerts": {"partitions": {
            "0": {"partition": 0, "consumer_lag": 9, "consumer_lag_stored": 4},
            "1": {"partition": 1, "consumer_lag": 7, "consumer_lag_stored": -1},
            "2": {"partition": 2, "consumer_lag": -1},
            "-1": {"partition": -1, "consumer_lag": 3}}}},
        "cgrp": {"state": "up"}, "something_new": [1]}"#;

    #[test]
    fn lag_is_counted_from_what_is_settled_and_unknown_lag_is_left_out() {
        let mut lags = Statistics::parse(SAMPLE.as_bytes()).lags("cordon.alerts");
        lags.sort_unstable();
        assert_eq!(lags, vec![(0, 4), (1, 7)]);
    }

    #[test]
    fn a_connected_bootstrap_address_alone_is_not_a_connected_broker() {
        assert!(Statistics::parse(SAMPLE.as_bytes()).is_connected());
        let only = r#"{"brokers": {"a": {"nodeid": -1, "state": "UP"}}}"#;
        assert!(!Statistics::parse(only.as_bytes()).is_connected());
    }

    #[test]
    fn garbage_tells_nothing() {
        assert!(!Statistics::parse(b"\xff{").is_connected());
    }

    #[test]
    fn a_member_waits_for_the_group_between_its_join_and_the_answers() {
        let waits = |state: &str, join: &str| {
            let json = format!(r#"{{"cgrp": {{"state": "{state}", "join_state": "{join}"}}}}"#);
            Statistics::parse(json.as_bytes()).is_waiting_for_the_group()
        };
        assert!(waits("up", "wait-join") && waits("up", "wait-sync"));
        assert!(!waits("up", "steady") && !waits("up", "init") && !waits("wait-coord", "wait-join"));
        assert!(!Statistics::parse(b"{}").is_waiting_for_the_group());
    }
}
