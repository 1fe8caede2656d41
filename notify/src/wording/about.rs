//! What a mail about an action is about, in the words of subject and heading: "High · Ransomware behaviour on
//! LAPTOP-ANNA", and behind it what came of it. What came of it is never cut off; the alert's title gives way.

use cordon_records::{ActionRecord, Severity};

use crate::clean;
use crate::facts;
use crate::message::MAX_SUBJECT;

use super::phrases::short_name;

/// The longest title, and the least of it that is left, in characters.
const TITLE: usize = 60;
const LEAST_TITLE: usize = 16;
/// The longest name of a machine, and of a severity that is new to us, in characters.
const MACHINE: usize = 40;
const SEVERITY: usize = 16;

/// Subject and heading of a mail about this action.
pub fn headline(record: &ActionRecord, outcome: &str) -> String {
    let room = MAX_SUBJECT.saturating_sub(outcome.chars().count() + 2);
    format!("{}: {outcome}", about(record, room))
}

fn about(record: &ActionRecord, room: usize) -> String {
    let name = clean::line(&short_name(record), MACHINE);
    let Some(alert) = facts::alert_of(record) else { return name };
    let place = if record.machine.is_some() { format!(" on {name}") } else { String::new() };
    let severity = match &alert.severity {
        Severity::UnSpecified => String::new(),
        known => format!("{} · ", clean::foreign(known.as_str(), SEVERITY)),
    };
    let taken = severity.chars().count() + place.chars().count();
    let title = clean::short_ids(&clean::foreign(&alert.title, TITLE));
    let title = if title.is_empty() { "an alert without a title".to_owned() } else { title };
    format!("{severity}{}{place}", clean::line(&title, room.saturating_sub(taken).max(LEAST_TITLE)))
}
