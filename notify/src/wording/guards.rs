//! What a guard that speaks against an action says, in plain words.

use cordon_records::{ActionRecord, ActionState, GuardVerdict, HELD_TOO_LONG, Ruling};

use crate::clean;
use crate::clean::MAX_BLOCK;

/// What the guard stands for, before what it says itself; `""` where that is plain enough. Its name, where it is new to us.
fn lead(verdict: &GuardVerdict) -> &str {
    let refuses = verdict.ruling == Ruling::Refuse;
    match verdict.guard.as_str() {
        "pause" => "Cordon is paused",
        "breaker" => "Cordon has stopped acting by itself, the breaker is on",
        "hold-kinds" => "A person decides about every action of this kind",
        "scope" => "The machine is outside the pilot, or may be",
        "allow-os" => "A person decides about machines of this platform",
        "never-list" if refuses => "This machine is never to be touched",
        "never-list" => "It cannot be told whether this machine is on the never list",
        "hold-tags" | "device-value" => "A person decides about this machine",
        "hold-users" => "A person decides where this user is involved",
        "age" => "A person decides about old alerts",
        "released-by-person" => "A person let this machine back not long ago",
        "maintenance" => "There is maintenance, or may be",
        "rule-limits" => "The rule's own limit is reached",
        "per-rule" => "The cap on each rule is reached",
        "per-device-group" => "The cap on each device group stands against it",
        "gentle-caps" => "The cap on small actions is reached",
        "caps" => "The cap on all actions is reached",
        "fleet-share" => "The cap on the share of the fleet stands against it",
        "mode" | "closed" | "machine-facts" | "observable" | "retired" | "isolation" | "standing-isolation" => "",
        new => new,
    }
}

/// What the guard says, as a sentence for people.
pub fn plain(verdict: &GuardVerdict) -> String {
    if verdict.guard == "mode" && verdict.ruling == Ruling::Hold {
        return "This rule asks a person first: its mode, or that of cordon-act, is approve.".to_owned();
    }
    let why = clean::foreign(&verdict.why, MAX_BLOCK);
    let lead = clean::line(lead(verdict), 60);
    let colon = if lead.is_empty() || why.is_empty() { "" } else { ": " };
    sentence(&format!("{lead}{colon}{why}"))
}

/// Why an action stands where it stands: in the words of the guard, where a guard has decided.
pub fn why(record: &ActionRecord) -> String {
    let reason = reason(record);
    let against = record.guards.iter().filter(|verdict| verdict.ruling != Ruling::Pass);
    let found = against.filter_map(|verdict| {
        let (before, after) = reason.split_once(&said(verdict))?;
        Some((before, plain(verdict), after))
    });
    match found.min_by_key(|(before, _, _)| before.len()) {
        None => clean::foreign(reason, MAX_BLOCK),
        Some((before, plain, "")) => clean::foreign(before, MAX_BLOCK) + space(before) + &plain,
        Some((before, plain, after)) => {
            let (before, after) = (clean::foreign(before, MAX_BLOCK), clean::foreign(after, MAX_BLOCK));
            format!("{before}{}{}{after}", space(&before), plain.trim_end_matches('.'))
        }
    }
}

/// The responder's reason. That nobody decided is left away where somebody did.
fn reason(record: &ActionRecord) -> &str {
    let decided = record.state == ActionState::Expired && !record.approvals.is_empty();
    record.reason.strip_prefix(HELD_TOO_LONG).filter(|_| decided).unwrap_or(&record.reason)
}

/// Whether the reason is this guard's word.
pub fn decides(record: &ActionRecord, verdict: &GuardVerdict) -> bool {
    record.reason.contains(&said(verdict))
}

/// As the responder quotes a guard.
fn said(verdict: &GuardVerdict) -> String {
    format!("{}: {}", verdict.guard, verdict.why)
}

const fn space(before: &str) -> &'static str {
    if before.is_empty() { "" } else { " " }
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    let stop = if text.is_empty() || text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}
