//! The command line of `cordon isolated`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use cordon_settings::parse_duration;

use crate::output::Output;

/// Flags of `cordon isolated`.
#[derive(Debug, Args)]
pub struct IsolatedArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Ask Cordon's own ledger alone: no credential is needed, and what others isolated is not in it
    #[arg(long)]
    pub mine: bool,
    /// How far back machines are named that were let back; the ledger alone knows 30 days
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = parse_duration)]
    pub let_back: Duration,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}
