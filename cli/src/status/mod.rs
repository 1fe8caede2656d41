//! `cordon status`: how the installation stands, read from its topics and groups. Asks no stage, so it also tells of those
//! that do not answer: whether one lives is known from its consumer group and from what its processes say on `policies`
//! (each twice a minute, with what its `/readyz` says).

mod gather;
mod line;
mod picture;
mod print;
mod stages;
mod words;

use cordon_records::{Clock, SystemClock};

use crate::args::StatusArgs;
use crate::exit::Exit;
use crate::output::{json, put};

/// Looks, prints, and ends with 1 when something wants a person.
pub async fn run(args: &StatusArgs) -> anyhow::Result<Exit> {
    let (kafka, poll_interval) = crate::stages::kafka_and_poll_interval(&args.config)?;
    let picture = gather::picture(&kafka, poll_interval).await?;
    let lines = print::lines(&picture, SystemClock.now());
    match args.output {
        crate::args::StatusFormat::Text => lines.iter().for_each(|line| println!("{line}")),
        crate::args::StatusFormat::Json => put(&json(&print::document(&picture, &lines))?)?,
    }
    Ok(if lines.iter().all(|line| line.good) { Exit::Ok } else { Exit::Negative })
}
