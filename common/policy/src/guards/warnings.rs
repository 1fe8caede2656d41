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
pub struct Warning {
    /// The setting.
    pub path: String,
    /// What is odd about it, and what follows.
    pub text: String,
}

fn warning(path: impl Into<String>, text: impl Into<String>) -> Warning {
    Warning { path: path.into(), text: text.into() }
}

impl Guards {
    /// What is allowed, but hardly meant. `now` tells which maintenance windows are over.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let mut warnings = self.about_tags();
        warnings.extend(self.about_machines());
        warnings.extend(names::about(self));
        warnings.extend(wide::about(self));
        warnings.extend(self.about_caps());
        warnings.extend(self.about_times(now));
        if self.approvals.allowed_signers.is_none() {
            let text = "is not set, so nobody can approve what is held: it waits until it expires";
            warnings.push(warning("approvals.allowed_signers", text));
        }
        warnings
    }

    fn about_tags(&self) -> Vec<Warning> {
        let on = |path, tags: &[String], list: &[String], text: &str| -> Vec<Warning> {
            tags.iter()
                .filter(|tag| contains(list, tag))
                .map(|tag| warning(path, format!("tag {tag} is also on {text}")))
                .collect()
        };
        let mut warnings = on("scope.tags", &self.scope_tags, &self.never.tags, "the never list: it is always refused");
        warnings.extend(on("hold.tags", &self.hold.tags, &self.never.tags, "the never list: no person is asked"));
        warnings.extend(on("hold.tags", &self.hold.tags, &self.scope_tags, "scope: a person decides all the same"));
        warnings
    }

    fn about_machines(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.allow_os.is_empty() {
            warnings.push(warning("allow_os", "is empty: every action on a machine is held"));
        }
        let unknown =
            self.allow_os.iter().filter(|name| !PLATFORMS.iter().any(|known| known.eq_ignore_ascii_case(name)));
        warnings.extend(unknown.filter_map(|name| {
            let meant = closest(name, PLATFORMS)?;
            Some(warning("allow_os", format!("{name} is no platform that is known; did you mean {meant}?")))
        }));
        let everything =
            self.never.names.iter().filter(|pattern| fits_host(pattern, "a.b") && fits_host(pattern, "1-2"));
        warnings.extend(everything.map(|pattern| warning("never.names", format!("{pattern} fits every machine"))));
        warnings
    }

    fn about_caps(&self) -> Vec<Warning> {
        let caps = &self.caps;
        let lists = [
            ("all_rules", &caps.all_rules),
            ("per_rule", &caps.per_rule),
            ("per_device_group", &caps.per_device_group),
            ("gentle", &caps.gentle),
        ];
        let mut warnings = Vec::new();
        for (name, list) in lists {
            let beside = if name == "per_rule" || name == "per_device_group" { &caps.all_rules[..] } else { &[] };
            warnings.extend(list.iter().filter_map(|cap| {
                let (by, tighter) = [(name, &list[..]), ("all_rules", beside)]
                    .into_iter()
                    .find_map(|(by, others)| Some((by, covering(*cap, others)?)))?;
                let (reached, first) = (written(*cap), written(tighter));
                Some(warning(format!("caps.{name}"), format!("{reached} is never reached: {by} stops at {first}")))
            }));
        }
        warnings
    }

    fn about_times(&self, now: Timestamp) -> Vec<Warning> {
        let over = self.maintenance.iter().enumerate().filter(|(_, item)| item.to <= now);
        over.map(|(index, item)| {
            warning(format!("maintenance[{index}]"), format!("ended at {}: it does nothing any more", item.to))
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
