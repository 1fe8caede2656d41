//! The command line, as clap reads it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use cordon_backtest::args::BacktestArgs;

use crate::acls::args::AclsArgs;
use crate::corpus::CorpusCommand;
use crate::dlq::args::DlqCommand;
use crate::guards::args::GuardsCommand;
use crate::isolated::args::IsolatedArgs;
use crate::people::args::PeopleCommand;
use crate::rules::args::RulesCommand;

/// Answers Microsoft Defender for Endpoint alerts: decides by your rules, isolates machines once and safely, and
/// tells people.
#[derive(Debug, Parser)]
#[command(
    name = "cordon",
    version,
    after_help = "Examples:\n  cordon demo\n  cordon check --config cordon.yaml\n  cordon up --config cordon.yaml"
)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub command: Task,
}

/// What there is to do, by what it needs.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Waits for others: Kafka, Microsoft, a person
    #[command(flatten)]
    Command(Box<Command>),
    /// What would other rules or guards have done? Judges recorded alerts again, and cannot act
    Backtest(Box<BacktestArgs>),
}

/// What `cordon` can do beside backtests.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play a scenario with a make-believe company; nothing leaves this computer
    Demo(DemoArgs),
    /// Run all stages in one process against a real tenant
    Up(ConfigArgs),
    /// Run the simulated Microsoft tenant alone
    Simulator(SimulatorArgs),
    /// Try everything that the configuration names, and say what is missing
    Check(CheckArgs),
    /// Look after the Kafka topics
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// Say what each stage and each person must be allowed on the broker
    ///
    /// The least rights: with them everything works, and without any of them something does not. Asks no broker.
    #[command(after_help = "Examples:\n  cordon acls --config cordon.yaml\n  \
                      cordon acls --config cordon.yaml --stage respond -o kafka-acls\n  \
                      cordon acls --config cordon.yaml -o strimzi | kubectl apply -f -\n  \
                      cordon acls --config cordon.yaml -o kafka-acls --principal 'User:CN=cordon-{},O=Example'\n\n\
                      Exit code 0 done, 78 the configuration is wrong.")]
    Acls(AclsArgs),
    /// Say how the installation stands: switches, rules, actions, coverage, lag
    Status(StatusArgs),
    /// Say which machines are cut off now, by whom and until when, and who was let back
    ///
    /// Asks the tenant's list of machine actions (permission Machine.Read.All) and Cordon's ledger.
    #[command(after_help = "Examples:\n  cordon isolated --config cordon.yaml\n  \
                      cordon isolated --config cordon.yaml --mine\n  \
                      cordon isolated --config cordon.yaml -o json | jq -r '.isolated[].machine.name'\n\n\
                      Exit code 0 all was read, 1 something could not be read and may be missing, 69 tenant or broker \
                      cannot be reached, 77 the permission is missing, 78 the configuration lacks something.")]
    Isolated(IsolatedArgs),
    /// Hold every action from now on
    Pause(PauseArgs),
    /// Look after what no stage could handle
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// What people decide
    #[command(flatten)]
    People(PeopleCommand),
    /// Check, test, explain and tidy the rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Make recorded alerts to test rules on, take them out of a topic, put them into one
    #[command(subcommand)]
    Corpus(CorpusCommand),
    /// Look at the guards: what no rule may do
    #[command(subcommand)]
    Guards(GuardsCommand),
}

/// What can be done with topics.
#[derive(Debug, Subcommand)]
pub enum TopicsCommand {
    /// Make the topics that are not there, and say how the others differ
    Apply(ConfigArgs),
}

/// The configuration file.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
}

/// Flags of `cordon check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Read the file and the rules and guards that it names, and try nothing else
    #[arg(long)]
    pub read_only: bool,
    /// Check what this stage needs, and nothing else; `act` is `decide` and `respond`. Tries its rights on the broker, too:
    /// give the configuration with which this stage comes there
    #[arg(long, value_enum, value_name = "NAME")]
    pub stage: Option<StageName>,
}

/// A stage, or a role of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StageName {
    /// Polls alerts
    Ingest,
    /// Looks up what they name
    Enrich,
    /// Both roles of cordon-act
    Act,
    /// Judges by the rules
    Decide,
    /// Acts
    Respond,
    /// Sends mail
    Notify,
}

/// Flags of `cordon demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// End after the scenario
    #[arg(long)]
    pub exit: bool,
    /// Keep mails, topics and the tenant's request log in this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Flags of `cordon simulator`.
#[derive(Debug, clap::Args)]
pub struct SimulatorArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8480", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Where to take mail by SMTP; a free port beside `--listen` unless given
    #[arg(long, value_name = "ADDR")]
    pub smtp: Option<SocketAddr>,
    /// A path before every path, as behind a gateway
    #[arg(long, default_value = "", value_name = "PATH")]
    pub prefix: String,
}

/// Flags of `cordon status`. Ends with 0 when all is well, with 1 when something wants a person.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: StatusFormat,
}

/// How `cordon status` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum StatusFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON document for programs
    Json,
}

/// Flags of `cordon pause`.
#[derive(Debug, clap::Args)]
pub struct PauseArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Why, for the record
    #[arg(long)]
    pub why: String,
    /// Who asks
    #[arg(long, env = "USER", default_value = "somebody")]
    pub by: String,
}
