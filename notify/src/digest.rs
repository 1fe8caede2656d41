//! What a digest says of many reports: how many of what, and the worst of them. Pure.
//!
//! A digest counts each of its reports once. Its text follows from them and from their order, and its `Message-ID` from the
//! first of them, which is in no other digest.

use jiff::Timestamp;

use crate::error::RenderError;
use crate::facts::{self, Section};
use crate::line::{by_severity, tally};
use crate::message::Message;
use crate::render::Mail;
use crate::wording::{self, Wording};

pub use crate::line::{Item, Line, Series, weighed};

/// How many of the worst a digest shows.
pub const WORST: usize = 10;

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
