//! A machine, as Defender describes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::MachineId;
use crate::spelling::read;
use crate::{known, lenient};

/// Microsoft's machine as this build understands it. Every field but the id may be absent.
/// Source: Microsoft's page "Machine resource type", and fields seen on the wire beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// The machine's id.
    pub id: MachineId,
    /// Its name, often fully qualified.
    #[serde(default, deserialize_with = "lenient::text")]
    pub computer_dns_name: Option<String>,
    /// `Windows10`, `Windows11`, `WindowsServer2022`, `macOS`, `Ubuntu` …
    #[serde(default, deserialize_with = "lenient::text")]
    pub os_platform: Option<String>,
    /// Release of the platform (`22H2`).
    #[serde(default, deserialize_with = "lenient::text")]
    pub version: Option<String>,
    /// Build number; absent on Linux.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub os_build: Option<i64>,
    /// Last full report, about once a day; not the portal's "last seen".
    #[serde(default, deserialize_with = "lenient::instant")]
    pub last_seen: Option<Timestamp>,
    /// Address inside the network.
    #[serde(default, deserialize_with = "lenient::text")]
    pub last_ip_address: Option<String>,
    /// Address seen from outside.
    #[serde(default, deserialize_with = "lenient::text")]
    pub last_external_ip_address: Option<String>,
    /// `Active`, `Inactive`, `NoSensorData` …
    #[serde(default, deserialize_with = "read::health_status")]
    pub health_status: Option<String>,
    /// `Onboarded`, `CanBeOnboarded` …
    #[serde(default, deserialize_with = "read::onboarding_status")]
    pub onboarding_status: Option<String>,
    /// The device group.
    #[serde(default, deserialize_with = "lenient::text")]
    pub rbac_group_name: Option<String>,
    /// The device group's number; 0 is no group.
    #[serde(default, deserialize_with = "lenient::integer", skip_serializing_if = "Option::is_none")]
    pub rbac_group_id: Option<i64>,
    /// `None`, `Low`, `Medium`, `High`.
    #[serde(default, deserialize_with = "read::risk_score")]
    pub risk_score: Option<String>,
    /// `None`, `Low`, `Medium`, `High`.
    #[serde(default, deserialize_with = "read::exposure_level")]
    pub exposure_level: Option<String>,
    /// `Low`, `Normal`, `High`: what the company says the machine is worth.
    #[serde(default, deserialize_with = "read::device_value")]
    pub device_value: Option<String>,
    /// Joined to Entra.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_aad_joined: Option<bool>,
    /// Tags that people gave it. Absent is not the same as empty: absent is a missing fact.
    #[serde(default, deserialize_with = "lenient::or_absent", skip_serializing_if = "Option::is_none")]
    pub machine_tags: Option<Vec<String>>,
    /// The machine that this entry was merged into.
    #[serde(default, deserialize_with = "lenient::text")]
    pub merged_into_machine_id: Option<String>,
    /// Defender suspects that another entry is the same machine. Seen on the wire, not on the page.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub is_potential_duplication: Option<bool>,
    /// Taken out of Defender's view by people.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_excluded: Option<bool>,
}

impl Machine {
    /// Microsoft's names of the fields that this build reads.
    pub const FIELDS: &'static [&'static str] = &[
        "id",
        "computerDnsName",
        "osPlatform",
        "version",
        "osBuild",
        "lastSeen",
        "lastIpAddress",
        "lastExternalIpAddress",
        "healthStatus",
        "onboardingStatus",
        "rbacGroupName",
        "riskScore",
        "exposureLevel",
        "deviceValue",
        "isAadJoined",
        "machineTags",
        "mergedIntoMachineId",
        "isExcluded",
    ];

    /// The few facts that decisions, reports and mails carry along.
    #[must_use]
    pub fn summary(&self) -> MachineSummary {
        MachineSummary {
            id: self.id.clone(),
            name: self.computer_dns_name.clone(),
            os: self.os_platform.clone(),
            group: self.rbac_group_name.clone(),
            value: self.device_value.clone(),
            tags: self.machine_tags.clone(),
            ungrouped: self.rbac_group_id == Some(0) && self.rbac_group_name.as_deref().and_then(known).is_none(),
            merged_into: self.merged_into_machine_id.as_deref().and_then(known).map(str::to_owned),
            potential_duplicate: self.is_potential_duplication == Some(true),
        }
    }
}

/// What stands for the group of machines that are known to be in none.
pub const NO_GROUP: &str = "(no group)";

/// What later records say of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSummary {
    /// The machine's id.
    pub id: MachineId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its device group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its worth to the company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its tags; absent means unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// It is known to be in no device group: then that its group has no name is no missing fact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ungrouped: bool,
    /// The machine that this entry was merged into: what is asked of this one may reach that one, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
    /// Defender suspects that another entry is the same machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub potential_duplicate: bool,
}

impl MachineSummary {
    /// A machine of which nothing is known but its id.
    #[must_use]
    pub const fn unknown(id: MachineId) -> Self {
        Self {
            id,
            name: None,
            os: None,
            group: None,
            value: None,
            tags: None,
            ungrouped: false,
            merged_into: None,
            potential_duplicate: false,
        }
    }

    /// What people call it: the name, else the id.
    #[must_use]
    pub fn label(&self) -> &str {
        self.known_name().unwrap_or_else(|| self.id.as_str())
    }

    /// Its name, where it has one that is not blank.
    #[must_use]
    pub fn known_name(&self) -> Option<&str> {
        self.name.as_deref().and_then(known)
    }

    /// Its platform, where it has one that is not blank.
    #[must_use]
    pub fn known_os(&self) -> Option<&str> {
        self.os.as_deref().and_then(known)
    }

    /// Its device group, where it has one that is not blank, and `NO_GROUP` where it is known to be in none.
    #[must_use]
    pub fn known_group(&self) -> Option<&str> {
        self.group.as_deref().and_then(known).or(self.ungrouped.then_some(NO_GROUP))
    }

    /// Its worth to the company, where it has one that is not blank.
    #[must_use]
    pub fn known_value(&self) -> Option<&str> {
        self.value.as_deref().and_then(known)
    }
}
