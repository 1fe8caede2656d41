//! Guards that ask about the machine: known at all, in scope, an allowed platform, never to be touched, or one
//! for which a person decides. A fact that a guard needs and does not have holds the action.

use cordon_records::{MachineSummary, known};

use super::word::Word;
use super::{Case, Guards};
use crate::glob::fits_host;

/// Whether the list holds the text; case does not count.
pub fn contains(list: &[String], text: &str) -> bool {
    known(text).is_some_and(|text| list.iter().filter_map(|item| known(item)).any(|item| same(item, text)))
}

/// Whether two texts of a list are one; case does not count.
pub fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The first of the machine's tags that is on the list; `None` when the tags are not known. A blank among them is a tag
/// that is not known, so it counts unless another one is on the list.
pub fn tag_on<'a>(list: &[String], machine: Option<&'a MachineSummary>) -> Option<Option<&'a String>> {
    let tags = machine?.tags.as_ref()?;
    let hit = tags.iter().find(|tag| contains(list, tag));
    (hit.is_some() || tags.iter().all(|tag| known(tag).is_some())).then_some(hit)
}

pub fn not_known(fact: &str) -> Word {
    Word::hold_firmly(format!("the machine's {fact} could not be read"))
}

/// Whether the machine could be read at all.
pub fn facts(case: &Case) -> Word {
    match case.machine {
        Some(machine) => Word::pass(format!("{} was read", machine.label())),
        None => Word::hold_firmly("the machine could not be read".to_owned()),
    }
}

/// A pilot's scope; no tags means every machine.
pub fn scope(guards: &Guards, case: &Case) -> Word {
    if guards.scope_tags.is_empty() {
        return Word::pass("every machine is in scope".to_owned());
    }
    match tag_on(&guards.scope_tags, case.machine) {
        None => not_known("tags"),
        Some(Some(tag)) => Word::pass(format!("tag {tag} is in scope")),
        Some(None) => Word::hold(format!("out of scope: none of the tags {}", guards.scope_tags.join(", "))),
    }
}

/// Platforms that may be acted on without a person.
pub fn allow_os(guards: &Guards, case: &Case) -> Word {
    match case.machine.and_then(MachineSummary::known_os) {
        None => not_known("platform"),
        Some(os) if contains(&guards.allow_os, os) => Word::pass(format!("{os} is allowed")),
        Some(os) => Word::hold(format!("{os} is not among the allowed platforms")),
    }
}

/// Machines that are refused, even if a person approves. A hit is told before a missing fact.
pub fn never(guards: &Guards, case: &Case) -> Word {
    let lists = &guards.never;
    let name = case.machine.and_then(MachineSummary::known_name);
    let group = case.machine.and_then(MachineSummary::known_group);
    let tag = tag_on(&lists.tags, case.machine);
    if let Some(Some(tag)) = tag {
        return Word::refuse(format!("tag {tag} is on the never list"));
    }
    if let Some(pattern) = name.and_then(|name| lists.names.iter().find(|pattern| fits_host(pattern, name))) {
        return Word::refuse(format!("its name fits {pattern} on the never list"));
    }
    if let Some(group) = group.filter(|group| contains(&lists.groups, group)) {
        return Word::refuse(format!("group {group} is on the never list"));
    }
    if tag.is_none() && !lists.tags.is_empty() {
        return not_known("tags");
    }
    if name.is_none() && !lists.names.is_empty() {
        return not_known("name");
    }
    if group.is_none() && !lists.groups.is_empty() {
        return not_known("group");
    }
    Word::pass("not on the never list".to_owned())
}

/// Tags for which a person decides.
pub fn hold_tags(guards: &Guards, case: &Case) -> Word {
    match tag_on(&guards.hold.tags, case.machine) {
        Some(Some(tag)) => Word::hold(format!("tag {tag} is on the hold list")),
        None if !guards.hold.tags.is_empty() => not_known("tags"),
        Some(None) | None => Word::pass("no tag on the hold list".to_owned()),
    }
}

/// Worths to the company for which a person decides.
pub fn device_value(guards: &Guards, case: &Case) -> Word {
    match case.machine.and_then(MachineSummary::known_value) {
        Some(value) if contains(&guards.hold.device_value, value) => Word::hold(format!("device value is {value}")),
        Some(value) => Word::pass(format!("device value is {value}")),
        None if guards.hold.device_value.is_empty() => Word::pass("no device value is held".to_owned()),
        None => not_known("device value"),
    }
}
