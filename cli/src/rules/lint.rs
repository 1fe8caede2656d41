//! `cordon rules lint`.

use cordon_policy::Lint;
use cordon_settings::Problem;
use serde_json::{Value, json};

use super::args::{LintArgs, Output};
use super::counted;
use super::files::Sources;
use crate::exit::Exit;
use crate::output;

pub fn run(args: &LintArgs) -> anyhow::Result<Exit> {
    let Sources { rules, recorded, strays } = Sources::read(&args.paths)?;
    let mut found = cordon_policy::lint(&rules, &recorded);
    found.warnings.extend(strays);
    match args.output {
        Output::Text => output::put(&page(&found))?,
        Output::Json => output::put(&output::json(&document(&found))?)?,
    }
    let denied = args.deny_warnings && !found.warnings.is_empty();
    match (found.mistakes.is_empty(), denied) {
        (false, _) => Ok(Exit::Negative),
        (true, true) => Ok(Exit::Warned),
        (true, false) => Ok(Exit::Ok),
    }
}

fn page(found: &Lint) -> String {
    let mistakes = found.mistakes.0.iter().map(|mistake| format!("{mistake}\n\n"));
    let warnings = found.warnings.iter().map(|warning| format!("{}\n\n", warning.as_warning()));
    let sum = [
        counted(found.rules, "sound rule"),
        counted(found.tests, "test"),
        counted(found.mistakes.0.len(), "mistake"),
        counted(found.warnings.len(), "warning"),
    ];
    mistakes.chain(warnings).collect::<String>() + &sum.join(", ") + "\n"
}

fn document(found: &Lint) -> Value {
    let mistakes = found.mistakes.0.iter().map(|mistake| finding("error", mistake));
    let warnings = found.warnings.iter().map(|warning| finding("warning", warning));
    json!({
        "schema_version": 1,
        "rules": found.rules,
        "tests": found.tests,
        "findings": mistakes.chain(warnings).collect::<Vec<_>>(),
    })
}

/// Line and column are 0 where a finding concerns a file as a whole.
fn finding(severity: &str, problem: &Problem) -> Value {
    json!({
        "severity": severity,
        "file": problem.origin,
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
        "help": problem.help,
    })
}
