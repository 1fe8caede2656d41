//! Who asks for an action, and who has agreed to it: what the ledger's entry says. Pure.

use cordon_policy::Asker;
use cordon_records::{Action, Approval, LedgerEntry};

/// Who asks for an action.
pub(super) const fn asker(entry: &LedgerEntry) -> Asker {
    match (&entry.requested_by, &entry.about, &entry.action) {
        (Some(_), Some(_), Action::Release { .. }) => Asker::Undo,
        (Some(_), _, _) => Asker::Person,
        (None, Some(_), Action::Release { .. }) => Asker::Timer,
        (None, _, _) => Asker::Rules,
    }
}

/// Whether people have approved the action of this job. What is still held has no job.
pub(super) const fn is_approved(entry: &LedgerEntry) -> bool {
    !entry.approvals.is_empty()
}

/// Who said yes, for people.
pub(super) fn names(approvals: &[Approval]) -> String {
    let names: Vec<&str> = approvals.iter().map(|yes| yes.by.as_str()).collect();
    names.join(" and ")
}
