//! What a stage's binary takes on the command line.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser};

use super::Stage;
use super::replay::{REPLAY_FLAGS, ReplayArgs, Replayed};

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
    #[command(flatten)]
    pub replay: ReplayArgs,
}

/// What a process is told.
pub(super) struct Line<A> {
    pub config: PathBuf,
    pub check: bool,
    pub args: A,
}

/// Whether a stage can do its work again on what is recorded. One that cannot takes the flags, to say so, and does not show
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replays {
    Yes,
    No,
}

/// What a stage is asked to do.
pub(super) enum Asked<A> {
    /// Its work.
    Live(Line<A>),
    /// Its work on what is recorded.
    Again(Line<Replayed<A>>),
}

/// Reads the process's command line. The error is clap's, which also carries `--help` and `--version`.
pub(super) fn parse<S: Stage<Args: Args>>(replays: Replays) -> Result<Asked<S::Args>, clap::Error> {
    let command = REPLAY_FLAGS
        .into_iter()
        .fold(command::<S>(), |command, flag| command.mut_arg(flag, |arg| arg.hide(replays == Replays::No)));
    let line = CommandLine::<S::Args>::from_arg_matches(&command.try_get_matches()?)?;
    let CommandLine { config, check, stage, replay } = line;
    Ok(match replay.of(stage) {
        Ok(args) => Asked::Again(Line { config, check, args }),
        Err(args) => Asked::Live(Line { config, check, args }),
    })
}

/// The error of flags that do not go together.
pub(super) fn misused<S: Stage<Args: Args>>(why: &str) -> clap::Error {
    command::<S>().error(ErrorKind::ArgumentConflict, why)
}

fn command<S: Stage<Args: Args>>() -> Command {
    let name = format!("cordon-{}", S::NAME);
    CommandLine::<S::Args>::command()
        .bin_name(name.clone())
        .display_name(name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(format!("The {} stage of Cordon", S::NAME))
}
