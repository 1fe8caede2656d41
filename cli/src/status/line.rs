//! One line of the answer, and how ages are written.

use std::time::Duration;

use cordon_records::text::rough_span;
use jiff::{SignedDuration, Timestamp};

use super::picture::Looked;
use crate::escape;

/// One line. Its words may be anybody's: they are made harmless where the line is printed, so that none is forgotten.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Whether nothing about it wants a person.
    pub good: bool,
    /// What it is about.
    pub about: &'static str,
    /// What it says.
    pub text: String,
    /// What to do, one line each.
    pub help: Vec<String>,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.good { "ok  " } else { "LOOK" };
        write!(f, "{mark}  {:<10} {}", self.about, escape::text(&self.text))?;
        self.help.iter().try_for_each(|help| write!(f, "\n                 {}", escape::text(help)))
    }
}

pub fn good(about: &'static str, text: impl Into<String>) -> Line {
    Line { good: true, about, text: text.into(), help: Vec::new() }
}

pub fn look(about: &'static str, text: impl Into<String>, help: impl Into<String>) -> Line {
    Line { good: false, about, text: text.into(), help: vec![help.into()] }
}

/// The line of what could be looked at; else one that says why not, which also says what to do.
pub fn looked<T>(about: &'static str, looked: &Looked<T>, line: impl FnOnce(&T) -> Line) -> Line {
    match looked {
        Ok(found) => line(found),
        Err(why) => Line { good: false, ..good(about, format!("cannot be told: {why}")) },
    }
}

/// About how long it is between two instants; nothing where the first is the later one.
pub fn span(length: SignedDuration) -> String {
    rough_span(Duration::try_from(length).unwrap_or_default())
}

/// An age for people.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(at))
}

/// An instant, without what is below the second, and how long ago it was or how far off it is.
pub fn when(at: Timestamp, now: Timestamp) -> String {
    let told = seconds(at);
    if at > now {
        format!("{told} (in {})", span(at.duration_since(now)))
    } else {
        format!("{told} ({} ago)", ago(at, now))
    }
}

/// An instant, without what is below the second.
pub fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// `1 record`, `2 records`.
pub fn count(number: impl Into<i64>, one: &str) -> String {
    let number: i64 = number.into();
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}
