//! A report of a digest as one line, and how many lines are counted. Pure.

use std::collections::BTreeMap;

use cordon_records::Severity;
use jiff::Timestamp;
use serde::Serialize;

use crate::wording::tone::Tone;

/// More names than this are counted together.
const NAMES: usize = 6;

/// The reports that are folded together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// Actions that wait for a person.
    Held,
    /// What was refused, has expired or could not be judged.
    NotDone,
    /// What shadow mode would have done.
    Rehearsed,
}

impl Series {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Held, Self::NotDone, Self::Rehearsed];

    /// The stable name, part of a digest's key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::NotDone => "not_done",
            Self::Rehearsed => "would",
        }
    }

    /// What a digest of so many reports is, for people.
    #[must_use]
    pub fn digest_of(self, reports: usize) -> String {
        let about = match self {
            Self::Held => "what is held",
            Self::NotDone => "what was not done",
            Self::Rehearsed => "what shadow mode would have done",
        };
        format!("a digest of {reports} report{} of {about}", if reports == 1 { "" } else { "s" })
    }
}

/// One report of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The notification key.
    pub key: String,
    /// How loud a mail of its own would be.
    pub tone: Tone,
    /// What came of it.
    pub outcome: String,
    /// The machine's name; the alert where there is none.
    pub machine: String,
    /// The alert's title.
    pub title: String,
    /// Why.
    pub why: String,
    /// The action key, where a person can decide.
    pub action_key: Option<String>,
    /// Whether it is held because the tenant refuses Cordon: no approval lifts that.
    pub refused: bool,
    /// The kind of action.
    pub action: String,
    /// The state, in words.
    pub state: String,
    /// The alert's severity.
    pub severity: String,
    /// The guards that hold or refuse it.
    pub guards: Vec<String>,
    /// The rules that asked for it.
    pub rules: Vec<String>,
    /// When it happened.
    pub at: Timestamp,
    /// By the severity: the worst first.
    pub rank: u8,
}

/// The worst first. A severity that is new to us may be worse than High.
pub const fn rank(severity: &Severity) -> u8 {
    match severity {
        Severity::High => 0,
        Severity::Other(_) => 1,
        Severity::Medium => 2,
        Severity::Low => 3,
        Severity::Informational => 4,
        Severity::UnSpecified => 5,
    }
}

/// One of the worst, as a mail shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is.
    pub head: String,
    /// More about it.
    pub text: String,
    /// The command that shows what it takes; `""` for none.
    pub command: String,
}

/// "High 12, Medium 3": the worst first.
pub fn by_severity(lines: &[&Line]) -> String {
    let mut counted: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    for line in lines {
        *counted.entry((line.rank, &line.severity)).or_default() += 1;
    }
    named(counted.into_iter().map(|((_, name), count)| (name, count)).collect())
}

/// "High 12, Medium 3": the most frequent first, at most `NAMES` of them.
pub fn tally<'a>(names: impl Iterator<Item = &'a str>) -> String {
    weighed(names.map(|name| (name, 1)))
}

/// The same for names that each stand for so many.
pub fn weighed<'a>(names: impl Iterator<Item = (&'a str, usize)>) -> String {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, weight) in names {
        let count = counted.entry(name).or_default();
        *count = count.saturating_add(weight);
    }
    let mut ordered: Vec<(&str, usize)> = counted.into_iter().collect();
    ordered.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    named(ordered)
}

fn named(ordered: Vec<(&str, usize)>) -> String {
    let rest = ordered.iter().skip(NAMES).fold(0_usize, |sum, (_, count)| sum.saturating_add(*count));
    let mut parts: Vec<String> = ordered.iter().take(NAMES).map(|(name, count)| format!("{name} {count}")).collect();
    if rest > 0 {
        parts.push(format!("others {rest}"));
    }
    parts.join(", ")
}
