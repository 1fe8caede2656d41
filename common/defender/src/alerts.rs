//! Alerts. Source: Microsoft's pages "List alerts API" and "Get alert information by ID API".
//!
//! Known of the list: without `$orderby` it has come sorted by id; a server may ignore any option; many alerts
//! share one `lastUpdateTime`. So nothing here relies on order or completeness: that is the poller's work.

use cordon_records::{AlertId, Verbatim};
use jiff::Timestamp;

use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::Answer;
use crate::next_link::{NextLink, RefusedLink};
use crate::odata::{Filter, Query};
use crate::page::{Listing, single};
use crate::quota::Room;

/// Which alerts to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertQuery {
    /// Only alerts whose `lastUpdateTime` is at or after this instant.
    pub updated_since: Option<Timestamp>,
    /// How many at most; the service takes up to 10,000.
    pub top: u32,
    /// Whether to ask for users, processes, files and addresses with each alert.
    pub expand_evidence: bool,
    /// Whether to ask for oldest update first. `$orderby` is not on the documentation page, so it can be left out.
    pub order: bool,
}

impl AlertQuery {
    fn to_query(&self) -> Query {
        let filter = match self.updated_since {
            Some(at) => Filter::new().since("lastUpdateTime", at),
            None => Filter::new(),
        };
        let mut query = Query::new().filter(&filter);
        if self.order {
            query = query.option("$orderby", "lastUpdateTime asc");
        }
        if self.expand_evidence {
            query = query.option("$expand", "evidence");
        }
        query.option("$top", &self.top.to_string())
    }
}

/// One page of alerts, as the server sent it.
#[derive(Debug, Clone)]
pub struct AlertPage {
    /// The items, byte for byte, in the server's order. Whoever reads them finds what is no alert among them: a page may have
    /// thousands, and to look at each here would be to read it twice.
    pub items: Vec<Verbatim>,
    /// Where the list goes on, if the server says so.
    pub next: Option<NextLink>,
    /// A continuation that is not followed. The list may still be paged by time.
    pub refused_next: Option<RefusedLink>,
}

impl Defender {
    /// One page of alerts.
    ///
    /// # Errors
    /// Transient also when the answer is not a list in JSON; Poison ([`ApiError::TooLarge`]) when it is larger
    /// than 64 MiB: ask for fewer.
    pub async fn list_alerts(&self, query: &AlertQuery) -> Result<AlertPage, ApiError> {
        let answer = self.get(Endpoint::AlertList, "/api/alerts", &query.to_query()).await?;
        self.alert_page(&answer)
    }

    /// The page that a continuation leads to.
    ///
    /// # Errors
    /// As [`Defender::list_alerts`].
    pub async fn more_alerts(&self, next: &NextLink) -> Result<AlertPage, ApiError> {
        let answer = self.get_url(Endpoint::AlertList, next.url().clone()).await?;
        self.alert_page(&answer)
    }

    /// What room the quota has for so many calls of the alert list, one after the other.
    #[must_use]
    pub fn alert_list_room(&self, calls: u32) -> Room {
        self.transport.room(Endpoint::AlertList, self.priority, calls)
    }

    /// One alert. Its evidence comes with it without being asked for.
    ///
    /// # Errors
    /// Poison with [`ApiError::is_not_found`] when there is no such alert.
    pub async fn alert(&self, id: &AlertId) -> Result<Verbatim, ApiError> {
        let answer = self.get(Endpoint::Alert, &format!("/api/alerts/{id}"), &Query::new()).await?;
        single(Endpoint::Alert, &answer.body, id.as_str())
    }

    fn alert_page(&self, answer: &Answer) -> Result<AlertPage, ApiError> {
        let Listing { items, next, refused_next } =
            Listing::parse(Endpoint::AlertList, &self.transport.base, &answer.body)?;
        Ok(AlertPage { items, next, refused_next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_asks_only_for_what_is_wanted() {
        let mut query = AlertQuery {
            updated_since: Some("2026-11-22T18:00:00.84Z".parse().unwrap()),
            top: 500,
            expand_evidence: true,
            order: true,
        };
        assert_eq!(
            query.to_query().as_encoded(),
            Some(
                "$filter=lastUpdateTime%20ge%202026-11-22T18%3A00%3A00.84Z&$orderby=lastUpdateTime%20asc\
                 &$expand=evidence&$top=500"
            )
        );
        query = AlertQuery { updated_since: None, expand_evidence: false, order: false, ..query };
        assert_eq!(query.to_query().as_encoded(), Some("$top=500"));
    }
}
