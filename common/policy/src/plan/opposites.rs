//! Actions that undo each other. In one decision the action beats what would undo it: isolate beats release. Letting a
//! machine back while a rule says that it must be cut off would be the worse mistake; a person can release at any time.

use cordon_records::{Action, ActionKind, Mode, PlannedAction};

use super::{Note, Plan, notes};

/// The kind of action that this one undoes.
pub const fn undoes(action: &Action) -> Option<ActionKind> {
    match action {
        Action::Release { .. } => Some(ActionKind::Isolate),
        Action::UnrestrictCode { .. } => Some(ActionKind::RestrictCode),
        Action::Cancel { what, .. } => Some(*what),
        Action::Isolate { .. }
        | Action::RestrictCode { .. }
        | Action::Scan { .. }
        | Action::CollectPackage { .. }
        | Action::Investigate { .. }
        | Action::StopFile { .. }
        | Action::LiveResponse { .. }
        | Action::Offboard { .. }
        | Action::Tag { .. }
        | Action::SetDeviceValue { .. }
        | Action::UpdateAlert(_)
        | Action::Indicator(_) => None,
    }
}

/// Leaves out what undoes something that stays. Cancels come last: what was itself left out needs no cancel to spare it.
pub(super) fn leave_out(plan: &mut Plan) {
    for cancels in [false, true] {
        let standing: Vec<(ActionKind, Mode)> =
            plan.actions.iter().map(|planned| (planned.action.kind(), planned.mode)).collect();
        let notes = &mut plan.notes;
        plan.actions.retain(|planned| {
            let kind = planned.action.kind();
            let beaten = (kind == ActionKind::Cancel) == cancels && beaten(planned, &standing);
            if let (true, Some(by)) = (beaten, undoes(&planned.action)) {
                notes.push(Note { text: notes::undone(kind, by), shadow: planned.mode == Mode::Shadow });
            }
            !beaten
        });
    }
}

/// A rule in shadow does not keep another rule's release from happening.
fn beaten(planned: &PlannedAction, standing: &[(ActionKind, Mode)]) -> bool {
    let Some(undone) = undoes(&planned.action) else { return false };
    standing.iter().any(|(kind, mode)| *kind == undone && (*mode != Mode::Shadow || planned.mode == Mode::Shadow))
}
