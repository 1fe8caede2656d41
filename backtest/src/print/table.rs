//! For a terminal: the result in words first, then what it rests on.

use super::foreign::{NAME, SENTENCE, shown};
use super::headline::{self, Sign};
use super::layout::Page;
use super::words::{self, count, counted, number};
use crate::document::{Change, Document, Example, Latched, RuleRow, SideName};

/// So many changes are told; the rest is in the JSON document.
const CHANGES: usize = 20;
/// So many rows of anything else.
const ROWS: usize = 40;
/// So many of what could not be read, told or reproduced.
const EXAMPLES: usize = 5;

/// The document, for lines of so many characters.
#[must_use]
pub fn table(document: &Document, width: usize) -> String {
    let mut page = Page::new(width);
    sides(&mut page, document);
    page.heading("RESULT");
    headline::headline(document).iter().for_each(|said| page.say(2, "", said));
    section(&mut page, "REPRODUCED", &words::reproduced(document), ROWS);
    gates(&mut page, document);
    changes(&mut page, document);
    rules(&mut page, document);
    caps(&mut page, document);
    load(&mut page, document);
    sweep(&mut page, document);
    let untold = words::unreproducible(document);
    section(&mut page, &format!("NOT REPRODUCIBLE: {}", counted(count(untold.len()), "action")), &untold, EXAMPLES);
    let gaps = words::gaps(document).into_iter().map(|gap| format!("missing: {gap}"));
    section(&mut page, "WINDOW", &words::window(document).into_iter().chain(gaps).collect::<Vec<_>>(), ROWS);
    unreadable(&mut page, document);
    section(&mut page, "NOT READ OF WHAT IS RECORDED", &words::unread_past(document), 1 + EXAMPLES);
    let limits: Vec<String> = document.limits.iter().map(|limit| shown(limit, SENTENCE)).collect();
    section(&mut page, "WHAT THIS DOES NOT TELL", &limits, ROWS);
    page.text()
}

fn sides(page: &mut Page, document: &Document) {
    let of = |side: &SideName| {
        format!("{} ({}, {})", shown(&side.name, SENTENCE), counted(count(side.rules), "rule"), short(&side.rule_set))
    };
    page.say(0, "under test: ", &of(&document.sides.after));
    if let Some(before) = &document.sides.before {
        page.say(0, "before:     ", &of(before));
    }
}

/// Enough of a hash for people.
fn short(hash: &str) -> String {
    shown(hash, 13)
}

/// A list that says what it leaves out.
fn section(page: &mut Page, title: &str, lines: &[String], most: usize) {
    if lines.is_empty() {
        return;
    }
    page.heading(title);
    lines.iter().take(most).for_each(|line| page.say(2, "- ", line));
    and_more(page, lines.len(), most);
}

fn and_more(page: &mut Page, all: usize, most: usize) {
    if all > most {
        page.say(2, "", &format!("and {} more: -o json", number(count(all - most))));
    }
}

fn gates(page: &mut Page, document: &Document) {
    if document.gates.is_empty() {
        return;
    }
    page.heading("GATES");
    for gate in &document.gates {
        let mark = if gate.holds { "holds   " } else { "BROKEN  " };
        page.say(2, mark, &format!("{}: {}", shown(&gate.gate, NAME), shown(&gate.why, SENTENCE)));
    }
}

fn changes(page: &mut Page, document: &Document) {
    let all = headline::changes(document);
    let actions = &document.actions;
    page.heading(&match document.sides.before {
        None => format!("ACTIONS: {}", number(count(actions.added.len()))),
        Some(_) => format!(
            "CHANGES: {} added, {} removed, {} changed; {} unchanged",
            number(count(actions.added.len())),
            number(count(actions.removed.len())),
            number(count(actions.changed.len())),
            number(actions.unchanged)
        ),
    });
    all.iter().take(CHANGES).for_each(|(sign, it)| change(page, *sign, it));
    and_more(page, all.len(), CHANGES);
}

fn change(page: &mut Page, sign: Sign, change: &Change) {
    let what = format!("{}: {}, {}", words::machine(change), shown(&change.action, NAME), words::outcomes(change));
    page.say(2, &format!("{} ", sign.mark()), &what);
    if let Some(course) = words::speaks(change) {
        let found = words::found(change);
        page.say(6, "", &format!("{}: {}; later {found}", words::time(course.at), words::alert(course)));
        let rules: Vec<String> = course.rules.iter().map(|rule| shown(rule, NAME)).collect();
        page.say(6, "", &format!("by {}", rules.join(", ")));
    }
    page.say(6, "", &shown(&change.why, SENTENCE));
    for flip in &change.flipped {
        page.say(8, "", &format!("{}: {}", shown(&flip.part, SENTENCE), words::truth(flip)));
        if !flip.values.is_empty() {
            page.say(10, "", &words::values(flip));
        }
    }
}

fn rules(page: &mut Page, document: &Document) {
    page.heading(&format!("RULES over {}", counted(document.records, "record")));
    let has_other = document.sides.before.is_some();
    let row = |rule: &RuleRow| {
        let mut cells = vec![shown(&rule.id, NAME), shown(&rule.mode, NAME), number(rule.matched), number(rule.errors)];
        if has_other {
            cells.push(rule.before.map_or_else(|| "-".to_owned(), |before| number(before.matched)));
            cells.push(words::standing(rule.standing).to_owned());
        }
        cells
    };
    let rows: Vec<Vec<String>> = document.rules.iter().take(ROWS).map(row).collect();
    let head = ["RULE", "MODE", "MATCHED", "ERRORS", "BEFORE", "STANDING"];
    page.table(head.get(..if has_other { 6 } else { 4 }).unwrap_or(&head), &rows);
    and_more(page, document.rules.len(), ROWS);
    let remarks = document.rules.iter().map(|rule| (rule, words::remarks(rule)));
    for (rule, remarks) in remarks.filter(|(_, remarks)| !remarks.is_empty()).take(ROWS) {
        let id = shown(&rule.id, NAME);
        for (place, remark) in remarks.iter().enumerate() {
            if place == 0 { page.say(2, "- ", &format!("{id} {remark}")) } else { page.say(6, "", remark) }
        }
    }
}

fn caps(page: &mut Page, document: &Document) {
    page.heading("CAPS AND BREAKER");
    let mut side = |name: &str, latches: &[Latched]| {
        words::latches(latches).iter().take(EXAMPLES).for_each(|said| page.say(2, name, said));
        and_more(page, latches.len(), EXAMPLES);
    };
    side("under test: ", &document.latches.after);
    if let Some(before) = &document.latches.before {
        side("before:     ", before);
    }
}

fn load(page: &mut Page, document: &Document) {
    page.heading("LOAD");
    let has_other = document.sides.before.is_some();
    let rows: Vec<Vec<String>> = words::load(document)
        .into_iter()
        .map(|pair| [Some(pair.what.to_owned()), has_other.then(|| pair.before.unwrap_or_default()), Some(pair.after)])
        .map(|cells| cells.into_iter().flatten().collect())
        .collect();
    page.table(if has_other { &["", "BEFORE", "UNDER TEST"] } else { &["", "UNDER TEST"] }, &rows);
}

fn sweep(page: &mut Page, document: &Document) {
    if document.sweep.is_empty() {
        return;
    }
    page.heading("OTHER GUARDS");
    let head: Vec<String> = words::SWEEP.iter().map(|title| title.to_uppercase()).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = words::sweep(document).into_iter().take(ROWS).map(Vec::from).collect();
    page.table(&head, &rows);
    and_more(page, document.sweep.len(), ROWS);
}

fn unreadable(page: &mut Page, document: &Document) {
    let unreadable = &document.unreadable;
    if unreadable.records == 0 {
        return;
    }
    page.heading(&format!("NOT READ: {}", counted(unreadable.records, "record")));
    let examples: Vec<&Example> = unreadable.examples.iter().take(EXAMPLES).collect();
    examples.iter().for_each(|it| page.say(2, "- ", &words::example(it)));
    let told = count(examples.len());
    if unreadable.records > told {
        page.say(2, "", &format!("and {} more: -o json names the first", number(unreadable.records - told)));
    }
}
