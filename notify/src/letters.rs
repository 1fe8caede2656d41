//! Dead letters are told: the first at once, the others in a digest, whatever stage gave them up.
//!
//! They are read by assignment, without a group: READ and DESCRIBE on the topic of dead letters are all that it takes.
//! Where reading begins again is written down with each mail that tells of them (`notified`), with the time of the newest
//! that it tells: the last of them is read once more, and a letter in its place that is newer shows that the topic was made
//! anew, where nothing is told yet. An installation that has no such mail begins at the oldest. Whoever may not read
//! them goes on sending mails and says that it is not ready.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cordon_records::{DeadLetterReason, Topic, dead_letter_header as header};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Inbound, KafkaFailure, KafkaSettings, Tail, positions};
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::clean::{self, MAX_BLOCK};
use crate::digest::{self, Item, WORST};
use crate::facts;
use crate::facts::Section;
use crate::message::Message;
use crate::notified::{NextLetter, ToldLetters};
use crate::window::Window;
use crate::wording;

/// The name under which health speaks of them.
const COMPONENT: &str = "dead-letters";
/// The pause after they could not be read.
const PAUSE: Duration = Duration::from_secs(30);
/// So many are kept for one digest. They hold up nobody, and a topic full of them is one mail; this bounds the memory.
const MOST: usize = 20_000;

/// What a dead letter stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A record that a stage put aside.
    Record,
    /// Records that were deleted before a stage read them: nothing of them is kept.
    Lost,
    /// A mail that somebody did not get, or a report of which notify could make none.
    Mail,
}

/// One of them, as mails show it. Its headers are foreign text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Who gave up.
    pub stage: String,
    /// Why, in a word.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// Where the record came from; nowhere, for an item of the alert list or a mail.
    pub origin: Option<String>,
    /// What it stands for.
    pub sort: Sort,
    /// How many records it stands for: more than one only where they are lost.
    pub records: usize,
    /// When it was given up.
    pub at: Timestamp,
}

impl DeadLetter {
    /// Reads its headers; what is missing is said to be.
    #[must_use]
    pub fn of(record: &Inbound, now: Timestamp) -> Self {
        let said = |name| record.headers.text(name);
        let word = |name| clean::foreign(said(name).unwrap_or("unknown"), 40);
        let part = |name| said(name).unwrap_or("?");
        let sort = match (said(header::REASON), said(header::STAGE)) {
            (Some(reason), _) if reason == DeadLetterReason::Lost.as_str() => Sort::Lost,
            (_, Some("notify")) => Sort::Mail,
            (_, Some(_) | None) => Sort::Record,
        };
        let last = said(header::LAST_OFFSET).filter(|_| sort == Sort::Lost);
        let range = last.map(|last| format!("-{last}")).unwrap_or_default();
        let origin = said(header::TOPIC)
            .map(|topic| format!("{topic}/{}/{}{range}", part(header::PARTITION), part(header::OFFSET)));
        let number = |text: Option<&str>| text?.parse::<i64>().ok();
        let span = number(last).zip(number(said(header::OFFSET))).map(|(last, first)| last.saturating_sub(first));
        let records = span.and_then(|span| usize::try_from(span).ok()).map_or(1, |span| span.saturating_add(1));
        Self {
            sort,
            records,
            partition: record.partition,
            offset: record.offset,
            stage: word(header::STAGE),
            reason: word(header::REASON),
            detail: clean::foreign(said(header::DETAIL).unwrap_or("nothing was said"), MAX_BLOCK),
            origin: origin.map(|origin| clean::line(&origin, 120)),
            at: said(header::FAILED_AT).and_then(|at| at.parse().ok()).or(record.timestamp).unwrap_or(now),
        }
    }

    /// Who gave up and why, in two words.
    #[must_use]
    pub fn cause(&self) -> String {
        format!("{} {}", self.stage, self.reason)
    }
}

/// The mail that tells of these, and of how many it tells nothing; `None` for none.
#[must_use]
pub fn message(letters: &[&DeadLetter], left_out: usize) -> Option<Message> {
    let (first, newest) = (letters.first()?, letters.iter().map(|letter| letter.at).max()?);
    // With its time: in its place on a topic that was made anew there is another one.
    let key = format!("dead-letters|{}/{}@{}", first.partition, first.offset, first.at);
    let mut message = digest::folded(wording::of_dead_letters(letters), key, newest);
    let mut counts = vec![("Dead letters", letters.len().to_string()), ("Stage, reason", causes(letters))];
    let lost = count(letters, Sort::Lost);
    counts.extend((lost > 0).then(|| ("Deleted unread", lost.to_string())));
    counts.extend(letters.iter().map(|letter| letter.at).min().map(|at| ("First", facts::instant(at))));
    counts.extend((letters.len() > 1).then(|| ("Last", facts::instant(newest))));
    counts.extend(digest::not_shown(left_out));
    message.sections = vec![Section { title: "In numbers", facts: counts, link: None }];
    message.items_title = if letters.len() > WORST { "Examples" } else { "One by one" };
    message.items = examples(letters).into_iter().map(item).collect();
    Some(message)
}

/// Stage and reason with the number of records, the most frequent first.
#[must_use]
pub fn causes(letters: &[&DeadLetter]) -> String {
    let causes: Vec<String> = letters.iter().map(|letter| letter.cause()).collect();
    digest::weighed(causes.iter().zip(letters).map(|(cause, letter)| (cause.as_str(), letter.records)))
}

/// How many records of a sort there are.
#[must_use]
pub fn count(letters: &[&DeadLetter], sort: Sort) -> usize {
    letters.iter().filter(|letter| letter.sort == sort).fold(0, |sum, letter| sum.saturating_add(letter.records))
}

/// One of each cause first.
fn examples<'a>(letters: &[&'a DeadLetter]) -> Vec<&'a DeadLetter> {
    let mut causes = BTreeSet::new();
    let (mut shown, others): (Vec<_>, Vec<_>) =
        letters.iter().copied().partition(|letter: &&DeadLetter| causes.insert(letter.cause()));
    shown.extend(others);
    shown.truncate(WORST);
    shown
}

fn item(letter: &DeadLetter) -> Item {
    let came = if letter.sort == Sort::Lost { "They were at" } else { "It came from" };
    let from = letter.origin.as_ref().map(|origin| format!(". {came} {origin}")).unwrap_or_default();
    Item {
        head: format!("{}: {}", letter.stage, letter.reason),
        text: format!("{}{from}", letter.detail),
        command: format!("cordon dlq show {}/{}", letter.partition, letter.offset),
    }
}

/// Reads them and keeps them for their mail.
pub struct Letters {
    context: Context,
    reading: Reading,
    told: ToldLetters,
    next: BTreeMap<i32, NextLetter>,
    window: Window<DeadLetter>,
}

/// The letters from the last that the mails so far tell, and how far each partition is told.
type Opened = Result<(Tail, BTreeMap<i32, NextLetter>), KafkaFailure>;

/// What a record on the topic is.
enum Standing {
    /// Nobody was told of it.
    New,
    /// A mail has told of it.
    Told,
    /// Another one than what was told of this place.
    OfANewTopic(NextLetter),
}

enum Reading {
    /// Not before then.
    Resting(Instant),
    Opening(JoinHandle<Opened>),
    Open(Tail),
}

impl Letters {
    /// Begins where the mails so far end.
    #[must_use]
    pub fn new(context: &Context, told: &ToldLetters, span: Duration) -> Self {
        Self {
            context: context.clone(),
            reading: Reading::Resting(Instant::now()),
            told: told.clone(),
            next: BTreeMap::new(),
            window: Window::new(span, MOST),
        }
    }

    /// The next one. Waits for ever for it, also while they cannot be read. Cancel-safe.
    pub async fn next(&mut self) -> Inbound {
        loop {
            let failure = match &mut self.reading {
                Reading::Resting(until) => {
                    sleep_until(*until).await;
                    let opening = open(self.context.kafka.clone(), self.told.clone(), self.next.clone());
                    self.reading = Reading::Opening(tokio::spawn(opening));
                    continue;
                }
                Reading::Opening(opening) => match opening.await {
                    Ok(Ok((tail, next))) => {
                        self.next = next;
                        self.context.health.set_ready(COMPONENT, true, "");
                        self.reading = Reading::Open(tail);
                        continue;
                    }
                    Ok(Err(failure)) => failure,
                    Err(_) => KafkaFailure::Dead("opening the topic of dead letters was aborted".to_owned()),
                },
                Reading::Open(tail) => match tail.next().await {
                    Ok(record) => match self.standing(&record) {
                        Standing::New => return record,
                        Standing::Told => continue,
                        Standing::OfANewTopic(told) => {
                            self.begin_anew(told);
                            continue;
                        }
                    },
                    Err(failure) => failure,
                },
            };
            let why = format!(
                "dead letters cannot be read, so nobody is told of them: {failure}; notify needs READ and DESCRIBE on {}",
                self.context.kafka.topic(Topic::DeadLetters)
            );
            tracing::error!(why, again_in = ?PAUSE, "mails go on");
            self.context.health.set_ready(COMPONENT, false, &why);
            self.reading = Reading::Resting(Instant::now() + PAUSE);
        }
    }

    fn standing(&self, record: &Inbound) -> Standing {
        match self.next.get(&record.partition) {
            Some(told) if told.covers(record.offset, record.timestamp) => Standing::Told,
            Some(told) if record.offset < told.offset => Standing::OfANewTopic(*told),
            Some(_) | None => Standing::New,
        }
    }

    /// Reads a partition from its oldest letter on: what was told of it was told of a topic that is gone.
    fn begin_anew(&mut self, NextLetter { partition, offset, .. }: NextLetter) {
        tracing::warn!(
            partition,
            before = offset,
            "the topic of dead letters was made anew; all that it holds is told"
        );
        self.told.forget(partition);
        self.next.remove(&partition);
        self.reading = Reading::Resting(Instant::now());
    }

    /// Takes one up; gives it back when it is to be told at once.
    pub fn take_up(&mut self, record: &Inbound, now: Instant) -> Option<DeadLetter> {
        let (partition, offset) = (record.partition, record.offset);
        let told = self.next.entry(partition).or_insert(NextLetter { partition, offset, newest: None });
        *told = told.and(offset, record.timestamp);
        self.window.offer(DeadLetter::of(record, self.context.clock.now()), true, now)
    }

    /// What the digest tells, if it is due.
    pub fn due(&mut self, now: Instant) -> Vec<DeadLetter> {
        if self.window.is_due(now) { self.window.take(now) } else { Vec::new() }
    }

    /// When the digest is due.
    #[must_use]
    pub fn ends(&self) -> Option<Instant> {
        self.window.ends()
    }

    /// How far they are told once all that was taken up is told.
    #[must_use]
    pub fn position(&self) -> Vec<NextLetter> {
        self.next.values().copied().collect()
    }
}

/// Takes up position at the last that was read, or else at the last that is told.
async fn open(kafka: KafkaSettings, told: ToldLetters, mut next: BTreeMap<i32, NextLetter>) -> Opened {
    for at in positions(&kafka, None, Topic::DeadLetters).await? {
        if let Some(told) = told.next(at.partition, at.high) {
            next.entry(at.partition).or_insert(told);
        }
    }
    let last = next.iter().map(|(partition, told)| (*partition, told.offset.saturating_sub(1).max(0))).collect();
    Ok((Tail::resume(&kafka, Topic::DeadLetters, last).await?, next))
}

impl Drop for Letters {
    fn drop(&mut self) {
        // Whoever does not send reads none.
        self.context.health.set_ready(COMPONENT, true, "");
    }
}
