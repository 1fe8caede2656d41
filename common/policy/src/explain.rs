//! Explains what each rule says of one enriched alert.

use cordon_records::{Alert, EnrichedRecord};

use crate::condition::{self, Judged, Step};
use crate::decide::{self, DecideError};
use crate::facts::RecordFacts;
use crate::rules::{Rule, RuleSet};

/// One rule on one record.
#[derive(Debug, Clone)]
pub struct RuleExplanation<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// How it stands to the record. Beside what its condition says: a rule that matches and acts on a machine that
    /// could not be had cannot be told.
    pub judged: Judged,
    /// Its condition, taken apart.
    pub condition: Step,
}

/// Explains every rule, in the order of their ids. `now` is when the record was made, as in [`crate::decide()`].
///
/// # Errors
/// [`DecideError`] when the record's alert is not an alert.
pub fn explain<'a>(rules: &'a RuleSet, record: &EnrichedRecord) -> Result<Vec<RuleExplanation<'a>>, DecideError> {
    explain_rules(rules.rules(), record)
}

/// Explains some rules, in this order.
///
/// # Errors
/// As [`explain`].
pub fn explain_rules<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    record: &EnrichedRecord,
) -> Result<Vec<RuleExplanation<'a>>, DecideError> {
    let alert: Alert = decide::alert(record)?;
    let machine = decide::machine_of(record, &alert);
    let machine = machine.as_ref().map_err(String::as_str);
    let facts = RecordFacts::new(&alert, machine.ok(), record.enriched_at).without(&record.cut);
    let explained = rules.into_iter().filter_map(|rule| {
        // A rule that was loaded has no mistakes.
        let explanation = condition::explain(&rule.condition, &rule.when, &facts).ok()?;
        let judged = decide::stand(rule, &facts, machine).judged;
        Some(RuleExplanation { rule, judged, condition: explanation.root })
    });
    Ok(explained.collect())
}
