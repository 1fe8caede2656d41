//! Saying something to respond: write the command, sign it, send it, wait for the answer.

use std::time::{Duration, Instant};

use cordon_records::text::hex;
use cordon_records::{
    Action, ActionKey, AlertId, Clock as _, Command, CommandId, CommandRecord, Headers, MAX_COMMAND, MachineId,
    SystemClock, Topic,
};
use cordon_runtime::kafka::{KafkaFailure, KafkaSettings, Outbound, Producer, Tail};
use cordon_signing::InvalidSignature;
use jiff::SignedDuration;
use ring::rand::{SystemRandom, generate};

use super::answer::{Asked, Heard};
use super::args::{Say, Sign};
use super::each::Each;
use super::ledger::Ledger;
use super::sign::{Pen, SignError};
use crate::escape;
use crate::exit::Exit;
use crate::output::put;

/// Who says something wants to know now whether it was heard.
const PATIENCE: Duration = Duration::from_secs(10);
/// Report and ledger are written one after the other: after the one, the other is at most so far away.
const REST: Duration = Duration::from_secs(3);

/// Says it, and tells what comes of it.
pub async fn say(ledger: &Ledger, command: Command, say: &Say, sign: Option<&Sign>) -> anyhow::Result<Exit> {
    let (id, record) = record(ledger, command, say, sign)?;
    let record = match sign {
        Some(sign) => signed(record, sign).await?,
        None => record,
    };
    let tail = if say.wait.is_zero() {
        None
    } else {
        Some(Tail::open(&ledger.kafka, &[Topic::Actions, Topic::Ledger]).await?)
    };
    let Some(offset) = send(&ledger.kafka, &record, &id).await? else { return Ok(Exit::Unreachable) };
    println!("written: {}, command {id}{}", record.command.as_str(), until(&record));
    let Some(tail) = tail else { return Ok(Exit::Ok) };
    let each = each_of(ledger, &record);
    let asked = Asked::of(&record, id, about(ledger, &record), offset);
    if each.is_empty() {
        return Ok(tell(&asked, wait(&asked, tail, say.wait).await?, say.wait));
    }
    let (text, exit) = wait_for_each(Each::of(asked, each), tail, say.wait).await?.told();
    put(&text)?;
    if exit == Exit::Unreachable {
        nobody(say.wait, "the mails and `cordon isolated` tell");
    }
    Ok(exit)
}

fn record(
    ledger: &Ledger,
    command: Command,
    say: &Say,
    sign: Option<&Sign>,
) -> anyhow::Result<(CommandId, CommandRecord)> {
    let at = SystemClock.now();
    let id = new_id()?;
    let mut record = CommandRecord::unsigned(command, say.by.clone(), say.why.clone(), at);
    record.id = Some(id.clone());
    record.tenant = Some(ledger.tenant.clone());
    record.expires_at = sign.map(|sign| at.checked_add(SignedDuration::try_from(sign.valid_for)?)).transpose()?;
    Ok((id, record))
}

/// 128 bits of chance: nobody has used it, and nobody can guess it.
fn new_id() -> anyhow::Result<CommandId> {
    let bytes: [u8; 16] = generate(&SystemRandom::new())
        .map_err(|_| anyhow::anyhow!("the operating system gives no random bytes"))?
        .expose();
    Ok(CommandId::new(hex(&bytes))?)
}

/// What it is signed with.
pub fn pen(sign: &Sign) -> Result<Pen, SignError> {
    Pen::read(sign.key.as_deref(), cordon_settings::variable("HOME").as_deref())
}

async fn signed(mut record: CommandRecord, sign: &Sign) -> anyhow::Result<CommandRecord> {
    let pen = pen(sign)?;
    let statement = record.statement()?;
    record.signature = Some(tokio::task::spawn_blocking(move || pen.sign(&statement)).await??);
    Ok(record)
}

/// Sends it; `None` when no broker took it.
async fn send(kafka: &KafkaSettings, record: &CommandRecord, id: &CommandId) -> anyhow::Result<Option<i64>> {
    let target = match &record.command {
        Command::Approve { key, .. } | Command::Deny { key } | Command::Cancel { key } | Command::Retry { key } => {
            key.as_str()
        }
        Command::Release { machine } => machine.as_str(),
        Command::Pause | Command::Resume { .. } | Command::ReleaseEach { .. } | Command::ApproveEach { .. } => "all",
    };
    let kind = format!("command.{}", record.command.as_str());
    let headers = Headers::event("cli", &kind, id.as_str(), record.at, target);
    let outbound = Outbound::json(Topic::Commands, target, headers, record)?;
    let size = outbound.value.as_ref().map_or(0, Vec::len);
    anyhow::ensure!(
        size <= MAX_COMMAND,
        "the command has {size} bytes, and respond takes {MAX_COMMAND}: say less in --why"
    );
    let producer = Producer::open(kafka, "cordon-cli")?;
    let sending = producer.send(outbound);
    if let Ok(sent) = tokio::time::timeout(PATIENCE, sending).await {
        return Ok(Some(sent?.offset));
    }
    eprintln!("error: no broker took the command within {} s; it may still arrive, or not", PATIENCE.as_secs());
    eprintln!("help: see whether {} can be reached, then say it again", kafka.bootstrap_servers);
    Ok(None)
}

fn until(record: &CommandRecord) -> String {
    record.expires_at.map_or_else(String::new, |until| format!(", signed, good until {}", super::seconds(until)))
}

/// The action whose reports would answer it. A release is an action of its own, asked for by this very command.
fn about(ledger: &Ledger, record: &CommandRecord) -> Option<ActionKey> {
    match &record.command {
        Command::Approve { key, .. } | Command::Deny { key } | Command::Cancel { key } | Command::Retry { key } => {
            Some(key.clone())
        }
        Command::Release { machine } => release_key(ledger, record, machine),
        Command::Pause | Command::Resume { .. } | Command::ReleaseEach { .. } | Command::ApproveEach { .. } => None,
    }
}

fn release_key(ledger: &Ledger, record: &CommandRecord, machine: &MachineId) -> Option<ActionKey> {
    let alert = AlertId::new(record.id.as_ref()?.as_str()).ok()?;
    Some(ActionKey::derive(&ledger.tenant, &alert, machine, &Action::Release { comment: String::new() }))
}

/// The actions of a command about many, and what people call their machines.
fn each_of(ledger: &Ledger, record: &CommandRecord) -> Vec<(ActionKey, String)> {
    let label =
        |key: &ActionKey| ledger.ledger.get(key).map_or_else(|| key.to_string(), |it| it.machine.label().to_owned());
    match &record.command {
        Command::ReleaseEach { isolations, .. } => {
            let each = isolations.iter();
            each.filter_map(|it| Some((release_key(ledger, record, &it.machine)?, label(&it.key)))).collect()
        }
        Command::ApproveEach { actions, .. } => actions.iter().map(|it| (it.key.clone(), label(&it.key))).collect(),
        Command::Pause
        | Command::Deny { .. }
        | Command::Resume { .. }
        | Command::Approve { .. }
        | Command::Release { .. }
        | Command::Retry { .. }
        | Command::Cancel { .. } => Vec::new(),
    }
}

/// What was heard of each until the end of waiting.
async fn wait_for_each(mut each: Each, mut tail: Tail, wait: Duration) -> Result<Each, KafkaFailure> {
    eprintln!("waiting for respond, at most {} …", cordon_settings::format_duration(wait));
    let mut until = Instant::now() + wait;
    loop {
        let Ok(record) = tokio::time::timeout_at(until.into(), tail.next()).await else { return Ok(each) };
        if each.hear(&record?) {
            return Ok(each);
        }
        if each.is_over() {
            until = until.min(Instant::now() + REST);
        }
    }
}

/// What was heard until the end of waiting. A report or a refusal ends it at once.
async fn wait(asked: &Asked, mut tail: Tail, wait: Duration) -> Result<Option<Heard>, KafkaFailure> {
    eprintln!("waiting for respond, at most {} …", cordon_settings::format_duration(wait));
    let mut until = Instant::now() + wait;
    let mut heard = None;
    loop {
        let Ok(record) = tokio::time::timeout_at(until.into(), tail.next()).await else { return Ok(heard) };
        match asked.hear(&record?) {
            Some(last @ (Heard::Taken(_) | Heard::Refused(_))) => return Ok(Some(last)),
            Some(Heard::Counted) => {
                heard = Some(Heard::Counted);
                until = until.min(Instant::now() + REST);
            }
            Some(Heard::Read) if heard.is_none() => {
                heard = Some(Heard::Read);
                until = until.min(Instant::now() + REST);
            }
            Some(Heard::Read) | None => {}
        }
    }
}

fn tell(asked: &Asked, heard: Option<Heard>, waited: Duration) -> Exit {
    let later = asked.key.as_ref().map_or_else(
        || "the mails and the topic `actions` tell".to_owned(),
        |key| format!("`cordon approvals show {key}` and the mails tell"),
    );
    match heard {
        Some(Heard::Taken(report)) => {
            println!("{}", escape::text(&report));
            eprintln!("what comes of it: {later}");
            Exit::Ok
        }
        Some(Heard::Counted) => {
            println!("taken");
            eprintln!("what comes of it: {later}");
            Exit::Ok
        }
        Some(Heard::Refused(why)) => {
            println!("REFUSED: {}", escape::text(&why));
            // A gap in the guards of whoever runs respond, whoever signs.
            if why.contains(&InvalidSignature::NobodyAllowed.to_string()) { Exit::Config } else { Exit::Negative }
        }
        Some(Heard::Read) => {
            println!("respond has read it, and does nothing for it");
            eprintln!("help: somebody else may have been first; {later}");
            Exit::Negative
        }
        None => {
            nobody(waited, &later);
            Exit::Unreachable
        }
    }
}

fn nobody(waited: Duration, later: &str) {
    eprintln!("error: nobody answered within {}", cordon_settings::format_duration(waited));
    eprintln!("help: see whether cordon-act runs with the role respond; the command stays on its topic; {later}");
}
