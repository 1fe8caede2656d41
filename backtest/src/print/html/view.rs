//! What the templates show, ready to be put in: words and numbers, no decisions.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::foreign::{NAME, SENTENCE, shown};
use super::super::headline::{self, Sign};
use super::super::words::{self, Pair, count, counted, number};
use crate::document::{Both, Change, Course, Document, Flip, Load, RuleRow, SideName};

/// So many rules are told.
const RULES: usize = 2_000;
/// So many entries of every other list.
const ROWS: usize = 200;

/// The page without its changes.
#[derive(Debug, Serialize)]
pub struct PageView {
    headline: String,
    more: Vec<String>,
    after: String,
    before: Option<String>,
    tallies: Vec<(String, &'static str)>,
    changes: usize,
    changes_title: String,
    records: String,
    gates: Vec<GateView>,
    rules: Vec<RuleView>,
    latches: Vec<(&'static str, Vec<String>)>,
    load: Vec<LoadView>,
    load_by_time: Vec<LoadTable>,
    sweep: Vec<[String; 6]>,
    sweep_titles: [&'static str; 6],
    reproduced: Section,
    unreproducible: Section,
    window: Section,
    unreadable: Section,
    unread_past: Section,
    limits: Section,
    manifest: Section,
}

#[derive(Debug, Serialize)]
struct GateView {
    gate: String,
    holds: bool,
    why: String,
}

/// A number for each of many times.
#[derive(Debug, Serialize)]
struct LoadTable {
    title: &'static str,
    when: &'static str,
    rows: Vec<LoadView>,
    left_out: Option<String>,
}

#[derive(Debug, Serialize)]
struct LoadView {
    what: String,
    before: Option<String>,
    after: String,
}

#[derive(Debug, Serialize)]
struct RuleView {
    id: String,
    mode: String,
    matched: String,
    errors: String,
    before: String,
    standing: &'static str,
    remarks: Vec<String>,
}

/// A list that says what it leaves out.
#[derive(Debug, Serialize)]
struct Section {
    lines: Vec<String>,
    left_out: Option<String>,
}

impl Section {
    fn of(mut lines: Vec<String>) -> Self {
        let left_out = lines.len().saturating_sub(ROWS);
        lines.truncate(ROWS);
        Self { lines, left_out: (left_out > 0).then(|| number(count(left_out))) }
    }
}

impl PageView {
    /// The page of this document.
    #[must_use]
    pub fn of(document: &Document) -> Self {
        let mut said = headline::headline(document).into_iter();
        let sides = &document.sides;
        let mut latches = vec![("under test", words::latches(&document.latches.after))];
        latches.extend(document.latches.before.as_ref().map(|before| ("before", words::latches(before))));
        let gaps = words::gaps(document).into_iter().map(|gap| format!("missing: {gap}"));
        Self {
            headline: said.next().unwrap_or_default(),
            more: said.collect(),
            after: side(&sides.after),
            before: sides.before.as_ref().map(side),
            tallies: tallies(document),
            changes: headline::changes(document).len(),
            changes_title: if sides.before.is_some() { "Changes" } else { "Actions" }.to_owned(),
            records: counted(document.records, "record"),
            gates: gates(document),
            rules: document.rules.iter().take(RULES).map(RuleView::of).collect(),
            latches,
            load: words::load(document).into_iter().map(LoadView::of).collect(),
            load_by_time: vec![
                LoadTable::of(document, ("Questions to people by shift", "Shift (UTC)"), |load| {
                    &load.questions_by_shift
                }),
                LoadTable::of(document, ("Mails by day, at most", "Day (UTC)"), |load| &load.reports_by_day),
            ],
            sweep: words::sweep(document),
            sweep_titles: words::SWEEP,
            reproduced: Section::of(words::reproduced(document)),
            unreproducible: Section::of(words::unreproducible(document)),
            window: Section::of(words::window(document).into_iter().chain(gaps).collect()),
            unreadable: unreadable(document),
            unread_past: Section::of(words::unread_past(document)),
            limits: Section::of(document.limits.clone()),
            manifest: Section::of(words::manifest(document)),
        }
    }
}

fn side(side: &SideName) -> String {
    format!("{} ({})", shown(&side.name, SENTENCE), counted(count(side.rules), "rule"))
}

fn tallies(document: &Document) -> Vec<(String, &'static str)> {
    let actions = &document.actions;
    let of = |changes: &Vec<Change>| number(count(changes.len()));
    if document.sides.before.is_none() {
        return vec![(of(&actions.added), "actions")];
    }
    vec![
        (of(&actions.added), "added"),
        (of(&actions.removed), "removed"),
        (of(&actions.changed), "changed"),
        (number(actions.unchanged), "unchanged"),
    ]
}

fn gates(document: &Document) -> Vec<GateView> {
    let gates = document.gates.iter();
    gates.map(|gate| GateView { gate: gate.gate.clone(), holds: gate.holds, why: gate.why.clone() }).collect()
}

fn unreadable(document: &Document) -> Section {
    let unreadable = &document.unreadable;
    let lines: Vec<String> = unreadable.examples.iter().map(words::example).collect();
    let left_out = unreadable.records.saturating_sub(count(lines.len()));
    Section { lines, left_out: (left_out > 0).then(|| number(left_out)) }
}

impl LoadView {
    fn of(Pair { what, before, after }: Pair) -> Self {
        Self { what: what.to_owned(), before, after }
    }
}

impl LoadTable {
    fn of(
        document: &Document,
        (title, when): (&'static str, &'static str),
        of: fn(&Load) -> &BTreeMap<String, u64>,
    ) -> Self {
        let Both { before, after } = &document.load;
        let times: BTreeSet<&String> = before.iter().chain([after]).flat_map(|load| of(load).keys()).collect();
        let many = |load: &Load, time: &String| number(of(load).get(time).copied().unwrap_or(0));
        let row = |time: &String| LoadView {
            what: time.clone(),
            before: before.as_ref().map(|load| many(load, time)),
            after: many(after, time),
        };
        let left_out = times.len().saturating_sub(ROWS);
        let rows = times.into_iter().take(ROWS).map(row).collect();
        Self { title, when, rows, left_out: (left_out > 0).then(|| number(count(left_out))) }
    }
}

impl RuleView {
    fn of(rule: &RuleRow) -> Self {
        Self {
            id: rule.id.clone(),
            mode: rule.mode.clone(),
            matched: number(rule.matched),
            errors: number(rule.errors),
            before: rule.before.map_or_else(|| "–".to_owned(), |before| number(before.matched)),
            standing: words::standing(rule.standing),
            remarks: words::remarks(rule),
        }
    }
}

/// One change.
#[derive(Debug, Serialize)]
pub struct ChangeView {
    sign: &'static str,
    mark: char,
    machine: String,
    id: Option<String>,
    action: String,
    outcomes: String,
    at: String,
    found: String,
    why: String,
    sides: Vec<CourseView>,
    flips: Vec<FlipView>,
}

#[derive(Debug, Serialize)]
struct CourseView {
    side: &'static str,
    outcome: &'static str,
    at: String,
    reason: String,
    rules: String,
    alert: String,
    done: Option<String>,
    unreproducible: Option<String>,
}

#[derive(Debug, Serialize)]
struct FlipView {
    rule: String,
    part: String,
    truth: String,
    values: String,
}

impl ChangeView {
    /// This change.
    #[must_use]
    pub fn of(sign: Sign, change: &Change) -> Self {
        let name = change.name.as_ref().filter(|name| !name.is_empty());
        let is_named = !change.machine.is_empty();
        let before = change.before.as_ref().map(|course| CourseView::of("before", course));
        let after_name = if sign == Sign::Only { "planned" } else { "under test" };
        let after = change.after.as_ref().map(|course| CourseView::of(after_name, course));
        Self {
            sign: sign.told(),
            mark: if sign == Sign::Removed { '−' } else { sign.mark() },
            machine: name.or(is_named.then_some(&change.machine)).map_or("no machine named", |name| name).to_owned(),
            id: (name.is_some() && is_named).then(|| change.machine.clone()),
            action: change.action.clone(),
            outcomes: words::outcomes(change),
            at: words::speaks(change).map(|course| words::time(course.at)).unwrap_or_default(),
            found: words::found(change),
            why: change.why.clone(),
            sides: before.into_iter().chain(after).collect(),
            flips: change.flipped.iter().map(FlipView::of).collect(),
        }
    }
}

impl CourseView {
    fn of(side: &'static str, course: &Course) -> Self {
        Self {
            side,
            outcome: course.outcome.told(),
            at: words::time(course.at),
            reason: shown(&course.reason, SENTENCE),
            rules: course.rules.iter().map(|rule| shown(rule, NAME)).collect::<Vec<_>>().join(", "),
            alert: words::alert(course),
            done: (course.done > 1).then(|| number(course.done)),
            unreproducible: course.unreproducible.clone(),
        }
    }
}

impl FlipView {
    fn of(flip: &Flip) -> Self {
        Self {
            rule: flip.rule.clone(),
            part: shown(&flip.part, SENTENCE),
            truth: words::truth(flip),
            values: words::values(flip),
        }
    }
}
