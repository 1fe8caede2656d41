//! The maintenance guard: machines that somebody works on are left to a person.

use cordon_records::MachineSummary;

use super::machine::{held, lacks_tags, tag_hit};
use super::settings::Maintenance;
use super::verdict::Verdict;
use super::{Case, Guards};
use crate::glob::fits_host;

pub fn maintenance(guards: &Guards, case: &Case) -> Verdict {
    let running = guards.maintenance.iter().filter(|window| window.from <= case.now && case.now < window.to);
    running
        .filter_map(|window| covers(window, case))
        .next()
        .unwrap_or_else(|| Verdict::pass("no maintenance".to_owned()))
}

fn covers(window: &Maintenance, case: &Case) -> Option<Verdict> {
    let name = |machine: &MachineSummary| {
        machine.known_name().is_some_and(|name| window.names.iter().any(|pattern| fits_host(pattern, name)))
    };
    let covered = |machine: &MachineSummary| {
        let why = || format!("maintenance until {} by {}: {}", window.to, window.by, window.why);
        (name(machine) || tag_hit(&window.tags, machine).is_some()).then(why)
    };
    let unnamed = !window.names.is_empty() && case.machine.and_then(MachineSummary::known_name).is_none();
    let missing = (unnamed || lacks_tags(&window.tags, case.machine)).then(|| {
        Verdict::hold_firmly(format!("maintenance by {} may cover it: its tags or name could not be read", window.by))
    });
    held(case, missing, covered)
}
