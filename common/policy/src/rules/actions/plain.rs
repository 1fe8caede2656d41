//! The kinds that take a comment and nothing else.

use cordon_records::Action;
use cordon_settings::Section;
use serde_json::{Value, json};

use super::texts::{comment, comment_schema};
use crate::rules::template::Template;

pub fn release(section: &mut Section) -> Option<Template> {
    comment(section).map(|comment| Template::Action(Action::Release { comment }))
}

pub fn restrict_code(section: &mut Section) -> Option<Template> {
    comment(section).map(|comment| Template::Action(Action::RestrictCode { comment }))
}

pub fn unrestrict_code(section: &mut Section) -> Option<Template> {
    comment(section).map(|comment| Template::Action(Action::UnrestrictCode { comment }))
}

pub fn collect_package(section: &mut Section) -> Option<Template> {
    comment(section).map(|comment| Template::Action(Action::CollectPackage { comment }))
}

pub fn offboard(section: &mut Section) -> Option<Template> {
    comment(section).map(|comment| Template::Action(Action::Offboard { comment }))
}

pub fn schema(description: &str) -> Value {
    json!({
        "description": description,
        "type": "object",
        "properties": {"comment": comment_schema()},
        "required": ["comment"],
        "additionalProperties": false
    })
}
