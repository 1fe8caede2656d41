//! Reads rule files: one rule in a file, or a list under `rules:`.

use cordon_records::{Mode, RuleId};
use cordon_settings::{Document, Place, Problem, Problems, Reader, Section};
use serde_json::Value;

use super::given::test;
use super::rule::Rule;
use super::scalar::Scalar;
use super::template::Template;
use super::{actions, tokens};
use crate::condition::{Condition, Mistake};
use crate::guards::file::{attempts, windows};

/// The modes by their names in files.
pub const MODES: &[(&str, Mode)] = &[("shadow", Mode::Shadow), ("approve", Mode::Approve), ("auto", Mode::Auto)];

/// A rule and the places of its id and its condition, for messages about other files.
pub struct Found {
    pub rule: Rule,
    pub place: Place,
    pub when: Place,
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
    let found = if let Some(listed) = root.value("rules").optional() {
        let rules = root.list_of_sections("rules");
        root.finish();
        let paths = paths(&listed);
        rules.into_iter().zip(paths).filter_map(|(section, path)| rule(section, text, &path)).collect()
    } else {
        rule(root, text, "when").into_iter().collect()
    };
    (found, reader.finish().err().unwrap_or_default())
}

/// The path of each rule's condition; what is no section is no rule.
fn paths(listed: &Value) -> Vec<String> {
    let items = listed.as_array().into_iter().flatten().enumerate();
    items.filter(|(_, item)| item.is_object()).map(|(index, _)| format!("rules[{index}].when")).collect()
}

/// `file` is the text of the whole file, `path` the condition's path in messages.
fn rule(mut section: Section, file: &str, path: &str) -> Option<Found> {
    let place = section.place("id");
    let id = section.text("id").convert(|id| RuleId::new(id).map_err(|error| error.to_string())).required();
    let description = section.text("description").or(String::new());
    let mode = section.choice("mode", MODES).or(Mode::Shadow);
    let when = section.text("when").required();
    let written = Written { file, path, place: section.place("when") };
    let condition =
        when.as_deref().and_then(|when| written.condition(when).map_err(|problems| section.adopt(problems)).ok());
    let actions = actions(&mut section);
    let mut limits = section.section("limits");
    let limits = windows(&mut limits, &[], attempts);
    let tests = section.list_of_sections("tests").into_iter().filter_map(test).collect();
    section.finish();
    let when = when?.trim().to_owned();
    Some(Found {
        rule: Rule { id: id?, description, mode, when, actions, limits, tests, condition: condition? },
        place,
        when: written.place,
    })
}

/// Where a condition is written.
struct Written<'t> {
    file: &'t str,
    path: &'t str,
    place: Place,
}

impl Written<'_> {
    fn condition(&self, when: &str) -> Result<Condition, Problems> {
        let scalar = Scalar::at(self.file, &self.place);
        let comment = tokens::comment(when).filter(|_| !scalar.keeps_lines()).map(|at| position(when, at));
        let parsed = Condition::parse(when);
        let mistakes = match (comment, parsed) {
            (None, Ok(condition)) => return Ok(condition),
            (None, Err(mistakes)) => mistakes,
            (Some(place), parsed) => swallowed(place, parsed.err().unwrap_or_default()),
        };
        Err(Problems(mistakes.into_iter().map(|mistake| self.problem(&scalar, when, mistake)).collect()))
    }

    fn problem(&self, scalar: &Scalar<'_>, when: &str, mistake: Mistake) -> Problem {
        let Mistake { line, column, message, help } = mistake;
        let (line, column) = scalar.place_of(when, (line, column));
        Problem { line, column, path: self.path.to_owned(), help, ..Problem::whole(&self.place.origin, message) }
    }
}

/// The mistakes before a comment that takes the rest with it, and the comment itself. What the parser says of the
/// place where the text then ends is its echo.
fn swallowed((line, column): (usize, usize), mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.retain(|mistake| (mistake.line, mistake.column) < (line, column));
    let message = "`//` would make a comment of all that follows: written like this, the condition has no line breaks";
    let help = "write `when: |` and the condition below it, or put the comment above `when`, as one of YAML: `# …`";
    mistakes.push(Mistake { line, column, message: message.to_owned(), help: Some(help.to_owned()) });
    mistakes
}

/// Line and column of a byte, both from 1; columns in characters.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or_default();
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (before.matches('\n').count() + 1, column)
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
        Template::Action(action) => action.undoes(),
        Template::Evidence(_) => None,
    };
    undone(one) == Some(two.kind()) || undone(two) == Some(one.kind())
}
