//! One action from two under the same key whose settings differ.
//!
//! | kind | what stands |
//! |---|---|
//! | isolate | Full over Selective over UnManagedDevice; the later release, none being the latest; asking before it |
//! | scan | Full over Quick |
//! | update_alert | both, field by field; two values for one field contradict, and so do a determination and a classification that do not belong together |
//! | indicator | the later end, the higher severity, raising alerts; two actions, types or sets of groups contradict |
//! | tag, set_device_value, live_response | nothing: what differs contradicts |
//!
//! Comments and titles are those of the stronger action, else of the rule whose id sorts first. Apart from them the
//! outcome does not depend on the order.

use std::cmp::Reverse;

use cordon_records::{Action, AlertChanges, Indicator, IsolationType, ReleaseTerms, ScanType};

use crate::rules::determination_fits;

/// Both in one; `None` when they contradict each other.
pub fn merge(first: Action, second: &Action) -> Option<Action> {
    match (first, second) {
        (Action::Isolate { isolation, comment, release }, Action::Isolate { isolation: i, comment: c, release: r }) => {
            let release = later(release, *r);
            let (isolation, comment) = stronger((isolation, comment), (*i, c), breadth);
            Some(Action::Isolate { isolation, comment, release })
        }
        (Action::Scan { scan, comment }, Action::Scan { scan: s, comment: c }) => {
            let (scan, comment) = stronger((scan, comment), (*s, c), depth);
            Some(Action::Scan { scan, comment })
        }
        (Action::UpdateAlert(one), Action::UpdateAlert(two)) => changes(one, two).map(Action::UpdateAlert),
        (Action::Indicator(one), Action::Indicator(two)) => indicator(one, two).map(Action::Indicator),
        (Action::LiveResponse { commands, comment }, Action::LiveResponse { commands: c, .. }) => {
            (commands == *c).then_some(Action::LiveResponse { commands, comment })
        }
        (first @ (Action::Tag { .. } | Action::SetDeviceValue { .. }), second) => (first == *second).then_some(first),
        (
            Action::Isolate { .. }
            | Action::Scan { .. }
            | Action::UpdateAlert(_)
            | Action::Indicator(_)
            | Action::LiveResponse { .. },
            _,
        ) => None,
        // What tells the others apart is in the key; the rest is a comment.
        (first, second) => (first.kind() == second.kind()).then_some(first),
    }
}

/// The setting of higher rank with its comment; the first of equals.
fn stronger<T: Copy>(first: (T, String), second: (T, &str), rank: fn(T) -> u8) -> (T, String) {
    if rank(second.0) > rank(first.0) { (second.0, second.1.to_owned()) } else { first }
}

const fn breadth(isolation: IsolationType) -> u8 {
    match isolation {
        IsolationType::UnManagedDevice => 0,
        IsolationType::Selective => 1,
        IsolationType::Full => 2,
    }
}

const fn depth(scan: ScanType) -> u8 {
    match scan {
        ScanType::Quick => 0,
        ScanType::Full => 1,
    }
}

/// A rule without a time wants a person to release: that is the latest of all.
fn later(first: Option<ReleaseTerms>, second: Option<ReleaseTerms>) -> Option<ReleaseTerms> {
    let (first, second) = (first?, second?);
    Some(ReleaseTerms { after_s: first.after_s.max(second.after_s), ask: first.ask || second.ask })
}

fn changes(first: AlertChanges, second: &AlertChanges) -> Option<AlertChanges> {
    let merged = AlertChanges {
        status: either(first.status, second.status.as_ref())?,
        assigned_to: either(first.assigned_to, second.assigned_to.as_ref())?,
        classification: either(first.classification, second.classification.as_ref())?,
        determination: either(first.determination, second.determination.as_ref())?,
        comment: first.comment.or_else(|| second.comment.clone()),
    };
    let fits = match (&merged.determination, &merged.classification) {
        (Some(determination), Some(classification)) => determination_fits(determination, classification),
        (None, _) | (_, None) => true,
    };
    fits.then_some(merged)
}

/// The one that is given; `None` when two are, and they differ.
fn either<T: Clone + PartialEq>(first: Option<T>, second: Option<&T>) -> Option<Option<T>> {
    match (first, second) {
        (Some(first), Some(second)) => (first == *second).then_some(Some(first)),
        (first, None) => Some(first),
        (None, Some(second)) => Some(Some(second.clone())),
    }
}

fn indicator(first: Indicator, second: &Indicator) -> Option<Indicator> {
    let groups = |indicator: &Indicator| {
        let mut groups = indicator.groups.clone();
        groups.sort();
        groups.dedup();
        groups
    };
    let same =
        |one: &Indicator, two: &Indicator| (one.kind, one.action, groups(one)) == (two.kind, two.action, groups(two));
    if !same(&first, second) {
        return None;
    }
    let severity =
        [first.severity.clone(), second.severity.clone()].into_iter().min_by_key(|name| Reverse(rank(name.as_deref())));
    Some(Indicator {
        severity: severity.flatten(),
        expires_after_s: first.expires_after_s.zip(second.expires_after_s).map(|(one, two)| one.max(two)),
        generate_alert: first.generate_alert || second.generate_alert,
        ..first
    })
}

fn rank(severity: Option<&str>) -> usize {
    let known = ["Informational", "Low", "Medium", "High"];
    severity.and_then(|name| known.iter().position(|known| *known == name)).map_or(0, |index| index + 1)
}
