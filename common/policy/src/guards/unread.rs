//! What of a judgement stands, although it was made on the facts of the decision and nothing was read afresh.

use cordon_records::{GuardVerdict, Ruling};

use super::{Case, Consent, Judgement, guard};

/// Whether no fresh read can make an action of this case: then it needs none. Only what the record itself proves counts: a
/// switch that is on, a person who is still to be asked, the alert's age, and what refuses the machine or the action for
/// good. That a fact is missing on the record, or that nothing on it protects the machine, proves nothing.
///
/// What people have approved is read afresh in any case, unless a switch holds it.
#[must_use]
pub fn stands_unread(judgement: &Judgement, case: &Case) -> bool {
    let unasked = case.consent == Consent::None;
    let stands = |verdict: &GuardVerdict| match (verdict.guard.as_str(), verdict.ruling) {
        (guard::PAUSE | guard::BREAKER, Ruling::Hold) => true,
        (guard::MODE | guard::HOLD_KINDS, Ruling::Hold) => unasked,
        (guard::AGE, Ruling::Hold) => unasked && case.alert.newest_moment.is_some(),
        (guard::NEVER_LIST | guard::OBSERVABLE | guard::RETIRED, Ruling::Refuse) => true,
        (_, Ruling::Pass | Ruling::Hold | Ruling::Covered | Ruling::Refuse) => false,
    };
    judgement.verdicts.iter().any(stands)
}
