//! `scan`: an antivirus scan.

use cordon_records::{Action, ScanType};
use cordon_settings::Section;
use serde_json::{Value, json};

use super::texts::{comment, comment_schema};
use crate::rules::template::Template;

pub fn read(section: &mut Section) -> Option<Template> {
    let types: Vec<_> = ScanType::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let scan = section.choice("type", &types).or(ScanType::Quick);
    comment(section).map(|comment| Template::Action(Action::Scan { scan, comment }))
}

pub fn schema() -> Value {
    let types: Vec<&str> = ScanType::ALL.iter().map(|kind| kind.as_str()).collect();
    json!({
        "description": "Run an antivirus scan",
        "type": "object",
        "properties": {
            "type": {"description": "Quick looks in the usual places", "enum": types, "default": "Quick"},
            "comment": comment_schema()
        },
        "required": ["comment"],
        "additionalProperties": false
    })
}
