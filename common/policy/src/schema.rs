//! What a rule may ask about: every field, its type and the default that stands in for an absent one.
//!
//! Microsoft leaves out or nulls nearly every field, so a rule never fails on an absent one: it reads the default
//! here, and `has()` tells whether the field was given. Names are Microsoft's.
//! Sources: Microsoft's pages "Alert resource type" and "Machine resource type".

use cordon_records::spelling::{self, Values};

/// Texts from a list of Microsoft's, each of which may be spelt in several ways. Where the list is complete, a rule that
/// compares the field with a text outside it has a slip of the pen; `string(alert.severity)` compares with anything.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the list is called in messages: the field's name.
    pub name: &'static str,
    /// The values and their spellings; `""` (nothing given) is always allowed beside them.
    pub values: &'static Values,
    /// What stands in when the field is absent.
    pub default: &'static str,
    /// The list goes from low to high, so that "this and above" can be suggested.
    pub ranked: bool,
    /// Microsoft leaves the list open: another text is no mistake.
    pub open: bool,
}

impl Choice {
    const fn closed(name: &'static str, values: &'static Values) -> Self {
        Self { name, values, default: "", ranked: false, open: false }
    }

    /// Whether a record of Defender's may hold this text.
    #[must_use]
    pub fn takes(&self, text: &str) -> bool {
        self.open || text.is_empty() || self.values.value(text).is_some()
    }

    const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    const fn ranked(self) -> Self {
        Self { ranked: true, ..self }
    }

    const fn open(self) -> Self {
        Self { open: true, ..self }
    }
}

/// The type of a field, with its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A text, and the text that stands in when it is absent.
    Text(&'static str),
    /// A text from a known list.
    Choice(&'static Choice),
    /// A whole number; 0 when absent.
    Integer,
    /// True or false; false when absent.
    Flag,
    /// An instant, a CEL `timestamp`; 1970-01-01T00:00:00Z when absent.
    Instant,
    /// A list of texts; empty when absent.
    Texts,
    /// A list of evidence items with [`EVIDENCE`]'s fields; empty when absent.
    Evidence,
}

/// One field that a rule may ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSpec {
    /// Microsoft's name.
    pub name: &'static str,
    /// Type and default.
    pub kind: FieldType,
    /// What it says, for people.
    pub meaning: &'static str,
}

const fn field(name: &'static str, kind: FieldType, meaning: &'static str) -> FieldSpec {
    FieldSpec { name, kind, meaning }
}

const TEXT: FieldType = FieldType::Text("");

const SEVERITY: Choice = Choice::closed("severity", &spelling::SEVERITY).or("UnSpecified").ranked();
const STATUS: Choice = Choice::closed("status", &spelling::STATUS).or("Unknown");
const CLASSIFICATION: Choice = Choice::closed("classification", &spelling::CLASSIFICATION);
const DETERMINATION: Choice = Choice::closed("determination", &spelling::DETERMINATION);
const INVESTIGATION_STATE: Choice = Choice::closed("investigationState", &spelling::INVESTIGATION_STATE);
const DETECTION_SOURCE: Choice = Choice::closed("detectionSource", &spelling::DETECTION_SOURCE).open();
const HEALTH_STATUS: Choice = Choice::closed("healthStatus", &spelling::HEALTH_STATUS);
const ONBOARDING_STATUS: Choice = Choice::closed("onboardingStatus", &spelling::ONBOARDING_STATUS);
const RISK_SCORE: Choice = Choice::closed("riskScore", &spelling::RISK_SCORE).ranked();
const EXPOSURE_LEVEL: Choice = Choice::closed("exposureLevel", &spelling::EXPOSURE_LEVEL).ranked();
const DEVICE_VALUE: Choice = Choice::closed("deviceValue", &spelling::DEVICE_VALUE).or("Normal").ranked();

/// The fields of `alert`.
pub const ALERT: &[FieldSpec] = &[
    field("id", TEXT, "the alert's id"),
    field("incidentId", FieldType::Integer, "the incident that Defender put it into"),
    field("severity", FieldType::Choice(&SEVERITY), "UnSpecified, Informational, Low, Medium or High"),
    field("status", FieldType::Choice(&STATUS), "Unknown, New, InProgress or Resolved"),
    field(
        "classification",
        FieldType::Choice(&CLASSIFICATION),
        "TruePositive, InformationalExpectedActivity or FalsePositive",
    ),
    field(
        "determination",
        FieldType::Choice(&DETERMINATION),
        "the finer finding: Malware, Phishing, SecurityTesting …",
    ),
    field(
        "investigationState",
        FieldType::Choice(&INVESTIGATION_STATE),
        "state of Defender's own automated investigation",
    ),
    field("assignedTo", TEXT, "who has it: a user principal name, or Automation"),
    field(
        "detectionSource",
        FieldType::Choice(&DETECTION_SOURCE),
        "what raised it: WindowsDefenderAtp, CustomDetection …",
    ),
    field("detectorId", TEXT, "the detector's GUID"),
    field("category", TEXT, "the kind of attack: Malware, LateralMovement …"),
    field("threatFamilyName", TEXT, "the malware family"),
    field("threatName", TEXT, "the threat's name"),
    field("title", TEXT, "one line for people"),
    field("description", TEXT, "text for people"),
    field("alertCreationTime", FieldType::Instant, "when Defender made it"),
    field("firstEventTime", FieldType::Instant, "the first event behind it"),
    field("lastEventTime", FieldType::Instant, "the last event behind it"),
    field("lastUpdateTime", FieldType::Instant, "the last change of any field"),
    field("resolvedTime", FieldType::Instant, "when it was closed"),
    field("machineId", TEXT, "id of the machine it is about"),
    field("computerDnsName", TEXT, "that machine's name"),
    field("rbacGroupName", TEXT, "that machine's device group"),
    field("aadTenantId", TEXT, "the tenant that Defender names"),
    field("mitreTechniques", FieldType::Texts, "MITRE ATT&CK technique numbers"),
    field("evidence", FieldType::Evidence, "users, files, addresses and so on that it rests on"),
];

/// The fields of one item of `alert.evidence`. All are texts; an empty one counts as absent for `has()`.
pub const EVIDENCE: &[FieldSpec] = &[
    field("entityType", TEXT, "User, Process, File, Ip, Url …"),
    field("sha1", TEXT, "SHA-1 of a file"),
    field("sha256", TEXT, "SHA-256 of a file"),
    field("fileName", TEXT, "a file's name"),
    field("filePath", TEXT, "a file's folder"),
    field("processCommandLine", TEXT, "a process's command line"),
    field("ipAddress", TEXT, "an IP address"),
    field("url", TEXT, "a URL or a domain"),
    field("accountName", TEXT, "an account's name"),
    field("domainName", TEXT, "an account's domain"),
    field("userPrincipalName", TEXT, "an account's user principal name"),
    field("detectionStatus", TEXT, "Detected, Blocked, Prevented …"),
];

/// The fields of `machine`.
pub const MACHINE: &[FieldSpec] = &[
    field("id", TEXT, "the machine's id"),
    field("computerDnsName", TEXT, "its name, often fully qualified"),
    field("osPlatform", TEXT, "Windows10, Windows11, WindowsServer2022, macOS, Ubuntu …"),
    field("version", TEXT, "release of the platform, such as 22H2"),
    field("osBuild", FieldType::Integer, "build number"),
    field("lastSeen", FieldType::Instant, "last full report, about once a day"),
    field("lastIpAddress", TEXT, "address inside the network"),
    field("lastExternalIpAddress", TEXT, "address seen from outside"),
    field("healthStatus", FieldType::Choice(&HEALTH_STATUS), "Active, Inactive, NoSensorData …"),
    field("onboardingStatus", FieldType::Choice(&ONBOARDING_STATUS), "Onboarded, CanBeOnboarded …"),
    field("rbacGroupName", TEXT, "the device group"),
    field("riskScore", FieldType::Choice(&RISK_SCORE), "None, Informational, Low, Medium or High"),
    field("exposureLevel", FieldType::Choice(&EXPOSURE_LEVEL), "None, Low, Medium or High"),
    field("deviceValue", FieldType::Choice(&DEVICE_VALUE), "Low, Normal or High"),
    field("isAadJoined", FieldType::Flag, "joined to Entra"),
    field("machineTags", FieldType::Texts, "tags that people gave it"),
    field("mergedIntoMachineId", TEXT, "the machine that this entry was merged into"),
    field("isExcluded", FieldType::Flag, "taken out of Defender's view by people"),
];

/// The variables of a condition: two records, the list of user principal names on the alert, and the moment at which
/// the record was made (never the wall clock, so that a backtest gives what the live run gave).
pub const VARIABLES: &[&str] = &["alert", "machine", "users", "now"];

/// The fields of a variable; `None` for one that is no record.
pub(crate) fn fields_of(variable: &str) -> Option<&'static [FieldSpec]> {
    match variable {
        "alert" => Some(ALERT),
        "machine" => Some(MACHINE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cordon_records::{Alert, Evidence, Machine};

    use super::*;

    fn names(fields: &[FieldSpec]) -> BTreeSet<String> {
        fields.iter().map(|field| field.name.to_owned()).collect()
    }

    fn keys(value: &serde_json::Value) -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn the_table_names_every_field_that_a_record_parses() {
        let alert: Alert = serde_json::from_str(r#"{"id":"a"}"#).unwrap();
        let mut alert = keys(&serde_json::to_value(alert).unwrap());
        for record in ["relatedUser", "loggedOnUsers"] {
            assert!(alert.remove(record), "records of their own; rules read `users` and evidence instead");
        }
        assert_eq!(names(ALERT), alert);

        let machine: Machine = serde_json::from_str(r#"{"id":"m","machineTags":[]}"#).unwrap();
        assert_eq!(names(MACHINE), keys(&serde_json::to_value(machine).unwrap()));
        assert_eq!(names(EVIDENCE), keys(&serde_json::to_value(Evidence::default()).unwrap()));
    }
}
