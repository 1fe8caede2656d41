//! `cordon dlq redrive`: what would be sent where; with `--yes`, sends it.
//!
//! Dead letters stay on their topic when they have been sent back. What was sent back before is therefore looked up at
//! its target, where each carries the position and the time of its dead letter: a redrive that is repeated, or that was
//! cut off, sends only what is missing.

use std::collections::BTreeMap;
use std::time::Duration;

use cordon_records::Topic;
use cordon_runtime::kafka::{self, Inbound, KafkaSettings, Producer, dead_letter};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Interval, MissedTickBehavior};

use super::args::{Place, RedriveArgs};
use super::letter::Letter;
use super::plan::{self, Back, Stays, Way};
use crate::escape;
use crate::exit::Exit;

/// How far the clocks of the machines that write to the broker may be apart.
const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(1);

/// A producer that keeps to a pace. What comes late is not made up for: the stages would get it at once.
struct Sender {
    producer: Producer,
    pace: Interval,
}

impl Sender {
    fn open(kafka: &KafkaSettings, rate: u32) -> anyhow::Result<Self> {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { producer: Producer::open(kafka, "cordon-cli")?, pace })
    }
}

/// Runs the command on what the topic holds.
pub async fn run(args: &RedriveArgs, kafka: &KafkaSettings, all: &[Inbound]) -> anyhow::Result<Exit> {
    let chosen: Vec<Letter<'_>> = all.iter().map(Letter).filter(|letter| is_chosen(*letter, args)).collect();
    let missing = missing(&args.places, &chosen);
    for place in &missing {
        println!("{place}  no such dead letter, or not of this stage and reason");
    }
    let back = look_back(&chosen, kafka).await?;
    let mut sender = if args.yes { Some(Sender::open(kafka, args.rate)?) } else { None };
    let (mut sent, mut done, mut stay) = (0_usize, 0_usize, missing.len());
    for letter in chosen {
        match plan::plan(letter, kafka, &back) {
            Ok(way) => {
                sent += 1;
                println!("{}", send(letter, &way, kafka, sender.as_mut()).await?);
            }
            Err(stays) => {
                *if stays.is_done() { &mut done } else { &mut stay } += 1;
                println!("{}", told(letter, &stays));
            }
        }
    }
    let verb = if args.yes { "sent back" } else { "would be sent back; nothing was sent, add --yes to send" };
    eprintln!("{stay} cannot be, {done} were before, {sent} {verb}");
    Ok(if stay == 0 { Exit::Ok } else { Exit::Negative })
}

fn is_chosen(letter: Letter<'_>, args: &RedriveArgs) -> bool {
    letter.passes(&args.filter) && (args.places.is_empty() || args.places.contains(&letter.place()))
}

fn missing(places: &[Place], chosen: &[Letter<'_>]) -> Vec<Place> {
    let is_there = |place: &Place| chosen.iter().any(|letter| letter.place() == *place);
    places.iter().copied().filter(|place| !is_there(place)).collect()
}

/// What is back already, read from the targets since the oldest dead letter: a record comes back after it died.
async fn look_back(chosen: &[Letter<'_>], kafka: &KafkaSettings) -> anyhow::Result<Back> {
    let mut since: BTreeMap<Topic, Timestamp> = BTreeMap::new();
    for letter in chosen {
        if let Ok(way) = plan::way(*letter, kafka) {
            let died = letter.0.timestamp.unwrap_or(Timestamp::UNIX_EPOCH);
            since.entry(way.topic).and_modify(|oldest| *oldest = died.min(*oldest)).or_insert(died);
        }
    }
    let mut back = Back::new();
    for (topic, died) in since {
        let since = died.checked_sub(CLOCKS_APART).unwrap_or(Timestamp::UNIX_EPOCH);
        let look = |back: &mut Back, record: Inbound| back.extend(plan::back(&record));
        back = kafka::fold_since(kafka, topic, since, back, look).await?;
    }
    Ok(back)
}

/// Sends it where there is a sender, and says so.
async fn send(
    letter: Letter<'_>,
    way: &Way,
    kafka: &KafkaSettings,
    sender: Option<&mut Sender>,
) -> anyhow::Result<String> {
    let (place, topic, key) = (letter.place(), kafka.topic(way.topic), key(letter));
    let (count, most) = (way.count, plan::MAX_REDRIVES);
    let Some(sender) = sender else {
        return Ok(format!("{place}  would go to {topic} with key {key}, send {count} of {most}"));
    };
    let headers = plan::headers(letter, way);
    sender.pace.tick().await;
    let at = dead_letter::send_back(&sender.producer, letter.0, way.topic, &headers).await?;
    let now = format!("{topic}/{}/{}", at.partition, at.offset);
    Ok(format!("{place}  is back at {now} with key {key}, send {count} of {most}"))
}

fn key(letter: Letter<'_>) -> String {
    letter.0.key.as_deref().map_or_else(|| "(none)".to_owned(), escape::bytes)
}

fn told(letter: Letter<'_>, stays: &Stays) -> String {
    format!("{}  stays: {}", letter.place(), escape::text(&stays.to_string()))
}
