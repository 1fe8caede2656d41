//! The guard that asks whether Microsoft still takes this kind of action.

use super::Case;
use super::verdict::Verdict;

/// Refuses what no rule may ask for any more: it was planned by an older build, and Microsoft would refuse it or, worse, do
/// something else. To approve it is no better than to plan it.
pub fn retired(case: &Case) -> Verdict {
    let kind = case.action.kind();
    match kind.retired() {
        Some(retired) => Verdict::refuse(format!("{}; {}", retired.why, retired.instead)),
        None => Verdict::pass(format!("Microsoft takes {kind}")),
    }
}
