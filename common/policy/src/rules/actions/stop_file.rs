//! `stop_file`: stop a file's processes and quarantine it.

use cordon_records::{Action, IndicatorType, Sha1};
use cordon_settings::Section;
use serde_json::{Value, json};

use super::texts::{comment, comment_schema, exactly_one};
use crate::observable;
use crate::rules::template::{FromEvidence, Template};

pub fn read(section: &mut Section) -> Option<Template> {
    let evidence = section.choice("files", &[("evidence", ())]).optional();
    let sha1 = section.text("sha1").convert(|text| file(&text)).optional();
    let comment = comment(section);
    let help = "write `files: evidence` for the alert's files, or `sha1:` for one file";
    exactly_one(section, &["files", "sha1"], "names its files in exactly one way", help);
    match (evidence, sha1) {
        (Some(()), None) => Some(Template::Evidence(FromEvidence::StopFile { comment: comment? })),
        (None, Some(sha1)) => Some(Template::Action(Action::StopFile { sha1, comment: comment? })),
        (Some(()), Some(_)) | (None, None) => None,
    }
}

/// The file of a hash that identifies one.
fn file(text: &str) -> Result<Sha1, String> {
    let sha1 = Sha1::new(text).map_err(|error| error.to_string())?;
    observable::normal(IndicatorType::FileSha1, text).map_err(|why| format!("\"{text}\" {why}"))?;
    Ok(sha1)
}

pub fn schema() -> Value {
    json!({
        "description": "Stop a file's processes and quarantine it; Windows; not files that Microsoft has signed",
        "type": "object",
        "properties": {
            "files": {
                "description": "Each file of the alert's evidence that has a SHA-1; of more than ten, ten for a person to approve",
                "enum": ["evidence"]
            },
            "sha1": {"description": "One file", "type": ["string", "number"], "pattern": "^[0-9A-Fa-f]{40}$"},
            "comment": comment_schema()
        },
        "required": ["comment"],
        "oneOf": [{"required": ["files"]}, {"required": ["sha1"]}],
        "additionalProperties": false
    })
}
