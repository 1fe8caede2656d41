//! Whose a machine action is: the one that we asked for, or one that somebody else did. Pure.
//!
//! Defender may answer a request with an action of that kind which is on its way already, and lists show what everybody
//! asked for. Ours is what ends in our mark and fits the request. What ends in it and differs is ours with something wrong,
//! and never somebody else's. Only a field that is there can differ: servers leave out the scope, and some the comment.

use cordon_records::{
    Action, ActionKey, ActionStatus, ActionType, IsolationType, MachineAction, MachineId, OtherAction, ScanType,
};

/// What the mark begins with.
const MARK: &str = "[cordon:";

/// The mark that every comment of ours ends in; Defender gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The action.
    pub key: ActionKey,
    /// The attempt.
    pub attempt: u32,
}

/// The comment of an attempt: the author's words, then the mark by which a lost answer is found again.
#[must_use]
pub fn comment(words: &str, key: &str, attempt: u32) -> String {
    format!("{words} {MARK}{key}#{attempt}]")
}

/// The mark that an action bears. One that a person asked for, by a sign-in name, bears none: they copied our comment.
#[must_use]
pub fn mark_in(action: &MachineAction) -> Option<Mark> {
    let by_person = action.requestor.as_deref().is_some_and(is_sign_in_name);
    action.comment.as_deref().filter(|_| !by_person).and_then(mark_of)
}

/// Whether a requestor, or whoever cancelled, is a person. An application is named there by its id or its display name,
/// which may well hold an `@`.
pub(super) fn is_sign_in_name(requestor: &str) -> bool {
    let is_domain = |domain: &str| domain.contains('.') && !domain.contains('@');
    let parts = requestor.trim().split_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && is_domain(domain) && !requestor.trim().contains(' '))
}

/// The mark in which a comment ends. One that is merely quoted, with other words behind it, is none.
fn mark_of(comment: &str) -> Option<Mark> {
    let (_, mark) = comment.trim_end().strip_suffix(']')?.rsplit_once(MARK)?;
    let (key, attempt) = mark.split_once('#')?;
    Some(Mark { key: ActionKey::new(key).ok()?, attempt: attempt.parse().ok()? })
}

/// What was asked for, as far as an answer can be compared with it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Our action.
    pub key: &'a ActionKey,
    /// The machine.
    pub machine: &'a MachineId,
    /// What is to be done.
    pub action: &'a Action,
}

/// Whose a machine action is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Ours: it bears our mark, and nothing speaks against it.
    Ours,
    /// Somebody else asked for it.
    Others,
    /// It bears our mark, but is of another kind or scope or about another machine than was asked for: in which way.
    Misapplied(String),
    /// It is of another kind or about another machine, and not ours: no answer to what was asked. In which way.
    Unrelated(String),
    /// Nothing speaks against us, but no comment says that it is ours.
    Unsaid,
}

/// Compares a machine action with what was asked for.
#[must_use]
pub fn whose(found: &MachineAction, asked: &Asked<'_>) -> Whose {
    let comment = found.comment.as_deref().filter(|text| !text.trim().is_empty());
    let ours = comment.map(|_| mark_in(found).is_some_and(|mark| mark.key == *asked.key));
    match (ours, difference(found, asked)) {
        (Some(true), Some(difference)) => Whose::Misapplied(difference),
        (Some(true), None) => other_scope(found, asked.action).map_or(Whose::Ours, Whose::Misapplied),
        (Some(false) | None, Some(difference)) => Whose::Unrelated(difference),
        (Some(false), None) => Whose::Others,
        (None, None) => Whose::Unsaid,
    }
}

/// In which way it is of another kind, or about another machine.
fn difference(found: &MachineAction, asked: &Asked<'_>) -> Option<String> {
    let id = &found.id;
    let is_named = found.kind.as_str() != "";
    if let Some(wanted) = ActionType::of(asked.action.kind()).filter(|wanted| is_named && found.kind != *wanted) {
        return Some(format!("action {id} is of type {}, not {wanted}", found.kind));
    }
    let other = found.machine_id.as_ref()?;
    let differs = !other.as_str().eq_ignore_ascii_case(asked.machine.as_str());
    differs.then(|| format!("action {id} is about machine {other}, not {}", asked.machine))
}

/// In which way it reaches less or further than was asked for. A scope that we have no name for says nothing.
fn other_scope(found: &MachineAction, wanted: &Action) -> Option<String> {
    let scope = found.scope.as_deref().map(str::trim)?;
    let is = |name: &str| name.eq_ignore_ascii_case(scope);
    let (wanted, known) = match wanted {
        Action::Isolate { isolation, .. } => {
            (isolation.as_str(), IsolationType::ALL.iter().any(|known| is(known.as_str())))
        }
        Action::Scan { scan, .. } => (scan.as_str(), ScanType::ALL.iter().any(|known| is(known.as_str()))),
        _ => return None,
    };
    (known && !is(wanted)).then(|| format!("action {} has scope {scope}, not {wanted}", found.id))
}

/// What a list shows of an action of ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Listed<'a> {
    /// The action that this key caused.
    Ours(&'a MachineAction),
    /// One under our mark that is not what was asked for: in which way.
    Misapplied(String),
    /// Nothing of ours.
    Nothing,
}

/// The action that this key caused: of this attempt, or else of an earlier one that the list shows only now. An earlier
/// one that came to nothing is no answer to this attempt.
#[must_use]
pub(crate) fn find_ours<'a>(actions: &'a [MachineAction], asked: &Asked<'_>, attempt: u32) -> Listed<'a> {
    let ours = || actions.iter().filter(|action| whose(action, asked) == Whose::Ours);
    let of_this = |action: &&MachineAction| mark_in(action).is_some_and(|mark| mark.attempt == attempt);
    let came_to_something = |action: &&MachineAction| {
        matches!(action.status, ActionStatus::Pending | ActionStatus::InProgress | ActionStatus::Succeeded)
    };
    if let Some(found) = ours().find(of_this).or_else(|| ours().find(came_to_something)) {
        return Listed::Ours(found);
    }
    let misapplied = actions.iter().filter(came_to_something).find_map(|action| match whose(action, asked) {
        Whose::Misapplied(how) => Some(how),
        Whose::Ours | Whose::Others | Whose::Unrelated(_) | Whose::Unsaid => None,
    });
    misapplied.map_or(Listed::Nothing, Listed::Misapplied)
}

/// That something else stands under our mark, for people.
#[must_use]
pub fn misapplied(how: &str) -> String {
    format!("Defender did something else under our mark: {how}; look at what it did, and set it right by hand")
}

/// Somebody else's action, for the ledger and for reports.
#[must_use]
pub fn other(action: &MachineAction) -> OtherAction {
    let scope = action.scope.as_deref().map(str::trim).filter(|scope| !scope.is_empty());
    OtherAction { id: action.id.clone(), by: author(action), scope: scope.map(str::to_owned) }
}

/// Who asked for it.
#[must_use]
pub(crate) fn author(action: &MachineAction) -> String {
    let named = action.requestor.as_deref().map(str::trim).filter(|name| !name.is_empty());
    named.unwrap_or("somebody").to_owned()
}
