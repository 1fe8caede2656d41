//! The result in sentences, and the order in which changes are told.

use std::collections::BTreeMap;

use cordon_records::ActionKind;

use super::foreign::{NAME, shown};
use super::words::{count, counted, number, share};
use crate::document::{Change, Course, Document, Found, Gate, Outcome};

/// How a change stands to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// There is no other side.
    Only,
    /// It comes.
    Added,
    /// It goes.
    Removed,
    /// It comes to something else.
    Changed,
}

impl Sign {
    /// One character for it.
    #[must_use]
    pub const fn mark(self) -> char {
        match self {
            Self::Only => '*',
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }

    /// One word for it.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Only => "planned",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// All changes, those first that a reader looks for first: isolations that come, isolations that go, what else is done or no
/// longer done, what people are asked, the rest.
#[must_use]
pub fn changes(document: &Document) -> Vec<(Sign, &Change)> {
    let has_other = document.sides.before.is_some();
    let added = if has_other { Sign::Added } else { Sign::Only };
    let of = |sign: Sign, changes| -> Vec<(Sign, &Change)> {
        let changes: &Vec<Change> = changes;
        changes.iter().map(|change| (sign, change)).collect()
    };
    let mut all = of(added, &document.actions.added);
    all.extend(of(Sign::Removed, &document.actions.removed));
    all.extend(of(Sign::Changed, &document.actions.changed));
    all.sort_by_key(|(_, change)| rank(change));
    all
}

fn rank(change: &Change) -> u8 {
    let isolates = change.is_of(ActionKind::Isolate);
    match (flip(change, is_done), isolates) {
        (Some(true), true) => 0,
        (Some(false), true) => 1,
        (Some(_), false) => 2,
        (None, _) if flip(change, is_waiting).is_some() => 3,
        (None, _) => 4,
    }
}

/// Whether this comes (`true`) or goes (`false`) with the change.
fn flip(change: &Change, is: impl Fn(&Course) -> bool) -> Option<bool> {
    let of = |course: &Option<Course>| course.as_ref().is_some_and(&is);
    match (of(&change.before), of(&change.after)) {
        (false, true) => Some(true),
        (true, false) => Some(false),
        (true, true) | (false, false) => None,
    }
}

fn is_done(course: &Course) -> bool {
    course.outcome == Outcome::Done
}

fn is_waiting(course: &Course) -> bool {
    matches!(course.outcome, Outcome::Held | Outcome::NeedsHuman)
}

/// How many come and how many go.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    more: u64,
    fewer: u64,
}

impl Moved {
    fn take(&mut self, comes: bool) {
        if comes { self.more += 1 } else { self.fewer += 1 }
    }

    /// "3 machines more would be isolated, 1 fewer", or nothing where nothing moves.
    fn told(self, one: &str, verb: &str) -> Option<String> {
        match (self.more, self.fewer) {
            (0, 0) => None,
            (more, 0) => Some(format!("{} more {verb}", counted(more, one))),
            (0, fewer) => Some(format!("{} fewer {verb}", counted(fewer, one))),
            (more, fewer) => Some(format!("{} more {verb}, {} fewer", counted(more, one), number(fewer))),
        }
    }

    /// "scan 3 more, 1 fewer".
    fn named(self, kind: &str) -> String {
        let told = [(self.more, "more"), (self.fewer, "fewer")];
        let told = told.iter().filter(|(many, _)| *many > 0).map(|(many, word)| format!("{} {word}", number(*many)));
        format!("{} {}", shown(kind, NAME), told.collect::<Vec<_>>().join(", "))
    }
}

/// The result in sentences, the most important first; never empty.
#[must_use]
pub fn headline(document: &Document) -> Vec<String> {
    let mut said = if document.sides.before.is_some() { compared(document) } else { alone(document) };
    said.extend(gates(document));
    if let Some(again) = &document.reproduced {
        said.push(format!(
            "{} of {} recorded decisions are reproduced exactly ({}).",
            number(again.exact),
            number(again.decisions),
            share(again.exact, again.decisions)
        ));
    }
    said
}

fn gates(document: &Document) -> Option<String> {
    let all = document.gates.len();
    let broken: Vec<&Gate> = document.gates.iter().filter(|gate| !gate.holds).collect();
    match (broken.first(), broken.len()) {
        _ if all == 0 => None,
        (None, _) if all == 1 => Some("The gate holds.".to_owned()),
        (None, _) => Some(format!("All {} gates hold.", number(count(all)))),
        (Some(first), 1) if all == 1 => {
            Some(format!("The gate is broken ({}: {}).", shown(&first.gate, NAME), shown(&first.why, NAME)))
        }
        (Some(first), some) => {
            let verb = if some == 1 { "is" } else { "are" };
            let first = format!("{}: {}", shown(&first.gate, NAME), shown(&first.why, NAME));
            let more = if some > 1 { ", and others" } else { "" };
            Some(format!("{} of {} {verb} broken ({first}{more}).", number(count(some)), counted(count(all), "gate")))
        }
    }
}

fn compared(document: &Document) -> Vec<String> {
    let actions = &document.actions;
    if actions.is_empty() {
        return vec![match actions.unchanged {
            0 => "Nothing changes: neither rule set plans an action.".to_owned(),
            1 => "Nothing changes: the one action comes to the same.".to_owned(),
            same => format!("Nothing changes: all {} actions come to the same.", number(same)),
        }];
    }
    let (mut isolated, mut waiting) = (Moved::default(), Moved::default());
    let mut kinds: BTreeMap<&str, Moved> = BTreeMap::new();
    let (mut found, mut back): (BTreeMap<Found, u64>, u64) = (BTreeMap::new(), 0);
    for (_, change) in changes(document) {
        flip(change, is_waiting).into_iter().for_each(|comes| waiting.take(comes));
        let Some(comes) = flip(change, is_done) else { continue };
        if !change.is_of(ActionKind::Isolate) {
            kinds.entry(kind(change)).or_default().take(comes);
            continue;
        }
        isolated.take(comes);
        if comes {
            *found.entry(change.found).or_default() += 1;
            back += u64::from(change.let_back.is_some());
        }
    }
    let first = isolated.told("machine", "would be isolated");
    let first = first.unwrap_or_else(|| "No machine more would be isolated, and none fewer".to_owned());
    let mut said = vec![format!("{first}.")];
    said.extend(findings(isolated.more, &found));
    said.extend(let_back(isolated.more, document.totals.after.let_back.map(|_| back)));
    let others: Vec<String> = kinds.iter().map(|(kind, moved)| moved.named(kind)).collect();
    said.extend((!others.is_empty()).then(|| format!("Other actions: {}.", others.join("; "))));
    said.extend(waiting.told("action", "would wait for a person").map(|told| format!("{told}.")));
    let verb = if actions.unchanged == 1 { "comes" } else { "come" };
    said.push(format!("{} {verb} to the same.", counted(actions.unchanged, "action")));
    said
}

fn alone(document: &Document) -> Vec<String> {
    let totals = &document.totals.after;
    let found = |found: &Found| totals.found.get(found.told()).map(|machines| (*found, *machines));
    let found: BTreeMap<Found, u64> = Found::ALL.iter().filter_map(found).collect();
    let mut said = vec![match totals.isolated {
        0 => "No machine would be isolated.".to_owned(),
        isolated => format!("{} would be isolated.", counted(isolated, "machine")),
    }];
    said.extend(findings(totals.isolated, &found));
    said.extend(let_back(totals.isolated, totals.let_back));
    let of =
        |outcome: Outcome| totals.actions.values().filter_map(|outcomes| outcomes.get(outcome.as_str())).sum::<u64>();
    let waiting = of(Outcome::Held) + of(Outcome::NeedsHuman);
    said.extend((waiting > 0).then(|| format!("{} would wait for a person.", counted(waiting, "action"))));
    let rehearsed = of(Outcome::Would);
    said.extend(
        (rehearsed > 0).then(|| format!("{} in shadow would only be rehearsed.", counted(rehearsed, "action"))),
    );
    said
}

/// "Of the 14, people later found 9 true positive and 2 expected; 3 are still open."
fn findings(all: u64, found: &BTreeMap<Found, u64>) -> Option<String> {
    if all == 0 {
        return None;
    }
    let of = |what: &Found| found.get(what).copied().unwrap_or(0);
    let judged: Vec<String> = Found::ALL
        .iter()
        .filter(|what| **what != Found::Open && of(what) > 0)
        .map(|what| format!("{} {}", number(of(what)), what.told()))
        .collect();
    let open = of(&Found::Open);
    let verb = if open == 1 { "is" } else { "are" };
    let judged = match (judged.is_empty(), open) {
        (true, _) => return Some("What people found of them is not in these records.".to_owned()),
        (false, 0) => listed(&judged),
        (false, open) => format!("{}; {} {verb} still open", listed(&judged), number(open)),
    };
    Some(format!("Of {}, people later found {judged}.", those(all)))
}

/// "People let 2 of them back within 24 h.", where that is known: nothing is said of what was not read.
fn let_back(all: u64, back: Option<u64>) -> Option<String> {
    let back = back.filter(|_| all > 0)?;
    let told = match (all, back) {
        (_, 0) => "None of them was".to_owned(),
        (1, _) => "It was".to_owned(),
        (_, 1) => "1 of them was".to_owned(),
        (_, back) => format!("{} of them were", number(back)),
    };
    Some(format!("{told} let back by a person within 24 h."))
}

fn those(all: u64) -> String {
    if all == 1 { "it".to_owned() } else { format!("the {}", number(all)) }
}

fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn kind(change: &Change) -> &str {
    change.action.split(' ').next().unwrap_or_default()
}
