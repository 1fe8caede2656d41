//! What the operator may set about the guards, and the defaults that hold without a guards file.

use cordon_records::ActionKind;
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
    pub(crate) approvals: Approvals,
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
    /// Kinds of action; none of those that give back.
    pub kinds: Vec<ActionKind>,
    pub alert_older_than: u64,
    pub released_within: u64,
}

/// How many attempts there may be. All but `gentle` are about actions that take something away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    pub all_rules: Vec<Cap>,
    /// For each rule by itself; none by default.
    pub per_rule: Vec<Cap>,
    /// For each device group by itself; none by default.
    pub per_device_group: Vec<Cap>,
    /// Over all rules, for actions that only look or write into the portal.
    pub gentle: Vec<Cap>,
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

/// Who may approve, and when it takes two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    /// The file of keys whose signatures are taken, as the guards file names it; a relative path counts from the guards
    /// file's folder. `None`: nobody's are.
    pub allowed_signers: Option<String>,
    /// For how many seconds a signed command is good.
    pub valid_for: u64,
    /// Kinds of action that two people must approve.
    pub two_people_kinds: Vec<ActionKind>,
    /// More approvals than these in a window, and every further action takes two people.
    pub two_people_above: Vec<Cap>,
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

impl Guards {
    /// The longest window of any cap, in seconds: attempts older than this no cap counts.
    #[must_use]
    pub fn longest_window(&self) -> u64 {
        let Caps { all_rules, per_rule, per_device_group, gentle, fleet_share, floor: _ } = &self.caps;
        let caps = [all_rules, per_rule, per_device_group, gentle, fleet_share];
        caps.into_iter().flatten().map(|(window_s, _)| *window_s).max().unwrap_or(0)
    }

    /// For so many seconds after a person released a machine, rules isolate it only with an approval
    /// (`hold.released_by_person_within`).
    #[must_use]
    pub const fn released_within(&self) -> u64 {
        self.hold.released_within
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
                kinds: vec![ActionKind::Offboard, ActionKind::LiveResponse, ActionKind::Indicator],
                alert_older_than: 3_600,
                released_within: 86_400,
            },
            caps: Caps {
                all_rules: vec![(600, 10), (3_600, 20), (86_400, 50)],
                per_rule: Vec::new(),
                per_device_group: Vec::new(),
                gentle: vec![(600, 100), (3_600, 300), (86_400, 1_000)],
                fleet_share: vec![(86_400, 100)],
                floor: 10,
            },
            maintenance: Vec::new(),
            approvals: Approvals {
                allowed_signers: None,
                valid_for: 900,
                two_people_kinds: vec![ActionKind::Offboard],
                two_people_above: Vec::new(),
            },
        }
    }
}
