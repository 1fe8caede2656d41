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

const LIST: &str = "/api/machines";
/// How many machines one list call asks for by id. Each takes about 66 characters of a query string for which
/// common servers allow 2,048.
pub const MACHINES_PER_CALL: usize = 25;
/// The largest page of the service.
const PAGE: usize = 10_000;
/// Where counting stops: half a million machines.
const MAX_PAGES: usize = 50;

impl Defender {
    /// One machine.
    ///
    /// # Errors
    /// Poison with [`ApiError::is_not_found`] when there is no such machine.
    pub async fn machine(&self, id: &MachineId) -> Result<Verbatim, ApiError> {
        let answer = self.get(Endpoint::Machine, &format!("{LIST}/{id}"), &Query::new()).await?;
        single(Endpoint::Machine, &answer.body, id.as_str())
    }

    /// Several machines with one list call for each [`MACHINES_PER_CALL`]. Machines that the list does not know
    /// are missing from the result, whose order is the server's.
    ///
    /// # Errors
    /// Those of the first call that fails.
    pub async fn machines(&self, ids: &[MachineId]) -> Result<Vec<Verbatim>, ApiError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(MACHINES_PER_CALL) {
            let filter = Filter::new().any_of("id", some.iter().map(MachineId::as_str));
            let answer = self.get(Endpoint::MachineList, LIST, &Query::new().filter(&filter)).await;
            let mut missing: HashSet<String> = some.iter().map(|id| id.as_str().to_ascii_lowercase()).collect();
            // A server may have ignored the filter.
            let wanted =
                self.machine_page(answer)?.items.into_iter().filter(|(id, _)| missing.remove(&id.to_ascii_lowercase()));
            found.extend(wanted.map(|(_, machine)| machine));
        }
        Ok(found)
    }

    /// How many onboarded machines the tenant has; those that Defender only discovered are not counted, since a
    /// share of the fleet is a share of what could be isolated.
    ///
    /// # Errors
    /// Those of the first call that fails.
    pub async fn count_machines(&self) -> Result<u64, ApiError> {
        let mut seen = HashSet::new();
        let mut count = 0;
        let mut url = self.transport.base.join(LIST, &fleet_query(0));
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
                None if read >= PAGE => self.transport.base.join(LIST, &fleet_query(seen.len())),
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

fn fleet_query(skip: usize) -> Query {
    let query = Query::new()
        .filter(&Filter::new().equals("onboardingStatus", "Onboarded"))
        .option("$select", "id,onboardingStatus")
        .option("$top", &PAGE.to_string());
    if skip == 0 { query } else { query.option("$skip", &skip.to_string()) }
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
