//! What each running process says of itself on the compacted topic `policies`: that it lives, and whether it can work.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{known_version, schema_version};

/// How often a living process that can write repeats its word.
pub const HEALTH_REPEATED_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// How long one word counts: several times as long as until it is repeated.
pub const HEALTH_COUNTS_FOR: SignedDuration = SignedDuration::from_mins(2);

/// The word of one process. The Kafka key is [`StageHealth::key`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageHealth {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version")]
    pub schema_version: u32,
    /// The stage.
    pub stage: String,
    /// The process: host, process id and a random part.
    pub owner: String,
    /// The consumer groups that it stands in, without the prefix: with roles in processes of their own, they tell which it
    /// has.
    #[serde(default)]
    pub groups: Vec<String>,
    /// What keeps it from working, as its `/readyz` says it: `stage/component: why`. Empty when nothing does.
    #[serde(default)]
    pub not_ready: Vec<String>,
    /// The records that it has read and settles later, on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// When it said so, by its own clock.
    pub at: Timestamp,
}

/// Records that a process has read and settles later, on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The partition of its topic.
    pub partition: i32,
    /// The next offset that it will handle there: all before is settled, or waits.
    pub read_to: i64,
    /// What for.
    pub waits: Vec<Wait>,
}

/// What some records wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What it is, for people: `a digest of 3 reports of what is held`.
    pub what: String,
    /// When the waiting ends, by the clock of whoever waits.
    pub until: Timestamp,
}

impl StageHealth {
    /// What every key on the topic begins with.
    pub const KEY_PREFIX: &'static str = "health/";

    /// The Kafka key. It holds the host and not the process, so that a process that is started again and again leaves one
    /// record behind and not one a start.
    #[must_use]
    pub fn key(&self) -> String {
        let host = self.owner.rsplitn(3, '-').nth(2).unwrap_or(&self.owner);
        format!("{}{}/{host}", Self::KEY_PREFIX, self.stage)
    }

    /// Whether this still says how the process is. A clock that is ahead of ours makes nobody dead.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) <= HEALTH_COUNTS_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicyRecord;

    fn health(owner: &str) -> StageHealth {
        StageHealth {
            schema_version: crate::SCHEMA_VERSION,
            stage: "act".into(),
            owner: owner.into(),
            groups: vec!["act-respond".into()],
            not_ready: vec!["act/defender: no token".into()],
            waiting: None,
            at: "2026-11-24T03:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_process_that_is_started_again_on_its_host_has_the_key_of_the_one_before() {
        assert_eq!(health("soc-1-4711-00c0ffee").key(), "health/act/soc-1");
        assert_eq!(health("soc-1-4712-00c0ffef").key(), "health/act/soc-1");
        assert_eq!(health("odd").key(), "health/act/odd");
    }

    #[test]
    fn a_word_counts_for_two_minutes_and_one_from_the_future_counts() {
        let word = health("soc-1-4711-00c0ffee");
        let after = |seconds| word.at + SignedDuration::from_secs(seconds);
        assert_eq!([-30, 120, 121].map(|seconds| word.counts(after(seconds))), [true, true, false]);
    }

    #[test]
    fn readers_of_texts_and_fleet_on_the_same_topic_pass_over_it() {
        let json = serde_json::to_string(&health("soc-1-1-1")).unwrap();
        assert!(serde_json::from_str::<PolicyRecord>(&json).is_err());
        assert_eq!(serde_json::from_str::<StageHealth>(&json).unwrap(), health("soc-1-1-1"));
        assert!(serde_json::from_str::<StageHealth>(r#"{"policy":"fleet","machines":1}"#).is_err());
    }
}
