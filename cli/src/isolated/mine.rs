//! Who is cut off by Cordon, as its ledger remembers it. Pure.

use std::collections::BTreeMap;

use cordon_records::{Action, ActionKind, ActionState, AttemptState, LedgerEntry, MachineId};
use cordon_response::LedgerState;
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

fn outcome(entry: &LedgerEntry) -> Outcome {
    match course(entry) {
        Outcome::Unknown => Outcome::Unknown,
        // Whatever became of somebody else's action, ours was covered by it.
        _ if entry.other_action.is_some() => Outcome::Covered,
        course => course,
    }
}

/// How far it got, whoever's action it is.
fn course(entry: &LedgerEntry) -> Outcome {
    let course = match entry.state {
        AttemptState::Intent | AttemptState::InDoubt => Outcome::Unknown,
        AttemptState::Reported(state) => match state {
            ActionState::Accepted | ActionState::Overdue | ActionState::ClosedMeanwhile => Outcome::OnItsWay,
            ActionState::InDoubt => Outcome::Unknown,
            ActionState::Succeeded => Outcome::Done,
            // Somebody else's action is followed from then on.
            ActionState::Covered if entry.other_action.is_some() => Outcome::OnItsWay,
            ActionState::Covered => Outcome::Covered,
            ActionState::Cancelled => Outcome::Cancelled,
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
    };
    match course {
        // Whoever said what, nobody knows what came of a call that was made.
        Outcome::Covered | Outcome::Cancelled | Outcome::Nothing if entry.leaves_doubt() => Outcome::Unknown,
        course => course,
    }
}

/// Every machine of which the ledger knows that we isolated it or were about to.
pub fn standings(ledger: &LedgerState) -> Vec<Standing> {
    let mut machines: BTreeMap<&MachineId, Vec<&LedgerEntry>> = BTreeMap::new();
    for entry in ledger.entries() {
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
    } else if let Some(told) = told_by_releases(isolation, entries) {
        (standing.state, standing.end, standing.note) = (told.state, told.end, told.note);
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

/// How a release says that an isolation stands.
struct Told {
    state: State,
    end: Option<End>,
    note: Option<String>,
}

/// What the newest release that came to something, or is on its way, says of this isolation. One that was left alone says
/// nothing of an end: where no other one does, nobody knows.
fn told_by_releases(isolation: &LedgerEntry, entries: &[&LedgerEntry]) -> Option<Told> {
    let releases = || {
        let releases = entries.iter().copied().filter(|entry| entry.action.kind() == ActionKind::Release);
        releases.filter(|entry| entry.at >= begun(isolation))
    };
    let telling = releases().filter_map(|release| Some((release.at, told_by(release)?)));
    let newest = telling.max_by_key(|(at, _)| *at).map(|(_, told)| told);
    // That there was nothing to end says of no other isolation than the one that it was about.
    let is_about = |release: &&LedgerEntry| release.about.as_ref().is_none_or(|about| *about == isolation.key);
    let left_alone = releases().filter(|release| course(release) == Outcome::Covered).filter(is_about);
    newest.or_else(|| left_alone.max_by_key(|release| release.at).map(left))
}

fn told_by(release: &LedgerEntry) -> Option<Told> {
    let (state, at) = match course(release) {
        Outcome::Done => (State::LetBack, release.at),
        Outcome::OnItsWay => (State::Releasing, begun(release)),
        Outcome::Unknown => (State::Unknown, begun(release)),
        Outcome::Covered | Outcome::Cancelled | Outcome::Nothing => return None,
    };
    let by = match &release.other_action {
        Some(other) => Author::named(Some(&other.by), None),
        None => Author::of_entry(release),
    };
    let note = (state == State::Unknown)
        .then(|| format!("whether the release asked for by {by} was done is not known: {}", release.reason));
    Some(Told { state, end: Some(End { by, at: Some(at), cancelled: false }), note })
}

fn left(release: &LedgerEntry) -> Told {
    let note = format!("its release was left alone, so the ledger does not say whether it stands: {}", release.reason);
    Told { state: State::Unknown, end: None, note: Some(note) }
}
