//! `cordon rules`: check, test, explain, tidy and list the operator's rules.
//!
//! [`files`] finds rule files and the recorded tests beside them; each command is a file; [`step`] prints a condition
//! taken apart.

pub mod args;
mod explain;
mod files;
mod fmt;
mod junit;
mod lint;
mod list;
mod step;
mod test;

use crate::exit::Exit;
use args::RulesCommand;

/// Runs the command.
pub async fn run(command: &RulesCommand) -> anyhow::Result<Exit> {
    match command {
        RulesCommand::Lint(args) => lint::run(args),
        RulesCommand::Test(args) => test::run(args),
        RulesCommand::Explain(args) => explain::run(args).await,
        RulesCommand::Fmt(args) => fmt::run(args),
        RulesCommand::List(args) => list::run(args),
    }
}

/// `1 test`, `2 tests`.
fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
