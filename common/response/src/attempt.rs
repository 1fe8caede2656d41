//! One attempt: INTENT written, read back, called, answered. Pure.

use std::time::Duration;

use cordon_records::{ActionKey, ActionState, AttemptState, FailureCause, LedgerEntry, LedgerRecord, Report};

use super::asker::asker;
use super::cancel::cancelled_kind;
use super::event::{Answer, Effect, Moment, Order};
use super::facts::ActionSnapshot;
use super::jobs::Phase;
use super::ours;
use super::responder::Responder;
use super::schedule::Due;
use super::settlement::OnDurable;
use super::{batch, reconcile, report};

impl Responder {
    pub(super) fn intent_written(&mut self, key: &ActionKey, offset: i64, at: Moment) {
        if let Some(job) = self.jobs.get(key)
            && let Phase::IntentSent(since) = job.phase()
        {
            self.jobs.set(key, Phase::IntentAt(since, offset), &mut self.schedule);
        }
        self.call_read_back(at);
    }

    /// Calls for every INTENT that the tail has reached. No claim above ours stood before it, or we would have
    /// been superseded.
    pub(super) fn call_read_back(&mut self, at: Moment) {
        let ready: Vec<ActionKey> = self
            .jobs
            .all()
            .filter(|job| matches!(job.phase(), Phase::IntentAt(_, offset) if offset <= self.tailed_to))
            .map(|job| job.entry.key.clone())
            .collect();
        for key in ready {
            self.call(&key, at);
        }
    }

    fn call(&mut self, key: &ActionKey, at: Moment) {
        let Some(job) = self.jobs.get(key) else { return };
        let Phase::IntentAt(since, _) = job.phase() else { return };
        if batch::may_share(&job.entry.action) && !job.alone {
            self.gather(key, since, at);
            return;
        }
        if let Some(order) = self.permitted(key, at) {
            let effect = Effect::Act { order: Box::new(order), until: since + self.config.lease };
            self.effects.push(effect);
        }
    }

    /// The order that the INTENT of this job permits now. Nothing is sent during a pause or after the lease: then the
    /// fresh read and the guards decide anew under the same attempt.
    pub(super) fn permitted(&mut self, key: &ActionKey, at: Moment) -> Option<Order> {
        let entry = &self.jobs.get(key)?.entry;
        let cancels = self.target(entry).map(|(_, id)| id);
        if cancelled_kind(&entry.action).is_some() && cancels.is_none() {
            self.finish(key, ActionState::Covered, "what was to be cancelled has ended meanwhile".into(), at);
            return None;
        }
        let by_person = asker(entry).is_person();
        let (paused, lease) = (self.is_paused() && !by_person, self.config.lease);
        let job = self.jobs.get_mut(key)?;
        let Phase::IntentAt(since, _) = job.phase() else { return None };
        if paused || at.mono >= since + lease {
            job.not_called();
            self.jobs.set(key, Phase::Resting(at.mono), &mut self.schedule);
            return None;
        }
        self.jobs.set(key, Phase::Calling, &mut self.schedule);
        let entry = &self.jobs.get(key)?.entry;
        Some(Order {
            key: key.clone(),
            alert: entry.alert.id.clone(),
            machine: entry.machine.id.clone(),
            action: entry.action.clone(),
            comment: ours::comment(&words(entry), key.as_str(), entry.attempt),
            cancels,
            by_person,
        })
    }

    pub(super) fn answered(&mut self, key: &ActionKey, answer: Answer, at: Moment) {
        let kind = self.jobs.get(key).map(|job| job.entry.action.kind());
        if let Some(kind) = kind {
            self.spent.remove(&kind);
            self.schedule.cancel(&Due::Quota(kind));
        }
        match answer {
            Answer::Accepted(standing) => self.accept(key, &standing, at),
            Answer::Others(action) => self.answered_with_others(key, &action, at),
            Answer::Misapplied(why) => self.finish(key, ActionState::NeedsHuman, why, at),
            Answer::Done(what) => self.done(key, what, at),
            Answer::Rejected(why) => self.finish(key, ActionState::Failed, why, at),
            Answer::Forbidden(why) => self.forbidden(key, &why, at),
            Answer::NotDone { after, spent, .. } => self.not_done(key, (after, spent), at),
            Answer::AlreadyRunning => self.already_running(key, at),
            Answer::Lost(why) => self.lost(key, why, at),
        }
    }

    /// A permission is missing. Nothing was done, and once it is there a person may ask again.
    fn forbidden(&mut self, key: &ActionKey, why: &str, at: Moment) {
        if let Some(job) = self.jobs.get_mut(key) {
            job.entry.cause = Some(FailureCause::MissingPermission);
        }
        let why = format!("{why}; once the permission is there, `cordon retry {key}` asks again");
        self.finish(key, ActionState::Failed, why, at);
    }

    /// It rests, and the ledger knows that nothing was done: the next holder need not doubt it.
    fn not_done(&mut self, key: &ActionKey, (after, spent): (Duration, bool), at: Moment) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        job.not_called();
        let entry = job.entry.clone();
        self.jobs.set(key, Phase::Resting(at.mono + after), &mut self.schedule);
        if spent {
            self.spent.insert(entry.action.kind());
            self.schedule.set(Due::Quota(entry.action.kind()), at.mono + after);
        }
        self.ledger.put(entry.clone());
        self.record(Vec::new(), vec![LedgerRecord::Action(Box::new(entry))], OnDurable::default());
    }

    /// The answer was the end of it. What was cancelled is looked at soon.
    fn done(&mut self, key: &ActionKey, what: String, at: Moment) {
        let target = self.jobs.get(key).and_then(|job| self.target(&job.entry));
        if let Some((target, _)) = target {
            self.follow.hurry(&target, &mut self.schedule, at);
        }
        self.finish(key, ActionState::Succeeded, what, at);
    }

    /// Defender has the request. Its words "Succeeded" come through the follow-up, never from here.
    pub(super) fn accept(&mut self, key: &ActionKey, standing: &ActionSnapshot, at: Moment) {
        if let Some(job) = self.jobs.get_mut(key) {
            job.entry.machine_action_id = Some(standing.id.clone());
        }
        self.follow.accepted(key, standing);
        let besides = self.jobs.get(key).map(|job| self.ends_besides(&job.entry)).unwrap_or_default();
        let reason = format!("Defender took the request ({}){besides}", standing.status.as_str());
        self.finish(key, ActionState::Accepted, reason, at);
    }

    /// Nobody knows whether it was done. Defender's list tells of its machine actions; of the others nothing does.
    pub(super) fn lost(&mut self, key: &ActionKey, why: String, at: Moment) {
        let Some(entry) = self.jobs.get(key).map(|job| &job.entry) else { return };
        if entry.action.kind().is_machine_action() {
            self.doubt(key, why, at);
        } else {
            let why = format!("nobody knows whether it was done ({why}); {}", reconcile::where_to_look(entry));
            self.finish(key, ActionState::NeedsHuman, why, at);
        }
    }

    /// The answer was lost: reported and settled as in doubt, looked up later. The ledger drives it from here.
    pub(super) fn doubt(&mut self, key: &ActionKey, why: String, at: Moment) {
        let until = at.mono + self.config.settle;
        let Some(job) = self.jobs.get_mut(key) else { return };
        job.entry.state = AttemptState::InDoubt;
        job.entry.reason = why;
        job.entry.rests_until = at.wall.checked_add(self.config.settle).ok();
        job.entry.at = at.wall;
        job.entry.epoch = self.epoch;
        job.tries = 0;
        let mut entry = job.entry.clone();
        let then = OnDurable::settle(job.offset.take());
        let reports = vec![Report::Action(Box::new(report::in_doubt(&entry)))];
        // The report has them now.
        entry.facts = None;
        job.entry.facts = None;
        self.jobs.set(key, Phase::InDoubt(until), &mut self.schedule);
        self.watch(key, at);
        self.ledger.put(entry.clone());
        self.record(reports, vec![LedgerRecord::Action(Box::new(entry))], then);
    }
}

/// The longest comment that a call bears without our mark, in characters. Microsoft names no limit.
const COMMENT: usize = 500;

/// The words that people read in the portal. There every call is Cordon's, so the person who asked is named.
fn words(entry: &LedgerEntry) -> String {
    let words: String = entry.action.comment().chars().take(COMMENT).collect();
    match &entry.requested_by {
        Some(person) => format!("{words} (asked for by {person})"),
        None => words,
    }
}
