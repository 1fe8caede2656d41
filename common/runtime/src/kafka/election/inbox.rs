//! What comes to a holder: the partition's records in order, and again those that it has put aside.

use tokio::sync::mpsc::UnboundedReceiver;

use super::Settler;
use super::again::FetchAgain;
use super::aside::Aside;
use crate::kafka::error::KafkaFailure;
use crate::kafka::records::Inbound;

/// How many records may be aside before reading pauses. Each takes a few dozen bytes.
pub(super) const ASIDE: usize = 200_000;

/// How many are put aside in one go.
const SKIM: usize = 256;

/// After so many new records in a row one that was fetched again goes first.
const IN_A_ROW: u32 = 32;

/// The partition's records, in order, and those that were put aside once there is room for them.
#[derive(Debug)]
pub struct Inbox {
    records: UnboundedReceiver<Inbound>,
    settler: Settler,
    aside: Aside,
    again: Option<FetchAgain>,
    in_a_row: u32,
}

/// What comes to a holder that puts records aside.
#[derive(Debug)]
pub enum Arrival {
    /// A record that was not seen before under this tenure.
    New(Inbound),
    /// One that was put aside.
    Again(Inbound),
}

/// A holder behind whose next record so many wait has fallen behind.
const QUEUE: usize = 64;

/// What waits beside a new record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Others {
    /// The lowest rank of the records that were put aside.
    aside: Option<u8>,
    /// Records that came after it and that nobody has looked at.
    behind: usize,
}

impl Others {
    /// The lowest rank of the records that were put aside; nothing when none was.
    #[must_use]
    pub const fn first_aside(self) -> Option<u8> {
        self.aside
    }

    /// Whether the holder has fallen behind, so that something urgent may be among those that nobody has looked at.
    #[must_use]
    pub const fn are_many(self) -> bool {
        self.aside.is_some() || self.behind >= QUEUE
    }
}

impl Inbox {
    pub(super) fn new(records: UnboundedReceiver<Inbound>, settler: Settler) -> Self {
        Self { records, settler, aside: Aside::default(), again: None, in_a_row: 0 }
    }

    /// The next record; `None` when the tenure is over. Cancel-safe. For holders that put nothing aside.
    pub async fn next(&mut self) -> Option<Inbound> {
        let record = tokio::select! {
            biased;
            () = self.settler.lease.draining.cancelled() => None,
            record = self.records.recv() => record,
        }?;
        self.settler.accounts.received();
        Some(record)
    }

    /// The next record, a new one first, so that whoever looks for what is urgent sees all of them soon. One that was put
    /// aside comes when `has_room` says that the holder can take it, the most urgent first. `None` when the tenure is
    /// over. Cancel-safe.
    ///
    /// # Errors
    /// Fatal ones of Kafka, such as a record that was deleted while it was aside.
    pub async fn arrival(&mut self, has_room: bool) -> Result<Option<Arrival>, KafkaFailure> {
        if has_room {
            self.ask_again();
        }
        if has_room
            && self.in_a_row >= IN_A_ROW
            && let Some(record) = self.again.as_mut().and_then(FetchAgain::ready)
        {
            return Ok(Some(self.came_again(record?)));
        }
        let is_full = self.aside.len() >= ASIDE;
        tokio::select! {
            biased;
            () = self.settler.lease.draining.cancelled() => Ok(None),
            record = self.records.recv(), if !is_full => Ok(record.map(|record| self.came(record))),
            record = fetched(self.again.as_mut()), if has_room => Ok(Some(self.came_again(record?))),
        }
    }

    /// Puts this record and those after it aside for which there is a rank, and gives the first for which there is none.
    /// Nothing when there are no more for now, or so many were put aside that the holder should look at other things.
    ///
    /// # Errors
    /// When no second reader can be made.
    pub fn skim(
        &mut self,
        first: Arrival,
        rank: impl Fn(&Inbound, Others) -> Option<u8>,
    ) -> Result<Option<Arrival>, KafkaFailure> {
        let (mut arrival, mut left) = (Some(first), SKIM);
        while let Some(Arrival::New(record)) = &arrival
            && let Some(rank) = rank(record, self.others())
        {
            self.put_aside(record, rank)?;
            left -= 1;
            arrival = if left == 0 { None } else { self.ready() };
        }
        Ok(arrival)
    }

    fn ready(&mut self) -> Option<Arrival> {
        if self.settler.lease.draining.is_cancelled() || self.aside.len() >= ASIDE {
            return None;
        }
        self.records.try_recv().ok().map(|record| self.came(record))
    }

    /// Keeps of this record only where it stands, until [`Inbox::arrival`] has it again. It stays unsettled, so that a
    /// restart begins with it. Lower ranks come again first. Who ranks it could read it, which the breaker of dead letters is
    /// told.
    fn put_aside(&mut self, record: &Inbound, rank: u8) -> Result<(), KafkaFailure> {
        if self.again.is_none() {
            self.again = Some(FetchAgain::start(self.settler.accounts.context(), record.topic)?);
        }
        if self.settler.accounts.put_aside(&self.settler.lease, record.offset) {
            self.settler.sound();
            self.aside.put(rank, record.offset);
        }
        Ok(())
    }

    /// How many records are aside.
    #[must_use]
    pub fn aside(&self) -> usize {
        self.aside.len()
    }

    /// The lowest rank of the records that are aside; nothing when none is.
    #[must_use]
    pub fn first_aside(&self) -> Option<u8> {
        self.aside.first()
    }

    fn others(&self) -> Others {
        Others { aside: self.aside.first(), behind: self.records.len() }
    }

    /// The handle by which records are settled.
    #[must_use]
    pub fn settler(&self) -> Settler {
        self.settler.clone()
    }

    fn ask_again(&mut self) {
        if let Some(again) = &self.again
            && let Some(offsets) = self.aside.next_batch()
        {
            again.ask(offsets);
        }
    }

    fn came(&mut self, record: Inbound) -> Arrival {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.settler.accounts.received();
        Arrival::New(record)
    }

    fn came_again(&mut self, record: Inbound) -> Arrival {
        self.in_a_row = 0;
        self.aside.came();
        Arrival::Again(record)
    }
}

/// The next record that was asked for again; waits for ever where none was ever put aside.
async fn fetched(again: Option<&mut FetchAgain>) -> Result<Inbound, KafkaFailure> {
    match again {
        Some(again) => again.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_fallen_behind_while_something_is_aside_or_many_wait_behind_the_next() {
        let are_many = |(aside, behind)| Others { aside, behind }.are_many();
        assert_eq!([(None, 0), (None, QUEUE - 1)].map(are_many), [false; 2]);
        assert_eq!([(Some(1), 0), (None, QUEUE), (Some(1), QUEUE)].map(are_many), [true; 3]);
    }
}
