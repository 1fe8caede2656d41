//! `cordon status`: how the installation stands, read from its topics. Asks no stage, so it also tells of those that do
//! not answer.

mod gather;
mod picture;
mod print;

use cordon_records::{Clock, SystemClock};

use crate::args::StatusArgs;
use crate::exit::Exit;
use crate::stages;

/// Looks, prints, and ends with 1 when something wants a person.
pub async fn run(args: &StatusArgs) -> anyhow::Result<Exit> {
    let kafka = stages::kafka(&args.config)?;
    let picture = gather::picture(&kafka).await?;
    let lines = print::lines(&picture, SystemClock.now());
    match args.output {
        crate::args::StatusFormat::Text => lines.iter().for_each(|line| println!("{line}")),
        crate::args::StatusFormat::Json => println!("{:#}", print::document(&picture, &lines)),
    }
    Ok(if lines.iter().all(|line| line.good) { Exit::Ok } else { Exit::Negative })
}
