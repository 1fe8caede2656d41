//! The explanation for scripts.

use cordon_policy::{Judged as OfCondition, RuleExplanation};
use serde_json::{Value, json};

use super::Explained;
use super::guards::{Judged, Outcome};
use super::page::ruling;
use crate::rules::step;

/// The whole document.
pub fn document(explained: &Explained<'_>) -> Value {
    let decision = &explained.decision;
    json!({
        "schema_version": 1,
        "alert": decision.alert,
        "machine": decision.machine,
        "missing": explained.record.missing,
        "as_of": explained.record.enriched_at,
        "mode_ceiling": explained.ceiling,
        "rule_set": decision.rule_set,
        "rules": explained.rules.iter().map(of_rule).collect::<Vec<_>>(),
        "verdict": decision.verdict,
        "reason": decision.reason,
        "planned": explained.planned.iter().map(of_action).collect::<Vec<_>>(),
    })
}

fn of_rule(explained: &RuleExplanation<'_>) -> Value {
    let (stand, why) = match &explained.judged {
        OfCondition::True => ("matches", None),
        OfCondition::False => ("does_not_match", None),
        OfCondition::Unknown(why) | OfCondition::Cut(why) => ("cannot_be_told", Some(why)),
    };
    json!({
        "rule": explained.rule.id,
        "mode": explained.rule.mode,
        "stand": stand,
        "why": why,
        "condition": step::document(&explained.condition),
    })
}

fn of_action(judged: &Judged) -> Value {
    let (outcome, by) = match judged.outcome() {
        Outcome::Refused(verdict) => ("refused", Some(&verdict.guard)),
        Outcome::Held(verdict) => ("held", Some(&verdict.guard)),
        Outcome::Free => ("not_refused_here", None),
    };
    let guards = judged.verdicts.iter().map(|verdict| {
        json!({"guard": verdict.guard, "ruling": verdict.ruling.map_or("unknown", ruling), "why": verdict.why})
    });
    json!({
        "action": judged.action.action,
        "rules": judged.action.rules,
        "limits": judged.action.limits,
        "mode": judged.mode,
        "guards": guards.collect::<Vec<_>>(),
        "outcome": outcome,
        "by": by,
    })
}
