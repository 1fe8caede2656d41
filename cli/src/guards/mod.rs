//! `cordon guards`: what no rule may do, as it is in force and as a file would have it.
//!
//! [`mod@print`] writes the guards in force, [`check`] judges a file. Nothing is connected to.

pub mod args;
mod check;
mod print;

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use cordon_policy::Guards;
use cordon_settings::{Problem, Problems};
use serde_json::Value;

use crate::exit::Exit;
use args::GuardsCommand;

/// Version of the JSON that these commands print.
const SHAPE: u32 = 1;

/// Runs the command.
pub fn run(command: &GuardsCommand) -> anyhow::Result<Exit> {
    match command {
        GuardsCommand::Print(args) => print::run(args),
        GuardsCommand::Check(args) => check::run(args),
    }
}

fn load(path: &Path) -> Result<Guards, Problems> {
    let origin = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Guards::load(&origin, &text),
        Err(error) => {
            let text = format!("the guards file cannot be read: {error}; give the path of a readable file");
            Err(Problems(vec![Problem::whole(origin, text)]))
        }
    }
}

/// Prints; a reader that has seen enough, such as `head`, is no error.
fn put(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn put_json(document: &Value) -> anyhow::Result<()> {
    put(&(serde_json::to_string_pretty(document)? + "\n"))
}
