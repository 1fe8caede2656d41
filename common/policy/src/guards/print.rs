//! Prints the guards in force as the YAML that would set them.

use std::fmt;

use cordon_records::ActionKind;

use super::settings::{Approvals, Cap, Guards, Maintenance};
use crate::window;

impl fmt::Display for Guards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "scope: {{tags: {}}}", list(&self.scope_tags))?;
        writeln!(f, "allow_os: {}", list(&self.allow_os))?;
        writeln!(f, "never:")?;
        writeln!(f, "  tags: {}", list(&self.never.tags))?;
        writeln!(f, "  names: {}", list(&self.never.names))?;
        writeln!(f, "  groups: {}", list(&self.never.groups))?;
        writeln!(f, "hold:")?;
        writeln!(f, "  tags: {}", list(&self.hold.tags))?;
        writeln!(f, "  users: {}", list(&self.hold.users))?;
        writeln!(f, "  device_value: {}", list(&self.hold.device_value))?;
        writeln!(f, "  kinds: {}", kinds(&self.hold.kinds))?;
        writeln!(f, "  alert_older_than: {}", window::format(self.hold.alert_older_than))?;
        writeln!(f, "  released_by_person_within: {}", window::format(self.hold.released_within))?;
        writeln!(f, "caps:")?;
        writeln!(f, "  all_rules: {{{}}}", windows(&self.caps.all_rules, |limit| limit.to_string()))?;
        let shares = windows(&self.caps.fleet_share, percent);
        writeln!(f, "  fleet_share: {{{shares}, floor: {}}}", self.caps.floor)?;
        writeln!(f, "  per_rule: {{{}}}", windows(&self.caps.per_rule, |limit| limit.to_string()))?;
        writeln!(f, "  per_device_group: {{{}}}", windows(&self.caps.per_device_group, |limit| limit.to_string()))?;
        writeln!(f, "  gentle: {{{}}}", windows(&self.caps.gentle, |limit| limit.to_string()))?;
        approvals(f, &self.approvals)?;
        if self.maintenance.is_empty() {
            return writeln!(f, "maintenance: []");
        }
        writeln!(f, "maintenance:")?;
        self.maintenance.iter().try_for_each(|item| maintenance(f, item))
    }
}

fn approvals(f: &mut fmt::Formatter<'_>, approvals: &Approvals) -> fmt::Result {
    writeln!(f, "approvals:")?;
    let signers = approvals.allowed_signers.as_deref().map_or_else(|| "null".to_owned(), quoted);
    writeln!(f, "  allowed_signers: {signers}")?;
    writeln!(f, "  valid_for: {}", window::format(approvals.valid_for))?;
    let above = windows(&approvals.two_people_above, |limit| limit.to_string());
    writeln!(f, "  two_people: {{kinds: {}, above: {{{above}}}}}", kinds(&approvals.two_people_kinds))
}

fn kinds(kinds: &[ActionKind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    format!("[{}]", names.join(", "))
}

fn maintenance(f: &mut fmt::Formatter<'_>, item: &Maintenance) -> fmt::Result {
    let Maintenance { tags, names, from, to, by, why } = item;
    let (tags, names, by, why) = (list(tags), list(names), quoted(by), quoted(why));
    writeln!(f, "  - {{tags: {tags}, names: {names}, from: \"{from}\", to: \"{to}\", by: {by}, why: {why}}}")
}

/// A flow list; names that plain YAML might read otherwise are quoted.
fn list(items: &[String]) -> String {
    let items: Vec<String> =
        items.iter().map(|item| if is_plain(item) { item.clone() } else { quoted(item) }).collect();
    format!("[{}]", items.join(", "))
}

fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// A JSON text is a YAML double-quoted scalar.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn windows(caps: &[Cap], value: impl Fn(u32) -> String) -> String {
    let entries: Vec<String> =
        caps.iter().map(|&(length, limit)| format!("{}: {}", window::format(length), value(limit))).collect();
    entries.join(", ")
}

/// Hundredths of a percent as people write them.
fn percent(hundredths: u32) -> String {
    match hundredths % 100 {
        0 => format!("{}%", hundredths / 100),
        rest => format!("{}.{rest:02}%", hundredths / 100),
    }
}
