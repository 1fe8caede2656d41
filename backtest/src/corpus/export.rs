//! Records out of a topic or files, one a line: each partition in its order, one after the other, so that two exports of one
//! range are the same bytes and records of one instant keep their order.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use cordon_records::{Clock as _, SystemClock};
use cordon_runtime::time::Period;

use super::output::{Output, Written};
use super::pseudonym::Pseudonyms;
use crate::error::BacktestError;
use crate::input::{Chunk, Covered, Files, InOrder, Source, TopicRange};
use crate::print::harmless;
use crate::record::Record;
use crate::settings::Settings;
use crate::unread::Unread;

/// So many records that were left out are named.
const TOLD: usize = 5;

/// Flags of `cordon corpus export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The configuration file: where the broker is; of no account with --input
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE", required_unless_present = "input")]
    pub config: Option<PathBuf>,
    /// Take the records from files in place of the broker, plain or packed with zstd; - is standard input
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub input: Vec<PathBuf>,
    /// Records that were made at or after this time: `2026-09-01`, `2026-09-01T08:00Z`, or `-90d`
    #[arg(long, value_name = "TIME", value_parser = cordon_runtime::time::parse, allow_hyphen_values = true)]
    pub from: Option<cordon_runtime::time::Asked>,
    /// Records that were made before this time
    #[arg(long, value_name = "TIME", value_parser = cordon_runtime::time::parse, allow_hyphen_values = true)]
    pub to: Option<cordon_runtime::time::Asked>,
    /// Replace what names machines and people; where the key is: env:NAME or file:/path
    #[arg(long, value_name = "KEYFILE")]
    pub pseudonyms: Option<String>,
    /// Where to write it, packed with zstd where the name ends in .zst; - is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

/// Exports, and tells standard error what was left out.
///
/// # Errors
/// When there is nothing, it cannot be read, the key is none, or the output cannot be written.
pub fn run(args: &ExportArgs) -> Result<(), BacktestError> {
    let pseudonyms = args.pseudonyms.as_deref().map(Pseudonyms::read).transpose()?;
    let period = Period::asked(args.from, args.to, SystemClock.now());
    let mut source = source(args, period)?;
    let mut export = Export::new(Output::open(&args.output)?, pseudonyms, period);
    let mut ended = Ok(ControlFlow::Continue(()));
    let covered = source.read(&mut |chunk| {
        ended = export.chunk(&chunk);
        match ended {
            Ok(flow) => flow,
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    if ended?.is_break() {
        return Ok(());
    }
    export.end(&covered)
}

fn source(args: &ExportArgs, period: Period) -> Result<Box<dyn Source>, BacktestError> {
    match args.config.as_deref().filter(|_| args.input.is_empty()) {
        Some(config) => {
            let kafka = Settings::read(config)?.kafka;
            let range = TopicRange::open(&kafka, cordon_records::Topic::Enriched, period)?;
            Ok(Box::new(InOrder(range)))
        }
        None => Ok(Box::new(Files::new(args.input.clone()))),
    }
}

/// One export on its way.
struct Export {
    output: Output,
    pseudonyms: Option<Pseudonyms>,
    period: Period,
    written: u64,
    outside: u64,
    unread: Unread,
}

impl Export {
    fn new(output: Output, pseudonyms: Option<Pseudonyms>, period: Period) -> Self {
        Self { output, pseudonyms, period, written: 0, outside: 0, unread: Unread::default() }
    }

    fn chunk(&mut self, chunk: &Chunk) -> Result<ControlFlow<()>, BacktestError> {
        for (number, why) in &chunk.refused {
            self.unread.add(chunk.place(*number), why.clone());
        }
        for (number, bytes) in chunk.records() {
            let line = match self.line(bytes) {
                Ok(Some(line)) => line,
                Ok(None) => {
                    self.outside += 1;
                    continue;
                }
                Err(why) => {
                    self.unread.add(chunk.place(number), why);
                    continue;
                }
            };
            if self.output.line(&line)? == Written::NobodyReads {
                return Ok(ControlFlow::Break(()));
            }
            self.written += 1;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What is written of a record; nothing of one outside of the time.
    fn line(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let at = Record::read(bytes)?.at();
        if !self.period.holds(at) {
            return Ok(None);
        }
        match &self.pseudonyms {
            Some(pseudonyms) => {
                let record = pseudonyms.record(bytes)?;
                serde_json::to_vec(&record).map(Some).map_err(|error| error.to_string())
            }
            None => Ok(Some(on_one_line(bytes))),
        }
    }

    fn end(self, covered: &Covered) -> Result<(), BacktestError> {
        let Self { output, written, outside, unread, .. } = self;
        let unread = unread.told();
        if written == 0 {
            let why = format!("{outside} lie outside of the time; {} could not be read", unread.records);
            return Err(BacktestError::Input { what: "any record".to_owned(), why });
        }
        output.end()?;
        let mut told = format!("{written} records exported\n");
        if unread.records > 0 {
            told.push_str(&format!("{} could not be read or judged, and are left out:\n", unread.records));
            let some = unread.examples.iter().take(TOLD);
            some.for_each(|it| told.push_str(&format!("  {}: {}\n", it.place, it.why)));
        }
        covered.gaps.iter().for_each(|gap| told.push_str(&format!("missing: {gap}\n")));
        // Who does not listen has the file all the same.
        let _ = std::io::stderr().lock().write_all(harmless(&told).as_bytes());
        Ok(())
    }
}

/// JSON text on one line: a line break stands between its parts only, where a blank means the same.
fn on_one_line(bytes: &[u8]) -> Vec<u8> {
    bytes.trim_ascii().iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}
