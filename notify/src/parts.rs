//! The parts of a message: rules, guards, groups of facts.

use cordon_records::{ActionRecord, GuardVerdict, Ruling};
use serde::Serialize;

use crate::clean;
use crate::message::{MAX_BLOCK, MAX_LINE};

/// More rules or guards than this are not shown.
const MAX_ITEMS: usize = 40;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What, in a sentence.
    pub text: String,
    /// The command that does it, on a line of its own so that it can be copied; `""` for none.
    pub command: String,
}

/// One rule and its condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleView {
    /// The rule's id.
    pub id: String,
    /// The condition as written; `""` when the record has none.
    pub condition: String,
}

/// One guard's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardView {
    /// The guard's name.
    pub guard: String,
    /// `pass`, `covered`, `hold` or `refuse`.
    pub word: &'static str,
    /// Why.
    pub why: String,
}

/// A titled group of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// The group's title.
    pub title: &'static str,
    /// Name and value, in order.
    pub facts: Vec<(&'static str, String)>,
    /// Where to go from here: a page of the portal.
    pub link: Option<Link>,
}

/// A link: into the portal, built from an id only, or to what Defender offers for download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What people read. It names the host where that is not the portal.
    pub label: String,
    /// The whole address.
    pub address: String,
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

/// Every guard's word, those against it first.
pub fn guards(verdicts: &[GuardVerdict]) -> Vec<GuardView> {
    let mut ordered: Vec<&GuardVerdict> = verdicts.iter().collect();
    ordered.sort_by_key(|verdict| match verdict.ruling {
        Ruling::Refuse => 0,
        Ruling::Covered => 1,
        Ruling::Hold => 2,
        Ruling::Pass => 3,
    });
    ordered
        .into_iter()
        .take(MAX_ITEMS)
        .map(|verdict| GuardView {
            guard: clean::line(&verdict.guard, 60),
            word: match verdict.ruling {
                Ruling::Pass => "pass",
                Ruling::Covered => "covered",
                Ruling::Hold => "hold",
                Ruling::Refuse => "refuse",
            },
            why: clean::foreign(&verdict.why, MAX_LINE),
        })
        .collect()
}
