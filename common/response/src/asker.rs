//! Who asks for an action, and who has agreed to it: what the ledger's entry says. Pure.

use cordon_policy::Asker;
use cordon_records::{Approval, LedgerEntry};

/// Who asks for an action.
pub(super) const fn asker(entry: &LedgerEntry) -> Asker {
    Asker::of(&entry.action, entry.requested_by.is_some(), entry.about.is_some())
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
