//! `cordon-backtest`: what `cordon backtest` does, alone.

use std::process::ExitCode;

use clap::Parser;
use cordon_backtest::args::BacktestArgs;
use cordon_backtest::command;

/// What would other rules or guards have done?
#[derive(Debug, Parser)]
#[command(name = "cordon-backtest", version)]
struct Line {
    #[command(flatten)]
    args: BacktestArgs,
}

fn main() -> ExitCode {
    let Line { args } = Line::parse();
    cordon_runtime::process::install_tls();
    command(&args)
}
