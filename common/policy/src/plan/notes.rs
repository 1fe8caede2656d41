//! What is said of actions that were left out or bounded.

use cordon_records::{ActionKind, Cut, RuleId};

use crate::expand::{MOST, wanted};
use crate::rules::Template;

pub fn nothing_found(template: &Template) -> String {
    format!("{} left out: no {} in the evidence", template.kind(), wanted(template))
}

/// `first` is what was refused and why; `others` counts the further ones.
pub fn refused(template: &Template, first: &str, others: usize) -> String {
    let more = if others > 0 { format!(" (and {others} more)") } else { String::new() };
    format!("{} left out: {first}{more}", template.kind())
}

/// The evidence that was cut may name more.
pub fn a_part(template: &Template, cut: &Cut) -> String {
    format!("{}: {cut}, so a person approves what is known", template.kind())
}

pub fn nothing_found_in_a_part(template: &Template, cut: &Cut) -> String {
    format!("{} left out: {cut}, and the rest names no {}", template.kind(), wanted(template))
}

pub fn too_many(template: &Template, found: usize) -> String {
    format!("{}: {found} in the evidence, the first {MOST} for a person to approve", template.kind())
}

pub fn contradiction(kind: ActionKind, rules: &[RuleId]) -> String {
    let names: Vec<&str> = rules.iter().map(RuleId::as_str).collect();
    format!("{kind} left out: rules {} contradict each other", names.join(", "))
}

pub fn undone(kind: ActionKind, by: ActionKind) -> String {
    format!("{kind} left out: {by} is asked for, too")
}
