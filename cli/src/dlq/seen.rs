//! `cordon dlq seen`: people say how far they have looked, and `cordon status` counts what came after.
//!
//! The word stands on the compacted topic `notified`, one record for all partitions; whoever gives it needs READ and WRITE
//! there. It is unsigned: it starts and stops nothing.

use std::collections::BTreeMap;

use cordon_notify::notified::{NextLetter, NotifiedRecord, SEEN_KEY, Seen};
use cordon_records::{Clock, Headers, SystemClock, Topic};
use cordon_runtime::kafka::{self, Inbound, KafkaFailure, KafkaSettings, Outbound, Producer};

use super::args::{Place, SeenArgs};
use crate::exit::Exit;

/// How far people have looked: what of their word is good for the topic that is here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenUpTo {
    /// The first offset of each partition that nobody has seen.
    next: BTreeMap<i32, i64>,
    /// What they said of a topic that is gone.
    void: Vec<Void>,
}

/// A word that reaches beyond the end of its partition: the topic was made anew since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Void {
    /// The partition.
    pub partition: i32,
    /// The first offset that was said not to be seen.
    pub next: i64,
    /// Where the partition ends.
    pub end: i64,
}

impl SeenUpTo {
    /// What a word is worth where partitions end so; one that is not there ends at 0.
    fn of(word: &[NextLetter], ends: &BTreeMap<i32, i64>) -> Self {
        let mut seen = Self::default();
        for said in word {
            let end = ends.get(&said.partition).copied().unwrap_or(0);
            if said.offset <= end {
                seen.next.insert(said.partition, said.offset);
            } else {
                seen.void.push(Void { partition: said.partition, next: said.offset, end });
            }
        }
        seen
    }

    /// Whether nobody has seen what is there.
    pub fn is_unseen(&self, place: Place) -> bool {
        self.next.get(&place.partition).is_none_or(|next| place.offset >= *next)
    }

    /// What of their word is void.
    pub fn void(&self) -> &[Void] {
        &self.void
    }

    fn count(&self, there: &[Place]) -> usize {
        there.iter().filter(|place| self.is_unseen(**place)).count()
    }

    /// With these seen, too. A word never goes back, and void ones are given up: the topic may grow beyond them.
    fn advanced(&self, places: &[Place]) -> Self {
        let mut next = self.next.clone();
        for place in places {
            let first = next.entry(place.partition).or_insert(0);
            *first = (*first).max(place.offset.saturating_add(1));
        }
        Self { next, void: Vec::new() }
    }
}

/// Says which words are void; nothing where none is.
pub fn told_of(void: &[Void]) -> Option<String> {
    let each = |void: &Void| format!("up to {} of partition {}, which ends at {}", void.next, void.partition, void.end);
    let all: Vec<String> = void.iter().map(each).collect();
    let told = || format!("that people had seen {} is void: the topic was made anew since", all.join(", "));
    (!all.is_empty()).then(told)
}

/// Writes the word down.
pub async fn run(args: &SeenArgs, kafka: &KafkaSettings, all: &[Inbound]) -> anyhow::Result<Exit> {
    let there: Vec<Place> = all.iter().map(|it| Place { partition: it.partition, offset: it.offset }).collect();
    if let Some(place) = args.places.iter().find(|place| !there.contains(place)) {
        eprintln!("error: no dead letter at {place}; `cordon dlq list` shows those that are there");
        return Ok(Exit::Negative);
    }
    let before = up_to(kafka).await?;
    if let Some(told) = told_of(before.void()) {
        eprintln!("warning: {told}");
    }
    let after = before.advanced(if args.all { &there } else { &args.places });
    let (unseen, left) = (before.count(&there), after.count(&there));
    if after != before {
        write(kafka, &after, args.by.clone()).await?;
    }
    println!("{} seen now, {left} not seen yet", unseen - left);
    Ok(Exit::Ok)
}

async fn write(kafka: &KafkaSettings, seen: &SeenUpTo, by: String) -> anyhow::Result<()> {
    let at = SystemClock.now();
    let dead_letters =
        seen.next.iter().map(|(partition, offset)| NextLetter { partition: *partition, offset: *offset }).collect();
    let headers = Headers::event("cordon-cli", "dead-letters.seen", &format!("seen@{at}"), at, SEEN_KEY);
    let record = NotifiedRecord::Seen(Seen { dead_letters, by, at });
    let record = Outbound::json(Topic::Notified, SEEN_KEY, headers, &record)?;
    Producer::open(kafka, "cordon-cli")?.send(record).await?;
    Ok(())
}

/// How far people have looked, by the newest word.
pub async fn up_to(kafka: &KafkaSettings) -> Result<SeenUpTo, KafkaFailure> {
    let word = kafka::fold_all(kafka, Topic::Notified, Vec::new(), |newest, record| {
        if record.key_text() == Some(SEEN_KEY)
            && let Ok(NotifiedRecord::Seen(word)) = record.json()
        {
            *newest = word.dead_letters;
        }
    });
    let word: Vec<NextLetter> = word.await?;
    // Asked after the word was read: what it speaks of is there by now.
    let ends = kafka::positions(kafka, None, Topic::DeadLetters).await?;
    Ok(SeenUpTo::of(&word, &ends.iter().map(|at| (at.partition, at.high)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32, offset: i64) -> Place {
        Place { partition, offset }
    }

    #[test]
    fn what_is_seen_goes_up_to_a_place_on_its_partition_and_never_back() {
        let seen = SeenUpTo::default().advanced(&[at(2, 17), at(0, 3)]);
        assert_eq!([at(2, 17), at(2, 16), at(0, 0)].map(|place| seen.is_unseen(place)), [false; 3]);
        assert_eq!([at(2, 18), at(0, 4), at(1, 0)].map(|place| seen.is_unseen(place)), [true; 3]);
        assert_eq!(seen.advanced(&[at(2, 5)]), seen);
        assert_eq!(seen.count(&[at(2, 17), at(2, 18), at(1, 0)]), 2);
    }

    #[test]
    fn a_word_beyond_the_end_of_its_partition_is_void_and_one_at_the_end_is_good() {
        let word = [(0, 17), (1, 17), (2, 17)].map(|(partition, offset)| NextLetter { partition, offset });
        let seen = SeenUpTo::of(&word, &[(0, 17), (1, 16)].into());
        assert_eq!([at(0, 16), at(1, 3), at(2, 0)].map(|place| seen.is_unseen(place)), [false, true, true]);
        let void = |partition, end| Void { partition, next: 17, end };
        assert_eq!(seen.void(), [void(1, 16), void(2, 0)]);
        assert!(told_of(seen.void()).unwrap().contains("up to 17 of partition 1, which ends at 16"));
        assert_eq!((seen.advanced(&[]).void(), told_of(&[])), (&[][..], None));
    }
}
