//! What has been sent: the compacted topic `notified`, and who may write it.
//!
//! The holder reads the topic to its end before it sends anything, and its claim in the same topic tells an older
//! holder's records from its own. Should an older holder wake up late, both may send one mail: it has the same
//! `Message-ID` in both mailboxes, and neither is lost.
//!
//! A digest is written down twice: as planned with its bytes before it is sent, so that whoever takes over sends that very
//! mail and tells none of its reports otherwise, and as sent afterwards. The plan is read back first: where a newer claim
//! stands before it, the newer holder tells these reports, and the plan of the older one counts for nobody. One that
//! froze later sends the very mail that its successor found planned. A digest that every reader refuses is written down
//! as telling nothing: its reports are dead letters, and are told when they come back. A mail that some readers do not
//! have yet carries its bytes too, and who they are. What was sent longer ago than a report is kept gets a tombstone: it
//! cannot come again.

use std::collections::{BTreeMap, HashMap, HashSet};

use cordon_records::{Cleanup, Headers, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Claimed, Inbound, KafkaFailure, Outbound};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::error::NotifyError;

mod record;

pub use record::{
    MailRecord, NextLetter, NotifiedRecord, Planned, Reader, SEEN_KEY, Seen, Sent, Stored, Tells, Waiting,
};

/// Before the notification key in the Kafka key of a mail; no other record has it.
const MAIL: &str = "mail/";

/// How far dead letters are told, of each partition: as that mail says which tells of the newest of them. The record of an
/// older mail may be the newer one (who waited for it got it later), and on a topic that was made anew offsets begin again.
/// Beside each stands the time by which mails are put in order: where the newest letter is not dated, the mail's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldLetters(BTreeMap<i32, (Timestamp, NextLetter)>);

impl ToldLetters {
    /// Takes what a mail of that time says.
    fn add(&mut self, tells: &[NextLetter], at: Timestamp) {
        for said in tells {
            let at = said.newest.unwrap_or(at);
            if self.0.get(&said.partition).is_none_or(|(then, told)| (*then, told.offset) < (at, said.offset)) {
                self.0.insert(said.partition, (at, *said));
            }
        }
    }

    /// How far a partition is told to which so many records were written. One that is shorter than what was told of it
    /// was made anew, and nothing of it is told.
    #[must_use]
    pub fn next(&self, partition: i32, high: i64) -> Option<NextLetter> {
        self.0.get(&partition).map(|(_, told)| *told).filter(|told| told.offset <= high)
    }

    /// Forgets what was told of a partition that was made anew.
    pub fn forget(&mut self, partition: i32) {
        self.0.remove(&partition);
    }
}

/// What the topic says, read in its order. Keys of mails are kept as hashes: there may be a million.
#[derive(Debug, Default)]
pub struct Memory {
    known: HashSet<[u8; 16]>,
    unfinished: HashMap<String, (i64, Unfinished)>,
    dead_letters: ToldLetters,
    outdated: Vec<String>,
}

/// A mail that a former holder has not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfinished {
    /// Send it, whether it was sent or not: its `Message-ID` is the same.
    Planned(Box<Planned>),
    /// Some readers do not have it.
    Waiting(Box<Sent>, Waiting),
}

impl Memory {
    /// Takes the next record, with the highest epoch up to it; those of mails that were sent before `horizon` are to be
    /// forgotten. The Kafka key of a mail counts also where the value is of a later version; a tombstone is no mail.
    fn fold(&mut self, (record, claimed): (&Inbound, u64), horizon: Timestamp) {
        let Some(key) = mail_key(record).map(str::to_owned) else { return };
        let read = record.json();
        if let Ok(NotifiedRecord::Planned(planned)) = &read
            && planned.epoch < claimed
        {
            return self.pass_over(key);
        }
        self.known.insert(hash(&key));
        if let Some((_, Unfinished::Planned(planned))) = self.unfinished.remove(&key) {
            self.forget(&planned.tells.keys);
        }
        let (tells, at, unfinished) = match read {
            Ok(NotifiedRecord::Sent(mut sent)) => {
                let waiting = sent.waiting.take();
                let unfinished = waiting.map(|waiting| Unfinished::Waiting(Box::new(sent.clone()), waiting));
                (sent.tells, sent.at, unfinished)
            }
            Ok(NotifiedRecord::Planned(planned)) => {
                (planned.tells.clone(), planned.at, Some(Unfinished::Planned(Box::new(planned))))
            }
            Ok(NotifiedRecord::Claim(_) | NotifiedRecord::Seen(_)) | Err(_) => return,
        };
        self.known.extend(tells.keys.iter().map(|key| hash(key)));
        self.dead_letters.add(&tells.dead_letters, at);
        match unfinished {
            Some(unfinished) => {
                self.unfinished.insert(key, (record.offset, unfinished));
            }
            None if at < horizon => self.outdated.push(key),
            None => {}
        }
    }

    /// The plan of a holder that woke up too late. It goes before compaction takes away the claim that tells so, but for
    /// what waits under the same key: that is written down anew when it is tried.
    fn pass_over(&mut self, key: String) {
        tracing::warn!(key, "a former holder planned a digest after it was replaced; it is not sent");
        if !self.unfinished.contains_key(&key) {
            self.outdated.push(key);
        }
    }

    fn forget(&mut self, keys: &[String]) {
        keys.iter().for_each(|key| {
            self.known.remove(&hash(key));
        });
    }

    /// Whether a mail under this notification key is done with, or a digest tells of it.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.known.contains(&hash(key))
    }

    /// What is not finished, in the order in which it was written.
    fn take_unfinished(&mut self) -> Vec<(String, Unfinished)> {
        let mut all: Vec<_> = self.unfinished.drain().collect();
        all.sort_by_key(|(_, (offset, _))| *offset);
        all.into_iter().map(|(key, (_, unfinished))| (key, unfinished)).collect()
    }
}

/// The holder's view of `notified`.
pub struct Notified {
    log: Claimed,
    memory: Memory,
}

impl Notified {
    /// Claims the topic and reads it to the claim.
    ///
    /// # Errors
    /// [`KafkaFailure`] when the topic cannot be read or written.
    pub async fn claim(context: &Context) -> Result<Self, KafkaFailure> {
        let horizon = horizon(context.clock.now());
        let mut memory = Memory::default();
        let fold = |record: Inbound, claimed| memory.fold((&record, claimed), horizon);
        let mut log = Claimed::take(context, Topic::Notified, fold).await?;
        log.rest()?;
        for key in std::mem::take(&mut memory.outdated) {
            let key = Some(format!("{MAIL}{key}"));
            let headers = Headers::default();
            context.producer.send(Outbound { topic: Topic::Notified, key, headers, value: None }).await?;
        }
        Ok(Self { log, memory })
    }

    /// The epoch of the claim.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.log.epoch()
    }

    /// As [`Memory::knows`].
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.memory.knows(key)
    }

    /// As `Memory::take_unfinished`: what a former holder has left.
    pub fn take_unfinished(&mut self) -> Vec<(String, Unfinished)> {
        self.memory.take_unfinished()
    }

    /// How far a former holder's mails tell of dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> &ToldLetters {
        &self.memory.dead_letters
    }

    /// Writes down a mail and gives the record's offset. Repeating it after a doubtful failure does no harm: the topic
    /// keeps the newest record of each key.
    ///
    /// # Errors
    /// [`NotifyError`] when the record cannot be made or written.
    pub async fn write(&self, key: &str, mail: &MailRecord) -> Result<i64, NotifyError> {
        let (kind, id, at) = match mail {
            MailRecord::Sent(sent) => ("mail.sent", &sent.message_id, sent.at),
            MailRecord::Planned(planned) => ("mail.planned", &planned.message_id, planned.at),
        };
        let headers = Headers::event("notify", kind, id, at, key);
        let value = serde_json::to_vec(&NotifiedRecord::from(mail.clone()))?;
        Ok(self.log.append(&format!("{MAIL}{key}"), headers, value).await?)
    }

    /// As [`Claimed::stands`]: whether a plan counts that was written at `offset`.
    ///
    /// # Errors
    /// [`NotifyError`] when the topic cannot be read for good.
    pub async fn stands(&mut self, offset: i64) -> Result<bool, NotifyError> {
        Ok(self.log.stands(offset).await?)
    }

    /// Remembers a mail that was written down, and what it tells.
    pub fn insert(&mut self, key: &str, tells: &Tells) {
        self.memory.known.insert(hash(key));
        self.memory.known.extend(tells.keys.iter().map(|key| hash(key)));
    }

    /// Nobody took the digest that was to tell these.
    pub fn forget(&mut self, keys: &[String]) {
        self.memory.forget(keys);
    }
}

/// Whatever was sent before is about reports that are no longer kept.
fn horizon(now: Timestamp) -> Timestamp {
    let Cleanup::Delete(kept) = Topic::Actions.spec().cleanup else { return Timestamp::MIN };
    SignedDuration::try_from(kept).ok().and_then(|kept| now.checked_sub(kept).ok()).unwrap_or(Timestamp::MIN)
}

/// The first 16 bytes of SHA-256.
fn hash(key: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(Sha256::digest(key.as_bytes())).for_each(|(to, byte)| *to = byte);
    short
}

/// The notification key, if the record tells of a mail. The Kafka key alone counts, so that a record of a later
/// version is understood too; a tombstone is no mail.
fn mail_key(record: &Inbound) -> Option<&str> {
    record.value.as_ref()?;
    record.key_text()?.strip_prefix(MAIL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-11-29T00:00:00Z".parse().unwrap();
        start + SignedDuration::from_mins(minute)
    }

    /// A mail of that minute, that tells up to this offset; a build that says so adds the minute of the newest letter.
    fn told(memory: &mut Memory, (key, at): (&str, i64), offset: i64, newest: Option<i64>) {
        let next = NextLetter { partition: 2, offset, newest: newest.map(minute) };
        let (at, tells) = (minute(at), Tells { keys: Vec::new(), dead_letters: vec![next] });
        let sent = Sent { report: key.into(), message_id: key.into(), readers: 1, epoch: 1, at, waiting: None, tells };
        let record = Inbound {
            topic: Topic::Notified,
            topic_name: "cordon.notified".into(),
            partition: 0,
            offset: 0,
            key: Some(format!("mail/{key}").into_bytes()),
            headers: Headers::default(),
            value: Some(serde_json::to_vec(&NotifiedRecord::Sent(sent)).unwrap()),
            timestamp: None,
        };
        memory.fold((&record, 1), Timestamp::MIN);
    }

    #[test]
    fn dead_letters_are_told_as_far_as_any_mail_tells_also_where_an_older_mail_was_written_down_last() {
        let mut memory = Memory::default();
        told(&mut memory, ("second", 9), 500, Some(8));
        told(&mut memory, ("first", 2), 3, Some(1));
        let next = |memory: &Memory, partition, high| memory.dead_letters.next(partition, high).map(|told| told.offset);
        assert_eq!((next(&memory, 2, 500), next(&memory, 0, 500)), (Some(500), None));
        assert_eq!(next(&memory, 2, 40), None, "of a topic that was made anew, and is shorter, nothing is told");
    }

    #[test]
    fn of_a_topic_that_was_made_anew_that_is_told_which_was_told_last_also_once_it_is_as_long_as_the_one_before() {
        for newest in [[None, None], [None, Some(12)], [Some(8), Some(12)]] {
            let mut memory = Memory::default();
            told(&mut memory, ("before", 9), 500, newest[0]);
            told(&mut memory, ("anew", 13), 3, newest[1]);
            let next = |high| memory.dead_letters.next(2, high).map(|told| told.offset);
            assert_eq!([next(2), next(40), next(600)], [None, Some(3), Some(3)], "{newest:?}");
        }
    }

    #[test]
    fn where_an_older_build_does_not_say_when_the_newest_was_written_the_letters_before_are_told_whenever_that_was() {
        let mut memory = Memory::default();
        told(&mut memory, ("older", 9), 500, None);
        let told = memory.dead_letters.next(2, 500).unwrap();
        assert_eq!([Some(minute(900)), Some(minute(1)), None].map(|at| told.covers(499, at)), [true; 3]);
        assert!(!told.covers(500, Some(minute(1))));
    }

    #[test]
    fn what_stands_where_a_letter_was_told_and_is_newer_than_it_is_another_one() {
        let next = NextLetter { partition: 2, offset: 3, newest: Some(minute(8)) };
        let covers = |offset, at: Option<i64>| next.covers(offset, at.map(minute));
        assert_eq!([covers(2, Some(8)), covers(0, Some(1)), covers(0, None)], [true; 3]);
        assert_eq!([covers(2, Some(9)), covers(3, Some(8)), covers(3, None)], [false; 3]);
        assert_eq!(next.and(7, Some(minute(5))), NextLetter { offset: 8, ..next });
        assert_eq!(next.and(1, Some(minute(9))), NextLetter { newest: Some(minute(9)), ..next });
    }
}
