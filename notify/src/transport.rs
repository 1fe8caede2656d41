//! The port through which mails leave, and how far each mail has come with its readers: who has it, who is refused, who waits
//! because the server put them off. Pure; time is passed in.
//!
//! A reader that was put off rests, longer each time, and then gets one mail: when that is taken, the next follows at
//! once; when it is not, it goes to the end of the row, so that one mail that a mailbox never takes holds back no other.
//! Each mail has its deadline for each of its readers. Nothing here blocks anybody who is served.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use lettre::Address;
use tokio::time::Instant;

use crate::error::DeliveryError;
use crate::notified::{Sent, Waiting};
use crate::render::Mail;

/// The first rest of a reader that was put off; it doubles up to [`LONGEST_REST`]. Greylisting wants some minutes.
const FIRST_REST: Duration = Duration::from_secs(5);
/// RFC 5321, section 4.5.4.1 recommends half an hour or more between tries; alerts are in more of a hurry.
const LONGEST_REST: Duration = Duration::from_secs(900);
/// More mails than this do not wait: beyond, the oldest one is given up.
pub const MOST: usize = 500;

/// A way out for mails.
pub trait Transport: Send + Sync + 'static {
    /// Hands the mail to the readers that are still open, and settles each in `handover`. A reader whose mail the server
    /// does not take just now is put off, which is no error: the way out is open.
    ///
    /// # Errors
    /// [`DeliveryError`] when the way out failed before each reader had its answer. What was settled stays settled, so
    /// the next call serves only the rest.
    fn deliver(&self, mail: &Mail, handover: &mut Handover) -> impl Future<Output = Result<(), DeliveryError>> + Send;

    /// Sees whether the way is open, without sending anything.
    ///
    /// # Errors
    /// What stands in the way.
    fn check(&self) -> impl Future<Output = Result<(), DeliveryError>> + Send;

    /// What to call it in logs, without secrets.
    fn label(&self) -> String;
}

/// How far one mail has come with its readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// Readers without an answer.
    pub open: Vec<Address>,
    /// Number of readers whose mail was taken.
    pub taken: usize,
    /// Readers that were refused for good, with the answer.
    pub refused: Vec<(Address, String)>,
    /// Readers whose mail is not taken just now (a full mailbox, greylisting), with the answer.
    pub put_off: Vec<(Address, String)>,
}

impl Handover {
    /// Nobody has it yet.
    #[must_use]
    pub fn new(mail: &Mail) -> Self {
        Self::to(mail.to.clone())
    }

    /// Only these readers are still to have it.
    #[must_use]
    pub fn to(open: Vec<Address>) -> Self {
        Self { open, taken: 0, refused: Vec::new(), put_off: Vec::new() }
    }

    /// The reader's mail was taken.
    pub fn take(&mut self, reader: &Address) {
        self.open.retain(|open| open != reader);
        self.taken += 1;
    }

    /// The reader, or the mail for this reader, was refused for good.
    pub fn refuse(&mut self, reader: &Address, why: &str) {
        self.open.retain(|open| open != reader);
        self.refused.push((reader.clone(), why.to_owned()));
    }

    /// The reader's mail is not taken just now.
    pub fn put_off(&mut self, reader: &Address, why: &str) {
        self.open.retain(|open| open != reader);
        self.put_off.push((reader.clone(), why.to_owned()));
    }

    /// Whoever has no answer is put off.
    pub fn put_off_the_rest(&mut self, why: &str) {
        self.put_off.extend(self.open.drain(..).map(|reader| (reader, why.to_owned())));
    }

    /// All refusals in one line.
    #[must_use]
    pub fn refusals(&self) -> String {
        in_one_line(&self.refused)
    }
}

/// Readers, each with what was said, in one line.
#[must_use]
pub fn in_one_line(answers: &[(Address, String)]) -> String {
    answers.iter().map(|(reader, why)| format!("{reader}: {why}")).collect::<Vec<_>>().join("; ")
}

/// A mail that waits for some of its readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The notification key.
    pub key: String,
    /// The mail as it was handed to the others.
    pub mail: Mail,
    /// Who does not have it.
    pub readers: Vec<Address>,
    /// Until when they are tried.
    pub until: Timestamp,
    /// What is written down of it.
    pub sent: Sent,
}

impl Delivery {
    /// The delivery that is still to be made, where readers wait.
    #[must_use]
    pub fn of(key: &str, sent: &Sent, waiting: Waiting) -> Self {
        Self {
            key: key.to_owned(),
            mail: waiting.mail.mail(&sent.message_id),
            readers: waiting.readers.into_iter().map(|reader| reader.0).collect(),
            until: waiting.until,
            sent: sent.clone(),
        }
    }

    /// Takes over how a try ended for the readers that were tried. Gives back those that no longer wait; whoever was not
    /// tried still does.
    pub fn settle(&mut self, tried: &[Address], handover: &Handover) -> Vec<Address> {
        let waits = |reader: &Address| {
            handover.open.contains(reader) || handover.put_off.iter().any(|(put_off, _)| put_off == reader)
        };
        let settled: Vec<Address> = tried.iter().filter(|reader| !waits(reader)).cloned().collect();
        self.readers.retain(|reader| !settled.contains(reader));
        self.sent.readers += handover.taken;
        settled
    }
}

/// All mails that wait, in the order in which they are tried.
#[derive(Debug, Default)]
pub struct Queue {
    deliveries: VecDeque<Delivery>,
    resting: HashMap<Address, Rest>,
}

/// A reader that was put off.
#[derive(Debug)]
struct Rest {
    until: Instant,
    length: Duration,
    why: String,
}

impl Queue {
    /// Adds a mail at the end. Gives the oldest one back when there is no room.
    pub fn push(&mut self, delivery: Delivery) -> Option<Delivery> {
        let crowded_out = if self.deliveries.len() >= MOST { self.deliveries.pop_front() } else { None };
        self.deliveries.push_back(delivery);
        self.tidy();
        crowded_out
    }

    /// Why this reader is not to be tried now.
    #[must_use]
    pub fn rests(&self, reader: &Address, now: Instant) -> Option<&str> {
        self.resting.get(reader).filter(|rest| now < rest.until).map(|rest| rest.why.as_str())
    }

    /// The next mail of which a reader may be tried, and these readers. It is taken out of the row: [`Queue::push`] puts
    /// back what is left of it.
    pub fn due(&mut self, now: Instant) -> Option<(Delivery, Vec<Address>)> {
        let awake = |delivery: &Delivery| -> Vec<Address> {
            delivery.readers.iter().filter(|reader| self.rests(reader, now).is_none()).cloned().collect()
        };
        let (place, readers) = self.deliveries.iter().enumerate().find_map(|(place, delivery)| {
            let readers = awake(delivery);
            (!readers.is_empty()).then_some((place, readers))
        })?;
        Some((self.deliveries.remove(place)?, readers))
    }

    /// When [`Queue::due`] may have something; `None` while nothing waits.
    #[must_use]
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let readers = self.deliveries.iter().flat_map(|delivery| &delivery.readers);
        readers.map(|reader| self.resting.get(reader).map_or(now, |rest| rest.until)).min()
    }

    /// The server put this reader off: it rests.
    pub fn put_off(&mut self, reader: &Address, why: &str, now: Instant) {
        let before = self.resting.get(reader).map(|rest| rest.length);
        let length = before.map_or(FIRST_REST, |before| (before * 2).min(LONGEST_REST));
        self.resting.insert(reader.clone(), Rest { until: now + length, length, why: why.to_owned() });
    }

    /// The server took or refused a mail for this reader: it rests no more.
    pub fn answered(&mut self, reader: &Address) {
        self.resting.remove(reader);
    }

    /// How many mails wait, each counted for each of its readers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deliveries.iter().map(|delivery| delivery.readers.len()).sum()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// A reader is remembered for as long as a mail waits for it.
    fn tidy(&mut self) {
        let waits = |reader: &Address| self.deliveries.iter().any(|delivery| delivery.readers.contains(reader));
        self.resting.retain(|reader, _| waits(reader));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notified::Tells;

    fn address(name: &str) -> Address {
        format!("{name}@x.org").parse().unwrap()
    }

    fn delivery(key: &str, readers: &[&str]) -> Delivery {
        let readers: Vec<Address> = readers.iter().map(|name| address(name)).collect();
        let mail = Mail { message_id: key.into(), from: address("cordon"), to: readers.clone(), mime: Vec::new() };
        let until = "2026-11-29T00:00:00Z".parse().unwrap();
        let sent = Sent {
            report: key.into(),
            message_id: key.into(),
            readers: 0,
            epoch: 1,
            at: until,
            waiting: None,
            tells: Tells::default(),
        };
        Delivery { key: key.into(), mail, readers, until, sent }
    }

    fn due(queue: &mut Queue, now: Instant) -> Option<String> {
        queue.due(now).map(|(delivery, _)| delivery.key)
    }

    #[test]
    fn a_reader_that_was_put_off_rests_longer_each_time_and_the_others_do_not() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(delivery("m", &["a", "b"]));
        queue.put_off(&address("a"), "452 full", now);
        assert_eq!(queue.rests(&address("a"), now), Some("452 full"));
        assert_eq!(queue.due(now).map(|(_, readers)| readers), Some(vec![address("b")]));
        queue.push(delivery("m", &["a"]));
        assert_eq!(queue.next(now), Some(now + FIRST_REST));
        assert_eq!(due(&mut queue, now + FIRST_REST), Some("m".into()));
        queue.push(delivery("m", &["a"]));
        let mut at = now;
        for _ in 0..20 {
            at = queue.next(at).unwrap();
            queue.put_off(&address("a"), "452 full", at);
        }
        assert_eq!(queue.next(at), Some(at + LONGEST_REST));
    }

    #[test]
    fn a_mail_that_a_mailbox_never_takes_holds_back_no_other_mail_of_its_reader() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(delivery("never", &["a"]));
        queue.push(delivery("other", &["a"]));
        let (never, _) = queue.due(now).unwrap();
        queue.put_off(&address("a"), "452 too large", now);
        queue.push(never);
        assert_eq!(due(&mut queue, now), None);
        assert_eq!(due(&mut queue, now + FIRST_REST), Some("other".into()));
        queue.answered(&address("a"));
        assert_eq!(due(&mut queue, now + FIRST_REST), Some("never".into()), "at once after one that was taken");
    }

    #[test]
    fn only_who_was_tried_and_got_an_answer_waits_no_more() {
        let mut delivery = delivery("m", &["taken", "refused", "put_off", "open", "rests"]);
        let tried = delivery.readers[..4].to_vec();
        let mut handover = Handover::to(tried.clone());
        handover.take(&address("taken"));
        handover.refuse(&address("refused"), "550");
        handover.put_off(&address("put_off"), "452");
        assert_eq!(delivery.settle(&tried, &handover), [address("taken"), address("refused")]);
        assert_eq!(delivery.readers, [address("put_off"), address("open"), address("rests")]);
        assert_eq!(delivery.sent.readers, 1);
    }

    #[test]
    fn what_waits_is_bounded_and_the_oldest_goes_first() {
        let mut queue = Queue::default();
        for number in 0..MOST {
            assert_eq!(queue.push(delivery(&number.to_string(), &["a"])), None);
        }
        assert_eq!(queue.push(delivery("one more", &["a"])).map(|gone| gone.key), Some("0".into()));
        assert_eq!(queue.len(), MOST);
    }

    #[test]
    fn a_reader_for_whom_nothing_waits_is_forgotten() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put_off(&address("gone"), "452 full", now);
        queue.push(delivery("m", &["a"]));
        assert_eq!(queue.resting.len(), 0);
        assert_eq!(queue.next(now), Some(now));
        assert!(!queue.is_empty());
    }
}
