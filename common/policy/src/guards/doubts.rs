//! What is allowed in a guards file and hardly meant: settings that contradict each other or do nothing are told here,
//! [`names`] that fit nobody and [`wide`] openings beside it.

mod limits;
mod names;
mod wide;

use cordon_settings::closest;
use jiff::Timestamp;

use super::machine::contains;
use super::settings::{Cap, Guards};
use crate::glob::fits_host;
use crate::rules::PLATFORMS;
use crate::window;

/// A setting that contradicts another one, does nothing, or opens more than is mostly meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The setting.
    pub path: String,
    /// What is odd about it, and what follows.
    pub text: String,
}

fn doubt(path: impl Into<String>, text: impl Into<String>) -> Doubt {
    Doubt { path: path.into(), text: text.into() }
}

impl Guards {
    /// What is allowed, but hardly meant. `now` tells which maintenance windows are over.
    #[must_use]
    pub fn doubts(&self, now: Timestamp) -> Vec<Doubt> {
        let mut doubts = self.about_tags();
        doubts.extend(self.about_machines());
        doubts.extend(names::about(self));
        doubts.extend(wide::about(self));
        doubts.extend(self.about_caps());
        doubts.extend(self.about_times(now));
        if self.approvals.allowed_signers.is_none() {
            let text = "is not set, so nobody can approve what is held: it waits until it expires";
            doubts.push(doubt("approvals.allowed_signers", text));
        }
        doubts
    }

    fn about_tags(&self) -> Vec<Doubt> {
        let on = |path, tags: &[String], list: &[String], text: &str| -> Vec<Doubt> {
            tags.iter()
                .filter(|tag| contains(list, tag))
                .map(|tag| doubt(path, format!("tag {tag} is also on {text}")))
                .collect()
        };
        let mut doubts = on("scope.tags", &self.scope_tags, &self.never.tags, "the never list: it is always refused");
        doubts.extend(on("hold.tags", &self.hold.tags, &self.never.tags, "the never list: no person is asked"));
        doubts.extend(on("hold.tags", &self.hold.tags, &self.scope_tags, "scope: a person decides all the same"));
        doubts
    }

    fn about_machines(&self) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        if self.allow_os.is_empty() {
            doubts.push(doubt("allow_os", "is empty: every action on a machine is held"));
        }
        let unknown =
            self.allow_os.iter().filter(|name| !PLATFORMS.iter().any(|known| known.eq_ignore_ascii_case(name)));
        doubts.extend(unknown.filter_map(|name| {
            let meant = closest(name, PLATFORMS)?;
            Some(doubt("allow_os", format!("{name} is no platform that is known; did you mean {meant}?")))
        }));
        let everything =
            self.never.names.iter().filter(|pattern| fits_host(pattern, "a.b") && fits_host(pattern, "1-2"));
        doubts.extend(everything.map(|pattern| doubt("never.names", format!("{pattern} fits every machine"))));
        doubts
    }

    fn about_caps(&self) -> Vec<Doubt> {
        let caps = &self.caps;
        let lists = [
            ("all_rules", &caps.all_rules),
            ("per_rule", &caps.per_rule),
            ("per_device_group", &caps.per_device_group),
            ("gentle", &caps.gentle),
        ];
        let mut doubts = Vec::new();
        for (name, list) in lists {
            let beside = if name == "per_rule" || name == "per_device_group" { &caps.all_rules[..] } else { &[] };
            doubts.extend(list.iter().filter_map(|cap| {
                let (by, tighter) = [(name, &list[..]), ("all_rules", beside)]
                    .into_iter()
                    .find_map(|(by, others)| Some((by, covering(*cap, others)?)))?;
                let (reached, first) = (written(*cap), written(tighter));
                Some(doubt(format!("caps.{name}"), format!("{reached} is never reached: {by} stops at {first}")))
            }));
        }
        doubts
    }

    fn about_times(&self, now: Timestamp) -> Vec<Doubt> {
        let over = self.maintenance.iter().enumerate().filter(|(_, item)| item.to <= now);
        over.map(|(index, item)| {
            doubt(format!("maintenance[{index}]"), format!("ended at {}: it does nothing any more", item.to))
        })
        .collect()
    }
}

/// A cap that stops earlier in every case: it allows fewer in a window at least as long.
fn covering((length, limit): Cap, others: &[Cap]) -> Option<Cap> {
    others.iter().copied().find(|&(longer, fewer)| longer >= length && fewer < limit)
}

fn written((length, limit): Cap) -> String {
    format!("{limit} in {}", window::format(length))
}
