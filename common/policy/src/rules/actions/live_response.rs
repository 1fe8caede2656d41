//! `live_response`: commands in a live response session.
//!
//! Source: Microsoft's page "Run live response commands on a device": PutFile, RunScript, GetFile in this order, each as
//! often as wanted; a script has 10 minutes.

use cordon_records::{Action, LiveCommand};
use cordon_settings::Section;
use serde_json::{Value, json};

use super::texts::{comment, comment_schema, exactly_one, not_blank, text_schema};
use crate::rules::template::Template;

const COMMANDS: &[&str] = &["put_file", "run_script", "get_file"];

pub fn read(section: &mut Section) -> Option<Template> {
    let comment = comment(section);
    let items = section.list_of_sections("commands");
    if items.is_empty() {
        section.problem_with_help("commands", "names no command", "write `commands: [{run_script: triage.ps1}]`");
    }
    let mut commands: Vec<LiveCommand> = Vec::new();
    let wanted = items.len();
    for item in items {
        let place = item.clone();
        let Some(command) = command(item) else { continue };
        if commands.iter().any(|before| rank(before) > rank(&command)) {
            let help = "Microsoft takes PutFile first, then RunScript, then GetFile, each as often as wanted";
            place.problem_with_help(name(&command), "comes too late", help);
        }
        commands.push(command);
    }
    let complete = wanted > 0 && commands.len() == wanted;
    complete.then_some(Template::Action(Action::LiveResponse { commands, comment: comment? }))
}

fn command(mut section: Section) -> Option<LiveCommand> {
    let put = section.text("put_file").check(|text| library_name(text)).optional();
    let run = section.text("run_script").check(|text| library_name(text)).optional();
    let get = section.text("get_file").check(|text| not_blank(text)).optional();
    let args = section.text("args").optional();
    exactly_one(
        &section,
        COMMANDS,
        "a command is one of put_file, run_script and get_file",
        "begin every command with its own `- `",
    );
    if args.is_some() && !section.is_present("run_script") {
        section.problem("args", "only run_script takes arguments");
    }
    section.finish();
    match (put, run, get) {
        (Some(file), None, None) => Some(LiveCommand::PutFile { file }),
        (None, Some(script), None) => Some(LiveCommand::RunScript { script, args: args.unwrap_or_default() }),
        (None, None, Some(path)) => Some(LiveCommand::GetFile { path }),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) | (None, None, None) => None,
    }
}

fn library_name(name: &str) -> Result<(), String> {
    not_blank(name)?;
    match name.contains(['/', '\\']) {
        true => Err("is the name of a file in the live response library, without a folder".to_owned()),
        false => Ok(()),
    }
}

const fn rank(command: &LiveCommand) -> u8 {
    match command {
        LiveCommand::PutFile { .. } => 0,
        LiveCommand::RunScript { .. } => 1,
        LiveCommand::GetFile { .. } => 2,
    }
}

const fn name(command: &LiveCommand) -> &'static str {
    match command {
        LiveCommand::PutFile { .. } => "put_file",
        LiveCommand::RunScript { .. } => "run_script",
        LiveCommand::GetFile { .. } => "get_file",
    }
}

pub fn schema() -> Value {
    let library = |description: &str| json!({"description": description, "type": "string", "pattern": "^[^/\\\\]*[^/\\\\\\s][^/\\\\]*$"});
    let command = json!({
        "type": "object",
        "properties": {
            "put_file": library("Put this file of the live response library on the machine"),
            "run_script": library("Run this script of the library; it has 10 minutes"),
            "args": {"description": "The script's arguments", "type": ["string", "number", "boolean", "null"]},
            "get_file": text_schema("Fetch the file with this path from the machine")
        },
        "oneOf": COMMANDS.iter().map(|name| json!({"required": [name]})).collect::<Vec<_>>(),
        "dependentRequired": {"args": ["run_script"]},
        "additionalProperties": false
    });
    json!({
        "description": "Run live response commands; one that fails skips the rest; by default a person approves it",
        "type": "object",
        "properties": {
            "commands": {
                "description": "put_file first, then run_script, then get_file, each as often as wanted",
                "type": "array",
                "items": command,
                "minItems": 1
            },
            "comment": comment_schema()
        },
        "required": ["commands", "comment"],
        "additionalProperties": false
    })
}
