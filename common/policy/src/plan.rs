//! What matching rules ask for together: one planned action for each action key.
//!
//! - Order: rules by id, each rule's actions as written, an action where its key appears first; what closes the alert
//!   comes after everything else.
//! - Modes: `approve` beats `auto`. Rules in shadow influence nothing: they count only for keys that no other rule names,
//!   and come last.
//! - Settings that differ under one key: the stronger or safer one ([`settings`]). Where neither is, the action is left
//!   out as contradictory.
//! - An action that would undo another of the same decision is left out ([`opposites`]).
//! - A rule that could not be judged because the alert was cut may match or not. What it asks for waits for a person, and
//!   so does what other rules ask for where it would be another action, or none, if that rule matched.
//! - Evidence that names more than [`MOST`](crate::expand::MOST) things, or of which the record has a part only: at most
//!   that many are planned, for a person to approve.
//!
//! What is left out is told in notes, which become part of the decision's reason.

mod notes;
pub mod opposites;
mod settings;

use std::collections::BTreeMap;

use cordon_records::cut::EVIDENCE;
use cordon_records::{
    Action, ActionKey, Alert, AlertStatus, Classification, Cut, EnrichedRecord, MachineId, Mode, PlannedAction, RuleId,
};

use crate::expand::{Expanded, expand};
use crate::rules::{Rule, Template};

/// What follows from the matching rules.
#[derive(Debug, Default)]
pub struct Plan {
    /// What is to be done, in order.
    pub actions: Vec<PlannedAction>,
    /// What was left out or bounded, and why.
    pub notes: Vec<Note>,
    /// Whether something was left out because rules contradict each other.
    pub contradicted: bool,
    /// Whether what a rule asks for may be named by evidence that was cut, and by nothing else.
    pub unseen: bool,
}

impl Plan {
    /// Whether a rule that is not in shadow gets something done.
    pub fn acts(&self) -> bool {
        self.actions.iter().any(|planned| planned.mode != Mode::Shadow)
    }
}

/// A word on something that was left out or bounded.
#[derive(Debug, PartialEq, Eq)]
pub struct Note {
    /// For people.
    pub text: String,
    /// Only rules in shadow are concerned.
    pub shadow: bool,
}

/// A rule whose actions count.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Whether it matches; else nobody can tell, since the alert was cut.
    pub sure: bool,
}

/// One rule's wish for one action.
#[derive(Clone)]
struct Request<'a> {
    rule: &'a Rule,
    sure: bool,
    action: Action,
    mode: Mode,
}

/// An action, and whether it is asked for whatever was cut.
struct Merged {
    action: PlannedAction,
    sure: bool,
}

/// Merges the requests of rules, sorted by id, on one machine.
pub fn merge<A, M>(asking: &[Asking], record: &EnrichedRecord<A, M>, alert: &Alert, machine: &MachineId) -> Plan {
    let cut = record.cut.iter().find(|cut| cut.field == EVIDENCE);
    let (shadow, live): (Vec<Asking>, Vec<Asking>) = asking.iter().partition(|asking| asking.rule.mode == Mode::Shadow);
    let mut plan = Plan::default();
    let mut requests: Vec<(ActionKey, Vec<Request>)> = Vec::new();
    for asking in live.into_iter().chain(shadow) {
        for request in asked(asking, (alert, cut), &mut plan) {
            let key = ActionKey::derive(&record.tenant, &alert.id, machine, &request.action);
            match requests.iter_mut().find(|(known, _)| *known == key) {
                Some((_, together)) => together.push(request),
                None => requests.push((key, vec![request])),
            }
        }
    }
    let mut merged = Vec::new();
    for (key, requests) in requests {
        match together(key, requests, &mut plan.notes) {
            Some(action) => merged.push(action),
            None => plan.contradicted = true,
        }
    }
    plan.actions = opposites::leave_out(merged, &mut plan.notes);
    plan.actions.sort_by_key(|planned| (planned.mode == Mode::Shadow, closes(&planned.action)));
    plan
}

/// Whether this closes the alert. Nothing is done any more for a closed alert, so it comes after everything else.
fn closes(action: &Action) -> bool {
    let Action::UpdateAlert(changes) = action else { return false };
    let harmless = [Classification::FalsePositive, Classification::InformationalExpectedActivity];
    changes.status == Some(AlertStatus::Resolved)
        || changes.classification.as_ref().is_some_and(|found| harmless.contains(found))
}

/// What one rule asks for with this alert.
fn asked<'a>(
    Asking { rule, sure }: Asking<'a>,
    (alert, cut): (&Alert, Option<&Cut>),
    plan: &mut Plan,
) -> Vec<Request<'a>> {
    let mut requests = Vec::new();
    let shadow = rule.mode == Mode::Shadow;
    for template in &rule.actions {
        let Expanded { actions, found, refused } = expand(template, alert);
        let mut mode = rule.mode;
        let cut = cut.filter(|_| matches!(template, Template::Evidence(_)));
        if let Some(first) = &refused.first {
            plan.notes.push(Note { text: notes::refused(template, first, refused.count.saturating_sub(1)), shadow });
        }
        let text = match (found, cut) {
            (0, Some(cut)) => Some(notes::nothing_found_in_a_part(template, cut)),
            (0, None) if refused.first.is_none() => Some(notes::nothing_found(template)),
            (_, Some(cut)) => Some(notes::a_part(template, cut)),
            (_, None) if found > actions.len() => Some(notes::too_many(template, found)),
            (_, None) => None,
        };
        if found > actions.len() || cut.is_some() {
            mode = mode.min(Mode::Approve);
        }
        plan.unseen |= found == 0 && cut.is_some() && !shadow;
        plan.notes.extend(text.map(|text| Note { text, shadow }));
        requests.extend(actions.into_iter().map(|action| Request { rule, sure, action, mode }));
    }
    requests
}

/// The requests under one key as one action; `None`, with a note, where they contradict each other. Where it would be
/// another action, or none, if a rule matched that could not be judged, it waits for a person.
fn together(key: ActionKey, mut requests: Vec<Request>, notes: &mut Vec<Note>) -> Option<Merged> {
    if requests.iter().any(|request| request.mode != Mode::Shadow) {
        requests.retain(|request| request.mode != Mode::Shadow);
    }
    // Comments are those of the first among equals.
    requests.sort_by_key(|request| !request.sure);
    let (certain, open) = requests.split_at(requests.partition_point(|request| request.sure));
    let sure = !certain.is_empty();
    let certainly = if sure && !open.is_empty() { planned(key.clone(), certain).ok() } else { None };
    let (mut action, same) = match (planned(key, &requests), certainly) {
        (Ok(action), Some(certainly)) => {
            let same = action.action == certainly.action;
            (action, same)
        }
        (Ok(action), None) => (action, open.is_empty()),
        (Err(note), certainly) => {
            notes.push(note);
            (certainly?, false)
        }
    };
    if !same {
        action.mode = action.mode.min(Mode::Approve);
    }
    Some(Merged { action, sure })
}

/// The requests under one key as one action, or what contradicts.
fn planned(key: ActionKey, requests: &[Request]) -> Result<PlannedAction, Note> {
    let mut limits: BTreeMap<u64, u32> = BTreeMap::new();
    let mut merged: Option<(Action, Mode)> = None;
    for Request { rule, action, mode, sure: _ } in requests {
        for &(window, limit) in &rule.limits {
            limits.entry(window).and_modify(|known| *known = limit.min(*known)).or_insert(limit);
        }
        merged = match merged {
            None => Some((action.clone(), *mode)),
            Some((known, other)) => settings::merge(known, action).map(|action| (action, other.min(*mode))),
        };
        if merged.is_none() {
            let text = notes::contradiction(action.kind(), &rules_of(requests));
            return Err(Note { text, shadow: *mode == Mode::Shadow });
        }
    }
    match merged {
        Some((action, mode)) => {
            let limits = limits.into_iter().collect();
            Ok(PlannedAction { key, action, mode, rules: rules_of(requests), limits })
        }
        None => Err(Note { text: format!("no rule asks for action {key}"), shadow: true }),
    }
}

/// The rules behind the requests, each once.
fn rules_of(requests: &[Request]) -> Vec<RuleId> {
    let mut rules: Vec<RuleId> = requests.iter().map(|request| request.rule.id.clone()).collect();
    rules.dedup();
    rules
}

#[cfg(test)]
mod tests;
