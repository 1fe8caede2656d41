//! `cordon dlq`: what no stage could handle, and the way back.
//!
//! [`letter`] reads a dead letter, [`plan`] says what a redrive does with it, [`list`], [`show`], [`redrive`] and
//! [`seen`] are the commands. Everything printed was written by others: [`crate::escape`] comes before the terminal.

pub mod args;
mod letter;
mod list;
mod plan;
mod redrive;
pub mod seen;
mod show;

use std::path::Path;

use cordon_records::Topic;
use cordon_runtime::kafka::{self, Inbound, KafkaSettings};

use crate::exit::Exit;
use crate::output::{Output, json, put};
use crate::stages;
use args::{DlqCommand, ListArgs, ShowArgs};
pub use letter::Letter;
pub use plan::READ_BY_STAGES;

/// Runs the command.
pub async fn run(command: &DlqCommand) -> anyhow::Result<Exit> {
    match command {
        DlqCommand::List(args) => {
            let (kafka, all) = read(&args.config).await?;
            tell_of_none(&kafka, &all);
            put(&listed(args, &all)?)?;
            Ok(Exit::Ok)
        }
        DlqCommand::Show(args) => shown(args, &read(&args.config).await?.1),
        DlqCommand::Redrive(args) => {
            let (kafka, all) = read(&args.config).await?;
            tell_of_none(&kafka, &all);
            redrive::run(args, &kafka, &all).await
        }
        DlqCommand::Seen(args) => {
            let (kafka, all) = read(&args.config).await?;
            tell_of_none(&kafka, &all);
            seen::run(args, &kafka, &all).await
        }
    }
}

async fn read(config: &Path) -> anyhow::Result<(KafkaSettings, Vec<Inbound>)> {
    let kafka = stages::kafka(config)?;
    let all = kafka::read_all(&kafka, Topic::DeadLetters).await?;
    Ok((kafka, all))
}

/// Names the topic, since a mistaken prefix looks like good news.
fn tell_of_none(kafka: &KafkaSettings, all: &[Inbound]) {
    if all.is_empty() {
        eprintln!("no dead letters on {}", kafka.topic(Topic::DeadLetters));
    }
}

fn listed(args: &ListArgs, all: &[Inbound]) -> anyhow::Result<String> {
    let letters: Vec<&Inbound> = all.iter().filter(|letter| Letter(letter).passes(&args.filter)).collect();
    match args.output {
        Output::Table => Ok(list::table(&letters)),
        Output::Json => json(&list::document(&letters)),
    }
}

fn shown(args: &ShowArgs, all: &[Inbound]) -> anyhow::Result<Exit> {
    let Some(letter) = all.iter().map(Letter).find(|letter| letter.place() == args.place) else {
        eprintln!("error: no dead letter at {}; `cordon dlq list` shows those that are there", args.place);
        return Ok(Exit::Negative);
    };
    match args.output {
        Output::Table => put(&show::page(letter))?,
        Output::Json => put(&json(&show::document(letter))?)?,
    }
    Ok(Exit::Ok)
}
