//! `cordon rules list`.

use std::time::Duration;

use cordon_policy::{LocatedRule, RecordedTest, RuleSet};
use cordon_settings::format_duration;
use serde_json::{Map, Value, json};

use super::args::{ListArgs, ListOutput};
use super::files::Sources;
use super::step::line;
use crate::exit::Exit;
use crate::output;

const HEAD: [&str; 7] = ["RULE", "MODE", "ACTIONS", "LIMITS", "TESTS", "FILE", "DESCRIPTION"];

pub fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let sources = Sources::read(&args.paths)?;
    let rules = LocatedRule::load(&sources.rules)?;
    let ids: Vec<&str> = rules.iter().map(|located| located.rule.id.as_str()).collect();
    let recorded = RecordedTest::load(&sources.recorded, Some(&ids))?;
    match args.output {
        ListOutput::Table => {
            let rows: Vec<[String; 7]> = rules.iter().map(|located| row(located, &recorded)).collect();
            output::put(&output::table(HEAD, &rows))?;
        }
        ListOutput::Json => {
            let set = RuleSet::load(&sources.rules)?;
            let rules: Vec<Value> = rules.iter().map(|located| entry(located, &recorded)).collect();
            output::put(&output::json(&json!({"schema_version": 1, "rule_set": set.hash(), "rules": rules}))?)?;
        }
    }
    Ok(Exit::Ok)
}

/// Tests by what they expect.
#[derive(Default)]
struct Tests {
    positive: usize,
    negative: usize,
    needs_human: usize,
}

impl Tests {
    fn of(located: &LocatedRule, recorded: &[RecordedTest]) -> Self {
        let rule = &located.rule;
        let inline = rule.tests.iter().map(|test| &test.expect);
        let recorded = recorded.iter().filter(|test| test.rule == rule.id).map(|test| &test.expect);
        let mut tests = Self::default();
        for expect in inline.chain(recorded) {
            match expect.first().map(String::as_str) {
                None => tests.negative += 1,
                Some("needs_human") => tests.needs_human += 1,
                Some(_) => tests.positive += 1,
            }
        }
        tests
    }
}

fn row(located: &LocatedRule, recorded: &[RecordedTest]) -> [String; 7] {
    let rule = &located.rule;
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let actions: Vec<&str> = rule.actions.iter().map(|action| action.kind().as_str()).collect();
    let limits: Vec<String> =
        rule.limits.iter().map(|(window, limit)| format!("{limit} in {}", span(*window))).collect();
    let Tests { positive, negative, needs_human } = Tests::of(located, recorded);
    let person = if needs_human > 0 { format!(" ?{needs_human}") } else { String::new() };
    [
        rule.id.to_string(),
        rule.mode.as_str().to_owned(),
        dash(actions.join(", ")),
        dash(limits.join(", ")),
        format!("+{positive} -{negative}{person}"),
        line(&located.place.origin),
        line(rule.description.trim()),
    ]
}

fn span(seconds: u64) -> String {
    format_duration(Duration::from_secs(seconds))
}

fn entry(located: &LocatedRule, recorded: &[RecordedTest]) -> Value {
    let rule = &located.rule;
    let limits: Map<String, Value> = rule.limits.iter().map(|(window, limit)| (span(*window), json!(limit))).collect();
    let Tests { positive, negative, needs_human } = Tests::of(located, recorded);
    json!({
        "id": rule.id,
        "mode": rule.mode,
        "description": rule.description,
        "when": rule.when,
        "actions": rule.actions,
        "limits": limits,
        "tests": {"positive": positive, "negative": negative, "needs_human": needs_human},
        "file": located.place.origin,
        "line": located.place.line,
    })
}
