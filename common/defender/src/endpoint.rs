//! The calls that this client makes, with their published limits and how long and how large each may be.

use cordon_records::ActionKind;
use reqwest::Method;

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

impl Endpoint {
    /// Where an action of this kind is asked for; nowhere, where Microsoft no longer takes it. Alerts that are updated
    /// together go to [`Endpoint::UpdateAlerts`] instead.
    pub(crate) const fn of(kind: ActionKind) -> Option<Self> {
        Some(match kind {
            ActionKind::Isolate => Self::Isolate,
            ActionKind::Release => Self::Unisolate,
            ActionKind::RestrictCode => Self::RestrictCode,
            ActionKind::UnrestrictCode => Self::UnrestrictCode,
            ActionKind::Scan => Self::Scan,
            ActionKind::CollectPackage => Self::CollectPackage,
            ActionKind::Investigate => return None,
            ActionKind::StopFile => Self::StopFile,
            ActionKind::LiveResponse => Self::LiveResponse,
            ActionKind::Offboard => Self::Offboard,
            ActionKind::Tag => Self::Tags,
            ActionKind::SetDeviceValue => Self::DeviceValue,
            ActionKind::UpdateAlert => Self::UpdateAlert,
            ActionKind::Indicator => Self::Indicators,
            ActionKind::Cancel => Self::Cancel,
        })
    }

    /// The application permissions of which each is enough, the least first: Microsoft's page on the call. A cancellation
    /// needs that of the action which is cancelled, so for that there is none here.
    pub(crate) const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::AlertList | Self::Alert => &["Alert.Read.All", "Alert.ReadWrite.All"],
            Self::MachineList
            | Self::Machine
            | Self::ActionList
            | Self::Action
            | Self::PackageUri
            | Self::LiveResponseLink => &["Machine.Read.All", "Machine.ReadWrite.All"],
            Self::Isolate | Self::Unisolate => &["Machine.Isolate"],
            Self::RestrictCode | Self::UnrestrictCode => &["Machine.RestrictExecution"],
            Self::Scan => &["Machine.Scan"],
            Self::CollectPackage => &["Machine.CollectForensics"],
            Self::StopFile => &["Machine.StopAndQuarantine"],
            Self::LiveResponse => &["Machine.LiveResponse"],
            Self::Offboard => &["Machine.Offboard"],
            Self::Tags | Self::DeviceValue => &["Machine.ReadWrite.All"],
            Self::UpdateAlert | Self::UpdateAlerts => &["Alert.ReadWrite.All"],
            Self::Indicators => &["Ti.ReadWrite", "Ti.ReadWrite.All"],
            Self::Cancel => &[],
            Self::SendMail => &["Mail.Send"],
        }
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
            other => other.template(),
        }
    }

    /// The path of a call to Defender, for the machine, alert or machine action with this id.
    pub(crate) fn path(self, id: &str) -> String {
        format!("/api/{}", self.template().replace("{id}", id))
    }

    /// The template, in the spelling of Microsoft's page on the call.
    const fn template(self) -> &'static str {
        match self {
            Self::AlertList => "alerts",
            Self::Alert | Self::UpdateAlert => "alerts/{id}",
            Self::UpdateAlerts => "alerts/batchUpdate",
            Self::MachineList => "machines",
            Self::Machine => "machines/{id}",
            Self::Isolate => "machines/{id}/isolate",
            Self::Unisolate => "machines/{id}/unisolate",
            Self::RestrictCode => "machines/{id}/restrictCodeExecution",
            Self::UnrestrictCode => "machines/{id}/unrestrictCodeExecution",
            Self::Scan => "machines/{id}/runAntiVirusScan",
            Self::CollectPackage => "machines/{id}/collectInvestigationPackage",
            Self::StopFile => "machines/{id}/StopAndQuarantineFile",
            Self::LiveResponse => "machines/{id}/runliveresponse",
            Self::Offboard => "machines/{id}/offboard",
            Self::Tags => "machines/{id}/tags",
            Self::DeviceValue => "machines/{id}/setDeviceValue",
            Self::ActionList => "machineactions",
            Self::Action => "machineactions/{id}",
            Self::Cancel => "machineactions/{id}/cancel",
            Self::PackageUri => "machineactions/{id}/getPackageUri",
            Self::LiveResponseLink => "machineactions/{id}/GetLiveResponseResultDownloadLink",
            Self::Indicators => "indicators",
            Self::SendMail => "sendMail",
        }
    }

    /// What the page on the call publishes. Where only one of the two windows is published, the other follows from
    /// it.
    pub(crate) const fn limits(self) -> Limits {
        match self {
            Self::AlertList
            | Self::Alert
            | Self::MachineList
            | Self::Machine
            | Self::ActionList
            | Self::Action
            | Self::LiveResponseLink
            | Self::Isolate
            | Self::Unisolate
            | Self::RestrictCode
            | Self::UnrestrictCode
            | Self::Scan
            | Self::CollectPackage
            | Self::StopFile
            | Self::Offboard
            | Self::Tags
            | Self::DeviceValue
            | Self::UpdateAlert
            | Self::Indicators
            | Self::Cancel => ORDINARY,
            Self::PackageUri => Limits::new(2, 120),
            Self::UpdateAlerts => Limits::new(10, 500),
            Self::LiveResponse => Limits::new(10, 600),
            Self::SendMail => MAIL,
        }
    }

    /// The numbers of the API's ordinary calls, which other numbers in the configuration stand for.
    pub(crate) const fn ordinary_limits(self) -> Limits {
        if matches!(self, Self::SendMail) { MAIL } else { ORDINARY }
    }

    /// The largest answer that is read, in bytes after decompression.
    pub(crate) const fn max_bytes(self) -> u64 {
        match self {
            Self::AlertList | Self::MachineList | Self::ActionList => LIST,
            Self::Alert | Self::UpdateAlert => ALERT,
            _ => SINGLE,
        }
    }

    /// The HTTP method.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::UpdateAlert => Method::PATCH,
            other if other.has_effect() => Method::POST,
            _ => Method::GET,
        }
    }

    /// Whether the call changes something at Microsoft's, so that a lost answer is not "nothing was done".
    pub(crate) const fn has_effect(self) -> bool {
        match self {
            Self::AlertList
            | Self::Alert
            | Self::MachineList
            | Self::Machine
            | Self::ActionList
            | Self::Action
            | Self::PackageUri
            | Self::LiveResponseLink => false,
            Self::Isolate
            | Self::Unisolate
            | Self::RestrictCode
            | Self::UnrestrictCode
            | Self::Scan
            | Self::CollectPackage
            | Self::StopFile
            | Self::LiveResponse
            | Self::Offboard
            | Self::Tags
            | Self::DeviceValue
            | Self::UpdateAlert
            | Self::UpdateAlerts
            | Self::Indicators
            | Self::Cancel
            | Self::SendMail => true,
        }
    }
}
