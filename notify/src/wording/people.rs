//! What a person's word has brought about: who called an action off, and what a release stops.

use cordon_records::{Action, ActionRecord, ActionState};

use crate::clean;
use crate::message::MAX_LINE;

/// The longest name of a person in a sentence, in characters.
const WHO: usize = 60;

/// Who called an action off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canceller {
    /// Their name, as their key or Defender has it.
    pub who: String,
    /// Why, in their words; `""` where nothing was said.
    pub why: String,
}

/// Who called it off, where the responder's reason says so. It is written "cancelled by anna@contoso.com: the wrong
/// machine", "anna@contoso.com released the machine: it is clean" or "anna@contoso.com takes this isolation back: it is
/// clean"; of what was cancelled in the portal Defender tells "… (cancelled by anna@contoso.com)", without a reason.
pub fn canceller(record: &ActionRecord) -> Option<Canceller> {
    if record.state != ActionState::Cancelled {
        return None;
    }
    let reason = record.reason.as_str();
    let told = |who: &str, why: &str| Canceller { who: clean::line(who, WHO), why: clean::foreign(why, MAX_LINE) };
    if let Some((_, by)) = reason.split_once("(cancelled by ") {
        return Some(told(by.strip_suffix(')').unwrap_or(by), ""));
    }
    if let Some(by) = reason.strip_prefix("cancelled by ") {
        let (who, why) = by.split_once(": ").unwrap_or((by, ""));
        return Some(told(who, why));
    }
    [" released the machine: ", " takes this isolation back: "]
        .into_iter()
        .find_map(|did| reason.split_once(did))
        .map(|(who, why)| told(who, why))
}

/// What the release that a person asked for or approved stops besides, also where there was nothing to release.
pub fn keeps_it_connected(record: &ActionRecord) -> String {
    let releases = matches!(record.action, Some(Action::Release { .. }));
    let counts = matches!(record.state, ActionState::Covered | ActionState::Succeeded);
    let meant = record.requested_by.is_some() || !record.approvals.is_empty();
    if !(releases && counts && meant) {
        return String::new();
    }
    " A person's release also stops automatic isolation: for 24 h, or as long as the guards say \
     (hold.released_by_person_within), Cordon isolates this machine for no alert unless a person approves."
        .to_owned()
}
