//! Reads rule files: one rule in a file, or a list under `rules:`.

use cordon_records::{Mode, RuleId};
use cordon_settings::{Document, Place, Problems, Reader, Section};

use super::actions;
use super::given::test;
use super::rule::Rule;
use super::template::Template;
use crate::condition::Condition;
use crate::guards::file::{attempts, windows};
use crate::plan::opposites::undoes;

pub use super::actions::ACTION_KINDS;

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

fn actions(section: &mut Section) -> Vec<Template> {
    if !section.is_present("actions") {
        let help = "write `actions: []` for a rule that only reports a match";
        section.problem_with_help("actions", "required, but missing", help);
    }
    let mut templates: Vec<Template> = Vec::new();
    for item in section.list_of_sections("actions") {
        let place = item.clone();
        let Some(template) = actions::read(item) else { continue };
        let kind = template.kind().as_str();
        if templates.iter().any(|known| !known.stands_beside(&template)) {
            place.problem_with_help(kind, "is asked for twice in this rule", "leave one out, or make two rules of it");
        }
        if let Some(other) = templates.iter().find(|known| undo_each_other(known, &template)) {
            let other = other.kind();
            place.problem_with_help(
                kind,
                format!("and `{other}` of the same rule undo each other"),
                "make two rules of it, each with its own condition",
            );
        }
        templates.push(template);
    }
    templates
}

/// In one decision what would be undone wins, so one of the two would never come to pass.
fn undo_each_other(one: &Template, two: &Template) -> bool {
    let undone = |template: &Template| match template {
        Template::Action(action) => undoes(action),
        Template::Evidence(_) => None,
    };
    undone(one) == Some(two.kind()) || undone(two) == Some(one.kind())
}
