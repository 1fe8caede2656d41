//! When an action that has ended may be kept in short: once nobody asks any more for what the short form leaves out. Pure.

use std::time::Duration;

use cordon_policy::{Guards, guard};
use cordon_records::{
    Action, ActionKind, ActionState, AlertMark, AttemptState, ClosedEntry, LedgerEntry, NoticeKind, Ruling,
};
use jiff::{SignedDuration, Timestamp};

/// So long people look at what has ended, whatever it was.
pub(crate) const LOOKED_AT: SignedDuration = SignedDuration::from_hours(24);

/// So long at least what Defender was called for, since guards may get longer windows.
const CALLED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// So long at least what has cut a machine off or let one back. There are few of them, and `cordon isolated` names who was
/// let back.
pub const CONNECTION_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// So long a no that comes too late is still one: without it the next change of the alert would be judged anew.
const MAY_BE_DENIED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// So long `cordon retry` takes what failed for a missing permission.
const RETRIED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// For so many days, that of the rehearsal among them, what was only rehearsed is known and not told again: a full week, which
/// is as long as brokers keep a group's offsets by default, so a decision does not come again later. Then it leaves the ledger,
/// so that a rule in shadow fills it with a week of alerts and not with all that ever were: no attempt hangs on it, and what
/// comes of the alert later is judged as if it were new.
const REHEARSAL_DAYS: u16 = 8;

/// The first day of those in which what was only rehearsed is known at this instant.
pub(crate) fn rehearsals_known_from(now: Timestamp) -> u16 {
    ClosedEntry::day_of(now).saturating_sub(REHEARSAL_DAYS - 1)
}

/// How far back the guards in force ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// The longest window in which attempts and rehearsals count.
    counted: SignedDuration,
    /// The longest window in which approvals count.
    approved: SignedDuration,
    /// How long a release bears on isolations.
    released: SignedDuration,
}

impl Reach {
    pub(crate) fn of(guards: &Guards) -> Self {
        let above = guards.approvals().two_people_above.iter().map(|(window_s, _)| *window_s).max();
        Self {
            counted: seconds(guards.longest_window()),
            approved: seconds(above.unwrap_or_default()),
            released: seconds(guards.released_within()),
        }
    }
}

/// What the rest of respond's memory says of an entry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around {
    /// It waits for something: its turn, a new attempt, a link.
    pub under_way: bool,
    /// Something on its machine has not ended.
    pub machine_is_busy: bool,
    /// What cut its machine off, as far as it is known in full.
    pub cut_off: Option<CutOff>,
    /// When the breaker latched, while it is on.
    pub latched: Option<Timestamp>,
}

/// The newest isolation of ours that stood, or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CutOff {
    /// When it was begun.
    pub since: Timestamp,
    /// A release of ours has let the machine back since.
    pub let_back: bool,
}

/// Why an entry keeps its long form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    /// It has not ended, or its end is awaited.
    NotEnded,
    /// Its machine is to be let back by itself.
    Timer,
    /// Something on its machine has not ended: what that is compared with stays.
    MachineIsBusy,
    /// The isolation of its machine stands, or may, and this bears on it.
    Isolation,
    /// A cap or a limit counts it.
    Counted,
    /// How many people it takes is counted with it.
    Approved,
    /// It let a machine back, which holds the next isolation.
    Released,
    /// A person may still say no to it.
    MayBeDenied,
    /// A person may ask for it once more.
    MayBeRetried,
    /// It ended lately.
    Recent,
}

/// Why this entry keeps its long form; `None` once it may be closed.
pub(super) fn needed(entry: &LedgerEntry, around: &Around, reach: &Reach, now: Timestamp) -> Option<Needed> {
    let since = |at: Timestamp| now.duration_since(at);
    let has_ended = has_ended(entry) && entry.awaited().is_none() && !around.under_way;
    let of_isolation = around.cut_off.is_some_and(|cut_off| is_of_isolation(entry, cut_off));
    let limits = entry.limits.iter().map(|(window_s, _)| seconds(*window_s)).max();
    let counted = reach.counted.max(limits.unwrap_or_default());
    let kept = if entry.action.kind().is_about_connection() { CONNECTION_KEPT } else { CALLED };
    let called = entry.intents.iter().any(|at| since(*at) < counted.max(kept));
    let rehearsed = would_have_passed(entry) && since(entry.at) < counted;
    let is_counted_yes = |at: Timestamp, notice: Option<&str>| {
        let by_this_breaker = notice.and_then(NoticeKind::latched_at).is_some_and(|at| Some(at) == around.latched);
        since(at) < reach.approved || by_this_breaker
    };
    let approved = entry.approvals.iter().any(|yes| is_counted_yes(yes.at, yes.notice.as_deref()));
    let releases = entry.action.kind() == ActionKind::Release;
    let expired = entry.state == AttemptState::Reported(ActionState::Expired);
    let reasons = [
        (!has_ended, Needed::NotEnded),
        (entry.release_at.is_some(), Needed::Timer),
        (around.machine_is_busy, Needed::MachineIsBusy),
        (of_isolation, Needed::Isolation),
        (called || rehearsed, Needed::Counted),
        (approved, Needed::Approved),
        (releases && since(entry.at) <= reach.released, Needed::Released),
        (expired && since(entry.at) < MAY_BE_DENIED, Needed::MayBeDenied),
        (entry.lacked_permission() && since(entry.at) < RETRIED, Needed::MayBeRetried),
        (since(entry.at) < LOOKED_AT, Needed::Recent),
    ];
    reasons.into_iter().find(|(needed, _)| *needed).map(|(_, why)| why)
}

/// The short form of an entry.
pub(super) fn short(entry: &LedgerEntry, now: Timestamp) -> Option<ClosedEntry> {
    let AttemptState::Reported(state) = entry.state else { return None };
    let isolated = entry.action.kind() == ActionKind::Isolate && has_isolation(entry);
    Some(ClosedEntry {
        key: entry.key.clone(),
        state,
        attempt: entry.attempt,
        id: entry.machine_action_id.clone(),
        alert: isolated.then(|| AlertMark::of(&entry.alert.id)),
        again: may_be_judged_again(entry),
        day: Some(ClosedEntry::day_of(if was_only_rehearsed(entry) { entry.at } else { now })),
        epoch: entry.epoch(),
    })
}

/// As [`ClosedEntry::was_only_rehearsed`] of its short form.
pub(super) fn was_only_rehearsed(entry: &LedgerEntry) -> bool {
    let nothing_done = entry.attempt == 0 && entry.machine_action_id.is_none() && !entry.leaves_doubt();
    entry.state == AttemptState::Reported(ActionState::Would) && nothing_done
}

/// The newest isolation of a machine that cut it off as far as the ledger knows, or may have. `entries` are those of the
/// machine.
pub(super) fn cut_off<'a>(entries: impl Iterator<Item = &'a LedgerEntry> + Clone) -> Option<CutOff> {
    let isolations = entries.clone().filter(|entry| entry.action.kind() == ActionKind::Isolate && may_cut_off(entry));
    let since = isolations.map(begun).max()?;
    let let_back = entries.clone().any(|entry| lets_back(entry) && entry.at >= since);
    Some(CutOff { since, let_back })
}

fn lets_back(entry: &LedgerEntry) -> bool {
    entry.action.kind() == ActionKind::Release && entry.state == AttemptState::Reported(ActionState::Succeeded)
}

/// Whether this tells how the machine stands, beside its isolation: it bears on one that stands, or ended one that is known.
fn is_of_isolation(entry: &LedgerEntry, cut_off: CutOff) -> bool {
    let later = begun(entry).max(entry.at) >= cut_off.since;
    let bears = match cut_off.let_back {
        true => lets_back(entry),
        false => bears_on_isolation(entry),
    };
    later && bears
}

/// Whether a new decision may judge this key again once it has ended so.
pub(super) fn may_be_judged_again(entry: &LedgerEntry) -> bool {
    match entry.state {
        AttemptState::Reported(ActionState::Expired | ActionState::Would) => true,
        AttemptState::Reported(ActionState::Refused) => refused_as_closed(entry),
        AttemptState::Reported(_) | AttemptState::Intent | AttemptState::InDoubt => false,
    }
}

/// People may reopen an alert that was closed, and what a later isolation overruled no guard has refused: every refusal of
/// another guard stands.
fn refused_as_closed(entry: &LedgerEntry) -> bool {
    entry.guards.iter().filter(|verdict| verdict.ruling == Ruling::Refuse).all(|verdict| verdict.guard == guard::CLOSED)
}

/// Whether it is a rehearsal of what would have been done.
pub(super) fn would_have_passed(entry: &LedgerEntry) -> bool {
    entry.state == AttemptState::Reported(ActionState::Would)
        && entry.guards.iter().all(|verdict| verdict.ruling == Ruling::Pass)
}

/// Whether the machine of this isolation is cut off by it, may be, or will be; or was, and people or its time have ended
/// that since.
pub(crate) fn has_isolation(entry: &LedgerEntry) -> bool {
    let has = match entry.state {
        AttemptState::Intent | AttemptState::InDoubt => true,
        AttemptState::Reported(state) => match state {
            ActionState::InDoubt
            | ActionState::Covered
            | ActionState::Accepted
            | ActionState::Overdue
            | ActionState::Succeeded
            | ActionState::ClosedMeanwhile => true,
            // Also where it is somebody else's that nobody knows the end of.
            ActionState::NeedsHuman => entry.attempt > 0,
            ActionState::Refused
            | ActionState::Held
            | ActionState::Would
            | ActionState::Failed
            | ActionState::TimedOut
            | ActionState::Cancelled
            | ActionState::Approved
            | ActionState::Denied
            | ActionState::Expired => false,
        },
    };
    has || entry.leaves_doubt()
}

/// Whether this isolation of ours may stand, for all that its own entry says.
fn may_cut_off(entry: &LedgerEntry) -> bool {
    let is_others = entry.other_action.is_some() || entry.state == AttemptState::Reported(ActionState::Covered);
    entry.leaves_doubt() || (!is_others && has_isolation(entry))
}

/// What came to nothing before a call, as a rehearsal or a refusal, leaves the machine as it is.
fn bears_on_isolation(entry: &LedgerEntry) -> bool {
    match &entry.action {
        Action::Cancel { what, .. } => matches!(what, ActionKind::Isolate | ActionKind::Release),
        Action::Isolate { .. } => has_isolation(entry) || entry.other_action.is_some(),
        other => other.kind() == ActionKind::Release,
    }
}

const fn has_ended(entry: &LedgerEntry) -> bool {
    match entry.state {
        AttemptState::Intent | AttemptState::InDoubt => false,
        AttemptState::Reported(state) => match state {
            ActionState::Held
            | ActionState::InDoubt
            | ActionState::Accepted
            | ActionState::Approved
            | ActionState::Overdue => false,
            ActionState::Refused
            | ActionState::Would
            | ActionState::Covered
            | ActionState::Succeeded
            | ActionState::Failed
            | ActionState::TimedOut
            | ActionState::Cancelled
            | ActionState::NeedsHuman
            | ActionState::ClosedMeanwhile
            | ActionState::Denied
            | ActionState::Expired => true,
        },
    }
}

fn begun(entry: &LedgerEntry) -> Timestamp {
    entry.intents.last().copied().unwrap_or(entry.at)
}

fn seconds(seconds: u64) -> SignedDuration {
    SignedDuration::try_from(Duration::from_secs(seconds)).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
