//! One rule.

use cordon_records::{Mode, RuleId};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::template::Template;
use crate::condition::{Condition, conjuncts};

/// A checked rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id, unique in the set.
    pub id: RuleId,
    /// One line for people; `""` when there is none.
    pub description: String,
    /// How far its actions may go.
    pub mode: Mode,
    /// Its condition as written, without white space around it.
    pub when: String,
    /// What it asks for, in the order in which it is to be begun.
    pub actions: Vec<Template>,
    /// At most so many attempts in so many seconds; sorted by window.
    pub limits: Vec<(u64, u32)>,
    /// The tests that its file carries.
    pub tests: Vec<RuleTest>,
    pub(crate) condition: Condition,
}

impl Rule {
    /// Its condition.
    #[must_use]
    pub const fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The parts of its condition that must all hold, as written, each judged for itself: what keeps it from matching.
    #[must_use]
    pub fn parts(&self) -> Vec<(String, Condition)> {
        conjuncts(&self.when)
    }

    /// What tells it from every rule that decides otherwise: mode, condition, actions and limits.
    #[must_use]
    pub fn decides_as(&self, other: &Self) -> bool {
        let of = |rule: &Self| (rule.mode, rule.when.clone(), rule.actions.clone(), rule.limits.clone());
        of(self) == of(other)
    }
}

/// A test that a rule's file carries: what is given over a built-in sample record, and what the rule must plan.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTest {
    /// What it shows.
    pub name: String,
    /// What `now` is; without it, 2026-01-01T12:01:00Z, a minute after the sample alert was made.
    pub now: Option<Timestamp>,
    /// Fields of the alert that differ from the sample.
    pub alert: Map<String, Value>,
    /// Fields of the machine that differ from the sample; `None` when the machine is absent (`machine: null`).
    pub machine: Option<Map<String, Value>>,
    /// The kinds of action expected (`isolate`), in the order of the rule's actions, or `needs_human` alone.
    pub expect: Vec<String>,
}
