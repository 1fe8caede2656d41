//! The records on `notified`: who sends, what was sent or is about to be, and what people have seen.

use cordon_records::Claim;
use jiff::Timestamp;
use lettre::Address;
use lettre::address::AddressError;
use serde::{Deserialize, Serialize};

use crate::render::Mail;

/// The Kafka key of what people have seen of the dead letters.
pub const SEEN_KEY: &str = "dead-letters/seen";

/// A record on `notified`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum NotifiedRecord {
    /// Who sends now.
    Claim(Claim),
    /// A mail that was taken. The Kafka key is `mail/` and the notification key.
    Sent(Sent),
    /// A mail about many things that is about to be sent, under the same key.
    Planned(Planned),
    /// People have seen the dead letters up to here. The Kafka key is [`SEEN_KEY`]; `cordon dlq seen` writes it, and
    /// whoever sends passes it over.
    Seen(Seen),
}

/// What people have seen of the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The first offset of each partition that nobody has seen. What is newer than [`NextLetter::newest`] is not meant.
    pub dead_letters: Vec<NextLetter>,
    /// Who said so: user and host, unproven.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// One mail that is done with, but for readers that still wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Id of the report that it told.
    pub report: String,
    /// Its `Message-ID`.
    pub message_id: String,
    /// Number of readers whose mail was taken.
    pub readers: usize,
    /// The sender's epoch.
    pub epoch: u64,
    /// When.
    pub at: Timestamp,
    /// Who does not have it yet, and the mail for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What else it tells.
    #[serde(flatten)]
    pub tells: Tells,
}

/// What a mail about many things tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tells {
    /// The notification keys of its reports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// For a mail about dead letters: the first offset of each partition that it and the mails before it do not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead_letters: Vec<NextLetter>,
}

/// How far the dead letters of one partition are told, or seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextLetter {
    /// The partition.
    pub partition: i32,
    /// The first offset that is not.
    pub offset: i64,
    /// When the newest of those before it was written to the topic. On a topic that was made anew offsets begin again: what
    /// stands before `offset` and is newer is another letter. Older builds do not say: what stands before `offset` is
    /// meant then, whenever it was written. The time of their word is that of another clock than the one that stamps
    /// letters, or the time at which the newest was given up, before it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
}

impl NextLetter {
    /// Whether the letter at this offset is one of those before: `false` for what is written on a topic that was made anew.
    #[must_use]
    pub fn covers(&self, offset: i64, written_at: Option<Timestamp>) -> bool {
        offset < self.offset && !self.is_outlived_by(written_at)
    }

    /// Whether what was written then is newer than all that this speaks of.
    fn is_outlived_by(&self, written_at: Option<Timestamp>) -> bool {
        self.newest.zip(written_at).is_some_and(|(newest, written_at)| written_at > newest)
    }

    /// With this letter, too.
    #[must_use]
    pub fn and(self, offset: i64, written_at: Option<Timestamp>) -> Self {
        Self { offset: self.offset.max(offset.saturating_add(1)), newest: self.newest.max(written_at), ..self }
    }
}

/// Readers that were put off, and the mail for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Who.
    pub readers: Vec<Reader>,
    /// Until when they are tried.
    pub until: Timestamp,
    /// The mail.
    #[serde(flatten)]
    pub mail: Stored,
}

/// A mail as the topic keeps it: its bytes are ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The envelope's sender.
    pub from: Reader,
    /// The envelope's recipients.
    pub to: Vec<Reader>,
    /// Headers and body.
    pub mime: String,
}

/// An address as the topic keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reader(pub Address);

impl TryFrom<String> for Reader {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse().map(Self)
    }
}

impl From<Reader> for String {
    fn from(reader: Reader) -> Self {
        reader.0.to_string()
    }
}

/// A mail that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its `Message-ID`.
    pub message_id: String,
    /// The mail.
    #[serde(flatten)]
    pub mail: Stored,
    /// What it tells.
    #[serde(flatten)]
    pub tells: Tells,
    /// The sender's epoch.
    pub epoch: u64,
    /// When it was planned.
    pub at: Timestamp,
}

impl Stored {
    /// For the topic.
    #[must_use]
    pub fn of(mail: &Mail) -> Self {
        let mime = String::from_utf8_lossy(&mail.mime).into_owned();
        Self { from: Reader(mail.from.clone()), to: mail.to.iter().cloned().map(Reader).collect(), mime }
    }

    /// For the wire.
    #[must_use]
    pub fn mail(self, message_id: &str) -> Mail {
        let to = self.to.into_iter().map(|reader| reader.0).collect();
        Mail { message_id: message_id.to_owned(), from: self.from.0, to, mime: self.mime.into_bytes() }
    }
}

/// What is written down of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailRecord {
    /// [`NotifiedRecord::Sent`].
    Sent(Sent),
    /// [`NotifiedRecord::Planned`].
    Planned(Planned),
}

impl MailRecord {
    /// What it tells.
    #[must_use]
    pub const fn tells(&self) -> &Tells {
        match self {
            Self::Sent(sent) => &sent.tells,
            Self::Planned(planned) => &planned.tells,
        }
    }
}

impl From<MailRecord> for NotifiedRecord {
    fn from(mail: MailRecord) -> Self {
        match mail {
            MailRecord::Sent(sent) => Self::Sent(sent),
            MailRecord::Planned(planned) => Self::Planned(planned),
        }
    }
}
