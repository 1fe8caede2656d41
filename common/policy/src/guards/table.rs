//! Which guards are asked about which kind of action: the one place that says so.

use cordon_records::{ActionKind, Impact, Target};

use super::Asker;

/// The guards' stable names, in reports and in messages.
pub mod guard {
    /// The pause switch.
    pub const PAUSE: &str = "pause";
    /// The breaker.
    pub const BREAKER: &str = "breaker";
    /// Whether approval is asked for.
    pub const MODE: &str = "mode";
    /// Kinds of action for which a person decides.
    pub const HOLD_KINDS: &str = "hold-kinds";
    /// Whether the file, address or name to be acted on identifies anything.
    pub const OBSERVABLE: &str = "observable";
    /// Whether Microsoft still takes the kind of action.
    pub const RETIRED: &str = "retired";
    /// Whether people closed the alert.
    pub const CLOSED: &str = "closed";
    /// Whether the machine could be read.
    pub const MACHINE_FACTS: &str = "machine-facts";
    /// The pilot's scope.
    pub const SCOPE: &str = "scope";
    /// Allowed platforms.
    pub const ALLOW_OS: &str = "allow-os";
    /// Machines that are never touched.
    pub const NEVER_LIST: &str = "never-list";
    /// Tags for which a person decides.
    pub const HOLD_TAGS: &str = "hold-tags";
    /// Users for whom a person decides.
    pub const HOLD_USERS: &str = "hold-users";
    /// Device values for which a person decides.
    pub const DEVICE_VALUE: &str = "device-value";
    /// The alert's age.
    pub const AGE: &str = "age";
    /// A release by a person.
    pub const RELEASED: &str = "released-by-person";
    /// An isolation that stands or runs.
    pub const ISOLATION: &str = "isolation";
    /// Whether there is an isolation to release, and whose.
    pub const STANDING: &str = "standing-isolation";
    /// Maintenance windows.
    pub const MAINTENANCE: &str = "maintenance";
    /// The rules' own limits.
    pub const RULE_LIMITS: &str = "rule-limits";
    /// The cap on each rule.
    pub const PER_RULE: &str = "per-rule";
    /// The cap on each device group.
    pub const PER_DEVICE_GROUP: &str = "per-device-group";
    /// The caps on gentle actions.
    pub const GENTLE_CAPS: &str = "gentle-caps";
    /// Caps over all rules.
    pub const CAPS: &str = "caps";
    /// The share of the fleet.
    pub const FLEET_SHARE: &str = "fleet-share";
}

/// One guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    Pause,
    Breaker,
    Mode,
    HoldKinds,
    Observable,
    Retired,
    Closed,
    MachineFacts,
    Scope,
    AllowOs,
    NeverList,
    HoldTags,
    HoldUsers,
    DeviceValue,
    Age,
    Released,
    Isolation,
    Standing,
    Maintenance,
    RuleLimits,
    PerRule,
    PerDeviceGroup,
    GentleCaps,
    Caps,
    FleetShare,
}

/// What the guards tell apart: a column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    /// Isolate: the one action whose standing and release are asked about.
    Isolate,
    /// Any other action that takes something away on a machine.
    Disruptive,
    /// An indicator works in the whole tenant, not on a machine.
    Indicator,
    /// Looks at a machine, or writes into its page.
    LowImpact,
    /// Writes into the alert; no machine is touched.
    Alert,
    /// Gives back, because rules say so.
    Restoring,
    /// Gives back, because a person says so or the time is over that was set with the isolation.
    Ending,
}

const fn column(kind: ActionKind, asker: Asker) -> Column {
    let row = kind.row();
    match (row.target, row.impact, asker) {
        (Target::Connection, Impact::Disruptive, _) => Column::Isolate,
        (Target::Tenant, ..) => Column::Indicator,
        (Target::Alert, ..) => Column::Alert,
        (_, Impact::Disruptive, _) => Column::Disruptive,
        (_, Impact::LowImpact, _) => Column::LowImpact,
        (_, Impact::Restoring, Asker::Rules) => Column::Restoring,
        (_, Impact::Restoring, Asker::Person | Asker::Undo | Asker::Timer) => Column::Ending,
    }
}

const Y: bool = true;
const N: bool = false;

impl Guard {
    /// Every guard, in the order in which they are asked. The guards whose caps latch the breaker come last.
    pub const ALL: [Self; 25] = [
        Self::Pause,
        Self::Breaker,
        Self::Mode,
        Self::HoldKinds,
        Self::Observable,
        Self::Retired,
        Self::Closed,
        Self::MachineFacts,
        Self::Scope,
        Self::AllowOs,
        Self::NeverList,
        Self::HoldTags,
        Self::HoldUsers,
        Self::DeviceValue,
        Self::Age,
        Self::Released,
        Self::Isolation,
        Self::Standing,
        Self::Maintenance,
        Self::RuleLimits,
        Self::PerRule,
        Self::PerDeviceGroup,
        Self::GentleCaps,
        Self::Caps,
        Self::FleetShare,
    ];

    /// The table. An action that gives back is not asked how much was done, how old the alert is or whose machine it is:
    /// leaving a machine cut off is the harm there. What rules give back stays inside the pilot, the platforms and the
    /// maintenance windows, since they may speak of machines that Cordon never touched.
    // Kept in columns by hand, so that a person can read it as a table.
    #[rustfmt::skip]
    const fn row(self) -> [bool; 7] {
        match self {
            //                       isolate  disruptive  indicator  low     alert  restores ending
            Self::Pause          => [Y,       Y,          Y,         Y,      Y,     Y,       Y],
            Self::Breaker        => [Y,       Y,          Y,         Y,      Y,     N,       N],
            Self::Mode           => [Y,       Y,          Y,         Y,      Y,     Y,       Y],
            Self::HoldKinds      => [Y,       Y,          Y,         Y,      Y,     N,       N],
            Self::Observable     => [N,       Y,          Y,         N,      N,     N,       N],
            Self::Retired        => [Y,       Y,          Y,         Y,      Y,     Y,       Y],
            Self::Closed         => [Y,       Y,          Y,         Y,      Y,     N,       N],
            Self::MachineFacts   => [Y,       Y,          N,         Y,      N,     Y,       N],
            Self::Scope          => [Y,       Y,          N,         Y,      N,     Y,       N],
            Self::AllowOs        => [Y,       Y,          N,         Y,      N,     Y,       N],
            Self::NeverList      => [Y,       Y,          N,         Y,      N,     N,       N],
            Self::HoldTags       => [Y,       Y,          N,         Y,      N,     N,       N],
            Self::HoldUsers      => [Y,       Y,          Y,         Y,      Y,     N,       N],
            Self::DeviceValue    => [Y,       Y,          N,         Y,      N,     N,       N],
            Self::Age            => [Y,       Y,          Y,         Y,      Y,     N,       N],
            Self::Released       => [Y,       N,          N,         N,      N,     N,       N],
            Self::Isolation      => [Y,       N,          N,         N,      N,     N,       N],
            Self::Standing       => [N,       N,          N,         N,      N,     Y,       Y],
            Self::Maintenance    => [Y,       Y,          N,         Y,      N,     Y,       N],
            Self::RuleLimits     => [Y,       Y,          Y,         Y,      Y,     Y,       N],
            Self::PerRule        => [Y,       Y,          Y,         N,      N,     N,       N],
            Self::PerDeviceGroup => [Y,       Y,          N,         N,      N,     N,       N],
            Self::GentleCaps     => [N,       N,          N,         Y,      Y,     N,       N],
            Self::Caps           => [Y,       Y,          Y,         N,      N,     N,       N],
            Self::FleetShare     => [Y,       Y,          Y,         N,      N,     N,       N],
        }
    }

    /// Whether this guard is asked about an action of this kind.
    pub const fn is_asked(self, kind: ActionKind, asker: Asker) -> bool {
        match self {
            // Of all that gives back, only a release is about the network.
            Self::Standing if !kind.is_about_connection() => return false,
            // Only these name a file, an address or a name.
            Self::Observable if !kind.row().names_observable => return false,
            Self::Retired if kind.retired().is_none() => return false,
            _ => {}
        }
        let [isolate, disruptive, indicator, low_impact, alert, restoring, ending] = self.row();
        match column(kind, asker) {
            Column::Isolate => isolate,
            Column::Disruptive => disruptive,
            Column::Indicator => indicator,
            Column::LowImpact => low_impact,
            Column::Alert => alert,
            Column::Restoring => restoring,
            Column::Ending => ending,
        }
    }

    /// Whether a cap of this guard that is reached latches the breaker.
    pub const fn latches(self) -> bool {
        matches!(self, Self::Caps | Self::FleetShare)
    }

    /// Whether it counts attempts.
    pub const fn counts(self) -> bool {
        matches!(
            self,
            Self::RuleLimits | Self::PerRule | Self::PerDeviceGroup | Self::GentleCaps | Self::Caps | Self::FleetShare
        )
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => guard::PAUSE,
            Self::Breaker => guard::BREAKER,
            Self::Mode => guard::MODE,
            Self::HoldKinds => guard::HOLD_KINDS,
            Self::Observable => guard::OBSERVABLE,
            Self::Retired => guard::RETIRED,
            Self::Closed => guard::CLOSED,
            Self::MachineFacts => guard::MACHINE_FACTS,
            Self::Scope => guard::SCOPE,
            Self::AllowOs => guard::ALLOW_OS,
            Self::NeverList => guard::NEVER_LIST,
            Self::HoldTags => guard::HOLD_TAGS,
            Self::HoldUsers => guard::HOLD_USERS,
            Self::DeviceValue => guard::DEVICE_VALUE,
            Self::Age => guard::AGE,
            Self::Released => guard::RELEASED,
            Self::Isolation => guard::ISOLATION,
            Self::Standing => guard::STANDING,
            Self::Maintenance => guard::MAINTENANCE,
            Self::RuleLimits => guard::RULE_LIMITS,
            Self::PerRule => guard::PER_RULE,
            Self::PerDeviceGroup => guard::PER_DEVICE_GROUP,
            Self::GentleCaps => guard::GENTLE_CAPS,
            Self::Caps => guard::CAPS,
            Self::FleetShare => guard::FLEET_SHARE,
        }
    }
}
