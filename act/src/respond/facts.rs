//! What the fresh read before an action says of the machine. Pure.

use cordon_defender::{ActionStatus, ActionType, MachineAction};
use cordon_policy::Isolation;
use cordon_records::{AlertSummary, MachineActionId, MachineSummary};
use jiff::Timestamp;

/// The mark that every comment of ours ends in; `machineactions` gives it back.
const MARK: &str = "[cordon:";

/// What was read right before acting. A part that could not be had is absent, and guards hold on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The alert as it is now.
    pub alert: Option<AlertSummary>,
    /// The machine as it is now.
    pub machine: Option<MachineSummary>,
    /// Whether it is isolated, and by whom.
    pub isolation: Isolation,
}

/// The comment of an attempt: the author's words, then the mark by which a lost answer is found again.
#[must_use]
pub fn comment(words: &str, key: &str, attempt: u32) -> String {
    format!("{words} {}", mark(key, attempt))
}

fn mark(key: &str, attempt: u32) -> String {
    format!("{MARK}{key}#{attempt}]")
}

/// The action that this attempt caused, found by its mark.
#[must_use]
pub fn find_ours<'a>(actions: &'a [MachineAction], key: &str, attempt: u32) -> Option<&'a MachineAction> {
    let mark = mark(key, attempt);
    actions.iter().find(|action| action.comment.as_deref().is_some_and(|text| text.contains(&mark)))
}

/// The isolation that is on its way, if any.
#[must_use]
pub fn running(actions: &[MachineAction]) -> Option<&MachineAction> {
    actions.iter().find(|action| action.kind == ActionType::Isolate && is_live(action))
}

fn is_live(action: &MachineAction) -> bool {
    matches!(action.status, ActionStatus::Pending | ActionStatus::InProgress)
}

/// Derives the machine's isolation from its actions: the machine entity itself has no such field. The newest
/// isolate or unisolate that ran or runs decides; ones that failed or were cancelled say nothing.
#[must_use]
pub fn isolation(actions: &[MachineAction]) -> Isolation {
    let mut steps: Vec<&MachineAction> = actions
        .iter()
        .filter(|action| matches!(action.kind, ActionType::Isolate | ActionType::Unisolate))
        .filter(|action| is_live(action) || action.status == ActionStatus::Succeeded)
        .collect();
    steps.sort_by_key(|action| action.created);
    let Some(newest) = steps.last() else { return Isolation::None };
    if newest.kind == ActionType::Unisolate {
        return released(newest);
    }
    let id = newest.id.clone();
    if is_live(newest) { Isolation::Running { id } } else { Isolation::Isolated { id } }
}

fn released(action: &MachineAction) -> Isolation {
    let ours = action.comment.as_deref().is_some_and(|text| text.contains(MARK));
    if ours {
        return Isolation::None;
    }
    let at = action.created.unwrap_or(Timestamp::MAX);
    Isolation::Released { at, by: author(action) }
}

fn author(action: &MachineAction) -> String {
    action.requestor.clone().unwrap_or_else(|| "somebody".into())
}

/// What Defender says of an accepted action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The action.
    pub id: MachineActionId,
    /// Its status.
    pub status: ActionStatus,
    /// Who asked for it.
    pub by: String,
    /// Who cancelled it or why it failed, as far as Defender tells.
    pub detail: Option<String>,
}

impl From<&MachineAction> for Standing {
    fn from(action: &MachineAction) -> Self {
        let cancelled = action.cancelled_by.as_ref().map(|by| format!("cancelled by {by}"));
        let failed = action.error_code.filter(|code| *code != 0).map(|code| format!("error code {code}"));
        let detail = cancelled.or(failed);
        Self { id: action.id.clone(), status: action.status.clone(), by: author(action), detail }
    }
}
