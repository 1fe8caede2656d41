//! How loud it is that something did not happen, and what is said of it in every state.

use cordon_records::{ActionRecord, Impact};

use super::Tone;
use crate::clean;

/// The longest name of a person in a headline, in characters.
pub const WHO: usize = 40;
/// The longest reason of a person in a headline, in characters.
pub const WHY: usize = 60;

/// How loud it is that something did not happen.
pub fn trouble(record: &ActionRecord) -> Tone {
    match record.action.as_ref().map(|action| action.kind().impact()) {
        Some(Impact::LowImpact) => Tone::Minor,
        Some(Impact::Disruptive | Impact::Restoring) | None => Tone::Alarm,
    }
}

/// What stands above the headline of trouble.
pub fn trouble_badge(record: &ActionRecord) -> &'static str {
    match trouble(record) {
        Tone::Alarm => "Action needed",
        Tone::Minor | Tone::Progress | Tone::Done | Tone::Calm => "No hurry",
    }
}

/// The first few of those who approved.
pub fn approvers(record: &ActionRecord) -> Option<String> {
    let who: Vec<String> = record.approvals.iter().take(3).map(|yes| clean::short_line(&yes.by, WHO)).collect();
    (!who.is_empty()).then(|| who.join(", "))
}

/// A sentence of ours behind a colon.
pub fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
