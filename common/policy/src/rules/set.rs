//! The set of all rules, sorted by id, with a digest of what decides.

use std::collections::BTreeMap;

use cordon_settings::{Place, Problem, Problems};

use super::file::{self, Found};
use super::rule::Rule;

/// Every rule of the operator, checked, sorted by id.
#[derive(Debug, Clone)]
pub struct RuleSet {
    rules: Vec<Rule>,
    hash: String,
}

impl RuleSet {
    /// Reads rule files: pairs of file name and text.
    ///
    /// # Errors
    /// Every mistake in every file, with line and column; also a rule id that is used twice.
    pub fn load(files: &[(String, String)]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut rules: BTreeMap<String, (Rule, Place)> = BTreeMap::new();
        for (origin, text) in files {
            let (found, mistakes) = file::read(origin, text);
            problems.extend(with_lines(mistakes, text));
            for Found { rule, place, when: _ } in found {
                if let Some((_, first)) = rules.get(rule.id.as_str()) {
                    problems.extend(used_twice(&rule, place, first, text).into());
                    continue;
                }
                rules.insert(rule.id.as_str().to_owned(), (rule, place));
            }
        }
        problems.into_result()?;
        Ok(Self::of(rules.into_values().map(|(rule, _)| rule).collect()))
    }

    /// A set of rules that are sorted and unique already.
    pub(crate) fn of(rules: Vec<Rule>) -> Self {
        let hash = digest(&rules);
        Self { rules, hash }
    }

    /// A digest of what decides: id, mode, condition, actions and limits of every rule. Comments, descriptions, tests
    /// and the order and names of files do not change it.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The rules, sorted by id.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

/// Shows the whole line of each mistake: a rule file holds no secret.
fn with_lines(mut problems: Problems, text: &str) -> Problems {
    for problem in &mut problems.0 {
        problem.source_line = line(text, problem.line).or(problem.source_line.take());
    }
    problems
}

fn line(text: &str, number: usize) -> Option<String> {
    text.lines().nth(number.checked_sub(1)?).map(str::to_owned)
}

fn used_twice(rule: &Rule, place: Place, first: &Place, text: &str) -> Problem {
    Problem {
        line: place.line,
        column: place.column,
        path: "id".to_owned(),
        help: Some("ids must be unique over all rule files".to_owned()),
        source_line: line(text, place.line),
        ..Problem::whole(
            place.origin,
            format!("rule id `{}` is used already at {}:{}:{}", rule.id, first.origin, first.line, first.column),
        )
    }
}

fn digest(rules: &[Rule]) -> String {
    let content =
        |rule: &Rule| serde_json::json!([rule.id, rule.mode, rule.when, rule.actions, rule.limits]).to_string();
    let contents: Vec<String> = rules.iter().map(content).collect();
    cordon_records::digest(&contents.iter().map(String::as_str).collect::<Vec<_>>(), 16)
}
