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

/// The first offset of each partition that nobody has seen.
pub type SeenUpTo = BTreeMap<i32, i64>;

/// Writes the word down.
pub async fn run(args: &SeenArgs, kafka: &KafkaSettings, all: &[Inbound]) -> anyhow::Result<Exit> {
    let there: Vec<Place> = all.iter().map(|it| Place { partition: it.partition, offset: it.offset }).collect();
    if let Some(place) = args.places.iter().find(|place| !there.contains(place)) {
        eprintln!("error: no dead letter at {place}; `cordon dlq list` shows those that are there");
        return Ok(Exit::Negative);
    }
    let before = up_to(kafka).await?;
    let after = advanced(&before, if args.all { &there } else { &args.places });
    let (unseen, left) = (count(&before, &there), count(&after, &there));
    if after != before {
        write(kafka, &after, args.by.clone()).await?;
    }
    println!("{} seen now, {left} not seen yet", unseen - left);
    Ok(Exit::Ok)
}

async fn write(kafka: &KafkaSettings, seen: &SeenUpTo, by: String) -> anyhow::Result<()> {
    let at = SystemClock.now();
    let dead_letters =
        seen.iter().map(|(partition, offset)| NextLetter { partition: *partition, offset: *offset }).collect();
    let headers = Headers::event("cordon-cli", "dead-letters.seen", &format!("seen@{at}"), at, SEEN_KEY);
    let record = NotifiedRecord::Seen(Seen { dead_letters, by, at });
    let record = Outbound::json(Topic::Notified, SEEN_KEY, headers, &record)?;
    Producer::open(kafka, "cordon-cli")?.send(record).await?;
    Ok(())
}

/// How far people have looked, by the newest word.
pub async fn up_to(kafka: &KafkaSettings) -> Result<SeenUpTo, KafkaFailure> {
    kafka::fold_all(kafka, Topic::Notified, SeenUpTo::new(), |seen, record| {
        if record.key_text() == Some(SEEN_KEY)
            && let Ok(NotifiedRecord::Seen(word)) = record.json()
        {
            *seen = word.dead_letters.iter().map(|next| (next.partition, next.offset)).collect();
        }
    })
    .await
}

/// Whether nobody has seen what is there.
pub fn is_unseen(seen: &SeenUpTo, place: Place) -> bool {
    seen.get(&place.partition).is_none_or(|next| place.offset >= *next)
}

fn count(seen: &SeenUpTo, there: &[Place]) -> usize {
    there.iter().filter(|place| is_unseen(seen, **place)).count()
}

/// The word never goes back.
fn advanced(before: &SeenUpTo, places: &[Place]) -> SeenUpTo {
    let mut after = before.clone();
    for place in places {
        let next = after.entry(place.partition).or_insert(0);
        *next = (*next).max(place.offset.saturating_add(1));
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_goes_up_to_a_place_on_its_partition_and_never_back() {
        let at = |partition, offset| Place { partition, offset };
        let seen = advanced(&SeenUpTo::new(), &[at(2, 17), at(0, 3)]);
        assert_eq!([at(2, 17), at(2, 16), at(0, 0)].map(|place| is_unseen(&seen, place)), [false; 3]);
        assert_eq!([at(2, 18), at(0, 4), at(1, 0)].map(|place| is_unseen(&seen, place)), [true; 3]);
        assert_eq!(advanced(&seen, &[at(2, 5)]), seen);
        assert_eq!(count(&seen, &[at(2, 17), at(2, 18), at(1, 0)]), 2);
    }
}
