//! Machine actions: what was asked of machines and how far it got, as Defender lists it. Source: Microsoft's pages "List
//! machine actions API" and "machineAction resource type", and fields seen on the wire beside them.

use jiff::Timestamp;
use serde::Deserialize;

use crate::action::ActionKind;
use crate::ids::{MachineActionId, MachineId};
use crate::verbatim::Verbatim;
use crate::{lenient, open_enum};

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
    pub fn of(kind: ActionKind) -> Option<Self> {
        kind.row().listed.map(|listed| Self::from(listed.name))
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
    #[must_use]
    pub fn read(item: &Verbatim) -> Option<Self> {
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

    /// The machine that Microsoft's object is about, also where it has no usable id.
    #[must_use]
    pub fn machine_of(item: &Verbatim) -> Option<MachineId> {
        MachineId::new(item.view::<Wire>().ok()?.machine_id?).ok()
    }
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
}
