//! The command line of `cordon rules`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

/// What can be done with rules.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Find mistakes in rules and in their recorded tests, all at once, and warn of what a team would regret
    ///
    /// Warned of are rules without a description, without a test that expects an action, without one that expects
    /// nothing, without an action, with the condition of another rule or with none, with two tests of one name, with a
    /// misspelt value such as "Malwre", with an escape that means something else than it looks such as "C:\temp", and
    /// rules that act by themselves without limits of their own. What is equal for several rules is told once.
    #[command(
        after_help = "Examples:\n  cordon rules lint deploy/rules\n  cordon rules lint --deny-warnings -o json rules/\n\n\
                      Exit codes: 0 nothing found, or warnings only; 1 mistakes, or a file cannot be read; 3 warnings \
                      only, with --deny-warnings."
    )]
    Lint(LintArgs),
    /// Run the tests of the rules, those in their files and recorded ones, and say why one fails
    ///
    /// A recorded test is a JSON file beside the rule file, named after it: `isolate-high.march.json` for
    /// `isolate-high.yaml`. It holds {"rule": ID, "name": TEXT, "given": {"alert": {…}}, "expect": ["isolate"]}: the
    /// alert as the API gave it, with `machine` (null: it could not be had; absent: a sample laptop) and `now`
    /// (absent: the alert's lastUpdateTime) beside it.
    #[command(
        after_help = "Examples:\n  cordon rules test deploy/rules\n  cordon rules test rules/ --run laptop --junit report.xml\n\n\
                      Exit codes: 0 every test holds; 1 one fails, --run names none, a file cannot be read or holds \
                      mistakes, or the report cannot be written."
    )]
    Test(TestArgs),
    /// Say what every rule makes of one alert: each condition with its value, the plan, each guard with its verdict
    ///
    /// The alert is judged as of the moment at which its record was made, as it was judged live. What `&&`, `||`, `? :`
    /// and loops need not look at is judged all the same and marked "not asked": it has no influence. Guards that ask
    /// what only the running responder knows (attempts made, switches, the machine's actions) are shown as "unknown".
    #[command(
        after_help = "Examples:\n  cordon rules explain --rules deploy/rules --alert alert.json --machine machine.json\n  \
                      cordon rules explain --config cordon.yaml --alert da637_1 --rule isolate-high\n\n\
                      Exit codes: 0 explained; 1 no such alert or rule, or the alert or the rules cannot be read or \
                      hold mistakes; 69 the broker cannot be reached; 78 the configuration or the guards are wrong."
    )]
    Explain(Box<ExplainArgs>),
    /// Bring rule files into one form: order of keys, indentation, long conditions as blocks; comments stay
    ///
    /// A file is written only if its rules, tests and comments are the same afterwards.
    #[command(after_help = "Examples:\n  cordon rules fmt rules/\n  cordon rules fmt --check rules/\n\n\
                      Exit codes: 0 all in form (now); 1 with --check, a file is not in form, or a file cannot be read \
                      or written, holds mistakes, or cannot be moved safely.")]
    Fmt(FmtArgs),
    /// List the rules: mode, actions, limits, tests, description
    #[command(
        after_help = "Examples:\n  cordon rules list deploy/rules\n  cordon rules list rules/ -o json | jq -r '.rules[].id'\n\n\
                      Exit codes: 0 listed; 1 a file cannot be read or holds mistakes."
    )]
    List(ListArgs),
}

/// Flags of `cordon rules lint`.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// Rule files, or folders of *.yaml rule files
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// End with 3 when there are warnings and no mistakes
    #[arg(long)]
    pub deny_warnings: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Flags of `cordon rules test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Rule files, or folders of *.yaml rule files
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Only tests whose rule or name holds this text
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Write a JUnit report to this file too, also when the rules cannot be read
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Flags of `cordon rules explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Rule files, or folders of *.yaml rule files; those of --config unless given
    #[arg(long, value_name = "PATH", num_args = 1.., required_unless_present = "config")]
    pub rules: Vec<PathBuf>,
    /// The guards file; that of --config, else the built-in guards, unless given
    #[arg(long, value_name = "FILE")]
    pub guards: Option<PathBuf>,
    /// An alert's id (with --config), or a file, or - for standard input: an enriched record, an alert as the API gives
    /// it, or the API's answer to a list call that holds one alert
    #[arg(long, value_name = "ID|FILE")]
    pub alert: String,
    /// The machine's JSON, for an alert as the API gives it
    #[arg(long, value_name = "FILE")]
    pub machine: Option<PathBuf>,
    /// The configuration file: where the enriched records are, and what is not given otherwise
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Show this rule only; the plan is still that of all rules
    #[arg(long, value_name = "ID")]
    pub rule: Option<String>,
    /// The moment to judge as of; when the record was made, or the alert last updated, unless given
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Flags of `cordon rules fmt`.
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Rule files, or folders of *.yaml rule files
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change nothing; name the files that would be changed
    #[arg(long)]
    pub check: bool,
}

/// Flags of `cordon rules list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Rule files, or folders of *.yaml rule files
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ListOutput,
}

/// How to print a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
}

/// How to print a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ListOutput {
    /// For people
    #[default]
    Table,
    /// For scripts
    Json,
}
