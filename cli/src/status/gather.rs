//! Reads the picture from the topics. What cannot be read is left out of it with the reason, and the rest is told.

use std::collections::BTreeMap;
use std::fmt::Display;

use cordon_ingest::PollInterval;
use cordon_records::{Clock, CursorRecord, DecisionRecord, StageHealth, SystemClock, Topic, Waiting};
use cordon_runtime::kafka::{self, KafkaFailure, KafkaSettings, Position};

use super::picture::{Commands, DeadLetters, Ledger, Looked, OnPurpose, Picture, Stage, Unread, Unsettled};
use super::words::{behind, waiting};
use crate::dlq::{Letter, seen};
use crate::people;

/// A stage, or a role of one.
struct Reader {
    /// Its name for people.
    name: &'static str,
    /// Its group, without the prefix.
    group: &'static str,
    /// What it settles record by record.
    topic: Option<Topic>,
}

/// Those of which it matters whether they live, in the order of an alert's way.
const READERS: [Reader; 5] = [
    Reader { name: "ingest", group: cordon_ingest::GROUP, topic: None },
    Reader { name: "enrich", group: cordon_enrich::GROUP, topic: Some(Topic::Alerts) },
    Reader { name: "decide", group: cordon_act::DECIDE_GROUP, topic: Some(Topic::Enriched) },
    Reader { name: "respond", group: cordon_act::respond::GROUP, topic: Some(Topic::Decisions) },
    Reader { name: "notify", group: cordon_notify::GROUP, topic: Some(Topic::Actions) },
];

/// Everything at once; how often ingest polls is not on the broker.
///
/// # Errors
/// When the broker cannot be reached at all.
pub async fn picture(kafka: &KafkaSettings, poll_interval: PollInterval) -> Result<Picture, KafkaFailure> {
    kafka::cluster_id(kafka).await?;
    let (ledger, cursor, decided, dead_letters, health) = tokio::join!(
        ledger(kafka),
        cursor(kafka),
        decided(kafka),
        dead_letters(kafka),
        kafka::fold_all(kafka, Topic::Policies, BTreeMap::new(), |words, record| newest(words, record.json().ok())),
    );
    let health = told(health);
    let [ingest, enrich, decide, respond, notify] = READERS.map(|reader| stage(kafka, reader, &health));
    let commands = async {
        match &ledger {
            Ok(ledger) => commands(kafka, ledger).await,
            Err(why) => Err(format!("how far respond has read is in the ledger: {why}")),
        }
    };
    let (ingest, enrich, decide, respond, notify, commands) =
        tokio::join!(ingest, enrich, decide, respond, notify, commands);
    let stages = vec![ingest, enrich, decide, respond, notify];
    Ok(Picture { stages, ledger, cursor, decided, poll_interval, commands, dead_letters })
}

fn told<T>(looked: Result<T, impl Display>) -> Looked<T> {
    looked.map_err(|why| why.to_string())
}

async fn ledger(kafka: &KafkaSettings) -> Looked<Ledger> {
    // What cannot be read stops respond itself, which says so; here it is passed over.
    let (ledger, source, left_out) = people::ledger::look_at(kafka).await.map_err(|why| format!("{why:#}"))?;
    if source == Topic::Summary && !left_out.is_empty() {
        // What it said last may be long over.
        return Err(left_out.join("; "));
    }
    Ok(Ledger::of(&ledger, SystemClock.now()))
}

async fn cursor(kafka: &KafkaSettings) -> Looked<Option<cordon_records::PollCursor>> {
    let records = told(kafka::read_all(kafka, Topic::Cursors).await)?;
    let polls = records.iter().filter_map(|record| match record.json().ok()? {
        CursorRecord::Poll(cursor) => Some(cursor),
        CursorRecord::Claim(_) => None,
    });
    Ok(polls.max_by_key(|cursor| cursor.epoch))
}

async fn decided(kafka: &KafkaSettings) -> Looked<Option<(String, jiff::Timestamp)>> {
    let records = told(kafka::read_newest(kafka, Topic::Decisions).await)?;
    let decided = records.iter().filter_map(|record| record.json::<DecisionRecord>().ok());
    Ok(decided.map(|decision| (decision.rule_set, decision.decided_at)).max_by_key(|(_, at)| *at))
}

async fn dead_letters(kafka: &KafkaSettings) -> Looked<DeadLetters> {
    let seen = told(seen::up_to(kafka).await)?;
    let none = (DeadLetters::default(), seen);
    let dead = kafka::fold_all(kafka, Topic::DeadLetters, none, |(dead, seen), record| {
        dead.take(Letter(&record), seen);
    });
    let (dead, seen) = told(dead.await)?;
    Ok(DeadLetters { void: seen.void().to_vec(), ..dead })
}

/// Keeps the newest word of each process.
fn newest(words: &mut BTreeMap<String, StageHealth>, word: Option<StageHealth>) {
    if let Some(word) = word
        && words.get(&word.owner).is_none_or(|known| known.at <= word.at)
    {
        words.insert(word.owner.clone(), word);
    }
}

async fn stage(kafka: &KafkaSettings, reader: Reader, health: &Looked<BTreeMap<String, StageHealth>>) -> Stage {
    let of_ours = |words: &BTreeMap<String, StageHealth>| -> Vec<StageHealth> {
        let ours = words.values().filter(|word| word.groups.iter().any(|group| group == reader.group));
        ours.cloned().collect()
    };
    let words = health.as_ref().map(of_ours).map_err(Clone::clone);
    let kept = waiting(words.as_deref().unwrap_or_default(), SystemClock.now());
    let unsettled = async {
        match reader.topic {
            None => None,
            Some(topic) => Some(unsettled(kafka, reader.group, topic, &kept).await),
        }
    };
    let (members, unsettled) = tokio::join!(kafka::members(kafka, reader.group), unsettled);
    Stage { name: reader.name, members: told(members), words, unsettled }
}

async fn unsettled(
    kafka: &KafkaSettings,
    group: &str,
    topic: Topic,
    kept: &BTreeMap<i32, Waiting>,
) -> Looked<Unsettled> {
    let positions = told(kafka::positions(kafka, Some(group), topic).await)?;
    let all = counted(kafka, topic, &positions).await?;
    if kept.is_empty() {
        return Ok(all.into());
    }
    let behind: Vec<Position> = positions.iter().map(|position| behind(position, kept)).collect();
    let unread = counted(kafka, topic, &behind).await?;
    let waits = kept.values().flat_map(|told| told.waits.clone()).collect();
    Ok(Unsettled { all, on_purpose: Some(OnPurpose { waits, unread }) })
}

/// What respond has yet to read. The topic holds what people said, which is little: it is read as a whole.
async fn commands(kafka: &KafkaSettings, ledger: &Ledger) -> Looked<Commands> {
    let written = kafka::fold_all(kafka, Topic::Commands, Vec::new(), |written, record| {
        written.push((record.offset, record.timestamp));
    });
    let (written, positions) = tokio::join!(written, kafka::positions(kafka, None, Topic::Commands));
    let end = told(positions)?.iter().map(|position| position.high).max().unwrap_or(0);
    Ok(Commands::of((ledger.commands_next, ledger.commands_newest), told(written)?, end))
}

async fn counted(kafka: &KafkaSettings, topic: Topic, positions: &[Position]) -> Looked<Unread> {
    let records = positions.iter().map(Position::lag).sum();
    let behind = positions.iter().filter(|position| position.lag() > 0);
    let behind: BTreeMap<i32, i64> =
        behind.map(|at| (at.partition, at.committed.unwrap_or(at.low).max(at.low))).collect();
    let oldest = if behind.is_empty() { None } else { told(kafka::oldest_at(kafka, topic, behind).await)? };
    Ok(Unread { records, oldest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_words_of_one_process_the_newest_stands_in_whatever_order_they_come() {
        let word = |owner: &str, at: &str| StageHealth {
            schema_version: 1,
            stage: "act".into(),
            owner: owner.into(),
            groups: Vec::new(),
            not_ready: Vec::new(),
            waiting: None,
            at: format!("2026-11-24T{at}Z").parse().unwrap(),
        };
        let mut words = BTreeMap::new();
        for (owner, at) in [("a-1-1", "03:00:30"), ("a-1-1", "03:00:00"), ("b-1-1", "03:00:10")] {
            newest(&mut words, Some(word(owner, at)));
        }
        newest(&mut words, None);
        assert_eq!(words["a-1-1"], word("a-1-1", "03:00:30"));
        assert_eq!(words.len(), 2);
    }
}
