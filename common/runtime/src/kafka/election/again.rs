//! The thread that fetches again what a holder has put aside: a second reader of the partition, outside of the group.
//!
//! The group's consumer reads on meanwhile. To set that one back instead would make it read everything behind once more,
//! and what it tells of lost records would not be true.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use cordon_records::Topic;
use rdkafka::topic_partition_list::Offset;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::reader::{Look, Reader};
use crate::kafka::records::Inbound;

/// Fetched records that wait for the holder.
const BUFFER: usize = 128;
/// Without a request for so long, nothing more is fetched ahead.
const IDLE: Duration = Duration::from_secs(5);
/// Reading on over so many records is cheaper than a new start.
const NEAR: i64 = 4_096;

/// The holder's end of the thread, which ends with it.
#[derive(Debug)]
pub(super) struct FetchAgain {
    requests: Sender<Vec<i64>>,
    records: mpsc::Receiver<Result<Inbound, KafkaFailure>>,
}

impl FetchAgain {
    /// Starts the thread; nothing is read before something is asked for.
    pub(super) fn start(context: &Context, topic: Topic) -> Result<Self, KafkaFailure> {
        let reader = Reader::new(context, topic)?;
        let ((requests, asked), (sender, records)) = (channel(), mpsc::channel(BUFFER));
        let fetching = Fetching { reader, asked, sender, next: None };
        std::thread::Builder::new().name("kafka-again".to_owned()).spawn(move || fetching.run())?;
        Ok(Self { requests, records })
    }

    /// Asks for the records at these offsets, which ascend.
    pub(super) fn ask(&self, offsets: Vec<i64>) {
        // Without the thread the next record is its last word.
        let _ = self.requests.send(offsets);
    }

    /// The next record; waits for ever when nothing was asked for. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Inbound, KafkaFailure> {
        let ended = || KafkaFailure::Dead("the thread that reads again ended".to_owned());
        self.records.recv().await.ok_or_else(ended)?
    }

    /// The next record, if it is there.
    pub(super) fn ready(&mut self) -> Option<Result<Inbound, KafkaFailure>> {
        self.records.try_recv().ok()
    }
}

struct Fetching {
    reader: Reader,
    asked: Receiver<Vec<i64>>,
    sender: mpsc::Sender<Result<Inbound, KafkaFailure>>,
    /// The offset that comes next; `None` while nothing is assigned.
    next: Option<i64>,
}

impl Fetching {
    fn run(mut self) {
        loop {
            let fetched = match self.asked.recv_timeout(IDLE) {
                Ok(offsets) => self.fetch(&offsets),
                Err(RecvTimeoutError::Timeout) => self.rest(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Err(failure) = fetched {
                let _ = self.sender.blocking_send(Err(failure));
                return;
            }
        }
    }

    /// Reads these records, until nobody wants them any more.
    fn fetch(&mut self, offsets: &[i64]) -> Result<(), KafkaFailure> {
        let Some(first) = offsets.first() else { return Ok(()) };
        self.go_to(*first)?;
        let mut wanted = offsets.iter().peekable();
        while let Some(offset) = wanted.peek().filter(|_| !self.sender.is_closed()) {
            let record = match self.reader.look()? {
                Look::Record(record) if record.offset >= **offset => record,
                Look::Record(_) | Look::End | Look::Nothing => continue,
            };
            self.next = Some(record.offset.saturating_add(1));
            if record.offset > **offset {
                return Err(self.gone(**offset));
            }
            wanted.next();
            if self.sender.blocking_send(Ok(record)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn go_to(&mut self, first: i64) -> Result<(), KafkaFailure> {
        if self.next.is_some_and(|next| (next..next.saturating_add(NEAR)).contains(&first)) {
            return Ok(());
        }
        self.reader.go_to(Offset::Offset(first))?;
        self.next = Some(first);
        Ok(())
    }

    /// Reads nothing ahead while nothing is asked for.
    fn rest(&mut self) -> Result<(), KafkaFailure> {
        if self.next.take().is_some() {
            self.reader.rest()?;
        }
        Ok(())
    }

    /// It was deleted before it was handled. Whoever starts again finds the gap from the committed offset on, and tells.
    fn gone(&self, offset: i64) -> KafkaFailure {
        let position = format!("{}/0/{offset}", self.reader.topic_name());
        KafkaFailure::Dead(format!("{position} was put aside, and deleted before it could be read again"))
    }
}
