//! How many people an approval takes.

use cordon_records::ActionKind;
use jiff::Timestamp;

use super::alert::seconds;
use super::settings::{Approvals, Guards};

impl Guards {
    /// What the operator set about approvals.
    #[must_use]
    pub const fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    /// How many people must approve an action of this kind: 1 or 2. `approved_before` is when each earlier approval was
    /// said, in any order; one dated later than now (a clock that was set back) counts too.
    #[must_use]
    pub fn approvals_needed(&self, kind: ActionKind, approved_before: &[Timestamp], now: Timestamp) -> u32 {
        let approvals = &self.approvals;
        let many = approvals.two_people_above.iter().any(|&(window_s, limit)| {
            let inside = approved_before.iter().filter(|at| now.duration_since(**at) < seconds(window_s));
            u32::try_from(inside.count()).unwrap_or(u32::MAX) >= limit
        });
        if many || approvals.two_people_kinds.contains(&kind) { 2 } else { 1 }
    }
}
