//! Guards that ask about the alert: whether people closed it, how old it is, whose it is.

use cordon_records::{AlertStatus, Classification, known};
use jiff::SignedDuration;

use super::machine::same;
use super::verdict::Verdict;
use super::{Case, Guards};
use crate::window;

/// What people closed stays closed. Without a status nobody knows whether they did.
pub fn closed(case: &Case) -> Verdict {
    let status = known(case.alert.status.as_str()).map_or(AlertStatus::Unknown, AlertStatus::from);
    let found = case.alert.classification.as_ref().and_then(|found| known(found.as_str())).map(Classification::from);
    let closing = [Classification::FalsePositive, Classification::InformationalExpectedActivity];
    match (status, found.filter(|found| closing.contains(found))) {
        (AlertStatus::Resolved, _) => Verdict::refuse("alert was closed: its status is Resolved".to_owned()),
        (_, Some(found)) => Verdict::refuse(format!("alert was closed: it is classified {found}")),
        (AlertStatus::Unknown, None) => Verdict::hold("the alert's status is not known".to_owned()),
        (status @ (AlertStatus::New | AlertStatus::InProgress | AlertStatus::Other(_)), None) => {
            Verdict::pass(format!("status {status}"))
        }
    }
}

/// How far an alert may lie in the future, in seconds: clocks of well-kept machines differ by less (Kerberos allows
/// five minutes). Beyond it, one of the clocks is wrong and the alert may be of any age.
const SKEW: u64 = 300;

/// Old alerts are held, never acted on silently; an alert without a time, or with one that has yet to come, counts as
/// old.
pub fn age(guards: &Guards, case: &Case) -> Verdict {
    let limit = window::format(guards.hold.alert_older_than);
    let Some(newest) = case.alert.newest_moment else {
        return Verdict::hold_firmly("the alert's age is not known".to_owned());
    };
    let age = case.now.duration_since(newest);
    if age < -seconds(SKEW) {
        let ahead = window::format(age.as_secs().unsigned_abs());
        return Verdict::hold(format!(
            "the alert lies {ahead} in the future: a clock is wrong, and its age is not known"
        ));
    }
    let text = window::format(age.as_secs().max(0).unsigned_abs());
    if age > seconds(guards.hold.alert_older_than) {
        Verdict::hold(format!("the alert is {text} old, more than {limit}"))
    } else {
        Verdict::pass(format!("{text} old, at most {limit}"))
    }
}

/// Whether two names may be one person's. Where one of them has no domain, or that of a Windows domain, the account's name
/// decides: it is better to ask once too often.
fn is_same_person(listed: &str, found: &str) -> bool {
    let (Some(listed), Some(found)) = (known(listed).map(bare), known(found).map(bare)) else { return false };
    if listed.contains('@') && found.contains('@') {
        same(listed, found)
    } else {
        let account = |name| known(str::split(name, '@').next().unwrap_or(name));
        account(listed).zip(account(found)).is_some_and(|(listed, found)| same(listed, found))
    }
}

/// A name without the Windows domain before it.
pub fn bare(name: &str) -> &str {
    name.rsplit('\\').next().unwrap_or(name)
}

/// Users for whom a person decides.
pub fn users(guards: &Guards, case: &Case) -> Verdict {
    let mut involved = case.users.iter().chain(&case.alert.users);
    match involved.find(|user| guards.hold.users.iter().any(|listed| is_same_person(listed, user))) {
        Some(user) => Verdict::hold(format!("user {user} is on the hold list")),
        None => match case.alert.people_cut().filter(|_| !guards.hold.users.is_empty()) {
            Some(cut) => Verdict::hold(format!("{cut}: somebody on the hold list may be among them")),
            None => Verdict::pass("no user on the hold list".to_owned()),
        },
    }
}

/// Seconds as a signed duration; more than it can hold is for ever.
pub fn seconds(count: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(count).unwrap_or(i64::MAX))
}
