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
mod outcome;
mod step;
mod test;

use cordon_settings::Problems;

use crate::exit::Exit;
use args::RulesCommand;

/// The configuration is at fault, or the guards, and not the rules.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Misconfigured(anyhow::Error);

/// Runs the command. The codes are promtool's: rules and alerts that cannot be read are what was asked about, so they end
/// with 1; 78 is left to the configuration.
pub async fn run(command: &RulesCommand) -> anyhow::Result<Exit> {
    let ended = match command {
        RulesCommand::Lint(args) => lint::run(args),
        RulesCommand::Test(args) => test::run(args),
        RulesCommand::Explain(args) => explain::run(args).await,
        RulesCommand::Fmt(args) => fmt::run(args),
        RulesCommand::List(args) => list::run(args),
    };
    let Err(error) = ended else { return ended };
    match error.downcast::<Misconfigured>() {
        Ok(Misconfigured(error)) => Err(error),
        Err(error) => {
            let problems = error.downcast::<Problems>()?;
            eprintln!("{problems}");
            Ok(Exit::Negative)
        }
    }
}

/// `1 test`, `2 tests`.
fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
