//! `cordon rules lint`.

use std::collections::BTreeSet;

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
    let warnings = folded(&found.warnings).into_iter().map(|warning| format!("{warning}\n\n"));
    let sum = [
        counted(found.rules, "sound rule"),
        counted(found.tests, "test"),
        counted(found.mistakes.0.len(), "mistake"),
        counted(found.warnings.len(), "warning"),
    ];
    mistakes.chain(warnings).collect::<String>() + &sum.join(", ") + "\n"
}

/// The warnings, each once: what is equal but for its rule is told once, with the names of the rules.
fn folded(warnings: &[Problem]) -> Vec<String> {
    let same = |one: &Problem, two: &Problem| {
        (&one.message, &one.help, one.path.is_empty()) == (&two.message, &two.help, two.path.is_empty())
    };
    let is_first = |(index, warning): &(usize, &Problem)| !warnings.iter().take(*index).any(|it| same(it, warning));
    let told = |(_, first): (usize, &Problem)| {
        let all = warnings.iter().filter(|it| same(it, first));
        let names: BTreeSet<&str> = all.map(|it| if it.path.is_empty() { &*it.origin } else { &*it.path }).collect();
        match names.len() {
            0 | 1 => first.as_warning().to_string(),
            many => several(first, many, &names.into_iter().collect::<Vec<_>>().join(", ")),
        }
    };
    warnings.iter().enumerate().filter(is_first).map(told).collect()
}

/// One warning about several rules, or about several files. It points at no place, since there are many.
fn several(first: &Problem, many: usize, names: &str) -> String {
    let noun = if first.path.is_empty() { "files" } else { "rules" };
    let plural =
        [("has ", "have "), ("asks ", "ask "), ("matches ", "match "), ("acts by itself ", "act by themselves ")];
    let plural = plural.into_iter().find_map(|(one, all)| {
        let rest = first.message.strip_prefix(one)?;
        Some(format!("{many} {noun} {all}{rest}"))
    });
    let message = plural.unwrap_or_else(|| format!("in {many} {noun}: {}", first.message));
    let help = first.help.as_ref().map(|help| format!("\n  = help: {help}"));
    format!("warning: {message}: {names}{}", help.unwrap_or_default())
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
