//! The lists of machine actions: what was asked of machines and how far it got. Source: Microsoft's page "List machine
//! actions API"; one entry is a [`MachineAction`].

use cordon_records::{MachineAction, MachineActionId, MachineId, Verbatim};
use jiff::Timestamp;

use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::Answer;
use crate::odata::{Filter, Query};
use crate::page::{Page, beginning, single, unproven};
use crate::wire::text_of;

const LIST: &str = "/api/machineactions";
/// Where reading a list stops.
const MAX_PAGES: usize = 20;
/// The most entries of a page ("List machine actions API": the maximum of `$top`). After so many there may be more.
const FULL_PAGE: usize = 10_000;

/// Which machine actions to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionQuery {
    /// Only those of this machine.
    pub machine: Option<MachineId>,
    /// Only those created at or after this instant, by Microsoft's clock; an action without a time is included.
    pub created_since: Option<Timestamp>,
}

impl ActionQuery {
    fn to_query(&self) -> Query {
        let mut filter = Filter::new();
        if let Some(machine) = &self.machine {
            filter = filter.equals("machineId", machine.as_str());
        }
        if let Some(at) = self.created_since {
            filter = filter.since("creationDateTimeUtc", at);
        }
        Query::new().filter(&filter)
    }

    /// The same conditions here, since a server may ignore the filter.
    fn wants(&self, action: &MachineAction) -> bool {
        let of_machine = match (&self.machine, &action.machine_id) {
            (None, _) => true,
            (Some(wanted), Some(found)) => wanted.as_str().eq_ignore_ascii_case(found.as_str()),
            (Some(_), None) => false,
        };
        let is_recent = match (self.created_since, action.created) {
            (Some(since), Some(created)) => created >= since,
            (None, _) | (_, None) => true,
        };
        of_machine && is_recent
    }
}

impl ActionQuery {
    /// Reads a page. Of one machine, an entry that cannot be read is passed over only if it is surely another machine's:
    /// it may be the one that was looked for. Of all machines, what is looked for has a known id.
    fn read_all(&self, items: impl Iterator<Item = Verbatim>) -> Result<Vec<MachineAction>, ApiError> {
        let mut found = Vec::new();
        for item in items {
            match MachineAction::read(&item) {
                Some(action) if self.wants(&action) => found.push(action),
                Some(_) => {}
                None if self.machine.is_none() || self.is_of_another_machine(&item) => {
                    tracing::warn!("an entry in the list of machine actions has no usable id; it is passed over");
                }
                None => {
                    return Err(incomplete(format!("an entry has no usable id: {:?}", beginning(item.get()))));
                }
            }
        }
        Ok(found)
    }

    fn is_of_another_machine(&self, item: &Verbatim) -> bool {
        match (&self.machine, MachineAction::machine_of(item)) {
            (Some(wanted), Some(found)) => !wanted.as_str().eq_ignore_ascii_case(found.as_str()),
            (None, _) | (Some(_), None) => false,
        }
    }
}

impl Defender {
    /// Machine actions, newest first; those without a creation time come first.
    ///
    /// The list is read to its end: from "not in the list" follows a second attempt, so a list that cannot be
    /// read whole is an error.
    ///
    /// # Errors
    /// Transient when a continuation must not be followed or never ends, or when an entry that could be one of
    /// those asked for has no usable id.
    pub async fn machine_actions(&self, query: &ActionQuery) -> Result<Vec<MachineAction>, ApiError> {
        let mut found = query.read_all(self.action_items(&query.to_query()).await?.into_iter())?;
        found.sort_by_key(newest_first);
        Ok(found)
    }

    /// Every entry of the list, page after page to its end, as it came.
    pub(crate) async fn action_items(&self, query: &Query) -> Result<Vec<Verbatim>, ApiError> {
        let mut found = Vec::new();
        let mut url = self.transport.base.join(LIST, query);
        for _ in 0..MAX_PAGES {
            let answer = self.get_url(Endpoint::ActionList, url).await?;
            let page = Page::parse(Endpoint::ActionList, &self.transport.base, &answer.body)?;
            if let Some(refused) = page.refused_next {
                return Err(incomplete(refused.to_string()));
            }
            let size = page.items.len() + page.unreadable.len();
            found.extend(page.items.into_iter().map(|(_, item)| item).chain(page.unreadable));
            match page.next {
                Some(next) => url = next.url().clone(),
                None if size >= FULL_PAGE => {
                    return Err(incomplete(format!("a full page of {size} entries names no next one")));
                }
                None => return Ok(found),
            }
        }
        Err(incomplete(format!("the list goes on after {MAX_PAGES} pages")))
    }

    /// One machine action.
    ///
    /// # Errors
    /// Poison with [`ApiError::is_not_found`] when there is no such action.
    pub async fn machine_action(&self, id: &MachineActionId) -> Result<MachineAction, ApiError> {
        let answer = self.get(Endpoint::Action, &format!("{LIST}/{id}"), &Query::new()).await?;
        let item = single(Endpoint::Action, &answer.body, id.as_str())?;
        MachineAction::read(&item).ok_or_else(|| ApiError::Unreadable {
            endpoint: Endpoint::Action.name(),
            why: format!("it is no machine action; it begins with {:?}", beginning(item.get())),
        })
    }
}

/// The machine action in the answer to a call with an effect. Any other success may come from a proxy, so whether
/// Defender took the call is unknown then.
pub(crate) fn taken(endpoint: Endpoint, answer: &Answer) -> Result<MachineAction, ApiError> {
    let text = text_of(&answer.body);
    let action = Verbatim::parse(&text).ok().and_then(|item| MachineAction::read(&item));
    action.ok_or_else(|| unproven(endpoint, answer, "a machine action"))
}

fn incomplete(why: String) -> ApiError {
    ApiError::Unreadable { endpoint: Endpoint::ActionList.name(), why }
}

/// Sorts the newest to the front, and before it what has no creation time.
pub(crate) fn newest_first(action: &MachineAction) -> std::cmp::Reverse<Timestamp> {
    std::cmp::Reverse(action.created.unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> MachineAction {
        MachineAction::read(&Verbatim::parse(json).unwrap()).unwrap()
    }

    #[test]
    fn actions_of_other_machines_and_older_ones_are_left_out_although_the_server_sent_them() {
        let query = ActionQuery {
            machine: Some(MachineId::new("m1").unwrap()),
            created_since: Some("2026-01-02T00:00:00Z".parse().unwrap()),
        };
        let wants = |rest: &str| query.wants(&read(&format!(r#"{{"id":"a",{rest}}}"#)));
        assert!(wants(r#""machineId":"M1","creationDateTimeUtc":"2026-01-02T00:00:00Z""#));
        assert!(wants(r#""machineId":"m1""#));
        assert!(!wants(r#""machineId":"m2","creationDateTimeUtc":"2026-01-03T00:00:00Z""#));
        assert!(!wants(r#""machineId":"m1","creationDateTimeUtc":"2026-01-01T23:59:59.9999999Z""#));
        assert!(!wants(r#""creationDateTimeUtc":"2026-01-03T00:00:00Z""#));
    }
}
