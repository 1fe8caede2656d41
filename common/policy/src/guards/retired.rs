//! The guard that asks whether Microsoft still takes this kind of action.

use super::Case;
use super::word::Word;

/// Refuses what no rule may ask for any more: it was planned by an older build, and Microsoft would refuse it or, worse, do
/// something else. To approve it is no better than to plan it.
pub fn retired(case: &Case) -> Word {
    let kind = case.action.kind();
    match kind.retired() {
        Some(retired) => Word::refuse(format!("{}; {}", retired.why, retired.instead)),
        None => Word::pass(format!("Microsoft takes {kind}")),
    }
}
