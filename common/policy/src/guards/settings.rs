//! What the operator may set about the guards, and the defaults that hold without a guards file.

use jiff::Timestamp;

/// A cap or limit: at most so many attempts in so many seconds.
pub type Cap = (u64, u32);

/// The operator's guards. Windows and ages are in seconds; texts are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guards {
    pub(crate) scope_tags: Vec<String>,
    pub(crate) allow_os: Vec<String>,
    pub(crate) never: Never,
    pub(crate) hold: HoldList,
    pub(crate) caps: Caps,
    pub(crate) maintenance: Vec<Maintenance>,
}

/// Machines that are refused, even if a person approves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Never {
    pub tags: Vec<String>,
    /// Patterns over the DNS name.
    pub names: Vec<String>,
    /// Device groups (`rbacGroupName`).
    pub groups: Vec<String>,
}

/// Cases that a person decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldList {
    pub tags: Vec<String>,
    /// User principal names.
    pub users: Vec<String>,
    pub device_value: Vec<String>,
    pub alert_older_than: u64,
    pub released_within: u64,
}

/// How many attempts there may be, over all rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    pub all_rules: Vec<Cap>,
    /// Window in seconds, and hundredths of a percent of the fleet.
    pub fleet_share: Vec<(u64, u32)>,
    /// So many attempts in a share's window are allowed however small or unknown the fleet.
    pub floor: u32,
}

/// A time in which some machines are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    pub tags: Vec<String>,
    pub names: Vec<String>,
    pub from: Timestamp,
    pub to: Timestamp,
    pub by: String,
    pub why: String,
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

impl Guards {
    /// The longest window of any cap, in seconds: attempts older than this no cap counts.
    #[must_use]
    pub fn longest_window(&self) -> u64 {
        let shares = self.caps.fleet_share.iter();
        self.caps.all_rules.iter().chain(shares).map(|(window_s, _)| *window_s).max().unwrap_or(0)
    }

    /// The defaults that hold without a guards file.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            scope_tags: Vec::new(),
            allow_os: texts(&["Windows10", "Windows11", "macOS"]),
            never: Never { tags: texts(&["cordon-never"]), names: Vec::new(), groups: Vec::new() },
            hold: HoldList {
                tags: Vec::new(),
                users: Vec::new(),
                device_value: texts(&["High"]),
                alert_older_than: 3_600,
                released_within: 86_400,
            },
            caps: Caps {
                all_rules: vec![(600, 10), (3_600, 20), (86_400, 50)],
                fleet_share: vec![(86_400, 100)],
                floor: 10,
            },
            maintenance: Vec::new(),
        }
    }
}
