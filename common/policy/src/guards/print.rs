//! Prints the guards in force as the YAML that would set them.

use std::fmt::{self, Write as _};

use cordon_records::digest;
use serde_json::Value;

use super::flow::Flow;
use super::meaning::{OBSERVABLE, percent};
use super::settings::{Approvals, Cap, Guards, Maintenance};
use crate::window;

/// Where the marks of the defaults stand, so that they do not disturb the reading.
const MARK_COLUMN: usize = 64;

/// One setting of the guards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Where it is in the file: a section and a key, or a key alone.
    pub path: &'static str,
    /// Whether it is what the built-in guards say.
    pub is_default: bool,
    value: Flow,
}

impl Setting {
    /// Its value; a guards file may hold it in this form, too.
    #[must_use]
    pub fn json(&self) -> Value {
        self.value.json()
    }
}

impl Guards {
    /// Every setting in force, in the order of the file.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let built_in = values(&Self::built_in());
        let both = values(self).into_iter().zip(built_in);
        both.map(|((path, value), (_, default))| Setting { path, is_default: value == default, value }).collect()
    }

    /// A digest of what they say: every setting in force, also those that the file leaves to the built-in guards. Comments
    /// and the order of the file do not change it.
    #[must_use]
    pub fn hash(&self) -> String {
        digest(&[&self.to_string()], 16)
    }

    /// The YAML of the guards, in which a comment marks each setting that is the built-in one, and the last one tells what
    /// no setting changes.
    #[must_use]
    pub fn annotated(&self) -> String {
        format!("{}# always: {OBSERVABLE}\n", yaml(&self.settings(), |setting| setting.is_default))
    }
}

impl fmt::Display for Guards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&yaml(&self.settings(), |_| false))
    }
}

fn values(guards: &Guards) -> Vec<(&'static str, Flow)> {
    let Guards { scope_tags, allow_os, never, hold, caps, maintenance, approvals } = guards;
    let duration = |seconds| Flow::text(window::format(seconds));
    vec![
        ("scope.tags", Flow::texts(scope_tags)),
        ("allow_os", Flow::texts(allow_os)),
        ("never.tags", Flow::texts(&never.tags)),
        ("never.names", Flow::texts(&never.names)),
        ("never.groups", Flow::texts(&never.groups)),
        ("hold.tags", Flow::texts(&hold.tags)),
        ("hold.users", Flow::texts(&hold.users)),
        ("hold.device_value", Flow::texts(&hold.device_value)),
        ("hold.kinds", Flow::texts(&hold.kinds)),
        ("hold.alert_older_than", duration(hold.alert_older_than)),
        ("hold.released_by_person_within", duration(hold.released_within)),
        ("caps.all_rules", attempts(&caps.all_rules)),
        ("caps.fleet_share", share(&caps.fleet_share, caps.floor)),
        ("caps.per_rule", attempts(&caps.per_rule)),
        ("caps.per_device_group", attempts(&caps.per_device_group)),
        ("caps.gentle", attempts(&caps.gentle)),
        ("approvals.allowed_signers", signers(approvals)),
        ("approvals.valid_for", duration(approvals.valid_for)),
        ("approvals.two_people", two_people(approvals)),
        ("maintenance", Flow::List(maintenance.iter().map(work).collect())),
    ]
}

fn attempts(caps: &[Cap]) -> Flow {
    Flow::map(caps.iter().map(|&(length, limit)| (window::format(length), Flow::Number(limit))))
}

fn share(caps: &[(u64, u32)], floor: u32) -> Flow {
    let shares = caps.iter().map(|&(length, share)| (window::format(length), Flow::text(percent(share))));
    Flow::map(shares.chain([("floor".to_owned(), Flow::Number(floor))]))
}

fn signers(approvals: &Approvals) -> Flow {
    approvals.allowed_signers.as_deref().map_or(Flow::Nothing, Flow::text)
}

fn two_people(approvals: &Approvals) -> Flow {
    Flow::map([("kinds", Flow::texts(&approvals.two_people_kinds)), ("above", attempts(&approvals.two_people_above))])
}

fn work(item: &Maintenance) -> Flow {
    Flow::map([
        ("tags", Flow::texts(&item.tags)),
        ("names", Flow::texts(&item.names)),
        ("from", Flow::text(item.from.to_string())),
        ("to", Flow::text(item.to.to_string())),
        ("by", Flow::text(&item.by)),
        ("why", Flow::text(&item.why)),
    ])
}

/// The settings, section by section.
fn yaml(settings: &[Setting], is_marked: impl Fn(&Setting) -> bool) -> String {
    let mut text = String::new();
    let mut open = "";
    for setting in settings {
        let (section, key) = setting.path.split_once('.').unwrap_or(("", setting.path));
        if section != open && !section.is_empty() {
            text += section;
            text += ":\n";
        }
        open = section;
        let indent = if section.is_empty() { "" } else { "  " };
        let line = match &setting.value {
            Flow::List(items) if items.iter().any(|item| matches!(item, Flow::Map(_))) => {
                items.iter().fold(format!("{key}:"), |lines, item| format!("{lines}\n  - {item}"))
            }
            value => format!("{indent}{key}: {value}"),
        };
        text += &line;
        if is_marked(setting) {
            // Writing into a text cannot fail.
            let _ = write!(text, "{:width$}  # built-in", "", width = MARK_COLUMN.saturating_sub(line.chars().count()));
        }
        text.push('\n');
    }
    text
}
