//! One poll round as a state machine over pages. Pure: pages go in, what to produce and what to ask next come out.
//!
//! The list changes while it is read, so a round pages by time boundary, never by position: after a full page it
//! asks again from the newest `lastUpdateTime` it was served. Where the boundary cannot move (a full page of a
//! single stamp, a server that does not sort) it asks for a larger page, then follows the server's own links, over
//! and over until two passes in a row serve the same: links are positions, and an alert that is updated while they
//! are followed shifts another one out of sight, but comes back itself as something else.
//! A round that can do none of these is incomplete, and says so.

use std::collections::HashSet;

use cordon_records::Change;
use jiff::Timestamp;

use crate::seen::{Identity, Item, Seen};

/// The largest page that the API gives. Source: Microsoft's page "List alerts API", `$top`.
pub const MAX_PAGE: u32 = 10_000;
/// How often a chain of links is followed from its start before the round gives up.
const MAX_PASSES: u32 = 5;
/// How many links of one pass are followed; a chain longer than this runs in a circle.
const MAX_LINKS: u32 = 500;

/// What a round starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Ask for alerts updated at or after this instant: the watermark minus the overlap.
    pub since: Timestamp,
    /// The newest `lastUpdateTime` of the rounds before.
    pub watermark: Timestamp,
    /// A stamp beyond this is not believed: a watermark from it would start the next poll in the future.
    pub believable_until: Timestamp,
    /// Items per page, at first.
    pub top: u32,
    /// Items per page at most; [`MAX_PAGE`] against Microsoft's server.
    pub largest_top: u32,
    /// Whether the server was asked to sort, and has done so until now.
    pub sorted: bool,
}

/// A question to the alert list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Alerts updated at or after this instant.
    pub since: Timestamp,
    /// Items per page.
    pub top: u32,
}

/// Why a round cannot be proven complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stall {
    /// The largest page is full and there is no later stamp to go on from.
    #[error("a full page of the largest size brings no later lastUpdateTime and no link that can be followed")]
    FullPage,
    /// The server's links do not end.
    #[error("the list's next links do not end")]
    EndlessLinks,
    /// No two passes over the server's links served the same.
    #[error("the list changed in each of {MAX_PASSES} passes over its next links")]
    Restless,
    /// Not even one item fits.
    #[error("a single alert is larger than the largest answer that is read")]
    TooLarge,
    /// The list goes on behind a link that leads elsewhere.
    #[error("the list goes on behind a next link that leads away from the configured address")]
    LinkRefused,
}

/// What a page says of its continuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Nothing.
    None,
    /// There is one, and it may be followed.
    Usable,
    /// There is one, and it leads where we do not go. The list goes on all the same.
    Refused,
}

/// What to do after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask again.
    Ask(Ask),
    /// Ask again, from the end of a page that brought news: nothing is known to be missing, and only the answer shows that
    /// nothing is. It may wait; until it has come the round is not complete.
    Confirm(Ask),
    /// Follow the page's link.
    Follow,
    /// Every alert that the list held at the round's start has been served.
    Complete,
    /// That cannot be said.
    Incomplete(Stall),
}

/// An item that has not been produced before.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// The item.
    pub item: Item,
    /// Whether its alert is known.
    pub change: Change,
}

/// What one page came to. `news`, `seen` and `outside` add up to the page's items.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// To be produced, oldest first.
    pub news: Vec<News>,
    /// Items produced before, or served before in this round.
    pub seen: usize,
    /// Items older than the round asked for: the server ignores the filter.
    pub outside: usize,
    /// What to do next.
    pub next: Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PagingMode {
    /// By time boundary.
    Boundary,
    /// By the server's links: the pass's number, from 1, and the links followed in it.
    Links(u32, u32),
}

/// A page's facts, without its items.
struct PageFacts {
    full: bool,
    link: Link,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// Whether it brought something that no round had.
    unseen: bool,
}

/// A poll round.
#[derive(Debug)]
pub struct Round {
    plan: Plan,
    ask: Ask,
    sorted: bool,
    way: PagingMode,
    served: HashSet<Identity>,
    pass: HashSet<Identity>,
    pass_before: HashSet<Identity>,
    newest: Option<Timestamp>,
}

impl Round {
    /// A round that has asked nothing yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        // Without order, only a page that holds everything proves anything.
        let top = if plan.sorted { plan.top.min(plan.largest_top) } else { plan.largest_top };
        Self {
            plan,
            ask: Ask { since: plan.since, top },
            sorted: plan.sorted,
            way: PagingMode::Boundary,
            served: HashSet::new(),
            pass: HashSet::new(),
            pass_before: HashSet::new(),
            newest: None,
        }
    }

    /// The question to ask first.
    #[must_use]
    pub const fn first(&self) -> Ask {
        self.ask
    }

    /// Whether every page so far came sorted.
    #[must_use]
    pub const fn sorted(&self) -> bool {
        self.sorted
    }

    /// Says that the server would not be asked to sort: from here on no boundary is believed.
    pub const fn unordered(&mut self) {
        self.sorted = false;
    }

    /// Says that this page and those after it have at most so many items.
    pub fn at_most(&mut self, top: u32) {
        self.plan.largest_top = self.plan.largest_top.min(top);
        self.ask.top = self.ask.top.min(top);
    }

    /// The watermark after a complete round: the newest believable stamp ever received.
    #[must_use]
    pub fn watermark(&self) -> Timestamp {
        self.newest.map_or(self.plan.watermark, |newest| newest.max(self.plan.watermark))
    }

    /// Takes one page: its items, alerts in the server's order, and what it says of its continuation.
    pub fn take(&mut self, items: Vec<Item>, link: Link, seen: &Seen) -> Step {
        let sorted = items.iter().filter(|item| item.alert_id().is_some()).filter_map(|item| item.stamp).is_sorted();
        let full = u32::try_from(items.len()).is_ok_and(|count| count >= self.ask.top);
        let oldest = items.iter().filter_map(|item| item.stamp).min();
        let newest = items.iter().filter_map(|item| item.stamp).max();
        let mut step = Step { news: Vec::new(), seen: 0, outside: 0, next: Next::Complete };
        if self.way == PagingMode::Boundary {
            self.pass.clear();
        }
        self.sift(items, seen, &mut step);
        let surprised = self.sorted && !sorted;
        self.sorted &= sorted;
        step.next = if surprised && self.ask.since > self.plan.since {
            self.start_over()
        } else {
            self.after(&PageFacts { full, link, oldest, newest, unseen: !step.news.is_empty() })
        };
        step
    }

    /// The answer was too large to be read: asks for half as many, and for no more than that from here on.
    pub fn too_large(&mut self) -> Next {
        let half = self.ask.top / 2;
        if half == 0 {
            return Next::Incomplete(Stall::TooLarge);
        }
        self.plan.largest_top = half;
        self.ask.top = half;
        self.way = PagingMode::Boundary;
        Next::Ask(self.ask)
    }

    /// Splits the items into news, seen and outside.
    fn sift(&mut self, mut items: Vec<Item>, seen: &Seen, step: &mut Step) {
        items.sort_by_key(|item| item.stamp);
        for item in items {
            if item.stamp.is_some_and(|stamp| stamp < self.plan.since) {
                step.outside += 1;
                continue;
            }
            self.newest = self.newest.max(item.stamp.filter(|stamp| *stamp <= self.plan.believable_until));
            self.pass.insert(item.identity.clone());
            if !self.served.insert(item.identity.clone()) || seen.contains(&item) {
                step.seen += 1;
            } else {
                let known = item.alert_id().is_some_and(|id| seen.knows(id));
                let change = if known { Change::Updated } else { Change::New };
                step.news.push(News { item, change });
            }
        }
    }

    /// The pages before this one looked sorted by chance: the boundary may have passed alerts that were not served.
    fn start_over(&mut self) -> Next {
        self.way = PagingMode::Boundary;
        self.ask = Ask { since: self.plan.since, top: self.plan.largest_top };
        Next::Ask(self.ask)
    }

    fn after(&mut self, page: &PageFacts) -> Next {
        match self.way {
            PagingMode::Boundary if page.full || page.link != Link::None => self.beyond_a_full_page(page),
            PagingMode::Boundary => self.beyond_a_short_page(page),
            PagingMode::Links(pass, followed) => self.along_links(page, pass, followed),
        }
    }

    /// The boundary moves only behind a page that shows the server's order: a page of a single stamp may as well
    /// be the newest end of a list that the server sorts the other way round.
    fn beyond_a_full_page(&mut self, page: &PageFacts) -> Next {
        let in_order = self.sorted && page.oldest < page.newest;
        if let Some(newest) = page.newest.filter(|newest| in_order && *newest > self.ask.since) {
            self.ask.since = newest;
            return Next::Ask(self.ask);
        }
        if self.ask.top < self.plan.largest_top {
            self.ask.top = self.plan.largest_top;
            return Next::Ask(self.ask);
        }
        match page.link {
            Link::Usable => self.along_links(page, 1, 0),
            Link::Refused => Next::Incomplete(Stall::LinkRefused),
            Link::None => Next::Incomplete(Stall::FullPage),
        }
    }

    /// A short page is normally the end. If it brought news, or ends before what earlier rounds have seen, the
    /// server may have cut it short without saying so: one more question, from its end, tells.
    fn beyond_a_short_page(&mut self, page: &PageFacts) -> Next {
        let Some(newest) = page.newest.filter(|newest| *newest > self.ask.since) else {
            return Next::Complete;
        };
        if !page.unseen && newest >= self.plan.watermark {
            return Next::Complete;
        }
        self.ask.since = newest;
        if page.unseen { Next::Confirm(self.ask) } else { Next::Ask(self.ask) }
    }

    fn along_links(&mut self, page: &PageFacts, pass: u32, followed: u32) -> Next {
        match page.link {
            Link::Usable if followed < MAX_LINKS => {
                self.way = PagingMode::Links(pass, followed + 1);
                return Next::Follow;
            }
            Link::Usable => return Next::Incomplete(Stall::EndlessLinks),
            Link::Refused => return Next::Incomplete(Stall::LinkRefused),
            Link::None if page.full && followed == 0 => return Next::Incomplete(Stall::FullPage),
            Link::None => {}
        }
        if pass > 1 && self.pass == self.pass_before {
            return Next::Complete;
        }
        if pass >= MAX_PASSES {
            return Next::Incomplete(Stall::Restless);
        }
        self.way = PagingMode::Links(pass + 1, 0);
        self.pass_before = std::mem::take(&mut self.pass);
        Next::Ask(self.ask)
    }
}

#[cfg(test)]
mod tests;
