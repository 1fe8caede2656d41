//! What has been sent: the compacted topic `notified`, and who may write it.
//!
//! The holder reads the topic to its end before it sends anything, and its claim in the same topic tells an older
//! holder's records from its own. Should an older holder wake up late, both may send one mail: it has the same
//! `Message-ID` in both mailboxes, and neither is lost.

use std::collections::HashSet;

use cordon_records::{Claim, Headers, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Inbound, KafkaFailure, StateLog, claim};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::NotifyError;

/// The Kafka key of claims. A mail's key never is this: it begins with `mail/`.
const CLAIM_KEY: &str = "claim";

/// A record on `notified`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum NotifiedRecord {
    /// Who sends now.
    Claim(Claim),
    /// A mail that was taken. The Kafka key is `mail/` and the notification key.
    Sent(Sent),
}

/// One mail that is done with.
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
}

/// The holder's view of `notified`.
pub struct Notified {
    log: StateLog,
    keys: HashSet<String>,
    epoch: u64,
}

impl Notified {
    /// Claims the topic and reads it to the claim.
    ///
    /// # Errors
    /// [`KafkaFailure`] when the topic cannot be read or the claim not written.
    pub async fn claim(context: &Context) -> Result<Self, KafkaFailure> {
        let mut log = StateLog::open(context, Topic::Notified).await?;
        let mut keys = HashSet::new();
        let make = |epoch| claim_record(context, epoch);
        let fold = |record: Inbound| {
            keys.extend(mail_key(&record).map(str::to_owned));
        };
        let epoch = claim(&mut log, make, epoch_of, fold).await?;
        Ok(Self { log, keys, epoch })
    }

    /// The epoch of the claim.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether a mail under this notification key is done with.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// Writes down that a mail is done with. Repeating it after a doubtful failure does no harm: the topic keeps the
    /// newest record of each key.
    ///
    /// # Errors
    /// [`NotifyError`] when the record cannot be made or written.
    pub async fn write(&self, key: &str, sent: &Sent) -> Result<(), NotifyError> {
        let headers = Headers::event("notify", "mail.sent", &sent.message_id, sent.at, key);
        let value = serde_json::to_vec(&NotifiedRecord::Sent(sent.clone()))?;
        self.log.append(&format!("mail/{key}"), headers, value).await?;
        Ok(())
    }

    /// Remembers a mail that was written down.
    pub fn insert(&mut self, key: &str) {
        self.keys.insert(key.to_owned());
    }
}

fn claim_record(context: &Context, epoch: u64) -> (String, Headers, Vec<u8>) {
    let at = context.clock.now();
    let claim = Claim { epoch, owner: context.owner.clone(), at };
    let id = format!("claim#{epoch}#{}", context.owner);
    let headers = Headers::event("notify", "mail.claim", &id, at, CLAIM_KEY);
    // A claim is made of a number, a text and a time: it always has a JSON form.
    let value = serde_json::to_vec(&NotifiedRecord::Claim(claim)).unwrap_or_default();
    (CLAIM_KEY.to_owned(), headers, value)
}

/// The epoch, if the record is a claim.
fn epoch_of(record: &Inbound) -> Option<u64> {
    match record.json().ok()? {
        NotifiedRecord::Claim(claim) => Some(claim.epoch),
        NotifiedRecord::Sent(_) => None,
    }
}

/// The notification key, if the record tells of a mail. The Kafka key alone counts, so that a record of a later
/// version is understood too; a tombstone is no mail.
fn mail_key(record: &Inbound) -> Option<&str> {
    record.value.as_ref()?;
    record.key_text()?.strip_prefix("mail/")
}
