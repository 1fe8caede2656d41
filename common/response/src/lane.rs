//! What goes one at a time on a machine, what has the effect of what, and what cancels what. Pure.

use cordon_records::{Action, ActionKind, AlertId, LedgerEntry, MachineId, ScanType, Target};

use super::facts::is_narrower;

/// What goes one at a time on a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Whether the machine is connected: isolate, release, and whatever cancels one of them.
    Connection,
    /// A change of this alert. It touches no machine, so only another change of the same alert is in its way.
    Alert(AlertId),
    /// Every other kind queues behind its own.
    Kind(ActionKind),
}

impl Lane {
    /// The lane of an action for this alert.
    pub(super) fn of(action: &Action, alert: &AlertId) -> Self {
        let kind = if let Action::Cancel { what, .. } = action { *what } else { action.kind() };
        match kind.row().target {
            Target::Connection => Self::Connection,
            Target::Alert => Self::Alert(alert.clone()),
            Target::Machine | Target::Tenant => Self::Kind(action.kind()),
        }
    }
}

/// A lane of a machine.
pub(super) type Place = (MachineId, Lane);

pub(super) fn place(entry: &LedgerEntry) -> Place {
    (entry.machine.id.clone(), Lane::of(&entry.action, &entry.alert.id))
}

/// Whether what is running has the effect of what is wanted: then nothing is left to do.
pub(super) fn covers(running: &Action, wanted: &Action) -> bool {
    let same = running.kind() == wanted.kind() && running.detail() == wanted.detail();
    same && match (running, wanted) {
        (Action::Scan { scan: running, .. }, Action::Scan { scan: wanted, .. }) => {
            *running == ScanType::Full || running == wanted
        }
        (Action::Isolate { isolation: running, .. }, Action::Isolate { .. }) => !is_narrower(Some(*running), wanted),
        (Action::LiveResponse { commands: running, .. }, Action::LiveResponse { commands: wanted, .. }) => {
            running == wanted
        }
        _ => true,
    }
}

/// The kind of action that this one cancels.
pub(super) fn cancelled_kind(action: &Action) -> Option<ActionKind> {
    if let Action::Cancel { what, .. } = action { Some(*what) } else { None }
}

/// Whether `other` is what this job cancels: the very action that a person named, or, for rules, one of that kind for the
/// same alert and machine.
pub(super) fn cancels(entry: &LedgerEntry, other: &LedgerEntry) -> bool {
    if cancelled_kind(&entry.action) != Some(other.action.kind()) || entry.machine.id != other.machine.id {
        return false;
    }
    match &entry.about {
        Some(about) => *about == other.key,
        // What a person asked for, rules do not call back.
        None => entry.alert.id == other.alert.id && other.requested_by.is_none(),
    }
}
