//! Reads the picture from the topics.

use cordon_records::{Clock, CursorRecord, DecisionRecord, StampedRecord, SystemClock, Topic};
use cordon_runtime::kafka::{self, KafkaFailure, KafkaSettings, Position};

use super::picture::{DeadLetters, Picture};
use crate::dlq::{Letter, seen};

/// Every reader whose lag says something: its name for people, its group, and what it reads.
const READERS: [(&str, &str, Topic); 4] = [
    ("enrich", "enrich", Topic::Alerts),
    ("decide", "act-decide", Topic::Enriched),
    ("respond", "act-respond", Topic::Decisions),
    ("notify", "notify", Topic::Actions),
];

/// Everything at once.
pub async fn picture(kafka: &KafkaSettings) -> Result<Picture, KafkaFailure> {
    let (ledger, cursors, decisions, seen) = tokio::try_join!(
        kafka::read_all(kafka, Topic::Ledger),
        kafka::read_all(kafka, Topic::Cursors),
        kafka::read_newest(kafka, Topic::Decisions),
        seen::up_to(kafka),
    )?;
    let dead = DeadLetters { void: seen.void().to_vec(), ..DeadLetters::default() };
    let dead_letters = kafka::fold_all(kafka, Topic::DeadLetters, dead, move |dead, record| {
        dead.take(Letter(&record), &seen);
    });
    let mut picture = Picture { dead_letters: dead_letters.await?, ..Picture::default() };
    // What cannot be read stops respond itself, which says so; here it is passed over.
    let records = ledger.iter().filter_map(|record| record.json::<StampedRecord>().ok());
    picture.take_ledger(records, SystemClock.now());
    let polls = cursors.iter().filter_map(|record| match record.json().ok()? {
        CursorRecord::Poll(cursor) => Some(cursor),
        CursorRecord::Claim(_) => None,
    });
    picture.cursor = polls.max_by_key(|cursor| cursor.epoch);
    let decided = decisions.iter().filter_map(|record| record.json::<DecisionRecord>().ok());
    picture.decided = decided.map(|decision| (decision.rule_set, decision.decided_at)).max_by_key(|(_, at)| *at);
    for (name, group, topic) in READERS {
        let positions = kafka::positions(kafka, Some(group), topic).await?;
        picture.lag.insert(name, positions.iter().map(Position::lag).sum());
    }
    Ok(picture)
}
