//! `cordon isolated`: which machines are cut off now, by whom and until when, and who was let back.
//!
//! The tenant's machine actions say how each machine stands ([`steps`]); our ledger says for which rule or person, and
//! until when ([`mod@mine`]). Whoever could not look does not say that nobody is cut off.

pub mod args;
pub mod mine;
mod print;
pub mod standing;
mod steps;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use cordon_defender::{Defender, IsolationSteps};
use cordon_records::{Clock as _, SystemClock};
use cordon_response::CONNECTION_KEPT;
use jiff::{SignedDuration, Timestamp};

use crate::escape;
use crate::exit::Exit;
use crate::output::{Output, json, put};
use crate::people::ledger;
use crate::stages;
use args::IsolatedArgs;
use standing::{Standing, State};

/// What was looked at.
struct Looked {
    source: &'static str,
    standings: Vec<Standing>,
    /// What could not be read, line by line.
    unreadable: Vec<String>,
}

/// Prints who is cut off. Ends with 1 when something could not be read: then the list may lack a machine.
pub async fn run(args: &IsolatedArgs) -> anyhow::Result<Exit> {
    let looked = if args.mine { mine(args).await? } else { all(args).await? };
    let now = SystemClock.now();
    let (cut_off, let_back) = sorted(&looked.standings, now, args);
    match args.output {
        Output::Table => {
            put(&print::cut_off(&cut_off))?;
            if !let_back.is_empty() {
                put("\n")?;
                put(&print::let_back(&let_back))?;
            }
        }
        Output::Json => {
            let lists = (&cut_off[..], &let_back[..]);
            put(&json(&print::document(looked.source, lists, (looked.unreadable.len(), now)))?)?;
        }
    }
    if looked.unreadable.is_empty() {
        if cut_off.is_empty() {
            eprintln!("nobody is cut off, says {}", looked.source);
        }
        return Ok(Exit::Ok);
    }
    looked.unreadable.iter().for_each(|entry| eprintln!("warning: cannot be read: {}", escape::text(entry)));
    eprintln!("error: {} entries could not be read: this list may lack machines", looked.unreadable.len());
    eprintln!("help: look in the portal's action center as well");
    Ok(Exit::Negative)
}

async fn all(args: &IsolatedArgs) -> anyhow::Result<Looked> {
    let settings = stages::defender(&args.config)?;
    let defender = Defender::new(settings, Arc::new(SystemClock))?;
    // The tenant first: our ledger is then at least as new, and knows all of ours that is listed.
    let listed = defender.isolation_steps().await.inspect_err(|_| {
        eprintln!("help: `cordon isolated --mine` tells what Cordon's own ledger knows; others may have isolated more");
    });
    let IsolationSteps { steps, unreadable } = listed?;
    let ledger = ledger::look(&args.config).await?;
    let standings = steps::standings(&steps, &ledger.ledger);
    let unreadable = unreadable.into_iter().chain(ledger.left_out).collect();
    Ok(Looked { source: "Defender's list of machine actions and Cordon's ledger", standings, unreadable })
}

async fn mine(args: &IsolatedArgs) -> anyhow::Result<Looked> {
    let ledger = ledger::look(&args.config).await?;
    // Names the topic, since a mistaken prefix looks like good news.
    let topic = ledger.kafka.topic(ledger.source);
    let mut unreadable = ledger.left_out;
    if ledger.ledger.genesis().is_none() {
        unreadable.push(format!("{topic} has no beginning: Cordon has never acted here, or the prefix is mistaken"));
    }
    eprintln!("from {topic} alone: what others isolated or released is not in it");
    if let Some(note) = beyond_the_ledger(args.let_back) {
        eprintln!("{note}");
    }
    let standings = mine::standings(&ledger.ledger);
    Ok(Looked { source: "Cordon's ledger alone", standings, unreadable })
}

/// What to say of a time further back than the ledger keeps who was let back.
fn beyond_the_ledger(asked: Duration) -> Option<String> {
    let kept = Duration::try_from(CONNECTION_KEPT).unwrap_or(Duration::MAX);
    (asked > kept).then(|| {
        let days = kept.as_secs() / 86_400;
        format!("note: the ledger names for {days} days who was let back; without --mine Defender's list says more")
    })
}

/// Who is cut off or may be, the longest first; and who was let back lately, the last first.
fn sorted<'a>(
    standings: &'a [Standing],
    now: Timestamp,
    args: &IsolatedArgs,
) -> (Vec<&'a Standing>, Vec<&'a Standing>) {
    let (mut back, mut cut_off): (Vec<_>, Vec<_>) =
        standings.iter().partition(|standing| standing.state == State::LetBack);
    cut_off.sort_by_key(|standing| (standing.state, standing.since));
    let reach = SignedDuration::try_from(args.let_back).unwrap_or(SignedDuration::MAX);
    let ended = |standing: &Standing| standing.end.as_ref().and_then(|end| end.at);
    back.retain(|standing| ended(standing).is_none_or(|at| now.duration_since(at) <= reach));
    back.sort_by_key(|standing| std::cmp::Reverse(ended(standing)));
    (cut_off, back)
}
