//! The maintenance guard: machines that somebody works on are left to a person.

use cordon_records::MachineSummary;

use super::machine::tag_on;
use super::settings::Maintenance;
use super::word::Word;
use super::{Case, Guards};
use crate::glob::fits_host;

pub fn maintenance(guards: &Guards, case: &Case) -> Word {
    let running = guards.maintenance.iter().filter(|window| window.from <= case.now && case.now < window.to);
    running.filter_map(|window| covers(window, case)).next().unwrap_or_else(|| Word::pass("no maintenance".to_owned()))
}

fn covers(window: &Maintenance, case: &Case) -> Option<Word> {
    let tag = tag_on(&window.tags, case.machine);
    let name = case.machine.and_then(MachineSummary::known_name);
    let named = name.is_some_and(|name| window.names.iter().any(|pattern| fits_host(pattern, name)));
    if named || matches!(tag, Some(Some(_))) {
        return Some(Word::hold(format!("maintenance until {} by {}: {}", window.to, window.by, window.why)));
    }
    let unknown = (tag.is_none() && !window.tags.is_empty()) || (name.is_none() && !window.names.is_empty());
    unknown.then(|| {
        Word::hold_firmly(format!("maintenance by {} may cover it: its tags or name could not be read", window.by))
    })
}
