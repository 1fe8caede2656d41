//! What a stage's binary takes on the command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use super::Stage;

/// A stage without flags of its own.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct NoArgs {}

/// The flags that every stage has, and its own.
#[derive(Debug, Parser)]
pub(super) struct CommandLine<A: Args> {
    /// The configuration file (YAML). `CORDON_SECTION__KEY` variables override it
    #[arg(long, value_name = "FILE", env = "CORDON_CONFIG")]
    pub config: PathBuf,
    /// Check the configuration, print what is wrong, and stop; nothing is connected to
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub stage: A,
}

/// Reads the process's command line. The error is clap's, which also carries `--help` and `--version`.
pub(super) fn parse<S: Stage>() -> Result<CommandLine<S::Args>, clap::Error> {
    let name = format!("cordon-{}", S::NAME);
    let command = CommandLine::<S::Args>::command()
        .bin_name(name.clone())
        .display_name(name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(format!("The {} stage of Cordon", S::NAME));
    CommandLine::from_arg_matches(&command.try_get_matches()?)
}
