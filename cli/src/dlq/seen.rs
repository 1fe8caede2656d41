//! `cordon dlq seen`: people say how far they have looked, and `cordon status` counts what came after.
//!
//! The word stands on the compacted topic `notified`, one record for all partitions; whoever gives it needs READ and WRITE
//! there. It is unsigned: it starts and stops nothing. It names offsets, and when the newest letter before them was written:
//! on a topic that was made anew offsets begin again, and what stands there is newer. The word of an older build names
//! offsets alone: it is void only where it reaches beyond the end of its partition.

use std::collections::BTreeMap;

use cordon_notify::notified::{NextLetter, NotifiedRecord, SEEN_KEY, Seen};
use cordon_records::{Clock, Headers, SystemClock, Topic};
use cordon_runtime::kafka::{self, Inbound, KafkaFailure, KafkaSettings, Outbound, Producer};

use super::args::{Place, SeenArgs};
use super::letter::Letter;
use crate::exit::Exit;

/// How far people have looked: what of their word is good for the topic that is here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenUpTo {
    /// What nobody has seen of each partition begins here.
    next: BTreeMap<i32, NextLetter>,
    /// What they said of a topic that is gone.
    void: Vec<Void>,
}

/// A word about a topic that was made anew since: it reaches beyond the end of its partition, or what stands there was
/// written after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Void {
    /// The partition.
    pub partition: i32,
    /// The first offset that was said not to be seen.
    pub next: i64,
    /// Where the partition ends; absent where the word does not reach beyond it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<i64>,
}

impl SeenUpTo {
    /// What a word is worth where partitions end so; one that is not there ends at 0.
    fn of(word: &Seen, ends: &BTreeMap<i32, i64>) -> Self {
        let mut seen = Self::default();
        for said in &word.dead_letters {
            let end = ends.get(&said.partition).copied().unwrap_or(0);
            if said.offset <= end {
                seen.next.insert(said.partition, *said);
            } else {
                seen.void.push(Void { partition: said.partition, next: said.offset, end: Some(end) });
            }
        }
        seen
    }

    /// Whether nobody has seen this one. The letters of a partition come in their order: the first of those that shows that
    /// the topic was made anew makes what was said of the partition void.
    pub fn look(&mut self, letter: Letter<'_>) -> bool {
        let Place { partition, offset } = letter.place();
        let Some(said) = self.next.get(&partition) else { return true };
        if said.covers(offset, letter.0.timestamp) {
            return false;
        }
        if offset < said.offset {
            self.void.push(Void { partition, next: said.offset, end: None });
            self.next.remove(&partition);
        }
        true
    }

    /// What of their word is void.
    pub fn void(&self) -> &[Void] {
        &self.void
    }

    fn count(&self, there: &[Inbound]) -> usize {
        let mut seen = self.clone();
        there.iter().filter(|letter| seen.look(Letter(letter))).count()
    }

    /// With those seen, too, that stand up to these places. A word never goes back, and void ones are given up: the topic may
    /// grow beyond them. Of what was seen before, too, the newest is dated: an older build's word does not say it.
    fn advanced(&self, places: &[Place], there: &[Inbound]) -> Self {
        let mut next = self.next.clone();
        for letter in there {
            let Place { partition, offset } = Letter(letter).place();
            let before = self.next.get(&partition).is_some_and(|said| said.covers(offset, letter.timestamp));
            if before || places.iter().any(|place| place.partition == partition && offset <= place.offset) {
                let said = next.entry(partition).or_insert(NextLetter { partition, offset, newest: None });
                *said = said.and(offset, letter.timestamp);
            }
        }
        Self { next, void: Vec::new() }
    }
}

/// Says which words are void; nothing where none is.
pub fn told_of(void: &[Void]) -> Option<String> {
    let how = |void: &Void| match void.end {
        Some(end) => format!("which ends at {end}"),
        None => "whose letters are newer than that".to_owned(),
    };
    let each = |void: &Void| format!("up to {} of partition {}, {}", void.next, void.partition, how(void));
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
    let mut before = up_to(kafka).await?;
    let unseen = all.iter().filter(|letter| before.look(Letter(letter))).count();
    if let Some(told) = told_of(before.void()) {
        eprintln!("warning: {told}");
    }
    let after = before.advanced(if args.all { &there } else { &args.places }, all);
    let left = after.count(all);
    if after != before {
        write(kafka, &after, args.by.clone()).await?;
    }
    println!("{} seen now, {left} not seen yet", unseen - left);
    Ok(Exit::Ok)
}

async fn write(kafka: &KafkaSettings, seen: &SeenUpTo, by: String) -> anyhow::Result<()> {
    let at = SystemClock.now();
    let dead_letters = seen.next.values().copied().collect();
    let headers = Headers::event("cordon-cli", "dead-letters.seen", &format!("seen@{at}"), at, SEEN_KEY);
    let record = NotifiedRecord::Seen(Seen { dead_letters, by, at });
    let record = Outbound::json(Topic::Notified, SEEN_KEY, headers, &record)?;
    Producer::open(kafka, "cordon-cli")?.send(record).await?;
    Ok(())
}

/// How far people have looked, by the newest word.
pub async fn up_to(kafka: &KafkaSettings) -> Result<SeenUpTo, KafkaFailure> {
    let word = kafka::fold_all(kafka, Topic::Notified, None, |newest, record| {
        if record.key_text() == Some(SEEN_KEY)
            && let Ok(NotifiedRecord::Seen(word)) = record.json()
        {
            *newest = Some(word);
        }
    });
    let word: Option<Seen> = word.await?;
    // Asked after the word was read: what it speaks of is there by now.
    let ends = kafka::positions(kafka, None, Topic::DeadLetters).await?;
    let ends = ends.iter().map(|at| (at.partition, at.high)).collect();
    Ok(word.map_or_else(SeenUpTo::default, |word| SeenUpTo::of(&word, &ends)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::letter::tests::letter;
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-11-22T18:00:00Z".parse().unwrap();
        start + jiff::SignedDuration::from_mins(minute)
    }

    /// A letter that was written in that minute.
    fn there((partition, offset): (i32, i64), at: i64) -> Inbound {
        Inbound { partition, offset, timestamp: Some(minute(at)), ..letter(&[]) }
    }

    fn place(partition: i32, offset: i64) -> Place {
        Place { partition, offset }
    }

    /// The word that up to 17 was seen of these partitions, in minute 20; the newest of those is of that minute.
    fn word(partitions: &[i32], newest: Option<i64>) -> Seen {
        let next = |partition: &i32| NextLetter { partition: *partition, offset: 17, newest: newest.map(minute) };
        Seen { dead_letters: partitions.iter().map(next).collect(), by: "ann".to_owned(), at: minute(20) }
    }

    fn unseen<const N: usize>(seen: &SeenUpTo, letters: [Inbound; N]) -> [bool; N] {
        let mut seen = seen.clone();
        letters.map(|letter| seen.look(Letter(&letter)))
    }

    #[test]
    fn what_is_seen_goes_up_to_a_place_on_its_partition_and_never_back() {
        let all = [there((2, 5), 1), there((2, 16), 2), there((2, 17), 3), there((2, 18), 4), there((0, 3), 5)];
        let seen = SeenUpTo::default().advanced(&[place(2, 17), place(0, 3)], &all);
        assert_eq!(unseen(&seen, [there((0, 3), 5), there((2, 16), 2), there((2, 17), 3)]), [false; 3]);
        assert_eq!(unseen(&seen, [there((0, 4), 5), there((1, 0), 1), there((2, 18), 4)]), [true; 3]);
        assert_eq!(seen.advanced(&[place(2, 5)], &all), seen);
        assert_eq!(seen.count(&all), 1);
    }

    #[test]
    fn a_word_beyond_the_end_of_its_partition_is_void_and_one_at_the_end_is_good() {
        let seen = SeenUpTo::of(&word(&[0, 1, 2], Some(9)), &[(0, 17), (1, 16)].into());
        assert_eq!(unseen(&seen, [there((0, 16), 9), there((1, 3), 9), there((2, 0), 9)]), [false, true, true]);
        let void = |partition, end| Void { partition, next: 17, end: Some(end) };
        assert_eq!(seen.void(), [void(1, 16), void(2, 0)]);
        assert!(told_of(seen.void()).unwrap().contains("up to 17 of partition 1, which ends at 16"));
        assert_eq!((seen.advanced(&[], &[]).void(), told_of(&[])), (&[][..], None));
    }

    #[test]
    fn what_was_written_after_all_that_people_saw_is_of_a_topic_made_anew_and_makes_their_word_void() {
        let mut seen = SeenUpTo::of(&word(&[0, 1], Some(9)), &[(0, 40), (1, 40)].into());
        let anew = [there((0, 0), 10), there((0, 1), 1), there((1, 0), 9)];
        assert_eq!(unseen(&seen, anew.clone()), [true, true, false]);
        anew.iter().for_each(|letter| {
            seen.look(Letter(letter));
        });
        assert_eq!(seen.void(), [Void { partition: 0, next: 17, end: None }]);
        assert!(told_of(seen.void()).unwrap().contains("partition 0, whose letters are newer than that"));
        let seen = seen.advanced(&[place(0, 1)], &anew);
        assert_eq!(unseen(&seen, anew), [false; 3]);
    }

    #[test]
    fn the_word_of_an_older_build_counts_whatever_its_clock_said_and_the_next_word_says_when_the_newest_was_written() {
        let all = [there((0, 3), 21), there((0, 16), 30), there((0, 17), 31)];
        let mut seen = SeenUpTo::of(&word(&[0], None), &[(0, 18)].into());
        assert_eq!(all.each_ref().map(|letter| seen.look(Letter(letter))), [false, false, true]);
        assert_eq!(seen.void(), []);
        let next = seen.advanced(&[place(0, 3)], &all);
        assert_eq!(unseen(&next, all), [false, false, true]);
        assert_eq!(unseen(&next, [there((0, 2), 40)]), [true]);
    }
}
