use proptest::prelude::*;

use super::*;
use crate::{Alert, Machine};

const ALL: [(&str, &Values); 11] = [
    ("severity", &SEVERITY),
    ("status", &STATUS),
    ("classification", &CLASSIFICATION),
    ("determination", &DETERMINATION),
    ("investigationState", &INVESTIGATION_STATE),
    ("detectionSource", &DETECTION_SOURCE),
    ("healthStatus", &HEALTH_STATUS),
    ("onboardingStatus", &ONBOARDING_STATUS),
    ("riskScore", &RISK_SCORE),
    ("exposureLevel", &EXPOSURE_LEVEL),
    ("deviceValue", &DEVICE_VALUE),
];

fn alert(field: &str, text: &str) -> Alert {
    serde_json::from_value(serde_json::json!({"id": "a", field: text})).unwrap()
}

fn machine(field: &str, text: &str) -> Machine {
    serde_json::from_value(serde_json::json!({"id": "m", field: text})).unwrap()
}

/// What a record holds in a field after it was read from a text.
fn held(field: &str, text: &str) -> Option<String> {
    let json = match Alert::FIELDS.contains(&field) {
        true => serde_json::to_value(alert(field, text)),
        false => serde_json::to_value(machine(field, text)),
    };
    json.unwrap()[field].as_str().map(str::to_owned)
}

#[test]
fn what_documentation_and_wire_spell_in_two_ways_is_one_value() {
    for (field, value, spellings) in [
        (
            "classification",
            "InformationalExpectedActivity",
            vec!["Informational, expected activity", "informationalExpectedActivity"],
        ),
        (
            "determination",
            "InsufficientData",
            vec![
                "NoEnoughDataToValidate",
                "notEnoughDataToValidate",
                "Not enough data to validate",
                "insufficientData",
            ],
        ),
        ("determination", "CompromisedUser", vec!["compromisedAccount", "Compromised account", "compromisedUser"]),
        ("determination", "NotMalicious", vec!["clean", "Clean", "notMalicious", "Not malicious"]),
        (
            "determination",
            "ConfirmedActivity",
            vec!["ConfirmedUserActivity", "confirmedUserActivity", "Confirmed activity"],
        ),
        (
            "determination",
            "LineOfBusinessApplication",
            vec!["Line-of-business application", "lineOfBusinessApplication"],
        ),
        ("determination", "MultiStagedAttack", vec!["Multi-staged attack", "multiStagedAttack"]),
        ("severity", "UnSpecified", vec!["unknown", "Unspecified"]),
        ("status", "InProgress", vec!["inProgress", "In progress"]),
        ("investigationState", "UnsupportedAlertType", vec!["unsupportedAlertType"]),
        ("detectionSource", "WindowsDefenderAtp", vec!["microsoftDefenderForEndpoint"]),
        ("detectionSource", "MTP", vec!["microsoft365Defender", "mtp"]),
        ("riskScore", "High", vec!["high"]),
        ("healthStatus", "NoSensorData", vec!["noSensorData", "No sensor data"]),
    ] {
        for spelling in spellings {
            assert_eq!(held(field, spelling).as_deref(), Some(value), "{field}: {spelling}");
        }
    }
}

#[test]
fn what_says_that_nothing_is_known_is_the_same_as_an_absent_field() {
    for (field, texts) in [
        ("classification", vec!["unknown", "Unknown", "", " "]),
        ("determination", vec!["NotAvailable", "unknown", ""]),
    ] {
        for text in texts {
            assert_eq!(held(field, text), None, "{field}: {text:?}");
        }
    }
}

#[test]
fn no_spelling_means_two_values_and_every_other_one_means_a_value_of_the_table() {
    for (field, values) in ALL {
        let mut spellings: Vec<String> = values.known.iter().map(|known| letters(known).collect()).collect();
        spellings.extend(values.also().map(|also| letters(also).collect()));
        spellings.sort();
        let count = spellings.len();
        spellings.dedup();
        // The one label that is written out because people copy it folds to its value.
        let copied = values.also.iter().filter(|(also, value)| letters(also).eq(letters(value))).count();
        assert_eq!(spellings.len(), count - copied, "{field}");
        for (also, value) in values.also {
            assert!(value.is_empty() || values.known.contains(value), "{field}: {also}");
        }
    }
}

/// A text in another case, with blanks, commas and hyphens between its letters.
fn respelt(text: &str, noise: &[(bool, usize)]) -> String {
    let between = ["", " ", ", ", "-", "_", "\t"];
    let letter = |(letter, (upper, gap)): (char, &(bool, usize))| {
        let letter = if *upper { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        format!("{letter}{}", between[gap % between.len()])
    };
    text.chars().zip(noise.iter().cycle()).map(letter).collect()
}

proptest! {
    #[test]
    fn case_blanks_commas_and_hyphens_tell_no_two_values_apart(
        field in 0..ALL.len(), which in any::<prop::sample::Index>(), noise in prop::collection::vec((any::<bool>(), 0..6_usize), 1..40),
    ) {
        let (field, values) = ALL[field];
        let spellings: Vec<&str> = values.known().iter().copied().chain(values.also()).collect();
        let spelling = spellings[which.index(spellings.len())];
        let wanted = values.value(spelling).filter(|value| !value.is_empty()).map(str::to_owned);
        prop_assert_eq!(held(field, &respelt(spelling, &noise)), wanted);
    }

    #[test]
    fn a_word_that_is_not_in_the_table_is_kept_as_it_came(field in 0..ALL.len(), word in "[A-Za-z ,é-]{1,30}") {
        let (field, values) = ALL[field];
        prop_assume!(values.value(&word).is_none() && known(&word).is_some());
        prop_assert_eq!(held(field, &word), Some(word));
    }
}
