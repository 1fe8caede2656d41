//! Guards that ask about the machine: known at all, in scope, an allowed platform, never to be touched, or one
//! for which a person decides. A fact that a guard needs and the fresh reading does not have holds the action; what
//! protects a machine in either reading protects it.

use cordon_records::{MachineSummary, known};

use super::settings::Never;
use super::verdict::Verdict;
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

/// The first of the machine's tags that is on the list; `None` when the tags are not known: an absent list, or one of blanks
/// only. A blank beside other tags is no tag. Whoever administers the machine can give it one, and must not be able to keep it
/// from being isolated.
fn tag_on<'a>(list: &[String], machine: &'a MachineSummary) -> Option<Option<&'a String>> {
    let tags = machine.tags.as_ref()?;
    let unreadable = !tags.is_empty() && tags.iter().all(|tag| known(tag).is_none());
    (!unreadable).then(|| tags.iter().find(|tag| contains(list, tag)))
}

/// The first of the machine's tags that is on the list.
pub fn tag_hit<'a>(list: &[String], machine: &'a MachineSummary) -> Option<&'a String> {
    tag_on(list, machine).flatten()
}

/// Whether nobody can tell if one of the machine's tags is on the list.
pub fn lacks_tags(list: &[String], machine: Option<&MachineSummary>) -> bool {
    !list.is_empty() && machine.is_none_or(|machine| tag_on(list, machine).is_none())
}

/// What is added to a word that rests on the earlier of the two readings.
const EARLIER: &str = ", as it was when the rules decided";

/// What `hit` finds in the earlier reading.
fn earlier(case: &Case, hit: impl Fn(&MachineSummary) -> Option<String>) -> Option<String> {
    case.polled.and_then(hit).map(|found| format!("{found}{EARLIER}"))
}

/// Holds what `hit` finds in either reading. A fact that the fresh one lacks is told before a hit in the earlier one: no
/// person can lift it.
pub fn held(case: &Case, missing: Option<Verdict>, hit: impl Fn(&MachineSummary) -> Option<String>) -> Option<Verdict> {
    let fresh = case.machine.and_then(&hit).map(Verdict::hold);
    fresh.or(missing).or_else(|| earlier(case, hit).map(Verdict::hold))
}

pub fn not_known(fact: &str) -> Verdict {
    Verdict::hold_firmly(format!("the machine's {fact} could not be read"))
}

/// Whether the machine could be read at all, and is surely the one that is meant.
pub fn facts(case: &Case) -> Verdict {
    let Some(machine) = case.machine else { return Verdict::hold_firmly("the machine could not be read".to_owned()) };
    let pass = || Verdict::pass(format!("{} was read", machine.label()));
    held(case, None, another).unwrap_or_else(pass)
}

/// That another entry may be the one that is meant: what is asked of an entry that was merged into another one, or that
/// Defender suspects of being another one, may reach the wrong machine or none.
fn another(machine: &MachineSummary) -> Option<String> {
    let (label, id) = (machine.label(), &machine.id);
    match &machine.merged_into {
        Some(other) => Some(format!("{label} was merged into machine {other}: a person decides which is meant")),
        None => machine.potential_duplicate.then(|| {
            format!(
                "Defender calls {label} (machine {id}) a potential duplicate, without naming the other: a person decides \
                 which is meant"
            )
        }),
    }
}

/// A pilot's scope; no tags means every machine. Both readings must be inside.
pub fn scope(guards: &Guards, case: &Case) -> Verdict {
    let tags = &guards.scope_tags;
    if tags.is_empty() {
        return Verdict::pass("every machine is in scope".to_owned());
    }
    let Some(fresh) = case.machine.and_then(|machine| tag_on(tags, machine)) else { return not_known("tags") };
    let outside = || format!("out of scope: none of the tags {}", tags.join(", "));
    match (fresh, case.polled.map(|machine| tag_on(tags, machine))) {
        (None, _) => Verdict::hold(outside()),
        (Some(_), Some(Some(None))) => Verdict::hold(format!("{}{EARLIER}", outside())),
        (Some(_), Some(None)) => Verdict::hold("its tags were not known when the rules decided".to_owned()),
        (Some(tag), Some(Some(Some(_))) | None) => Verdict::pass(format!("tag {tag} is in scope")),
    }
}

/// Platforms that may be acted on without a person. Both readings must be of one.
pub fn allow_os(guards: &Guards, case: &Case) -> Verdict {
    let Some(fresh) = case.machine.and_then(MachineSummary::known_os) else { return not_known("platform") };
    let is_allowed = |os: &str| contains(&guards.allow_os, os);
    let other = |os: &str| format!("{os} is not among the allowed platforms");
    match case.polled.map(MachineSummary::known_os) {
        _ if !is_allowed(fresh) => Verdict::hold(other(fresh)),
        Some(Some(os)) if !is_allowed(os) => Verdict::hold(format!("{}{EARLIER}", other(os))),
        Some(None) => Verdict::hold("its platform was not known when the rules decided".to_owned()),
        Some(Some(_)) | None => Verdict::pass(format!("{fresh} is allowed")),
    }
}

/// Machines that are refused, even if a person approves. A hit is told before a missing fact.
pub fn never(guards: &Guards, case: &Case) -> Verdict {
    let lists = &guards.never;
    let hit = |machine: &MachineSummary| never_hit(lists, machine);
    if let Some(hit) = case.machine.and_then(hit).or_else(|| earlier(case, hit)) {
        return Verdict::refuse(hit);
    }
    let lacks = |list: &[String], fact: fn(&MachineSummary) -> Option<&str>| {
        !list.is_empty() && case.machine.and_then(fact).is_none()
    };
    if lacks_tags(&lists.tags, case.machine) {
        return not_known("tags");
    }
    if lacks(&lists.names, MachineSummary::known_name) {
        return not_known("name");
    }
    if lacks(&lists.groups, MachineSummary::known_group) {
        return not_known("group");
    }
    Verdict::pass("not on the never list".to_owned())
}

/// What of this reading is on the never list.
fn never_hit(lists: &Never, machine: &MachineSummary) -> Option<String> {
    if let Some(tag) = tag_hit(&lists.tags, machine) {
        return Some(format!("tag {tag} is on the never list"));
    }
    let name = machine.known_name();
    if let Some(pattern) = name.and_then(|name| lists.names.iter().find(|pattern| fits_host(pattern, name))) {
        return Some(format!("its name fits {pattern} on the never list"));
    }
    let group = machine.known_group().filter(|group| contains(&lists.groups, group))?;
    Some(format!("group {group} is on the never list"))
}

/// Tags for which a person decides.
pub fn hold_tags(guards: &Guards, case: &Case) -> Verdict {
    let list = &guards.hold.tags;
    let missing = lacks_tags(list, case.machine).then(|| not_known("tags"));
    let hit = |machine: &MachineSummary| Some(format!("tag {} is on the hold list", tag_hit(list, machine)?));
    held(case, missing, hit).unwrap_or_else(|| Verdict::pass("no tag on the hold list".to_owned()))
}

/// Worths to the company for which a person decides.
pub fn device_value(guards: &Guards, case: &Case) -> Verdict {
    let list = &guards.hold.device_value;
    let value = case.machine.and_then(MachineSummary::known_value);
    let missing = (!list.is_empty() && value.is_none()).then(|| not_known("device value"));
    let told = |value: &str| format!("device value is {value}");
    let hit = |machine: &MachineSummary| machine.known_value().filter(|value| contains(list, value)).map(told);
    held(case, missing, hit)
        .unwrap_or_else(|| Verdict::pass(value.map_or_else(|| "no device value is held".to_owned(), told)))
}
