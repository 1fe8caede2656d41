//! Which operation a method and a path mean, under which template it counts, and which role it asks for.

use super::Call;

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
    Isolate(String),
    Unisolate(String),
    MachineActions,
    MachineAction(String),
    Cancel(String),
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
            ["api", "v1.0", rest @ ..] | ["api", rest @ ..] => match api(rest) {
                Some(found) => found,
                None => return Found::Nothing,
            },
            [tenant, "oauth2", "v2.0", "token"] => ("POST", Self::Token { tenant: (*tenant).to_owned() }),
            ["v1.0", "users", sender, "sendMail"] => ("POST", Self::SendMail((*sender).to_owned())),
            _ => return Found::Nothing,
        };
        if method == call.method { Found::Route(route) } else { Found::OtherMethod }
    }

    /// The path template that the quota counts by; `None` for what Defender's quotas do not cover.
    pub(crate) fn template(&self) -> Option<&'static str> {
        Some(match self {
            Self::Token { .. } | Self::SendMail(_) => return None,
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
            Self::Isolate(_) => "POST /api/machines/{id}/isolate",
            Self::Unisolate(_) => "POST /api/machines/{id}/unisolate",
            Self::MachineActions => "GET /api/machineactions",
            Self::MachineAction(_) => "GET /api/machineactions/{id}",
            Self::Cancel(_) => "POST /api/machineactions/{id}/cancel",
        })
    }

    /// The application roles of which one is needed, from the permissions table of each page.
    pub(crate) fn roles(&self) -> &'static [&'static str] {
        match self {
            Self::Token { .. } => &[],
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
            Self::Isolate(_) | Self::Unisolate(_) | Self::Cancel(_) => &["Machine.Isolate"],
            Self::SendMail(_) => &["Mail.Send"],
        }
    }
}

fn api(segments: &[&str]) -> Option<(&'static str, Route)> {
    let id = |id: &str| id.to_owned();
    Some(match segments {
        ["alerts"] => ("GET", Route::Alerts),
        ["alerts", alert] => ("GET", Route::Alert(id(alert))),
        ["alerts", alert, related] => ("GET", Route::AlertRelated(id(alert), self::related(related)?)),
        ["machines"] => ("GET", Route::Machines),
        ["machines", machine] => ("GET", Route::Machine(id(machine))),
        ["machines", machine, "logonusers"] => ("GET", Route::LogonUsers(id(machine))),
        ["machines", machine, "isolate"] => ("POST", Route::Isolate(id(machine))),
        ["machines", machine, "unisolate"] => ("POST", Route::Unisolate(id(machine))),
        ["machineactions"] => ("GET", Route::MachineActions),
        ["machineactions", action] => ("GET", Route::MachineAction(id(action))),
        ["machineactions", action, "cancel"] => ("POST", Route::Cancel(id(action))),
        _ => return None,
    })
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
