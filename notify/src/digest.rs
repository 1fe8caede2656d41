//! What a digest says of many reports: how many of what, and the worst of them. Pure.
//!
//! A digest counts each of its reports once. Its text follows from them and from their order, and its `Message-ID` from the
//! first of them, which is in no other digest.

use std::collections::BTreeMap;

use cordon_records::Severity;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::RenderError;
use crate::facts::{self, Section};
use crate::message::Message;
use crate::render::Mail;
use crate::wording::{self, Tone, Wording};

/// How many of the worst a digest shows.
pub const WORST: usize = 10;
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

/// What a mail about many things tells, and what it cannot.
#[derive(Debug)]
pub struct PutTogether<T> {
    /// The mail; `None` where nothing is left to be told.
    pub mail: Option<(Message, Mail)>,
    /// What it tells.
    pub told: Vec<T>,
    /// What no mail can be made of, and why.
    pub left_out: Vec<(T, RenderError)>,
}

/// Makes one mail of many things. Those of which no mail can be made even by themselves are left out, and `message` says how
/// many; where that is nobody's own fault, all are.
pub fn put_together<T>(
    all: Vec<T>,
    message: impl Fn(&[&T], usize) -> Option<Message>,
    render: impl Fn(&Message) -> Result<Mail, RenderError>,
) -> PutTogether<T> {
    let make = |things: &[&T], left_out| {
        let Some(message) = message(things, left_out) else { return Ok(None) };
        render(&message).map(|mail| Some((message, mail)))
    };
    if let Ok(mail) = make(&all.iter().collect::<Vec<_>>(), 0) {
        return PutTogether { mail, told: all, left_out: Vec::new() };
    }
    let (mut told, mut left_out) = (Vec::new(), Vec::new());
    for thing in all {
        match make(&[&thing], 0) {
            Ok(_) => told.push(thing),
            Err(error) => left_out.push((thing, error)),
        }
    }
    let mail = match make(&told.iter().collect::<Vec<_>>(), left_out.len()) {
        Ok(mail) => mail,
        Err(error) => {
            let why = error.to_string();
            left_out.extend(told.drain(..).map(|thing| (thing, RenderError::Together(why.clone()))));
            None
        }
    };
    PutTogether { mail, told, left_out }
}

/// The mail that tells of all these reports, and of how many it tells nothing. `None` for none.
#[must_use]
pub fn message(series: Series, lines: &[&Line], left_out: usize) -> Option<Message> {
    let (first, newest) = (lines.first()?, lines.iter().map(|line| line.at).max()?);
    let words = wording::of_digest(series, lines);
    let mut message = folded(words, format!("digest|{}|{}", series.as_str(), first.key), newest);
    let facts = counts(lines).into_iter().chain(not_shown(left_out)).collect();
    message.sections = vec![Section { title: "In numbers", facts, link: None }];
    message.items_title = if lines.len() > WORST { "The worst ten" } else { "One by one" };
    message.items = worst(lines).into_iter().map(|line| item(series, line)).collect();
    Some(message)
}

/// How many are not told, and where they are.
pub fn not_shown(left_out: usize) -> Option<(&'static str, String)> {
    let are = if left_out == 1 { "1 more, which" } else { &format!("{left_out} more, which") };
    let text = format!("{are} could not be put into words: see cordon dlq list");
    (left_out > 0).then_some(("Not told here", text))
}

/// A mail about many things.
pub fn folded(words: Wording, key: String, happened_at: Timestamp) -> Message {
    Message::plain(words, (key.clone(), key), happened_at)
}

fn worst<'a>(lines: &[&'a Line]) -> Vec<&'a Line> {
    let mut ordered = lines.to_vec();
    ordered.sort_by_key(|line| line.rank);
    ordered.truncate(WORST);
    ordered
}

fn item(series: Series, line: &Line) -> Item {
    let Line { severity, machine, action, state, .. } = line;
    let head = match series {
        Series::Held | Series::Rehearsed => format!("{severity}: {machine}, {action}"),
        Series::NotDone => format!("{severity}: {machine}, {action}, {state}"),
    };
    let why = match series {
        Series::Held | Series::NotDone => &line.why,
        Series::Rehearsed => &line.outcome,
    };
    let title = if line.title.is_empty() { "An alert without a title" } else { &line.title };
    let show = |key: &String| format!("cordon approvals show {key}");
    let command =
        if line.refused { wording::CHECK.to_owned() } else { line.action_key.as_ref().map(show).unwrap_or_default() };
    Item { head, text: format!("{title}. {why}"), command }
}

fn counts(lines: &[&Line]) -> Vec<(&'static str, String)> {
    let one = |of: fn(&Line) -> &str| tally(lines.iter().map(|line| of(line)));
    let mut facts = vec![
        ("Reports", lines.len().to_string()),
        ("Severity", by_severity(lines)),
        ("Action", one(|line| &line.action)),
    ];
    let many = [
        ("State", one(|line| &line.state)),
        ("Guards", tally(lines.iter().flat_map(|line| &line.guards).map(String::as_str))),
        ("Rules", tally(lines.iter().flat_map(|line| &line.rules).map(String::as_str))),
    ];
    // In a digest of what is held, or of shadow mode, the state says nothing new.
    let of_one_state = lines.iter().all(|line| lines.first().is_some_and(|first| first.state == line.state));
    facts.extend(many.into_iter().skip(usize::from(of_one_state)).filter(|(_, text)| !text.is_empty()));
    facts.extend(lines.iter().map(|line| line.at).min().map(|at| ("First", facts::instant(at))));
    facts.extend(lines.iter().map(|line| line.at).max().map(|at| ("Last", facts::instant(at))));
    facts
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
