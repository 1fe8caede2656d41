//! What enrich asks of Defender: the port with the ways in which an answer can fail, which call to make next, and one call
//! with what it came to. Defender's client is one implementation of the port; tests bring their own.
//!
//! The [`Planner`] is pure: time is passed in. All machines that somebody waits for are to come with the fewest calls. A
//! machine goes at most three steps. First one call for it alone, when nothing else waits; a filter by id, when
//! several do; or pages of the whole fleet, when that is clearly fewer calls. What the pages did not bring is asked for
//! by filter, and what a filter did not bring by its own call: lists leave out machines that were not seen for long and
//! such as were onboarded a moment ago, and a server may cut a list. Only the own call tells that there is no machine.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cordon_defender::{ApiError, Defender, FleetPage, MACHINES_PER_CALL, machines_that_fit};
use cordon_records::{Classified, ErrorClass, MachineId, Verbatim};
use tokio::time::Instant;

use crate::metrics::{ApiCall, Metrics};

/// Calls of the first two steps under way at most, pages not counted.
const BATCHES: usize = 4;
/// Calls under way at most for machines that no list brought. They have their own path template, so they keep nobody
/// from a list.
const SINGLES: usize = 4;
/// A batch closes when the calls before it have returned, or when they are out for so long. While a page is out, which
/// may well bring who waits, one goes this often.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many filters a page must stand for: it is some 400 times as large as one, and the service writes it for seconds.
const WORTH: usize = 4;
/// So long those count for that who were asked for already: where filters are quick, a storm never waits in numbers, and
/// what the pages bring besides serves the rest of it.
const STORM: Duration = Duration::from_secs(60);
/// How long a guess at the fleet's size stands, and how long no page is asked for after one that failed.
const REST: Duration = Duration::from_secs(600);

/// Why a lookup brought nothing. It goes to everybody who asked for the same, so it can be copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such machine (HTTP 404).
    #[error("Defender does not know this machine")]
    Unknown,
    /// The call failed; another one may not.
    #[error("the lookup failed: {0}")]
    Failed(String),
    /// The API takes no such question; asked otherwise, it may answer.
    #[error("the lookup was not understood: {0}")]
    Rejected(String),
    /// The API refuses us: token, permission or address.
    #[error("the lookup is refused: {0}")]
    Refused(String),
    /// The quota is used up for longer than a call waits. The machine can be had, only not now.
    #[error("the quota for lookups is used up")]
    Busy {
        /// When to ask again.
        after: Duration,
    },
}

impl Classified for LookupError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Unknown | Self::Rejected(_) => ErrorClass::Poison,
            Self::Failed(_) | Self::Busy { .. } => ErrorClass::Transient,
            Self::Refused(_) => ErrorClass::Fatal,
        }
    }
}

impl From<ApiError> for LookupError {
    fn from(error: ApiError) -> Self {
        if error.is_not_found() {
            return Self::Unknown;
        }
        if let ApiError::Throttled { retry_after, .. } = error {
            return Self::Busy { after: retry_after };
        }
        match error.class() {
            ErrorClass::Fatal => Self::Refused(error.to_string()),
            ErrorClass::Poison => Self::Rejected(error.to_string()),
            ErrorClass::Transient | ErrorClass::Ambiguous => Self::Failed(error.to_string()),
        }
    }
}

/// What came of one machine.
pub type Answer = Result<Verbatim, LookupError>;

/// Looks machines up.
pub trait MachineLookup: Send + Sync + 'static {
    /// One machine by id.
    fn machine(&self, id: &MachineId) -> impl Future<Output = Result<Verbatim, LookupError>> + Send;

    /// Several machines with one call, each with its id as the list spells it. Those that the list does not hold are left out.
    fn machines(&self, ids: &[MachineId]) -> impl Future<Output = Result<Vec<(String, Verbatim)>, LookupError>> + Send;

    /// The onboarded machines from the `skip`th on, as many as fit a page.
    fn fleet_page(&self, skip: usize) -> impl Future<Output = Result<FleetPage, LookupError>> + Send;
}

impl MachineLookup for Defender {
    async fn machine(&self, id: &MachineId) -> Result<Verbatim, LookupError> {
        Ok(Self::machine(self, id).await?)
    }

    async fn machines(&self, ids: &[MachineId]) -> Result<Vec<(String, Verbatim)>, LookupError> {
        Ok(Self::machines(self, ids).await?)
    }

    async fn fleet_page(&self, skip: usize) -> Result<FleetPage, LookupError> {
        Ok(Self::fleet_page(self, skip).await?)
    }
}

/// A call to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// One machine, since no other waits.
    One(MachineId),
    /// These machines, by one filter.
    Filter(Vec<MachineId>),
    /// A machine that lists did not bring.
    Unlisted(MachineId),
    /// A page of the fleet.
    Page(Walk),
}

/// How far the pages of the fleet have been read. They are read on while what they bring says that it pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walk {
    /// Where the page that is asked for begins.
    pub skip: usize,
    /// Pages that came.
    pages: usize,
    /// Machines that somebody waited for on them.
    answered: usize,
}

/// What is known of the fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Fleet {
    /// It was never read; one page tells.
    #[default]
    Unknown,
    /// It was read to its end, in so many pages.
    Pages(usize),
    /// What came of the pages that were read makes it so many; nothing when they failed, or did not hold who was asked for.
    Guess { pages: Option<usize>, until: Instant },
}

/// Whether the fleet is being read.
#[derive(Debug, Default)]
enum Reading {
    #[default]
    No,
    Due(Walk),
    UnderWay,
}

/// Who waits at which step, and what is under way. Each machine is in one place: a queue, or a call.
#[derive(Debug, Default)]
pub struct Planner {
    /// Nothing was asked for these.
    fresh: Vec<MachineId>,
    /// These wait for the pages.
    paged: Vec<MachineId>,
    /// These the pages did not bring.
    beyond: Vec<MachineId>,
    /// These no list brought.
    unlisted: VecDeque<MachineId>,
    batches: usize,
    singles: usize,
    last_batch: Option<Instant>,
    recent: Recent,
    fleet: Fleet,
    reading: Reading,
}

/// How many machines were asked for by id since the first of them, up to [`STORM`] ago, and since the last page.
#[derive(Debug, Default)]
struct Recent(Option<(Instant, usize)>);

impl Recent {
    fn count(&self, now: Instant) -> usize {
        self.0.filter(|(since, _)| now < *since + STORM).map_or(0, |(_, count)| count)
    }

    fn add(&mut self, machines: usize, now: Instant) {
        match &mut self.0 {
            Some((since, count)) if now < *since + STORM => *count += machines,
            over => *over = Some((now, machines)),
        }
    }
}

impl Planner {
    /// Somebody waits for this machine, which nobody did before.
    pub fn add(&mut self, id: MachineId) {
        self.fresh.push(id);
    }

    /// The next call to make now. Each that is handed out is under way until it is said to have ended.
    pub fn next(&mut self, now: Instant) -> Option<Ask> {
        self.turn_to_pages(now);
        if let Reading::Due(walk) = self.reading {
            self.reading = Reading::UnderWay;
            return Some(Ask::Page(walk));
        }
        self.next_batch(now).or_else(|| self.next_single())
    }

    /// When to ask for the next call though nothing has ended and nobody came.
    pub fn wakes_at(&self) -> Option<Instant> {
        let waits = self.fresh.len() + self.beyond.len() > 0;
        self.last_batch.filter(|_| waits && self.batches < BATCHES).map(|at| at + PATIENCE)
    }

    /// A first call or a filter ended; these it did not bring, and somebody still waits for them.
    pub fn batch_ended(&mut self, absent: impl IntoIterator<Item = MachineId>) {
        self.batches -= 1;
        self.unlisted.extend(absent);
    }

    /// The call for a machine that lists did not bring ended.
    pub fn single_ended(&mut self) {
        self.singles -= 1;
    }

    /// A page came, with so many items; `brought` tells which machines are among them.
    pub fn page_came(
        &mut self,
        walk: Walk,
        (read, is_last): (usize, bool),
        brought: impl Fn(&MachineId) -> bool,
        now: Instant,
    ) {
        let before = self.paged.len();
        for queue in [&mut self.fresh, &mut self.paged, &mut self.beyond] {
            queue.retain(|id| !brought(id));
        }
        self.unlisted.retain(|id| !brought(id));
        let answered = before - self.paged.len();
        let walk = Walk { skip: walk.skip + read, pages: walk.pages + 1, answered: walk.answered + answered };
        let fleet = match self.guess(walk) {
            _ if is_last && walk.answered >= self.paged.len() => Fleet::Pages(walk.pages),
            _ if is_last => Fleet::Guess { pages: None, until: now + REST },
            Some(pages) if !self.paged.is_empty() && self.are_worth(pages, walk.answered + self.paged.len(), now) => {
                self.reading = Reading::Due(walk);
                return;
            }
            pages => Fleet::Guess { pages, until: now + REST },
        };
        self.close(fleet);
    }

    /// How many pages the fleet takes, by what the first of them brought of those who wait.
    fn guess(&self, walk: Walk) -> Option<usize> {
        match self.fleet {
            Fleet::Pages(pages) if pages > walk.pages => Some(pages),
            _ if walk.answered == 0 => None,
            _ => {
                let waited = walk.answered + self.paged.len();
                Some((walk.pages * waited).div_ceil(walk.answered).max(walk.pages + 1))
            }
        }
    }

    /// A page failed: filters may still work.
    pub fn page_failed(&mut self, now: Instant) {
        self.close(Fleet::Guess { pages: None, until: now + REST });
    }

    /// A page may not be had now; these waited for it and are told so.
    pub fn page_refused(&mut self) -> Vec<MachineId> {
        self.reading = Reading::No;
        std::mem::take(&mut self.paged)
    }

    fn close(&mut self, fleet: Fleet) {
        self.fleet = fleet;
        self.recent = Recent::default();
        self.reading = Reading::No;
        self.beyond.append(&mut self.paged);
    }

    /// How many pages the fleet takes, as far as known; nothing while none is to be asked for.
    fn pages(&self, now: Instant) -> Option<usize> {
        match self.fleet {
            Fleet::Unknown => Some(1),
            Fleet::Pages(pages) => Some(pages),
            Fleet::Guess { pages, until } => {
                if now < until {
                    pages
                } else {
                    Some(1)
                }
            }
        }
    }

    /// Has the pages read where a storm is on and that is clearly fewer calls. While they are read, a filter's worth of
    /// machines joins those who wait for them: it costs no call.
    fn turn_to_pages(&mut self, now: Instant) {
        let waiting = self.fresh.len();
        if waiting < MACHINES_PER_CALL {
            return;
        }
        match self.reading {
            Reading::Due(_) | Reading::UnderWay => self.paged.append(&mut self.fresh),
            Reading::No if self.pages(now).is_some_and(|pages| self.are_worth(pages, waiting, now)) => {
                self.reading = Reading::Due(Walk::default());
                self.paged.append(&mut self.fresh);
            }
            Reading::No => {}
        }
    }

    fn are_worth(&self, pages: usize, waiting: usize, now: Instant) -> bool {
        filters(self.recent.count(now) + waiting) >= WORTH * pages
    }

    /// Whether who waits goes now, however few they are.
    fn is_closed(&self, now: Instant) -> bool {
        let has_patience = self.last_batch.is_some_and(|at| now < at + PATIENCE);
        !has_patience || (self.batches == 0 && matches!(self.reading, Reading::No))
    }

    /// The next filter, with those nobody asked for yet before those that the pages did not bring.
    fn next_batch(&mut self, now: Instant) -> Option<Ask> {
        let waiting = self.fresh.len() + self.beyond.len();
        let may_go = self.batches < BATCHES && (waiting >= MACHINES_PER_CALL || self.is_closed(now));
        if waiting == 0 || !may_go {
            return None;
        }
        let mut ids: Vec<_> = self.fresh.iter().chain(&self.beyond).take(MACHINES_PER_CALL).cloned().collect();
        ids.truncate(machines_that_fit(&ids));
        let fresh = ids.len().min(self.fresh.len());
        self.fresh.drain(..fresh);
        self.beyond.drain(..ids.len() - fresh);
        self.recent.add(fresh, now);
        self.batches += 1;
        self.last_batch = Some(now);
        Some(match ids.as_slice() {
            // Where own calls wait for their quota, a filter gets through sooner.
            [id] if self.singles == 0 => Ask::One(id.clone()),
            _ => Ask::Filter(ids),
        })
    }

    fn next_single(&mut self) -> Option<Ask> {
        if self.singles >= SINGLES {
            return None;
        }
        let id = self.unlisted.pop_front()?;
        self.singles += 1;
        Some(Ask::Unlisted(id))
    }
}

/// How many filters so many machines take.
fn filters(machines: usize) -> usize {
    machines.div_ceil(MACHINES_PER_CALL)
}

/// What a call came to.
pub(crate) enum Came {
    /// The machine that was asked for before lists were, or why not.
    One(MachineId, Answer),
    /// What a filter brought of these, each with the id as the list spells it.
    Filter(Vec<MachineId>, Result<Vec<(String, Verbatim)>, LookupError>),
    /// The machine that lists did not bring, or why not.
    Unlisted(MachineId, Answer),
    /// A page of the fleet.
    Page(Walk, Result<FleetPage, LookupError>),
}

impl Came {
    /// What a call came to that went wrong altogether.
    pub(crate) fn failed(ask: Ask, failure: LookupError) -> Self {
        match ask {
            Ask::One(id) => Self::One(id, Err(failure)),
            Ask::Filter(ids) => Self::Filter(ids, Err(failure)),
            Ask::Unlisted(id) => Self::Unlisted(id, Err(failure)),
            Ask::Page(walk) => Self::Page(walk, Err(failure)),
        }
    }
}

/// Makes the call.
pub(crate) async fn fetch<L: MachineLookup>(lookup: Arc<L>, metrics: Metrics, ask: Ask) -> Came {
    metrics.call(match &ask {
        Ask::One(_) | Ask::Unlisted(_) => ApiCall::Get,
        Ask::Filter(_) => ApiCall::List,
        Ask::Page(_) => ApiCall::Page,
    });
    match ask {
        Ask::One(id) => {
            let answer = lookup.machine(&id).await;
            Came::One(id, answer)
        }
        Ask::Unlisted(id) => {
            let answer = lookup.machine(&id).await;
            Came::Unlisted(id, answer)
        }
        Ask::Filter(ids) => {
            let listed = match lookup.machines(&ids).await {
                Ok(listed) => Ok(listed),
                // The list answers 404 when it knows no machine, and 400 when it does not take the filter.
                Err(LookupError::Unknown | LookupError::Rejected(_)) => Ok(Vec::new()),
                Err(failure @ (LookupError::Failed(_) | LookupError::Refused(_) | LookupError::Busy { .. })) => {
                    Err(failure)
                }
            };
            Came::Filter(ids, listed)
        }
        Ask::Page(walk) => Came::Page(walk, lookup.fleet_page(walk.skip).await),
    }
}

#[cfg(test)]
mod tests;
