//! Letting a machine back, and what bears on it: whose isolation stands, and whose word it is. Pure.
//!
//! What has not been called yet ends at once. What Defender has taken and not carried out is cancelled first, by an action
//! of its own, and the release waits for the end of that isolation: two opposite calls on their way at the same time have
//! been seen to end in either order.

use cordon_policy::{Asker, Isolation};
use cordon_records::{
    Action, ActionKey, ActionKind, ActionState, AlertId, AlertStatus, AlertSummary, AttemptState, IsolationType,
    LedgerEntry, MachineAction, MachineId, MachineSummary, Mode, Severity,
};

use super::super::asker::{asker, is_approved, names};
use super::super::event::Moment;
use super::super::facts;
use super::super::job::Job;
use super::super::ledger::has_isolation;
use super::super::people::authority::Person;
use super::super::people::done::{CommandOutput, Done};
use super::super::unseen::was_called;
use super::Responder;

/// How many alerts a reason names.
const NAMED: usize = 10;

impl Responder {
    /// A person wants this machine connected.
    pub(super) fn release(&mut self, machine: &MachineId, person: &Person, at: Moment) -> Done {
        let key = self.release_key(machine, person)?;
        if self.knows(&key) {
            return Ok(CommandOutput::default());
        }
        let why = format!("{} released the machine: {}", person.name, person.why);
        let stopped = self.stop_isolations(machine, |_| true, &why, at);
        let isolation = self.newest_isolation(machine).cloned();
        let release = self.release_entry((key, machine), isolation.as_ref(), person, at)?;
        let written = CommandOutput::written(self.ledger.again(&stopped.keys));
        Ok(written.and(self.begin_release(release)))
    }

    /// The key of the release of this machine by this command.
    pub(super) fn release_key(&self, machine: &MachineId, person: &Person) -> Result<ActionKey, String> {
        let named = AlertId::new(person.command.as_str()).map_err(|error| error.to_string())?;
        let action = Action::Release { comment: String::new() };
        Ok(ActionKey::derive(&self.config.tenant, &named, machine, &action))
    }

    /// The release that a person asks for. It belongs to the alert of this isolation.
    pub(super) fn release_entry(
        &self,
        (key, machine): (ActionKey, &MachineId),
        isolation: Option<&LedgerEntry>,
        person: &Person,
        at: Moment,
    ) -> Result<LedgerEntry, String> {
        let named = AlertId::new(person.command.as_str()).map_err(|error| error.to_string())?;
        let alert = isolation.map_or_else(|| no_alert(named), |entry| entry.alert.clone());
        let summary = self
            .newest_on(machine)
            .map_or_else(|| MachineSummary::unknown(machine.clone()), |entry| entry.machine.clone());
        let action = Action::Release { comment: person.why.clone() };
        let mut entry = LedgerEntry::new(key, action, (alert, summary), at.wall);
        entry.state = AttemptState::Reported(ActionState::Approved);
        entry.mode = Mode::Auto;
        entry.reason = format!("asked for by {}: {}", person.name, person.why);
        entry.decision = format!("command {}", person.command);
        entry.requested_by = Some(person.name.clone());
        Ok(entry)
    }

    pub(super) fn begin_release(&mut self, release: LedgerEntry) -> CommandOutput {
        let written = self.ledger.enter(release.clone());
        self.queue(release);
        CommandOutput::written(vec![written])
    }

    /// Ends those of these isolations of this machine of which no call is under way, and gives back what that was.
    pub(super) fn stop_isolations(
        &mut self,
        machine: &MachineId,
        these: impl Fn(&ActionKey) -> bool,
        why: &str,
        at: Moment,
    ) -> Stopped {
        let these = |entry: &LedgerEntry| {
            &entry.machine.id == machine && entry.action.kind() == ActionKind::Isolate && these(&entry.key)
        };
        let waiting = self.jobs.on(machine).filter(|job| these(&job.entry) && !job.is_under_way());
        let waiting: Vec<&Job> = waiting.collect();
        let failed = self.schedule.retries().filter_map(|key| self.ledger.get(key)).filter(|entry| these(entry));
        let failed: Vec<&LedgerEntry> = failed.collect();
        let entries = || waiting.iter().map(|job| &job.entry).chain(failed.iter().copied());
        let (may_stand, called) = (entries().any(LedgerEntry::leaves_doubt), entries().any(was_called));
        let waiting: Vec<ActionKey> = waiting.iter().map(|job| job.entry.key.clone()).collect();
        let failed: Vec<ActionKey> = failed.iter().map(|entry| entry.key.clone()).collect();
        for key in &waiting {
            self.stop(key, why, at);
        }
        for key in &failed {
            self.drop_retry(key, why, at);
        }
        Stopped { keys: waiting.into_iter().chain(failed).collect(), may_stand, called }
    }

    fn newest_on(&self, machine: &MachineId) -> Option<&LedgerEntry> {
        self.ledger.entries_on(machine).max_by_key(|entry| entry.at)
    }

    fn newest_isolation(&self, machine: &MachineId) -> Option<&LedgerEntry> {
        let isolations = self.ledger.entries_on(machine).filter(|entry| entry.action.kind() == ActionKind::Isolate);
        isolations.max_by_key(|entry| (entry.intents.last().copied(), entry.at))
    }

    /// What a person's release ends besides: that other alerts wanted this machine isolated.
    pub(super) fn ends_besides(&self, release: &LedgerEntry) -> String {
        if release.action.kind() != ActionKind::Release || release.requested_by.is_none() {
            return String::new();
        }
        let named = release.about.as_ref().and_then(|about| self.ledger.get(about));
        let isolation = named.or_else(|| self.newest_isolation(&release.machine.id));
        let covered = isolation.map(|isolation| self.ledger.covered_by(isolation)).unwrap_or_default();
        let alerts: Vec<&str> = covered.iter().take(NAMED).map(|entry| entry.alert.id.as_str()).collect();
        let more = covered.len().saturating_sub(NAMED);
        match (&alerts[..], more) {
            ([], _) => String::new(),
            ([alert], 0) => format!("; alert {alert} wanted this machine isolated, too"),
            (alerts, 0) => format!("; alerts {} wanted this machine isolated, too", alerts.join(", ")),
            (alerts, more) => {
                format!("; alerts {} and {more} more wanted this machine isolated, too", alerts.join(", "))
            }
        }
    }

    /// Of a release that rules ask for: our isolation of the machine that was decided later. The urgent goes first, so that
    /// it may have overtaken what was to end an earlier one; what people ask for or have approved is theirs to say.
    pub(super) fn isolated_later<'a>(&'a self, release: &'a LedgerEntry) -> Option<&'a LedgerEntry> {
        let is_of_rules = release.action.kind() == ActionKind::Release
            && release.mode == Mode::Auto
            && asker(release) == Asker::Rules
            && !is_approved(release)
            && !was_called(release);
        let decided_at = release.decided_at.filter(|_| is_of_rules)?;
        let isolations = self.ledger.entries_on(&release.machine.id).filter(|entry| {
            entry.action.kind() == ActionKind::Isolate && entry.mode != Mode::Shadow && has_isolation(entry)
        });
        isolations.filter(|entry| entry.decided_at > Some(decided_at)).max_by_key(|entry| entry.decided_at)
    }

    /// Our isolation of this machine that Defender has taken and that has not ended.
    fn pending_isolation<'a>(&'a self, entry: &'a LedgerEntry) -> Option<&'a LedgerEntry> {
        self.accepted_on(entry).find(|open| open.action.kind() == ActionKind::Isolate)
    }

    /// The action that cancels this attempt of our isolation for whatever releases: one for all of them.
    fn cancel_key(&self, isolation: &LedgerEntry) -> Option<ActionKey> {
        let named = AlertId::new(format!("{}.{}", isolation.key, isolation.attempt)).ok()?;
        let cancel = Action::Cancel { what: ActionKind::Isolate, comment: String::new() };
        Some(ActionKey::derive(&self.config.tenant, &named, &isolation.machine.id, &cancel))
    }

    /// Whether this release has to wait for the end of our isolation: its cancellation is asked for.
    pub(super) fn waits_for_isolation(&self, release: &LedgerEntry) -> bool {
        let pending = self.pending_isolation(release);
        let key = pending.and_then(|isolation| self.cancel_key(isolation));
        key.is_some_and(|key| self.knows(&key))
    }

    /// The guards let this release pass. True when our isolation is pending: then it is cancelled first, in the name of
    /// whoever asks for the release.
    pub(super) fn cancels_first(&mut self, key: &ActionKey, at: Moment) -> bool {
        let Some(release) = self.jobs.get(key).map(|job| job.entry.clone()) else {
            self.misplaced("release", key);
            return true;
        };
        // Nothing of ours is pending: the release goes out.
        let Some(isolation) = self.pending_isolation(&release).cloned() else { return false };
        let Some(cancel) = self.cancel_key(&isolation) else { return false };
        if !self.knows(&cancel) {
            self.queue(self.cancelling(cancel, isolation, &release, at));
        }
        self.wait(key);
        true
    }

    fn cancelling(&self, key: ActionKey, isolation: LedgerEntry, release: &LedgerEntry, at: Moment) -> LedgerEntry {
        let action = Action::Cancel { what: ActionKind::Isolate, comment: release.action.comment().to_owned() };
        let about = (isolation.alert, release.machine.clone());
        let mut entry = LedgerEntry::new(key, action, about, at.wall);
        entry.mode = release.mode;
        entry.rules.clone_from(&release.rules);
        entry.decision.clone_from(&release.decision);
        entry.requested_by.clone_from(&release.requested_by);
        entry.approvals.clone_from(&release.approvals);
        entry.about = Some(isolation.key);
        entry
    }

    /// What the guards are to know of the machine's isolation, and whether it is our own. Our ledger knows of it before
    /// Defender's list does, and it knows that a person wants the machine connected although the call is Cordon's. `newest`
    /// is the action in that list: its mark says whose it is where its id was lost.
    pub(super) fn isolation_for(
        &self,
        entry: &LedgerEntry,
        read: &Isolation,
        newest: Option<&MachineAction>,
    ) -> (Isolation, bool) {
        match entry.action.kind() {
            ActionKind::Isolate => (self.isolation_to_add(entry, read), false),
            ActionKind::Release => self.isolation_to_end(entry, read, newest),
            // Whether the machine is isolated bears on no other kind.
            _ => (Isolation::None, false),
        }
    }

    /// Whether the isolation that stands is known to cut off less than this action would: by Defender's list, or by our
    /// own ledger.
    pub(super) fn is_narrower(&self, entry: &LedgerEntry, stands: &Isolation, read: Option<IsolationType>) -> bool {
        let (Isolation::Running { id } | Isolation::Isolated { id }) = stands else { return false };
        let its = |other: &&LedgerEntry| other.machine_action_id.as_ref() == Some(id);
        let ours = self.ledger.entries_on(&entry.machine.id).find(its).and_then(|other| match &other.action {
            Action::Isolate { isolation, .. } => Some(*isolation),
            _ => None,
        });
        facts::is_narrower(ours.or(read), &entry.action)
    }

    /// The isolation that this alert has on another machine already, made or on its way: an alert whose machine changed,
    /// because entries were merged, say, must not cut off a second one by itself.
    pub(super) fn isolated_elsewhere(&self, entry: &LedgerEntry) -> Option<String> {
        if entry.action.kind() != ActionKind::Isolate {
            return None;
        }
        let made = |other: &&LedgerEntry| other.machine.id != entry.machine.id && has_isolation(other);
        let first =
            self.ledger.isolations_for(&entry.alert.id).find(made).map(|first| first.machine.label().to_owned());
        // Of what is kept in short the key is known, and not the machine.
        let closed = || self.ledger.isolated_before(&entry.alert.id, &entry.key).then(|| "another machine".to_owned());
        first.or_else(closed)
    }

    fn isolation_to_add(&self, entry: &LedgerEntry, read: &Isolation) -> Isolation {
        let by_people = self.ledger.entries_on(&entry.machine.id).filter(|other| is_by_people(other));
        let Some(release) = by_people.max_by_key(|other| other.at) else { return read.clone() };
        let who = || release.requested_by.clone().unwrap_or_else(|| names(&release.approvals));
        match read {
            Isolation::None => Isolation::Released { at: release.at, by: who() },
            Isolation::Released { at, .. } if *at < release.at => Isolation::Released { at: release.at, by: who() },
            _ if release.is_open() => Isolation::Released { at: release.at, by: who() },
            other => other.clone(),
        }
    }

    fn isolation_to_end(
        &self,
        entry: &LedgerEntry,
        read: &Isolation,
        newest: Option<&MachineAction>,
    ) -> (Isolation, bool) {
        let pending = self.pending_isolation(entry);
        if let Some((pending, id)) = pending.and_then(|pending| Some((pending, pending.machine_action_id.clone()?))) {
            // The timer of one isolation ends no other, though it is ours as well.
            let ours = entry.about.as_ref().is_none_or(|timed| *timed == pending.key);
            return (Isolation::Running { id }, ours);
        }
        let ours = match read {
            Isolation::Running { id } | Isolation::Isolated { id } => {
                let marked = newest.filter(|newest| newest.id == *id).and_then(|newest| self.own(entry, newest));
                let its = |other: &LedgerEntry| {
                    other.machine_action_id.as_ref() == Some(id) || marked.is_some_and(|own| own.key == other.key)
                };
                match &entry.about {
                    Some(timed) => self.ledger.get(timed).is_some_and(its),
                    None => self.ledger.entries_on(&entry.machine.id).any(its),
                }
            }
            Isolation::Unknown | Isolation::None | Isolation::Released { .. } => false,
        };
        (read.clone(), ours)
    }
}

/// Isolations that were stopped before their next call.
#[derive(Debug)]
pub(super) struct Stopped {
    pub keys: Vec<ActionKey>,
    /// Whether an earlier call of one of them may have cut the machine off, or may do so yet.
    pub may_stand: bool,
    /// Whether Defender was called for one of them.
    pub called: bool,
}

/// Whether this is a person's word that the machine is to be connected, and not one that came to nothing.
fn is_by_people(entry: &LedgerEntry) -> bool {
    let meant = entry.requested_by.is_some() || !entry.approvals.is_empty();
    let stands = match entry.state {
        AttemptState::Intent | AttemptState::InDoubt => true,
        AttemptState::Reported(state) => match state {
            ActionState::Approved
            | ActionState::Covered
            | ActionState::InDoubt
            | ActionState::Accepted
            | ActionState::Overdue
            | ActionState::Succeeded
            | ActionState::NeedsHuman
            | ActionState::ClosedMeanwhile => true,
            ActionState::Refused
            | ActionState::Held
            | ActionState::Would
            | ActionState::Failed
            | ActionState::TimedOut
            | ActionState::Cancelled
            | ActionState::Denied
            | ActionState::Expired => false,
        },
    };
    entry.action.kind() == ActionKind::Release && meant && (stands || entry.leaves_doubt())
}

/// A machine that was never isolated by us has no alert; the command stands for it.
fn no_alert(command: AlertId) -> AlertSummary {
    AlertSummary {
        id: command,
        title: "no alert: a person asked".into(),
        severity: Severity::UnSpecified,
        status: AlertStatus::Unknown,
        classification: None,
        category: None,
        incident_id: None,
        created: None,
        newest_moment: None,
        last_update: None,
        users: Vec::new(),
        cut: Vec::new(),
    }
}
