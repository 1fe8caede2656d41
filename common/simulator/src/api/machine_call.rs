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

/// Platforms that no response action exists for.
const MOBILE: [&str; 3] = ["iOS", "Android", "WindowsXP"];
/// Servers older than those that the newer actions ask for.
const OLD_SERVERS: [&str; 4] = ["WindowsServer2008R2", "WindowsServer2012", "WindowsServer2012R2", "WindowsServer2016"];

impl MachineCall {
    const ALL: [Self; 9] = [
        Self::Isolate,
        Self::Unisolate,
        Self::Restrict,
        Self::Unrestrict,
        Self::Scan,
        Self::Collect,
        Self::StopFile,
        Self::LiveResponse,
        Self::Offboard,
    ];

    /// The action with this last part of its path.
    pub(crate) fn find(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|response| response.template().rsplit('/').next() == Some(segment))
    }

    /// The action whose machine actions have this `type`.
    pub(crate) fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|response| response.kind() == kind)
    }

    /// The path template.
    pub(crate) const fn template(self) -> &'static str {
        match self {
            Self::Isolate => "POST /api/machines/{id}/isolate",
            Self::Unisolate => "POST /api/machines/{id}/unisolate",
            Self::Restrict => "POST /api/machines/{id}/restrictCodeExecution",
            Self::Unrestrict => "POST /api/machines/{id}/unrestrictCodeExecution",
            Self::Scan => "POST /api/machines/{id}/runAntiVirusScan",
            Self::Collect => "POST /api/machines/{id}/collectInvestigationPackage",
            Self::StopFile => "POST /api/machines/{id}/StopAndQuarantineFile",
            Self::LiveResponse => "POST /api/machines/{id}/runliveresponse",
            Self::Offboard => "POST /api/machines/{id}/offboard",
        }
    }

    /// `type` of the machine action.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Isolate => "Isolate",
            Self::Unisolate => "Unisolate",
            Self::Restrict => "RestrictCodeExecution",
            Self::Unrestrict => "UnrestrictCodeExecution",
            Self::Scan => "RunAntiVirusScan",
            Self::Collect => "CollectInvestigationPackage",
            Self::StopFile => "StopAndQuarantineFile",
            Self::LiveResponse => "LiveResponse",
            Self::Offboard => "Offboard",
        }
    }

    /// The application role for it and for its cancellation. The page on stopping a file names roles to read machines
    /// beside this one; a role to read does not stop anything here.
    pub(crate) const fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Isolate | Self::Unisolate => &["Machine.Isolate"],
            Self::Restrict | Self::Unrestrict => &["Machine.RestrictExecution"],
            Self::Scan => &["Machine.Scan"],
            Self::Collect => &["Machine.CollectForensics"],
            Self::StopFile => &["Machine.StopAndQuarantine"],
            Self::LiveResponse => &["Machine.LiveResponse"],
            Self::Offboard => &["Machine.Offboard"],
        }
    }

    /// The status of the answer that accepts it.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Offboard => 200,
            Self::Isolate
            | Self::Unisolate
            | Self::Restrict
            | Self::Unrestrict
            | Self::Scan
            | Self::Collect
            | Self::StopFile
            | Self::LiveResponse => 201,
        }
    }

    /// The keys of its body besides `Comment` and `ExternalId`.
    pub(crate) const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Isolate => &["Comment", "ExternalId", "IsolationType"],
            Self::Scan => &["Comment", "ExternalId", "ScanType"],
            Self::StopFile => &["Comment", "ExternalId", "Sha1"],
            Self::LiveResponse => &["Comment", "ExternalId", "Commands"],
            Self::Unisolate | Self::Restrict | Self::Unrestrict | Self::Collect | Self::Offboard => {
                &["Comment", "ExternalId"]
            }
        }
    }

    /// Whether it exists on a platform (`osPlatform`), with this scope.
    pub(crate) fn runs_on(self, os: &str, scope: Option<&str>) -> bool {
        let windows = os.starts_with("Windows");
        let fits = match self {
            Self::Isolate => scope != Some("Selective") || windows || os == "macOS",
            Self::Unisolate | Self::Scan => true,
            Self::Restrict | Self::Unrestrict => is_recent_windows(os),
            Self::Collect | Self::StopFile | Self::Offboard => windows,
            Self::LiveResponse => is_recent_windows(os) || !windows,
        };
        fits && !MOBILE.contains(&os)
    }
}

/// Windows 10, Windows 11, Windows Server 2019 and later.
fn is_recent_windows(os: &str) -> bool {
    os.starts_with("Windows") && !OLD_SERVERS.contains(&os) && !matches!(os, "Windows7" | "Windows8" | "Windows8.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_found_by_its_path_in_its_own_spelling_and_by_its_type() {
        for response in MachineCall::ALL {
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
