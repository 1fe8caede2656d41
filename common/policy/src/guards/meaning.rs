//! Says in words what the guards in force do.

use std::fmt::Display;

use jiff::Timestamp;

use super::settings::{Approvals, Cap, Guards, HoldList, Maintenance, Never};
use crate::window;

impl Guards {
    /// What the guards do, as lines for people: the section or cap, and one sentence. `now` tells which maintenance
    /// windows are over.
    #[must_use]
    pub fn meaning(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let caps = &self.caps;
        let mut lines = vec![
            ("scope", scope(&self.scope_tags)),
            ("allow_os", allow_os(&self.allow_os)),
            ("never", never(&self.never)),
            ("observable", OBSERVABLE.to_owned()),
            ("hold", hold(&self.hold)),
            ("all_rules", cap("actions that take something away", &caps.all_rules, "held, and the breaker latches")),
            ("fleet_share", share(&caps.fleet_share, caps.floor)),
            ("per_rule", cap("of these, for each rule by itself", &caps.per_rule, "held")),
            ("per_device_group", cap("of these, for each device group by itself", &caps.per_device_group, "held")),
            ("gentle", cap("actions that only look or write into the portal", &caps.gentle, "held")),
            ("approvals", approvals(&self.approvals)),
        ];
        lines.extend(self.maintenance.iter().map(|item| ("maintenance", maintenance(item, now))));
        lines
    }
}

/// No setting changes it.
pub const OBSERVABLE: &str = "refused, even if approved: stop_file and indicator on what identifies nothing (the hash of an empty \
                          file, an internal address, localhost)";

fn joined<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The lists that are not empty, each with its name.
fn named(lists: &[(&str, String)]) -> String {
    let given = lists.iter().filter(|(_, items)| !items.is_empty());
    given.map(|(name, items)| format!("{name} {items}")).collect::<Vec<_>>().join("; ")
}

fn scope(tags: &[String]) -> String {
    match tags {
        [] => "every machine".to_owned(),
        tags => format!("only machines with one of the tags {}; the others are held", joined(tags)),
    }
}

fn allow_os(platforms: &[String]) -> String {
    match platforms {
        [] => "no platform: every machine is held".to_owned(),
        platforms => format!("{}; every other platform is held", joined(platforms)),
    }
}

fn never(never: &Never) -> String {
    let lists =
        named(&[("tags", joined(&never.tags)), ("names", joined(&never.names)), ("groups", joined(&never.groups))]);
    if lists.is_empty() { "no machine is refused".to_owned() } else { format!("refused, even if approved: {lists}") }
}

fn hold(hold: &HoldList) -> String {
    let lists = named(&[
        ("kinds", joined(&hold.kinds)),
        ("tags", joined(&hold.tags)),
        ("users", joined(&hold.users)),
        ("device value", joined(&hold.device_value)),
        ("alerts older than", window::format(hold.alert_older_than)),
        ("isolation within", format!("{} of a person's release", window::format(hold.released_within))),
    ]);
    format!("a person decides: {lists}")
}

fn cap(what: &str, caps: &[Cap], beyond: &str) -> String {
    if caps.is_empty() {
        return "no cap of its own".to_owned();
    }
    let limits: Vec<String> =
        caps.iter().map(|&(length, limit)| format!("{limit} in {}", window::format(length))).collect();
    format!("{what}: at most {}; beyond: {beyond}", limits.join(", "))
}

fn share(caps: &[(u64, u32)], floor: u32) -> String {
    let limits: Vec<String> =
        caps.iter().map(|&(length, share)| format!("{} in {}", percent(share), window::format(length))).collect();
    let limits = limits.join(", ");
    format!("of these: at most {limits} of the fleet, though always {floor}; beyond: held, and the breaker latches")
}

/// Hundredths of a percent as people write them.
pub fn percent(hundredths: u32) -> String {
    match hundredths % 100 {
        0 => format!("{}%", hundredths / 100),
        rest => format!("{}.{rest:02}%", hundredths / 100),
    }
}

fn approvals(approvals: &Approvals) -> String {
    let Some(file) = &approvals.allowed_signers else {
        return "nobody can approve, resume, release or cancel: allowed_signers is not set".to_owned();
    };
    let above = approvals.two_people_above.iter();
    let above =
        above.map(|&(length, limit)| format!("everything after {limit} approvals in {}", window::format(length)));
    let two: Vec<String> = approvals.two_people_kinds.iter().map(ToString::to_string).chain(above).collect();
    let two = if two.is_empty() { "nothing".to_owned() } else { joined(&two) };
    let good = window::format(approvals.valid_for);
    format!("by the keys in {file}; a signed command is good for {good}; two people for: {two}")
}

fn maintenance(item: &Maintenance, now: Timestamp) -> String {
    let Maintenance { tags, names, from, to, by, why } = item;
    let state = if *to <= now {
        "over"
    } else if *from <= now {
        "now"
    } else {
        "to come"
    };
    let machines = named(&[("tags", joined(tags)), ("names", joined(names))]);
    format!("{state}: from {from} to {to}, {machines}; by {by}: {why}")
}
