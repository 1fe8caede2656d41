//! I10: whoever is to be told is told, and told again only where something came between the mail and the note about it.
//! Which reports deserve a mail is written down here a second time, from the header of notify's `message`.

use std::collections::{BTreeMap, BTreeSet};

use cordon_records::{ActionRecord, Report, Ruling, Topic};

use super::evidence::{Evidence, Expectation};
use super::{Breach, settled};

/// What a kind of action is told of, by its name in records. A kind that is not named here is told of at every step.
const OUTCOMES_ONLY: [&str; 2] = ["stop_file", "indicator"];
const PRODUCTS: [&str; 1] = ["collect_package"];
const QUIET: [&str; 6] = ["scan", "investigate", "tag", "set_device_value", "update_alert", "cancel"];

/// The key under which a report is mailed once; `None` for one that deserves no mail.
pub(super) fn key_of(report: &Report) -> Option<String> {
    let action = match report {
        Report::Notice(notice) => return Some(format!("notice|{}", notice.id)),
        Report::Action(action) => action,
    };
    let state = action.state.as_str();
    let people = action.requested_by.is_some() || !action.approvals.is_empty();
    if !states_of(kind(action)).contains(&state) || (state == "covered" && !people) {
        return None;
    }
    if ["denied", "expired"].contains(&state) && is_noticed(action) && !people {
        return None;
    }
    let once_a_day = ["refused", "would"].contains(&state) && !people;
    match &action.key {
        Some(key) if !once_a_day => {
            let yeses = action.approvals.len();
            let held_as = action.intent.as_ref().map_or_else(String::new, |intent| format!("|{intent}#{yeses}"));
            Some(format!("{key}|{}|{state}{held_as}", action.attempt))
        }
        None if !once_a_day => Some(format!("{}|{}|{state}", action.alert.id, kind(action))),
        Some(_) | None => {
            let target = action.machine.as_ref().map_or(action.alert.id.as_str(), |machine| machine.id.as_str());
            Some(daily(action, target))
        }
    }
}

fn kind(action: &ActionRecord) -> &'static str {
    action.action.as_ref().map_or("none", |action| action.kind().as_str())
}

/// The states of a kind that are worth a mail.
fn states_of(kind: &str) -> Vec<&'static str> {
    let mut states = vec!["held", "failed", "timed_out", "needs_human"];
    if QUIET.contains(&kind) {
        return states;
    }
    states.push("succeeded");
    if PRODUCTS.contains(&kind) {
        return states;
    }
    states.extend(["refused", "would", "covered", "cancelled", "closed_meanwhile", "approved", "denied", "expired"]);
    states.push("overdue");
    if !OUTCOMES_ONLY.contains(&kind) {
        states.extend(["accepted", "in_doubt"]);
    }
    states
}

/// Whether a notice speaks for every guard that holds the action.
fn is_noticed(action: &ActionRecord) -> bool {
    let guards: Vec<&str> =
        action.guards.iter().filter(|word| word.ruling == Ruling::Hold).map(|word| &*word.guard).collect();
    let noticed = |guard: &&str| ["breaker", "pause", "caps"].contains(guard);
    guards.iter().any(noticed) && guards.iter().all(|guard| noticed(guard) || *guard == "fleet-share")
}

/// One mail for each target, kind, state and day.
fn daily(action: &ActionRecord, target: &str) -> String {
    format!("{target}|{}|{}|{}", kind(action), action.state.as_str(), action.at.strftime("%Y-%m-%d"))
}

/// The keys of mails that are done with, each with its `Message-ID`; a digest names the keys that it tells.
pub(super) fn notified(evidence: &Evidence) -> Vec<(String, String)> {
    written_down(evidence, &["sent"])
}

/// The same for mails of these entries; `planned` is a digest that is about to be sent.
fn written_down(evidence: &Evidence, entries: &[&str]) -> Vec<(String, String)> {
    let of = |seen: &super::Seen| {
        let key = seen.key_text().strip_prefix("mail/")?.to_owned();
        let record: serde_json::Value = seen.json()?;
        let message = record.get("message_id")?.as_str()?.to_owned();
        let told = record.get("keys").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        let told = told.iter().filter_map(|key| key.as_str().map(str::to_owned));
        let counts = entries.contains(&record.get("entry")?.as_str()?);
        counts.then(|| told.chain([key]).map(|key| (key, message.clone())).collect::<Vec<_>>())
    };
    evidence.topic(Topic::Notified).iter().filter_map(of).flatten().collect()
}

fn copies(evidence: &Evidence) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for mail in &evidence.mails {
        *copies.entry(mail.header("Message-ID").unwrap_or_default()).or_insert(0) += 1;
    }
    copies
}

/// I10, at rest: at least one mail for each report that deserves one, unless its report is in the dead letters.
pub fn every_result_is_mailed(evidence: &Evidence) -> Vec<Breach> {
    let (sent, copies): (BTreeMap<String, String>, _) = (notified(evidence).into_iter().collect(), copies(evidence));
    let letters = evidence.topic(Topic::DeadLetters);
    let dead: BTreeSet<String> = letters.iter().filter_map(|letter| settled::origin(evidence, letter)).collect();
    let mut judged = BTreeSet::new();
    let mut breaches = Vec::new();
    for (seen, report) in evidence.typed::<Report>(Topic::Actions) {
        let Some(key) = key_of(&report).filter(|key| judged.insert(key.clone())) else { continue };
        if dead.contains(&seen.place()) {
            continue;
        }
        let arrived = sent.get(&key).is_some_and(|message| copies.contains_key(message));
        if !arrived {
            let ids = [report.id().to_owned(), seen.place()];
            breaches.push(Breach::new(10, format!("no mail under {key}"), ids));
        }
    }
    breaches
}

/// I10: copies share their `Message-ID`, a key has one, and there are no more copies than interruptions.
pub fn mails_are_repeated_by_interruptions_only(evidence: &Evidence, expectation: &Expectation) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, id) in written_down(evidence, &["sent", "planned"]) {
        ids.entry(key).or_default().insert(id);
    }
    for (key, ids) in ids.iter().filter(|(_, ids)| ids.len() > 1) {
        breaches.push(Breach::new(10, format!("{key} was mailed under {} names", ids.len()), ids));
    }
    let known: BTreeSet<&String> = ids.values().flatten().collect();
    let copies = copies(evidence);
    for id in copies.keys().filter(|id| !known.contains(id)) {
        breaches.push(Breach::new(10, "a mail that nobody wrote down", [id]));
    }
    let again: Vec<&String> = copies.iter().filter(|(_, count)| **count > 1).map(|(id, _)| id).collect();
    let repeated: usize = copies.values().map(|count| count - 1).sum();
    if repeated > expectation.interruptions {
        let what = format!("{repeated} mails too many after {} interruptions", expectation.interruptions);
        breaches.push(Breach::new(10, what, again));
    }
    breaches
}
