//! Runs the tests of rules, those in their files and the recorded ones: each judges its own rule alone.

use std::error::Error;

use cordon_records::{EnrichedRecord, Verdict};
use jiff::Timestamp;

use super::given::NEEDS_HUMAN;
use super::recorded::RecordedTest;
use super::rule::{Rule, RuleTest};
use super::sample;
use super::set::RuleSet;
use crate::condition::Step;
use crate::decide::decide;
use crate::explain::explain;

/// A test in a rule's file that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// The rule's id.
    pub rule: String,
    /// The test's name.
    pub test: String,
    /// What it expects.
    pub expected: Vec<String>,
    /// What the rule planned, or `needs_human`.
    pub found: Vec<String>,
    /// The decision's reason.
    pub reason: String,
}

/// What came of a test.
#[derive(Debug, Clone)]
pub struct TestOutcome {
    /// The rule's id.
    pub rule: String,
    /// The test's name.
    pub test: String,
    /// The file of a recorded test; `None` for a test in the rule's own file.
    pub recorded_in: Option<String>,
    /// What it expects, in the order in which it is to be begun.
    pub expected: Vec<String>,
    /// What the rule planned, in its order, or `needs_human`.
    pub found: Vec<String>,
    /// The decision's reason.
    pub reason: String,
    /// For a test that does not hold: the rule's condition on its record.
    pub why: Option<Step>,
}

impl TestOutcome {
    /// Whether the test holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.expected == self.found
    }
}

/// Runs the tests that rule files carry and gives those that fail; empty means all hold.
#[must_use]
pub fn run_tests(rules: &RuleSet) -> Vec<TestFailure> {
    let failed = run_all_tests(rules, &[]).into_iter().filter(|outcome| !outcome.holds());
    failed
        .map(|TestOutcome { rule, test, expected, found, reason, .. }| TestFailure {
            rule,
            test,
            expected,
            found,
            reason,
        })
        .collect()
}

/// Runs every test: rule by rule, those in the rule's file first. A recorded test of a rule that is not in the set is
/// left out; [`RecordedTest::load`] lets none through.
#[must_use]
pub fn run_all_tests(rules: &RuleSet, recorded: &[RecordedTest]) -> Vec<TestOutcome> {
    let run_rule = |rule: &Rule| {
        let of_rule = recorded.iter().filter(|test| test.rule == rule.id);
        let inline = rule.tests.iter().map(|test| run_inline(rule, test));
        inline.chain(of_rule.map(|test| run_recorded(rule, test))).collect::<Vec<_>>()
    };
    rules.rules().iter().flat_map(run_rule).collect()
}

fn run_inline(rule: &Rule, test: &RuleTest) -> TestOutcome {
    let found = sample::record(test).and_then(|record| Ok((outcome(rule, &record)?, record)));
    finished(rule, &test.name, None, &test.expect, found)
}

fn run_recorded(rule: &Rule, test: &RecordedTest) -> TestOutcome {
    let found = outcome(rule, &test.record).map(|found| (found, test.record.clone()));
    finished(rule, &test.name, Some(&test.origin), &test.expect, found)
}

type Found = ((Vec<String>, String), EnrichedRecord);

fn finished(
    rule: &Rule,
    test: &str,
    recorded_in: Option<&str>,
    expect: &[String],
    found: Result<Found, Box<dyn Error>>,
) -> TestOutcome {
    let mut outcome = TestOutcome {
        rule: rule.id.to_string(),
        test: test.to_owned(),
        recorded_in: recorded_in.map(str::to_owned),
        expected: expect.to_vec(),
        found: vec!["error".to_owned()],
        reason: String::new(),
        why: None,
    };
    match found {
        Ok(((found, reason), record)) => {
            (outcome.found, outcome.reason) = (found, reason);
            outcome.why = if outcome.holds() { None } else { why(rule, &record) };
        }
        Err(error) => outcome.reason = error.to_string(),
    }
    outcome
}

fn why(rule: &Rule, record: &EnrichedRecord) -> Option<Step> {
    let alone = RuleSet::of(vec![rule.clone()]);
    let explained = explain(&alone, record).ok()?;
    explained.into_iter().next().map(|explained| explained.condition)
}

/// The kinds that the rule plans, in its order, and the decision's reason.
fn outcome(rule: &Rule, record: &EnrichedRecord) -> Result<(Vec<String>, String), Box<dyn Error>> {
    let alone = RuleSet::of(vec![rule.clone()]);
    let decision = decide(&alone, record, "test/0/0".to_owned(), Timestamp::UNIX_EPOCH)?;
    let kinds: Vec<String> = match decision.verdict {
        Verdict::NeedsHuman => vec![NEEDS_HUMAN.to_owned()],
        Verdict::Nothing | Verdict::Act => {
            decision.planned.iter().map(|planned| planned.action.kind().as_str().to_owned()).collect()
        }
    };
    Ok((kinds, decision.reason))
}
