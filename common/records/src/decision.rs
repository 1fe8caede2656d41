//! What the rules say of one enriched alert: the record on the `decisions` topic.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::{Action, Mode};
use crate::alert::AlertSummary;
use crate::facts::Fleet;
use crate::ids::{ActionKey, RuleId, TenantId};
use crate::machine::MachineSummary;
use crate::{known_version_of_alert, schema_version};

/// A record on `decisions`: one for each enriched alert, also when nothing is to be done. Keyed by machine id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version_of_alert")]
    pub schema_version: u32,
    /// `topic/partition/offset` of the enriched record: a redelivery decides under the same id.
    pub id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The alert.
    pub alert: AlertSummary,
    /// The machine, as enrich saw it; where it could not be had, what the alert says of it. Absent when the alert names
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineSummary>,
    /// What follows.
    pub verdict: Verdict,
    /// Why, in one line for people.
    pub reason: String,
    /// The rules whose `when` was true.
    #[serde(default)]
    pub matched: Vec<MatchedRule>,
    /// What they ask for, merged by action key. Empty unless the verdict is `act`.
    #[serde(default)]
    pub planned: Vec<PlannedAction>,
    /// Hash of the rule set that decided.
    pub rule_set: String,
    /// How many machines there were, as far as decide knew, and when they were counted. Absent when it did not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Fleet>,
    /// When ingest saw the alert.
    pub seen_at: Timestamp,
    /// When enrich made its record.
    pub enriched_at: Timestamp,
    /// When this was decided.
    pub decided_at: Timestamp,
}

/// What follows from the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No rule matched, or none asks for an action.
    Nothing,
    /// At least one action is planned.
    Act,
    /// The rules could not be judged (the machine is absent, a condition failed), or they contradict each other and
    /// leave nothing to do. Never "no match", never "act".
    NeedsHuman,
}

/// A rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedRule {
    /// The rule.
    pub rule: RuleId,
    /// The rule's own mode.
    pub mode: Mode,
    /// Its condition, as written.
    pub when: String,
}

/// An action that matching rules ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedAction {
    /// What makes it the same action.
    pub key: ActionKey,
    /// What to do.
    pub action: Action,
    /// The merged mode of the rules that ask for it: `approve` beats `auto`, and `shadow` counts only alone.
    pub mode: Mode,
    /// The rules that ask for it.
    pub rules: Vec<RuleId>,
    /// The tightest limits of those rules: at most this many attempts in so many seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<(u64, u32)>,
}
