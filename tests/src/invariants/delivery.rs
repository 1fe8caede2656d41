//! I1: nothing is lost. I3: every decision comes to its end. I5: a machine's alerts are decided in their order.

use std::collections::{BTreeMap, BTreeSet};

use cordon_records::{ActionRecord, ActionState, AlertId, DecisionRecord, Report, Topic, dead_letter_header as header};
use jiff::{SignedDuration, Timestamp};

use super::effects::mark;
use super::evidence::{Evidence, Expectation};
use super::{Breach, settled};

/// Times on the wire are on a step of 1/300 s.
const STEP: SignedDuration = SignedDuration::from_millis(4);

/// I1: every alert that the tenant served ends decided in its newest state, or dead-lettered.
pub fn every_served_alert_is_decided(evidence: &Evidence, expectation: &Expectation) -> Vec<Breach> {
    let mut decided: BTreeMap<AlertId, Timestamp> = BTreeMap::new();
    for (_, decision) in evidence.typed::<DecisionRecord>(Topic::Decisions) {
        let newest = decided.entry(decision.alert.id).or_insert(Timestamp::MIN);
        *newest = (*newest).max(decision.alert.last_update.unwrap_or(Timestamp::MIN));
    }
    let dead: Vec<String> = evidence.topic(Topic::DeadLetters).iter().map(super::Seen::text).collect();
    let mut breaches = Vec::new();
    for (id, change) in &expectation.served {
        let what = match decided.get(id) {
            Some(newest) if change.duration_since(*newest) <= STEP => continue,
            Some(newest) => format!("the change of {change} is not decided, the newest that is is of {newest}"),
            None => "the alert is not decided".to_owned(),
        };
        if !dead.iter().any(|letter| letter.contains(id.as_str())) {
            breaches.push(Breach::new(1, what, [id]));
        }
    }
    breaches
}

/// I1: a dead letter says who gave up, why and when.
pub fn dead_letters_say_why(evidence: &Evidence) -> Vec<Breach> {
    let letters = evidence.topic(Topic::DeadLetters).iter();
    let silent = letters.filter(|letter| {
        let said = |name: &&str| letter.header(name).is_some_and(|value| !value.is_empty());
        ![header::STAGE, header::REASON, header::DETAIL, header::FAILED_AT].iter().all(said)
    });
    silent.map(|letter| Breach::new(1, "a dead letter without a reason", [letter.place()])).collect()
}

/// I3, at rest: every planned action was reported in a state that ends it, or Defender itself is still at work on it.
pub fn every_decision_has_its_end(evidence: &Evidence) -> Vec<Breach> {
    let (mut reports, mut ids) = (BTreeMap::<String, Vec<ActionRecord>>::new(), BTreeSet::new());
    for (_, report) in evidence.typed::<Report>(Topic::Actions) {
        ids.insert(report.id().to_owned());
        if let Report::Action(action) = report
            && let Some(key) = &action.key
        {
            reports.entry(key.to_string()).or_default().push(*action);
        }
    }
    let letters = evidence.topic(Topic::DeadLetters);
    let dead: BTreeSet<String> = letters.iter().filter_map(|letter| settled::origin(evidence, letter)).collect();
    let mut judged = BTreeSet::new();
    let mut breaches = Vec::new();
    for (seen, decision) in evidence.typed::<DecisionRecord>(Topic::Decisions) {
        if dead.contains(&seen.place()) {
            continue;
        }
        for wanted in settled::wanted(&decision) {
            if !judged.insert(wanted.clone()) || ids.contains(&wanted) {
                continue;
            }
            let of_key = reports.get(&wanted).map_or(&[][..], Vec::as_slice);
            if let Some(what) = without_end(evidence, &wanted, of_key) {
                breaches.push(Breach::new(3, what, [wanted, decision.alert.id.to_string(), seen.place()]));
            }
        }
    }
    breaches
}

/// What is missing at the newest attempt of an action.
fn without_end(evidence: &Evidence, key: &str, reports: &[ActionRecord]) -> Option<String> {
    let Some(newest) = reports.iter().map(|report| report.attempt).max() else {
        return Some("the decision has no report".to_owned());
    };
    let states: Vec<ActionState> =
        reports.iter().filter(|report| report.attempt == newest).map(|report| report.state).collect();
    let ends = |state: &ActionState| match state {
        ActionState::InDoubt
        | ActionState::Accepted
        | ActionState::ClosedMeanwhile
        | ActionState::Approved
        | ActionState::Overdue => false,
        ActionState::Refused
        | ActionState::Denied
        | ActionState::Expired
        | ActionState::Held
        | ActionState::Would
        | ActionState::Covered
        | ActionState::Succeeded
        | ActionState::Failed
        | ActionState::TimedOut
        | ActionState::Cancelled
        | ActionState::NeedsHuman => true,
    };
    let at_work = states.contains(&ActionState::Accepted)
        && evidence.actions.iter().any(|(action, status)| {
            matches!(*status, "Pending" | "InProgress") && mark(&action.comment).is_some_and(|(of, _)| of == key)
        });
    let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    (!at_work && !states.iter().any(ends)).then(|| format!("attempt {newest} was reported {names:?} and has no end"))
}

/// I5: a repeated input may stand again later; its first decision may not stand behind that of a later input.
pub fn machines_are_decided_in_order(evidence: &Evidence) -> Vec<Breach> {
    let mut highest: BTreeMap<(String, String), i64> = BTreeMap::new();
    let (mut known, mut breaches) = (BTreeSet::new(), Vec::new());
    for (seen, decision) in evidence.typed::<DecisionRecord>(Topic::Decisions) {
        let Some((partition, offset)) = decision.id.rsplit_once('/') else { continue };
        let (Ok(offset), true) = (offset.parse::<i64>(), known.insert(decision.id.clone())) else { continue };
        let last = highest.entry((seen.key_text(), partition.to_owned())).or_insert(-1);
        if offset < *last {
            let what = format!("{} was decided after input {last}", decision.id);
            breaches.push(Breach::new(5, what, [seen.key_text(), seen.place()]));
        }
        *last = (*last).max(offset);
    }
    breaches
}
