//! Who is cut off, as the tenant's list of machine actions has it, joined with our ledger. Pure.

use std::collections::{BTreeMap, BTreeSet};

use cordon_defender::IsolationStep;
use cordon_records::{ActionStatus, ActionType, LedgerEntry, MachineActionId, MachineId};
use cordon_response::LedgerState;
use jiff::Timestamp;

use super::mine;
use super::standing::{Author, End, Standing, State, Until, ours};
use crate::people::seconds;

/// Every machine that is or was cut off: by the tenant's list, and what our ledger knows beside it. `steps` come newest
/// first.
pub fn standings(steps: &[IsolationStep], ledger: &LedgerState) -> Vec<Standing> {
    let steps: Vec<IsolationStep> = spelled_as_in(ledger, steps);
    let mut machines: BTreeMap<&MachineId, Vec<&IsolationStep>> = BTreeMap::new();
    for step in &steps {
        machines.entry(&step.machine).or_default().push(step);
    }
    let mut found: BTreeMap<MachineId, Standing> = BTreeMap::new();
    for (machine, steps) in &machines {
        found.extend(standing(steps, ledger).map(|standing| ((*machine).clone(), standing)));
    }
    let listed: BTreeSet<&MachineActionId> = steps.iter().map(|step| &step.action.id).collect();
    for mut mine in mine::standings(ledger) {
        if mine.action.as_ref().is_some_and(|id| listed.contains(id)) {
            continue;
        }
        if found.get(&mine.machine).is_none_or(|other| is_older(other, &mine)) {
            let said = "our ledger says so; Defender's list does not have it".to_owned();
            mine.note = Some([Some(said), mine.note].into_iter().flatten().collect::<Vec<_>>().join("; "));
            found.insert(mine.machine.clone(), mine);
        }
    }
    found.into_values().collect()
}

/// Servers spell ids in either case: each machine gets one spelling, the ledger's where it has one.
fn spelled_as_in(ledger: &LedgerState, steps: &[IsolationStep]) -> Vec<IsolationStep> {
    let lower = |id: &MachineId| id.as_str().to_ascii_lowercase();
    let listed = steps.iter().map(|step| (lower(&step.machine), step.machine.clone()));
    let known = ledger.entries().map(|entry| (lower(&entry.machine.id), entry.machine.id.clone()));
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

/// When it ended, for all that is known.
fn ended(step: &IsolationStep) -> Option<Timestamp> {
    step.action.updated.map(|updated| step.action.created.map_or(updated, |created| updated.max(created)))
}

/// How the machine stands by what succeeded.
enum Base<'a> {
    Nothing,
    CutOff(&'a IsolationStep),
    LetBack(&'a IsolationStep),
    /// By one order this isolation came last, by the other this release did.
    Either(&'a IsolationStep, &'a IsolationStep),
}

/// Two opposite steps that were on their way at the same time have been seen to end in either order. So the machine stands
/// as the last one left it only where the order of asking and the order of ending agree on the last.
fn base<'a>(steps: &[&'a IsolationStep]) -> Base<'a> {
    let done: Vec<&IsolationStep> = steps.iter().copied().filter(|step| stage(step) == Stage::Done).collect();
    let last = [latest(&done, |step| step.action.created), latest(&done, ended)].concat();
    let isolation = last.iter().copied().find(|step| isolates(step));
    let release = last.iter().copied().find(|step| !isolates(step));
    match (isolation, release) {
        (Some(isolation), Some(release)) => Base::Either(isolation, release),
        (Some(isolation), None) => Base::CutOff(isolation),
        (None, Some(release)) => Base::LetBack(release),
        (None, None) => Base::Nothing,
    }
}

/// Those that may be the last by this time: the latest, and whatever does not have it.
fn latest<'a>(steps: &[&'a IsolationStep], time: fn(&IsolationStep) -> Option<Timestamp>) -> Vec<&'a IsolationStep> {
    let latest = steps.iter().filter_map(|step| time(step)).max();
    steps.iter().copied().filter(|step| time(step).is_none_or(|at| Some(at) == latest)).collect()
}

/// What succeeded says how the machine stands; what has not ended, what becomes of it.
fn standing(steps: &[&IsolationStep], ledger: &LedgerState) -> Option<Standing> {
    match base(steps) {
        Base::CutOff(isolation) => Some(cut_off(isolation, steps, ledger)),
        Base::Either(isolation, release) => Some(either((isolation, release), steps, ledger)),
        Base::LetBack(release) => Some(coming(steps, ledger).unwrap_or_else(|| released(release, steps, ledger))),
        Base::Nothing => coming(steps, ledger).or_else(|| cancelled(steps, ledger)),
    }
}

/// The newest step that has not ended.
fn open<'a>(steps: &[&'a IsolationStep]) -> Option<&'a IsolationStep> {
    steps.iter().copied().find(|step| stage(step) == Stage::Open)
}

/// An isolation that is on its way to a machine that is connected: also where a release has ended since it was asked for.
fn coming(steps: &[&IsolationStep], ledger: &LedgerState) -> Option<Standing> {
    let isolation = steps.iter().copied().find(|step| stage(step) == Stage::Open && isolates(step))?;
    let mut standing = isolating(isolation, ledger);
    let newest = open(steps).filter(|newest| !isolates(newest));
    if let Some(release) = newest {
        // Its isolation is on its way, and so is its release.
        standing.state = State::Releasing;
        standing.end = Some(End { by: Author::of_step(release, ledger), at: release.action.created, cancelled: false });
    }
    let since = steps.iter().take_while(|step| **step != isolation).find(|step| stage(step) == Stage::Done);
    let since = since.map(|release| {
        format!("a release by {} has ended since it was asked for, and it has not", Author::of_step(release, ledger))
    });
    let notes: Vec<String> = standing.note.take().into_iter().chain(since).collect();
    standing.note = (!notes.is_empty()).then(|| notes.join("; "));
    Some(standing)
}

fn cancelled(steps: &[&IsolationStep], ledger: &LedgerState) -> Option<Standing> {
    let cancelled = steps.iter().copied().find(|step| isolates(step) && stage(step) == Stage::Cancelled)?;
    Some(Standing { end: Some(cancellation(cancelled, ledger)), ..of(cancelled, ledger, State::LetBack) })
}

fn cut_off(base: &IsolationStep, steps: &[&IsolationStep], ledger: &LedgerState) -> Standing {
    let mut standing = of(base, ledger, State::Isolated);
    standing.since = base.action.updated.or(base.action.created);
    match open(steps) {
        Some(open) if isolates(open) => {
            standing.note = Some(format!("another isolation is on its way, by {}", Author::of_step(open, ledger)));
        }
        Some(open) => {
            standing.state = State::Releasing;
            standing.end = Some(End { by: Author::of_step(open, ledger), at: open.action.created, cancelled: false });
            standing.note = unknown_status(open);
        }
        None => {
            let mut newer = steps.iter().take_while(|step| **step != base);
            let failed = newer.find(|step| !isolates(step) && matches!(stage(step), Stage::Failed | Stage::Cancelled));
            standing.note = failed.map(|step| {
                format!("a release by {} came to nothing: {}", Author::of_step(step, ledger), step.action.status)
            });
        }
    }
    standing
}

/// Both are named, so that somebody can ask.
fn either(
    (isolation, release): (&IsolationStep, &IsolationStep),
    steps: &[&IsolationStep],
    ledger: &LedgerState,
) -> Standing {
    let by = Author::of_step(release, ledger);
    let note = format!(
        "isolated by {} ({}) and released by {by} ({}): nobody knows which of them came last",
        Author::of_step(isolation, ledger),
        times(isolation),
        times(release)
    );
    let coming = open(steps).map(|step| {
        let what = if isolates(step) { "another isolation" } else { "another release" };
        format!("; {what} is on its way, by {}", Author::of_step(step, ledger))
    });
    let end = Some(End { by, at: release.action.updated.or(release.action.created), cancelled: false });
    Standing { end, note: Some(note + &coming.unwrap_or_default()), ..of(isolation, ledger, State::Unknown) }
}

/// From when to when a step was on its way.
fn times(step: &IsolationStep) -> String {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "unknown".to_owned(), seconds);
    format!("asked for {}, ended {}", time(step.action.created), time(ended(step)))
}

fn isolating(open: &IsolationStep, ledger: &LedgerState) -> Standing {
    let note = unknown_status(open);
    let state = if note.is_some() { State::Unknown } else { State::Isolating };
    Standing { note, ..of(open, ledger, state) }
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

fn released(release: &IsolationStep, steps: &[&IsolationStep], ledger: &LedgerState) -> Standing {
    let isolation = steps.iter().copied().find(|step| isolates(step) && stage(step) == Stage::Done);
    let by = Author::of_step(release, ledger);
    let end = Some(End { by, at: release.action.updated.or(release.action.created), cancelled: false });
    match isolation {
        Some(isolation) => Standing { end, ..of(isolation, ledger, State::LetBack) },
        None => {
            let by = Author::Somebody("somebody".to_owned());
            let (scope, until, action, since) = (None, Until::Open, None, None);
            Standing { end, by, scope, until, action, since, ..of(release, ledger, State::LetBack) }
        }
    }
}

fn cancellation(step: &IsolationStep, ledger: &LedgerState) -> End {
    let at = step.action.updated.or(step.action.created);
    let asked = ours(step, ledger).and_then(|isolation| {
        let entries: Vec<&LedgerEntry> = ledger.entries_on(&isolation.machine.id).collect();
        let end = mine::cancellation(isolation, &entries);
        (!matches!(end.by, Author::Somebody(_))).then_some(end.by)
    });
    let by = asked.unwrap_or_else(|| Author::named(step.action.cancelled_by.as_deref(), None));
    End { by, at, cancelled: true }
}

fn of(step: &IsolationStep, ledger: &LedgerState, state: State) -> Standing {
    let entry = ours(step, ledger);
    let known = ledger.entries_on(&step.machine).next();
    Standing {
        machine: step.machine.clone(),
        name: step.machine_name.clone().or_else(|| known.and_then(|entry| entry.machine.name.clone())),
        state,
        by: Author::of_step(step, ledger),
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
