//! `isolate`: cut a machine off, and perhaps let it back after a time.

use cordon_records::{Action, IsolationType, ReleaseTerms};
use cordon_settings::Section;
use serde_json::{Value, json};

use super::texts::{comment, comment_schema, duration_schema};
use crate::rules::template::Template;
use crate::window;

pub fn read(section: &mut Section) -> Option<Template> {
    let types: Vec<_> = IsolationType::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let isolation = section.choice("type", &types).or(IsolationType::Full);
    let comment = comment(section);
    let release = release(section);
    Some(Template::Action(Action::Isolate { isolation, comment: comment?, release }))
}

fn release(section: &mut Section) -> Option<ReleaseTerms> {
    let after_s = section.duration("release_after").convert(window::whole_seconds).optional();
    let ask = section.flag("ask_before_release").or(false);
    if section.is_present("ask_before_release") && !section.is_present("release_after") {
        let help = "add `release_after: 4h`, or leave this out: without a time the machine stays isolated";
        section.problem_with_help("ask_before_release", "asks before a release that never comes", help);
    }
    Some(ReleaseTerms { after_s: after_s?, ask })
}

pub fn schema() -> Value {
    let types: Vec<&str> = IsolationType::ALL.iter().map(|kind| kind.as_str()).collect();
    json!({
        "description": "Cut the machine off the network; Defender's own channel stays",
        "type": "object",
        "properties": {
            "type": {
                "description": "Full cuts all, on Windows, macOS and Linux. Selective leaves Outlook and Teams connected, not on Linux. UnManagedDevice contains a machine that Defender does not manage",
                "enum": types,
                "default": "Full"
            },
            "comment": comment_schema(),
            "release_after": duration_schema("Let the machine back so long after Defender confirmed the isolation, such as 4h; without it a person does"),
            "ask_before_release": {"description": "Ask a person before that release", "type": "boolean", "default": false}
        },
        "required": ["comment"],
        "dependentRequired": {"ask_before_release": ["release_after"]},
        "additionalProperties": false
    })
}
