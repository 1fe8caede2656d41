//! `update_alert`: change the alert itself. Source: Microsoft's page "Update alert".

use cordon_records::spelling::{self, Values};
use cordon_records::{Action, AlertChanges, AlertStatus, Classification};
use cordon_settings::{Section, closest};
use serde_json::{Value, json};

use super::texts::{not_blank, text_schema};
use crate::rules::spelt::spelt;
use crate::rules::template::Template;

const KEYS: &[&str] = &["status", "assigned_to", "classification", "determination", "comment"];

/// The values that the call takes; a rule may write them in any spelling.
const STATUSES: &[&str] = &["New", "InProgress", "Resolved"];

/// The determinations that Microsoft lists under each classification.
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
    ("InformationalExpectedActivity", &["SecurityTesting", "LineOfBusinessApplication", "ConfirmedActivity", "Other"]),
    ("FalsePositive", &["NotMalicious", "InsufficientData", "Other"]),
];

/// Whether Microsoft lists the determination under the classification; a classification without a list takes all.
pub fn fits(determination: &str, classification: &Classification) -> bool {
    let value = spelling::DETERMINATION.value(determination).unwrap_or(determination);
    listed(classification).is_none_or(|listed| listed.contains(&value))
}

fn listed(classification: &Classification) -> Option<&'static [&'static str]> {
    DETERMINATIONS.iter().find(|(name, _)| *name == classification.as_str()).map(|(_, listed)| *listed)
}

fn classifications() -> Vec<&'static str> {
    DETERMINATIONS.iter().map(|(name, _)| *name).collect()
}

fn determinations() -> Vec<&'static str> {
    let mut all: Vec<&str> = Vec::new();
    for name in DETERMINATIONS.iter().flat_map(|(_, listed)| *listed) {
        if !all.contains(name) {
            all.push(name);
        }
    }
    all
}

/// A text of the list, in any of its spellings.
fn one_of(section: &mut Section, key: &str, listed: &[&'static str], values: &Values) -> Option<&'static str> {
    let text = section.text(key).optional()?;
    let value = values.value(&text).filter(|value| listed.contains(value));
    if value.is_none() {
        let message = format!("\"{text}\" is not one of {}", listed.join(", "));
        match closest(&text, listed) {
            Some(meant) => section.problem_with_help(key, message, format!("did you mean \"{meant}\"?")),
            None => section.problem(key, message),
        }
    }
    value
}

/// Every spelling of the values of a list, for editors.
fn spellings(listed: &[&'static str], values: &Values) -> Vec<&'static str> {
    let means_one = |spelling: &&str| values.value(spelling).is_some_and(|value| listed.contains(&value));
    listed.iter().copied().chain(values.also().filter(means_one)).collect()
}

pub fn read(section: &mut Section) -> Option<Template> {
    let changes = AlertChanges {
        status: one_of(section, "status", STATUSES, &spelling::STATUS).map(AlertStatus::from),
        assigned_to: section.text("assigned_to").check(|text| not_blank(text)).optional(),
        classification: one_of(section, "classification", &classifications(), &spelling::CLASSIFICATION)
            .map(Classification::from),
        determination: one_of(section, "determination", &determinations(), &spelling::DETERMINATION).map(str::to_owned),
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
    let classifications = spellings(&classifications(), &spelling::CLASSIFICATION);
    let determinations = spellings(&determinations(), &spelling::DETERMINATION);
    let described = |mut schema: Value, description: &str| {
        schema["description"] = json!(description);
        schema
    };
    json!({
        "description": "Change the alert; what is not given stays",
        "type": "object",
        "properties": {
            "status": described(spelt(STATUSES, false), "Where it stands"),
            "assigned_to": text_schema("Who has it: a user principal name"),
            "classification": described(spelt(&classifications, false), "What it was found to be"),
            "determination": described(
                spelt(&determinations, false),
                "The finer finding; it must be one that Microsoft lists under the classification"
            ),
            "comment": text_schema("Added to the alert's comments")
        },
        "minProperties": 1,
        "additionalProperties": false
    })
}
