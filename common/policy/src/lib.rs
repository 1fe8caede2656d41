//! Cordon's judgement: the operator's rules, what they decide of one enriched alert, and the guards that stand
//! between a decision and an action.
//!
//! Pure: no runtime, no broker, no HTTP client, no clock. The same code runs live and in a backtest, so "now" is
//! always an argument.

pub mod columns;
mod condition;
mod decide;
mod expand;
mod explain;
mod facts;
mod files;
mod glob;
mod guards;
mod observable;
mod plan;
mod rules;
pub mod schema;
mod text;
mod window;

pub use condition::{Condition, Judged, Mistake, Reads, Step};
pub use decide::{DecideError, Laid, decide, decide_read, machine_of};
pub use explain::{RuleExplanation, explain, explain_rules};
pub use facts::RecordFacts;
pub use files::{Policy, PolicyFiles, PolicyText};
pub use guards::{
    Approvals, Asker, Attempt, Case, Consent, Fleet, Guards, Isolation, Judgement, Recorded, Setting, Trip, Warning,
    guard, judge, stands_unread, within_caps,
};
pub use rules::{
    FormatError, Lint, LocatedRule, MODES, RecordedTest, Rule, RuleSet, RuleTest, Template, TestFailure, TestOutcome,
    format, is_recorded_test_of, lint, rule_schema, run_all_tests, run_tests,
};
