//! `cordon corpus`: recorded alerts made up, taken out of a topic, and put into one.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use cordon_act::DECIDE_GROUP;
use cordon_backtest::BacktestError;
use cordon_backtest::corpus::{self, Keyed};
use cordon_records::Topic;
use cordon_runtime::kafka::{KafkaSettings, Membership, Outbound, Position, Producer, members, positions};
use futures_util::future::join_all;
use tokio::sync::mpsc;

use crate::escape;
use crate::exit::Exit;
use crate::stages;

/// So many records are under way at once.
const AT_ONCE: usize = 500;

/// So many lines that are no records are named.
const TOLD: usize = 5;

/// What can be done with a corpus.
#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// Without a broker, or only looking at one
    #[command(flatten)]
    Files(corpus::CorpusCommand),
    /// Put recorded alerts into the topic enriched, to try out a whole loop: of a demo, or of a broker for tests
    ///
    /// Every record is written as it stands, under the key that enrich gives it. Where stages read the topic they would decide and act
    /// on old alerts as on new ones, so this is refused where cordon-act reads there or has read there, and where any record has been
    /// written, unless told otherwise: an installation that records before it acts has nobody who reads yet.
    #[command(after_help = "Examples:\n  cordon corpus import --config test.yaml --input corpus.ndjson.zst\n  \
                      cordon corpus generate --alerts 1000 | cordon corpus import --config test.yaml --input -\n\n\
                      Needs the right to write the topic enriched, which cordon acls gives to enrich alone. The broker takes the records \
                      for new: what it keeps by age counts from now.\n\n\
                      Exit code 0 done, 1 the topic is read by stages or has records, 2 an input is wrong, 69 the broker cannot be reached, 77 \
                      the broker does not permit it, 78 the configuration is wrong.")]
    Import(ImportArgs),
}

/// Flags of `cordon corpus import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The configuration file: where the broker is, and how its topics begin
    #[arg(long, env = "CORDON_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Recorded enriched alerts, one JSON record a line, plain or packed with zstd; - is standard input
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Write them although stages read the topic or records are in it: stages will decide on them, and act where the rules and
    /// guards let them
    #[arg(long)]
    pub into_live: bool,
}

/// Runs the command.
pub async fn run(command: &CorpusCommand) -> anyhow::Result<Exit> {
    match command {
        CorpusCommand::Files(command) => {
            // It reads and writes as fast as it can, and waits for nobody.
            let command = command.clone();
            let ran = tokio::task::spawn_blocking(move || corpus::run(&command)).await;
            Ok(ran.context("the command was broken off").and_then(|ran| Ok(ran.map(|()| Exit::Ok)?))?)
        }
        CorpusCommand::Import(args) => import(args).await,
    }
}

async fn import(args: &ImportArgs) -> anyhow::Result<Exit> {
    let kafka = stages::kafka(&args.config)?;
    if !args.into_live
        && let Some(why) = used_by_stages(&kafka).await?
    {
        let topic = kafka.topic(Topic::Enriched);
        eprintln!(
            "error: {why}, so these alerts may be decided on as new ones. Name a configuration with another \
             kafka.topic_prefix, or say --into-live. Nothing was written to {topic}"
        );
        return Ok(Exit::Negative);
    }
    let (sender, mut records) = mpsc::channel::<Keyed>(2 * AT_ONCE);
    let files = args.input.clone();
    let reading = tokio::task::spawn_blocking(move || {
        corpus::each_record(&files, |record| match sender.blocking_send(record) {
            Ok(()) => ControlFlow::Continue(()),
            // Writing has failed, and says why.
            Err(_) => ControlFlow::Break(()),
        })
    });
    let written = write(&kafka, &mut records).await;
    drop(records);
    let unread = reading.await.context("reading the files was broken off")?;
    let (written, unread) = (written?, unread?);
    for example in unread.examples.iter().take(TOLD) {
        eprintln!("{}", escape::text(&format!("left out: {}: {}", example.place, example.why)));
    }
    println!("{written} records written to {}, {} could not be read", kafka.topic(Topic::Enriched), unread.records);
    if written == 0 {
        let why = format!("{} lines are none", unread.records);
        return Err(BacktestError::Input { what: "any record".to_owned(), why }.into());
    }
    Ok(Exit::Ok)
}

/// Writes all that comes; those of one key stay in their order, since each is handed over before the next.
async fn write(kafka: &KafkaSettings, records: &mut mpsc::Receiver<Keyed>) -> anyhow::Result<usize> {
    let producer = Producer::open(kafka, "cordon-cli")?;
    let (mut written, mut batch) = (0, Vec::with_capacity(AT_ONCE));
    while records.recv_many(&mut batch, AT_ONCE).await > 0 {
        let sends = batch.drain(..).map(|Keyed { key, headers, value }| {
            producer.send(Outbound { topic: Topic::Enriched, key: Some(key), headers, value: Some(value) })
        });
        for delivered in join_all(sends).await {
            delivered?;
            written += 1;
        }
    }
    Ok(written)
}

/// Whether this may be the topic of an installation, and how that shows: decide reads it or has read it, or there are records.
async fn used_by_stages(kafka: &KafkaSettings) -> anyhow::Result<Option<String>> {
    let group = kafka.group(DECIDE_GROUP);
    let positions = positions(kafka, Some(DECIDE_GROUP), Topic::Enriched).await?;
    if positions.iter().any(|position| position.committed.is_some()) {
        return Ok(Some(format!("the group {group} has read here, and reads on where it left off")));
    }
    // One that records before it acts has nobody who reads, and what a group has committed is forgotten in time.
    if let Some(written) = written(&positions) {
        let topic = kafka.topic(Topic::Enriched);
        return Ok(Some(format!(
            "{written} records have been written to {topic}, where cordon-act begins once it is started"
        )));
    }
    // One that has just begun has read nothing yet.
    Ok(match members(kafka, DECIDE_GROUP).await {
        Ok(Membership::Members(0)) => None,
        Ok(Membership::Members(some)) => Some(format!("the group {group} has {some} members")),
        Ok(Membership::Hidden) => Some(format!("the group {group} is there, and does not show its members")),
        Err(failure) => Some(format!("whether anybody is in the group {group} cannot be seen: {failure}")),
    })
}

/// How many records were ever written to a topic: those that are deleted by now, too.
fn written(positions: &[Position]) -> Option<i64> {
    Some(positions.iter().map(|position| position.high).sum()).filter(|written| *written > 0)
}
