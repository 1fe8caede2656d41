//! What a rule set should have beyond being right: few warnings, each about something that a team has regretted.

use cordon_records::Mode;
use cordon_settings::{Problem, Problems};

use super::given::NEEDS_HUMAN;
use super::located::LocatedRule;
use super::recorded::RecordedTest;
use super::rule::Rule;
use super::set::RuleSet;

/// What a look at rule files and recorded tests found.
#[derive(Debug, Clone, Default)]
pub struct Lint {
    /// The rules that can be read.
    pub rules: usize,
    /// Their tests, in their files and recorded.
    pub tests: usize,
    /// What keeps the rules from being used.
    pub mistakes: Problems,
    /// What is allowed and better changed; sorted by place.
    pub warnings: Vec<Problem>,
}

/// Looks at rule files and the JSON files of recorded tests: pairs of file name and text.
#[must_use]
pub fn lint(files: &[(String, String)], recorded: &[(String, String)]) -> Lint {
    let mut mistakes = RuleSet::load(files).err().unwrap_or_default();
    let rules = LocatedRule::found(files);
    let ids: Vec<&str> = rules.iter().map(|located| located.rule.id.as_str()).collect();
    let known = mistakes.is_empty().then_some(ids.as_slice());
    let recorded = RecordedTest::load(recorded, known).map_err(|found| mistakes.extend(found)).unwrap_or_default();
    let mut warnings: Vec<Problem> = Vec::new();
    for located in &rules {
        let said = of_rule(&located.rule, &recorded).into_iter().chain(twin(located, &rules));
        warnings.extend(said.map(|(message, help)| warning(located, files, message, help)));
    }
    warnings.sort_by(|a, b| (&a.origin, a.line, a.column).cmp(&(&b.origin, b.line, b.column)));
    let tests = recorded.len() + rules.iter().map(|located| located.rule.tests.len()).sum::<usize>();
    Lint { rules: rules.len(), tests, mistakes, warnings }
}

/// A warning and what to do about it.
type Said = (String, &'static str);

fn of_rule(rule: &Rule, recorded: &[RecordedTest]) -> Vec<Said> {
    let mut said = Vec::new();
    let mut say = |is_wrong: bool, message: &str, help: &'static str| {
        if is_wrong {
            said.push((message.to_owned(), help));
        }
    };
    say(
        rule.description.trim().is_empty(),
        "has no description",
        "write `description:`, one line that says what the rule is for; reports and mails are read by people",
    );
    let acts = !rule.actions.is_empty();
    say(!acts, "asks for no action", "that is right for a rule that only marks alerts; otherwise write `actions:`");
    say(
        rule.when == "true" && acts,
        "matches every alert",
        "name in `when:` what the rule is for, such as `alert.severity == \"High\"`",
    );
    let of_rule = recorded.iter().filter(|test| test.rule == rule.id).map(|test| &test.expect);
    let expects: Vec<&Vec<String>> = rule.tests.iter().map(|test| &test.expect).chain(of_rule).collect();
    let is_positive = |expect: &&Vec<String>| expect.iter().any(|kind| kind != NEEDS_HUMAN);
    say(
        acts && !expects.iter().any(is_positive),
        "has no test that expects an action",
        "add a test with a record that the rule is for, and `expect:` with the rule's actions",
    );
    say(
        acts && !expects.iter().any(|expect| expect.is_empty()),
        "has no test that expects nothing",
        "add a test with a record that the rule must leave alone, and `expect: []`",
    );
    say(
        acts && rule.mode == Mode::Auto && rule.limits.is_empty(),
        "acts by itself without limits of its own",
        "write `limits:`, such as {1h: 5}; without them one noisy rule uses up the caps of all rules and latches the breaker",
    );
    said
}

/// Another rule with the same condition: one of the two was likely copied and not finished.
fn twin(located: &LocatedRule, rules: &[LocatedRule]) -> Option<Said> {
    let folded = |rule: &Rule| rule.when.split_whitespace().collect::<Vec<_>>().join(" ");
    let own = folded(&located.rule);
    let earlier = rules.iter().take_while(|other| other.rule.id != located.rule.id);
    let twin = earlier.into_iter().find(|other| folded(&other.rule) == own)?;
    let message =
        format!("has the same condition as rule {} ({}:{})", twin.rule.id, twin.place.origin, twin.place.line);
    Some((message, "one rule may hold several actions; two are needed only for two modes"))
}

fn warning(located: &LocatedRule, files: &[(String, String)], message: String, help: &str) -> Problem {
    let place = &located.place;
    let text = files.iter().find(|(origin, _)| *origin == place.origin).map_or("", |(_, text)| text);
    Problem {
        line: place.line,
        column: place.column,
        path: located.rule.id.to_string(),
        help: Some(help.to_owned()),
        source_line: place.line.checked_sub(1).and_then(|index| text.lines().nth(index)).map(str::to_owned),
        ..Problem::whole(&place.origin, message)
    }
}
