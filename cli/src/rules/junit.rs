//! Test results as CI systems read them.

use std::path::Path;

use anyhow::Context as _;
use cordon_policy::TestOutcome;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::test::{kinds, why};

/// Writes a JUnit report: a suite for each rule.
pub fn write(file: &Path, outcomes: &[TestOutcome]) -> anyhow::Result<()> {
    let text = report(outcomes).to_string()?;
    std::fs::write(file, text).with_context(|| format!("the report {} cannot be written", file.display()))
}

fn report(outcomes: &[TestOutcome]) -> Report {
    let mut report = Report::new("cordon rules");
    for rule in outcomes.chunk_by(|one, two| one.rule == two.rule) {
        let Some(first) = rule.first() else { continue };
        let mut suite = TestSuite::new(first.rule.as_str());
        suite.add_test_cases(rule.iter().map(case));
        report.add_test_suite(suite);
    }
    report
}

fn case(outcome: &TestOutcome) -> TestCase {
    let mut status = TestCaseStatus::success();
    if !outcome.holds() {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(format!("expected {}, found {}", kinds(&outcome.expected), kinds(&outcome.found)));
        status.set_description(why(outcome));
    }
    let mut case = TestCase::new(outcome.test.as_str(), status);
    case.set_classname(outcome.rule.as_str());
    if let Some(file) = &outcome.recorded_in {
        case.extra.insert("file".into(), file.as_str().into());
    }
    case
}
