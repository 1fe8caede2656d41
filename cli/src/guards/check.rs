//! `cordon guards check`: whether a guards file is valid, what it would mean, and what in it is hardly meant.

use cordon_policy::{Guards, Warning};
use cordon_records::{Clock as _, SystemClock};
use cordon_settings::Problems;
use cordon_signing::AllowedSigners;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::{CheckArgs, Output};
use super::{SHAPE, harmless, load, signers};
use crate::exit::Exit;
use crate::{escape, output};

/// What there is to say of a valid file.
struct Checked {
    file: String,
    meaning: Vec<(&'static str, String)>,
    warnings: Vec<Warning>,
}

/// Checks the file, and the one of the people that it names.
pub fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let file = args.file.display().to_string();
    let read = load(&args.file).and_then(|guards| Ok((signers::read(&args.file, &guards)?, guards)));
    let (signers, guards) = match (read, args.output) {
        (Ok(read), _) => read,
        (Err(problems), Output::Text) => return Err(harmless(problems).into()),
        (Err(problems), Output::Json) => {
            output::put(&output::json(&refused(&file, &problems))?)?;
            return Ok(Exit::Config);
        }
    };
    let checked = Checked::of(file, &guards, signers.as_ref(), SystemClock.now());
    match args.output {
        Output::Text => output::put(&page(&checked))?,
        Output::Json => output::put(&output::json(&document(&checked))?)?,
    }
    let denied = args.deny_warnings && !checked.warnings.is_empty();
    Ok(if denied { Exit::Negative } else { Exit::Ok })
}

impl Checked {
    fn of(file: String, guards: &Guards, signers: Option<&AllowedSigners>, now: Timestamp) -> Self {
        let (mut meaning, mut warnings) = (guards.meaning(now), guards.warnings(now));
        let after = meaning.iter().position(|(what, _)| *what == "approvals").map_or(meaning.len(), |at| at + 1);
        if let Some(signers) = signers {
            meaning.insert(after, ("signers", signers::meaning(signers)));
        }
        if signers.is_some_and(AllowedSigners::is_empty) {
            let text =
                "the file holds no key, so nobody can approve what is held: it waits until it expires".to_owned();
            warnings.push(Warning { path: "approvals.allowed_signers".to_owned(), text });
        }
        Self { file, meaning, warnings }
    }
}

/// For people: one line for each guard that can be set, then the warnings. Names, tags and reasons are what somebody
/// wrote, so they are made harmless for the terminal.
fn page(checked: &Checked) -> String {
    let mut text = format!("{}: valid\n\n", escape::text(&checked.file));
    for (what, meaning) in &checked.meaning {
        text += &format!("{what:<17} {}\n", escape::text(meaning));
    }
    if !checked.warnings.is_empty() {
        text.push('\n');
    }
    for warning in &checked.warnings {
        text += &format!("warning: {}: {}\n", warning.path, escape::text(&warning.text));
    }
    text
}

fn document(checked: &Checked) -> Value {
    let meaning = checked.meaning.iter().map(|(what, text)| json!({ "what": what, "text": text }));
    let warnings = checked.warnings.iter().map(|warning| json!({ "path": warning.path, "text": warning.text }));
    json!({
        "schema_version": SHAPE, "file": checked.file, "valid": true, "problems": [],
        "meaning": meaning.collect::<Vec<_>>(), "warnings": warnings.collect::<Vec<_>>(),
    })
}

fn refused(file: &str, problems: &Problems) -> Value {
    let problems: Vec<Value> = problems
        .0
        .iter()
        .map(|problem| {
            json!({
                "file": problem.origin, "path": problem.path, "line": problem.line, "column": problem.column,
                "message": problem.message, "help": problem.help,
            })
        })
        .collect();
    json!({
        "schema_version": SHAPE, "file": file, "valid": false, "problems": problems, "meaning": [], "warnings": [],
    })
}
