//! The command line of `cordon backtest` and of `cordon-backtest`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cordon_records::Mode;

/// What a person is told behind the flags.
const EXAMPLES: &str = "\
Examples:
  cordon backtest --rules rules/ --input corpus.ndjson.zst
  cordon backtest --rules rules/ --against main/rules/ --config cordon.yaml --from -90d
  cordon backtest --rules rules/ --against main/rules/ --input corpus.ndjson.zst \\
    --max-added isolate=5 --max-total isolate=20 --deny never-list,errors -o markdown --report report.html

Nothing is sent to Microsoft and no credential but the broker's is read.

Exit code 0 nothing changes, or all gates hold; 1 something changes and there is no gate, or a gate is broken; 2 the command \
line or an input is wrong; 69 the broker cannot be reached; 70 a fault of cordon; 77 the broker does not permit it; 78 rules, \
guards or the configuration are wrong.";

/// What would other rules or guards have done?
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct BacktestArgs {
    /// The rules under test: rule files, or folders of *.yaml rule files
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    pub rules: Vec<PathBuf>,
    /// The guards under test; those of --config, else the built-in ones, unless given
    #[arg(long, value_name = "FILE")]
    pub guards: Option<PathBuf>,
    /// What to compare with: the other rules, a folder or a file; `recorded`, what was decided live; or
    /// `candidate:NAME`, what that candidate decides beside it (`cordon-act --candidate`)
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub against: Vec<PathBuf>,
    /// The guards to compare with; the same as --guards unless given
    #[arg(long, value_name = "FILE", requires = "against")]
    pub against_guards: Option<PathBuf>,
    /// The configuration file: where the broker is. No credential in it is read but the broker's; of no account with --input
    #[arg(
        long,
        env = "CORDON_CONFIG",
        value_name = "FILE",
        required_unless_present_any = ["input", "manifest"]
    )]
    pub config: Option<PathBuf>,
    /// Records that were made at or after this time: `2026-09-01`, `2026-09-01T08:00Z`, or `-90d`
    #[arg(long, value_name = "TIME", value_parser = cordon_runtime::time::parse, allow_hyphen_values = true, conflicts_with = "manifest")]
    pub from: Option<cordon_runtime::time::Asked>,
    /// Records that were made before this time
    #[arg(long, value_name = "TIME", value_parser = cordon_runtime::time::parse, allow_hyphen_values = true, conflicts_with = "manifest")]
    pub to: Option<cordon_runtime::time::Asked>,
    /// Recorded enriched alerts, one JSON record a line, plain or packed with zstd; - is standard input
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub input: Vec<PathBuf>,
    /// Run exactly the range of an earlier backtest again, whatever was written since: what its `-o json` wrote
    #[arg(long, value_name = "FILE.json")]
    pub manifest: Option<PathBuf>,
    /// Where to keep what rules can read of the records, so that the next backtest over them takes less time; in
    /// ~/.cache/cordon/backtest (or under $XDG_CACHE_HOME) unless given. It holds what the alerts hold, for its owner's eyes
    /// alone, and what nobody used for 30 days is deleted
    #[arg(long, env = "CORDON_CACHE", value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Read every record, and keep nothing of them
    #[arg(long)]
    pub no_cache: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Write a report to this file as well: one HTML page that needs nothing else
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Run again whenever a file of rules or guards is saved
    #[arg(long, conflicts_with = "report")]
    pub watch: bool,
    /// The ceiling over the rules' modes: what act.mode would be; auto unless given
    #[arg(long, value_enum, value_name = "MODE")]
    pub mode: Option<Ceiling>,
    /// How long an action takes that Defender has accepted
    #[arg(long, default_value = "2m", value_name = "TIME", value_parser = cordon_runtime::time::span)]
    pub succeeds_after: std::time::Duration,
    /// What people answer to what is held
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub approvals: Approvals,
    /// So many machines are onboarded, wherever nothing recorded says how many; without it, caps on a share of the fleet
    /// cannot be told beyond their floor
    #[arg(long, value_name = "MACHINES")]
    pub fleet: Option<u64>,
    /// Try one setting of the guards at several values, a row each: caps.all_rules.1h=5,10,20
    #[arg(long, value_name = "KEY=V,V", value_parser = crate::sweep::parse)]
    pub sweep: Vec<crate::sweep::Sweep>,
    /// Break the gate when more actions of this kind are added: isolate=5
    #[arg(long, value_name = "KIND=N", value_parser = crate::gates::limit)]
    pub max_added: Vec<crate::gates::Limit>,
    /// Break the gate when more actions of this kind are done at all: isolate=20
    #[arg(long, value_name = "KIND=N", value_parser = crate::gates::limit)]
    pub max_total: Vec<crate::gates::Limit>,
    /// Break the gate when there is any of these
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    pub deny: Vec<Denied>,
}

/// How to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// The whole document
    Json,
    /// One change a line
    Jsonl,
    /// One comment for a pull request
    Markdown,
    /// One case a rule and gate
    Junit,
}

/// What people answer to what is held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Approvals {
    /// Nothing: it waits until it expires
    #[default]
    None,
    /// Yes, at once, and two of them where two are asked for
    All,
    /// What they answered live to the same action, at that time, or at once where it is held later
    Recorded,
}

impl Approvals {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::All => "all",
            Self::Recorded => "recorded",
        }
    }
}

/// The ceiling over the rules' modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ceiling {
    /// Nothing is done
    Shadow,
    /// People decide
    Approve,
    /// As the rules say
    Auto,
}

impl From<Ceiling> for Mode {
    fn from(ceiling: Ceiling) -> Self {
        match ceiling {
            Ceiling::Shadow => Self::Shadow,
            Ceiling::Approve => Self::Approve,
            Ceiling::Auto => Self::Auto,
        }
    }
}

/// What a gate may deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Denied {
    /// An action on a machine of the never-list, refused only by that list
    NeverList,
    /// A rule that could not be judged on a record
    Errors,
    /// An action of which it cannot be told what it comes to
    Unreproducible,
}

impl Denied {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverList => "never-list",
            Self::Errors => "errors",
            Self::Unreproducible => "unreproducible",
        }
    }
}
