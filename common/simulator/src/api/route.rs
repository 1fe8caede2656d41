//! Which operation a method and a path mean, under which template it counts, and which role it asks for.

use super::Call;
use super::machine_call::MachineCall;
use crate::quota::Quota;

/// What hangs off an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Related {
    Machine,
    User,
    Files,
    Ips,
    Domains,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Token { tenant: String },
    Alerts,
    Alert(String),
    AlertRelated(String, Related),
    Machines,
    Machine(String),
    LogonUsers(String),
    Respond(MachineCall, String),
    Investigate,
    Tags(String),
    DeviceValue(String),
    UpdateAlert(String),
    UpdateAlerts,
    Indicators,
    MachineActions,
    MachineAction(String),
    Cancel(String),
    Package(String),
    Result(String, usize),
    Download(String),
    SendMail(String),
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Route(Route),
    OtherMethod,
    Nothing,
}

impl Route {
    /// Finds the operation. `/api/v1.0/…` means the same as `/api/…`.
    pub(crate) fn find(call: &Call) -> Found {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let (method, route) = match segments.as_slice() {
            ["api", "v1.0", rest @ ..] | ["api", rest @ ..] => match api(&call.method, rest) {
                Some(found) => found,
                None => return Found::Nothing,
            },
            [tenant, "oauth2", "v2.0", "token"] => ("POST", Self::Token { tenant: (*tenant).to_owned() }),
            ["download", token, _] => ("GET", Self::Download((*token).to_owned())),
            ["v1.0", "users", sender, "sendMail"] => ("POST", Self::SendMail((*sender).to_owned())),
            _ => return Found::Nothing,
        };
        if method == call.method { Found::Route(route) } else { Found::OtherMethod }
    }

    /// The path template that the quota counts by; `None` for what Defender's quotas do not cover.
    pub(crate) fn template(&self) -> Option<&'static str> {
        Some(match self {
            Self::Token { .. } | Self::SendMail(_) | Self::Download(_) => return None,
            Self::Alerts => "GET /api/alerts",
            Self::Alert(_) => "GET /api/alerts/{id}",
            Self::AlertRelated(_, Related::Machine) => "GET /api/alerts/{id}/machine",
            Self::AlertRelated(_, Related::User) => "GET /api/alerts/{id}/user",
            Self::AlertRelated(_, Related::Files) => "GET /api/alerts/{id}/files",
            Self::AlertRelated(_, Related::Ips) => "GET /api/alerts/{id}/ips",
            Self::AlertRelated(_, Related::Domains) => "GET /api/alerts/{id}/domains",
            Self::Machines => "GET /api/machines",
            Self::Machine(_) => "GET /api/machines/{id}",
            Self::LogonUsers(_) => "GET /api/machines/{id}/logonusers",
            Self::Respond(response, _) => response.template(),
            Self::Investigate => "POST /api/machines/{id}/startInvestigation",
            Self::Tags(_) => "POST /api/machines/{id}/tags",
            Self::DeviceValue(_) => "POST /api/machines/{id}/setDeviceValue",
            Self::UpdateAlert(_) => "PATCH /api/alerts/{id}",
            Self::UpdateAlerts => "POST /api/alerts/batchUpdate",
            Self::Indicators => "POST /api/indicators",
            Self::MachineActions => "GET /api/machineactions",
            Self::MachineAction(_) => "GET /api/machineactions/{id}",
            Self::Cancel(_) => "POST /api/machineactions/{id}/cancel",
            Self::Package(_) => "GET /api/machineactions/{id}/getPackageUri",
            Self::Result(..) => "GET /api/machineactions/{id}/GetLiveResponseResultDownloadLink",
        })
    }

    /// The quota that the page on the call publishes, given the one of the ordinary calls, in whose proportion the
    /// others change. Where a page names one window only, the other does not bind.
    pub(crate) fn quota(&self, ordinary: Quota) -> Quota {
        match self {
            Self::UpdateAlerts => ordinary.scaled(10, 500),
            Self::Respond(MachineCall::LiveResponse, _) => ordinary.scaled(10, 600),
            Self::Package(_) => ordinary.scaled(2, 120),
            Self::Token { .. }
            | Self::Alerts
            | Self::Alert(_)
            | Self::AlertRelated(..)
            | Self::Machines
            | Self::Machine(_)
            | Self::LogonUsers(_)
            | Self::Respond(..)
            | Self::Tags(_)
            | Self::DeviceValue(_)
            | Self::UpdateAlert(_)
            | Self::Investigate
            | Self::Indicators
            | Self::MachineActions
            | Self::MachineAction(_)
            | Self::Cancel(_)
            | Self::Result(..)
            | Self::Download(_)
            | Self::SendMail(_) => ordinary,
        }
    }

    /// The application roles of which one is needed, from the permissions table of each page.
    pub(crate) fn roles(&self) -> &'static [&'static str] {
        match self {
            Self::Token { .. } | Self::Download(_) => &[],
            Self::Alerts | Self::Alert(_) => &["Alert.Read.All", "Alert.ReadWrite.All"],
            Self::AlertRelated(_, Related::User) | Self::LogonUsers(_) => &["User.Read.All"],
            Self::AlertRelated(_, Related::Files) => &["File.Read.All"],
            Self::AlertRelated(_, Related::Ips) => &["Ip.Read.All"],
            Self::AlertRelated(_, Related::Domains) => &["URL.Read.All"],
            Self::AlertRelated(_, Related::Machine)
            | Self::Machines
            | Self::Machine(_)
            | Self::MachineActions
            | Self::MachineAction(_) => &["Machine.Read.All", "Machine.ReadWrite.All"],
            Self::Package(_) | Self::Result(..) => &["Machine.Read.All", "Machine.ReadWrite.All"],
            Self::Respond(response, _) => response.roles(),
            // That of the action to cancel; which one it is, is known later.
            Self::Cancel(_) => &[
                "Machine.Isolate",
                "Machine.RestrictExecution",
                "Machine.Scan",
                "Machine.CollectForensics",
                "Machine.StopAndQuarantine",
                "Machine.LiveResponse",
                "Machine.Offboard",
            ],
            Self::Tags(_) | Self::DeviceValue(_) => &["Machine.ReadWrite.All"],
            Self::UpdateAlert(_) | Self::UpdateAlerts | Self::Investigate => &["Alert.ReadWrite.All"],
            Self::Indicators => &["Ti.ReadWrite", "Ti.ReadWrite.All"],
            Self::SendMail(_) => &["Mail.Send"],
        }
    }
}

fn api(method: &str, segments: &[&str]) -> Option<(&'static str, Route)> {
    let id = |id: &str| id.to_owned();
    Some(match segments {
        ["alerts"] => ("GET", Route::Alerts),
        ["alerts", "batchUpdate"] if method == "POST" => ("POST", Route::UpdateAlerts),
        ["alerts", alert] if method == "PATCH" => ("PATCH", Route::UpdateAlert(id(alert))),
        ["alerts", alert] => ("GET", Route::Alert(id(alert))),
        ["alerts", alert, related] => ("GET", Route::AlertRelated(id(alert), self::related(related)?)),
        ["machines"] => ("GET", Route::Machines),
        ["machines", machine] => ("GET", Route::Machine(id(machine))),
        ["machines", machine, "logonusers"] => ("GET", Route::LogonUsers(id(machine))),
        ["machines", _, "startInvestigation"] => ("POST", Route::Investigate),
        ["machines", machine, "tags"] => ("POST", Route::Tags(id(machine))),
        ["machines", machine, "setDeviceValue"] => ("POST", Route::DeviceValue(id(machine))),
        ["machines", machine, action] => ("POST", Route::Respond(MachineCall::find(action)?, id(machine))),
        ["indicators"] => ("POST", Route::Indicators),
        ["machineactions"] => ("GET", Route::MachineActions),
        ["machineactions", action] => ("GET", Route::MachineAction(id(action))),
        ["machineactions", action, "cancel"] => ("POST", Route::Cancel(id(action))),
        // Microsoft's page writes it both ways.
        ["machineactions", action, "getPackageUri" | "GetPackageUri"] => ("GET", Route::Package(id(action))),
        ["machineactions", action, result] => ("GET", Route::Result(id(action), index(result)?)),
        _ => return None,
    })
}

/// The index in `GetLiveResponseResultDownloadLink(index=2)`.
fn index(text: &str) -> Option<usize> {
    text.strip_prefix("GetLiveResponseResultDownloadLink(index=")?.strip_suffix(')')?.parse().ok()
}

fn related(text: &str) -> Option<Related> {
    Some(match text {
        "machine" => Related::Machine,
        "user" => Related::User,
        "files" => Related::Files,
        "ips" => Related::Ips,
        "domains" => Related::Domains,
        _ => return None,
    })
}
