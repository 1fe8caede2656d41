//! `cordon rules test`.

use cordon_policy::{RecordedTest, RuleSet, TestOutcome, run_all_tests};
use cordon_settings::Problems;
use serde_json::{Value, json};

use super::args::{Output, TestArgs};
use super::files::Sources;
use super::outcome::why;
use super::step::{self, line};
use super::{counted, junit};
use crate::exit::Exit;
use crate::output;

pub fn run(args: &TestArgs) -> anyhow::Result<Exit> {
    let mut outcomes = match outcomes(args) {
        Ok(outcomes) => outcomes,
        Err(mut problems) => {
            if let Some(Err(unwritten)) = args.junit.as_ref().map(|file| junit::write_mistakes(file, &problems)) {
                problems.extend(unwritten);
            }
            return Err(problems.into());
        }
    };
    if let Some(name) = &args.run {
        outcomes.retain(|outcome| outcome.rule.contains(name) || outcome.test.contains(name));
        if outcomes.is_empty() {
            eprintln!("error: no test's rule or name holds {name:?}; `cordon rules test` without --run names them all");
            return Ok(Exit::Negative);
        }
    }
    match args.output {
        Output::Text => output::put(&page(&outcomes))?,
        Output::Json => output::put(&output::json(&document(&outcomes))?)?,
    }
    if let Some(file) = &args.junit {
        junit::write(file, &outcomes)?;
    }
    Ok(if outcomes.iter().all(TestOutcome::holds) { Exit::Ok } else { Exit::Negative })
}

fn outcomes(args: &TestArgs) -> Result<Vec<TestOutcome>, Problems> {
    let Sources { rules, recorded, strays } = Sources::read(&args.paths)?;
    strays.iter().for_each(|stray| eprintln!("{}\n", stray.as_warning()));
    let rules = RuleSet::load(&rules)?;
    let ids: Vec<&str> = rules.rules().iter().map(|rule| rule.id.as_str()).collect();
    let recorded = RecordedTest::load(&recorded, Some(&ids))?;
    Ok(run_all_tests(&rules, &recorded))
}

fn page(outcomes: &[TestOutcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.holds()).count();
    let sum = format!("{}: {} hold, {failed} fail\n", counted(outcomes.len(), "test"), outcomes.len() - failed);
    outcomes.iter().map(lines).collect::<String>() + &sum
}

fn lines(outcome: &TestOutcome) -> String {
    let mark = if outcome.holds() { "ok  " } else { "FAIL" };
    let file = outcome.recorded_in.as_ref().map(|file| format!("  ({})", line(file))).unwrap_or_default();
    let first = format!("{mark}  {}: {}{file}\n", outcome.rule, line(&outcome.test));
    if outcome.holds() { first } else { first + &why(outcome) }
}

fn document(outcomes: &[TestOutcome]) -> Value {
    let failed = outcomes.iter().filter(|outcome| !outcome.holds()).count();
    let tests = outcomes.iter().map(|outcome| {
        json!({
            "rule": outcome.rule,
            "name": outcome.test,
            "file": outcome.recorded_in,
            "holds": outcome.holds(),
            "expected": outcome.expected,
            "found": outcome.found,
            "reason": outcome.reason,
            "condition": outcome.why.as_ref().map(step::document),
        })
    });
    json!({
        "schema_version": 1,
        "hold": outcomes.len() - failed,
        "fail": failed,
        "tests": tests.collect::<Vec<_>>(),
    })
}
