//! What the processes of a stage say: which of their words still stand. Pure.
//!
//! A word counts for two minutes, since a living process may be slow to repeat it. One that is dead leaves its last word
//! behind, and what it complained of then is over when another process has taken its place.

use std::collections::BTreeMap;

use cordon_records::{HEALTH_REPEATED_EVERY, StageHealth, Wait, Waiting};
use cordon_runtime::kafka::{Membership, Position};
use jiff::{SignedDuration, Timestamp};

/// A word that is older than this is late: a living process has repeated it before.
const LATE: SignedDuration = SignedDuration::from_secs(HEALTH_REPEATED_EVERY.as_secs() * 3 / 2);

/// Whether a living process would have said something since.
pub fn is_late(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) > LATE
}

/// A wait that has been over for longer than this is no wait any more: what it was for is not being done.
const OVERDUE: SignedDuration = SignedDuration::from_mins(2);

/// Where processes keep records back on purpose: by partition, what the newest word in time says of it. One wait
/// that is overdue makes the whole word void: which of the records before `read_to` are kept for it is not said.
pub fn waiting(words: &[StageHealth], now: Timestamp) -> BTreeMap<i32, Waiting> {
    let stands = |wait: &Wait| now.duration_since(wait.until) <= OVERDUE;
    let mut words: Vec<&StageHealth> = words.iter().filter(|word| !is_late(word.at, now)).collect();
    words.sort_by_key(|word| word.at);
    let told = words.into_iter().filter_map(|word| word.waiting.as_ref());
    let mut waiting: BTreeMap<i32, Waiting> = told.map(|told| (told.partition, told.clone())).collect();
    waiting.retain(|_, told| !told.waits.is_empty() && told.waits.iter().all(stands));
    waiting
}

/// Where reading goes on behind what waits on purpose. A word about more than the partition holds is about another topic.
pub fn behind(position: &Position, waiting: &BTreeMap<i32, Waiting>) -> Position {
    let read_to = waiting.get(&position.partition).map(|told| told.read_to).filter(|read_to| *read_to <= position.high);
    Position { committed: position.committed.max(read_to), ..*position }
}

/// The words of a stage's processes.
#[derive(Debug)]
pub struct Words<'a> {
    /// Those that say how a process is that may live.
    pub standing: Vec<&'a StageHealth>,
    /// When the newest of all was said.
    pub newest: Option<Timestamp>,
}

impl<'a> Words<'a> {
    /// The newest word of each process, and who stands in the group, where the broker shows it.
    ///
    /// A word that is late no longer stands where its process has been replaced: as many processes as the group has members
    /// say theirs in time, or another one does on the same host and in the same group. Else it stands: its process may be
    /// the one that cannot write.
    pub fn of(words: &'a [StageHealth], members: Option<&Membership>, now: Timestamp) -> Self {
        let counting: Vec<&StageHealth> = words.iter().filter(|word| word.counts(now)).collect();
        let (late, in_time): (Vec<&StageHealth>, Vec<&StageHealth>) =
            counting.into_iter().partition(|word| is_late(word.at, now));
        let all_speak = matches!(members, Some(Membership::Members(members @ 1..)) if in_time.len() >= *members);
        let replaces = |new: &StageHealth, old: &StageHealth| {
            new.key() == old.key() && new.groups.iter().any(|group| old.groups.contains(group))
        };
        let stands = |old: &&StageHealth| !all_speak && !in_time.iter().any(|new| replaces(new, old));
        let late: Vec<&StageHealth> = late.into_iter().filter(stands).collect();
        Self { standing: in_time.into_iter().chain(late).collect(), newest: words.iter().map(|word| word.at).max() }
    }

    /// What keeps them from working, each once, with whose words say so.
    pub fn complaints(&self) -> Vec<(&'a str, Vec<&'a StageHealth>)> {
        let mut complaints: Vec<(&str, Vec<&StageHealth>)> = Vec::new();
        for word in &self.standing {
            for why in &word.not_ready {
                match complaints.iter_mut().find(|(known, _)| known == why) {
                    Some((_, by)) => by.push(word),
                    None => complaints.push((why, vec![word])),
                }
            }
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn word(said: i64, waits: Option<(i64, i64)>) -> StageHealth {
        let wait = |until| Wait { what: "a digest".into(), until: at(until) };
        let waiting =
            waits.map(|(read_to, until)| Waiting { partition: 0, read_to, waits: vec![wait(until), wait(until + 60)] });
        let (stage, owner, groups) = ("notify".into(), format!("pod-{said}-1-a"), vec!["notify".into()]);
        StageHealth { schema_version: 1, stage, owner, groups, not_ready: Vec::new(), waiting, at: at(said) }
    }

    #[test]
    fn the_newest_word_in_time_says_what_waits_until_two_minutes_after_it_should_be_over() {
        let read_to =
            |words: &[StageHealth], now| waiting(words, at(now)).get(&0).map(|it| (it.read_to, it.waits.len()));
        assert_eq!(read_to(&[word(100, Some((7, 500))), word(130, Some((9, 500)))], 140), Some((9, 2)));
        assert_eq!(read_to(&[word(130, Some((9, 500))), word(100, Some((7, 500)))], 140), Some((9, 2)));
        assert_eq!(read_to(&[word(100, Some((7, 500)))], 146), None, "whoever waits says so twice a minute");
        assert_eq!(read_to(&[word(600, Some((7, 500)))], 620), Some((7, 2)));
        assert_eq!(read_to(&[word(600, Some((7, 500)))], 621), None, "what is overdue lies before `read_to`, too");
        assert_eq!(
            read_to(&[word(600, Some((5, 700))), word(610, Some((7, 500)))], 621),
            None,
            "the newest says how it is"
        );
        assert_eq!(read_to(&[word(100, None)], 101), None);
    }

    #[test]
    fn what_is_behind_the_waiting_is_unread_and_a_word_about_a_longer_topic_is_none() {
        let position = |high| Position { partition: 0, low: 0, high, committed: Some(3) };
        let told = waiting(&[word(100, Some((7, 500)))], at(101));
        assert_eq!([7, 9, 6].map(|high| behind(&position(high), &told).lag()), [0, 2, 3]);
        assert_eq!(behind(&Position { partition: 1, ..position(9) }, &told).lag(), 6);
        assert_eq!(behind(&Position { committed: None, ..position(9) }, &told).lag(), 2);
        assert_eq!(behind(&Position { committed: Some(8), ..position(9) }, &told).lag(), 1, "it has read on since");
    }
}
