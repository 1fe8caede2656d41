//! Machine actions: what was asked of machines and how far it got. Source: Microsoft's pages "List machine
//! actions API" and "machineAction resource type", and fields seen on the wire beside them.

use cordon_records::{ActionKind, MachineActionId, MachineId, Verbatim, lenient, open_enum};
use jiff::Timestamp;
use serde::Deserialize;

use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::Answer;
use crate::odata::{Filter, Query};
use crate::page::{Page, beginning, single, text_of, unproven};

const LIST: &str = "/api/machineactions";
/// Where reading a list stops.
const MAX_PAGES: usize = 20;
/// The most entries of a page ("List machine actions API": the maximum of `$top`). After so many there may be more.
const FULL_PAGE: usize = 10_000;

open_enum!(
    /// What a machine action does.
    ActionType {
        /// Run an antivirus scan.
        RunAntiVirusScan,
        /// Take the machine out of Defender.
        Offboard,
        /// Run live response commands.
        LiveResponse,
        /// Collect an investigation package.
        CollectInvestigationPackage,
        /// Cut the machine off.
        Isolate,
        /// Let it back.
        Unisolate,
        /// Stop a file's processes and quarantine it.
        StopAndQuarantineFile,
        /// Let only programs run that Microsoft has signed.
        RestrictCodeExecution,
        /// Lift that restriction.
        UnrestrictCodeExecution,
    }
);

impl ActionType {
    /// What Defender lists after an action of this kind; nothing for kinds that it does not list.
    #[must_use]
    pub const fn of(kind: ActionKind) -> Option<Self> {
        match kind {
            ActionKind::Isolate => Some(Self::Isolate),
            ActionKind::Release => Some(Self::Unisolate),
            ActionKind::RestrictCode => Some(Self::RestrictCodeExecution),
            ActionKind::UnrestrictCode => Some(Self::UnrestrictCodeExecution),
            ActionKind::Scan => Some(Self::RunAntiVirusScan),
            ActionKind::CollectPackage => Some(Self::CollectInvestigationPackage),
            ActionKind::StopFile => Some(Self::StopAndQuarantineFile),
            ActionKind::LiveResponse => Some(Self::LiveResponse),
            ActionKind::Offboard => Some(Self::Offboard),
            ActionKind::Investigate
            | ActionKind::Tag
            | ActionKind::SetDeviceValue
            | ActionKind::UpdateAlert
            | ActionKind::Indicator
            | ActionKind::Cancel => None,
        }
    }
}

open_enum!(
    /// How far a machine action got. Pending and InProgress may last about three days for a machine that is off.
    ActionStatus {
        /// Accepted by Defender.
        Pending,
        /// Taken up by the machine.
        InProgress,
        /// Done.
        Succeeded,
        /// Not done.
        Failed,
        /// The machine did not answer in about three days.
        TimeOut,
        /// Cancelled by a person or a program.
        Cancelled,
    }
);

impl ActionStatus {
    /// Whether the status will not change any more. One that we do not know may.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::TimeOut | Self::Cancelled => true,
            Self::Pending | Self::InProgress | Self::Other(_) => false,
        }
    }
}

/// Something that was asked of a machine, by us or anybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineAction {
    /// Defender's id for it.
    pub id: MachineActionId,
    /// What it does.
    pub kind: ActionType,
    /// How far it got.
    pub status: ActionStatus,
    /// The machine.
    pub machine_id: Option<MachineId>,
    /// Who asked: a person's sign-in name, or an app's name or id.
    pub requestor: Option<String>,
    /// The comment given with the request.
    pub comment: Option<String>,
    /// `Full`, `Selective` …; has been absent even on a fresh isolation.
    pub scope: Option<String>,
    /// When it was asked for.
    pub created: Option<Timestamp>,
    /// When its status last changed.
    pub updated: Option<Timestamp>,
    /// Who cancelled it.
    pub cancelled_by: Option<String>,
    /// The machine's result code; 0 is good.
    pub error_code: Option<i64>,
}

/// The wire's shape. Both spellings of the last update are in use, and both may be present.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "lenient::text")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    machine_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    requestor: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    requestor_comment: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    scope: Option<String>,
    #[serde(default, deserialize_with = "lenient::instant")]
    creation_date_time_utc: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient::instant")]
    last_update_date_time_utc: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient::instant")]
    last_update_time_utc: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient::text")]
    cancellation_requestor: Option<String>,
    #[serde(default, rename = "errorHResult", deserialize_with = "lenient::integer")]
    error_code: Option<i64>,
}

impl MachineAction {
    /// Reads Microsoft's object; all but the id may be absent. Nothing when there is no usable id.
    pub(crate) fn read(item: &Verbatim) -> Option<Self> {
        let wire: Wire = item.view().ok()?;
        Some(Self {
            id: MachineActionId::new(wire.id?).ok()?,
            kind: ActionType::from(wire.kind.as_deref().unwrap_or_default()),
            status: ActionStatus::from(wire.status.as_deref().unwrap_or_default()),
            machine_id: wire.machine_id.and_then(|id| MachineId::new(id).ok()),
            requestor: wire.requestor,
            comment: wire.requestor_comment,
            scope: wire.scope,
            created: wire.creation_date_time_utc,
            updated: wire.last_update_date_time_utc.or(wire.last_update_time_utc),
            cancelled_by: wire.cancellation_requestor,
            error_code: wire.error_code,
        })
    }
}

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
        match (&self.machine, machine_of(item)) {
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

/// The machine that an entry without a usable id belongs to.
fn machine_of(item: &Verbatim) -> Option<MachineId> {
    MachineId::new(item.view::<Wire>().ok()?.machine_id?).ok()
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
    fn both_spellings_of_the_last_update_and_both_at_once_are_read() {
        for fields in [
            r#""lastUpdateTimeUtc":"2026-01-02T00:00:00.25Z""#,
            r#""lastUpdateDateTimeUtc":"2026-01-02T00:00:00.2500000Z""#,
            r#""lastUpdateTimeUtc":"2020-01-01T00:00:00Z","lastUpdateDateTimeUtc":"2026-01-02T00:00:00.25Z""#,
        ] {
            let action = read(&format!(r#"{{"id":"a","type":"Isolate","status":"TimeOut",{fields}}}"#));
            assert_eq!(action.updated, Some("2026-01-02T00:00:00.25Z".parse().unwrap()), "{fields}");
            assert!(action.status.is_final());
        }
    }

    #[test]
    fn an_unknown_kind_and_status_are_kept_and_not_taken_for_final() {
        let action =
            read(r#"{"id":"a","type":"Vaporise","status":"Thinking","errorHResult":-2145844840,"scope":null}"#);
        assert_eq!(action.kind, ActionType::Other("Vaporise".into()));
        assert_eq!(action.status.as_str(), "Thinking");
        assert!(!action.status.is_final());
        assert_eq!(action.error_code, Some(-2_145_844_840));
        assert_eq!(read(r#"{"id":"a"}"#).status, ActionStatus::Other(String::new()));
    }

    #[test]
    fn an_action_is_read_whatever_people_wrote_into_its_comment() {
        let action = read(
            r#"{"id":"a","type":"Isolate","status":"Pending","requestorComment":"cut \ud83d","scope":"Full","scope":"Selective"}"#,
        );
        assert_eq!((action.kind, action.status), (ActionType::Isolate, ActionStatus::Pending));
        assert_eq!(action.comment.as_deref(), Some("cut \u{fffd}"));
        assert_eq!(action.scope.as_deref(), Some("Selective"));
        for refused in
            [r#"{"id":"a\ud800"}"#, r#"{"id":"a","id":"b"}"#, r#"{"id":"a","machineId":"m","machineId":"n"}"#]
        {
            assert!(MachineAction::read(&Verbatim::parse(refused).unwrap()).is_none(), "{refused}");
        }
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
