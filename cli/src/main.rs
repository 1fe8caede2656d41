//! `cordon`: the operator's tool.

// First, since its macros stand in for std's in all that follows.
#[macro_use]
mod output;

mod acls;
mod args;
mod check;
mod corpus;
mod demo;
mod dlq;
mod escape;
mod exit;
mod guards;
mod isolated;
mod pause;
mod people;
mod rules;
mod simulator;
mod stages;
mod status;
mod topics;
mod up;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command, Task, TopicsCommand};
use crate::exit::Exit;

fn main() -> ExitCode {
    let args = Args::parse();
    cordon_runtime::process::install_tls();
    match args.command {
        // It has threads of its own.
        Task::Backtest(args) => cordon_backtest::command(&args),
        Task::Command(command) => in_runtime(*command),
    }
}

fn in_runtime(command: Command) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime does not start: {error}");
            return Exit::Failed.into();
        }
    };
    let exit = match runtime.block_on(run(command)) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("{}{error:#}", if exit::of(&error) == Exit::Config { "" } else { "error: " });
            exit::of(&error)
        }
    };
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    match output::lost() {
        Some(error) if exit == Exit::Ok => {
            eprintln!("error: what was to be printed could not be written: {error}");
            Exit::Failed.into()
        }
        Some(_) | None => exit.into(),
    }
}

async fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Demo(demo) => demo::run(&demo).await,
        Command::Up(config) => up::run(&config.config).await,
        Command::Simulator(simulator) => simulator::run(&simulator).await,
        Command::Check(check) => check::run(&check).await,
        Command::Topics(TopicsCommand::Apply(config)) => topics::apply(&config.config).await,
        Command::Acls(acls) => acls::run(&acls),
        Command::Isolated(isolated) => isolated::run(&isolated).await,
        Command::Status(status) => status::run(&status).await,
        Command::Pause(pause) => pause::run(&pause).await,
        Command::Dlq(command) => dlq::run(&command).await,
        Command::People(command) => people::run(&command).await,
        Command::Rules(command) => rules::run(&command).await,
        Command::Corpus(command) => corpus::run(&command).await,
        Command::Guards(command) => guards::run(&command),
    }
}
