//! What came of trying a stage's rights on the broker, as findings. Pure.

use std::collections::BTreeMap;

use cordon_runtime::kafka::{Operation, Resource, Trial, TrialOutcome};

use super::{Finding, bad, good, unknown};
use crate::exit;

const WHAT: &str = "rights";

/// What is held, each right that is not, and what could not be tried. `written` are topics that a check has written to.
pub fn findings(trials: &[Trial], written: &[String]) -> Vec<Finding> {
    let is_written = |trial: &Trial| matches!(&trial.resource, Resource::Topic(name) if trial.operation == Operation::Write && written.contains(name));
    let held = |trial: &&Trial| matches!(trial.outcome, TrialOutcome::Held) || is_written(trial);
    let untried = |trial: &&Trial| matches!(trial.outcome, TrialOutcome::Untried) && !is_written(trial);
    let (held, untried) = (listed(trials.iter().filter(held)), listed(trials.iter().filter(untried)));
    let failed = trials.iter().filter_map(|trial| match &trial.outcome {
        TrialOutcome::Failed(failure) => Some(bad(WHAT, exit::of_kafka(failure), failure.to_string())),
        TrialOutcome::Held | TrialOutcome::Untried => None,
    });
    let held = held.map(|held| good(WHAT, format!("tried, and given: {held}")));
    let untried = untried.map(|untried| {
        let why = "not tried, since that takes writing, joining a group, or a topic that is seen to be there";
        unknown(WHAT, format!("{why}: {untried}; `cordon acls` prints the access lists that give them"))
    });
    held.into_iter().chain(failed).chain(untried).collect()
}

/// `Read on topic a, topic b; Describe on group c`; nothing for none.
fn listed<'a>(trials: impl Iterator<Item = &'a Trial>) -> Option<String> {
    let mut by: BTreeMap<Operation, Vec<String>> = BTreeMap::new();
    for trial in trials {
        by.entry(trial.operation).or_default().push(trial.resource.to_string());
    }
    let each: Vec<String> = by.iter().map(|(operation, on)| format!("{operation} on {}", on.join(", "))).collect();
    (!each.is_empty()).then(|| each.join("; "))
}

#[cfg(test)]
mod tests {
    use cordon_runtime::kafka::{KafkaFailure, Right};

    use super::*;

    fn trial(operation: Operation, resource: &Resource, outcome: TrialOutcome) -> Trial {
        Trial { operation, resource: resource.clone(), outcome }
    }

    #[test]
    fn what_was_tried_what_is_missing_and_what_cannot_be_tried_are_told_apart() {
        let (alerts, cursors) = (Resource::Topic("cordon.alerts".into()), Resource::Topic("cordon.cursors".into()));
        let group = Resource::Group("cordon.enrich".into());
        let right = Right { principal: "User:enrich".into(), operation: Operation::Read, resource: cursors.clone() };
        let missing = KafkaFailure::Forbidden { what: "read cordon.cursors".into(), right: Box::new(right) };
        let trials = [
            trial(Operation::Read, &alerts, TrialOutcome::Held),
            trial(Operation::DescribeConfigs, &alerts, TrialOutcome::Held),
            trial(Operation::Read, &cursors, TrialOutcome::Failed(missing.into())),
            trial(Operation::Write, &alerts, TrialOutcome::Untried),
            trial(Operation::Write, &cursors, TrialOutcome::Untried),
            trial(Operation::Read, &group, TrialOutcome::Untried),
        ];
        let told = |written: &[String]| -> Vec<String> {
            findings(&trials, written).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            told(&[]),
            [
                "ok    rights           tried, and given: Read on topic cordon.alerts; DescribeConfigs on topic cordon.alerts",
                "FAIL  rights           not permitted to read cordon.cursors: User:enrich needs Read on topic cordon.cursors, \
                 which the broker's access lists do not give",
                "?     rights           not tried, since that takes writing, joining a group, or a topic that is seen to be there: Read on group cordon.enrich; \
                 Write on topic cordon.alerts, topic cordon.cursors; `cordon acls` prints the access lists that give them",
            ]
        );
        assert_eq!(findings(&trials, &[])[1].exit, Some(crate::exit::Exit::Denied));
        let [held, _, untried] = &told(&["cordon.cursors".to_owned()])[..] else { panic!("three lines") };
        assert!(held.ends_with("Write on topic cordon.cursors; DescribeConfigs on topic cordon.alerts"), "{held}");
        assert!(!untried.contains("cordon.cursors"), "{untried}");
    }
}
