//! The topic `summary`: what people look at, as the ledger has it, written by the holder.
//!
//! A change comes here once the ledger's record is confirmed, in the turn of its key, and is written beside the loop: neither
//! a call nor a settlement waits for it. Of a key only the newest change is kept until it is written, so what waits does not
//! grow while the broker takes nothing. A failure stops nobody's isolation, and is not silent: it is logged, it keeps the
//! stage unready for as long as it lasts, which `cordon status` shows, and is tried again until it is mended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cordon_records::{Counter, LedgerRecord, StampedRecord, Topic, WholeSummary};
use cordon_response::{LedgerState, RawRecord, SummaryChanges, SummaryFold, SummaryRecords, mirrored};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Outbound};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::genesis;
use crate::error::ActError;

/// Its name among the components of its process.
pub const COMPONENT: &str = "summary";

/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(5);

/// How often the mark is written anew while nothing is left to be written: [`WholeSummary::COUNTS_FOR`] allows for some that
/// come late.
const MARK: Duration = Duration::from_secs(30);

/// So many records are under way at once.
const AT_ONCE: usize = 256;

/// What one tenure has to write.
#[derive(Debug)]
enum Book {
    /// The topic is yet to be compared with what it is to say.
    Comparing(SummaryRecords),
    /// What is yet to be written, of each key the newest.
    Following(SummaryChanges),
}

impl Book {
    fn keep(&mut self, record: &LedgerRecord) {
        match self {
            Self::Comparing(wanted) => wanted.take(record),
            Self::Following(changes) => changes.extend(mirrored(record)),
        }
    }

    /// The topic was read.
    fn compared(&mut self, found: &SummaryFold) {
        if let Self::Comparing(wanted) = self {
            *self = Self::Following(wanted.differences(found));
        }
    }

    /// The claim of this tenure, while the topic is yet to be compared.
    fn claim(&self) -> Option<SummaryChanges> {
        let Self::Comparing(wanted) = self else { return None };
        Some(wanted.get("claim").map(|claim| ("claim".to_owned(), Some(claim.clone()))).into_iter().collect())
    }

    /// Hands over what is to be written next.
    fn next(&mut self) -> SummaryChanges {
        let Self::Following(changes) = self else { return SummaryChanges::new() };
        let next: Vec<String> = changes.keys().take(AT_ONCE).cloned().collect();
        next.into_iter().filter_map(|key| changes.remove_entry(&key)).collect()
    }

    /// Takes back what could not be written, where nothing newer has come.
    fn put_back(&mut self, failed: SummaryChanges) {
        if let Self::Following(changes) = self {
            for (key, change) in failed {
                changes.entry(key).or_insert(change);
            }
        }
    }
}

#[derive(Debug)]
struct Shared {
    book: Mutex<Book>,
    changed: Notify,
}

impl Shared {
    /// A poisoned lock only means that another thread panicked between two whole updates.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a tenure says what the ledger says now.
#[derive(Debug, Clone)]
pub struct Told(Arc<Shared>);

impl Told {
    /// These records of the ledger are confirmed. To be called in the turn of their keys.
    pub fn keep<'a>(&self, records: impl IntoIterator<Item = &'a StampedRecord>) {
        let mut book = self.0.book();
        records.into_iter().for_each(|record| book.keep(record.record()));
        drop(book);
        self.0.changed.notify_one();
    }
}

/// The writer of one tenure; ends with it.
#[derive(Debug)]
pub struct Summary {
    told: Told,
    closing: Arc<Notify>,
    writer: JoinSet<()>,
}

impl Summary {
    /// Begins to bring the topic to what this restored ledger says, and to follow it.
    pub fn begin(ledger: &LedgerState, epoch: u64, context: &Context) -> Self {
        let told = Told(Arc::new(Shared {
            book: Mutex::new(Book::Comparing(SummaryRecords::of(ledger))),
            changed: Notify::new(),
        }));
        let (closing, mut writer) = (Arc::new(Notify::new()), JoinSet::new());
        // A ledger without a beginning is refused before.
        if let Some(genesis) = ledger.genesis() {
            let by = Counter { ledger: genesis.at, epoch };
            let writing = Writer { shared: Arc::clone(&told.0), context: context.clone(), by, is_marked: false };
            writer.spawn(writing.run(Arc::clone(&closing)));
        }
        Self { told, closing, writer }
    }

    /// Where to say what the ledger says.
    pub fn told(&self) -> Told {
        self.told.clone()
    }

    /// Writes what is left, within this time; the next holder finds what is missing then.
    pub async fn finish(&mut self, within: Duration) {
        self.closing.notify_one();
        if tokio::time::timeout(within, self.writer.join_next()).await.is_err() {
            tracing::warn!("the summary lacks the tenure's last steps; the next holder brings it up to date");
        }
    }
}

struct Writer {
    shared: Arc<Shared>,
    context: Context,
    by: Counter,
    is_marked: bool,
}

impl Writer {
    /// Until it is closed and nothing is left to be written.
    async fn run(mut self, closing: Arc<Notify>) {
        let mut is_closing = false;
        loop {
            let written = self.turn().await;
            self.say(&written);
            match (&written, is_closing) {
                (Ok(false), false) => tokio::select! {
                    () = self.shared.changed.notified() => {}
                    () = tokio::time::sleep(MARK) => self.is_marked = false,
                    () = closing.notified() => is_closing = true,
                },
                (Err(_), false) => tokio::select! {
                    () = tokio::time::sleep(AGAIN) => {}
                    () = closing.notified() => is_closing = true,
                },
                (Ok(true), _) => {}
                (Ok(false) | Err(_), true) => break,
            }
        }
        self.context.health.set_ready(COMPONENT, true, "");
    }

    fn say(&self, written: &Result<bool, ActError>) {
        let Err(error) = written else { return self.context.health.set_ready(COMPONENT, true, "") };
        let topic = self.context.kafka.topic(Topic::Summary);
        tracing::warn!(
            %error, topic,
            "what people look at could not be brought up to date; trying again. If the topic is missing, make it with \
             `cordon topics apply`"
        );
        self.context.health.set_ready(COMPONENT, false, &format!("{topic} is not up to date: {error}"));
    }

    /// Writes some of what is to be written; says whether there was something.
    async fn turn(&mut self) -> Result<bool, ActError> {
        let claim = self.shared.book().claim();
        if let Some(claim) = claim {
            // First of all: whoever reads waits for the mark of this claim from here on, and what a former holder says after
            // it is passed over.
            self.send(&claim).await?;
            let take = |fold: &mut SummaryFold, record: kafka::Inbound| {
                fold.take(&genesis::raw(&record), || record.position());
            };
            let found = kafka::fold_all(&self.context.kafka, Topic::Summary, SummaryFold::default(), take).await?;
            self.shared.book().compared(&found);
        }
        let changes = self.shared.book().next();
        if !changes.is_empty() {
            self.write(changes).await?;
            return Ok(true);
        }
        if self.is_marked {
            return Ok(false);
        }
        let whole = WholeSummary { epoch: self.by.epoch, at: self.context.clock.now() };
        let headers = RawRecord::headers_of_holder(self.by);
        let mark = Outbound::json(Topic::Summary, WholeSummary::KEY, headers, &whole)?;
        self.context.producer.send(mark).await?;
        self.is_marked = true;
        Ok(true)
    }

    /// Writes these; what may not have been written is taken back.
    async fn write(&self, changes: SummaryChanges) -> Result<(), ActError> {
        let sent = self.send(&changes).await;
        if sent.is_err() {
            self.shared.book().put_back(changes);
        }
        sent
    }

    /// Sends these side by side: each is of another key.
    async fn send(&self, changes: &SummaryChanges) -> Result<(), ActError> {
        let mut under_way = JoinSet::new();
        for (key, change) in changes {
            let (outbound, producer) = (self.outbound(key, change.as_ref())?, self.context.producer.clone());
            under_way.spawn(async move { producer.send(outbound).await });
        }
        while let Some(sent) = under_way.join_next().await {
            sent.map_err(|_| ActError::Task)??;
        }
        Ok(())
    }

    fn outbound(&self, key: &str, change: Option<&LedgerRecord>) -> Result<Outbound, ActError> {
        let headers = RawRecord::headers_of_holder(self.by);
        match change {
            Some(record) => Ok(Outbound::json(Topic::Summary, key, headers, record)?),
            None => Ok(Outbound { topic: Topic::Summary, key: Some(key.to_owned()), headers, value: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use cordon_records::{Claim, Latch};

    use super::super::tests::samples::start;
    use super::*;

    fn pause(on: bool) -> LedgerRecord {
        LedgerRecord::Pause(Latch { on, by: "ann".into(), why: "drill".into(), at: start(), window_s: None })
    }

    fn claim() -> LedgerRecord {
        LedgerRecord::Claim(Claim { epoch: 3, owner: "h".into(), at: start() })
    }

    #[test]
    fn what_comes_while_the_topic_is_compared_is_in_what_is_written_and_the_claim_is_first() {
        let mut book = Book::Comparing(SummaryRecords::default());
        [claim(), pause(true), pause(false)].iter().for_each(|record| book.keep(record));
        let first = SummaryChanges::from([("claim".to_owned(), Some(claim()))]);
        assert_eq!((book.next(), book.claim()), (SummaryChanges::new(), Some(first.clone())), "the claim alone before");
        book.compared(&SummaryFold::default());
        let rest = SummaryChanges::from([("pause".to_owned(), Some(pause(false)))]);
        assert_eq!(book.next(), first.into_iter().chain(rest).collect());
        assert!(book.next().is_empty() && book.claim().is_none());
    }

    #[test]
    fn what_could_not_be_written_is_written_again_unless_something_newer_has_come() {
        let mut book = Book::Following(SummaryChanges::new());
        [pause(true), claim()].iter().for_each(|record| book.keep(record));
        let failed = book.next();
        book.keep(&pause(false));
        book.put_back(failed);
        let wanted = [("claim".to_owned(), Some(claim())), ("pause".to_owned(), Some(pause(false)))];
        assert_eq!(book.next(), SummaryChanges::from(wanted));
    }
}
