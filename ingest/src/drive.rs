//! Runs poll rounds: asks the API what the round wants to know, and produces what it finds.

use cordon_records::RecordOutcome;
use std::time::Instant;

use cordon_defender::{AlertPage, AlertQuery, ApiError, Defender, NextLink};
use cordon_runtime::kafka::KafkaFailure;
use cordon_runtime::telemetry::StageMetrics;
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::error::IngestError;
use crate::fallback::{Fallback, ServerCapabilities, Variant};
use crate::outgoing::Publisher;
use crate::round::{Ask, Link, MAX_PAGE, News, Next, Plan, Round, Stall};
use crate::seen::{Asked, Item, Seen};

/// Records under way at once; it bounds the memory that a page of 10,000 takes.
const AT_ONCE: usize = 500;

/// How a round ended.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made for each round and read at once")]
pub enum Ended {
    /// Everything that the list held at its start is produced and confirmed.
    Complete {
        /// The newest `lastUpdateTime` received so far.
        watermark: Timestamp,
    },
    /// What was served is produced, but it cannot be proven to be everything.
    Incomplete(Stall),
    /// What was served is produced; whether it was everything, [`Driver::confirm`] asks.
    Unconfirmed(Unconfirmed),
}

/// A round whose last question has been put off.
#[derive(Debug)]
pub struct Unconfirmed {
    round: Round,
    ask: Ask,
    late_before: Timestamp,
}

/// What a round needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Ask for alerts updated at or after this instant.
    pub since: Timestamp,
    /// What is new although it was updated before this instant has become visible late.
    pub late_before: Timestamp,
    /// The newest `lastUpdateTime` of the rounds before.
    pub watermark: Timestamp,
    /// Stamps beyond this do not become the watermark.
    pub believable_until: Timestamp,
}

/// Runs rounds, and remembers between them what was produced and what the server can be asked.
pub struct Driver {
    api: Defender,
    publisher: Publisher,
    metrics: StageMetrics,
    seen: Seen,
    capabilities: ServerCapabilities,
    fallback: Fallback,
    /// Whether this round has asked the normal question only.
    normal: bool,
    /// How much of its alerts this round last asked for.
    asked: Asked,
    sorted: bool,
    top: u32,
    largest_top: u32,
    late: u64,
}

impl Driver {
    /// A driver that has produced what `seen` holds.
    #[must_use]
    pub fn new(api: Defender, publisher: Publisher, metrics: StageMetrics, seen: Seen, top: u32) -> Self {
        let (capabilities, fallback) = (ServerCapabilities::default(), Fallback::default());
        let (normal, asked, sorted, largest_top) = (true, Asked::Whole, true, MAX_PAGE);
        Self { api, publisher, metrics, seen, capabilities, fallback, normal, asked, sorted, top, largest_top, late: 0 }
    }

    /// How much of its alerts the last round asked for.
    #[must_use]
    pub const fn asked(&self) -> Asked {
        self.asked
    }

    /// What has been produced.
    #[must_use]
    pub const fn seen(&mut self) -> &mut Seen {
        &mut self.seen
    }

    /// How many late alerts there were since this was last asked.
    pub const fn take_late(&mut self) -> u64 {
        std::mem::replace(&mut self.late, 0)
    }

    /// One round. May be dropped at any point: what was confirmed is remembered only if it was counted. Where a question may
    /// wait, `puts_off` says whether it does.
    ///
    /// # Errors
    /// When a call or a delivery failed; the next round asks for the same again.
    pub async fn round(&mut self, window: Window, puts_off: impl Fn() -> bool) -> Result<Ended, IngestError> {
        let round = Round::new(self.plan(window));
        let first = Next::Ask(round.first());
        self.questions(round, first, window.late_before, puts_off).await
    }

    /// Asks what the last round put off, and whatever follows from it, at once: one question waits for each round, and no
    /// longer than to the next one's time, so that coverage goes on and the next round looks back again.
    ///
    /// # Errors
    /// As [`Driver::round`]; then the next round asks for the same again.
    pub async fn confirm(&mut self, unconfirmed: Unconfirmed) -> Result<Ended, IngestError> {
        let Unconfirmed { round, ask, late_before } = unconfirmed;
        self.questions(round, Next::Confirm(ask), late_before, || false).await
    }

    async fn questions(
        &mut self,
        round: Round,
        next: Next,
        late_before: Timestamp,
        puts_off: impl Fn() -> bool,
    ) -> Result<Ended, IngestError> {
        self.normal = true;
        let ended = self.pages(round, next, late_before, puts_off).await?;
        if self.normal {
            self.fallback.answered();
        }
        Ok(ended)
    }

    async fn pages(
        &mut self,
        mut round: Round,
        mut next: Next,
        late_before: Timestamp,
        puts_off: impl Fn() -> bool,
    ) -> Result<Ended, IngestError> {
        let mut link: Option<NextLink> = None;
        loop {
            let (page, top) = match (next, link.take()) {
                (Next::Ask(ask) | Next::Confirm(ask), _) => (self.ask(ask, &mut round).await, ask.top),
                (Next::Follow, Some(link)) => (self.follow(&link).await, self.largest_top),
                (Next::Follow, None) => return Ok(Ended::Incomplete(Stall::LinkRefused)),
                (Next::Complete, _) => return Ok(Ended::Complete { watermark: round.watermark() }),
                (Next::Incomplete(stall), _) => return Ok(Ended::Incomplete(stall)),
            };
            next = match page {
                Ok(mut page) => {
                    link = page.next.take();
                    self.take(page, link.is_some(), (&mut round, late_before)).await?
                }
                Err(ApiError::TooLarge { .. }) => self.ask_for_less(top, &mut round),
                Err(error) => return Err(error.into()),
            };
            if let Next::Confirm(ask) = next
                && puts_off()
            {
                return Ok(Ended::Unconfirmed(Unconfirmed { round, ask, late_before }));
            }
        }
    }

    /// Follows a link. A server may fail on what is behind the first page only; the question that led there is at fault
    /// all the same.
    async fn follow(&mut self, link: &NextLink) -> Result<AlertPage, ApiError> {
        let page = self.api.more_alerts(link).await;
        if let Err(error) = &page
            && is_failure(error)
        {
            if !self.normal {
                self.fallback.variant_failed();
            } else if let Some(variant) = self.fallback.failed(self.capabilities, self.top) {
                self.use_instead(variant, error);
            }
        }
        page
    }

    /// Asks for something else from now on.
    fn use_instead(&mut self, variant: Variant, error: &ApiError) {
        tracing::warn!(
            %error,
            order = variant.capabilities.order,
            expand = variant.capabilities.expand,
            filter = variant.filter,
            at_most = variant.largest_page,
            "the server fails on the alert list as it is normally asked for; asking so for ten minutes"
        );
        self.fallback.works(variant, Instant::now());
    }

    fn plan(&self, window: Window) -> Plan {
        let variant = self.fallback.in_use(Instant::now());
        let (capabilities, most) =
            variant.map_or((self.capabilities, MAX_PAGE), |it| (it.capabilities, it.largest_page));
        Plan {
            since: window.since,
            watermark: window.watermark,
            believable_until: window.believable_until,
            top: self.top.min(most),
            largest_top: self.largest_top.min(most),
            sorted: self.sorted && capabilities.order,
        }
    }

    /// Asks as the server can be asked: normally, or, where that has failed for some time and something else is answered,
    /// that.
    async fn ask(&mut self, ask: Ask, round: &mut Round) -> Result<AlertPage, ApiError> {
        if let Some(variant) = self.fallback.in_use(Instant::now()) {
            self.normal = false;
            let page = self.list(ask, variant).await;
            match &page {
                Ok(_) => told(variant, round),
                Err(error) if is_failure(error) => self.fallback.variant_failed(),
                Err(_) => {}
            }
            return page;
        }
        match self.ask_normally(ask, round).await {
            Err(error) if is_failure(&error) => self.ask_otherwise(ask, round, error).await,
            other => other,
        }
    }

    /// The server failed on the normal question: tries a variant if it has done so for some time. What is answered once
    /// the server is well again proves nothing against the normal question, so that is asked once more.
    async fn ask_otherwise(&mut self, ask: Ask, round: &mut Round, error: ApiError) -> Result<AlertPage, ApiError> {
        let Some(variant) = self.fallback.failed(self.capabilities, ask.top) else { return Err(error) };
        let Ok(page) = self.list(ask, variant).await else { return Err(error) };
        if let Ok(page) = self.ask_normally(ask, round).await {
            return Ok(page);
        }
        self.use_instead(variant, &error);
        self.normal = false;
        self.asked = asked_with(variant);
        told(variant, round);
        Ok(page)
    }

    /// Asks for what the server is able to give; a 400 makes the question simpler, and what worked is remembered.
    async fn ask_normally(&mut self, ask: Ask, round: &mut Round) -> Result<AlertPage, ApiError> {
        let mut capabilities = self.capabilities;
        let page = loop {
            match self.list(ask, Variant { capabilities, filter: true, largest_page: ask.top }).await {
                Err(error) if is_bad_request(&error) => match capabilities.simpler() {
                    Some(simpler) => capabilities = simpler,
                    None => return Err(error),
                },
                other => break other?,
            }
        };
        if capabilities != self.capabilities {
            tracing::warn!(
                order = capabilities.order,
                expand = capabilities.expand,
                "the server refuses options of the alert list; asking without them from here on"
            );
            self.capabilities = capabilities;
        }
        if !capabilities.order {
            round.unordered();
        }
        Ok(page)
    }

    async fn list(&mut self, ask: Ask, variant: Variant) -> Result<AlertPage, ApiError> {
        let query = AlertQuery {
            updated_since: variant.filter.then_some(ask.since),
            top: ask.top.min(variant.largest_page),
            expand_evidence: variant.capabilities.expand,
            order: variant.capabilities.order,
        };
        let page = self.api.list_alerts(&query).await;
        if page.is_ok() {
            self.asked = asked_with(variant);
        }
        page
    }

    fn ask_for_less(&mut self, top: u32, round: &mut Round) -> Next {
        self.largest_top = (top / 2).max(1);
        self.top = self.top.min(self.largest_top);
        tracing::warn!(top, now = self.largest_top, "a page of the alert list is too large; asking for smaller ones");
        round.too_large()
    }

    async fn take(
        &mut self,
        page: AlertPage,
        linked: bool,
        (round, late_before): (&mut Round, Timestamp),
    ) -> Result<Next, IngestError> {
        if let Some(refused) = &page.refused_next {
            tracing::warn!(%refused, "the alert list is paged by time instead");
        }
        let link = match (linked, &page.refused_next) {
            (true, _) => Link::Usable,
            (false, Some(_)) => Link::Refused,
            (false, None) => Link::None,
        };
        let items = page.items.into_iter().map(|raw| Item::read(raw).asked(self.asked)).collect();
        let step = round.take(items, link, &self.seen);
        if self.sorted && !round.sorted() {
            tracing::warn!("the server does not sort the alert list; only pages that hold everything prove anything");
            self.sorted = false;
        }
        (0..step.seen).for_each(|_| self.count(RecordOutcome::Skipped("seen")));
        (0..step.outside).for_each(|_| self.count(RecordOutcome::Skipped("before_window")));
        let late = step.news.iter().filter(|news| news.item.stamp.is_some_and(|stamp| stamp < late_before));
        self.late += late.count() as u64;
        let mut news = step.news.into_iter();
        loop {
            let some: Vec<_> = news.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                return Ok(step.next);
            }
            self.produce(some).await?;
        }
    }

    /// Writes some items side by side. Each is remembered once it is confirmed, whatever became of the others.
    async fn produce(&mut self, news: Vec<News>) -> Result<(), IngestError> {
        let mut under_way = JoinSet::new();
        for one in news {
            let publisher = self.publisher.clone();
            under_way.spawn(async move {
                let outcome = publisher.deliver(&one).await;
                (one.item, outcome)
            });
        }
        let mut failed = None;
        while let Some(joined) = under_way.join_next().await {
            match joined {
                Ok((item, Ok(outcome))) => {
                    self.seen.insert(&item);
                    self.count(outcome);
                }
                Ok((_, Err(error))) => {
                    self.metrics.retried();
                    failed.get_or_insert(error);
                }
                Err(error) => return Err(KafkaFailure::Dead(error.to_string()).into()),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Counts an item with its outcome, so that what came in is always what went out, was skipped or dead-lettered.
    fn count(&self, outcome: RecordOutcome) {
        self.metrics.received();
        match outcome {
            RecordOutcome::Sent => self.metrics.sent(),
            RecordOutcome::Skipped(why) => self.metrics.skipped(why),
            RecordOutcome::DeadLettered(reason) => self.metrics.dead_lettered(reason),
        }
    }
}

const fn asked_with(variant: Variant) -> Asked {
    if variant.capabilities.expand { Asked::Whole } else { Asked::WithoutEvidence }
}

/// Tells the round how its page was asked for.
fn told(variant: Variant, round: &mut Round) {
    round.at_most(variant.largest_page);
    if !variant.capabilities.order {
        round.unordered();
    }
}

/// The server failed, or gave no answer in time: that may lie in the question.
const fn is_failure(error: &ApiError) -> bool {
    matches!(error, ApiError::Unavailable { .. } | ApiError::Interrupted { .. })
}

fn is_bad_request(error: &ApiError) -> bool {
    matches!(error, ApiError::Refused { refusal, .. } if refusal.status == 400)
}
