//! The parts of a message: rules, guards, groups of facts.

use cordon_records::{ActionRecord, GuardVerdict, Ruling};
use serde::Serialize;

use crate::clean;
use crate::clean::{MAX_BLOCK, MAX_LINE};
use crate::wording;

/// More rules or guards than this are not shown.
const MAX_ITEMS: usize = 40;

/// One rule and its condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleView {
    /// The rule's id.
    pub id: String,
    /// The condition as written; `""` when the record has none.
    pub condition: String,
}

/// The word of one guard that speaks against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardView {
    /// The guard's name.
    pub guard: String,
    /// `covered`, `hold` or `refuse`.
    pub word: &'static str,
    /// Why, in plain words.
    pub why: String,
}

/// What the guards say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Guards {
    /// Those that speak against it, the strictest first; not the one whose word the mail gives as the reason.
    pub against: Vec<GuardView>,
    /// The names of those that let it pass, in one line.
    pub passed: String,
}

/// The rules that asked for it, each with its condition.
pub fn rules(record: &ActionRecord) -> Vec<RuleView> {
    let conditions = record.conditions.iter().map(String::as_str).chain(std::iter::repeat(""));
    record
        .rules
        .iter()
        .zip(conditions)
        .take(MAX_ITEMS)
        .map(|(id, condition)| RuleView { id: id.to_string(), condition: clean::block(condition, MAX_BLOCK) })
        .collect()
}

/// What every guard says: those against it one by one, those that let it pass in one line.
pub fn guards(record: &ActionRecord) -> Guards {
    let name = |verdict: &GuardVerdict| clean::line(&verdict.guard, 60);
    let (passed, mut against): (Vec<_>, Vec<_>) =
        record.guards.iter().partition(|verdict| verdict.ruling == Ruling::Pass);
    against.retain(|verdict| !wording::decides(record, verdict));
    against.sort_by_key(|verdict| match verdict.ruling {
        Ruling::Refuse => 0,
        Ruling::Covered => 1,
        Ruling::Hold => 2,
        Ruling::Pass => 3,
    });
    let against = against
        .into_iter()
        .take(MAX_ITEMS)
        .map(|verdict| GuardView {
            guard: name(verdict),
            word: match verdict.ruling {
                Ruling::Pass => "pass",
                Ruling::Covered => "covered",
                Ruling::Hold => "hold",
                Ruling::Refuse => "refuse",
            },
            why: clean::line(&wording::plain(verdict), MAX_LINE),
        })
        .collect();
    let passed: Vec<String> = passed.into_iter().take(MAX_ITEMS).map(name).collect();
    Guards { against, passed: passed.join(", ") }
}
