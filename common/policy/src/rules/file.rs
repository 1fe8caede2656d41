//! Reads rule files: one rule in a file, or a list under `rules:`.

use cordon_records::{Action, IsolationType, Mode, RuleId};
use cordon_settings::{Document, Place, Problems, Reader, Section, closest};

use super::given::test;
use super::rule::Rule;
use crate::condition::Condition;
use crate::guards::file::{attempts, windows};

/// The actions that a rule may ask for.
pub const ACTION_KINDS: &[&str] = &["isolate"];

/// The modes by name.
pub const MODES: &[(&str, Mode)] = &[("shadow", Mode::Shadow), ("approve", Mode::Approve), ("auto", Mode::Auto)];

/// A rule and the place of its id, for messages about other files.
pub struct Found {
    pub rule: Rule,
    pub place: Place,
}

/// Every rule of one file, and every mistake in it.
pub fn read(origin: &str, text: &str) -> (Vec<Found>, Problems) {
    let document = match Document::parse(origin, text) {
        Ok(document) => document,
        Err(problems) => return (Vec::new(), problems),
    };
    let reader = Reader::new(&document);
    let mut root = reader.root();
    // A `rules:` without a value is an empty list, not a rule without an id.
    let found = if root.value("rules").optional().is_some() {
        let rules = root.list_of_sections("rules");
        root.finish();
        rules.into_iter().filter_map(rule).collect()
    } else {
        rule(root).into_iter().collect()
    };
    (found, reader.finish().err().unwrap_or_default())
}

fn rule(mut section: Section) -> Option<Found> {
    let place = section.place("id");
    let id = section.text("id").convert(|id| RuleId::new(id).map_err(|error| error.to_string())).required();
    let description = section.text("description").or(String::new());
    let mode = section.choice("mode", MODES).or(Mode::Shadow);
    let when = section.text("when").required();
    let condition = when.as_deref().and_then(|when| condition(&section, when));
    let actions = actions(&mut section);
    let mut limits = section.section("limits");
    let limits = windows(&mut limits, &[], attempts);
    let tests = section.list_of_sections("tests").into_iter().filter_map(test).collect();
    section.finish();
    let when = when?.trim().to_owned();
    Some(Found {
        rule: Rule { id: id?, description, mode, when, actions, limits, tests, condition: condition? },
        place,
    })
}

fn condition(section: &Section, when: &str) -> Option<Condition> {
    match Condition::parse(when) {
        Ok(condition) => Some(condition),
        Err(mistakes) => {
            for mistake in mistakes {
                section.problem_within("when", (mistake.line, mistake.column), mistake.message, mistake.help);
            }
            None
        }
    }
}

fn actions(section: &mut Section) -> Vec<Action> {
    if !section.is_present("actions") {
        let help = "write `actions: []` for a rule that only reports a match";
        section.problem_with_help("actions", "required, but missing", help);
    }
    let mut actions: Vec<Action> = Vec::new();
    for item in section.list_of_sections("actions") {
        let place = item.clone();
        let Some(action) = action(item) else { continue };
        if actions.iter().any(|known| known.kind() == action.kind()) {
            place.problem(action.kind().as_str(), "is asked for twice in this rule");
        }
        actions.push(action);
    }
    actions
}

fn action(mut item: Section) -> Option<Action> {
    let Some(mut isolate) = item.optional_section("isolate") else {
        let written = item.keys();
        let nearest = written.iter().find_map(|key| closest(key, ACTION_KINDS));
        let help = nearest.map_or_else(
            || "write `- isolate: {type: Full, comment: why}`".to_owned(),
            |kind| format!("did you mean `{kind}`?"),
        );
        item.problem_with_help(
            written.first().map_or("isolate", String::as_str),
            "is no action with its settings",
            help,
        );
        return None;
    };
    let types = [IsolationType::Full, IsolationType::Selective].map(|kind| (kind.as_str(), kind));
    let isolation = isolate.choice("type", &types).or(IsolationType::Full);
    let not_blank = |comment: &String| match comment.trim().is_empty() {
        true => Err("must say why; Defender shows it with the action".to_owned()),
        false => Ok(()),
    };
    let comment = isolate.text("comment").check(not_blank).required();
    isolate.finish();
    item.finish();
    Some(Action::Isolate { isolation, comment: comment?, release: None })
}
