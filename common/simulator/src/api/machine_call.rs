//! What each response action on a machine is called, who may ask for it, and on which platforms it exists.
//! Source: the page on each call, and "Take response actions on a device".

/// A call that answers with a machine action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MachineCall {
    Isolate,
    Unisolate,
    Restrict,
    Unrestrict,
    Scan,
    Collect,
    StopFile,
    LiveResponse,
    Offboard,
}

/// What is known of one.
struct Row {
    call: MachineCall,
    /// `type` of the machine action.
    kind: &'static str,
    /// The path template.
    template: &'static str,
    /// The application role for it and for its cancellation. The page on stopping a file names roles to read machines
    /// beside this one; a role to read does not stop anything here.
    roles: &'static [&'static str],
    /// The key of its body besides `Comment` and `ExternalId`, if it has one.
    key: Option<&'static str>,
    /// The status of the answer that accepts it.
    status: u16,
    /// Whether it exists on a platform (`osPlatform`), with this scope.
    runs_on: fn(os: &str, scope: Option<&str>) -> bool,
}

/// The table, in the order of the calls.
static ROWS: [Row; MachineCall::Offboard as usize + 1] = [
    Row {
        call: MachineCall::Isolate,
        kind: "Isolate",
        template: "POST /api/machines/{id}/isolate",
        roles: &["Machine.Isolate"],
        key: Some("IsolationType"),
        status: 201,
        runs_on: |os, scope| scope != Some("Selective") || is_windows(os) || os == "macOS",
    },
    Row {
        call: MachineCall::Unisolate,
        kind: "Unisolate",
        template: "POST /api/machines/{id}/unisolate",
        roles: &["Machine.Isolate"],
        key: None,
        status: 201,
        runs_on: |_, _| true,
    },
    Row {
        call: MachineCall::Restrict,
        kind: "RestrictCodeExecution",
        template: "POST /api/machines/{id}/restrictCodeExecution",
        roles: &["Machine.RestrictExecution"],
        key: None,
        status: 201,
        runs_on: |os, _| is_recent_windows(os),
    },
    Row {
        call: MachineCall::Unrestrict,
        kind: "UnrestrictCodeExecution",
        template: "POST /api/machines/{id}/unrestrictCodeExecution",
        roles: &["Machine.RestrictExecution"],
        key: None,
        status: 201,
        runs_on: |os, _| is_recent_windows(os),
    },
    Row {
        call: MachineCall::Scan,
        kind: "RunAntiVirusScan",
        template: "POST /api/machines/{id}/runAntiVirusScan",
        roles: &["Machine.Scan"],
        key: Some("ScanType"),
        status: 201,
        runs_on: |_, _| true,
    },
    Row {
        call: MachineCall::Collect,
        kind: "CollectInvestigationPackage",
        template: "POST /api/machines/{id}/collectInvestigationPackage",
        roles: &["Machine.CollectForensics"],
        key: None,
        status: 201,
        runs_on: |os, _| is_windows(os),
    },
    Row {
        call: MachineCall::StopFile,
        kind: "StopAndQuarantineFile",
        template: "POST /api/machines/{id}/StopAndQuarantineFile",
        roles: &["Machine.StopAndQuarantine"],
        key: Some("Sha1"),
        status: 201,
        runs_on: |os, _| is_windows(os),
    },
    Row {
        call: MachineCall::LiveResponse,
        kind: "LiveResponse",
        template: "POST /api/machines/{id}/runliveresponse",
        roles: &["Machine.LiveResponse"],
        key: Some("Commands"),
        status: 201,
        runs_on: |os, _| is_recent_windows(os) || !is_windows(os),
    },
    Row {
        call: MachineCall::Offboard,
        kind: "Offboard",
        template: "POST /api/machines/{id}/offboard",
        roles: &["Machine.Offboard"],
        key: None,
        status: 200,
        runs_on: |os, _| is_windows(os),
    },
];

/// Platforms that no response action exists for.
const MOBILE: [&str; 3] = ["iOS", "Android", "WindowsXP"];
/// Servers older than those that the newer actions ask for.
const OLD_SERVERS: [&str; 4] = ["WindowsServer2008R2", "WindowsServer2012", "WindowsServer2012R2", "WindowsServer2016"];

impl MachineCall {
    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The action with this last part of its path.
    pub(crate) fn find(segment: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.template.rsplit('/').next() == Some(segment)).map(|row| row.call)
    }

    /// The action whose machine actions have this `type`.
    pub(crate) fn of_kind(kind: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.kind == kind).map(|row| row.call)
    }

    /// The path template.
    pub(crate) fn template(self) -> &'static str {
        self.row().template
    }

    /// `type` of the machine action.
    pub(crate) fn kind(self) -> &'static str {
        self.row().kind
    }

    /// The application role for it and for its cancellation.
    pub(crate) fn roles(self) -> &'static [&'static str] {
        self.row().roles
    }

    /// The status of the answer that accepts it.
    pub(crate) fn status(self) -> u16 {
        self.row().status
    }

    /// The keys of its body.
    pub(crate) fn keys(self) -> Vec<&'static str> {
        ["Comment", "ExternalId"].into_iter().chain(self.row().key).collect()
    }

    /// Whether it exists on a platform (`osPlatform`), with this scope.
    pub(crate) fn runs_on(self, os: &str, scope: Option<&str>) -> bool {
        (self.row().runs_on)(os, scope) && !MOBILE.contains(&os)
    }
}

fn is_windows(os: &str) -> bool {
    os.starts_with("Windows")
}

/// Windows 10, Windows 11, Windows Server 2019 and later.
fn is_recent_windows(os: &str) -> bool {
    is_windows(os) && !OLD_SERVERS.contains(&os) && !matches!(os, "Windows7" | "Windows8" | "Windows8.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_found_by_its_path_in_its_own_spelling_and_by_its_type() {
        for (index, row) in ROWS.iter().enumerate() {
            let response = row.call;
            assert_eq!(response as usize, index, "a row stands at its call");
            assert_eq!(MachineCall::find(response.template().rsplit('/').next().unwrap()), Some(response));
            assert_eq!(MachineCall::of_kind(response.kind()), Some(response));
        }
        assert_eq!((MachineCall::find("Isolate"), MachineCall::find("stopAndQuarantineFile")), (None, None));
    }

    #[test]
    fn an_action_exists_where_the_documentation_says() {
        let runs = |response: MachineCall| {
            let platforms = ["Windows11", "WindowsServer2022", "WindowsServer2016", "macOS", "Ubuntu", "iOS"];
            platforms.map(|os| u8::from(response.runs_on(os, None)))
        };
        assert_eq!(runs(MachineCall::Isolate), [1, 1, 1, 1, 1, 0]);
        assert_eq!(runs(MachineCall::Restrict), [1, 1, 0, 0, 0, 0]);
        assert_eq!(runs(MachineCall::Offboard), [1, 1, 1, 0, 0, 0]);
        assert_eq!(runs(MachineCall::LiveResponse), [1, 1, 0, 1, 1, 0]);
        assert!(!MachineCall::Isolate.runs_on("Ubuntu", Some("Selective")));
    }
}
