//! Kinds of call whose quota is spent. Pure.

use std::collections::BTreeSet;
use std::time::Instant;

use cordon_records::ActionKind;

use super::schedule::{Due, Schedule};

/// The kinds whose quota is spent, until a call of one goes through.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    spent: BTreeSet<ActionKind>,
}

impl Quotas {
    /// Until this instant every call of this kind would be refused.
    pub(super) fn spend(&mut self, kind: ActionKind, until: Instant, schedule: &mut Schedule) {
        self.spent.insert(kind);
        schedule.set(Due::Quota(kind), until);
    }

    /// A call of this kind was answered: what the quota was before says nothing any more.
    pub(super) fn answered(&mut self, kind: ActionKind, schedule: &mut Schedule) {
        self.spent.remove(&kind);
        schedule.cancel(&Due::Quota(kind));
    }

    /// Whether a call of this kind would only be refused, so that no fresh read is worth its call. When the quota may be there
    /// again, one goes first and shows it.
    pub(super) fn is_spent(&self, kind: ActionKind, one_is_on_its_way: bool, schedule: &Schedule) -> bool {
        self.spent.contains(&kind) && (one_is_on_its_way || schedule.has(&Due::Quota(kind)))
    }
}
