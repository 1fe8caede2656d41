//! Decides what follows from one enriched alert. Pure: the same record and rules give the same decision.
//!
//! An alert that was too large for its record is judged on what the record has. A rule that asks for a field of which a
//! part was cut cannot be judged on it, unless the rest of its condition decides: what it asks for waits for a person, and
//! so does what is to be taken from the evidence. The size of an alert is an attacker's choice, so the actions of the other
//! rules stay as they are, save those that would differ if that rule matched ([`plan`]).
//!
//! What else cannot be judged is for a person: where a rule cannot, what the others ask for is done by a person's yes only, and
//! where they ask for nothing, the decision itself is a person's. A rule in shadow mode influences nothing, so its failure
//! counts only where no other rule asks for anything.

use cordon_records::{
    Alert, AlertSummary, Classified, Cut, DecisionRecord, EnrichedRecord, ErrorClass, Machine, MachineId, MatchedRule,
    Mode, PlannedAction, Verdict, schema_version_of,
};
use jiff::Timestamp;

use crate::condition::{Condition, Judged};
use crate::facts::RecordFacts;
use crate::plan::{self, Asking, Note, Plan};
use crate::rules::{Rule, RuleSet};
use crate::text::{one_line, reminder};

/// Why no decision could be made at all.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The record's alert is not an alert.
    #[error("the alert in enriched record {record} cannot be read: {source}")]
    Alert {
        /// The record's id.
        record: String,
        /// What the parser says.
        source: serde_json::Error,
    },
}

impl Classified for DecideError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Alert { .. } => ErrorClass::Poison,
        }
    }
}

/// How one rule stands to the record.
pub struct RuleEvaluation<'a> {
    rule: &'a Rule,
    pub judged: Judged,
}

/// Decides. `id` names the enriched record (`topic/partition/offset`), `now` is when the decision is made; it has no
/// influence on the outcome: what a condition calls `now` is when the record was made. The fleet's size, which none has
/// either, is left to the caller.
///
/// # Errors
/// [`DecideError`] when the record's alert is not an alert; everything else is a decision.
pub fn decide(
    rules: &RuleSet,
    record: &EnrichedRecord,
    id: String,
    now: Timestamp,
) -> Result<DecisionRecord, DecideError> {
    let alert = alert(record)?;
    let machine = machine_of(record, &alert);
    Ok(decided(rules, record, (&alert, machine.as_ref().map_err(String::as_str)), (id, now)))
}

/// The same on a record that was read in one pass.
#[must_use]
pub fn decide_read(
    rules: &RuleSet,
    record: &EnrichedRecord<Alert, Machine>,
    id: String,
    now: Timestamp,
) -> DecisionRecord {
    let alert = &record.alert;
    let machine = named(record, alert).and_then(|(machine, wanted)| the_one(machine, wanted));
    decided(rules, record, (alert, machine.as_ref().copied().map_err(String::as_str)), (id, now))
}

/// A record laid out for judging, once for any number of rules.
#[derive(Debug)]
pub struct Laid<'r> {
    facts: RecordFacts<'r>,
    machine: Result<&'r Machine, String>,
}

impl<'r> Laid<'r> {
    /// Lays out a record that was read in one pass.
    #[must_use]
    pub fn read(record: &'r EnrichedRecord<Alert, Machine>) -> Self {
        let machine = named(record, &record.alert).and_then(|(machine, wanted)| the_one(machine, wanted));
        Self::out(record, &record.alert, machine)
    }

    /// Lays out a record whose alert and machine ([`machine_of`]) were read by themselves.
    #[must_use]
    pub fn out<A, M>(record: &'r EnrichedRecord<A, M>, alert: &'r Alert, machine: Result<&'r Machine, String>) -> Self {
        Self::parts(alert, machine, (record.enriched_at, &record.cut))
    }

    /// Lays out what a record consists of: alert, machine, when it was made, and what of the alert it leaves out.
    #[must_use]
    pub fn parts(alert: &'r Alert, machine: Result<&'r Machine, String>, (at, cut): (Timestamp, &'r [Cut])) -> Self {
        let facts = RecordFacts::new(alert, machine.as_ref().ok().copied(), at).without(cut);
        Self { facts, machine }
    }

    /// What a rule says of it, as [`decide()`] judges.
    #[must_use]
    pub fn judge(&self, rule: &Rule) -> Judged {
        stand(rule, &self.facts, self.machine.as_ref().copied().map_err(String::as_str)).judged
    }

    /// The machine, where there is one to judge on.
    #[must_use]
    pub fn machine(&self) -> Option<&'r Machine> {
        self.machine.as_ref().ok().copied()
    }

    /// What a condition says of it.
    #[must_use]
    pub fn condition(&self, condition: &Condition) -> Judged {
        condition.judge(&self.facts)
    }
}

fn decided<A, M>(
    rules: &RuleSet,
    record: &EnrichedRecord<A, M>,
    (alert, machine): (&Alert, Result<&Machine, &str>),
    (id, now): (String, Timestamp),
) -> DecisionRecord {
    let facts = RecordFacts::new(alert, machine.ok(), record.enriched_at).without(&record.cut);
    let stands: Vec<RuleEvaluation> = rules.rules().iter().map(|rule| stand(rule, &facts, machine)).collect();
    let target = machine.ok().map(|machine| &machine.id);
    let conclusion = conclude(&stands, record, alert, target);
    let summary = summary(record, alert);
    DecisionRecord {
        schema_version: schema_version_of(&summary.cut),
        id,
        tenant: record.tenant.clone(),
        alert: summary,
        machine: machine.ok().map(Machine::summary).or_else(|| alert.machine_summary()),
        verdict: conclusion.verdict,
        reason: conclusion.reason,
        matched: stands.iter().filter_map(matched).collect(),
        planned: conclusion.planned,
        rule_set: rules.hash().to_owned(),
        fleet: None,
        seen_at: record.seen_at,
        enriched_at: record.enriched_at,
        decided_at: now,
    }
}

/// What the decision says of the alert, and what the record leaves out of it.
fn summary<A, M>(record: &EnrichedRecord<A, M>, alert: &Alert) -> AlertSummary {
    let mut summary = alert.summary();
    Cut::add(&mut summary.cut, record.cut.clone());
    summary
}

/// The record's alert.
pub fn alert(record: &EnrichedRecord) -> Result<Alert, DecideError> {
    record.alert.view().map_err(|source| DecideError::Alert { record: record.id.clone(), source })
}

/// The record's machine, or why there is none to judge on.
///
/// # Errors
/// Why, for people.
pub fn machine_of(record: &EnrichedRecord, alert: &Alert) -> Result<Machine, String> {
    let (raw, wanted) = named(record, alert)?;
    let machine: Machine = raw.view().map_err(|error| format!("machine {wanted} cannot be read: {error}"))?;
    the_one(&machine, wanted)?;
    Ok(machine)
}

/// What the record has for a machine, and the machine that the alert names.
fn named<'r, A, M>(record: &'r EnrichedRecord<A, M>, alert: &'r Alert) -> Result<(&'r M, &'r MachineId), String> {
    let Some(wanted) = &alert.machine_id else { return Err("the alert names no machine".to_owned()) };
    record.machine.as_ref().map(|machine| (machine, wanted)).ok_or_else(|| {
        let why = record.missing.iter().find(|missing| missing.what == "machine");
        format!("machine {wanted} could not be had: {}", why.map_or("no reason given", |missing| &missing.why))
    })
}

/// The machine, if it is the one that the alert names.
fn the_one<'r>(machine: &'r Machine, wanted: &MachineId) -> Result<&'r Machine, String> {
    if machine.id.as_str().eq_ignore_ascii_case(wanted.as_str()) {
        Ok(machine)
    } else {
        Err(format!("the alert names machine {wanted}, but the record holds {}", machine.id))
    }
}

/// Judges one rule. A rule that matches and acts on a machine needs that machine.
pub fn stand<'a>(rule: &'a Rule, facts: &RecordFacts, machine: Result<&Machine, &str>) -> RuleEvaluation<'a> {
    let judged = match (rule.condition.judge(facts), machine) {
        (Judged::True, Err(why)) if !rule.actions.is_empty() => Judged::Unknown(why.to_owned()),
        (Judged::Unknown(problem) | Judged::Cut(problem), Err(why)) => Judged::Unknown(format!("{problem} ({why})")),
        (judged, _) => judged,
    };
    RuleEvaluation { rule, judged }
}

fn matched(stand: &RuleEvaluation) -> Option<MatchedRule> {
    let rule = stand.rule;
    match stand.judged {
        Judged::True => Some(MatchedRule { rule: rule.id.clone(), mode: rule.mode, when: rule.when.clone() }),
        Judged::False | Judged::Unknown(_) | Judged::Cut(_) => None,
    }
}

/// The rule with what it asks for, when it matches or may.
fn asking<'a>(stand: &RuleEvaluation<'a>) -> Option<Asking<'a>> {
    match stand.judged {
        Judged::True => Some(Asking { rule: stand.rule, sure: true }),
        Judged::Cut(_) => Some(Asking { rule: stand.rule, sure: false }),
        Judged::False | Judged::Unknown(_) => None,
    }
}

struct Conclusion {
    verdict: Verdict,
    reason: String,
    planned: Vec<PlannedAction>,
}

fn conclude<A, M>(
    stands: &[RuleEvaluation],
    record: &EnrichedRecord<A, M>,
    alert: &Alert,
    machine: Option<&MachineId>,
) -> Conclusion {
    let asking: Vec<Asking> = stands.iter().filter_map(asking).collect();
    let mut plan = machine.map(|machine| plan::merge(&asking, record, alert, machine)).unwrap_or_default();
    plan.notes.splice(0..0, cut_short(stands));
    let acts = plan.acts();
    let failed = failed(stands, acts);
    if let (Some(failed), false) = (&failed, acts) {
        return Conclusion { verdict: Verdict::NeedsHuman, reason: one_line(failed), planned: Vec::new() };
    }
    if let Some(failed) = failed {
        // It may have been a rule that asks a person, or one that contradicts.
        plan.actions.iter_mut().for_each(|planned| planned.mode = planned.mode.min(Mode::Approve));
        plan.notes.insert(0, Note { text: format!("{failed}, so a person decides"), shadow: false });
    }
    let reason = one_line(&reason(&plan, &asking));
    // Rules that contradict each other leave nothing that they agree on, and what was cut from the alert may have named
    // what they ask for or be what they ask about: a person must look.
    let nothing = plan.actions.is_empty();
    let open = asking.iter().any(|asking| !asking.sure && (nothing || asking.rule.mode != Mode::Shadow));
    if (plan.contradicted || plan.unseen || open) && !acts {
        return Conclusion { verdict: Verdict::NeedsHuman, reason, planned: Vec::new() };
    }
    let verdict = if plan.actions.is_empty() { Verdict::Nothing } else { Verdict::Act };
    Conclusion { verdict, reason, planned: plan.actions }
}

/// The rules that could not be judged and count, and why the first of them could not.
fn failed(stands: &[RuleEvaluation], acts: bool) -> Option<String> {
    let failed = stands.iter().filter_map(|stand| match &stand.judged {
        Judged::Unknown(why) if stand.rule.mode != Mode::Shadow || !acts => Some((stand.rule, why)),
        Judged::Unknown(_) | Judged::Cut(_) | Judged::True | Judged::False => None,
    });
    not_judged(failed)
}

/// The rules that ask for what was cut from the alert, those that count and those in shadow.
fn cut_short(stands: &[RuleEvaluation]) -> Vec<Note> {
    let told = |shadow: bool| {
        let cut = stands.iter().filter_map(move |stand| match &stand.judged {
            Judged::Cut(why) if (stand.rule.mode == Mode::Shadow) == shadow => Some((stand.rule, why)),
            Judged::Cut(_) | Judged::Unknown(_) | Judged::True | Judged::False => None,
        });
        not_judged(cut).map(|text| Note { text: format!("{text}, so a person decides on it"), shadow })
    };
    [false, true].into_iter().filter_map(told).collect()
}

/// The first of these rules and why it could not be judged, with the number of the others.
fn not_judged<'a>(mut rules: impl Iterator<Item = (&'a Rule, &'a String)>) -> Option<String> {
    let (rule, why) = rules.next()?;
    let others = rules.count();
    let others = if others > 0 { format!(" (and {others} more)") } else { String::new() };
    Some(format!("rule {}{others} could not be judged: {why}", rule.id))
}

/// What was left out, then the kind of the first planned action and the condition behind it.
fn reason(plan: &Plan, asking: &[Asking]) -> String {
    let acts = plan.acts();
    let mut parts: Vec<String> =
        plan.notes.iter().filter(|note| !note.shadow || !acts).map(|note| note.text.clone()).collect();
    if let Some(first) = plan.actions.first() {
        let when = asking.iter().map(|asking| asking.rule).find(|rule| first.rules.contains(&rule.id));
        let when = when.map_or("", |rule| rule.when.as_str());
        parts.push(format!("{}: {}", first.action.kind(), reminder(when)));
    } else if parts.is_empty() {
        parts.push(match asking.first() {
            Some(asking) => format!("rule {} matched and asks for no action", asking.rule.id),
            None => "no rule matched".to_owned(),
        });
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests;
