//! `update_alert`: change the alert itself. Source: Microsoft's page "Update alert".

use cordon_records::{Action, AlertChanges, AlertStatus, Classification};
use cordon_settings::Section;
use serde_json::{Value, json};

use super::texts::{not_blank, text_schema};
use crate::rules::template::Template;

const KEYS: &[&str] = &["status", "assigned_to", "classification", "determination", "comment"];

fn statuses() -> [(&'static str, AlertStatus); 3] {
    [("New", AlertStatus::New), ("InProgress", AlertStatus::InProgress), ("Resolved", AlertStatus::Resolved)]
}

fn classifications() -> [(&'static str, Classification); 3] {
    [
        ("TruePositive", Classification::TruePositive),
        ("InformationalExpectedActivity", Classification::InformationalExpectedActivity),
        ("FalsePositive", Classification::FalsePositive),
    ]
}

/// The determinations that Microsoft lists under each classification. Where its pages spell one in two ways, both are here.
const DETERMINATIONS: &[(&str, &[&str])] = &[
    (
        "TruePositive",
        &[
            "MultiStagedAttack",
            "MaliciousUserActivity",
            "CompromisedUser",
            "Malware",
            "Phishing",
            "UnwantedSoftware",
            "Other",
        ],
    ),
    (
        "InformationalExpectedActivity",
        &["SecurityTesting", "LineOfBusinessApplication", "ConfirmedActivity", "ConfirmedUserActivity", "Other"],
    ),
    ("FalsePositive", &["NotMalicious", "Clean", "InsufficientData", "Other"]),
];

/// Whether Microsoft lists the determination under the classification; a classification without a list takes all.
pub fn fits(determination: &str, classification: &Classification) -> bool {
    listed(classification).is_none_or(|listed| listed.contains(&determination))
}

fn listed(classification: &Classification) -> Option<&'static [&'static str]> {
    DETERMINATIONS.iter().find(|(name, _)| *name == classification.as_str()).map(|(_, listed)| *listed)
}

fn determinations() -> Vec<(&'static str, String)> {
    let mut all: Vec<(&str, String)> = Vec::new();
    for name in DETERMINATIONS.iter().flat_map(|(_, listed)| *listed) {
        if !all.iter().any(|(known, _)| known == name) {
            all.push((name, (*name).to_owned()));
        }
    }
    all
}

pub fn read(section: &mut Section) -> Option<Template> {
    let changes = AlertChanges {
        status: section.choice("status", &statuses()).optional(),
        assigned_to: section.text("assigned_to").check(|text| not_blank(text)).optional(),
        classification: section.choice("classification", &classifications()).optional(),
        determination: section.choice("determination", &determinations()).optional(),
        comment: section.text("comment").check(|text| not_blank(text)).optional(),
    };
    if !KEYS.iter().any(|key| section.is_present(key)) {
        section.problem_with_help(
            "status",
            "the entry changes nothing",
            format!("give at least one of {}", KEYS.join(", ")),
        );
        return None;
    }
    if let (Some(determination), Some(classification)) = (&changes.determination, &changes.classification)
        && !fits(determination, classification)
    {
        let listed = listed(classification).unwrap_or_default().join(", ");
        let message = format!("\"{determination}\" is no determination of {classification}");
        section.problem_with_help("determination", message, format!("Microsoft lists {listed}"));
        return None;
    }
    (changes != AlertChanges::default()).then_some(Template::Action(Action::UpdateAlert(changes)))
}

pub fn schema() -> Value {
    let names = |pairs: &[&'static str]| pairs.to_vec();
    let determinations: Vec<&str> = determinations().iter().map(|(name, _)| *name).collect();
    json!({
        "description": "Change the alert; what is not given stays",
        "type": "object",
        "properties": {
            "status": {"description": "Where it stands", "enum": names(&statuses().map(|(name, _)| name))},
            "assigned_to": text_schema("Who has it: a user principal name"),
            "classification": {"description": "What it was found to be", "enum": names(&classifications().map(|(name, _)| name))},
            "determination": {"description": "The finer finding; it must be one that Microsoft lists under the classification", "enum": determinations},
            "comment": text_schema("Added to the alert's comments")
        },
        "minProperties": 1,
        "additionalProperties": false
    })
}
