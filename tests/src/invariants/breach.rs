//! A broken promise, and how it is told so that a person can act on it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::evidence::Evidence;

/// The longest line of a story, in characters.
const LINE: usize = 240;
/// Breaches shown of each invariant, and ids whose story is told.
const SHOWN: usize = 8;
const STORIES: usize = 3;
const STORY_LINES: usize = 60;

/// One promise that was broken once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// Number of the invariant.
    pub invariant: u8,
    /// What is wrong, in one line.
    pub what: String,
    /// The ids concerned: action keys, alerts, machines, places on topics, names of processes.
    pub ids: Vec<String>,
}

impl Breach {
    pub(super) fn new(invariant: u8, what: impl Into<String>, ids: impl IntoIterator<Item = impl ToString>) -> Self {
        Self { invariant, what: what.into(), ids: ids.into_iter().map(|id| id.to_string()).collect() }
    }
}

/// All breaches by invariant, and for the first ids what is known of them, in the order of time.
#[must_use]
pub fn report(breaches: &[Breach], evidence: &Evidence) -> String {
    let mut by_number: BTreeMap<u8, Vec<&Breach>> = BTreeMap::new();
    for breach in breaches {
        by_number.entry(breach.invariant).or_default().push(breach);
    }
    let mut told = format!("{} breaches\n", breaches.len());
    for (number, of) in &by_number {
        let _ = writeln!(told, "I{number}: {} times", of.len());
        for breach in of.iter().take(SHOWN) {
            let _ = writeln!(told, "  {}: {}", breach.what, breach.ids.join(", "));
        }
    }
    let firsts = by_number.values().filter_map(|of| of.first()?.ids.first());
    for id in firsts.take(STORIES) {
        let _ = writeln!(told, "--- what is known of {id}");
        for line in story(evidence, id).iter().take(STORY_LINES) {
            let _ = writeln!(told, "  {line}");
        }
    }
    told
}

/// Every record, request and mail that names `id`, in the order of time.
#[must_use]
pub fn story(evidence: &Evidence, id: &str) -> Vec<String> {
    let mut lines: Vec<(i64, String)> = Vec::new();
    for seen in evidence.records.values().flatten() {
        let text = seen.text();
        if text.contains(id) || seen.place() == id {
            lines.push((seen.at, format!("{} {text}", seen.place())));
        }
    }
    for request in &evidence.requests {
        if request.path.contains(id) || request.body.contains(id) {
            let fault = request.fault.as_deref().unwrap_or("");
            let line = format!("{} {} → {} {fault} {}", request.method, request.path, request.status, request.body);
            lines.push((request.at.as_millisecond(), line));
        }
    }
    for mail in &evidence.mails {
        if String::from_utf8_lossy(&mail.raw).contains(id) {
            lines.push((mail.at.as_millisecond(), format!("mail {:?}", mail.subject())));
        }
    }
    lines.sort();
    lines.into_iter().map(|(at, line)| format!("{at} {}", line.chars().take(LINE).collect::<String>())).collect()
}
