//! What people decide: look at what is held; approve, deny, release, cancel, resume.
//!
//! [`ledger`] reads respond's memory and [`held`] prints of it; [`say`] writes a command, has it signed ([`sign`]) and
//! waits for what [`answer`] recognises. Whether a command counts, respond alone decides.

mod answer;
pub mod args;
mod confirm;
mod each;
mod held;
pub mod ledger;
mod noticed;
mod say;
pub mod sign;
mod undo;

use std::io::IsTerminal as _;

use anyhow::Context as _;
use cordon_records::{
    ActionKey, ActionState, AttemptState, Clock as _, ClosedEntry, Command, LedgerEntry, SystemClock, Topic,
};
use jiff::Timestamp;

use crate::escape;
use crate::exit::Exit;
use crate::output::{Output, json, put};
use crate::stages;
use args::{
    ApprovalsCommand, ApproveArgs, CancelArgs, DenyArgs, ListArgs, Page, PeopleCommand, ReleaseArgs, ResumeArgs,
    RetryArgs, ShowArgs,
};
use ledger::{Ledger, Meant};
use undo::Which;

/// Runs the command.
pub async fn run(command: &PeopleCommand) -> anyhow::Result<Exit> {
    if let Some(sign) = command.sign() {
        say::pen(sign)?.ready()?;
    }
    match command {
        PeopleCommand::Approvals(ApprovalsCommand::List(args)) => list(args).await,
        PeopleCommand::Approvals(ApprovalsCommand::Show(args)) => show(args).await,
        PeopleCommand::Approve(args) => approve(args).await,
        PeopleCommand::Deny(args) => deny(args).await,
        PeopleCommand::Release(args) => release(args).await,
        PeopleCommand::Retry(args) => retry(args).await,
        PeopleCommand::Cancel(args) => cancel(args).await,
        PeopleCommand::Resume(args) => resume(args).await,
    }
}

async fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let ledger = ledger::look(&args.config).await?;
    let held = ledger::held(&ledger.ledger, SystemClock.now());
    if held.is_empty() && ledger.left_out.is_empty() {
        // Names the topic, since a mistaken prefix looks like good news.
        eprintln!("nothing is held on {}", ledger.kafka.topic(ledger.source));
    }
    match args.output {
        Output::Table => put(&held::listed(&held))?,
        Output::Json => put(&json(&held::documents(&held))?)?,
    }
    if ledger.left_out.is_empty() {
        return Ok(Exit::Ok);
    }
    ledger.left_out.iter().for_each(|lacks| eprintln!("warning: cannot be read: {}", escape::text(lacks)));
    eprintln!("error: this list may lack what is held");
    Ok(Exit::Negative)
}

async fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let mut ledger = ledger::look(&args.config).await?;
    if ledger.source == Topic::Summary && ledger.ledger.get(&args.action).is_none() {
        ledger = ledger::read(&args.config).await.with_context(|| {
            format!("{} is not open, held or standing, and only the ledger knows what has ended", args.action)
        })?;
    }
    let Some(entry) = known(&ledger, &args.action) else { return Ok(Exit::Negative) };
    match args.output {
        Page::Text => put(&held::page(entry))?,
        Page::Json => put(&json(&held::document(entry))?)?,
    }
    if ledger::is_held(entry, SystemClock.now()) {
        let key = &entry.key;
        eprintln!("to let it be done: cordon approve {key} --why …\nto forbid it:      cordon deny {key} --why …");
    }
    Ok(Exit::Ok)
}

async fn approve(args: &ApproveArgs) -> anyhow::Result<Exit> {
    match (&args.action, &args.notice) {
        (Some(key), _) => approve_one(key, args).await,
        (None, Some(notice)) => approve_each(notice, args).await,
        // clap asks for one of them.
        (None, None) => Ok(Exit::Usage),
    }
}

/// Shows what the breaker holds, as many as the caps leave, and has it signed once.
async fn approve_each(notice: &str, args: &ApproveArgs) -> anyhow::Result<Exit> {
    if !args.yes && !std::io::stdin().is_terminal() {
        eprintln!("error: approving many asks for their number, and standard input is no terminal");
        eprintln!("help: look at `cordon approvals list`, then add --yes");
        return Ok(Exit::Usage);
    }
    let guards = stages::guards(&args.say.config)?;
    let ledger = ledger::read(&args.say.config).await?;
    let noticed = match noticed::of(&ledger.ledger, &guards, (notice, args.at_most), SystemClock.now()) {
        Ok(noticed) => noticed,
        Err(why) => {
            eprintln!("error: nothing was sent for {}: {why}", escape::text(notice));
            return Ok(Exit::Negative);
        }
    };
    eprint!("{}", noticed::page(&noticed));
    let count = noticed.actions.len();
    if count == 0 {
        eprintln!("error: nothing waits for this breaker alone: nothing was sent");
        return Ok(Exit::Negative);
    }
    let question = format!("Type the number of actions ({count}) to approve them");
    if !args.yes && !confirmed(&question, |typed| typed == count.to_string())? {
        eprintln!("that is not their number: nothing was sent");
        return Ok(Exit::Negative);
    }
    let (actions, count) = (noticed::named(&noticed.actions), u32::try_from(count)?);
    let command = Command::ApproveEach { notice: notice.to_owned(), actions, count };
    say::say(&ledger, command, &args.say, Some(&args.sign)).await
}

async fn approve_one(key: &ActionKey, args: &ApproveArgs) -> anyhow::Result<Exit> {
    if !args.yes && !std::io::stdin().is_terminal() {
        eprintln!("error: approving asks for the machine's name, and standard input is no terminal");
        eprintln!("help: look at `cordon approvals show {}`, then add --yes", key);
        return Ok(Exit::Usage);
    }
    let ledger = ledger::read(&args.say.config).await?;
    let Some(entry) = waiting(&ledger, key) else { return Ok(Exit::Negative) };
    if entry.tenant_refuses {
        eprintln!("error: no approval lifts what holds {key}: {}", escape::text(&entry.reason));
        return Ok(Exit::Negative);
    }
    eprint!("{}", held::page(entry));
    let name = escape::text(entry.machine.label());
    let question = format!("Type the machine's name ({name}) to approve");
    if !args.yes && !confirmed(&question, |typed| ledger::is_called(&name, typed))? {
        eprintln!("that is not its name: nothing was sent");
        return Ok(Exit::Negative);
    }
    let command = Command::Approve { key: entry.key.clone(), intent: entry.intent() };
    say::say(&ledger, command, &args.say, Some(&args.sign)).await
}

async fn deny(args: &DenyArgs) -> anyhow::Result<Exit> {
    let ledger = ledger::read(&args.say.config).await?;
    let Some(entry) = waiting(&ledger, &args.action) else { return Ok(Exit::Negative) };
    eprintln!("denying: {} on {}", entry.action.kind(), escape::text(entry.machine.label()));
    say::say(&ledger, Command::Deny { key: entry.key.clone() }, &args.say, None).await
}

fn confirmed(question: &str, is_wanted: impl Fn(&str) -> bool) -> std::io::Result<bool> {
    confirm::confirmed((question, is_wanted), &mut std::io::stdin().lock(), &mut std::io::stderr())
}

async fn release(args: &ReleaseArgs) -> anyhow::Result<Exit> {
    let since = args.since.map(|since| since.instant(SystemClock.now()));
    match (&args.machine, args.rule.as_ref().zip(since), &args.notice) {
        (Some(machine), _, _) => release_one(machine, args).await,
        (None, Some((rule, since)), _) => release_each(&Which::Rule(rule.clone(), since), args).await,
        (None, None, Some(notice)) => release_each(&Which::Notice(notice.clone()), args).await,
        // clap asks for one of them.
        (None, None, None) => Ok(Exit::Usage),
    }
}

/// Shows what is to be taken back, and has it signed once.
async fn release_each(which: &Which, args: &ReleaseArgs) -> anyhow::Result<Exit> {
    if !args.yes && !std::io::stdin().is_terminal() {
        eprintln!("error: releasing many asks for their number, and standard input is no terminal");
        eprintln!("help: look at `cordon isolated --mine`, then add --yes");
        return Ok(Exit::Usage);
    }
    let ledger = ledger::read(&args.say.config).await?;
    let undo = match undo::of(&ledger.ledger, which, SystemClock.now()) {
        Ok(undo) => undo,
        Err(why) => {
            eprintln!("error: nobody can say which machines these are: {why}");
            return Ok(Exit::Negative);
        }
    };
    if undo.isolations.is_empty() {
        let topic = ledger.kafka.topic(Topic::Ledger);
        eprintln!("error: {topic} knows of no such isolation that stands: nothing was sent");
        return Ok(Exit::Negative);
    }
    eprint!("{}", undo::page(&undo));
    let count = undo.isolations.len();
    let question = format!("Type the number of machines ({count}) to release them");
    if !args.yes && !confirmed(&question, |typed| typed == count.to_string())? {
        eprintln!("that is not their number: nothing was sent");
        return Ok(Exit::Negative);
    }
    let command = Command::ReleaseEach { isolations: undo::named(&undo.isolations), count: u32::try_from(count)? };
    say::say(&ledger, command, &args.say, Some(&args.sign)).await
}

async fn retry(args: &RetryArgs) -> anyhow::Result<Exit> {
    let ledger = ledger::read(&args.say.config).await?;
    let Some(entry) = known(&ledger, &args.action) else { return Ok(Exit::Negative) };
    if !entry.lacked_permission() {
        let (key, state, reason) = (&entry.key, entry.state.as_str(), escape::text(&entry.reason));
        eprintln!("error: {key} stands at {state}: {reason}");
        eprintln!("help: only what failed for a missing permission (HTTP 403) is asked for again");
        return Ok(Exit::Negative);
    }
    eprintln!("asking again for: {} on {}", entry.action.kind(), escape::text(entry.machine.label()));
    say::say(&ledger, Command::Retry { key: entry.key.clone() }, &args.say, Some(&args.sign)).await
}

async fn release_one(named: &str, args: &ReleaseArgs) -> anyhow::Result<Exit> {
    let ledger = ledger::read(&args.say.config).await?;
    let (machine, name) = match ledger::machine(&ledger.ledger, named) {
        Meant::One(machine, name) => (machine, name),
        Meant::Several(machines) => {
            eprintln!("error: several machines are called {}; name one by its id:", escape::text(named));
            machines.iter().for_each(|(id, name)| eprintln!("  {id}  {}", escape::text(name)));
            return Ok(Exit::Negative);
        }
        Meant::Unknown => {
            let (named, topic) = (escape::text(named), ledger.kafka.topic(Topic::Ledger));
            eprintln!("error: {topic} knows no machine {named}; give the id of the machine, 40 hexadecimal digits");
            return Ok(Exit::Negative);
        }
    };
    eprintln!("releasing: {} ({machine})", escape::text(&name));
    say::say(&ledger, Command::Release { machine }, &args.say, Some(&args.sign)).await
}

async fn cancel(args: &CancelArgs) -> anyhow::Result<Exit> {
    let ledger = ledger::read(&args.say.config).await?;
    let Some(entry) = known(&ledger, &args.action) else { return Ok(Exit::Negative) };
    let (kind, name, state) = (entry.action.kind(), escape::text(entry.machine.label()), entry.state.as_str());
    if entry.state == AttemptState::Reported(ActionState::Cancelled) {
        eprintln!("error: {kind} on {name} is cancelled already, {}: nothing was sent", escape::text(&entry.reason));
        return Ok(Exit::Negative);
    }
    eprintln!("cancelling: {kind} on {name}, which stands at {state}");
    say::say(&ledger, Command::Cancel { key: entry.key.clone() }, &args.say, Some(&args.sign)).await
}

async fn resume(args: &ResumeArgs) -> anyhow::Result<Exit> {
    let ledger = ledger::read(&args.say.config).await?;
    let holding = ledger.ledger.holding();
    if !holding.contains(&args.notice) {
        eprintln!("error: {} is not in force: there is nothing to lift", escape::text(&args.notice));
        let in_force = if holding.is_empty() { "nothing".to_owned() } else { holding.join(", ") };
        eprintln!("help: in force is {in_force}");
        return Ok(Exit::Negative);
    }
    say::say(&ledger, Command::Resume { notice: args.notice.clone() }, &args.say, Some(&args.sign)).await
}

/// Why nothing can be shown of this key or done with it.
fn not_in_full(topic: &str, key: &ActionKey, closed: Option<&ClosedEntry>) -> String {
    match closed {
        Some(closed) => {
            let (state, attempt) = (closed.state.as_str(), closed.attempt);
            let id = closed.id.as_ref().map(|id| format!(", action {id} of Defender")).unwrap_or_default();
            format!(
                "{key} has ended as {state} long ago (attempt {attempt}{id}): no more is kept of it, look at its mails"
            )
        }
        None => format!("{topic} has no action {key}; `cordon approvals list` shows what is held"),
    }
}

/// What the ledger has of this key; says so when it has nothing in full.
fn known<'a>(ledger: &'a Ledger, key: &ActionKey) -> Option<&'a LedgerEntry> {
    let entry = ledger.ledger.get(key);
    if entry.is_none() {
        eprintln!(
            "error: {}",
            not_in_full(&ledger.kafka.topic(Topic::Ledger), key, ledger.ledger.closed(key).as_ref())
        );
    }
    entry
}

/// The same, if it waits for a person.
fn waiting<'a>(ledger: &'a Ledger, key: &ActionKey) -> Option<&'a LedgerEntry> {
    let entry = known(ledger, key)?;
    if ledger::is_held(entry, SystemClock.now()) {
        return Some(entry);
    }
    let expired = if entry.state.as_str() == "held" { ", but its time is over" } else { "" };
    eprintln!("error: {key} waits for nobody: it stands at {}{expired}", entry.state.as_str());
    eprintln!("help: `cordon approvals show {key}` has all of it, `cordon approvals list` what is held");
    None
}

/// An instant, without what is below the second.
pub fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_action_that_ended_long_ago_it_is_said_how_and_not_that_there_is_none() {
        let text = include_str!("../../../common/records/examples/v1/ledger-closed-isolation.json");
        let closed: ClosedEntry = serde_json::from_str(text).unwrap();
        let said = not_in_full("cordon.ledger", &closed.key, Some(&closed));
        assert!(said.contains("has ended as succeeded long ago (attempt 1, action 5382f7ea-"), "{said}");
        let said = not_in_full("cordon.ledger", &closed.key, None);
        assert!(said.contains("cordon.ledger has no action acee6df23fcd80b7"), "{said}");
    }
}
