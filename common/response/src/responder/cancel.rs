//! Cancelling our own action: what has not been called yet ends here, what Defender has taken is cancelled there. Pure.

use cordon_records::{
    Action, ActionKey, ActionState, AlertId, AttemptState, CANCELLED_BY, LedgerEntry, MachineActionId, Mode, RuleId,
};

use super::super::event::Moment;
use super::super::job::Job;
use super::super::lane::{cancelled_kind, cancels};
use super::super::people::authority::Person;
use super::super::people::done::{CommandOutput, Done, NotDone};
use super::super::unseen::{was_called, where_to_look};
use super::Responder;

impl Responder {
    /// A person wants this action stopped. What has not been called ends at once; what may have been called is cancelled
    /// by an action of its own.
    pub(super) fn cancel_for(&mut self, key: &ActionKey, person: &Person, at: Moment) -> Done {
        let known = self.jobs.get(key).map(|job| &job.entry).or_else(|| self.ledger.get(key));
        let Some(entry) = known.cloned() else { return Err(self.not_in_full(key)) };
        let named = AlertId::new(person.command.as_str()).map_err(|error| error.to_string())?;
        let action = Action::Cancel { what: entry.action.kind(), comment: person.why.clone() };
        let cancel = ActionKey::derive(&self.config.tenant, &named, &entry.machine.id, &action);
        let why = format!("{CANCELLED_BY}{}: {}", person.name, person.why);
        // A crash came before the command was done with.
        let stopped = entry.state == AttemptState::Reported(ActionState::NeedsHuman) && entry.reason.starts_with(&why);
        if self.knows(&cancel) || stopped {
            return Ok(CommandOutput::default());
        }
        if entry.state == AttemptState::Reported(ActionState::Cancelled) {
            // The same words were taken, or are read again after a crash; others come too late.
            return match entry.reason == why {
                true => Ok(CommandOutput::default()),
                false => {
                    let why = format!("{key} is cancelled already ({}): nothing is left to do", entry.reason);
                    Err(NotDone::needless(why))
                }
            };
        }
        if self.jobs.get(key).is_some_and(|job| !job.is_under_way()) {
            self.stop(key, &why, at);
            return Ok(CommandOutput::written(self.ledger.again([key])));
        }
        if self.drop_retry(key, &why, at).is_some() {
            return Ok(CommandOutput::written(self.ledger.again([key])));
        }
        if entry.state == AttemptState::Reported(ActionState::Held) {
            return Ok(self.settle_entry(entry, (ActionState::Cancelled, why), at));
        }
        if let Some(other) = &entry.other_action {
            return Err(
                format!("{key} is covered by the action of {other}: Cordon cancels only what is its own").into()
            );
        }
        if !entry.is_open() {
            return Err(NotDone::needless(format!("{key} has ended: there is nothing to cancel")));
        }
        let mut cancelling = LedgerEntry::new(cancel, action, (entry.alert, entry.machine), at.wall);
        cancelling.state = AttemptState::Reported(ActionState::Approved);
        cancelling.mode = Mode::Auto;
        cancelling.reason = format!("asked for by {}: {}", person.name, person.why);
        cancelling.decision = format!("command {}", person.command);
        cancelling.requested_by = Some(person.name.clone());
        cancelling.about = Some(entry.key);
        let written = self.ledger.enter(cancelling.clone());
        self.queue(cancelling);
        Ok(CommandOutput::written(vec![written]))
    }

    /// Whether what this job cancels is being called, or in doubt. Both are in the state by then.
    pub(super) fn target_is_under_way(&self, entry: &LedgerEntry) -> bool {
        let mut begun = self.ledger.open_on(&entry.machine.id, &entry.key).filter(|other| cancels(entry, other));
        begun.any(|other| self.jobs.get(&other.key).is_some_and(Job::is_under_way))
    }

    /// Whether there is nothing that this action would cancel, so that no read is worth its call.
    pub(super) fn has_nothing_to_cancel(&self, entry: &LedgerEntry) -> bool {
        cancelled_kind(&entry.action).is_some()
            && self.target(entry).is_none()
            && self.uncalled(entry).is_empty()
            && self.failed_before(entry).is_none()
    }

    /// What Defender has taken and is to cancel: of several (files, say) the one that was asked for last.
    pub(super) fn target(&self, entry: &LedgerEntry) -> Option<(ActionKey, MachineActionId)> {
        let accepted = self.accepted_on(entry).filter(|other| cancels(entry, other));
        let newest = accepted.max_by_key(|other| other.intents.last().copied())?;
        Some((newest.key.clone(), newest.machine_action_id.clone()?))
    }

    fn uncalled(&self, entry: &LedgerEntry) -> Vec<ActionKey> {
        let jobs = self.jobs.on(&entry.machine.id).filter(|job| cancels(entry, &job.entry) && !job.is_under_way());
        jobs.map(|job| job.entry.key.clone()).collect()
    }

    /// Who had us cancel this attempt at Defender, and why: Defender itself would name our app. `None` where no cancellation
    /// of ours was taken since the attempt was made.
    pub(super) fn called_off(&self, key: &ActionKey) -> Option<String> {
        let cancelled = self.ledger.get(key).filter(|entry| entry.machine_action_id.is_some())?;
        let took = |other: &&LedgerEntry| {
            let since = other.intents.last() >= cancelled.intents.last();
            other.state == AttemptState::Reported(ActionState::Succeeded) && !other.intents.is_empty() && since
        };
        let ours = self.ledger.entries_on(&cancelled.machine.id).filter(|other| cancels(other, cancelled)).filter(took);
        let ours = ours.max_by_key(|other| other.intents.last().copied())?;
        let by = on_whose_word(ours)?;
        let why = ours.action.comment().trim();
        Some(if why.is_empty() { format!("{CANCELLED_BY}{by}") } else { format!("{CANCELLED_BY}{by}: {why}") })
    }

    /// The failed action of that kind for which a new attempt is due.
    fn failed_before(&self, entry: &LedgerEntry) -> Option<ActionKey> {
        let waiting = self.schedule.retries().filter_map(|key| self.ledger.get(key));
        waiting.filter(|other| cancels(entry, other)).map(|other| other.key.clone()).next()
    }

    /// Ends an action of which no call is under way. It is cancelled only where nobody need ask what came of an earlier
    /// attempt; says whether that is so.
    pub(super) fn stop(&mut self, key: &ActionKey, why: &str, at: Moment) -> bool {
        let is_known = self.jobs.get(key).is_none_or(|job| !job.entry.leaves_doubt());
        self.finish(key, ActionState::Cancelled, why.to_owned(), at);
        is_known
    }

    /// The guards let this cancellation pass. What was not called yet ends without a call; only what Defender has
    /// taken needs one.
    pub(super) fn cancel(&mut self, key: &ActionKey, reason: String, at: Moment) {
        let Some(job) = self.jobs.get(key) else { return self.misplaced("cancel", key) };
        let entry = job.entry.clone();
        if self.target_is_under_way(&entry) {
            return self.wait(key);
        }
        let (uncalled, failed) = (self.uncalled(&entry), self.failed_before(&entry));
        let (mut stopped, mut called, mut all_known) = (!uncalled.is_empty(), false, true);
        for other in uncalled {
            let before = self.jobs.get(&other).is_some_and(|job| was_called(&job.entry));
            let why = if before { NO_NEW_ATTEMPT } else { "cancelled before Defender was called" };
            (called, all_known) = (called || before, self.stop(&other, why, at) && all_known);
        }
        if let Some(failed) = failed {
            let dropped = self.drop_retry(&failed, NO_NEW_ATTEMPT, at);
            (stopped, called) = (stopped || dropped.is_some(), called || dropped.is_some());
            all_known &= dropped != Some(false);
        }
        if self.target(&entry).is_some() {
            self.write_intent(key, reason, at);
        } else if !all_known {
            let why = format!("an earlier call may have come through; {}", where_to_look(&entry));
            self.finish(key, ActionState::NeedsHuman, why, at);
        } else if stopped {
            let why = match called {
                true => "nothing came of the calls so far, and no new attempt is made",
                false => "Defender had not been called yet; now it is not",
            };
            self.finish(key, ActionState::Succeeded, why.into(), at);
        } else {
            self.finish(key, ActionState::Covered, NOTHING.into(), at);
        }
    }
}

/// The person who asked for it, or else the rules.
fn on_whose_word(entry: &LedgerEntry) -> Option<String> {
    let rules: Vec<&str> = entry.rules.iter().map(RuleId::as_str).collect();
    match (&entry.requested_by, &rules[..]) {
        (Some(person), _) => Some(person.clone()),
        (None, []) => None,
        (None, [rule]) => Some(format!("rule {rule}")),
        (None, rules) => Some(format!("rules {}", rules.join(", "))),
    }
}

/// Why what was called without success ends.
const NO_NEW_ATTEMPT: &str = "cancelled before a new attempt was made";

/// Why a cancellation without a target does nothing.
pub(super) const NOTHING: &str = "nothing to cancel: no action of ours of that kind for this alert is on its way";
