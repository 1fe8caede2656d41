//! The topic `summary`: what people look at, as the ledger has it, written by the holder.
//!
//! A change comes here once the ledger's record is confirmed, in the turn of its key, and is written beside the loop: neither
//! a call nor a settlement waits for it. Of a key only the newest change is kept until it is written, so what waits does not
//! grow while the broker takes nothing. What only brings further what people see already waits for others (`book`), so that an
//! action takes fewer records, and they leave together. A failure stops nobody's isolation, and is not silent: it is logged, it
//! keeps the stage unready for as long as it lasts, which `cordon status` shows, and is tried again until it is mended.
//!
//! A former holder that wakes may write over a key. The holder reads the topic again now and then, and has what the ledger
//! says of such a key written once more, in the turn of that key.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cordon_records::{Counter, LedgerRecord, StampedRecord, Topic, WholeSummary};
use cordon_response::{
    Event, LastWords, LedgerState, RawRecord, SummaryChanges, SummaryFold, SummaryRecords, summarised,
};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Outbound};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::inbound;
use super::writes::Turn;
use crate::error::ActError;

mod book;

use book::Book;

/// Its name among the components of its process.
pub const COMPONENT: &str = "summary";

/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(5);

/// How often what is done again and again.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The mark is written anew, while nothing is left to be written.
    pub mark: Duration,
    /// It is looked whether a former holder has written over something.
    pub look: Duration,
}

/// [`WholeSummary::COUNTS_FOR`] allows for some marks that come late. People must not wait for an hour until what is written
/// over is set right, and one look reads the whole topic.
impl Default for Pace {
    fn default() -> Self {
        Self { mark: Duration::from_secs(30), look: Duration::from_secs(600) }
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
        let (mut book, now) = (self.0.book(), Instant::now());
        let due = book.due();
        records.into_iter().for_each(|record| book.keep(record.record(), now));
        let is_sooner = book.due() < due || due.is_none();
        drop(book);
        if is_sooner {
            self.0.changed.notify_one();
        }
    }
}

/// The writer of one tenure; ends with it.
#[derive(Debug)]
pub struct Summary {
    told: Told,
    astray: UnboundedReceiver<BTreeSet<String>>,
    closing: Arc<Notify>,
    writer: JoinSet<()>,
}

impl Summary {
    /// Begins to bring the topic to what this restored ledger says, and to follow it.
    pub fn begin(ledger: &LedgerState, epoch: u64, pace: Pace, context: &Context) -> Self {
        let told = Told(Arc::new(Shared {
            book: Mutex::new(Book::Comparing(SummaryRecords::of(ledger))),
            changed: Notify::new(),
        }));
        let (closing, mut writer) = (Arc::new(Notify::new()), JoinSet::new());
        let (found, astray) = unbounded_channel();
        // A ledger without a beginning is refused before.
        if let Some(genesis) = ledger.genesis() {
            let by = Counter { ledger: genesis.at, epoch };
            let (shared, looked) = (Arc::clone(&told.0), Instant::now());
            let writing = Writer { shared, context: context.clone(), by, pace, marked: None, looked, found };
            writer.spawn(writing.run(Arc::clone(&closing)));
        }
        Self { told, astray, closing, writer }
    }

    /// Where to say what the ledger says.
    pub fn told(&self) -> Told {
        self.told.clone()
    }

    /// The next keys over which a former holder has written; waits for ever where there are none. Cancel-safe.
    pub async fn astray(&mut self) -> BTreeSet<String> {
        match self.astray.recv().await {
            Some(keys) => keys,
            None => std::future::pending().await,
        }
    }

    /// Says of these keys once more what the ledger says, once all that was written of them before is confirmed.
    pub fn say_again(
        &self,
        keys: BTreeSet<String>,
        ledger: &LedgerState,
        mut turn: Turn,
    ) -> impl Future<Output = Result<Event, ActError>> + use<> {
        let of = |key: String| {
            let record = summarised(ledger, &key);
            (key, record)
        };
        let (what, shared): (SummaryChanges, _) = (keys.into_iter().map(of).collect(), Arc::clone(&self.told.0));
        async move {
            turn.come().await?;
            shared.book().say_again(what);
            shared.changed.notify_one();
            turn.done();
            Ok(Event::Tick)
        }
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
    pace: Pace,
    /// When it was marked as whole last.
    marked: Option<Instant>,
    /// When the topic was looked at last.
    looked: Instant,
    found: UnboundedSender<BTreeSet<String>>,
}

impl Writer {
    /// Until it is closed and nothing is left to be written.
    async fn run(mut self, closing: Arc<Notify>) {
        let mut is_closing = false;
        loop {
            let written = self.turn(is_closing).await;
            self.say(&written);
            match (&written, is_closing) {
                (Ok(false), false) => tokio::select! {
                    () = self.shared.changed.notified() => {}
                    () = tokio::time::sleep_until(self.due().into()) => {}
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

    /// When there is something to do although nothing changes.
    fn due(&self) -> Instant {
        let mark = self.marked.map_or_else(Instant::now, |at| at + self.pace.mark);
        let due = mark.min(self.looked + self.pace.look);
        self.shared.book().due().map_or(due, |waits| waits.min(due))
    }

    fn is_to_be_marked(&self) -> bool {
        self.marked.is_none_or(|at| at.elapsed() >= self.pace.mark)
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

    /// Writes some of what is to be written; says whether there was something. Before the mark, and at the end, nothing waits.
    async fn turn(&mut self, is_closing: bool) -> Result<bool, ActError> {
        let claim = self.shared.book().claim();
        if let Some(claim) = claim {
            // First of all: whoever reads waits for the mark of this claim from here on, and what a former holder says after
            // it is passed over.
            self.send(&claim).await?;
            let take = |fold: &mut SummaryFold, record: kafka::Inbound| {
                fold.take(&inbound::raw(&record), || record.position());
            };
            let found = kafka::fold_all(&self.context.kafka, Topic::Summary, SummaryFold::default(), take).await?;
            self.shared.book().compared(&found);
            self.looked = Instant::now();
        } else if self.looked.elapsed() >= self.pace.look {
            self.look_again().await?;
        }
        let is_to_be_marked = self.is_to_be_marked();
        let changes = self.shared.book().next(Instant::now(), is_closing || is_to_be_marked);
        if !changes.is_empty() {
            self.write(changes).await?;
            return Ok(true);
        }
        // However often something changes: it is whole whenever nothing is left.
        if !is_to_be_marked {
            return Ok(false);
        }
        let whole = WholeSummary { epoch: self.by.epoch, at: self.context.clock.now() };
        let headers = RawRecord::headers_of_holder(self.by);
        let mark = Outbound::json(Topic::Summary, WholeSummary::KEY, headers, &whole)?;
        self.context.producer.send(mark).await?;
        self.marked = Some(Instant::now());
        Ok(true)
    }

    /// Looks whether a former holder has written over something; what is to be said of that only the ledger knows.
    async fn look_again(&mut self) -> Result<(), ActError> {
        let take = |words: &mut LastWords, record: kafka::Inbound| _ = words.take(&inbound::raw(&record));
        let words = kafka::fold_all(&self.context.kafka, Topic::Summary, LastWords::default(), take).await?;
        self.looked = Instant::now();
        let astray = words.astray_under(self.by);
        if !astray.is_empty() {
            tracing::warn!(keys = ?astray, "a former holder of respond wrote over these keys of the summary; they are set right");
            // The tenure may be at its end: then its successor compares.
            let _ = self.found.send(astray);
        }
        Ok(())
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
