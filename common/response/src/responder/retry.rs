//! An isolation that Defender took and could not carry out is tried again, by policy, as a new attempt. Pure.
//!
//! Nothing but the ledger remembers it: the failed attempt, its number and its time are there after a restart, too. What
//! people approved stays approved for the new attempt, unless somebody let the machine back since.

use std::time::Duration;

use cordon_records::{ActionKey, ActionKind, ActionState, AttemptState, LedgerEntry};
use jiff::SignedDuration;

use super::super::event::Moment;
use super::super::job::{Attempt, Job};
use super::super::people::authority::Person;
use super::super::people::done::{CommandOutput, Done};
use super::super::schedule::Due;
use super::super::settlement::OnDurable;
use super::Responder;

/// A new attempt that is late by more than this, because nobody held the ledger, is not made any more: what people saw
/// fail yesterday they have dealt with.
const LATEST: SignedDuration = SignedDuration::from_hours(24);

/// How often and when an isolation is attempted that Defender reports as failed or timed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts altogether; 1 = never again.
    pub attempts: u32,
    /// How long after the failure.
    pub after: Duration,
}

impl Retry {
    /// Whether this entry is one that is attempted anew. Without Defender's id it was refused, not failed: a second
    /// call would be refused as well.
    fn is_for(&self, entry: &LedgerEntry) -> bool {
        let failed = matches!(entry.state, AttemptState::Reported(ActionState::Failed | ActionState::TimedOut));
        failed
            && entry.action.kind() == ActionKind::Isolate
            && entry.machine_action_id.is_some()
            && entry.attempt < self.attempts
    }
}

impl Responder {
    /// Plans the new attempts that the restored ledger asks for.
    pub(super) fn resume_retries(&mut self, at: Moment) {
        let failed: Vec<LedgerEntry> =
            self.ledger.entries().filter(|entry| self.config.waits.retry.is_for(entry)).cloned().collect();
        for entry in &failed {
            self.plan_retry(entry, at);
        }
    }

    /// Plans a new attempt if this entry failed and policy wants one; says whether.
    pub(super) fn plan_retry(&mut self, entry: &LedgerEntry, at: Moment) -> bool {
        let retry = self.config.waits.retry;
        let passed = at.wall.duration_since(entry.at).max(SignedDuration::ZERO);
        let late = SignedDuration::try_from(retry.after).map_or(SignedDuration::MIN, |after| passed - after);
        if !retry.is_for(entry) || late > LATEST {
            return false;
        }
        let passed = Duration::try_from(passed).unwrap_or_default();
        self.schedule.set(Due::Retry(entry.key.clone()), at.mono + retry.after.saturating_sub(passed));
        true
    }

    /// A person asks once more for what failed because a permission was missing. It is one new attempt, of which everything
    /// is asked anew; what the guards hold then waits for an approval.
    pub(super) fn retry_for(&mut self, key: &ActionKey, person: &Person, at: Moment) -> Done {
        let Some(entry) = self.ledger.get(key) else { return Err(self.not_in_full(key)) };
        if entry.asked_again.as_ref() == Some(&person.command) {
            return Ok(CommandOutput::default());
        }
        if self.jobs.contains(key) {
            return Err(format!("{key} is on its way: look at what comes of that").into());
        }
        if !entry.lacked_permission() {
            let why = "only what failed for a missing permission (HTTP 403) is asked for again";
            return Err(format!("{key} stands at {}: {}; {why}", entry.state.as_str(), entry.reason).into());
        }
        let mut entry = entry.clone();
        // While it still says that the attempt failed.
        entry.give_up();
        entry.attempt += 1;
        entry.state = AttemptState::Reported(ActionState::Approved);
        if entry.requested_by.is_none() {
            entry.mode = entry.mode.min(self.config.mode);
        }
        entry.cause = None;
        // What people said yes to was that attempt.
        entry.approvals.clear();
        entry.asked_again = Some(person.command.clone());
        entry.machine_action_id = None;
        entry.reason = format!("asked for again by {}: {}", person.name, person.why);
        entry.at = at.wall;
        let written = self.ledger.enter(entry.clone());
        self.queue(entry);
        Ok(CommandOutput::written(vec![written]))
    }

    /// Everything is asked anew: fresh facts, all guards, an INTENT of its own. The attempt has its number from the
    /// start, so that a refusal of it is never taken for one of the attempt before.
    pub(super) fn try_again(&mut self, key: &ActionKey) {
        // A stale writer may have brought it further since, or a person asked for it anew: then that is on its way.
        let Some(entry) = self.ledger.get(key).filter(|entry| self.config.waits.retry.is_for(entry)) else { return };
        if self.jobs.contains(key) {
            return;
        }
        let mut entry = entry.clone();
        entry.give_up();
        entry.attempt += 1;
        entry.mode = entry.mode.min(self.config.mode);
        entry.machine_action_id = None;
        self.begin_job(Job::new(entry, Attempt::Numbered));
    }

    /// Takes back a new attempt that has not begun: the action ends as cancelled, unless nobody knows what came of an
    /// attempt before the one that failed. Says whether that is known; nothing where there was none to take back.
    pub(super) fn drop_retry(&mut self, key: &ActionKey, why: &str, at: Moment) -> Option<bool> {
        if !self.schedule.cancel(&Due::Retry(key.clone())) {
            return None;
        }
        let mut entry = self.ledger.get(key).cloned()?;
        entry.give_up();
        let is_known = !entry.leaves_doubt();
        // The id was that of the attempt that failed.
        entry.machine_action_id = None;
        let CommandOutput { reports, ledger } = self.settle_entry(entry, (ActionState::Cancelled, why.into()), at);
        self.write(reports, ledger, OnDurable::default());
        Some(is_known)
    }
}
