//! What a document says, in words that all outputs for people share.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::foreign::{NAME, SENTENCE, shown};
use crate::document::{
    Both, Change, Course, Difference, Document, Example, Flip, Latched, Load, NearMiss, RuleRow, Standing, SweepRow,
    Unreadable, Unreproducible,
};
use crate::manifest::ManifestInput;

/// The machine of a change by name and id.
#[must_use]
pub fn machine(change: &Change) -> String {
    let id = shown(&change.machine, NAME);
    match &change.name {
        Some(name) => format!("{} ({id})", shown(name, NAME)),
        None if id.is_empty() => "no machine named".to_owned(),
        None => id,
    }
}

/// "refused → done", or what it comes to on the only side.
#[must_use]
pub fn outcomes(change: &Change) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{} → {}", before.outcome.told(), after.outcome.told()),
        (Some(only), None) | (None, Some(only)) => only.outcome.told().to_owned(),
        (None, None) => String::new(),
    }
}

/// The course that speaks for a change: the stronger one.
#[must_use]
pub fn speaks(change: &Change) -> Option<&Course> {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => Some(if before.outcome < after.outcome { before } else { after }),
        (before, after) => after.as_ref().or(before.as_ref()),
    }
}

/// The alert behind a course, by name.
#[must_use]
pub fn alert(course: &Course) -> String {
    let alert = &course.alert;
    let more = if course.alerts > 1 { format!(", {} alerts in all", number(course.alerts)) } else { String::new() };
    let (severity, title) = (shown(&alert.severity, NAME), shown(&alert.title, 2 * NAME));
    format!("{severity} “{title}” (alert {}, record {}){more}", shown(&alert.id, NAME), shown(&alert.place, NAME))
}

/// What a part of a condition says on both sides.
#[must_use]
pub fn truth(flip: &Flip) -> String {
    match (&flip.before, &flip.after) {
        (Some(before), Some(after)) => format!("{} before, {} now", shown(before, NAME), shown(after, NAME)),
        (Some(before), None) => format!("{} before, gone now", shown(before, NAME)),
        (None, Some(after)) => format!("new, {} now", shown(after, NAME)),
        (None, None) => String::new(),
    }
}

/// The fields in a part with their values.
#[must_use]
pub fn values(flip: &Flip) -> String {
    let of = |(field, value): &(String, String)| format!("{} = {}", shown(field, NAME), shown(value, 2 * NAME));
    flip.values.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// How a rule stands; empty where nothing is compared.
#[must_use]
pub const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Only => "",
        Standing::New => "new",
        Standing::Gone => "gone",
        Standing::Changed => "changed",
        Standing::Same => "same",
    }
}

/// What is to be said of a rule beside its numbers.
#[must_use]
pub fn remarks(rule: &RuleRow) -> Vec<String> {
    let mut said = Vec::new();
    if rule.standing != Standing::Gone && rule.matched == 0 {
        said.push(
            if rule.nearest.is_empty() { "never matches" } else { "never matches; what alone kept it from a record:" }
                .to_owned(),
        );
        let part =
            |part: &NearMiss| format!("{} (alone on {})", shown(&part.part, SENTENCE), counted(part.records, "record"));
        said.extend(rule.nearest.iter().map(part));
    }
    if rule.always {
        said.push("matches every record".to_owned());
    }
    if let Some(error) = &rule.error {
        said.push(format!("could not be judged on {}, such as {}", counted(rule.errors, "record"), example(error)));
    }
    said
}

/// A record and what was said of it.
#[must_use]
pub fn example(example: &Example) -> String {
    format!("{}: {}", shown(&example.place, NAME), shown(&example.why, SENTENCE))
}

/// What people later found of the alert, and when they let the machine back, if they did so soon.
#[must_use]
pub fn found(change: &Change) -> String {
    let found = change.found.told();
    match change.let_back {
        Some(at) => format!("{found}, let back by a person {}", time(at)),
        None => found.to_owned(),
    }
}

/// What of the recorded decisions, reports and commands could not be read; nothing where all could.
#[must_use]
pub fn unread_past(document: &Document) -> Vec<String> {
    let Some(unread) = document.unread_past.as_ref().filter(|unread| unread.records > 0) else { return Vec::new() };
    let told = unread.examples.iter().map(example);
    std::iter::once(left_out(unread)).chain(told).collect()
}

/// What of the past is left out.
#[must_use]
pub fn left_out(unread: &Unreadable) -> String {
    let many = number(unread.records);
    format!("{many} of the decisions, reports and commands that are recorded could not be read and are left out")
}

/// How exactly what is recorded was reproduced, and what differs; nothing where nothing recorded was compared.
#[must_use]
pub fn reproduced(document: &Document) -> Vec<String> {
    let Some(again) = &document.reproduced else { return Vec::new() };
    let (decisions, without) = (counted(again.decisions, "recorded decision"), counted(again.without_text, "decision"));
    let same = share(again.exact, again.decisions);
    let mut said = vec![format!("{decisions}, {} the same again ({same})", number(again.exact))];
    said.extend((again.without_text > 0).then(|| format!("{without} whose rules' text is not at hand")));
    said.extend(
        (again.undecided > 0)
            .then(|| format!("{} on which no decision is recorded", counted(again.undecided, "record"))),
    );
    let of = |it: &Difference| format!("{}: {}", shown(&it.place, NAME), shown(&it.why, SENTENCE));
    said.extend(again.differences.iter().map(of));
    if again.outcomes > 0 {
        let (actions, same) = (counted(again.outcomes, "action"), share(again.outcomes_exact, again.outcomes));
        said.push(format!(
            "{actions} of these decisions, {} come to the same again ({same})",
            number(again.outcomes_exact)
        ));
    }
    said.extend(again.outcome_differences.iter().map(of));
    said.extend(document.unread_past.as_ref().filter(|unread| unread.records > 0).map(left_out));
    said
}

/// The actions of which it cannot be told what they come to under test.
#[must_use]
pub fn unreproducible(document: &Document) -> Vec<String> {
    let of = |it: &Unreproducible| {
        format!("{}, {}: {}", shown(&it.machine, NAME), shown(&it.action, NAME), shown(&it.why, SENTENCE))
    };
    document.unreproducible.after.iter().map(of).collect()
}

/// The breaker's latches on one side, in sentences; says so where there are none.
#[must_use]
pub fn latches(latches: &[Latched]) -> Vec<String> {
    if latches.is_empty() {
        return vec!["no cap is reached and the breaker never latches".to_owned()];
    }
    let of = |latch: &Latched| {
        let why = shown(&latch.why, SENTENCE);
        let held = counted(latch.held, "action");
        format!(
            "the breaker latches at {}: {}; up to the end of the range it holds {held}",
            time(latch.at),
            why.trim_end_matches('.')
        )
    };
    latches.iter().map(of).collect()
}

/// The titles of [`sweep`].
pub const SWEEP: [&str; 6] = ["setting", "isolated", "later found", "done", "wait", "latches"];

/// The rules under test with one setting of the guards changed, a row a value.
#[must_use]
pub fn sweep(document: &Document) -> Vec<[String; 6]> {
    let row = |row: &SweepRow| {
        let found = row.found.iter().map(|(found, machines)| format!("{} {found}", number(*machines)));
        let first = row.first_latch.map(|at| format!(", first at {}", time(at))).unwrap_or_default();
        [
            shown(&row.setting, NAME),
            number(row.isolated),
            found.collect::<Vec<_>>().join(", "),
            number(row.done),
            number(row.held),
            format!("{}{first}", number(row.latches)),
        ]
    };
    document.sweep.iter().map(row).collect()
}

/// One number that both sides have.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What it counts.
    pub what: &'static str,
    /// On the other side; `None` where nothing is compared.
    pub before: Option<String>,
    /// Under test.
    pub after: String,
}

/// What it would cost.
#[must_use]
pub fn load(document: &Document) -> Vec<Pair> {
    type Reading = fn(&Load) -> String;
    let rows: [(&'static str, Reading); 5] = [
        ("API calls, at most", |load| number(load.calls)),
        ("API calls in the busiest minute", |load| number(load.calls_in_a_minute)),
        ("questions to people", |load| number(load.questions_by_shift.values().sum())),
        ("questions in the busiest shift of 8 h", |load| busiest(&load.questions_by_shift)),
        ("mails on the busiest day, at most", |load| busiest(&load.reports_by_day)),
    ];
    let Both { before, after } = &document.load;
    rows.into_iter().map(|(what, of)| Pair { what, before: before.as_ref().map(of), after: of(after) }).collect()
}

/// The largest of several numbers, with the first place where it is.
fn busiest(numbers: &BTreeMap<String, u64>) -> String {
    let most = numbers.iter().rev().max_by_key(|(_, number)| **number);
    most.map_or_else(|| "0".to_owned(), |(when, most)| format!("{} ({when} UTC)", number(*most)))
}

/// What the result follows from, line by line.
#[must_use]
pub fn manifest(document: &Document) -> Vec<String> {
    let manifest = &document.manifest;
    let sides = |rules: &str, guards: &str| format!("rules {}, guards {}", shown(rules, NAME), shown(guards, NAME));
    let mut said = vec![
        format!("cordon {}", shown(&manifest.cordon, NAME)),
        format!("under test: {}", sides(&manifest.rule_set, &manifest.guard_set)),
    ];
    said.extend(manifest.against.as_ref().map(|(rules, guards)| format!("before: {}", sides(rules, guards))));
    let bound = |word: &str, at: Option<Timestamp>| at.map(|at| format!("records made {word} {at}"));
    said.extend([bound("at or after", manifest.from), bound("before", manifest.to)].into_iter().flatten());
    said.extend(manifest.inputs.iter().map(input));
    said.extend(manifest.assumed.iter().map(|(name, value)| format!("assumed: {name} {}", shown(value, NAME))));
    said
}

fn input(input: &ManifestInput) -> String {
    match input {
        ManifestInput::File { name, lines, blake3 } => {
            format!("{}, {}, BLAKE3 {blake3}", shown(name, 2 * NAME), counted(*lines, "line"))
        }
        ManifestInput::Partition { cluster, topic, partition, from, to, cut: _ } => {
            format!("cluster {}, {}/{partition}, offsets {from} up to {to}", shown(cluster, NAME), shown(topic, NAME))
        }
    }
}

/// The window: what was asked for and what the records cover.
#[must_use]
pub fn window(document: &Document) -> Vec<String> {
    let window = &document.window;
    let span = |from: Option<Timestamp>, to: Option<Timestamp>, open: &str| {
        let of = |at: Option<Timestamp>| at.map_or_else(|| open.to_owned(), time);
        format!("from {} up to {}", of(from), of(to))
    };
    let mut said = Vec::new();
    if window.from.is_some() || window.to.is_some() {
        said.push(format!("asked for: {}", span(window.from, window.to, "the end")));
    }
    said.push(format!("records: {}, made {}", number(document.records), span(window.first, window.last, "unknown")));
    said
}

/// What of the window is missing.
#[must_use]
pub fn gaps(document: &Document) -> Vec<String> {
    document.window.gaps.iter().map(|gap| shown(gap, SENTENCE)).collect()
}

/// A time for people, in UTC.
#[must_use]
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A number with its thousands set apart.
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things.
#[must_use]
pub fn counted(many: u64, one: &str) -> String {
    format!("{} {one}{}", number(many), if many == 1 { "" } else { "s" })
}

/// A share in percent, never rounded to all or nothing.
#[must_use]
pub fn share(part: u64, all: u64) -> String {
    match (part, all) {
        (_, 0) => "nothing to compare".to_owned(),
        (part, all) if part == all => "100 %".to_owned(),
        (part, all) => {
            let tenths = u128::from(part) * 1_000 / u128::from(all);
            format!("{}.{} %", tenths / 10, tenths % 10)
        }
    }
}

/// A length as a number.
#[must_use]
pub fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
