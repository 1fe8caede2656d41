//! Recorded alerts to test rules on: made up, or taken out of a topic. A pinned corpus is a fixture: the whole loop of a rule
//! works on it without a broker.

mod chance;
mod company;
mod export;
mod generate;
mod output;
mod pseudonym;
mod read;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::error::BacktestError;

pub use export::ExportArgs;
pub use generate::Records;
use output::{Output, Written};
pub use read::{Keyed, each_record};

/// What can be done with a corpus.
#[derive(Debug, Clone, Subcommand)]
pub enum CorpusCommand {
    /// Make up the alerts of a company: few machines with many of them, bursts, updates by people, hostile names
    ///
    /// The same number and seed give the same bytes, everywhere.
    #[command(
        after_help = "Examples:\n  cordon corpus generate --alerts 10000 --seed 1 --output corpus.ndjson.zst\n  \
                            cordon corpus generate --alerts 100 | cordon backtest --rules deploy/rules --input -"
    )]
    Generate(GenerateArgs),
    /// Take recorded alerts out of the topic enriched, with the names in them or with pseudonyms
    ///
    /// With --pseudonyms, names of machines, people and groups, domains, addresses (IP, MAC, mail) and ids are replaced by
    /// others of the same shape that follow from the key: a domain name stays a domain name, a private address a private
    /// address, a GUID a GUID. One key gives the same name the same pseudonym in every export. In titles, command lines and
    /// paths the names that the record has in its fields are replaced, and what looks like an address or an id; a field that is not known
    /// is replaced whole. What stays: words of Microsoft's lists, times, hashes of files, names of programs, tags that begin
    /// with cordon-. Another name may stay in any free text: titles, command lines, names of files, registry values, comments;
    /// and so do passwords in command lines. So an export with pseudonyms is for people who may see what the alerts hold, and
    /// not for publication.
    #[command(
        after_help = "Examples:\n  cordon corpus export --config cordon.yaml --from -90d --output corpus.ndjson.zst\n  \
                      cordon corpus export --config cordon.yaml --from -90d --pseudonyms file:/etc/cordon/pseudonyms \\\n    \
                      --output corpus.ndjson.zst\n\n\
                      The key has 32 bytes or more: head -c 32 /dev/urandom | base64 > pseudonyms. Who has it can tell whether \
                      a name is in an export, so keep it as you keep the alerts.\n\n\
                      Exit code 0 done, 2 the command line, the key or an input is wrong, 69 the broker cannot be reached, 70 \
                      a fault of cordon, 77 the broker does not permit it, 78 the configuration is wrong."
    )]
    Export(ExportArgs),
}

/// Flags of `cordon corpus generate`.
#[derive(Debug, Clone, Args)]
pub struct GenerateArgs {
    /// How many alerts; some three in ten have updates, which are records of their own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub alerts: u64,
    /// Which corpus
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// When it begins; it lasts 90 days
    #[arg(long, value_name = "TIME", default_value = "2026-06-01T00:00:00Z")]
    pub from: Timestamp,
    /// Where to write it, packed with zstd where the name ends in .zst; - is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

/// Does it.
///
/// # Errors
/// When the records cannot be read, the key is none, or the output cannot be written.
pub fn run(command: &CorpusCommand) -> Result<(), BacktestError> {
    match command {
        CorpusCommand::Generate(args) => generated(args),
        CorpusCommand::Export(args) => export::run(args),
    }
}

fn generated(args: &GenerateArgs) -> Result<(), BacktestError> {
    let mut output = Output::open(&args.output)?;
    for record in Records::new(args.seed, args.alerts, args.from) {
        let line = serde_json::to_vec(&record).map_err(|error| BacktestError::Broken(error.to_string()))?;
        if output.line(&line)? == Written::NobodyReads {
            return Ok(());
        }
    }
    output.end().map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn records(seed: u64) -> Vec<cordon_records::EnrichedRecord> {
        Records::new(seed, 3_000, "2026-06-01T00:00:00Z".parse().unwrap()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_corpus_and_another_another() {
        let text = |seed| serde_json::to_string(&records(seed)).unwrap();
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
    }

    #[test]
    fn a_corpus_is_in_the_order_of_time_with_updates_of_the_same_alert_on_the_same_machine() {
        let records = records(1);
        assert!(records.windows(2).all(|pair| pair[0].enriched_at <= pair[1].enriched_at));
        let mut alerts: HashMap<String, Vec<cordon_records::Alert>> = HashMap::new();
        for record in &records {
            let alert: cordon_records::Alert = record.alert.view().unwrap();
            alerts.entry(alert.id.as_str().to_owned()).or_default().push(alert);
        }
        assert_eq!(alerts.len(), 3_000);
        let updated: Vec<_> = alerts.values().filter(|of| of.len() > 1).collect();
        assert!((600..1_200).contains(&updated.len()), "{}", updated.len());
        assert!(
            updated
                .iter()
                .all(|of| of.iter().all(|alert| alert.machine_id == of[0].machine_id && alert.title == of[0].title))
        );
        assert!(updated.iter().any(|of| of.iter().any(|alert| alert.classification.is_some())));
    }
}
