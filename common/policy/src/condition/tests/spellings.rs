//! A value is the same one in every spelling, in the record and in the rule.

use cordon_records::spelling;
use proptest::prelude::*;

use super::*;

fn judged(field: &str, given: &str, condition: &str) -> Judged {
    let alert: Alert = serde_json::from_value(serde_json::json!({"id": "a", field: given})).unwrap();
    let condition = Condition::parse(condition).unwrap_or_else(|mistakes| panic!("{condition}: {mistakes:?}"));
    condition.judge(&RecordFacts::new(&alert, None, "2026-01-02T04:00:00Z".parse().unwrap()))
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

/// Every mistake and every doubt as `line:column message | help`.
fn told(source: &str) -> Vec<String> {
    let found = Condition::parse(source).err().unwrap_or_else(|| Condition::doubts(source));
    let told = |m: &Mistake| format!("{}:{} {} | {}", m.line, m.column, m.message, m.help.as_deref().unwrap_or(""));
    found.iter().map(told).collect()
}

#[test]
fn a_spelling_that_records_never_hold_is_refused_in_a_part_of_a_text_and_behind_a_loop() {
    for (condition, expected) in [
        (
            "alert.determination.contains('Clean')",
            "1:30 no value of determination that a record holds contains \"Clean\" | \"Clean\": records spell it \"NotMalicious\"",
        ),
        (
            "!alert.determination.startsWith('NotEnough')",
            "1:33 no value of determination that a record holds starts with \"NotEnough\" | \"NotEnoughDataToValidate\": records spell it \"InsufficientData\"",
        ),
        (
            "alert.severity.matches('^(high)$')",
            "1:24 no value of severity that a record holds matches \"^(high)$\" | \"high\": records spell it \"High\"",
        ),
        (
            "alert.classification.endsWith('Unknown')",
            "1:31 no value of classification that a record holds ends with \"Unknown\" | \"Unknown\": a record leaves the field out then; write \"\"",
        ),
        (
            "alert.determination.lower().contains('noenough')",
            "1:38 no value of determination that a record holds contains \"noenough\" | \"NoEnoughDataToValidate\": records spell it \"insufficientdata\"",
        ),
        (
            "alert.severity.contains('Catastrophe')",
            "1:25 no value of severity contains \"Catastrophe\" | known are UnSpecified, Informational, Low, Medium, High; for a newer one write `string(…) == \"Catastrophe\"`",
        ),
        (
            "lower(alert.determination) == 'Clean'",
            "1:31 \"Clean\" has capital letters, and what `lower(…)` gives has none | write \"notmalicious\"",
        ),
        (
            "['Malware',\n 'Clean'].exists(v, alert.determination == v)",
            "2:2 a record never holds \"Clean\" as its determination | records spell it \"NotMalicious\"",
        ),
        (
            "['Clean'].filter(v, v != '').map(v, v.lower()).exists(v, v == lower(alert.determination))",
            "1:2 a record never holds \"clean\" as its determination | records spell it \"notmalicious\"",
        ),
        (
            "alert.determination in (alert.title == '' ? ['Clean'] : ['Malware'])",
            "1:46 a record never holds \"Clean\" as its determination | records spell it \"NotMalicious\"",
        ),
        (
            "['Cle', 'Mal'].exists(v, alert.determination.startsWith(v))",
            "1:2 no value of determination that a record holds starts with \"Cle\" | \"Clean\": records spell it \"NotMalicious\"",
        ),
    ] {
        assert!(Condition::parse(condition).is_err(), "{condition} was taken");
        assert_eq!(told(condition), [expected], "{condition}");
    }
}

#[test]
fn a_test_that_leaves_out_a_spelling_or_that_only_a_newer_value_could_pass_is_doubted() {
    for (condition, expected) in [
        (
            "alert.title == '' &&\n alert.determination.contains('User')",
            "2:31 contains \"User\", as \"ConfirmedUserActivity\" does, but not \"ConfirmedActivity\" | \"ConfirmedUserActivity\": records spell it \"ConfirmedActivity\"",
        ),
        (
            "alert.severity.matches('medium|High')",
            "1:24 matches \"medium|High\", as \"medium\" does, but not \"Medium\" | \"medium\": records spell it \"Medium\"",
        ),
        (
            "alert.detectionSource.startsWith('microsoftDefender')",
            "1:34 starts with \"microsoftDefender\", as \"microsoftDefenderForEndpoint\" does, but not \"WindowsDefenderAtp\" | \"microsoftDefenderForEndpoint\": records spell it \"WindowsDefenderAtp\"",
        ),
        (
            "string(alert.determination).contains('Clean')",
            "1:38 contains \"Clean\", as \"Clean\" does, but not \"NotMalicious\" | \"Clean\": records spell it \"NotMalicious\"",
        ),
        (
            "[alert.determination, alert.title].exists(v, v == 'Clean')",
            "1:51 a record never holds \"Clean\" as its determination | records spell it \"NotMalicious\"",
        ),
        (
            "[alert.severity, alert.title].exists(v, v in ['high', ''])",
            "1:47 a record never holds \"high\" as its severity | records spell it \"High\"",
        ),
        (
            "['Malware', 'Ransomware'].exists(v, alert.category == v || alert.determination == v)",
            "1:13 \"Ransomware\" is no value of determination | known are MultiStagedAttack, MaliciousUserActivity, CompromisedUser, Malware, Phishing, UnwantedSoftware, Other, SecurityTesting, LineOfBusinessApplication, ConfirmedActivity, NotMalicious, InsufficientData, Apt, SecurityPersonnel; for a newer one write `string(…) == \"Ransomware\"`",
        ),
    ] {
        assert!(Condition::parse(condition).is_ok(), "{condition} was refused");
        assert_eq!(told(condition), [expected], "{condition}");
    }
}

#[test]
fn a_spelling_is_taken_behind_lower_and_in_lists_of_fields_and_what_is_right_is_not_doubted() {
    for condition in [
        "lower(alert.determination) == 'clean'",
        "alert.determination.lower() in ['', 'clean']",
        "'Clean' in [alert.determination]",
        "[alert.determination].exists(v, v == 'Clean')",
        "alert.mitreTechniques.size() == 0 && [1].exists(n, alert.determination == 'Clean')",
        "['NotMalicious'].exists(v, v == alert.determination)",
        "(has(alert.classification) ? alert.classification : 'unknown') == 'unknown'",
        "alert.determination.startsWith('NotM') && alert.determination.matches('(?i)^notmalicious$')",
        "alert.determination.matches('^(Clean|NotMalicious)$') && alert.severity.contains('Spec')",
        "string(alert.determination) != 'Catastrophic' && alert.determination.endsWith('')",
        "!alert.detectionSource.startsWith('azureAdIdentity')",
        "[alert.title, 'x'].exists(v, v == '') && alert.title.lower() != 'Clean'",
    ] {
        assert_eq!(told(condition), [""; 0], "{condition}");
        assert_eq!(judged("determination", "Clean", condition), Judged::True, "{condition}");
    }
}

#[test]
fn long_chains_of_loops_and_choices_are_checked_at_once() {
    let chain = ".map(v, v == '' ? v : v)".repeat(40);
    let condition = format!("['Clean', alert.determination]{chain}.exists(v, v == alert.determination)");
    assert!(told(&condition).len() < 3);
}

proptest! {
    #[test]
    fn no_spelling_of_a_value_silently_never_matches(
        field in 0..FIELDS.len(), which in any::<prop::sample::Index>(), shape in 0..13_usize,
        noise in prop::collection::vec((any::<bool>(), 0..5_usize), 2..30), plainly in any::<bool>(),
    ) {
        let (field, values) = FIELDS[field];
        let spellings: Vec<&str> = values.known().iter().copied().chain(values.also()).collect();
        let plain = spellings[which.index(spellings.len())];
        let text = if plainly { plain.to_owned() } else { respelt(plain, &noise) };
        let (lower, list) = (text.to_lowercase(), format!("alert.{field}"));
        let condition = match shape {
            0 => format!("lower({list}) == '{lower}'"),
            1 => format!("lower({list}) == '{text}'"),
            2 => format!("{list}.contains('{text}')"),
            3 => format!("{list}.lower().startsWith('{lower}')"),
            4 => format!("string({list}).endsWith('{text}')"),
            5 => format!("{list}.matches('^({plain})$')"),
            6 => format!("['{text}'].exists(v, {list} == v)"),
            7 => format!("['{text}'].filter(v, v != 'x').exists(v, v.lower() == lower({list}))"),
            8 => format!("[{list}, alert.title].exists(v, v == '{text}')"),
            9 => format!("[{list}, alert.title].exists(v, v in ['{text}', 'x'])"),
            10 => format!("[{list}].exists(v, v in ['{text}'])"),
            11 => format!("[{list}, alert.title].exists(v, '{text}' in [v])"),
            _ => format!("'{text}' in [{list}]"),
        };
        if told(&condition).is_empty() {
            prop_assert_eq!(judged(field, plain, &condition), Judged::True, "{}", condition);
        }
    }

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
