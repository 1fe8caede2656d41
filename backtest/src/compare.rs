//! What differs between the two rule sets, per machine and action, and why.

use std::collections::{BTreeMap, BTreeSet};

use cordon_policy::{Judged, Rule, Step, explain_rules};
use cordon_records::EnrichedRecord;
use serde_json::Value;

use crate::acting::Acting;
use crate::document::{Change, Changes, Course, Flip};
use crate::error::BacktestError;
use crate::found::Later;
use crate::respond::{Played, Step as Target};
use crate::side::Side;

/// So many changes are taken apart down to the condition that flipped: each costs reading its record and rules anew. The
/// rest says which rules differ.
const TAKEN_APART: usize = 10_000;

/// How many values of a part are named.
const VALUES: usize = 8;

/// What differs.
///
/// # Errors
/// When a record that was kept cannot be read again.
pub fn compare(
    (after, before): (&Side, Option<&Side>),
    played: (&Played, Option<&Played>),
    acting: &mut Acting,
    later: Later<'_>,
) -> Result<Changes, BacktestError> {
    let (new, old) = played;
    let mut changes = Changes::default();
    let nothing = BTreeMap::new();
    let old_targets = old.map_or(&nothing, |old| &old.targets);
    let keys: BTreeSet<_> = new.targets.keys().chain(old_targets.keys()).collect();
    let mut why = Causes { after, before, acting, left: TAKEN_APART };
    for key in keys {
        let (new, old) = (new.targets.get(key), old_targets.get(key));
        let Some(speaks) = new.or(old) else { continue };
        let is_same = before.is_some() && new.map(outcome) == old.map(outcome);
        if is_same {
            changes.unchanged += 1;
            continue;
        }
        let (cause, flipped) = why.of(new, old)?;
        let change = Change {
            machine: key.machine.clone(),
            name: speaks.name.clone(),
            action: key.action.clone(),
            before: old.map(|target| target.course.clone()),
            after: new.map(|target| target.course.clone()),
            why: cause,
            flipped,
            found: later.found.of(&speaks.alert),
            let_back: [new, old].into_iter().flatten().find_map(|target| target.let_back(later)),
        };
        match (&change.before, &change.after) {
            (None, _) => changes.added.push(change),
            (Some(_), None) => changes.removed.push(change),
            (Some(_), Some(_)) => changes.changed.push(change),
        }
    }
    Ok(changes)
}

fn outcome(target: &Target) -> crate::document::Outcome {
    target.course.outcome
}

/// Finds out why something differs.
struct Causes<'a> {
    after: &'a Side,
    before: Option<&'a Side>,
    acting: &'a mut Acting,
    left: usize,
}

impl Causes<'_> {
    fn of(&mut self, new: Option<&Target>, old: Option<&Target>) -> Result<(String, Vec<Flip>), BacktestError> {
        let Some(before) = self.before else {
            let course = new.map(|new| &new.course);
            return Ok((course.map(said).unwrap_or_default(), Vec::new()));
        };
        let ids = [new, old].into_iter().flatten().flat_map(|target| target.course.rules.iter());
        let ids: BTreeSet<&str> = ids.map(String::as_str).collect();
        let pairs: Vec<(&str, Option<&Rule>, Option<&Rule>)> =
            ids.into_iter().map(|id| (id, rule(self.after, id), rule(before, id))).collect();
        let rules: Vec<String> = pairs.iter().filter_map(|(id, new, old)| difference(id, *new, *old)).collect();
        let mut flipped = Vec::new();
        if self.left > 0 && !rules.is_empty() {
            self.left -= 1;
            // The record on which one side does something that the other does not.
            let stronger = match (new, old) {
                (Some(new), Some(old)) => Some(if outcome(new) <= outcome(old) { new } else { old }),
                (new, old) => new.or(old),
            };
            if let Some(record) = stronger.map(|target| self.record(target)).transpose()?.flatten() {
                flipped = pairs.iter().flat_map(|(id, new, old)| flips(id, *new, *old, &record)).collect();
            }
        }
        if !rules.is_empty() {
            return Ok((rules.join("; "), flipped));
        }
        // The rules decide alike: what comes before, or the guards, make the difference.
        let told =
            |side: &str, target: Option<&Target>| target.map(|target| format!("{side}: {}", said(&target.course)));
        let parts: Vec<String> = [told("under test", new), told("before", old)].into_iter().flatten().collect();
        Ok((
            format!("the rules agree, the guards or an earlier action make the difference; {}", parts.join("; ")),
            flipped,
        ))
    }

    fn record(&mut self, target: &Target) -> Result<Option<EnrichedRecord>, BacktestError> {
        let (at, place) = &target.decided;
        let Some(number) = self.acting.find(*at, place) else { return Ok(None) };
        let read = self.acting.get(number);
        let read = read.map_err(|error| BacktestError::Broken(format!("what was kept cannot be read: {error}")))?;
        Ok(read.and_then(|(_, _, bytes)| serde_json::from_slice(&bytes).ok()))
    }
}

fn said(course: &Course) -> String {
    format!("{} ({})", course.outcome.told(), course.reason)
}

fn rule<'a>(side: &'a Side, id: &str) -> Option<&'a Rule> {
    side.rules.rules().iter().find(|rule| rule.id.as_str() == id)
}

/// How the rules of one id differ, in words.
fn difference(id: &str, new: Option<&Rule>, old: Option<&Rule>) -> Option<String> {
    match (new, old) {
        (Some(_), None) => Some(format!("rule {id} is new")),
        (None, Some(_)) => Some(format!("rule {id} is gone")),
        (None, None) => None,
        (Some(new), Some(old)) => {
            let mut parts = Vec::new();
            if new.when != old.when {
                parts.push("its condition".to_owned());
            }
            if new.mode != old.mode {
                parts.push(format!("its mode ({} to {})", old.mode.as_str(), new.mode.as_str()));
            }
            if new.actions != old.actions {
                parts.push("its actions".to_owned());
            }
            if new.limits != old.limits {
                parts.push("its limits".to_owned());
            }
            (!parts.is_empty()).then(|| format!("rule {id} changed {}", parts.join(" and ")))
        }
    }
}

/// The parts of the two conditions that say something else of this record.
fn flips(id: &str, new: Option<&Rule>, old: Option<&Rule>, record: &EnrichedRecord) -> Vec<Flip> {
    let (Some(new), Some(old)) = (new, old) else { return Vec::new() };
    if new.when == old.when {
        return Vec::new();
    }
    let Ok(explained) = explain_rules([new, old], record) else { return Vec::new() };
    let [after, before] = &explained[..] else { return Vec::new() };
    if after.judged == before.judged {
        return Vec::new();
    }
    let holds_now = after.judged == Judged::True;
    let (after, before) = (parts(&after.condition), parts(&before.condition));
    let texts = |steps: &[&Step]| steps.iter().map(|step| step.text.clone()).collect::<BTreeSet<_>>();
    let (in_after, in_before) = (texts(&after), texts(&before));
    let only = |steps: Vec<&Step>, other: &BTreeSet<String>| -> Vec<Step> {
        steps.into_iter().filter(|step| !other.contains(&step.text)).cloned().collect()
    };
    let (gone, come) = (only(before, &in_after), only(after, &in_before));
    let of = |step: &Step, is_new: bool| Flip {
        rule: id.to_owned(),
        part: step.text.clone(),
        before: (!is_new).then(|| value(step)),
        after: is_new.then(|| value(step)),
        values: values(step),
    };
    // What kept the one side from matching, then what stands in its place on the other.
    let (kept, instead) = if holds_now { (&gone, &come) } else { (&come, &gone) };
    let decisive = kept.iter().filter(|step| step.truth() != Some(true)).map(|step| of(step, !holds_now));
    decisive.chain(instead.iter().map(|step| of(step, holds_now))).collect()
}

/// What must all hold; the whole where there is no `&&`.
fn parts(root: &Step) -> Vec<&Step> {
    let is_and = root.parts.len() > 1 && root.parts.iter().all(|part| part.kind == "bool") && root.text.contains("&&");
    if is_and { root.parts.iter().collect() } else { vec![root] }
}

fn value(step: &Step) -> String {
    match &step.value {
        Ok(value) => shown(value),
        Err(why) => why.clone(),
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The fields in a part with their values.
fn values(step: &Step) -> Vec<(String, String)> {
    let mut values = Vec::new();
    collect(step, &mut values);
    values.dedup();
    values.truncate(VALUES);
    values
}

fn collect(step: &Step, values: &mut Vec<(String, String)>) {
    if step.given.is_some() {
        values.push((step.text.clone(), value(step)));
    }
    step.parts.iter().for_each(|part| collect(part, values));
}
