//! The command line of `cordon dlq`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use cordon_act::Act;
use cordon_enrich::Enrich;
use cordon_ingest::Ingest;
use cordon_notify::Notify;
use cordon_records::DeadLetterReason;
use cordon_runtime::process::Stage;

use crate::output::Output;

const REASONS: [&str; 7] = [
    DeadLetterReason::Decode.as_str(),
    DeadLetterReason::Empty.as_str(),
    DeadLetterReason::Oversize.as_str(),
    DeadLetterReason::Panic.as_str(),
    DeadLetterReason::Foreign.as_str(),
    DeadLetterReason::Rejected.as_str(),
    DeadLetterReason::Lost.as_str(),
];
const STAGES: [&str; 4] = [Ingest::NAME, Enrich::NAME, Act::NAME, Notify::NAME];

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// List them: where they are, who gave up on what, and why
    #[command(after_help = "Examples:\n  cordon dlq list --config cordon.yaml\n  \
                      cordon dlq list --config cordon.yaml --stage enrich --reason decode -o json")]
    List(ListArgs),
    /// Show one: its headers and its bytes
    #[command(after_help = "Examples:\n  cordon dlq show --config cordon.yaml 2/17\n  \
                      cordon dlq show --config cordon.yaml 2/17 -o json | jq -r .value")]
    Show(ShowArgs),
    /// Send them back to where they came from; says what it would do unless --yes is given
    ///
    /// Bytes, key and headers go back as they were. An alert keeps its times, so an old one is held by the guards, and
    /// what was done already is not done again. No record is sent back more than three times. A redrive may be
    /// interrupted and repeated: it sends what is missing. When more than 20 in a row die again, the stage stops.
    #[command(after_help = "Examples:\n  cordon dlq redrive --config cordon.yaml --stage act --reason foreign\n  \
                      cordon dlq redrive --config cordon.yaml --yes 2/17 0/3\n\n\
                      Exit code 1 when something that was asked for stays where it is.")]
    Redrive(RedriveArgs),
    /// Say that dead letters have been seen: cordon status no longer asks for a person because of them
    ///
    /// Nothing is deleted or sent. What dies later counts anew.
    #[command(
        after_help = "Examples:\n  cordon dlq seen --config cordon.yaml 2/17 0/3    # these, and those before them on their partitions\n  \
                      cordon dlq seen --config cordon.yaml --all"
    )]
    Seen(SeenArgs),
}

/// Flags of `cordon dlq seen`.
#[derive(Debug, Args)]
pub struct SeenArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Up to and including these on their partitions, as `cordon dlq list` prints them
    #[arg(value_name = "PARTITION/OFFSET", required_unless_present = "all", conflicts_with = "all")]
    pub places: Vec<Place>,
    /// All that are there now
    #[arg(long)]
    pub all: bool,
    /// Who has seen them
    #[arg(long, env = "USER", default_value = "somebody")]
    pub by: String,
}

/// Flags of `cordon dlq list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Which of them
    #[command(flatten)]
    pub filter: Filter,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Flags of `cordon dlq show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Where it is on the topic of dead letters
    #[arg(value_name = "PARTITION/OFFSET")]
    pub place: Place,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Flags of `cordon dlq redrive`.
#[derive(Debug, Args)]
pub struct RedriveArgs {
    /// The configuration file
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Which of them
    #[command(flatten)]
    pub filter: Filter,
    /// Only these; all that the other flags leave unless given
    #[arg(value_name = "PARTITION/OFFSET")]
    pub places: Vec<Place>,
    /// Send them
    #[arg(long)]
    pub yes: bool,
    /// At most so many a second: every one costs what a new record costs, calls to the API and mails included
    #[arg(long, value_name = "RECORDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// Only say what would be sent where; the default
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// Which dead letters.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// Only those that this stage gave up
    #[arg(long, value_parser = PossibleValuesParser::new(STAGES))]
    pub stage: Option<String>,
    /// Only those with this reason
    #[arg(long, value_parser = PossibleValuesParser::new(REASONS))]
    pub reason: Option<String>,
}

/// Where a dead letter is on its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.partition, self.offset)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok());
        let read = || {
            let (partition, offset) = text.split_once('/')?;
            let partition = i32::try_from(number(partition)??).ok()?;
            Some(Self { partition, offset: number(offset)?? })
        };
        read().ok_or_else(|| "expected PARTITION/OFFSET as `cordon dlq list` prints it, for example 2/17".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_printed() {
        let place = Place { partition: 2, offset: 17 };
        assert_eq!(place.to_string().parse(), Ok(place));
    }

    #[test]
    fn what_is_no_place_is_refused_with_an_example() {
        for text in ["", "2", "2/", "/17", "-1/2", "+1/2", "2/17/3", "a/b", "99999999999/1"] {
            let refused = text.parse::<Place>().unwrap_err();
            assert!(refused.contains("for example 2/17"), "{text}: {refused}");
        }
    }
}
