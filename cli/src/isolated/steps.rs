//! Who is cut off, as the tenant's list of machine actions has it, joined with our ledger. Pure.

use std::collections::{BTreeMap, BTreeSet};

use cordon_act::respond::Book;
use cordon_defender::{ActionStatus, ActionType, IsolationStep};
use cordon_records::{LedgerEntry, MachineActionId, MachineId};

use super::mine;
use super::standing::{Author, End, Standing, State, Until, ours};

/// Every machine that is or was cut off: by the tenant's list, and what our ledger knows beside it. `steps` come newest
/// first.
pub fn standings(steps: &[IsolationStep], book: &Book) -> Vec<Standing> {
    let steps: Vec<IsolationStep> = spelled_as_in(book, steps);
    let mut machines: BTreeMap<&MachineId, Vec<&IsolationStep>> = BTreeMap::new();
    for step in &steps {
        machines.entry(&step.machine).or_default().push(step);
    }
    let mut found: BTreeMap<MachineId, Standing> = BTreeMap::new();
    for (machine, steps) in &machines {
        found.extend(standing(steps, book).map(|standing| ((*machine).clone(), standing)));
    }
    let listed: BTreeSet<&MachineActionId> = steps.iter().map(|step| &step.action.id).collect();
    for mut mine in mine::standings(book) {
        if mine.action.as_ref().is_some_and(|id| listed.contains(id)) {
            continue;
        }
        if found.get(&mine.machine).is_none_or(|other| is_older(other, &mine)) {
            mine.note = Some("our ledger says so; Defender's list does not have it".to_owned());
            found.insert(mine.machine.clone(), mine);
        }
    }
    found.into_values().collect()
}

/// Servers spell ids in either case: each machine gets one spelling, the ledger's where it has one.
fn spelled_as_in(book: &Book, steps: &[IsolationStep]) -> Vec<IsolationStep> {
    let lower = |id: &MachineId| id.as_str().to_ascii_lowercase();
    let listed = steps.iter().map(|step| (lower(&step.machine), step.machine.clone()));
    let known = book.entries().map(|entry| (lower(&entry.machine.id), entry.machine.id.clone()));
    let spelling: BTreeMap<String, MachineId> = listed.chain(known).collect();
    let spelled = |step: &IsolationStep| {
        let machine = spelling.get(&lower(&step.machine)).unwrap_or(&step.machine).clone();
        IsolationStep { machine, ..step.clone() }
    };
    steps.iter().map(spelled).collect()
}

/// Whether what the list says of the machine ended before our isolation began.
fn is_older(listed: &Standing, mine: &Standing) -> bool {
    listed.state == State::LetBack && listed.end.as_ref().and_then(|end| end.at) < mine.since
}

/// How far a step got.
#[derive(PartialEq, Eq)]
enum Stage {
    Done,
    /// It has not ended, or has a status that we do not know.
    Open,
    Cancelled,
    Failed,
}

fn stage(step: &IsolationStep) -> Stage {
    match step.action.status {
        ActionStatus::Succeeded => Stage::Done,
        ActionStatus::Pending | ActionStatus::InProgress | ActionStatus::Other(_) => Stage::Open,
        ActionStatus::Cancelled => Stage::Cancelled,
        ActionStatus::Failed | ActionStatus::TimeOut => Stage::Failed,
    }
}

fn isolates(step: &IsolationStep) -> bool {
    step.action.kind == ActionType::Isolate
}

/// The newest step that succeeded says how the machine stands; what is newer and has not ended, what becomes of it.
fn standing(steps: &[&IsolationStep], book: &Book) -> Option<Standing> {
    let done = steps.iter().position(|step| stage(step) == Stage::Done);
    let (newer, older) = steps.split_at(done.unwrap_or(steps.len()));
    let open = newer.iter().copied().find(|step| stage(step) == Stage::Open);
    let open_isolation = newer.iter().copied().find(|step| stage(step) == Stage::Open && isolates(step));
    match (older.first().copied(), open) {
        (Some(base), open) if isolates(base) => Some(cut_off(base, (newer, open), book)),
        (_, Some(open)) if isolates(open) => Some(isolating(open, book)),
        // Its isolation is on its way, and so is its release.
        (_, Some(open)) => open_isolation.map(|isolation| {
            let end = Some(End { by: Author::of_step(open, book), at: open.action.created, cancelled: false });
            Standing { state: State::Releasing, end, ..isolating(isolation, book) }
        }),
        (Some(release), None) => Some(released(release, older, book)),
        (None, None) => {
            newer.iter().copied().find(|step| isolates(step) && stage(step) == Stage::Cancelled).map(|cancelled| {
                let standing = of(cancelled, book, State::LetBack);
                Standing { end: Some(cancellation(cancelled, book)), ..standing }
            })
        }
    }
}

fn cut_off(base: &IsolationStep, (newer, open): (&[&IsolationStep], Option<&IsolationStep>), book: &Book) -> Standing {
    let mut standing = of(base, book, State::Isolated);
    standing.since = base.action.updated.or(base.action.created);
    match open {
        Some(open) if isolates(open) => {
            standing.note = Some(format!("another isolation is on its way, by {}", Author::of_step(open, book)));
        }
        Some(open) => {
            standing.state = State::Releasing;
            standing.end = Some(End { by: Author::of_step(open, book), at: open.action.created, cancelled: false });
            standing.note = unknown_status(open);
        }
        None => {
            let failed = newer.iter().find(|step| !isolates(step));
            standing.note = failed.map(|step| {
                format!("a release by {} came to nothing: {}", Author::of_step(step, book), step.action.status)
            });
        }
    }
    standing
}

fn isolating(open: &IsolationStep, book: &Book) -> Standing {
    let note = unknown_status(open);
    let state = if note.is_some() { State::Unknown } else { State::Isolating };
    Standing { note, ..of(open, book, state) }
}

fn unknown_status(step: &IsolationStep) -> Option<String> {
    match &step.action.status {
        ActionStatus::Other(text) => Some(format!("Defender calls its status {text:?}, which Cordon does not know")),
        ActionStatus::Pending
        | ActionStatus::InProgress
        | ActionStatus::Succeeded
        | ActionStatus::Failed
        | ActionStatus::TimeOut
        | ActionStatus::Cancelled => None,
    }
}

fn released(release: &IsolationStep, older: &[&IsolationStep], book: &Book) -> Standing {
    let isolation = older.iter().copied().find(|step| isolates(step) && stage(step) == Stage::Done);
    let by = Author::of_step(release, book);
    let end = Some(End { by, at: release.action.updated.or(release.action.created), cancelled: false });
    match isolation {
        Some(isolation) => Standing { end, ..of(isolation, book, State::LetBack) },
        None => {
            let by = Author::Somebody("somebody".to_owned());
            let (scope, until, action, since) = (None, Until::Open, None, None);
            Standing { end, by, scope, until, action, since, ..of(release, book, State::LetBack) }
        }
    }
}

fn cancellation(step: &IsolationStep, book: &Book) -> End {
    let at = step.action.updated.or(step.action.created);
    let asked = ours(step, book).and_then(|isolation| {
        let entries: Vec<&LedgerEntry> = book.entries_on(&isolation.machine.id).collect();
        let end = mine::cancellation(isolation, &entries);
        (!matches!(end.by, Author::Somebody(_))).then_some(end.by)
    });
    let by = asked.unwrap_or_else(|| Author::named(step.action.cancelled_by.as_deref(), None));
    End { by, at, cancelled: true }
}

fn of(step: &IsolationStep, book: &Book, state: State) -> Standing {
    let entry = ours(step, book);
    let known = book.entries_on(&step.machine).next();
    Standing {
        machine: step.machine.clone(),
        name: step.machine_name.clone().or_else(|| known.and_then(|entry| entry.machine.name.clone())),
        state,
        by: Author::of_step(step, book),
        since: step.action.created,
        scope: step.action.scope.clone(),
        until: entry.map_or(Until::Open, Until::of),
        action: Some(step.action.id.clone()),
        key: entry.map(|entry| entry.key.clone()),
        alert: entry.map(|entry| entry.alert.id.clone()),
        end: None,
        note: None,
    }
}
