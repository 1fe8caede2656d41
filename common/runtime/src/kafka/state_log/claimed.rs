//! Taking a state log over.

use cordon_records::{Claim, ClaimRecord, Headers, Topic};

use super::StateLog;
use super::claims::{Claims, Step, epoch_of};
use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::records::Inbound;

/// A state log that this process has taken over, by a claim of an epoch above all that stood on the log. It knows when
/// somebody else has claimed it since.
#[derive(Debug)]
pub struct Claimed {
    log: StateLog,
    claims: Claims,
    epoch: u64,
}

impl Claimed {
    /// Takes the log over: reads to its present end, writes a claim of a higher epoch, and reads on until that claim is
    /// read back. When a record of the same or a higher epoch came first, claims again above it. So of two owners that
    /// race, both know from the log who won, and epochs are distinct. Every record read, claims included, goes through
    /// `fold` in the order of the log, with the highest epoch up to it.
    ///
    /// # Errors
    /// Those of reading and of [`StateLog::append`]. After any, nothing is claimed for sure: start over.
    pub async fn take(
        context: &Context,
        topic: Topic,
        mut fold: impl FnMut(Inbound, u64),
    ) -> Result<Self, KafkaFailure> {
        let mut log = StateLog::open(context, topic).await?;
        let mut claims = Claims::default();
        let end = log.end().await?;
        while !log.has_read(end) {
            if let Some(record) = log.item().await? {
                claims.observe(record.offset, epoch_of(&record));
                fold(record, claims.highest());
            }
        }
        loop {
            let epoch = claims.next_epoch();
            claims.claimed(write(&log, context, epoch).await?, epoch);
            loop {
                let record = log.next().await?;
                let step = claims.observe(record.offset, epoch_of(&record));
                fold(record, claims.highest());
                match step {
                    Step::ReadOn => {}
                    Step::Won(epoch) => return Ok(Self { log, claims, epoch }),
                    Step::ClaimAgain => break,
                }
            }
        }
    }

    /// The epoch of the claim.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// As [`StateLog::next`]. Cancel-safe.
    ///
    /// # Errors
    /// As [`StateLog::next`].
    pub async fn next(&mut self) -> Result<Inbound, KafkaFailure> {
        let record = self.log.next().await?;
        self.claims.observe(record.offset, epoch_of(&record));
        Ok(record)
    }

    /// As [`StateLog::append`]. That nobody else has claimed the log meanwhile, [`Claimed::stands`] says.
    ///
    /// # Errors
    /// As [`StateLog::append`].
    pub async fn append(&self, key: &str, headers: Headers, value: Vec<u8>) -> Result<i64, KafkaFailure> {
        self.log.append(key, headers, value).await
    }

    /// Has nothing read of the log until [`Claimed::stands`] asks. Who only writes would fetch all that it writes, and keep it.
    ///
    /// # Errors
    /// When librdkafka refuses.
    pub fn rest(&mut self) -> Result<(), KafkaFailure> {
        self.log.rest()
    }

    /// Reads on to what was written at `offset`: `false` when a record of a higher epoch stands before it, so that what was
    /// written counts for nothing. Waits for as long as the log cannot be read.
    ///
    /// # Errors
    /// As [`StateLog::next`].
    pub async fn stands(&mut self, offset: i64) -> Result<bool, KafkaFailure> {
        let rested = self.log.rests;
        self.log.go_on()?;
        while self.log.next <= offset {
            self.next().await?;
        }
        if rested {
            self.log.rest()?;
        }
        Ok(self.claims.highest() <= self.epoch)
    }
}

/// Writes the claim and gives its offset.
async fn write(log: &StateLog, context: &Context, epoch: u64) -> Result<i64, KafkaFailure> {
    let at = context.clock.now();
    let id = format!("claim#{epoch}#{}", context.owner);
    let headers = Headers::event(context.stage, "claim", &id, at, Claim::KEY);
    let claim = ClaimRecord::Claim(Claim { epoch, owner: context.owner.clone(), at });
    let shapeless = |error| KafkaFailure::Dead(format!("a claim has no JSON form: {error}"));
    log.append(Claim::KEY, headers, serde_json::to_vec(&claim).map_err(shapeless)?).await
}
