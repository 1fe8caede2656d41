//! The calls that this client makes, with their published limits and how long and how large each may be.

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
    Isolate,
    SendMail,
}

/// Calls per minute and per hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) per_minute: u32,
    pub(crate) per_hour: u32,
}

/// The largest answer that holds one object, in bytes after decompression.
const SINGLE: u64 = 1024 * 1024;
/// The largest list, in bytes after decompression: 10,000 alerts with evidence stay well below it.
const LIST: u64 = 64 * 1024 * 1024;

impl Endpoint {
    /// The template's name in metrics, logs and errors.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AlertList => "alerts",
            Self::Alert => "alerts/{id}",
            Self::MachineList => "machines",
            Self::Machine => "machines/{id}",
            Self::ActionList => "machineactions",
            Self::Action => "machineactions/{id}",
            Self::Isolate => "machines/{id}/isolate",
            Self::SendMail => "sendMail",
        }
    }

    /// What is published: 100 a minute and 1,500 an hour on every Defender page used here; 30 messages a minute
    /// and mailbox in "Exchange Online limits", for which no hourly number is given.
    pub(crate) const fn limits(self) -> Limits {
        match self {
            Self::AlertList
            | Self::Alert
            | Self::MachineList
            | Self::Machine
            | Self::ActionList
            | Self::Action
            | Self::Isolate => Limits { per_minute: 100, per_hour: 1_500 },
            Self::SendMail => Limits { per_minute: 30, per_hour: 1_800 },
        }
    }

    /// The largest answer that is read, in bytes after decompression.
    pub(crate) const fn max_bytes(self) -> u64 {
        match self {
            Self::AlertList | Self::MachineList | Self::ActionList => LIST,
            Self::Alert | Self::Machine | Self::Action | Self::Isolate | Self::SendMail => SINGLE,
        }
    }

    /// Whether the call changes something at Microsoft's, so that a lost answer is not "nothing was done".
    pub(crate) const fn has_effect(self) -> bool {
        match self {
            Self::Isolate | Self::SendMail => true,
            Self::AlertList | Self::Alert | Self::MachineList | Self::Machine | Self::ActionList | Self::Action => {
                false
            }
        }
    }
}
