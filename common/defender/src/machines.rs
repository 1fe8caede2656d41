//! Machines. Source: Microsoft's pages "List machines API" and "Get machine by ID API".

use std::collections::HashSet;

use cordon_records::{MachineId, Verbatim, lenient};
use serde::Deserialize;

use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::Answer;
use crate::odata::{Filter, Query};
use crate::page::{Page, single};
use crate::transport::Call;

const LIST: &str = "/api/machines";
/// How many machines one list call asks for by id at most. Servers that are built on Microsoft's OData library refuse
/// a filter of more than 100 nodes unless they are told otherwise, and each id takes four.
pub const MACHINES_PER_CALL: usize = 25;
/// The longest query string, in characters, that common servers take unless they are told otherwise.
const QUERY: usize = 2_048;
/// The largest page of the service.
const PAGE: usize = 10_000;
/// Where counting stops: half a million machines.
const MAX_PAGES: usize = 50;

/// How many of these ids, from the first on, one list call can ask for: as many as fit its address, at least one.
#[must_use]
pub fn machines_that_fit(ids: &[MachineId]) -> usize {
    let fits = |count: &usize| by_id(&ids[..*count]).as_encoded().is_none_or(|query| query.len() <= QUERY);
    (1..=ids.len().min(MACHINES_PER_CALL)).take_while(fits).last().unwrap_or_else(|| ids.len().min(1))
}

/// A page of the fleet.
#[derive(Debug, Clone)]
pub struct FleetPage {
    /// The machines with their ids, byte for byte, in the server's order.
    pub machines: Vec<(String, Verbatim)>,
    /// How many items the server sent, also such as are no machines: the next page begins after them.
    pub read: usize,
    /// Whether the list ends here.
    pub is_last: bool,
}

impl Defender {
    /// One machine.
    ///
    /// # Errors
    /// Poison with [`ApiError::is_not_found`] when there is no such machine.
    pub async fn machine(&self, id: &MachineId) -> Result<Verbatim, ApiError> {
        let answer = self.get(Endpoint::Machine, &format!("{LIST}/{id}"), &Query::new()).await?;
        single(Endpoint::Machine, &answer.body, id.as_str())
    }

    /// Several machines, with one list call for as many as fit ([`machines_that_fit`]). Each comes with its
    /// id as the server spells it, in the server's order; machines that the list does not know are missing.
    ///
    /// # Errors
    /// Those of the first call that fails.
    pub async fn machines(&self, ids: &[MachineId]) -> Result<Vec<(String, Verbatim)>, ApiError> {
        let mut found = Vec::with_capacity(ids.len());
        let mut rest = ids;
        while !rest.is_empty() {
            let (some, others) = rest.split_at(machines_that_fit(rest));
            rest = others;
            let answer = self.get(Endpoint::MachineList, LIST, &by_id(some)).await;
            let mut missing: HashSet<String> = some.iter().map(|id| id.as_str().to_ascii_lowercase()).collect();
            // A server may have ignored the filter.
            let wanted =
                self.machine_page(answer)?.items.into_iter().filter(|(id, _)| missing.remove(&id.to_ascii_lowercase()));
            found.extend(wanted);
        }
        Ok(found)
    }

    /// The onboarded machines from the `skip`th on, up to 10,000, with all their fields. It is asked once, for as long
    /// as [`crate::Timeouts::page`]. The service's own continuation is not followed: with `$top` it gives none, and
    /// without it one that has lost the filter (MicrosoftDocs/microsoft-365-docs, issues 8316 and 8489).
    ///
    /// # Errors
    /// Transient also when the answer is not a list in JSON; Poison ([`ApiError::TooLarge`]) when it is larger
    /// than 64 MiB.
    pub async fn fleet_page(&self, skip: usize) -> Result<FleetPage, ApiError> {
        let url = self.transport.base.join(LIST, &page_of(onboarded(), skip));
        let answer = self.transport.read_once(&Call::read(Endpoint::MachineList, url, self.priority)).await;
        let this = self.clone();
        // Megabytes of JSON: nothing for a thread that others wait for.
        let read = tokio::task::spawn_blocking(move || this.machine_page(answer)).await;
        let page = read.map_err(|error| ApiError::Unreadable {
            endpoint: Endpoint::MachineList.name(),
            why: format!("reading it broke off: {error}"),
        })??;
        let read = page.items.len() + page.unreadable.len();
        let goes_on = read >= PAGE || page.next.is_some() || page.refused_next.is_some();
        Ok(FleetPage { machines: page.items, read, is_last: read == 0 || !goes_on })
    }

    /// How many onboarded machines the tenant has; those that Defender only discovered are not counted, since a
    /// share of the fleet is a share of what could be isolated.
    ///
    /// # Errors
    /// Those of the first call that fails.
    pub async fn count_machines(&self) -> Result<u64, ApiError> {
        match self.count(names_only).await {
            // The service has refused to select the field that it filters by (MicrosoftDocs/microsoft-365-docs, issue 8489).
            Err(ApiError::Refused { .. }) => self.count(onboarded).await,
            counted => counted,
        }
    }

    async fn count(&self, query: fn() -> Query) -> Result<u64, ApiError> {
        let mut seen = HashSet::new();
        let mut count = 0;
        let mut url = self.transport.base.join(LIST, &page_of(query(), 0));
        for _ in 0..MAX_PAGES {
            let page = self.machine_page(self.get_url(Endpoint::MachineList, url).await)?;
            let read = page.items.len() + page.unreadable.len();
            let before = seen.len();
            for (id, machine) in page.items {
                if seen.insert(id) && is_onboarded(&machine) {
                    count += 1;
                }
            }
            url = match page.next {
                // A page without news means that the server does not page at all.
                _ if seen.len() == before => break,
                Some(next) => next.url().clone(),
                None if read >= PAGE => self.transport.base.join(LIST, &page_of(query(), seen.len())),
                None => break,
            };
        }
        Ok(count)
    }

    /// A page of machines. The list answers 404 when there is none.
    fn machine_page(&self, answer: Result<Answer, ApiError>) -> Result<Page, ApiError> {
        match answer {
            Ok(answer) => Page::parse(Endpoint::MachineList, &self.transport.base, &answer.body),
            Err(error) if error.is_not_found() => Ok(Page::default()),
            Err(error) => Err(error),
        }
    }
}

/// Asks for these by id.
fn by_id(ids: &[MachineId]) -> Query {
    Query::new().filter(&Filter::new().any_of("id", ids.iter().map(MachineId::as_str)))
}

fn onboarded() -> Query {
    Query::new().filter(&Filter::new().equals("onboardingStatus", "Onboarded"))
}

fn page_of(query: Query, skip: usize) -> Query {
    let query = query.option("$top", &PAGE.to_string());
    if skip == 0 { query } else { query.option("$skip", &skip.to_string()) }
}

/// The onboarded machines, and of each what counting needs.
fn names_only() -> Query {
    onboarded().option("$select", "id,onboardingStatus")
}

fn is_onboarded(machine: &Verbatim) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        #[serde(default, deserialize_with = "lenient::text")]
        onboarding_status: Option<String>,
    }
    // An absent status passed the server's filter.
    match machine.view::<Status>().ok().and_then(|status| status.onboarding_status) {
        Some(status) => status.eq_ignore_ascii_case("Onboarded"),
        None => true,
    }
}
