//! `cordon pause`: anybody may stop it, so no signature is asked for.

use std::time::Duration;

use cordon_records::{Clock, Command, CommandRecord, Headers, SystemClock, Topic};
use cordon_runtime::kafka::{Outbound, Producer};

use crate::args::PauseArgs;
use crate::exit::Exit;
use crate::stages;

/// Who presses this button wants an answer now.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes the command and waits for the broker's word.
pub async fn run(args: &PauseArgs) -> anyhow::Result<Exit> {
    let kafka = stages::kafka(&args.config)?;
    let at = SystemClock.now();
    let record = CommandRecord::unsigned(Command::Pause, args.by.clone(), args.why.clone(), at);
    let headers = Headers::event("cli", "command.pause", &format!("pause@{at}"), at, "pause");
    let producer = Producer::open(&kafka, "cordon-cli")?;
    let sending = producer.send(Outbound::json(Topic::Commands, "all", headers, &record)?);
    eprintln!("asking {} …", kafka.bootstrap_servers);
    match tokio::time::timeout(PATIENCE, sending).await {
        Ok(sent) => sent?,
        Err(_) => {
            eprintln!("error: no broker took the command within {} s: NOTHING IS PAUSED", PATIENCE.as_secs());
            eprintln!("help: stop cordon-act itself, or take its credential away");
            return Ok(Exit::Unreachable);
        }
    };
    println!("paused: every action is held from now on");
    println!(
        "to go on: `cordon resume NOTICE --why …`, with the id that its notice names; it is signed with your SSH key"
    );
    Ok(Exit::Ok)
}
