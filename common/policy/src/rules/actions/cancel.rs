//! `cancel`: cancel our own action of some kind for the same alert and machine, as long as it has not ended.

use cordon_records::{Action, ActionKind};
use cordon_settings::Section;
use serde_json::{Value, json};

use super::texts::{comment, comment_schema};
use crate::rules::template::Template;

/// What Defender lists among the machine's actions, and so can cancel.
fn cancellable() -> Vec<(&'static str, ActionKind)> {
    let listed = ActionKind::ALL.iter().filter(|kind| kind.is_machine_action());
    listed.map(|kind| (kind.as_str(), *kind)).collect()
}

pub fn read(section: &mut Section) -> Option<Template> {
    let what = section.choice("what", &cancellable()).required();
    let comment = comment(section);
    Some(Template::Action(Action::Cancel { what: what?, comment: comment? }))
}

pub fn schema() -> Value {
    let kinds: Vec<&str> = cancellable().iter().map(|(name, _)| *name).collect();
    json!({
        "description": "Cancel our own action of a kind for the same alert and machine, as long as it has not ended",
        "type": "object",
        "properties": {
            "what": {"description": "The kind of that action", "enum": kinds},
            "comment": comment_schema()
        },
        "required": ["what", "comment"],
        "additionalProperties": false
    })
}
