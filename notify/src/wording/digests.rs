//! The words of digests: many reports in one mail.

use super::{Tone, Wording};
use crate::digest::{Line, Series, by_severity, tally};

/// Says what the tenant refuses.
pub const CHECK: &str = "cordon check --stage respond";

/// The words for a digest of these reports.
#[must_use]
pub fn of_digest(series: Series, lines: &[&Line]) -> Wording {
    match series {
        Series::Held => held(lines),
        Series::NotDone => not_done(lines),
        Series::Rehearsed => rehearsed(lines),
    }
}

/// As loud as the loudest of them.
fn tone(lines: &[&Line]) -> Tone {
    if lines.iter().any(|line| line.tone == Tone::Alarm) { Tone::Alarm } else { Tone::Minor }
}

fn badge(lines: &[&Line]) -> &'static str {
    if tone(lines) == Tone::Alarm { "Action needed" } else { "No hurry" }
}

fn held(lines: &[&Line]) -> Wording {
    let (count, refused) = (lines.len(), lines.iter().filter(|line| line.refused).count());
    let these = if count == 1 { "this one is" } else { "these are" };
    let (actions, wait) = if count == 1 { ("action", "waits") } else { ("actions", "wait") };
    let for_what = if refused == count { ", Entra or Defender refuses Cordon" } else { " for a person" };
    let headline = format!("{count} more {actions} {wait}{for_what}: {}", by_severity(lines));
    let summary = format!(
        "Where many actions are held in a short time, only the first has a mail of its own; {these} told here.{}{}",
        decidable(count - refused),
        unliftable(refused, count)
    );
    let words = Wording::new(tone(lines), badge(lines), headline, summary)
        .run("See all that waits, and until when:", "cordon approvals list".to_owned());
    let words = if refused > 0 {
        words.run("See what Entra or Defender refuses, and whether it is fixed:", CHECK.to_owned())
    } else {
        words
    };
    if refused == count {
        return words.next("Until then look at the alerts, and decide what is to be done by hand in the portal.");
    }
    words
        .run(
            if refused > 0 { "To let one of the others be done:" } else { "To let one be done:" },
            "cordon approve KEY --why \"…\"".to_owned(),
        )
        .run("To say no:", "cordon deny KEY --why \"…\"".to_owned())
        .next("If a rule matches too much, correct it first; Cordon takes changed rules over while it runs.")
}

/// What a person decides.
const fn decidable(count: usize) -> &'static str {
    match count {
        0 => "",
        _ => " Cordon asks Defender for nothing until a person approves; what nobody decides in time expires.",
    }
}

/// What no approval lifts, said apart.
fn unliftable(refused: usize, of: usize) -> String {
    let which = match (refused, of) {
        (0, _) => return String::new(),
        (1, 1) => "It waits".to_owned(),
        (1, _) => "1 of them waits".to_owned(),
        (_, _) if refused == of => "They wait".to_owned(),
        (_, _) => format!("{refused} of them wait"),
    };
    let (that, goes, by_itself) =
        if refused == 1 { ("it", "it goes", "by itself") } else { ("them", "they go", "by themselves") };
    format!(
        " {which} because Entra or Defender refuses Cordon: approving {that} changes nothing; {goes} on {by_itself} once \
         that is fixed, if it is before the wait is over."
    )
}

fn not_done(lines: &[&Line]) -> Wording {
    let count = lines.len();
    let actions = if count == 1 { "action was" } else { "actions were" };
    let states = tally(lines.iter().map(|line| line.state.as_str()));
    let summary =
        "Many actions came to nothing in a short time: refused by a guard, expired before they could be done, or \
                   not to be judged, so that a person must look. Cordon asked Defender for nothing."
            .to_owned();
    Wording::new(tone(lines), badge(lines), format!("{count} more {actions} not done: {states}"), summary)
        .next("Look at the alerts in the portal, the worst first, and decide what is to be done by hand.")
        .run("See what still waits for a person:", "cordon approvals list".to_owned())
}

fn rehearsed(lines: &[&Line]) -> Wording {
    let count = lines.len();
    let actions = if count == 1 { "action" } else { "actions" };
    let headline = format!("WOULD have judged {count} more {actions} (shadow mode): {}", by_severity(lines));
    let summary =
        "Rules ask for many actions in a short time. Cordon only watches here: it asked Defender for nothing. \
                   Each line says what the guards would have made of it."
            .to_owned();
    Wording::new(Tone::Calm, "Nothing was done", headline, summary)
        .next("Look at the alerts as you would without Cordon.")
        .next("If a rule matches too much, correct it before it is allowed to act.")
}
