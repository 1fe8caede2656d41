//! What runs beside the installation: it reads the installation's topics and writes only to topics of its own, in groups of its
//! own. The names of both begin with the installation's prefix and with what it runs as: `cordon.candidate-next.decisions`.

use std::fmt;
use std::str::FromStr;

use cordon_records::Topic;
use jiff::Timestamp;

/// The longest name. Kafka takes 249 characters for the name of a topic.
const LONGEST: usize = 40;

/// What somebody calls a run: small letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName(String);

impl FromStr for RunName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = (1..=LONGEST).contains(&text.len()) && text.chars().all(allowed);
        good.then(|| Self(text.to_owned())).ok_or_else(|| {
            format!("expected 1 to {LONGEST} small letters, digits and dashes, for it becomes part of names of topics")
        })
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As what a process runs beside the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// Other rules judge what comes live.
    Candidate(RunName),
    /// A stage does its work again on what was recorded, and ends.
    Replay(Replay),
}

/// What a stage does again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// What it is called.
    pub name: RunName,
    /// What was written to the input at this time or later.
    pub from: Timestamp,
    /// What was written to it before this time; without one, all that the input holds when the replay begins.
    pub to: Option<Timestamp>,
    /// The topic that it reads.
    pub input: Topic,
    /// The group in which it reads, without the prefix.
    pub group: &'static str,
    /// The topic that this run has to be the one to make: a name is used once.
    pub output: Topic,
}

/// What stands between the prefix and the names of its topics and groups.
impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate(name) => write!(f, "candidate-{name}"),
            Self::Replay(replay) => write!(f, "replay-{}", replay.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::KafkaSettings;

    #[test]
    fn a_name_has_nothing_that_would_be_taken_for_another_part_of_a_topics_name() {
        for wrong in ["", "a.b", "a_b", "Next", "a b", "ä", &"a".repeat(41)] {
            assert!(wrong.parse::<RunName>().is_err(), "{wrong}");
        }
        assert!(["next", "2026-11", &"a".repeat(40)].iter().all(|good| good.parse::<RunName>().is_ok()));
    }

    #[test]
    fn topics_and_groups_of_what_runs_beside_the_installation_are_none_of_the_installations() {
        let live = KafkaSettings::in_memory("broker:9092");
        let own = live.beside(&Beside::Candidate("next".parse().unwrap()));
        assert_eq!(own.topic(Topic::Decisions), "cordon.candidate-next.decisions");
        assert_eq!(own.group("act-decide"), "cordon.candidate-next.act-decide");
        assert_eq!(own.bootstrap_servers, live.bootstrap_servers);
        let names = |kafka: &KafkaSettings| Topic::ALL.map(|topic| kafka.topic(topic));
        assert!(names(&own).iter().all(|name| !names(&live).contains(name)));
    }
}
