//! What a redrive would do with one dead letter: send it somewhere, or leave it and say why. Pure.

use std::collections::BTreeMap;

use cordon_records::{DeadLetterReason, Headers, Topic, dead_letter_header as header};
use cordon_runtime::kafka::dead_letter::{ORIGINAL_SIZE, sent_back};
use cordon_runtime::kafka::{Inbound, KafkaSettings};

use super::letter::{Letter, REDRIVE_COUNT, REDRIVE_ID};

/// So many times a record is sent back; one that still dies then needs a fixed program, not another try.
pub const MAX_REDRIVES: u32 = 3;
/// What records die on. Commands are not sent back: what a person said counts when it was said. The others are memory
/// of the stages, and no stage gives up on its own memory.
pub const READ_BY_STAGES: [Topic; 4] = [Topic::Alerts, Topic::Enriched, Topic::Decisions, Topic::Actions];

/// A way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The topic that it came from.
    pub topic: Topic,
    /// How many times it will have been sent back.
    pub count: u32,
}

/// Why a dead letter stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stays {
    /// It was no record.
    #[error("it came from no topic: an alert the API will bring again when it changes, a mail nobody sends again")]
    NoOrigin,
    /// There is no record, only a range of offsets.
    #[error("the records {0} to {1} were deleted before they were read; nothing is left to be sent back")]
    Lost(String, String),
    /// Another prefix, a mistake, or a forgery.
    #[error("it came from {0}, which is not a topic that a stage of this configuration reads alerts from")]
    Elsewhere(String),
    /// Only its head is here.
    #[error("only its first bytes are here, of {0}; read it at its origin, {1}")]
    Stub(String, String),
    /// It has had its chances.
    #[error("it was sent back {0} times and died again; {MAX_REDRIVES} is the most")]
    TooOften(u32),
    /// Nobody knows how many chances it has had.
    #[error("its header {REDRIVE_COUNT} is {0:?} and no number")]
    Uncountable(String),
    /// An earlier redrive has done it.
    #[error("it was sent back before and is at {0}")]
    AlreadyBack(String),
}

impl Stays {
    /// Whether nothing is left to be done about it.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::AlreadyBack(_))
    }
}

/// What was sent back before: the id of each redrive, and where its record is now.
pub type Back = BTreeMap<String, String>;

/// The redrive that this record is, if it is one.
pub fn back(record: &Inbound) -> Option<(String, String)> {
    Some((record.headers.text(REDRIVE_ID)?.to_owned(), record.position()))
}

/// Where this one goes, if it goes; whether it did so before is not asked.
pub fn way(letter: Letter<'_>, kafka: &KafkaSettings) -> Result<Way, Stays> {
    let name = letter.said(header::TOPIC).ok_or(Stays::NoOrigin)?;
    let topic = READ_BY_STAGES.into_iter().find(|topic| kafka.topic(*topic) == name);
    let topic = topic.ok_or_else(|| Stays::Elsewhere(name.to_owned()))?;
    if letter.said(header::REASON) == Some(DeadLetterReason::Lost.as_str()) {
        let last = letter.said(header::LAST_OFFSET).unwrap_or("?").to_owned();
        return Err(Stays::Lost(letter.origin().unwrap_or_default(), last));
    }
    if letter.is_stub() {
        let size = letter.number(ORIGINAL_SIZE).map_or_else(|| "an unknown number".to_owned(), |it| it.to_string());
        return Err(Stays::Stub(size, letter.origin().unwrap_or_default()));
    }
    match letter.redriven().map_err(Stays::Uncountable)? {
        count if count >= MAX_REDRIVES => Err(Stays::TooOften(count)),
        count => Ok(Way { topic, count: count + 1 }),
    }
}

/// The same, unless it is back already.
pub fn plan(letter: Letter<'_>, kafka: &KafkaSettings, back: &Back) -> Result<Way, Stays> {
    let way = way(letter, kafka)?;
    // Earlier builds named it by its position alone.
    match back.get(&id(letter)).or_else(|| back.get(&letter.0.position())) {
        Some(place) => Err(Stays::AlreadyBack(place.clone())),
        None => Ok(way),
    }
}

/// What names this dead letter for ever: its position, and when it was written there. On a topic that was made anew offsets
/// begin again.
fn id(letter: Letter<'_>) -> String {
    let at = letter.0.timestamp.map(|at| format!("@{at}")).unwrap_or_default();
    format!("{}{at}", letter.0.position())
}

/// The headers to go back with.
pub fn headers(letter: Letter<'_>, way: &Way) -> Headers {
    let mut headers = sent_back(&letter.0.headers, &[REDRIVE_ID, REDRIVE_COUNT]);
    headers.set(REDRIVE_ID, &id(letter));
    headers.set(REDRIVE_COUNT, &way.count.to_string());
    headers
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;

    fn planned(headers: &[(&str, &str)]) -> Result<Way, Stays> {
        let dead = letter(headers);
        plan(Letter(&dead), &KafkaSettings::in_memory(""), &Back::new())
    }

    #[test]
    fn what_died_on_a_topic_goes_back_there_and_nowhere_else() {
        for topic in Topic::ALL {
            let name = topic.name("cordon.");
            let expected = match topic {
                Topic::Alerts | Topic::Enriched | Topic::Decisions | Topic::Actions => Ok(Way { topic, count: 1 }),
                Topic::Commands
                | Topic::DeadLetters
                | Topic::Ledger
                | Topic::Summary
                | Topic::Cursors
                | Topic::Notified
                | Topic::Policies => Err(Stays::Elsewhere(name.clone())),
            };
            assert_eq!(planned(&[(header::TOPIC, &name)]), expected);
        }
        assert_eq!(planned(&[(header::TOPIC, "other.alerts")]), Err(Stays::Elsewhere("other.alerts".to_owned())));
        assert_eq!(planned(&[]), Err(Stays::NoOrigin));
    }

    #[test]
    fn the_third_time_is_the_last_one() {
        let after = |count| planned(&[(header::TOPIC, "cordon.alerts"), (REDRIVE_COUNT, count)]);
        assert_eq!(after("2"), Ok(Way { topic: Topic::Alerts, count: 3 }));
        assert_eq!(after("3"), Err(Stays::TooOften(3)));
        assert_eq!(after("4294967295"), Err(Stays::TooOften(u32::MAX)));
        assert_eq!(after("none"), Err(Stays::Uncountable("none".to_owned())));
    }

    #[test]
    fn a_stub_is_never_sent_back() {
        let stub = planned(&[(header::TOPIC, "cordon.alerts"), (header::OFFSET, "5"), (ORIGINAL_SIZE, "2000000")]);
        assert_eq!(stub, Err(Stays::Stub("2000000".to_owned(), "cordon.alerts/?/5".to_owned())));
    }

    #[test]
    fn what_is_lost_cannot_be_sent_back() {
        let lost = [(header::TOPIC, "cordon.alerts"), (header::PARTITION, "3"), (header::OFFSET, "100")];
        let lost = planned(&[&lost[..], &[(header::LAST_OFFSET, "149"), (header::REASON, "lost")]].concat());
        assert_eq!(lost, Err(Stays::Lost("cordon.alerts/3/100".to_owned(), "149".to_owned())));
        assert!(lost.unwrap_err().to_string().contains("nothing is left to be sent back"));
    }

    #[test]
    fn what_is_back_already_is_not_sent_again() {
        let dead = letter(&[(header::TOPIC, "cordon.alerts")]);
        let kafka = KafkaSettings::in_memory("");
        let mut sent = letter(&[]);
        sent.headers = headers(Letter(&dead), &way(Letter(&dead), &kafka).unwrap());
        sent.topic_name = "cordon.alerts".into();
        let found: Back = back(&sent).into_iter().collect();
        let stays = plan(Letter(&dead), &kafka, &found).unwrap_err();
        assert_eq!(stays, Stays::AlreadyBack("cordon.alerts/2/17".to_owned()));
        assert!(stays.is_done());
    }

    #[test]
    fn a_letter_in_the_place_of_one_that_is_back_is_another_one_where_it_was_written_later() {
        let kafka = KafkaSettings::in_memory("");
        let at = |minute: &str| Some(format!("2026-11-22T18:{minute}:00Z").parse().unwrap());
        let dead = |minute| Inbound { timestamp: at(minute), ..letter(&[(header::TOPIC, "cordon.alerts")]) };
        let (first, anew) = (dead("01"), dead("02"));
        let way = way(Letter(&first), &kafka).unwrap();
        let mut sent = letter(&[]);
        for (name, is_back) in [(None, false), (Some("cordon.dead-letters/2/17"), true)] {
            sent.headers = headers(Letter(&first), &way);
            name.iter().for_each(|older| sent.headers.set(REDRIVE_ID, older));
            let found: Back = back(&sent).into_iter().collect();
            assert!(plan(Letter(&first), &kafka, &found).is_err(), "{name:?}");
            assert_eq!(plan(Letter(&anew), &kafka, &found).is_err(), is_back, "{name:?}");
        }
    }

    #[test]
    fn the_marks_of_the_last_redrive_replace_those_of_the_one_before() {
        let dead = letter(&[
            ("ce_id", "a"),
            (header::TOPIC, "cordon.alerts"),
            (REDRIVE_ID, "cordon.dead-letters/0/1"),
            (REDRIVE_COUNT, "1"),
            (header::STAGE, "enrich"),
        ]);
        let headers = headers(Letter(&dead), &Way { topic: Topic::Alerts, count: 2 });
        let text = |name: &str| headers.0.iter().filter(|(key, _)| key == name).count();
        assert_eq!((text(REDRIVE_ID), text(REDRIVE_COUNT), text(header::STAGE)), (1, 1, 0));
        assert_eq!(headers.text(REDRIVE_ID), Some("cordon.dead-letters/2/17"));
        assert_eq!((headers.text(REDRIVE_COUNT), headers.text("ce_id")), (Some("2"), Some("a")));
    }
}
