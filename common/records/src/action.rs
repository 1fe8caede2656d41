//! Actions: what may be done to a machine, to an alert or in the tenant, and with which settings.
//!
//! Names, settings and limits follow Microsoft's pages under "Response actions" of the Defender for Endpoint API.

mod settings;

use serde::{Deserialize, Serialize};

use crate::ids::Sha1;
use crate::words::words;

pub use settings::{
    AlertChanges, DeviceValue, Indicator, IndicatorAction, IndicatorType, IsolationType, LiveCommand, ReleaseTerms,
    ScanType, TagChange,
};

/// What to do. The machine and the alert stand beside it in the record that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Cut the machine off the network; Defender's own channel stays.
    Isolate {
        /// How much is cut.
        isolation: IsolationType,
        /// The rule author's words for the action's comment.
        comment: String,
        /// When Cordon lets the machine back by itself; absent: never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseTerms>,
    },
    /// Let the machine back (`unisolate`).
    Release {
        /// Why.
        comment: String,
    },
    /// Let only programs run that Microsoft has signed.
    RestrictCode {
        /// Why.
        comment: String,
    },
    /// Lift that restriction.
    UnrestrictCode {
        /// Why.
        comment: String,
    },
    /// Run an antivirus scan.
    Scan {
        /// How thorough.
        scan: ScanType,
        /// Why.
        comment: String,
    },
    /// Collect an investigation package; its download link comes with the report of success.
    CollectPackage {
        /// Why.
        comment: String,
    },
    /// Start an automated investigation; Microsoft takes none any more ([`ActionKind::retired`]).
    Investigate {
        /// Why.
        comment: String,
    },
    /// Stop a file's processes and quarantine it.
    StopFile {
        /// The file.
        sha1: Sha1,
        /// Why.
        comment: String,
    },
    /// Run live response commands, in order; one that fails skips the rest.
    LiveResponse {
        /// The commands.
        commands: Vec<LiveCommand>,
        /// Why.
        comment: String,
    },
    /// Take the machine out of Defender.
    Offboard {
        /// Why.
        comment: String,
    },
    /// Put a tag on the machine, or take one off.
    Tag {
        /// The tag.
        tag: String,
        /// On or off.
        change: TagChange,
    },
    /// Say what the machine is worth.
    SetDeviceValue {
        /// The value.
        value: DeviceValue,
    },
    /// Change the alert.
    UpdateAlert(AlertChanges),
    /// Submit an indicator: a file, address or name that Defender treats so in the whole tenant.
    Indicator(Indicator),
    /// Cancel our own action of this kind for the same alert and machine, as long as it has not ended.
    Cancel {
        /// The kind of that action.
        what: ActionKind,
        /// Why.
        comment: String,
    },
}

impl Action {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::Isolate { .. } => ActionKind::Isolate,
            Self::Release { .. } => ActionKind::Release,
            Self::RestrictCode { .. } => ActionKind::RestrictCode,
            Self::UnrestrictCode { .. } => ActionKind::UnrestrictCode,
            Self::Scan { .. } => ActionKind::Scan,
            Self::CollectPackage { .. } => ActionKind::CollectPackage,
            Self::Investigate { .. } => ActionKind::Investigate,
            Self::StopFile { .. } => ActionKind::StopFile,
            Self::LiveResponse { .. } => ActionKind::LiveResponse,
            Self::Offboard { .. } => ActionKind::Offboard,
            Self::Tag { .. } => ActionKind::Tag,
            Self::SetDeviceValue { .. } => ActionKind::SetDeviceValue,
            Self::UpdateAlert(_) => ActionKind::UpdateAlert,
            Self::Indicator(_) => ActionKind::Indicator,
            Self::Cancel { .. } => ActionKind::Cancel,
        }
    }

    /// The author's words; `""` where the action carries none.
    #[must_use]
    pub fn comment(&self) -> &str {
        match self {
            Self::Isolate { comment, .. }
            | Self::Release { comment }
            | Self::RestrictCode { comment }
            | Self::UnrestrictCode { comment }
            | Self::Scan { comment, .. }
            | Self::CollectPackage { comment }
            | Self::Investigate { comment }
            | Self::StopFile { comment, .. }
            | Self::LiveResponse { comment, .. }
            | Self::Offboard { comment }
            | Self::Cancel { comment, .. } => comment,
            Self::UpdateAlert(changes) => changes.comment.as_deref().unwrap_or_default(),
            Self::Indicator(indicator) => &indicator.description,
            Self::Tag { .. } | Self::SetDeviceValue { .. } => "",
        }
    }

    /// What tells two actions of one kind on one machine apart, as part of the action key: the file, the indicator's
    /// value, the tag, what is cancelled. `None` where a machine has only one at a time.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::StopFile { sha1, .. } => Some(sha1.as_str()),
            Self::Indicator(indicator) => Some(&indicator.value),
            Self::Tag { tag, .. } => Some(tag),
            Self::Cancel { what, .. } => Some(what.as_str()),
            Self::Isolate { .. }
            | Self::Release { .. }
            | Self::RestrictCode { .. }
            | Self::UnrestrictCode { .. }
            | Self::Scan { .. }
            | Self::CollectPackage { .. }
            | Self::Investigate { .. }
            | Self::LiveResponse { .. }
            | Self::Offboard { .. }
            | Self::SetDeviceValue { .. }
            | Self::UpdateAlert(_) => None,
        }
    }
}

words!(
    /// The kinds of action: part of action keys, of metrics and of reports.
    ActionKind {
        /// [`Action::Isolate`].
        Isolate = "isolate",
        /// [`Action::Release`].
        Release = "release",
        /// [`Action::RestrictCode`].
        RestrictCode = "restrict_code",
        /// [`Action::UnrestrictCode`].
        UnrestrictCode = "unrestrict_code",
        /// [`Action::Scan`].
        Scan = "scan",
        /// [`Action::CollectPackage`].
        CollectPackage = "collect_package",
        /// [`Action::Investigate`].
        Investigate = "investigate",
        /// [`Action::StopFile`].
        StopFile = "stop_file",
        /// [`Action::LiveResponse`].
        LiveResponse = "live_response",
        /// [`Action::Offboard`].
        Offboard = "offboard",
        /// [`Action::Tag`].
        Tag = "tag",
        /// [`Action::SetDeviceValue`].
        SetDeviceValue = "set_device_value",
        /// [`Action::UpdateAlert`].
        UpdateAlert = "update_alert",
        /// [`Action::Indicator`].
        Indicator = "indicator",
        /// [`Action::Cancel`].
        Cancel = "cancel",
    }
);

/// How much an action may hurt; caps and guards tell these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impact {
    /// Takes something away from people: the network, a program, a file, Defender itself.
    Disruptive,
    /// Looks, or writes into the portal: people can go on working.
    LowImpact,
    /// Gives back what was taken away.
    Restoring,
}

/// A kind that Microsoft no longer takes. Records hold it, and nothing of it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// Since when, and what it was; one sentence without its end.
    pub why: &'static str,
    /// What takes its place, with the entry of a rule.
    pub instead: &'static str,
}

impl ActionKind {
    /// The kinds that Microsoft takes: what a rule may ask for.
    pub const TAKEN: &'static [Self] = &[
        Self::Isolate,
        Self::Release,
        Self::RestrictCode,
        Self::UnrestrictCode,
        Self::Scan,
        Self::CollectPackage,
        Self::StopFile,
        Self::LiveResponse,
        Self::Offboard,
        Self::Tag,
        Self::SetDeviceValue,
        Self::UpdateAlert,
        Self::Indicator,
        Self::Cancel,
    ];

    /// Why Microsoft no longer takes this kind, if so.
    /// Source: Microsoft 365 message center, MC1411577.
    #[must_use]
    pub const fn retired(self) -> Option<Retired> {
        match self {
            Self::Investigate => Some(Retired {
                why: "Microsoft starts no automated investigation on request since 2026-09-01",
                instead: "a full scan takes its place: write `scan: {type: Full, comment: why}`",
            }),
            Self::Isolate
            | Self::Release
            | Self::RestrictCode
            | Self::UnrestrictCode
            | Self::Scan
            | Self::CollectPackage
            | Self::StopFile
            | Self::LiveResponse
            | Self::Offboard
            | Self::Tag
            | Self::SetDeviceValue
            | Self::UpdateAlert
            | Self::Indicator
            | Self::Cancel => None,
        }
    }

    /// How much an action of this kind may hurt.
    #[must_use]
    pub const fn impact(self) -> Impact {
        match self {
            Self::Isolate
            | Self::RestrictCode
            | Self::StopFile
            | Self::LiveResponse
            | Self::Offboard
            | Self::Indicator => Impact::Disruptive,
            Self::Scan
            | Self::CollectPackage
            | Self::Investigate
            | Self::Tag
            | Self::SetDeviceValue
            | Self::UpdateAlert => Impact::LowImpact,
            Self::Release | Self::UnrestrictCode | Self::Cancel => Impact::Restoring,
        }
    }

    /// Whether Defender lists it among the machine's actions, so that it is followed to its end and a lost answer can be
    /// looked up. The others are done, or not, with the answer to the call.
    /// Source: Microsoft's page "machineAction resource type".
    #[must_use]
    pub const fn is_machine_action(self) -> bool {
        match self {
            Self::Isolate
            | Self::Release
            | Self::RestrictCode
            | Self::UnrestrictCode
            | Self::Scan
            | Self::CollectPackage
            | Self::StopFile
            | Self::LiveResponse
            | Self::Offboard => true,
            Self::Investigate
            | Self::Tag
            | Self::SetDeviceValue
            | Self::UpdateAlert
            | Self::Indicator
            | Self::Cancel => false,
        }
    }
}

/// How far an action may go. The order is the order of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Decide and report what would have been done; do nothing.
    Shadow,
    /// Wait for a person.
    Approve,
    /// Do it.
    Auto,
}

impl Mode {
    /// The name in files and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Approve => "approve",
            Self::Auto => "auto",
        }
    }
}
