//! Test results as CI systems read them.

use std::path::Path;

use cordon_policy::TestOutcome;
use cordon_settings::{Problem, Problems};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::outcome::{kinds, why};

/// Writes a JUnit report: a suite for each rule.
pub fn write(file: &Path, outcomes: &[TestOutcome]) -> Result<(), Problems> {
    save(file, &report(outcomes))
}

/// Writes the report of a run that never began: one failed case, so that whoever reads reports alone is told too.
pub fn write_mistakes(file: &Path, mistakes: &Problems) -> Result<(), Problems> {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let first = mistakes.0.first().map_or_else(String::new, |first| format!("{}: {}", first.origin, first.message));
    let more = mistakes.0.len().saturating_sub(1);
    status.set_message(if more == 0 { first } else { format!("{first} (and {more} more)") });
    status.set_description(mistakes.to_string());
    let mut case = TestCase::new("the rules and their tests can be read", status);
    case.set_classname("cordon rules");
    let mut suite = TestSuite::new("cordon rules");
    suite.add_test_case(case);
    let mut report = Report::new("cordon rules");
    report.add_test_suite(suite);
    save(file, &report)
}

fn save(file: &Path, report: &Report) -> Result<(), Problems> {
    let problem = |error: &dyn std::fmt::Display| {
        let help = "give --junit a file in a folder that is there and may be written to";
        let problem = Problem::whole(file.display().to_string(), format!("the report cannot be written: {error}"));
        Problems::from(Problem { help: Some(help.to_owned()), ..problem })
    };
    let text = report.to_string().map_err(|error| problem(&error))?;
    std::fs::write(file, text).map_err(|error| problem(&error))
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
