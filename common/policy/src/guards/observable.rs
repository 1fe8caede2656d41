//! The guard that asks what is to be acted on, where that is a file, an address or a name.

use cordon_records::{Action, IndicatorType};

use super::Case;
use super::verdict::Verdict;
use crate::observable::{cut, normal};

/// Refuses what no plan of this build names: a value that identifies nothing, such as the hash of the empty file, or that is
/// none of its type. An action on one was planned by an older build; to approve it is no better than to plan it.
pub fn observable(case: &Case) -> Verdict {
    let (kind, value) = match case.action {
        Action::StopFile { sha1, .. } => (IndicatorType::FileSha1, sha1.as_str()),
        Action::Indicator(indicator) => (indicator.kind, indicator.value.as_str()),
        Action::Isolate { .. }
        | Action::Release { .. }
        | Action::RestrictCode { .. }
        | Action::UnrestrictCode { .. }
        | Action::Scan { .. }
        | Action::CollectPackage { .. }
        | Action::Investigate { .. }
        | Action::LiveResponse { .. }
        | Action::Offboard { .. }
        | Action::Tag { .. }
        | Action::SetDeviceValue { .. }
        | Action::UpdateAlert(_)
        | Action::Cancel { .. } => return Verdict::pass("names no file, address or name".to_owned()),
    };
    match normal(kind, value) {
        Ok(_) => Verdict::pass(format!("{} can be acted on", cut(value))),
        Err(unfit) => Verdict::refuse(format!("{} {unfit}", cut(value))),
    }
}
