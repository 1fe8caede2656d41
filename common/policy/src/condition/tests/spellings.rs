//! A value is the same one in every spelling, in the record and in the rule.

use cordon_records::spelling;
use proptest::prelude::*;

use super::*;

fn judged(field: &str, given: &str, condition: &str) -> Judged {
    let alert: Alert = serde_json::from_value(serde_json::json!({"id": "a", field: given})).unwrap();
    let condition = Condition::parse(condition).unwrap_or_else(|mistakes| panic!("{condition}: {mistakes:?}"));
    condition.judge(&Facts::new(&alert, None, "2026-01-02T04:00:00Z".parse().unwrap()))
}

const FIELDS: [(&str, &spelling::Values); 6] = [
    ("severity", &spelling::SEVERITY),
    ("status", &spelling::STATUS),
    ("classification", &spelling::CLASSIFICATION),
    ("determination", &spelling::DETERMINATION),
    ("investigationState", &spelling::INVESTIGATION_STATE),
    ("detectionSource", &spelling::DETECTION_SOURCE),
];

/// A text in another case, with blanks, commas and hyphens between its letters.
fn respelt(text: &str, noise: &[(bool, usize)]) -> String {
    let letter = |(letter, (upper, gap)): (char, &(bool, usize))| {
        let letter = if *upper { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        format!("{letter}{}", ["", " ", ", ", "-", "_"][gap % 5])
    };
    text.chars().zip(noise.iter().cycle()).map(letter).collect()
}

#[test]
fn a_rule_that_names_one_spelling_matches_every_other() {
    for (field, given, named) in [
        ("classification", "Informational, expected activity", "InformationalExpectedActivity"),
        ("classification", "informationalExpectedActivity", "Informational, expected activity"),
        ("determination", "NoEnoughDataToValidate", "notEnoughDataToValidate"),
        ("determination", "InsufficientData", "NoEnoughDataToValidate"),
        ("determination", "Clean", "NotMalicious"),
        ("determination", "ConfirmedActivity", "ConfirmedUserActivity"),
        ("determination", "unknown", "NotAvailable"),
        ("detectionSource", "microsoftDefenderForEndpoint", "WindowsDefenderAtp"),
        ("detectionSource", "WindowsDefenderAv", "antivirus"),
    ] {
        for condition in [
            format!("alert.{field} == '{named}'"),
            format!("!('{named}' != alert.{field})"),
            format!("alert.{field} in ['x', '{named}']")
                .replace("'x'", if field == "detectionSource" { "'x'" } else { "''" }),
            format!("string(alert.{field}) in ['x', '{named}']"),
            format!("(has(alert.{field}) ? alert.{field} : alert.title) == '{named}'"),
        ] {
            assert_eq!(judged(field, given, &condition), Judged::True, "{given}: {condition}");
        }
    }
}

#[test]
fn a_value_of_an_open_list_that_nobody_knows_compares_as_it_is() {
    let condition = "alert.detectionSource == 'azureAdIdentityProtection'";
    assert_eq!(judged("detectionSource", "azureAdIdentityProtection", condition), Judged::True);
    assert_eq!(judged("determination", "NewFinding", "string(alert.determination) == 'NewFinding'"), Judged::True);
    assert!(mistakes("alert.determination == 'NewFinding'")[0].message.contains("is no value of determination"));
}

#[test]
fn an_order_of_another_spelling_is_answered_with_the_values() {
    let said = mistakes("alert.severity >= 'medium'");
    assert_eq!(said[0].help.as_deref(), Some("name the values: `… in [\"Medium\", \"High\"]`"));
}

proptest! {
    #[test]
    fn case_blanks_and_commas_make_no_difference_between_record_and_rule(
        field in 0..FIELDS.len(), which in any::<prop::sample::Index>(),
        noise in prop::collection::vec((any::<bool>(), 0..5_usize), 2..30), turn in 0..2_usize,
    ) {
        let (field, values) = FIELDS[field];
        let spellings: Vec<&str> = values.known().iter().copied().chain(values.also()).collect();
        let plain = spellings[which.index(spellings.len())];
        let (given, named) = if turn == 0 { (plain.to_owned(), respelt(plain, &noise)) } else { (respelt(plain, &noise), plain.to_owned()) };
        prop_assert_eq!(judged(field, &given, &format!("alert.{field} == '{named}'")), Judged::True);
        prop_assert_eq!(judged(field, &given, &format!("!(alert.{field} in ['{named}'])")), Judged::False);
        let other = values.known().iter().find(|known| values.value(plain) != Some(**known)).unwrap();
        prop_assert_eq!(judged(field, other, &format!("alert.{field} == '{named}'")), Judged::False);
    }
}
