//! respond's memory: the fold of the `ledger` topic. Pure.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use cordon_policy::{Attempt, Fleet};
use cordon_records::{
    ActionKey, ActionKind, ActionState, AlertId, AlertMark, AttemptState, Claim, ClosedEntry, CommandId, Genesis,
    Latch, LedgerEntry, MachineId, Mode, NoticeKind, PolicyStanding, RuleId,
};
use jiff::Timestamp;

mod closed;
mod closing;
mod fold;
mod read;
mod summary;
mod transition;

use closed::Closed;
pub use closing::CONNECTION_KEPT;
use closing::{CutOff, may_be_judged_again, was_only_rehearsed, would_have_passed};
pub(crate) use closing::{LOOKED_AT, Reach, has_isolation, rehearsals_known_from};
pub use read::{LedgerFold, RawRecord, UnreadableRecord};
pub use summary::{LastWords, NotWhole, SummaryChanges, SummaryFold, SummaryRecords, mirrored, summarised};
pub(crate) use transition::Part;

/// The longest time that Microsoft counts calls in.
const HOUR: Duration = Duration::from_secs(3_600);

/// What the ledger says, key by key.
#[derive(Debug, Clone, Default)]
pub struct LedgerState {
    /// Which cluster the ledger belongs to.
    genesis: Option<Genesis>,
    /// The highest epoch read.
    epoch: u64,
    /// The highest claim read.
    claim: Option<Claim>,
    /// The breaker.
    breaker: Option<Latch>,
    /// The pause switch.
    pause: Option<Latch>,
    /// The number of onboarded machines.
    fleet: Option<Fleet>,
    /// The next offset to read of `commands`.
    commands_next: i64,
    /// When the newest of `commands` that was read was written there.
    commands_newest: Option<Timestamp>,
    /// Signed commands that were applied.
    applied: BTreeMap<CommandId, Applied>,
    /// Which rules and guards the writer had in force.
    policy: Option<PolicyStanding>,
    entries: BTreeMap<ActionKey, LedgerEntry>,
    /// What has ended for good and is kept in short.
    closed: Closed,
    /// Signed commands of which only a stale writer said that they were applied.
    not_applied: BTreeMap<CommandId, Applied>,
    /// Kafka keys whose newest record does not say what this ledger does, so that compaction would keep the wrong one.
    /// Of a switch, what that record says.
    astray: BTreeMap<String, Option<Latch>>,
    /// The keys of the entries, machine by machine.
    on: BTreeMap<MachineId, BTreeSet<ActionKey>>,
    /// The keys of the isolations, alert by alert: an alert whose machine has changed has another key.
    isolations: BTreeMap<AlertId, BTreeSet<ActionKey>>,
    /// Which of the entries are open, machine by machine: asked for at every step.
    open: BTreeMap<MachineId, BTreeSet<ActionKey>>,
    /// How many they are: told at every step.
    open_count: usize,
    /// What is held, by the instant at which it stops waiting.
    waiting: BTreeSet<(Timestamp, ActionKey)>,
    /// Isolations that end by themselves, by the instant at which they do.
    timers: BTreeSet<(Timestamp, ActionKey)>,
    /// What the entries count for the caps, by its instant: the caps ask for the last day of years.
    attempted: BTreeMap<Timestamp, Vec<Mark>>,
    /// What is reported, by when it was: what may be closed is among it.
    reported: BTreeSet<(Timestamp, ActionKey)>,
    /// What cut a machine off, since its entries last changed: asked for of every entry in every walk, and a machine may have
    /// thousands.
    cut_offs: BTreeMap<MachineId, Option<CutOff>>,
    /// The epoch under which this state's holder writes; 0 of one that is only read.
    writer: u64,
}

/// A signed command that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Applied {
    /// When it expires: after that it would do nothing anyway.
    pub until: Timestamp,
    /// Where it stood on `commands`.
    pub offset: i64,
}

/// One attempt, or one rehearsal, of an entry.
#[derive(Debug, Clone)]
struct Mark {
    key: ActionKey,
    kind: ActionKind,
    group: Option<String>,
    rules: Vec<RuleId>,
    rehearsed: bool,
}

impl Mark {
    fn attempt(&self, at: Timestamp) -> Attempt<'_> {
        Attempt {
            at,
            rules: Cow::Borrowed(&self.rules[..]),
            kind: self.kind,
            group: self.group.as_deref().map(Cow::Borrowed),
        }
    }
}

impl LedgerState {
    /// Takes an entry, merging it with what is known of its key. Every attempt of both is kept: a cap that forgot one would
    /// be too generous. Says whether all that is known of the key now is what this entry says.
    fn merge(&mut self, mut entry: LedgerEntry) -> bool {
        if self.closed.get(&entry.key).is_some_and(|closed| closed.outlives(&entry)) {
            return false;
        }
        self.closed.remove(&entry.key);
        self.cut_offs.remove(&entry.machine.id);
        let mut stands = true;
        if let Some(mut known) = self.entries.remove(&entry.key) {
            self.cut_offs.remove(&known.machine.id);
            self.forget(&known);
            let intents = merged(&known.intents, &entry.intents);
            let supersedes = entry.supersedes(&known);
            stands = supersedes && intents == entry.intents;
            if !supersedes {
                std::mem::swap(&mut entry, &mut known);
            }
            entry.intents = intents;
        }
        self.mark(&entry);
        self.on.entry(entry.machine.id.clone()).or_default().insert(entry.key.clone());
        if entry.action.kind() == ActionKind::Isolate {
            self.isolations.entry(entry.alert.id.clone()).or_default().insert(entry.key.clone());
        }
        self.waiting.extend(waits_until(&entry).map(|until| (until, entry.key.clone())));
        self.timers.extend(entry.release_at.map(|at| (at, entry.key.clone())));
        if entry.is_open() {
            let is_new = self.open.entry(entry.machine.id.clone()).or_default().insert(entry.key.clone());
            self.open_count += usize::from(is_new);
        } else {
            self.reported.insert((entry.at, entry.key.clone()));
        }
        self.entries.insert(entry.key.clone(), entry);
        stands
    }

    /// Takes the short form of what has ended, in the place of its entry. Says whether that is all that is known of the
    /// key now: an entry of a later attempt stays.
    fn close(&mut self, closed: ClosedEntry) -> bool {
        if self.entries.get(&closed.key).is_some_and(|entry| !closed.ends(entry)) {
            return false;
        }
        let key = closed.key.clone();
        if !self.closed.insert(closed) {
            return false;
        }
        if let Some(entry) = self.entries.remove(&key) {
            self.forget(&entry);
            self.cut_offs.remove(&entry.machine.id);
            take_from(&mut self.on, &entry.machine.id, &entry.key);
            take_from(&mut self.isolations, &entry.alert.id, &entry.key);
        }
        true
    }

    /// Which cluster the ledger belongs to.
    #[must_use]
    pub const fn genesis(&self) -> Option<&Genesis> {
        self.genesis.as_ref()
    }

    /// The highest epoch read.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The highest claim read.
    #[must_use]
    pub const fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// The breaker.
    #[must_use]
    pub const fn breaker(&self) -> Option<&Latch> {
        self.breaker.as_ref()
    }

    /// The pause switch.
    #[must_use]
    pub const fn pause(&self) -> Option<&Latch> {
        self.pause.as_ref()
    }

    /// The number of onboarded machines.
    #[must_use]
    pub const fn fleet(&self) -> Option<Fleet> {
        self.fleet
    }

    /// The next offset to read of `commands`.
    #[must_use]
    pub const fn commands_next(&self) -> i64 {
        self.commands_next
    }

    /// When the newest of `commands` that was read was written there.
    #[must_use]
    pub const fn commands_newest(&self) -> Option<Timestamp> {
        self.commands_newest
    }

    /// Which rules and guards the writer had in force.
    #[must_use]
    pub const fn policy(&self) -> Option<&PolicyStanding> {
        self.policy.as_ref()
    }

    /// Whether anything is known of a key.
    #[must_use]
    pub(crate) fn knows(&self, key: &ActionKey) -> bool {
        self.entries.contains_key(key) || self.closed.contains(key)
    }

    /// What is known of a key.
    #[must_use]
    pub fn get(&self, key: &ActionKey) -> Option<&LedgerEntry> {
        self.entries.get(key)
    }

    /// What is known of a key that has ended for good.
    #[must_use]
    pub fn closed(&self, key: &ActionKey) -> Option<ClosedEntry> {
        self.closed.get(key)
    }

    /// How many are kept in short.
    #[must_use]
    pub const fn closed_count(&self) -> usize {
        self.closed.len()
    }

    /// Everything that is known in full, in the order of the keys.
    pub fn entries(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.entries.values()
    }

    /// Entries whose attempt is still on its way.
    pub fn open(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.open.values().flatten().filter_map(|key| self.entries.get(key))
    }

    /// Entries of which nobody knows whether they were done.
    pub fn in_doubt(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.open().filter(|entry| entry.state == AttemptState::InDoubt)
    }

    /// How many are open.
    #[must_use]
    pub const fn open_count(&self) -> usize {
        self.open_count
    }

    /// Everything that is known of this machine, in the order of the keys.
    pub fn entries_on(&self, machine: &MachineId) -> impl Iterator<Item = &LedgerEntry> + Clone {
        self.on.get(machine).into_iter().flatten().filter_map(|key| self.entries.get(key))
    }

    /// The isolations for this alert, whatever became of them, in the order of the keys.
    pub(crate) fn isolations_for(&self, alert: &AlertId) -> impl Iterator<Item = &LedgerEntry> {
        self.isolations.get(alert).into_iter().flatten().filter_map(|key| self.entries.get(key))
    }

    /// Whether an isolation for this alert that is kept in short, of another key than this, cut its machine off.
    pub(crate) fn isolated_before(&self, alert: &AlertId, but: &ActionKey) -> bool {
        self.closed.isolated(AlertMark::of(alert), but)
    }

    /// What other alerts wanted of this machine and was left to this isolation of ours, or to a later one: whoever ends it
    /// ends it for them, too. The longest covered comes first.
    #[must_use]
    pub fn covered_by<'a>(&'a self, isolation: &LedgerEntry) -> Vec<&'a LedgerEntry> {
        let since = isolation.intents.first().copied().unwrap_or(isolation.at);
        let is_covered = |entry: &&LedgerEntry| {
            entry.action.kind() == ActionKind::Isolate
                && entry.state == AttemptState::Reported(ActionState::Covered)
                && entry.other_action.is_none()
                && entry.alert.id != isolation.alert.id
                && entry.at >= since
        };
        let mut covered: Vec<&LedgerEntry> = self.entries_on(&isolation.machine.id).filter(is_covered).collect();
        covered.sort_by_key(|entry| entry.at);
        covered
    }

    /// What is held, waiting for a person, and until when; what stops waiting first comes first.
    #[must_use]
    pub const fn waiting(&self) -> &BTreeSet<(Timestamp, ActionKey)> {
        &self.waiting
    }

    /// The isolations that end by themselves, and when each does; the next comes first.
    #[must_use]
    pub const fn timers(&self) -> &BTreeSet<(Timestamp, ActionKey)> {
        &self.timers
    }

    /// Whether this command was applied, and where it stood then.
    #[must_use]
    pub(crate) fn applied(&self, id: &CommandId) -> Option<Applied> {
        self.applied.get(id).copied()
    }

    /// The open entries of this machine, other than `but`.
    pub(crate) fn open_on(&self, machine: &MachineId, but: &ActionKey) -> impl Iterator<Item = &LedgerEntry> {
        let keys = self.open.get(machine).into_iter().flatten().filter(move |key| *key != but);
        keys.filter_map(|key| self.entries.get(key))
    }

    /// The notices whose switches hold every action now.
    #[must_use]
    pub fn holding(&self) -> Vec<String> {
        let switches = [(NoticeKind::BreakerLatched, &self.breaker), (NoticeKind::Paused, &self.pause)];
        let on = |(kind, latch): (NoticeKind, &Option<Latch>)| {
            latch.as_ref().filter(|latch| latch.on).map(|latch| format!("{}@{}", kind.as_str(), latch.at))
        };
        switches.into_iter().filter_map(on).collect()
    }

    /// Whether the switch that this notice told of was lifted; a later one may be on.
    #[must_use]
    pub(crate) fn is_lifted(&self, notice: &str) -> bool {
        let switches = [(NoticeKind::BreakerLatched, &self.breaker), (NoticeKind::Paused, &self.pause)];
        let off = |(kind, latch): (NoticeKind, &Option<Latch>)| {
            latch.as_ref().is_some_and(|latch| !latch.on && notice == format!("{}@{}", kind.as_str(), latch.at))
        };
        switches.into_iter().any(off)
    }

    /// Why a new decision for this key changes nothing, or `None` when the key may be judged (again).
    #[must_use]
    pub(crate) fn settled(&self, key: &ActionKey, mode: Mode, now: Timestamp) -> Option<&'static str> {
        if let Some(closed) = self.closed.get(key) {
            let is_over = closed.was_only_rehearsed() && closed.day.is_some_and(|day| day < rehearsals_known_from(now));
            return if is_over { None } else { after_its_end(closed.state, closed.again, mode) };
        }
        let entry = self.entries.get(key)?;
        if was_only_rehearsed(entry) && ClosedEntry::day_of(entry.at) < rehearsals_known_from(now) {
            return None;
        }
        let state = match entry.state {
            AttemptState::Intent | AttemptState::InDoubt => return Some("in_progress"),
            AttemptState::Reported(state) => state,
        };
        match state {
            ActionState::Accepted | ActionState::InDoubt | ActionState::Approved | ActionState::Overdue => {
                Some("in_progress")
            }
            ActionState::Held => entry.expires_at.is_none_or(|until| now < until).then_some("held"),
            ActionState::Succeeded
            | ActionState::Failed
            | ActionState::TimedOut
            | ActionState::Cancelled
            | ActionState::Covered
            | ActionState::NeedsHuman
            | ActionState::ClosedMeanwhile
            | ActionState::Denied
            | ActionState::Refused
            | ActionState::Expired
            | ActionState::Would => after_its_end(state, may_be_judged_again(entry), mode),
        }
    }

    /// Which calls were made in the last hour, and how long ago each attempt called Defender, at least: the call goes out within the lease of its
    /// intent. An intent from the future, of a clock that was set back since, counts as just now.
    #[must_use]
    pub fn calls_of_the_last_hour(&self, lease: Duration, now: Timestamp) -> Vec<(ActionKind, Duration)> {
        let earliest = now.checked_sub(HOUR.saturating_add(lease)).unwrap_or(Timestamp::MIN);
        let age = |at| Duration::try_from(now.duration_since(at)).unwrap_or_default().saturating_sub(lease);
        let marks = self.attempted.range(earliest..).flat_map(|(at, marks)| marks.iter().map(move |mark| (*at, mark)));
        marks.filter(|(_, mark)| !mark.rehearsed).map(|(at, mark)| (mark.kind, age(at))).collect()
    }

    /// Every attempt since `since`, oldest first, for the caps. A rehearsal counts what it would have done as well; what it
    /// would have held or refused is no attempt. What is judged does not stand in its own way: of `own` neither an earlier
    /// rehearsal counts, nor the attempt of that instant, which is made again under its number.
    #[must_use]
    pub(crate) fn attempts(
        &self,
        since: Timestamp,
        mode: Mode,
        own: Option<(&ActionKey, Option<Timestamp>)>,
    ) -> Vec<Attempt<'_>> {
        let marked = self.attempted.range((Bound::Excluded(since), Bound::Unbounded));
        let marked = marked.flat_map(|(at, marks)| marks.iter().map(move |mark| (*at, mark)));
        let is_own =
            |at, mark: &Mark| own.is_some_and(|(key, again)| mark.key == *key && (mark.rehearsed || again == Some(at)));
        let counted = marked.filter(|(at, mark)| (mode == Mode::Shadow || !mark.rehearsed) && !is_own(*at, mark));
        counted.map(|(at, mark)| mark.attempt(at)).collect()
    }

    fn mark(&mut self, entry: &LedgerEntry) {
        let rehearsed = would_have_passed(entry).then_some((entry.at, true));
        for (at, rehearsed) in entry.intents.iter().map(|at| (*at, false)).chain(rehearsed) {
            let mark = Mark {
                key: entry.key.clone(),
                kind: entry.action.kind(),
                group: entry.machine.known_group().map(str::to_owned),
                rules: entry.rules.clone(),
                rehearsed,
            };
            self.attempted.entry(at).or_default().push(mark);
        }
    }

    /// Takes an entry out of what is found by machine and by instant; its key stays with the machine.
    fn forget(&mut self, entry: &LedgerEntry) {
        if let Some(until) = waits_until(entry) {
            self.waiting.remove(&(until, entry.key.clone()));
        }
        if let Some(at) = entry.release_at {
            self.timers.remove(&(at, entry.key.clone()));
        }
        let was_open = take_from(&mut self.open, &entry.machine.id, &entry.key);
        self.open_count -= usize::from(was_open);
        self.reported.remove(&(entry.at, entry.key.clone()));
        for at in entry.intents.iter().chain([&entry.at]) {
            if let Some(marks) = self.attempted.get_mut(at) {
                marks.retain(|mark| mark.key != entry.key);
                if marks.is_empty() {
                    self.attempted.remove(at);
                }
            }
        }
    }
}

/// Why a new decision changes nothing of what has ended so; `again` says whether one may judge it anew.
fn after_its_end(state: ActionState, again: bool, mode: Mode) -> Option<&'static str> {
    match (state, again) {
        (ActionState::Would, true) => (mode == Mode::Shadow).then_some("would"),
        (_, true) => None,
        (ActionState::Refused, false) => Some("refused"),
        (_, false) => Some("settled"),
    }
}

/// Until when an entry waits for a person.
fn waits_until(entry: &LedgerEntry) -> Option<Timestamp> {
    (entry.state == AttemptState::Reported(ActionState::Held)).then_some(entry.expires_at)?
}

/// Takes a key out of an index; says whether it was in it.
pub(crate) fn take_from<K: Ord>(index: &mut BTreeMap<K, BTreeSet<ActionKey>>, of: &K, key: &ActionKey) -> bool {
    let Some(keys) = index.get_mut(of) else { return false };
    let was_in = keys.remove(key);
    if keys.is_empty() {
        index.remove(of);
    }
    was_in
}

/// Attempt by attempt, the later instant: an attempt that was made again under its number counts once, from then on.
fn merged(one: &[Timestamp], other: &[Timestamp]) -> Vec<Timestamp> {
    let both = one.iter().zip(other).map(|(one, other)| *one.max(other));
    let longer = if one.len() > other.len() { one } else { other };
    both.chain(longer.iter().skip(one.len().min(other.len())).copied()).collect()
}
