//! `cordon guards check`: whether a guards file is valid, what it would mean, and what in it is hardly meant.

use cordon_policy::Guards;
use cordon_records::{Clock as _, SystemClock};
use cordon_settings::Problems;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::{CheckArgs, Output};
use super::{SHAPE, load, put, put_json};
use crate::exit::Exit;

/// Checks the file.
pub fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let file = args.file.display().to_string();
    let guards = match (load(&args.file), args.output) {
        (Ok(guards), _) => guards,
        (Err(problems), Output::Text) => return Err(problems.into()),
        (Err(problems), Output::Json) => {
            put_json(&refused(&file, &problems))?;
            return Ok(Exit::Config);
        }
    };
    let now = SystemClock.now();
    match args.output {
        Output::Text => put(&page(&file, &guards, now))?,
        Output::Json => put_json(&document(&file, &guards, now))?,
    }
    let denied = args.deny_warnings && !guards.doubts(now).is_empty();
    Ok(if denied { Exit::Negative } else { Exit::Ok })
}

/// For people: one line for each guard that can be set, then the warnings.
fn page(file: &str, guards: &Guards, now: Timestamp) -> String {
    let mut text = format!("{file}: valid\n\n");
    for (what, meaning) in guards.meaning(now) {
        text += &format!("{what:<17} {meaning}\n");
    }
    let doubts = guards.doubts(now);
    if !doubts.is_empty() {
        text.push('\n');
    }
    for doubt in doubts {
        text += &format!("warning: {}: {}\n", doubt.path, doubt.text);
    }
    text
}

fn document(file: &str, guards: &Guards, now: Timestamp) -> Value {
    let meaning: Vec<Value> =
        guards.meaning(now).into_iter().map(|(what, text)| json!({ "what": what, "text": text })).collect();
    let warnings: Vec<Value> =
        guards.doubts(now).into_iter().map(|doubt| json!({ "path": doubt.path, "text": doubt.text })).collect();
    json!({
        "schema_version": SHAPE, "file": file, "valid": true, "problems": [], "meaning": meaning, "warnings": warnings,
    })
}

fn refused(file: &str, problems: &Problems) -> Value {
    let problems: Vec<Value> = problems
        .0
        .iter()
        .map(|problem| {
            json!({
                "path": problem.path, "line": problem.line, "column": problem.column,
                "message": problem.message, "help": problem.help,
            })
        })
        .collect();
    json!({
        "schema_version": SHAPE, "file": file, "valid": false, "problems": problems, "meaning": [], "warnings": [],
    })
}
