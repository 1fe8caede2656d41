//! Actions that undo each other. In one decision the action beats what would undo it: isolate beats release. Letting a
//! machine back while a rule says that it must be cut off would be the worse mistake; a person can release at any time.

use cordon_records::{ActionKind, Mode, PlannedAction};

use super::{Merged, Note, notes};

/// What stands against what would undo it: its kind, its mode, and whether it is asked for whatever was cut.
type Standing = (ActionKind, Mode, bool);

/// Leaves out what undoes something that stays. Cancels come last: what was itself left out needs no cancel to spare it.
/// Beside what is asked for only if a rule matches that could not be judged, it stays, for a person to approve.
pub(super) fn leave_out(mut merged: Vec<Merged>, notes: &mut Vec<Note>) -> Vec<PlannedAction> {
    for cancels in [false, true] {
        let standing: Vec<Standing> =
            merged.iter().map(|one| (one.action.action.kind(), one.action.mode, one.sure)).collect();
        merged.retain_mut(|Merged { action: planned, sure }| {
            let kind = planned.action.kind();
            let against =
                standing.iter().filter(|other| (kind == ActionKind::Cancel) == cancels && beats(other, planned));
            let certain: Vec<bool> = against.map(|(.., certain)| *certain).collect();
            // Of two that are both in doubt, the one that takes away stands as ever.
            let beaten = certain.iter().any(|certain| *certain || !*sure);
            if let (true, Some(by)) = (beaten, planned.action.undoes()) {
                notes.push(Note { text: notes::undone(kind, by), shadow: planned.mode == Mode::Shadow });
            } else if !certain.is_empty() {
                planned.mode = planned.mode.min(Mode::Approve);
            }
            !beaten
        });
    }
    merged.into_iter().map(|merged| merged.action).collect()
}

/// Whether the planned action would undo this one. A rule in shadow does not keep another rule's release from happening.
fn beats((kind, mode, _): &Standing, planned: &PlannedAction) -> bool {
    planned.action.undoes() == Some(*kind) && (*mode != Mode::Shadow || planned.mode == Mode::Shadow)
}
