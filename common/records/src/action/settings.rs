//! The settings of actions, in Microsoft's spelling.

use serde::{Deserialize, Serialize};

use crate::spelling::{AlertStatus, Classification};
use crate::words::words;

words!(
    /// `IsolationType` of the isolate call. Source: Microsoft's page "Isolate machine API".
    IsolationType {
        /// Everything but Defender's channel.
        Full = "Full",
        /// Outlook, Teams and Skype keep working.
        Selective = "Selective",
        /// Contain a machine that Defender does not manage: the managed ones stop talking with it.
        UnManagedDevice = "UnManagedDevice",
    }
);

words!(
    /// `ScanType`. Source: Microsoft's page "Run antivirus scan API".
    ScanType {
        /// The usual places.
        Quick = "Quick",
        /// Everything.
        Full = "Full",
    }
);

words!(
    /// `Action` of the tag call. Source: Microsoft's page "Add or remove machine tags API".
    TagChange {
        /// Put it on.
        Add = "Add",
        /// Take it off.
        Remove = "Remove",
    }
);

words!(
    /// `DeviceValue`. Source: Microsoft's page "Set device value API".
    DeviceValue {
        /// Low.
        Low = "Low",
        /// Normal, which every machine is at first.
        Normal = "Normal",
        /// High: by default a person decides about it.
        High = "High",
    }
);

words!(
    /// `indicatorType`. Source: Microsoft's page "Submit or Update Indicator API".
    IndicatorType {
        /// A file, by SHA-1.
        FileSha1 = "FileSha1",
        /// A file, by SHA-256.
        FileSha256 = "FileSha256",
        /// A file, by MD5.
        FileMd5 = "FileMd5",
        /// A signer.
        CertificateThumbprint = "CertificateThumbprint",
        /// An address; no networks.
        IpAddress = "IpAddress",
        /// A name.
        DomainName = "DomainName",
        /// A URL.
        Url = "Url",
    }
);

words!(
    /// `action` of an indicator. Source: Microsoft's page "Submit or Update Indicator API".
    IndicatorAction {
        /// Only tell; `generateAlert` must be true with it.
        Audit = "Audit",
        /// Warn; people may go on.
        Warn = "Warn",
        /// Block.
        Block = "Block",
        /// Block and remove.
        BlockAndRemediate = "BlockAndRemediate",
        /// Let it be.
        Allowed = "Allowed",
    }
);

/// When Cordon releases by itself what it has isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseTerms {
    /// So many seconds after Defender confirmed the isolation.
    pub after_s: u64,
    /// Whether a person is asked first.
    #[serde(default)]
    pub ask: bool,
}

/// One command of a live response session. Source: Microsoft's page "Run live response commands on a device".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum LiveCommand {
    /// Put a file of the library on the machine.
    PutFile {
        /// Its name in the library.
        file: String,
    },
    /// Run a script of the library.
    RunScript {
        /// Its name in the library.
        script: String,
        /// Its arguments.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        args: String,
    },
    /// Fetch a file from the machine.
    GetFile {
        /// Its path there.
        path: String,
    },
}

/// What changes in an alert; what is absent stays. Source: Microsoft's page "Update alert API".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertChanges {
    /// `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AlertStatus>,
    /// `assignedTo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// `classification`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// `determination`, in Microsoft's spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub determination: Option<String>,
    /// `comment`, added to the alert's comments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// An indicator to submit; one of the same value and type is replaced.
/// Source: Microsoft's page "Submit or Update Indicator API".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indicator {
    /// `indicatorValue`.
    pub value: String,
    /// `indicatorType`.
    #[serde(rename = "type")]
    pub kind: IndicatorType,
    /// `action`.
    pub action: IndicatorAction,
    /// `title`.
    pub title: String,
    /// `description`: the rule author's words.
    pub description: String,
    /// `severity` of the alerts that it raises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// It ends so many seconds after it was submitted; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after_s: Option<u64>,
    /// `generateAlert`.
    #[serde(default)]
    pub generate_alert: bool,
    /// `rbacGroupNames`: only machines of these groups; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}
