//! What is held, printed: a table, a page, a document. All of it was written by others and is made harmless first.

use std::borrow::Borrow;
use std::fmt::Write as _;

use cordon_records::{AttemptState, GuardVerdict, LedgerEntry, Ruling};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::seconds;
use crate::escape;
use crate::output::{cell, table};

/// A line for each.
pub fn listed(held: &[&LedgerEntry]) -> String {
    let rows: Vec<[String; 8]> = held.iter().map(|entry| row(entry)).collect();
    table(["KEY", "MACHINE", "ACTION", "ASKED BY", "SINCE", "EXPIRES", "APPROVALS", "WHY HELD"], &rows)
}

fn row(entry: &LedgerEntry) -> [String; 8] {
    [
        entry.key.to_string(),
        cell(entry.machine.label()),
        cell(&entry.action.kind().to_string()),
        cell(&askers(entry)),
        seconds(entry.at),
        entry.expires_at.map_or_else(|| "-".to_owned(), seconds),
        entry.approvals.len().to_string(),
        // The cause stands at its end, and nothing comes after it in the line.
        escape::text(&why(entry)),
    ]
}

fn askers(entry: &LedgerEntry) -> String {
    let rules: Vec<&str> = entry.rules.iter().map(cordon_records::RuleId::as_str).collect();
    entry.requested_by.clone().unwrap_or_else(|| rules.join(", "))
}

/// The first guard that wants a person, else the reason as it was given.
fn why(entry: &LedgerEntry) -> String {
    if entry.tenant_refuses {
        return format!("not to be approved: {}", entry.reason);
    }
    let holds = entry.guards.iter().find(|verdict| verdict.ruling == Ruling::Hold);
    holds.map_or_else(|| entry.reason.clone(), |verdict| format!("{}: {}", verdict.guard, verdict.why))
}

/// All of them as one document.
pub fn documents(held: &[&LedgerEntry]) -> Value {
    let held: Vec<Value> = held.iter().map(|entry| fields(entry)).collect();
    json!({ "schema_version": 1, "held": held })
}

/// One of them as a document.
pub fn document(entry: &LedgerEntry) -> Value {
    let mut document = fields(entry);
    if let Value::Object(fields) = &mut document {
        fields.insert("schema_version".to_owned(), json!(1));
    }
    document
}

fn fields(entry: &LedgerEntry) -> Value {
    json!({
        "key": entry.key,
        "state": entry.state.as_str(),
        "intent": entry.intent(),
        "machine": entry.machine,
        "alert": entry.alert,
        "action": entry.action,
        "comment": comment(entry),
        "rules": entry.rules,
        "conditions": entry.conditions,
        "requested_by": entry.requested_by,
        "mode": entry.mode,
        "reason": entry.reason,
        "guards": entry.guards,
        "approvals": entry.approvals,
        "since": entry.at,
        "expires_at": entry.expires_at,
        "tenant_refuses": entry.tenant_refuses,
        "asked_at": entry.intents.last(),
        "rests_until": rests_until(entry),
    })
}

/// The comment that Defender would get, with the mark by which respond finds its own actions again; `None` for an action
/// that carries none.
fn comment(entry: &LedgerEntry) -> Option<String> {
    let words = Some(entry.action.comment()).filter(|words| !words.is_empty())?;
    Some(format!("{words} [cordon:{}#{}]", entry.key, entry.attempt + 1))
}

/// Until when it rests, while it is in doubt.
fn rests_until(entry: &LedgerEntry) -> Option<Timestamp> {
    (entry.state == AttemptState::InDoubt).then_some(entry.rests_until)?
}

/// Everything that a person needs to decide.
pub fn page(entry: &LedgerEntry) -> String {
    let mut page = Page::default();
    page.line("action", &format!("{} on {}", entry.action.kind(), entry.machine.label()));
    page.line("state", &format!("{}: {}", entry.state.as_str(), entry.reason));
    page.line("since", &seconds(entry.at));
    page.line("expires", &entry.expires_at.map_or_else(|| "-".to_owned(), seconds));
    if let Some(until) = rests_until(entry) {
        page.line("in doubt", &format!("since {}", seconds(entry.asked_at())));
        page.line("rests until", &format!("{}; then Defender's list of actions is read", seconds(until)));
    }
    machine(&mut page, entry);
    alert(&mut page, entry);
    asked(&mut page, entry);
    would_send(&mut page, entry);
    page.heading("guards");
    entry.guards.iter().for_each(|verdict| {
        page.line(&format!("  {}", ruled(verdict)), &format!("{}: {}", verdict.guard, verdict.why))
    });
    page.heading("approvals");
    if entry.approvals.is_empty() {
        page.line("  none", "");
    }
    for yes in &entry.approvals {
        page.line("  yes", &format!("{} at {} with {}: {}", yes.by, seconds(yes.at), yes.key, yes.why));
    }
    page.line("key", entry.key.as_str());
    page.line("intent", entry.intent().as_str());
    page.0
}

fn machine(page: &mut Page, entry: &LedgerEntry) {
    let machine = &entry.machine;
    let or_unknown = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
    page.heading("machine");
    page.line("  name", machine.label());
    page.line("  id", machine.id.as_str());
    page.line("  platform", &or_unknown(machine.known_os()));
    page.line("  group", &or_unknown(machine.known_group()));
    page.line("  value", &or_unknown(machine.known_value()));
    page.line("  tags", &machine.tags.as_ref().map_or_else(|| "unknown".to_owned(), |tags| joined(tags)));
}

fn alert(page: &mut Page, entry: &LedgerEntry) {
    let alert = &entry.alert;
    page.heading("alert");
    page.line("  title", &alert.title);
    page.line("  id", alert.id.as_str());
    page.line("  severity", alert.severity.as_str());
    page.line("  status", alert.status.as_str());
    page.line("  category", alert.category.as_deref().unwrap_or("-"));
    page.line("  created", &alert.created.map_or_else(|| "unknown".to_owned(), seconds));
    page.line("  users", &joined(&alert.people()));
}

fn asked(page: &mut Page, entry: &LedgerEntry) {
    page.heading("asked by");
    if let Some(person) = &entry.requested_by {
        page.line("  person", person);
    }
    for (index, rule) in entry.rules.iter().enumerate() {
        page.line("  rule", rule.as_str());
        for line in entry.conditions.get(index).map_or("", String::as_str).lines() {
            page.line("    when", line);
        }
    }
    page.line("  mode", entry.mode.as_str());
}

/// The action field by field, so that no kind is forgotten.
fn would_send(page: &mut Page, entry: &LedgerEntry) {
    page.heading("would send");
    let fields = serde_json::to_value(&entry.action).unwrap_or_default();
    for (name, value) in fields.as_object().into_iter().flatten() {
        let value = match value {
            Value::String(words) if name == "comment" => comment(entry).unwrap_or_else(|| words.clone()),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        page.line(&format!("  {name}"), &value);
    }
}

const fn ruled(verdict: &GuardVerdict) -> &'static str {
    match verdict.ruling {
        Ruling::Pass => "pass",
        Ruling::Covered => "covered",
        Ruling::Hold => "HOLD",
        Ruling::Refuse => "REFUSE",
    }
}

fn joined<T: Borrow<str>>(texts: &[T]) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

/// Lines with a name in front.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, name: &str, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{}", format!("{name:<13} {}", escape::text(text)).trim_end());
    }

    fn heading(&mut self, name: &str) {
        let _ = writeln!(self.0, "{name}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::entry;
    use super::*;
    use cordon_records::Approval;

    fn held() -> LedgerEntry {
        let mut entry = entry("acee6df23fcd80b6", "m1", "LAPTOP-ANNA");
        entry.reason = "held by mode: mode approve".to_owned();
        entry.guards.truncate(3);
        entry.guards[2].ruling = Ruling::Hold;
        entry.guards[2].why = "mode approve: a person decides".to_owned();
        entry.alert.title = "Ransomware\u{1b}[2J".to_owned();
        entry
    }

    #[test]
    fn the_list_says_which_machine_what_for_why_and_until_when() {
        insta::assert_snapshot!(listed(&[&held()]));
    }

    #[test]
    fn the_page_says_everything_and_no_title_moves_the_cursor() {
        let mut entry = held();
        entry.approvals.push(Approval {
            by: "ann@example.com".to_owned(),
            key: "SHA256:abc".to_owned(),
            why: "seen".to_owned(),
            at: entry.at,
            command: cordon_records::CommandId::new("c-1").unwrap(),
            intent: entry.intent(),
            notice: None,
        });
        insta::assert_snapshot!(page(&entry));
    }

    #[test]
    fn the_page_of_an_action_in_doubt_says_since_when_and_until_when_it_rests() {
        let mut entry = held();
        entry.state = AttemptState::InDoubt;
        entry.reason = "the answer was lost".to_owned();
        entry.intents = vec!["2026-11-24T03:00:30.5Z".parse().unwrap()];
        entry.rests_until = Some("2026-11-24T03:02:30.5Z".parse().unwrap());
        let page = page(&entry);
        for line in [
            "state         in_doubt: the answer was lost",
            "in doubt      since 2026-11-24T03:00:30Z",
            "rests until   2026-11-24T03:02:30Z; then Defender's list of actions is read",
        ] {
            assert!(page.contains(line), "{line} is not in:\n{page}");
        }
        assert_eq!(document(&entry)["rests_until"], "2026-11-24T03:02:30.5Z");
    }

    #[test]
    fn what_is_asked_for_anew_rests_no_more() {
        let mut entry = held();
        entry.rests_until = Some("2026-11-24T03:02:30.5Z".parse().unwrap());
        entry.state = AttemptState::Intent;
        let page = super::page(&entry);
        assert!(!page.contains("in doubt") && !page.contains("rests until"), "{page}");
        assert!(document(&entry)["rests_until"].is_null());
    }

    #[test]
    fn the_document_has_what_an_approval_must_name() {
        let entry = held();
        let document = document(&entry);
        assert_eq!(document["intent"], entry.intent().as_str());
        assert_eq!((&document["schema_version"], &document["state"]), (&json!(1), &json!("held")));
        assert_eq!(document["comment"], "High severity alert [cordon:acee6df23fcd80b6#1]");
    }
}
