//! The calls that this client makes, with their published limits and how long and how large each may be.

use cordon_records::ActionKind;
use reqwest::Method;

use Endpoint as E;

/// One path template. Microsoft counts per destination, tenant and app; whether a destination is one endpoint
/// or a group is not documented, so each template has its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    AlertList,
    Alert,
    MachineList,
    Machine,
    ActionList,
    Action,
    PackageUri,
    LiveResponseLink,
    Isolate,
    Unisolate,
    RestrictCode,
    UnrestrictCode,
    Scan,
    CollectPackage,
    StopFile,
    LiveResponse,
    Offboard,
    Tags,
    DeviceValue,
    UpdateAlert,
    UpdateAlerts,
    Indicators,
    Cancel,
    SendMail,
}

/// Calls per minute and per hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) per_minute: u32,
    pub(crate) per_hour: u32,
}

impl Limits {
    const fn new(per_minute: u32, per_hour: u32) -> Self {
        Self { per_minute, per_hour }
    }
}

/// What Microsoft's page on a Defender call says unless it says something else.
const ORDINARY: Limits = Limits::new(100, 1_500);
/// 30 messages a minute and mailbox in "Exchange Online limits", for which no hourly number is given.
const MAIL: Limits = Limits::new(30, 1_800);

/// The largest answer that holds one object, in bytes after decompression.
const SINGLE: u64 = 1024 * 1024;
/// The largest alert, in bytes after decompression. How many files, users and addresses one names, an attacker chooses; one
/// that the list brought must be read again before an action.
const ALERT: u64 = 16 * 1024 * 1024;
/// The largest list, in bytes after decompression: 10,000 alerts with evidence stay well below it.
const LIST: u64 = 64 * 1024 * 1024;

/// What is known of a call: Microsoft's page on it, unless it says otherwise.
#[derive(Debug, Clone, Copy)]
struct Row {
    endpoint: Endpoint,
    /// The kind of action that is asked for there, if it is one.
    kind: Option<ActionKind>,
    method: Verb,
    /// The template, in the spelling of Microsoft's page on the call.
    template: &'static str,
    /// The application permissions of which each is enough, the least first.
    permissions: &'static [&'static str],
    limits: Limits,
    /// The largest answer that is read, in bytes after decompression.
    max_bytes: u64,
}

/// The HTTP methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Get,
    Post,
    Patch,
}

impl Row {
    /// A call that reads one object.
    const fn get(endpoint: Endpoint, template: &'static str, permissions: &'static [&'static str]) -> Self {
        let (method, limits, max_bytes) = (Verb::Get, ORDINARY, SINGLE);
        Self { endpoint, kind: None, method, template, permissions, limits, max_bytes }
    }

    /// A call that asks for an action of a kind.
    const fn ask(
        kind: ActionKind,
        endpoint: Endpoint,
        template: &'static str,
        permissions: &'static [&'static str],
    ) -> Self {
        Self { kind: Some(kind), method: Verb::Post, ..Self::get(endpoint, template, permissions) }
    }
}

const READ_ALERTS: &[&str] = &["Alert.Read.All", "Alert.ReadWrite.All"];
const READ_MACHINES: &[&str] = &["Machine.Read.All", "Machine.ReadWrite.All"];

/// The table, in the order of the endpoints.
static ROWS: [Row; E::SendMail as usize + 1] = [
    Row { max_bytes: LIST, ..Row::get(E::AlertList, "alerts", READ_ALERTS) },
    Row { max_bytes: ALERT, ..Row::get(E::Alert, "alerts/{id}", READ_ALERTS) },
    Row { max_bytes: LIST, ..Row::get(E::MachineList, "machines", READ_MACHINES) },
    Row::get(E::Machine, "machines/{id}", READ_MACHINES),
    Row { max_bytes: LIST, ..Row::get(E::ActionList, "machineactions", READ_MACHINES) },
    Row::get(E::Action, "machineactions/{id}", READ_MACHINES),
    Row { limits: Limits::new(2, 120), ..Row::get(E::PackageUri, "machineactions/{id}/getPackageUri", READ_MACHINES) },
    Row::get(E::LiveResponseLink, "machineactions/{id}/GetLiveResponseResultDownloadLink", READ_MACHINES),
    Row::ask(ActionKind::Isolate, E::Isolate, "machines/{id}/isolate", &["Machine.Isolate"]),
    Row::ask(ActionKind::Release, E::Unisolate, "machines/{id}/unisolate", &["Machine.Isolate"]),
    Row::ask(
        ActionKind::RestrictCode,
        E::RestrictCode,
        "machines/{id}/restrictCodeExecution",
        &["Machine.RestrictExecution"],
    ),
    Row::ask(
        ActionKind::UnrestrictCode,
        E::UnrestrictCode,
        "machines/{id}/unrestrictCodeExecution",
        &["Machine.RestrictExecution"],
    ),
    Row::ask(ActionKind::Scan, E::Scan, "machines/{id}/runAntiVirusScan", &["Machine.Scan"]),
    Row::ask(
        ActionKind::CollectPackage,
        E::CollectPackage,
        "machines/{id}/collectInvestigationPackage",
        &["Machine.CollectForensics"],
    ),
    Row::ask(ActionKind::StopFile, E::StopFile, "machines/{id}/StopAndQuarantineFile", &["Machine.StopAndQuarantine"]),
    Row {
        limits: Limits::new(10, 600),
        ..Row::ask(
            ActionKind::LiveResponse,
            E::LiveResponse,
            "machines/{id}/runliveresponse",
            &["Machine.LiveResponse"],
        )
    },
    Row::ask(ActionKind::Offboard, E::Offboard, "machines/{id}/offboard", &["Machine.Offboard"]),
    Row::ask(ActionKind::Tag, E::Tags, "machines/{id}/tags", &["Machine.ReadWrite.All"]),
    Row::ask(ActionKind::SetDeviceValue, E::DeviceValue, "machines/{id}/setDeviceValue", &["Machine.ReadWrite.All"]),
    Row {
        method: Verb::Patch,
        max_bytes: ALERT,
        ..Row::ask(ActionKind::UpdateAlert, E::UpdateAlert, "alerts/{id}", &["Alert.ReadWrite.All"])
    },
    Row {
        method: Verb::Post,
        limits: Limits::new(10, 500),
        ..Row::get(E::UpdateAlerts, "alerts/batchUpdate", &["Alert.ReadWrite.All"])
    },
    Row::ask(ActionKind::Indicator, E::Indicators, "indicators", &["Ti.ReadWrite", "Ti.ReadWrite.All"]),
    // It needs the permission of the action that is cancelled, so there is none here.
    Row::ask(ActionKind::Cancel, E::Cancel, "machineactions/{id}/cancel", &[]),
    Row { method: Verb::Post, limits: MAIL, ..Row::get(E::SendMail, "sendMail", &["Mail.Send"]) },
];

const _: () = {
    let mut index = 0;
    while index < ROWS.len() {
        assert!(ROWS[index].endpoint as usize == index, "a row stands at its endpoint");
        index += 1;
    }
};

impl Endpoint {
    const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Where an action of this kind is asked for; nowhere, where Microsoft no longer takes it. Alerts that are updated
    /// together go to [`Endpoint::UpdateAlerts`] instead.
    pub(crate) fn of(kind: ActionKind) -> Option<Self> {
        ROWS.iter().find(|row| row.kind == Some(kind)).map(|row| row.endpoint)
    }

    /// The application permissions of which each is enough, the least first. A cancellation needs that of the action which
    /// is cancelled, so for that there is none here.
    pub(crate) const fn permissions(self) -> &'static [&'static str] {
        self.row().permissions
    }

    /// The permission that the call needs, for people.
    pub(crate) fn permission(self) -> &'static str {
        let none = "the application permission of the action that is cancelled";
        self.permissions().first().copied().unwrap_or(none)
    }

    /// The template's name in metrics, logs and errors.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            // Only the method tells it from the look at an alert.
            Self::UpdateAlert => "PATCH alerts/{id}",
            other => other.row().template,
        }
    }

    /// The path of a call to Defender, for the machine, alert or machine action with this id.
    pub(crate) fn path(self, id: &str) -> String {
        format!("/api/{}", self.row().template.replace("{id}", id))
    }

    /// What the page on the call publishes. Where only one of the two windows is published, the other follows from
    /// it.
    pub(crate) const fn limits(self) -> Limits {
        self.row().limits
    }

    /// The numbers of the API's ordinary calls, which other numbers in the configuration stand for.
    pub(crate) const fn ordinary_limits(self) -> Limits {
        if matches!(self, Self::SendMail) { MAIL } else { ORDINARY }
    }

    /// The largest answer that is read, in bytes after decompression.
    pub(crate) const fn max_bytes(self) -> u64 {
        self.row().max_bytes
    }

    /// The HTTP method.
    pub(crate) const fn method(self) -> Method {
        match self.row().method {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Patch => Method::PATCH,
        }
    }

    /// Whether the call changes something at Microsoft's, so that a lost answer is not "nothing was done".
    pub(crate) const fn has_effect(self) -> bool {
        !matches!(self.row().method, Verb::Get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_microsoft_takes_is_asked_for_at_one_endpoint_and_no_other_kind_is() {
        for kind in ActionKind::ALL {
            let rows = ROWS.iter().filter(|row| row.kind == Some(*kind)).count();
            assert_eq!(rows, usize::from(kind.retired().is_none()), "{kind}");
        }
    }
}
