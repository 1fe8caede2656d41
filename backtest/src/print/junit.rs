//! For CI systems: one case a rule, one a gate.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::foreign::{NAME, SENTENCE, shown};
use super::words::{self, counted};
use crate::document::{Document, Gate, RuleRow};

/// The document.
///
/// # Errors
/// When it cannot be written as XML.
pub fn junit(document: &Document) -> Result<String, String> {
    let mut report = Report::new("cordon backtest");
    let mut rules = TestSuite::new("rules");
    rules.add_test_cases(document.rules.iter().map(rule));
    report.add_test_suite(rules);
    let mut gates = TestSuite::new("gates");
    gates.add_test_cases(document.gates.iter().map(gate));
    report.add_test_suite(gates);
    report.to_string().map_err(|error| error.to_string())
}

/// A rule that could not be judged on a record is an error: nobody knows what it would have done there.
fn rule(rule: &RuleRow) -> TestCase {
    let mut status = TestCaseStatus::success();
    if rule.errors > 0 {
        status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(format!("could not be judged on {}", counted(rule.errors, "record")));
        status.set_description(rule.error.as_ref().map(words::example).unwrap_or_default());
    }
    case("rules", &rule.id, status, &format!("matched {}", counted(rule.matched, "record")))
}

fn gate(gate: &Gate) -> TestCase {
    let mut status = TestCaseStatus::success();
    if !gate.holds {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(shown(&gate.why, SENTENCE));
    }
    case("gates", &gate.gate, status, &gate.why)
}

fn case(class: &str, name: &str, status: TestCaseStatus, out: &str) -> TestCase {
    let mut case = TestCase::new(shown(name, NAME), status);
    case.set_classname(format!("cordon backtest.{class}"));
    case.set_system_out(shown(out, SENTENCE));
    case
}
