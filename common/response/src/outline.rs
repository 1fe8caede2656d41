//! How urgent a decision is, read from little of it. Pure.

use cordon_records::{ActionKind, Mode, Severity, Verdict};
use serde::Deserialize;

use super::urgency::Urgency;

/// What of a decision says how urgent it is: cheap to read from a record of which nothing else is needed yet.
#[derive(Debug, Deserialize)]
pub struct DecisionOutline {
    verdict: Verdict,
    alert: AlertOutline,
    #[serde(default)]
    planned: Vec<PlannedOutline>,
}

#[derive(Debug, Deserialize)]
struct AlertOutline {
    severity: Severity,
}

#[derive(Debug, Deserialize)]
struct PlannedOutline {
    mode: Mode,
    action: ActionOutline,
}

#[derive(Debug, Deserialize)]
struct ActionOutline {
    kind: ActionKind,
}

impl DecisionOutline {
    /// The most urgent of what it asks for under this ceiling over the rules' modes; `None` where it asks for nothing, so
    /// that it costs nothing either.
    pub(super) fn urgency(&self, ceiling: Mode) -> Option<Urgency> {
        let severity = &self.alert.severity;
        let planned = self
            .planned
            .iter()
            .map(|planned| Urgency::of_rules(planned.mode.min(ceiling), planned.action.kind, severity));
        match self.verdict {
            Verdict::Nothing => None,
            Verdict::Act => planned.min(),
            Verdict::NeedsHuman => Some(Urgency::of_a_question(severity)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::urgency::Weight;

    #[test]
    fn the_outline_of_a_decision_is_as_urgent_as_the_most_urgent_of_its_actions_under_the_ceiling() {
        let decision = |verdict: &str, planned: &str| -> DecisionOutline {
            let text =
                format!(r#"{{"verdict":"{verdict}","alert":{{"severity":"High","id":"a"}},"planned":[{planned}]}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let two = r#"{"mode":"auto","action":{"kind":"tag","tag":"x","change":"Add"}},{"mode":"auto","action":{"kind":"isolate","isolation":"Full"}}"#;
        let weight = |outline: &DecisionOutline, ceiling| outline.urgency(ceiling).map(|urgency| urgency.weight);
        let both = decision("act", two);
        let ceilings = [Mode::Auto, Mode::Approve, Mode::Shadow].map(|ceiling| weight(&both, ceiling));
        assert_eq!(ceilings, [Some(Weight::Effect), Some(Weight::Question), Some(Weight::Rehearsal)]);
        assert_eq!(weight(&decision("needs_human", ""), Mode::Shadow), Some(Weight::Question));
        assert_eq!(weight(&decision("nothing", ""), Mode::Auto), None);
    }
}
