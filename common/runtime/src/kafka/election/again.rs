//! The thread that fetches again what a holder has put aside: a second reader of the partition, outside of the group.
//!
//! The group's consumer reads on meanwhile. To set that one back instead would make it read everything behind once more,
//! and what it tells of lost records would not be true.

use std::ops::Range;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use cordon_records::{Classified as _, ErrorClass, Topic};
use rdkafka::topic_partition_list::Offset;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::kafka::error::KafkaFailure;
use crate::kafka::reader::{Look, POLL, Reader};
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
        for offset in offsets {
            let Some(record) = self.read(*offset)? else { return Ok(()) };
            if self.sender.blocking_send(Ok(record)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads on up to this record; nothing once nobody wants it any more. Where the partition ends before it, or reading was
    /// set back, it may be gone: then the broker is asked, again and again until it answers.
    fn read(&mut self, wanted: i64) -> Result<Option<Inbound>, KafkaFailure> {
        let mut in_question = false;
        while !self.sender.is_closed() {
            match self.reader.look(POLL)? {
                Look::Record(record) if record.offset == wanted => {
                    self.next = Some(wanted.saturating_add(1));
                    return Ok(Some(record));
                }
                Look::Record(record) if record.offset > wanted => return Err(self.gone(wanted, DELETED)),
                Look::Record(record) => {
                    in_question |= self.next.is_some_and(|next| record.offset < next);
                    self.next = Some(record.offset.saturating_add(1));
                }
                Look::End => in_question = true,
                Look::Nothing => {}
            }
            if in_question {
                in_question = !self.is_there(wanted)?;
            }
        }
        Ok(None)
    }

    /// Whether the broker still has this record; no while it cannot be asked.
    fn is_there(&self, wanted: i64) -> Result<bool, KafkaFailure> {
        match self.reader.kept() {
            Ok(kept) => why_gone(wanted, &kept).map_or(Ok(true), |why| Err(self.gone(wanted, why))),
            Err(failure) => match failure.class() {
                ErrorClass::Transient | ErrorClass::Ambiguous => {
                    tracing::warn!(%failure, wanted, "what was put aside may be gone, and the broker cannot be asked; again");
                    Ok(false)
                }
                ErrorClass::Poison | ErrorClass::Fatal => Err(failure),
            },
        }
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

    /// It was lost before it was handled. Of what was deleted, whoever starts again finds the gap from the committed offset on,
    /// and tells; of an end that is gone only this tells.
    fn gone(&self, offset: i64, why: &str) -> KafkaFailure {
        let position = format!("{}/0/{offset}", self.reader.topic_name());
        KafkaFailure::Dead(format!("{position} was put aside, and {why}"))
    }
}

const DELETED: &str = "deleted before it could be read again, by the topic's retention or by a person";

const CUT_OFF: &str = "the partition ends before it now: the topic was deleted and made again, or the broker lost its end \
                       (an unclean leader election); what stood from there on is lost";

/// Why a record is not among those that the broker has, if it is not.
fn why_gone(wanted: i64, kept: &Range<i64>) -> Option<&'static str> {
    if wanted >= kept.end {
        Some(CUT_OFF)
    } else if wanted < kept.start {
        Some(DELETED)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cordon_records::{Headers, SystemClock};
    use prometheus::Registry;

    use super::*;
    use crate::kafka::{MemoryBroker, Outbound};

    /// A partition of three records, and who reads from it again.
    async fn three() -> (MemoryBroker, FetchAgain) {
        let broker = MemoryBroker::start().unwrap();
        let context = Context::open("act", broker.settings(), Registry::new(), Arc::new(SystemClock)).unwrap();
        for _ in 0..3 {
            let value = Some(b"{}".to_vec());
            let record = Outbound { topic: Topic::Decisions, key: None, headers: Headers::default(), value };
            context.producer.send(record).await.unwrap();
        }
        let again = FetchAgain::start(&context, Topic::Decisions).unwrap();
        (broker, again)
    }

    async fn next(again: &mut FetchAgain) -> Result<i64, String> {
        let next = tokio::time::timeout(Duration::from_secs(30), again.next()).await.expect("it waits for ever");
        next.map(|record| record.offset).map_err(|failure| failure.to_string())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_a_record_that_an_unclean_election_took_with_the_partitions_end_is_said_that_it_is_gone() {
        let (_broker, mut again) = three().await;
        again.ask(vec![1, 2, 3]);
        assert_eq!((next(&mut again).await, next(&mut again).await), (Ok(1), Ok(2)));
        let gone = next(&mut again).await.unwrap_err();
        assert!(gone.contains("cordon.decisions/0/3 was put aside, and the partition ends before it now"), "{gone}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_begins_behind_a_partitions_end_is_told_so_too() {
        let (_broker, mut again) = three().await;
        again.ask(vec![900]);
        let gone = next(&mut again).await.unwrap_err();
        assert!(gone.contains("cordon.decisions/0/900 was put aside, and the partition ends before it now"), "{gone}");
    }

    #[test]
    fn what_the_broker_has_is_not_gone_and_what_it_has_not_was_deleted_or_cut_off() {
        let of = |wanted| why_gone(wanted, &(5..9));
        assert_eq!((of(4), of(5), of(8), of(9)), (Some(DELETED), None, None, Some(CUT_OFF)));
        assert_eq!(why_gone(8, &(9..9)), Some(DELETED), "everything was deleted");
    }
}
