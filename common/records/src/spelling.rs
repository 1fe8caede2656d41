//! The values of Microsoft's closed lists, and every spelling in which its pages and its servers write them. This is the
//! one table: records are read by it, and what rules and their tests name is looked up in it, so that a value is the same
//! one whatever API, page or portal it was taken from.
//!
//! Sources: Microsoft's pages "Alert resource type", "Update alert", "Batch update alerts" and "Machine resource type" for
//! Defender's API; "alert resource type" and "Update alert" of Microsoft Graph, whose values begin with a small letter;
//! the labels of the Defender portal; alerts seen on the wire.

use serde::Deserializer;

use crate::{known, lenient, open_enum};

/// Stands in the table for a text that says the same as an absent field.
const NOT_GIVEN: &str = "";

/// The values of one field.
#[derive(Debug, PartialEq, Eq)]
pub struct Values {
    known: &'static [&'static str],
    also: &'static [(&'static str, &'static str)],
}

impl Values {
    /// Every value, once, as records hold it.
    #[must_use]
    pub const fn known(&self) -> &'static [&'static str] {
        self.known
    }

    /// Every spelling that differs from a value in more than case, blanks and punctuation, or that people copy as it is.
    pub fn also(&self) -> impl Iterator<Item = &'static str> {
        self.also.iter().map(|(spelling, _)| *spelling)
    }

    /// The value that a text means, `""` for one that says that nothing is known, and `None` for a text that is not in the
    /// table. Case, blanks, commas, hyphens and underscores tell no two values apart.
    #[must_use]
    pub fn value(&self, text: &str) -> Option<&'static str> {
        if let Some(exact) = self.known.iter().find(|known| **known == text) {
            return Some(exact);
        }
        let same = |spelling: &str| letters(spelling).eq(letters(text));
        let known = self.known.iter().copied().find(|known| same(known));
        known.or_else(|| self.also.iter().find(|(spelling, _)| same(spelling)).map(|(_, value)| *value))
    }

    /// What a record holds of a text: the value that it means, and an unknown text as it came; `None` for nothing known.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<String> {
        match self.value(text) {
            Some(value) => known(value).map(str::to_owned),
            None => known(text).map(|_| text.to_owned()),
        }
    }

    fn of_json<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<Option<String>, D::Error> {
        lenient::spelled(deserializer, |text| self.read(&text))
    }
}

/// A text without what tells no two values apart.
fn letters(text: &str) -> impl Iterator<Item = char> {
    let counts = |letter: &char| !(letter.is_whitespace() || matches!(letter, ',' | '-' | '_'));
    text.chars().filter(counts).map(|letter| letter.to_ascii_lowercase())
}

open_enum!(
    /// How bad Defender thinks it is. Note the capital S of `UnSpecified`.
    /// Source: Microsoft's page "Alert resource type".
    Severity spelled SEVERITY {
        /// Not said.
        UnSpecified,
        /// For information.
        Informational,
        /// Low.
        Low,
        /// Medium.
        Medium,
        /// High.
        High,
    }
);

open_enum!(
    /// Where the alert stands with the people who work on it. Source: "Alert resource type".
    AlertStatus spelled STATUS {
        /// Not said.
        Unknown,
        /// Nobody has taken it.
        New,
        /// Somebody works on it.
        InProgress,
        /// Closed.
        Resolved,
    }
);

open_enum!(
    /// What people found it to be. Source: "Alert resource type".
    Classification spelled CLASSIFICATION {
        /// A real attack.
        TruePositive,
        /// Real, but expected (a test, a tool of the company's own).
        InformationalExpectedActivity,
        /// A false alarm.
        FalsePositive,
    }
);

/// `severity` of an alert.
pub const SEVERITY: Values = Values { known: Severity::KNOWN, also: &[("Unknown", "UnSpecified")] };

/// `status` of an alert.
pub const STATUS: Values = Values { known: AlertStatus::KNOWN, also: &[] };

/// `classification` of an alert.
pub const CLASSIFICATION: Values = Values {
    known: Classification::KNOWN,
    also: &[("Informational, expected activity", "InformationalExpectedActivity"), ("Unknown", NOT_GIVEN)],
};

/// `determination` of an alert; where there are two names for one, the value is the one that "Update alert" takes. The
/// last two are withdrawn, and old alerts carry them.
pub const DETERMINATION: Values = Values {
    known: &[
        "MultiStagedAttack",
        "MaliciousUserActivity",
        "CompromisedUser",
        "Malware",
        "Phishing",
        "UnwantedSoftware",
        "Other",
        "SecurityTesting",
        "LineOfBusinessApplication",
        "ConfirmedActivity",
        "NotMalicious",
        "InsufficientData",
        "Apt",
        "SecurityPersonnel",
    ],
    also: &[
        ("CompromisedAccount", "CompromisedUser"),
        ("ConfirmedUserActivity", "ConfirmedActivity"),
        ("Clean", "NotMalicious"),
        ("NotEnoughDataToValidate", "InsufficientData"),
        ("NoEnoughDataToValidate", "InsufficientData"),
        ("NotAvailable", NOT_GIVEN),
        ("Unknown", NOT_GIVEN),
    ],
};

/// `investigationState` of an alert.
pub const INVESTIGATION_STATE: Values = Values {
    known: &[
        "Unknown",
        "Terminated",
        "SuccessfullyRemediated",
        "Benign",
        "Failed",
        "PartiallyRemediated",
        "Running",
        "PendingApproval",
        "PendingResource",
        "PartiallyInvestigated",
        "TerminatedByUser",
        "TerminatedBySystem",
        "Queued",
        "InnerFailure",
        "PreexistingAlert",
        "UnsupportedOs",
        "UnsupportedAlertType",
        "SuppressedAlert",
    ],
    also: &[],
};

/// `detectionSource` of an alert: Defender's names, and Graph's for the same. Graph has more, which keep their names.
pub const DETECTION_SOURCE: Values = Values {
    known: &[
        "WindowsDefenderAtp",
        "WindowsDefenderAv",
        "WindowsDefenderSmartScreen",
        "CustomerTI",
        "CustomDetection",
        "AutomatedInvestigation",
        "ThreatExperts",
        "MTP",
        "OfficeATP",
        "AzureATP",
        "MCAS",
        "ThirdPartySensors",
    ],
    also: &[
        ("microsoftDefenderForEndpoint", "WindowsDefenderAtp"),
        ("antivirus", "WindowsDefenderAv"),
        ("smartScreen", "WindowsDefenderSmartScreen"),
        ("customTi", "CustomerTI"),
        ("microsoftThreatExperts", "ThreatExperts"),
        ("microsoft365Defender", "MTP"),
        ("microsoftDefenderForOffice365", "OfficeATP"),
        ("microsoftDefenderForIdentity", "AzureATP"),
        ("cloudAppSecurity", "MCAS"),
    ],
};

/// `healthStatus` of a machine.
pub const HEALTH_STATUS: Values = Values {
    known: &[
        "Active",
        "Inactive",
        "ImpairedCommunication",
        "NoSensorData",
        "NoSensorDataImpairedCommunication",
        "Unknown",
    ],
    also: &[],
};

/// `onboardingStatus` of a machine.
pub const ONBOARDING_STATUS: Values =
    Values { known: &["Onboarded", "CanBeOnboarded", "Unsupported", "InsufficientInfo"], also: &[] };

/// `riskScore` of a machine.
pub const RISK_SCORE: Values = Values { known: &["None", "Informational", "Low", "Medium", "High"], also: &[] };

/// `exposureLevel` of a machine.
pub const EXPOSURE_LEVEL: Values = Values { known: &["None", "Low", "Medium", "High"], also: &[] };

/// `deviceValue` of a machine.
pub const DEVICE_VALUE: Values = Values { known: &["Low", "Normal", "High"], also: &[] };

/// Deserializers of the fields: the value that the text means, an unknown text as it came, and an absent value for what
/// is no text or says nothing.
pub(crate) mod read {
    use super::*;

    macro_rules! fields {
        ($($name:ident = $values:ident),+ $(,)?) => {$(
            pub(crate) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
                $values.of_json(deserializer)
            }
        )+};
    }

    fields!(
        determination = DETERMINATION,
        investigation_state = INVESTIGATION_STATE,
        detection_source = DETECTION_SOURCE,
        health_status = HEALTH_STATUS,
        onboarding_status = ONBOARDING_STATUS,
        risk_score = RISK_SCORE,
        exposure_level = EXPOSURE_LEVEL,
        device_value = DEVICE_VALUE,
    );

    macro_rules! enums {
        ($($name:ident = $values:ident: $enum:ident),+ $(,)?) => {$(
            pub(crate) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<$enum>, D::Error> {
                Ok($values.of_json(deserializer)?.map(|text| $enum::from(text.as_str())))
            }
        )+};
    }

    enums!(
        severity = SEVERITY: Severity,
        status = STATUS: AlertStatus,
        classification = CLASSIFICATION: Classification,
    );
}

#[cfg(test)]
mod tests;
