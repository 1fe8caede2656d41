//! What a mail about an action is about, in the words of subject and heading: "High · Ransomware behaviour on
//! LAPTOP-ANNA", and behind it what came of it. Neither how severe it is nor what came of it is ever cut off: the alert's
//! title gives way, and then the machine's name.

use cordon_records::{ActionRecord, Severity};

use crate::clean;
use crate::clean::MAX_SUBJECT;
use crate::facts;

use super::phrases::short_name;

/// The longest title, and the least of it that is left beside a long name of a machine, in characters.
const TITLE: usize = 60;
const LEAST_TITLE: usize = 16;
/// The longest name of a machine, and the least of it that is left, in characters.
const MACHINE: usize = 40;
const LEAST_MACHINE: usize = 8;
/// The longest name of a severity that is new to us, in characters.
const SEVERITY: usize = 13;
/// Between title and machine.
const ON: &str = " on ";

/// Subject and heading of a mail about this action.
pub fn headline(record: &ActionRecord, outcome: &str) -> String {
    let room = MAX_SUBJECT.saturating_sub(outcome.chars().count() + 2);
    format!("{}: {outcome}", about(record, room))
}

fn about(record: &ActionRecord, room: usize) -> String {
    let Some(alert) = facts::alert_of(record) else { return clean::line(&short_name(record), room.min(MACHINE)) };
    let severity = match &alert.severity {
        Severity::UnSpecified => String::new(),
        known => format!("{} · ", clean::foreign(known.as_str(), SEVERITY)),
    };
    let room = room.saturating_sub(severity.chars().count());
    let machine = room.saturating_sub(LEAST_TITLE + ON.len()).clamp(LEAST_MACHINE, MACHINE);
    let place = match &record.machine {
        Some(_) => format!("{ON}{}", clean::line(&short_name(record), machine)),
        None => String::new(),
    };
    let title = clean::short_foreign(&alert.title, TITLE);
    let title = if title.is_empty() { "an alert without a title".to_owned() } else { title };
    format!("{severity}{}{place}", clean::line(&title, room.saturating_sub(place.chars().count())))
}
