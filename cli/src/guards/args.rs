//! The command line of `cordon guards`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What can be done with guards.
#[derive(Debug, Subcommand)]
pub enum GuardsCommand {
    /// Print the guards in force as a guards file, and mark what is built in
    #[command(after_help = "Examples:\n  cordon guards print\n  cordon guards print --config cordon.yaml\n  \
                      cordon guards print --guards guards.yaml -o json | jq .guards.caps\n\n\
                      What is printed loads again as the same guards. Exit code 78 when the file is invalid.")]
    Print(PrintArgs),
    /// Read a guards file, say what it would mean, and warn of what contradicts itself or opens the fleet
    ///
    /// The file that it names as approvals.allowed_signers is read too; a relative path counts from the guards file.
    #[command(after_help = "Examples:\n  cordon guards check guards.yaml\n  \
                      cordon guards check --deny-warnings guards.yaml\n  \
                      cordon guards check -o json guards.yaml | jq .warnings\n\n\
                      Exit codes: 0 when it is valid, 1 when --deny-warnings meets a warning, 78 when it, or the file of \
                      signers that it names, is invalid or cannot be read.")]
    Check(CheckArgs),
}

/// Flags of `cordon guards print`.
#[derive(Debug, Args)]
pub struct PrintArgs {
    /// The guards file; beats the one that the configuration names. Without either: the built-in guards
    #[arg(long, value_name = "FILE")]
    pub guards: Option<PathBuf>,
    /// The configuration file, which may name a guards file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Flags of `cordon guards check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The guards file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// End with 1 when there is a warning
    #[arg(long)]
    pub deny_warnings: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// How to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
}
