//! Recorded alerts to test rules on: made up, or taken out of a topic. A pinned corpus is a fixture: the whole loop of a rule
//! works on it without a broker.

mod chance;
mod company;
mod generate;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::error::BacktestError;

pub use generate::Records;

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
/// When the output cannot be written.
pub fn run(command: &CorpusCommand) -> Result<(), BacktestError> {
    match command {
        CorpusCommand::Generate(args) => {
            let failed = |source| BacktestError::Output { what: args.output.display().to_string(), source };
            let mut output = Output::open(&args.output).map_err(failed)?;
            for record in Records::new(args.seed, args.alerts, args.from) {
                match output.line(&record) {
                    Ok(()) => {}
                    // Who reads no further has seen enough.
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                    Err(error) => return Err(failed(error)),
                }
            }
            output.end().map_err(failed)
        }
    }
}

/// Where a corpus is written.
enum Output {
    Plain(BufWriter<Box<dyn Write>>),
    Packed(zstd::stream::write::Encoder<'static, BufWriter<Box<dyn Write>>>),
}

impl Output {
    fn open(path: &Path) -> std::io::Result<Self> {
        let raw: Box<dyn Write> =
            if path == Path::new("-") { Box::new(std::io::stdout()) } else { Box::new(File::create(path)?) };
        let buffered = BufWriter::with_capacity(1 << 20, raw);
        if path.extension().is_some_and(|extension| extension == "zst") {
            return Ok(Self::Packed(zstd::stream::write::Encoder::new(buffered, 3)?));
        }
        Ok(Self::Plain(buffered))
    }

    fn line(&mut self, record: &impl serde::Serialize) -> std::io::Result<()> {
        let writer: &mut dyn Write = match self {
            Self::Plain(writer) => writer,
            Self::Packed(writer) => writer,
        };
        serde_json::to_writer(&mut *writer, record)?;
        writer.write_all(b"\n")
    }

    fn end(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut writer) => writer.flush(),
            Self::Packed(writer) => writer.finish()?.flush(),
        }
    }
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
