//! `cordon guards`: what no rule may do, as it is in force and as a file would have it.
//!
//! [`mod@print`] writes the guards in force, [`check`] judges a file. Nothing is connected to.

pub mod args;
mod check;
mod print;
mod signers;

use std::path::Path;

use cordon_policy::Guards;
use cordon_settings::{Problem, Problems, read_text};

use crate::escape;
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
    match read_text(path) {
        Ok(text) => Guards::load(&origin, &text),
        Err(error) => {
            let text = format!("the guards file cannot be read: {error}; give the path of a readable file");
            Err(Problems(vec![Problem::whole(origin, text)]))
        }
    }
}

/// The mistakes with everything written out that a terminal would obey. A line of the file is printed without it as it is,
/// one character for one, so that the caret stays where it belongs.
fn harmless(problems: Problems) -> Problems {
    let made = problems.0.into_iter().map(|problem| Problem {
        origin: escape::json(&problem.origin),
        path: escape::json(&problem.path),
        message: escape::json(&problem.message),
        help: problem.help.map(|help| escape::json(&help)),
        ..problem
    });
    Problems(made.collect())
}
