//! Who is cut off by Cordon, as its ledger remembers it. Pure.

use std::collections::BTreeMap;

use cordon_act::respond::Book;
use cordon_records::{Action, ActionKind, ActionState, AttemptState, LedgerEntry, MachineId};
use jiff::Timestamp;

use super::standing::{Author, End, Standing, State, Until};

/// What a ledger entry says of an isolation or a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    OnItsWay,
    Unknown,
    Done,
    /// Another action has the effect already.
    Covered,
    Cancelled,
    Nothing,
}

const fn outcome(entry: &LedgerEntry) -> Outcome {
    // Whatever became of somebody else's action, ours was covered by it.
    if entry.other_action.is_some() {
        return Outcome::Covered;
    }
    match entry.state {
        AttemptState::Intent | AttemptState::InDoubt => Outcome::Unknown,
        AttemptState::Reported(state) => match state {
            ActionState::Accepted | ActionState::Overdue | ActionState::ClosedMeanwhile => Outcome::OnItsWay,
            ActionState::InDoubt => Outcome::Unknown,
            ActionState::Succeeded => Outcome::Done,
            ActionState::Covered => Outcome::Covered,
            ActionState::Cancelled => Outcome::Cancelled,
            // Nobody knows what came of an attempt that was made.
            ActionState::NeedsHuman if !entry.intents.is_empty() => Outcome::Unknown,
            ActionState::NeedsHuman
            | ActionState::Refused
            | ActionState::Held
            | ActionState::Would
            | ActionState::Failed
            | ActionState::TimedOut
            | ActionState::Approved
            | ActionState::Denied
            | ActionState::Expired => Outcome::Nothing,
        },
    }
}

/// Every machine of which the ledger knows that we isolated it or were about to.
pub fn standings(book: &Book) -> Vec<Standing> {
    let mut machines: BTreeMap<&MachineId, Vec<&LedgerEntry>> = BTreeMap::new();
    for entry in book.entries() {
        machines.entry(&entry.machine.id).or_default().push(entry);
    }
    machines.into_values().filter_map(|entries| standing(&entries)).collect()
}

fn begun(entry: &LedgerEntry) -> Timestamp {
    entry.intents.last().copied().unwrap_or(entry.at)
}

/// The isolation of ours that says how the machine stands: the newest that came to something, else the newest that was
/// cancelled.
fn standing(entries: &[&LedgerEntry]) -> Option<Standing> {
    let isolations = || entries.iter().copied().filter(|entry| entry.action.kind() == ActionKind::Isolate);
    let counts = |entry: &&LedgerEntry| {
        matches!(outcome(entry), Outcome::OnItsWay | Outcome::Unknown | Outcome::Done) && !entry.intents.is_empty()
    };
    let cancelled = |entry: &&LedgerEntry| outcome(entry) == Outcome::Cancelled && !entry.intents.is_empty();
    let newest = isolations().filter(counts).max_by_key(|entry| begun(entry));
    let newest = newest.or_else(|| isolations().filter(cancelled).max_by_key(|entry| begun(entry)))?;
    Some(of(newest, entries))
}

fn of(isolation: &LedgerEntry, entries: &[&LedgerEntry]) -> Standing {
    let (state, since) = match outcome(isolation) {
        Outcome::Done => (State::Isolated, isolation.at),
        Outcome::OnItsWay => (State::Isolating, begun(isolation)),
        Outcome::Cancelled => (State::LetBack, begun(isolation)),
        Outcome::Unknown | Outcome::Covered | Outcome::Nothing => (State::Unknown, begun(isolation)),
    };
    let mut standing = Standing {
        machine: isolation.machine.id.clone(),
        name: isolation.machine.name.clone(),
        state,
        by: Author::of_entry(isolation),
        since: Some(since),
        scope: scope(&isolation.action),
        until: Until::of(isolation),
        action: isolation.machine_action_id.clone(),
        key: Some(isolation.key.clone()),
        alert: Some(isolation.alert.id.clone()),
        end: None,
        note: None,
    };
    if state == State::LetBack {
        standing.end = Some(cancellation(isolation, entries));
    } else if let Some((release, end)) = release_of(isolation, entries) {
        standing.state = if release == Outcome::OnItsWay { State::Releasing } else { State::LetBack };
        standing.end = Some(end);
    }
    standing
}

fn scope(action: &Action) -> Option<String> {
    if let Action::Isolate { isolation, .. } = action { Some(isolation.as_str().to_owned()) } else { None }
}

/// Who had this isolation cancelled: by an action of ours, or somebody else.
pub fn cancellation(isolation: &LedgerEntry, entries: &[&LedgerEntry]) -> End {
    let cancels = |entry: &&&LedgerEntry| {
        entry.action.kind() == ActionKind::Cancel && entry.about.as_ref() == Some(&isolation.key)
    };
    let by = match entries.iter().find(cancels) {
        Some(cancel) => Author::of_entry(cancel),
        None => Author::Somebody("somebody".to_owned()),
    };
    End { by, at: Some(isolation.at), cancelled: true }
}

/// Our newest release of this isolation that came to something, or is on its way.
fn release_of(isolation: &LedgerEntry, entries: &[&LedgerEntry]) -> Option<(Outcome, End)> {
    let ends = |entry: &&&LedgerEntry| {
        let is_later = entry.action.kind() == ActionKind::Release && entry.at >= begun(isolation);
        // That there was nothing to end says of no other isolation than the one that it was about.
        let is_about = entry.about.as_ref().is_none_or(|about| *about == isolation.key);
        match outcome(entry) {
            Outcome::Done | Outcome::OnItsWay | Outcome::Unknown => is_later,
            Outcome::Covered => is_later && is_about,
            Outcome::Cancelled | Outcome::Nothing => false,
        }
    };
    let release = entries.iter().filter(ends).max_by_key(|entry| entry.at)?;
    Some(match outcome(release) {
        Outcome::Covered => {
            let by = Author::Somebody("somebody else".to_owned());
            (Outcome::Covered, End { by, at: Some(release.at), cancelled: false })
        }
        Outcome::Done => (Outcome::Done, End { by: Author::of_entry(release), at: Some(release.at), cancelled: false }),
        Outcome::OnItsWay | Outcome::Unknown | Outcome::Cancelled | Outcome::Nothing => {
            (Outcome::OnItsWay, End { by: Author::of_entry(release), at: Some(begun(release)), cancelled: false })
        }
    })
}
