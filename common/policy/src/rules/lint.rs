//! What a rule set should have beyond being right: few warnings, each about something that a team has regretted.

use std::collections::BTreeMap;

use cordon_records::Mode;
use cordon_settings::{Problem, Problems};

use super::escapes::escapes;
use super::file::position;
use super::given::NEEDS_HUMAN;
use super::located::LocatedRule;
use super::recorded::RecordedTest;
use super::rule::Rule;
use super::scalar::Scalar;
use super::set::RuleSet;
use super::typos::typos;
use crate::condition::Condition;

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
        let text = files.iter().find(|(origin, _)| *origin == located.place.origin).map_or("", |(_, text)| text);
        let said = of_rule(&located.rule, &recorded).into_iter().chain(same_names(&located.rule, &recorded));
        let place = (located.place.line, located.place.column);
        let said = said.chain(twin(located, &rules));
        warnings.extend(said.map(|(message, help)| warning(located, text, place, message, help)));
        warnings.extend(misspelt(located, text).chain(misread(located, text)).chain(doubted(located, text)));
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
        acts && expects.is_empty(),
        "has no tests",
        "add one with a record that the rule is for, and one with a record that it must leave alone",
    );
    say(
        acts && !expects.is_empty() && !expects.iter().any(is_positive),
        "has no test that expects an action",
        "add a test with a record that the rule is for, and `expect:` with the rule's actions",
    );
    say(
        acts && !expects.is_empty() && !expects.iter().any(|expect| expect.is_empty()),
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

/// Tests of one rule that have the same name: a report tells them apart by nothing else.
fn same_names(rule: &Rule, recorded: &[RecordedTest]) -> Vec<Said> {
    let recorded = recorded.iter().filter(|test| test.rule == rule.id).map(|test| test.name.as_str());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in rule.tests.iter().map(|test| test.name.as_str()).chain(recorded) {
        *counts.entry(name).or_default() += 1;
    }
    let many = counts.into_iter().filter(|(_, count)| *count > 1);
    let told = |(name, count)| format!("has {count} tests of the name {name:?}");
    many.map(|each| (told(each), "give each test a name of its own; a report tells them apart by nothing else"))
        .collect()
}

/// Values that are nearly, but not quite, what Defender writes: with them the rule never matches.
fn misspelt<'a>(located: &'a LocatedRule, text: &'a str) -> impl Iterator<Item = Problem> + 'a {
    typos(&located.rule.when).into_iter().map(|typo| {
        let message = format!("{:?} is no value of {} that is known", typo.text, typo.field);
        inside(located, text, typo.at, message, &format!("did you mean {:?}?", typo.meant))
    })
}

/// Comparisons that leave out records of which they seem to speak.
fn doubted<'a>(located: &'a LocatedRule, text: &'a str) -> impl Iterator<Item = Problem> + 'a {
    let scalar = Scalar::at(text, &located.when);
    Condition::doubts(&located.rule.when).into_iter().map(move |doubt| {
        let place = scalar.place_of(&located.rule.when, (doubt.line, doubt.column));
        warning(located, text, place, doubt.message, &doubt.help.unwrap_or_default())
    })
}

/// Texts that hold another character than the one that is seen: with them the rule mostly never matches.
fn misread<'a>(located: &'a LocatedRule, text: &'a str) -> impl Iterator<Item = Problem> + 'a {
    escapes(&located.rule.when).map(|escape| {
        let (message, help) = match escape.written {
            "" => (
                format!("this text holds {}, made by YAML of an escape or pasted into it", escape.means),
                "write the condition below `when: |`, where YAML leaves backslashes alone, and each as two, or as one \
                 in a text with an r before its quotation marks"
                    .to_owned(),
            ),
            written => (
                format!("`{written}` begins with {}, not with a backslash", escape.means),
                format!("for a backslash write two, `\\{written}`, or put an r before the quotation marks: r\"…\""),
            ),
        };
        inside(located, text, escape.at, message, &help)
    })
}

/// A warning about a place in the condition.
fn inside(located: &LocatedRule, text: &str, at: usize, message: String, help: &str) -> Problem {
    let when = located.rule.when.as_str();
    let place = Scalar::at(text, &located.when).place_of(when, position(when, at));
    warning(located, text, place, message, help)
}

fn warning(located: &LocatedRule, text: &str, (line, column): (usize, usize), message: String, help: &str) -> Problem {
    Problem {
        line,
        column,
        path: located.rule.id.to_string(),
        help: Some(help.to_owned()),
        source_line: line.checked_sub(1).and_then(|index| text.lines().nth(index)).map(str::to_owned),
        ..Problem::whole(&located.place.origin, message)
    }
}
