//! The picture as lines for people and as a document for programs.

use std::collections::BTreeMap;

use cordon_ingest::PollInterval;
use cordon_records::{Latch, NoticeKind, PollCursor};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::line::{Line, ago, count, good, look, looked, seconds, when};
use super::picture::{Commands, DeadLetters, Held, InDoubt, Ledger, Picture, Refused, Stage, Unread};
use super::stages;
use crate::dlq::seen::told_of;

/// Coverage that is older than this has stopped, unless polls are further apart.
const COVERAGE_STALE: SignedDuration = SignedDuration::from_mins(5);
/// Or than so many polls.
const POLLS: i32 = 4;

/// More stages and reasons than this are not named.
const CAUSES: usize = 4;

/// What people asked for is read within this, by whoever is alive.
const COMMANDS: SignedDuration = SignedDuration::from_secs(15);

/// What waits for a person for longer than this has been overlooked.
const HELD_LONG: SignedDuration = SignedDuration::from_mins(15);

/// Everything, gravest or not, in a fixed order.
pub fn lines(picture: &Picture, now: Timestamp) -> Vec<Line> {
    let ledger = &picture.ledger;
    let mut lines = stages::lines(picture, now);
    lines.extend([
        looked("breaker", ledger, |it| switch("breaker", it.breaker.as_ref(), NoticeKind::BreakerLatched, now)),
        looked("pause", ledger, |it| switch("pause", it.pause.as_ref(), NoticeKind::Paused, now)),
        looked("commands", &picture.commands, |it| commands(it, now)),
        looked("rules", ledger, |it| rules(it, now)),
        looked("held", ledger, |it| held(&it.held, now)),
        looked("refused", ledger, |it| refused(&it.refused, now)),
        looked("actions", ledger, |it| actions(it, now)),
        looked("doubt", ledger, |it| doubt(&it.doubts, now)),
        looked("coverage", &picture.cursor, |it| coverage(it.as_ref(), picture.poll_interval, now)),
        looked("fleet", ledger, |it| fleet(it, now)),
        looked("dead", &picture.dead_letters, |it| dead_letters(it, now)),
        looked("lost", &picture.dead_letters, |it| lost(it, now)),
    ]);
    lines
}

fn switch(about: &'static str, latch: Option<&Latch>, kind: NoticeKind, now: Timestamp) -> Line {
    match latch.filter(|latch| latch.on) {
        None => good(about, "off"),
        Some(latch) => look(
            about,
            format!("ON for {} (since {}) by {}: {}", ago(latch.at, now), latch.at, latch.by, latch.why),
            format!("every action is held; cordon resume {}@{} --why … lets them go on", kind.as_str(), latch.at),
        ),
    }
}

fn commands(commands: &Commands, now: Timestamp) -> Line {
    let Commands { unread, made_anew } = commands;
    let age =
        unread.oldest.map_or_else(|| "of unknown age".to_owned(), |at| format!("the oldest {} old", ago(at, now)));
    let text = format!("{} that respond has not read, {age}", count(unread.records, "command"));
    let is_fresh = unread.oldest.is_some_and(|at| now.duration_since(at) <= COMMANDS);
    match (made_anew, unread.records) {
        (None, 0) => good("commands", "all read"),
        (None, _) if is_fresh => good("commands", text),
        (None, _) => {
            look("commands", text, "what people approved, denied or released is not done: is cordon-act running?")
        }
        (Some(anew), records) => {
            let read =
                format!("respond had read the one before up to {}, and this one ends at {}", anew.next, anew.end);
            let here = match (anew.is_told_by_time, records) {
                (true, 0) => "nothing here is newer than what it read there".to_owned(),
                (true, _) => text,
                (false, _) => "what is on this one is passed over: the ledger does not say when the last that was read was written".to_owned(),
            };
            look(
                "commands",
                format!("the topic was MADE ANEW: {read}; {here}"),
                "what was written to the one before and not read is gone: say again what was not done",
            )
        }
    }
}

fn rules(ledger: &Ledger, now: Timestamp) -> Line {
    match &ledger.policy {
        None => good("rules", "respond has not said yet which are in force"),
        Some(standing) => {
            let text = format!("{} in force, set {}", standing.rules, standing.rule_set);
            match &standing.refused {
                None => good("rules", format!("{text}, since {}", when(standing.at, now))),
                Some(why) => {
                    let first = why.lines().next().unwrap_or_default();
                    let text = format!("{text}, but the files were REFUSED at {}: {first}", when(standing.at, now));
                    look("rules", text, "cordon check --read-only names every mistake with its place")
                }
            }
        }
    }
}

/// What is held is normal while it is fresh: somebody has a mail about it. What has waited long was overlooked.
fn held(all: &[Held], now: Timestamp) -> Line {
    let Some(oldest) = all.first() else { return good("held", "nothing waits for a person") };
    let ends = ends(all.iter().filter_map(|held| held.until), now);
    let waits = if all.len() == 1 { "action waits" } else { "actions wait" };
    let text = format!("{} {waits} for a person, the oldest for {}{ends}", all.len(), ago(oldest.since, now));
    if !all.iter().any(|held| is_overlooked(*held, now)) {
        return good("held", text);
    }
    look(
        "held",
        text,
        "cordon approvals list shows them; cordon approve or cordon deny decides; what runs out is not done",
    )
}

/// Wants a person at once, and not for an approval: only who looks after the application can fix it.
fn refused(all: &[Refused], now: Timestamp) -> Line {
    let (Some(oldest), Some(newest)) = (all.first(), all.last()) else {
        return good("refused", "nothing is held because Entra or Defender refuses Cordon");
    };
    let ends = ends(all.iter().filter_map(|refused| refused.until), now);
    let (waits, age) = (if all.len() == 1 { "action waits" } else { "actions wait" }, ago(oldest.since, now));
    let why = &newest.why;
    look(
        "refused",
        format!("{} {waits} since Entra or Defender REFUSES Cordon, the oldest for {age}{ends}: {why}", all.len()),
        "cordon check --stage respond shows what is missing; no approval lifts it; what runs out before it is fixed is not done",
    )
}

/// When the first of these runs out, as it is added to a line.
fn ends(untils: impl Iterator<Item = Timestamp>, now: Timestamp) -> String {
    let span = |at: Timestamp| super::line::span(at.duration_since(now));
    untils.min().map(|at| format!(", the next runs out in {}", span(at))).unwrap_or_default()
}

/// Held for long, or in the last quarter of its time.
fn is_overlooked(held: Held, now: Timestamp) -> bool {
    let waited = now.duration_since(held.since);
    let last_quarter =
        held.until.is_some_and(|until| waited.saturating_mul(4) > until.duration_since(held.since).saturating_mul(3));
    waited > HELD_LONG || last_quarter
}

fn actions(ledger: &Ledger, now: Timestamp) -> Line {
    let mut text = format!("{} on their way", ledger.open);
    if let Some((timers, next)) = ledger.timers {
        text += &format!(", {timers} machines let back by themselves, the next at {}", when(next, now));
    }
    match ledger.overdue {
        0 => good("actions", text),
        overdue => {
            look("actions", format!("{text}, {overdue} OVERDUE"), "see in the portal whether these machines are online")
        }
    }
}

/// How many actions in doubt are named.
const NAMED: usize = 5;

/// How long an action in doubt may stay so after its rest: Defender's list is read then, again and again while it cannot be.
const READ_BY: SignedDuration = SignedDuration::from_mins(5);

fn doubt(doubts: &[InDoubt], now: Timestamp) -> Line {
    if doubts.is_empty() {
        return good("doubt", "no action is in doubt");
    }
    let named = doubts.iter().take(NAMED).map(|doubt| {
        let rests = match doubt.until {
            None => String::new(),
            Some(until) if now < until => format!(", rests until {}", seconds(until)),
            Some(until) => {
                format!(", rested until {}; Defender's list is read, or a new attempt waits", seconds(until))
            }
        };
        let (key, machine, why) = (&doubt.key, &doubt.machine, &doubt.why);
        let (kind, since) = (doubt.kind, seconds(doubt.since));
        format!("{kind} on {machine} since {since} ({} ago){rests} ({key}): {why}", ago(doubt.since, now))
    });
    let named: Vec<String> = named.collect();
    let more = match doubts.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let text = format!("{} IN DOUBT: {}{more}", doubts.len(), named.join("; "));
    let is_late = |doubt: &InDoubt| doubt.until.is_some_and(|until| now.duration_since(until) > READ_BY);
    if doubts.iter().any(is_late) {
        return look(
            "doubt",
            text,
            "its rest is over: is cordon-act running, can it read Defender's list of actions, is a pause or the breaker on?",
        );
    }
    good("doubt", text)
}

fn coverage(cursor: Option<&PollCursor>, poll_interval: PollInterval, now: Timestamp) -> Line {
    let Some(cursor) = cursor else {
        return look("coverage", "no alert was ever asked for", "start cordon-ingest, and see what its log says");
    };
    let polls = SignedDuration::try_from(poll_interval.apart()).unwrap_or_default().saturating_mul(POLLS);
    let text = format!("every alert up to {}; polled: {poll_interval}, by this file", when(cursor.covered_until, now));
    if now.duration_since(cursor.covered_until) <= COVERAGE_STALE.max(polls) {
        return good("coverage", text);
    }
    look("coverage", text, "alerts are no longer fetched: is cordon-ingest running, and what does its log say?")
}

fn fleet(ledger: &Ledger, now: Timestamp) -> Line {
    match ledger.fleet {
        Some((machines, at)) => {
            let machines = count(i64::try_from(machines).unwrap_or(i64::MAX), "machine");
            good("fleet", format!("{machines}, counted {} ago", ago(at, now)))
        }
        None => good("fleet", "not counted yet: the share of the fleet allows no more than its floor"),
    }
}

/// Whatever died and was not seen wants a person: the mail about it may have been refused too.
fn dead_letters(dead: &DeadLetters, now: Timestamp) -> Line {
    let (kept, unseen) = (dead.kept, dead.unseen_count());
    let void = told_of(&dead.void).map(|told| format!("; {told}")).unwrap_or_default();
    if unseen == 0 {
        let text = if kept == 0 { "no dead letters".to_owned() } else { format!("{kept} dead letters, all seen") };
        return good("dead", text + &void);
    }
    let age = dead.oldest.map(|oldest| format!(", the oldest {} old", ago(oldest, now))).unwrap_or_default();
    look(
        "dead",
        format!("{unseen} dead letters that nobody has seen{age}: {}{void}", causes(&dead.unseen)),
        "cordon dlq list shows them, cordon dlq redrive sends them back; then cordon dlq seen --all",
    )
}

/// Records that the broker deleted before a stage read them. Nothing brings them back, so this is no dead letter like others.
fn lost(dead: &DeadLetters, now: Timestamp) -> Line {
    let said: usize = dead.lost.values().sum();
    if said == 0 {
        return good("lost", "no records were deleted before they were read, or people have seen it");
    }
    let age = dead.oldest_lost.map(|oldest| format!(", the first time {} ago", ago(oldest, now))).unwrap_or_default();
    look(
        "lost",
        format!("records were DELETED before they were read{age}: {}", causes(&dead.lost)),
        "cordon dlq list --reason lost names topics and offsets; give the topics a longer retention; then cordon dlq seen --all",
    )
}

fn causes(counts: &BTreeMap<String, usize>) -> String {
    let mut causes: Vec<(&String, &usize)> = counts.iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let causes: Vec<String> = causes.iter().take(CAUSES).map(|(cause, count)| format!("{cause} {count}")).collect();
    causes.join(", ")
}

/// For programs; times as in records, and what wants a person by name.
pub fn document(picture: &Picture, lines: &[Line]) -> Value {
    let look: Vec<&str> = lines.iter().filter(|line| !line.good).map(|line| line.about).collect();
    let nothing = Ledger::default();
    let ledger = picture.ledger.as_ref().unwrap_or(&nothing);
    let dead = picture.dead_letters.as_ref().ok();
    let lag = picture
        .stages
        .iter()
        .filter_map(|stage| Some((stage.name, stage.unsettled.as_ref()?.as_ref().ok()?.all.records)));
    let lag: BTreeMap<&str, i64> = lag.collect();
    let stages: serde_json::Map<String, Value> = picture.stages.iter().map(stage).collect();
    let told = lines.iter().map(|line| json!({"about": line.about, "good": line.good, "text": line.text}));
    let told: Vec<Value> = told.collect();
    json!({
        "schema_version": 1,
        "look": look,
        "lines": told,
        "stages": stages,
        "respond": ledger.claim,
        "breaker": ledger.breaker,
        "pause": ledger.pause,
        "policy": ledger.policy,
        "decided": picture.decided.as_ref().ok().and_then(Option::as_ref).map(|(rule_set, at)| json!({"rule_set": rule_set, "at": at})),
        "commands_unread": picture.commands.as_ref().ok().map(|commands| unread(&commands.unread)),
        "commands_made_anew": picture.commands.as_ref().ok().map(|commands| commands.made_anew),
        "actions": {
            "open": ledger.open, "in_doubt": ledger.doubts, "overdue": ledger.overdue, "held": ledger.held.len(),
            "waiting": ledger.held, "refused": ledger.refused,
            "timers": ledger.timers.map_or(0, |(timers, _)| timers),
            "next_timer": ledger.timers.map(|(_, next)| next),
        },
        "coverage": picture.cursor.as_ref().ok(),
        "fleet": ledger.fleet.map(|(machines, at)| json!({"machines": machines, "at": at})),
        "lag": lag,
        "dead_letters": dead.map(|dead| dead.kept),
        "dead_letters_unseen": dead.map(|dead| json!({
            "count": dead.unseen_count(), "oldest": dead.oldest, "by": dead.unseen, "void": dead.void,
        })),
        "lost": dead.map(|dead| json!({"by": dead.lost, "oldest": dead.oldest_lost})),
    })
}

fn unread(unread: &Unread) -> Value {
    json!({"records": unread.records, "oldest": unread.oldest})
}

/// A stage by its name. What could not be looked at is `null`.
fn stage(stage: &Stage) -> (String, Value) {
    use cordon_runtime::kafka::Membership;
    let members = match stage.members {
        Ok(Membership::Members(members)) => Some(members),
        Ok(Membership::Hidden) | Err(_) => None,
    };
    let unsettled = stage.unsettled.as_ref().and_then(|looked| looked.as_ref().ok()).map(|unsettled| {
        let on_purpose = unsettled.on_purpose.as_ref();
        let waits = on_purpose.map(|it| json!({"for": it.waits, "unread": unread(&it.unread)}));
        json!({"records": unsettled.all.records, "oldest": unsettled.all.oldest, "waits": waits})
    });
    let value = json!({"members": members, "processes": stage.words.as_ref().ok(), "unsettled": unsettled});
    (stage.name.to_owned(), value)
}

#[cfg(test)]
mod tests;
