//! What a backtest has found, as every output tells it. `-o json` is this, field by field.
//!
//! Everything in it follows from records, rules and guards: no clock, no rate, no path of this computer. So the same range
//! gives the same bytes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::manifest::Manifest;

/// The version of the document's shape.
pub const VERSION: u32 = 1;

/// A backtest's result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// [`VERSION`].
    pub version: u32,
    /// How many records were judged.
    pub records: u64,
    /// What was judged by.
    pub sides: Sides,
    /// The rules of both sides, by id.
    pub rules: Vec<RuleRow>,
    /// What becomes of machines, per machine and action.
    pub actions: Changes,
    /// What the responder did, on each side.
    pub totals: Both<Totals>,
    /// The caps that latched the breaker, in time.
    pub latches: Both<Vec<Latched>>,
    /// What it would cost, on each side.
    pub load: Both<Load>,
    /// What was asked for, and what of it is covered.
    pub window: Window,
    /// Records that could not be read.
    pub unreadable: Unreadable,
    /// Decisions, reports and commands that are recorded and could not be read; absent where none were to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_past: Option<Unreadable>,
    /// What could not be told, because nothing holds what a guard needs.
    pub unreproducible: Both<Vec<Unreproducible>>,
    /// How exactly the recorded decisions were reproduced; absent where nothing recorded was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reproduced: Option<Reproduced>,
    /// What other guards would do, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sweep: Vec<SweepRow>,
    /// The gates that were asked for.
    pub gates: Vec<Gate>,
    /// What this does not tell.
    pub limits: Vec<String>,
    /// What the result follows from: with it the same range runs again.
    pub manifest: Manifest,
}

/// A value of the rule set under test, and of the one that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Both<T> {
    /// Of the rules under test.
    pub after: T,
    /// Of those that they are compared with; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<T>,
}

/// The rule sets.
pub type Sides = Both<SideName>;

/// One rule set with its guards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SideName {
    /// What people call it: the folder, or `recorded`.
    pub name: String,
    /// How many rules.
    pub rules: usize,
    /// The rule set's hash.
    pub rule_set: String,
    /// The guards' hash.
    pub guard_set: String,
}

/// One rule on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleRow {
    /// Its id.
    pub id: String,
    /// Records on which its condition was true, under test; 0 where the rule is gone.
    pub matched: u64,
    /// Records on which it could not be judged, under test.
    pub errors: u64,
    /// An example of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Example>,
    /// The same on the other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<RuleCounts>,
    /// How it stands: `new`, `gone`, `changed`, `same`; `only` where nothing is compared.
    pub standing: Standing,
    /// Its mode under test, else on the other side.
    pub mode: String,
    /// True on every record that was judged.
    pub always: bool,
    /// Where it never matched: the parts of its condition each of which alone kept it from a record, most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<NearMiss>,
}

/// How often a rule matched and could not be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuleCounts {
    /// True on so many records.
    pub matched: u64,
    /// Not to be judged on so many.
    pub errors: u64,
}

/// How a rule stands to that of the same id on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// There is no other side.
    Only,
    /// The other side has no such rule.
    New,
    /// The rules under test have no such rule.
    Gone,
    /// Condition, mode, actions or limits differ.
    Changed,
    /// It decides alike.
    Same,
}

/// One record, with what was said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Where it stands: `topic/partition/offset`, or `file:line`.
    pub place: String,
    /// What was said.
    pub why: String,
}

/// A part of a condition that alone kept a rule from matching.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// The part, as written.
    pub part: String,
    /// On so many records everything else was true.
    pub records: u64,
}

/// What changes, per machine and action.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Comes to something under test and did not before.
    pub added: Vec<Change>,
    /// Came to something before and does not under test.
    pub removed: Vec<Change>,
    /// Comes to something else.
    pub changed: Vec<Change>,
    /// How many come to the same.
    pub unchanged: u64,
}

/// One machine and one action.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The machine's id.
    pub machine: String,
    /// Its name, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The kind of action, with what tells it from others of its kind: `isolate`, `tag seen`.
    pub action: String,
    /// What it came to before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Course>,
    /// What it comes to under test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Course>,
    /// Why it differs, in one sentence.
    pub why: String,
    /// The parts of conditions that flipped, with the values that flipped them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flipped: Vec<Flip>,
    /// What people later found of the alert.
    pub found: Found,
    /// When a person let the machine back within 24 h of its isolation; absent where nobody did, or where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub let_back: Option<Timestamp>,
}

/// What one action on one machine came to on one side: the strongest of all that the range holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Course {
    /// What it came to.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
    /// The alert behind it.
    pub alert: AlertName,
    /// The rules that asked.
    pub rules: Vec<String>,
    /// Why it came to that, as the responder says.
    pub reason: String,
    /// How many alerts of this machine asked for it.
    pub alerts: u64,
    /// How often it was done.
    pub done: u64,
    /// What it cannot be told for sure from, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreproducible: Option<String>,
}

/// What an action comes to, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// A person is asked.
    Held,
    /// A person must look: the rules could not be judged.
    NeedsHuman,
    /// It would be done, but the mode is shadow.
    Would,
    /// Another action has the effect already.
    Covered,
    /// A guard forbids it.
    Refused,
    /// It was taken back before it was done.
    Cancelled,
}

impl Outcome {
    /// Every outcome, the strongest first.
    pub const ALL: [Self; 7] =
        [Self::Done, Self::Held, Self::NeedsHuman, Self::Would, Self::Covered, Self::Refused, Self::Cancelled];

    /// The name in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Held => "held",
            Self::NeedsHuman => "needs_human",
            Self::Would => "would",
            Self::Covered => "covered",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// The same for people.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Held => "held for a person",
            Self::NeedsHuman => "needs a person",
            Self::Would => "rehearsed (shadow)",
            Self::Covered => "covered",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An alert by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertName {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its severity.
    pub severity: String,
    /// The record that decided.
    pub place: String,
}

/// A part of a condition whose truth differs between the two rule sets, or on which it hangs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flip {
    /// The rule.
    pub rule: String,
    /// The part, as written.
    pub part: String,
    /// Its value before; absent where the other side has no such part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Its value under test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The values in it: field and value.
    pub values: Vec<(String, String)>,
}

/// What people found of an alert, by its last record in the range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// An attack.
    TruePositive,
    /// What they expect: a test, an exercise.
    Expected,
    /// No attack.
    FalsePositive,
    /// They have not said.
    #[default]
    Open,
}

impl Found {
    /// Every finding.
    pub const ALL: [Self; 4] = [Self::TruePositive, Self::Expected, Self::FalsePositive, Self::Open];

    /// For people.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::TruePositive => "true positive",
            Self::Expected => "expected",
            Self::FalsePositive => "false positive",
            Self::Open => "still open",
        }
    }
}

/// What the responder did on one side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Actions by kind and outcome.
    pub actions: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// Machines on which an isolation was done.
    pub isolated: u64,
    /// Of these, by what people later found of the alert.
    pub found: BTreeMap<&'static str, u64>,
    /// Of these, how many a person let back within 24 h; absent where what people did was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub let_back: Option<u64>,
    /// Actions that the never-list forbids.
    pub never_list: u64,
    /// Decisions that need a person because the rules could not be judged.
    pub needs_human: u64,
    /// Actions by the hour (UTC, `2026-09-01T08`) in which they came to it, and outcome.
    pub by_hour: BTreeMap<String, BTreeMap<&'static str, u64>>,
}

/// The breaker latched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Latched {
    /// When.
    pub at: Timestamp,
    /// Which cap was reached, in words.
    pub why: String,
    /// How many actions it held up to the end of the range, since nobody resumes in a backtest.
    pub held: u64,
}

/// What one side would cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Calls of the API, at most: every read asked for alone.
    pub calls: u64,
    /// Most in one minute.
    pub calls_in_a_minute: u64,
    /// What people are asked, by the shift of eight hours (UTC) in which it comes.
    pub questions_by_shift: BTreeMap<String, u64>,
    /// Reports by day (UTC): each is at most one mail.
    pub reports_by_day: BTreeMap<String, u64>,
}

/// The time and the places that were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Window {
    /// What was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Up to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// When the first record that was judged was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// When the last was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// What of the range is missing, in words.
    pub gaps: Vec<String>,
}

/// Records that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// How many.
    pub records: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// An action of which it cannot be told what it comes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unreproducible {
    /// The machine, by name or id.
    pub machine: String,
    /// The action.
    pub action: String,
    /// What is missing.
    pub why: String,
}

/// How exactly what is recorded was reproduced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reproduced {
    /// Recorded decisions about records of the range.
    pub decisions: u64,
    /// Of these, judged again with exactly that outcome.
    pub exact: u64,
    /// Those whose rules' text is not at hand.
    pub without_text: u64,
    /// Records of the range on which no decision is recorded.
    pub undecided: u64,
    /// The first of the others, with what differs.
    pub differences: Vec<Difference>,
    /// Actions of which the live responder has reported something, or would have, by these decisions.
    pub outcomes: u64,
    /// Of these, come to the same when they are played again.
    pub outcomes_exact: u64,
    /// The first of the others, by action, with both outcomes.
    pub outcome_differences: Vec<Difference>,
}

/// A recorded decision that comes out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The record.
    pub place: String,
    /// What differs, in words.
    pub why: String,
}

/// The rules under test with one setting of the guards changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweepRow {
    /// The setting and its value: `caps.all_rules.1h=5`.
    pub setting: String,
    /// Machines on which an isolation is done.
    pub isolated: u64,
    /// Of these, by what people later found of the alert.
    pub found: BTreeMap<&'static str, u64>,
    /// Actions that are done.
    pub done: u64,
    /// Actions that wait for a person.
    pub held: u64,
    /// How often the breaker latches.
    pub latches: u64,
    /// When it first does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_latch: Option<Timestamp>,
}

/// A gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// As it was written: `--max-added isolate=5`.
    pub gate: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was found.
    pub why: String,
}

impl Changes {
    /// Whether nothing changes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl Change {
    /// Whether it is about an action of this kind.
    #[must_use]
    pub fn is_of(&self, kind: cordon_records::ActionKind) -> bool {
        self.action.split(' ').next() == Some(kind.as_str())
    }
}
