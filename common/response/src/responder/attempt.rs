//! One attempt: INTENT written, read back, called, answered. Pure.
//!
//! Changes of alerts that are ready at about the same time and equal go out as one call.

use std::time::{Duration, Instant};

use cordon_records::{Action, ActionKey, ActionState, AttemptState, FailureCause, LedgerEntry, LedgerRecord, Report};

use super::super::asker::asker;
use super::super::event::{Answer, Effect, Moment, Order};
use super::super::facts::ActionSnapshot;
use super::super::job::{State, Step};
use super::super::lane::cancelled_kind;
use super::super::ours;
use super::super::report;
use super::super::schedule::Due;
use super::super::settlement::OnDurable;
use super::super::unseen::where_to_look;
use super::Responder;

/// How long the first that is ready waits for others. The call for several alerts has a quota of 10 a minute; half a
/// second is nothing to whoever reads the alert.
const GATHER: Duration = Duration::from_millis(500);

/// How many alerts one call carries at most. Microsoft names no limit; this keeps a lost answer small.
const MOST: usize = 50;

/// Changes of alerts whose INTENT is read back and that wait for company.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    ready: Vec<ActionKey>,
}

#[cfg(test)]
impl Gathering {
    pub(super) const fn holds_any(&self) -> bool {
        !self.ready.is_empty()
    }
}

impl Responder {
    pub(super) fn intent_written(&mut self, key: &ActionKey, offset: i64, at: Moment) {
        if self.step(key, Step::Written(offset)) {
            self.call_read_back(at);
        }
    }

    /// Calls for every INTENT that the tail has reached. No claim above ours stood before it, or we would have
    /// been superseded.
    pub(super) fn call_read_back(&mut self, at: Moment) {
        for key in self.jobs.written_up_to(self.tailed_to) {
            self.call(&key, at);
        }
    }

    fn call(&mut self, key: &ActionKey, at: Moment) {
        let may_share = self.jobs.get(key).is_some_and(|job| may_share(&job.entry.action) && !job.alone);
        if may_share {
            self.gather(key, at);
        } else if let Some((order, until)) = self.permitted(key, at) {
            self.effects.push(Effect::Act { order: Box::new(order), until });
        }
    }

    /// The order that the INTENT of this job permits now, and until when. Nothing is sent during a pause or after the lease: then the
    /// fresh read and the guards decide anew under the same attempt.
    pub(super) fn permitted(&mut self, key: &ActionKey, at: Moment) -> Option<(Order, Instant)> {
        let Some((job, since)) = self.jobs.get(key).and_then(|job| Some((job, job.intended_at()?))) else {
            self.misplaced("permission", key);
            return None;
        };
        let entry = &job.entry;
        let cancels = self.target(entry).map(|(_, id)| id);
        if cancelled_kind(&entry.action).is_some() && cancels.is_none() {
            self.finish(key, ActionState::Covered, "what was to be cancelled has ended meanwhile".into(), at);
            return None;
        }
        let by_person = asker(entry).is_person();
        let until = since + self.config.lease;
        let paused = self.is_paused() && !by_person;
        let order = Order {
            key: key.clone(),
            alert: entry.alert.id.clone(),
            machine: entry.machine.id.clone(),
            action: entry.action.clone(),
            comment: ours::comment(&words(entry), key.as_str(), entry.attempt),
            cancels,
            by_person,
        };
        let is_permitted = !paused && at.mono < until;
        let step = if is_permitted { Step::Call } else { Step::NotCalled(at.mono) };
        (self.step(key, step) && is_permitted).then_some((order, until))
    }

    pub(super) fn answered(&mut self, key: &ActionKey, answer: Answer, at: Moment) {
        let Some(job) = self.jobs.get(key).filter(|job| *job.state() == State::Calling) else {
            return self.misplaced("answer", key);
        };
        let kind = job.entry.action.kind();
        self.quotas.answered(kind, &mut self.schedule);
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
        if let Some(entry) = self.jobs.entry_mut(key) {
            entry.cause = Some(FailureCause::MissingPermission);
        }
        let why = format!("{why}; once the permission is there, `cordon retry {key}` asks again");
        self.finish(key, ActionState::Failed, why, at);
    }

    /// It rests, and the ledger knows that nothing was done: the next holder need not doubt it.
    fn not_done(&mut self, key: &ActionKey, (after, spent): (Duration, bool), at: Moment) {
        if !self.step(key, Step::NotCalled(at.mono + after)) {
            return;
        }
        let Some(entry) = self.jobs.get(key).map(|job| job.entry.clone()) else {
            return self.misplaced("not done", key);
        };
        if spent {
            self.quotas.spend(entry.action.kind(), at.mono + after, &mut self.schedule);
        }
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
        if let Some(entry) = self.jobs.entry_mut(key) {
            entry.machine_action_id = Some(standing.id.clone());
        }
        self.follow.accepted(key, standing);
        let besides = self.jobs.get(key).map(|job| self.ends_besides(&job.entry)).unwrap_or_default();
        let reason = format!("Defender took the request ({}){besides}", standing.status.as_str());
        self.finish(key, ActionState::Accepted, reason, at);
    }

    /// Nobody knows whether it was done. Defender's list tells of its machine actions; of the others nothing does.
    pub(super) fn lost(&mut self, key: &ActionKey, why: String, at: Moment) {
        let Some(entry) = self.jobs.get(key).map(|job| &job.entry) else { return self.misplaced("lost", key) };
        if entry.action.kind().is_machine_action() {
            self.doubt(key, why, at);
        } else {
            let why = format!("nobody knows whether it was done ({why}); {}", where_to_look(entry));
            self.finish(key, ActionState::NeedsHuman, why, at);
        }
    }

    /// The answer was lost: reported and settled as in doubt, looked up later. The ledger drives it from here.
    pub(super) fn doubt(&mut self, key: &ActionKey, why: String, at: Moment) {
        if !self.step(key, Step::Doubt(at.mono + self.config.settle)) {
            return;
        }
        let Some(job) = self.jobs.get_mut(key) else { return self.misplaced("doubt", key) };
        job.entry.state = AttemptState::InDoubt;
        job.entry.reason = why;
        job.entry.rests_until = at.wall.checked_add(self.config.settle).ok();
        job.entry.at = at.wall;
        let mut entry = job.entry.clone();
        let then = OnDurable::settle(job.offset.take());
        let reports = vec![Report::Action(Box::new(report::in_doubt(&entry)))];
        // The report has them now.
        entry.facts = None;
        job.entry.facts = None;
        self.watch(key, at);
        self.record(reports, vec![LedgerRecord::Action(Box::new(entry))], then);
    }
}

impl Responder {
    /// The INTENT of this change of an alert was read back: its call waits for company.
    pub(super) fn gather(&mut self, key: &ActionKey, at: Moment) {
        if self.step(key, Step::Gather) {
            self.gathering.ready.push(key.clone());
            self.schedule.set_first(Due::Gathered, at.mono + GATHER);
        }
    }

    /// Calls for everything that was gathered, once it has waited long enough.
    pub(super) fn send_gathered(&mut self, at: Moment) {
        let gathered = std::mem::take(&mut self.gathering);
        let mut groups: Vec<(Instant, Vec<Order>)> = Vec::new();
        for key in gathered.ready {
            // Its lease is over, or a pause holds it: then it rests.
            let Some((order, until)) = self.permitted(&key, at) else { continue };
            let company = |(_, orders): &&mut (Instant, Vec<Order>)| {
                orders.len() < MOST && orders.first().is_some_and(|first| first.action == order.action)
            };
            match groups.iter_mut().find(company) {
                Some((end, orders)) => {
                    *end = until.min(*end);
                    orders.push(order);
                }
                None => groups.push((until, vec![order])),
            }
        }
        for (until, mut orders) in groups {
            let effect = match (orders.len(), orders.pop()) {
                (1, Some(order)) => Effect::Act { order: Box::new(order), until },
                (_, last) => {
                    orders.extend(last);
                    Effect::ActTogether { orders, until }
                }
            };
            self.effects.push(effect);
        }
    }

    /// The one answer settles all, but for a no: one alert among them may be the cause, so each is asked for by itself.
    pub(super) fn answered_together(&mut self, keys: &[ActionKey], answer: &Answer, at: Moment) {
        for key in keys {
            match answer {
                Answer::Rejected(_) | Answer::Forbidden(_) if keys.len() > 1 => self.ask_alone(key, at),
                _ => self.answered(key, answer.clone(), at),
            }
        }
    }
}

impl Responder {
    /// Has it called once more, by itself.
    fn ask_alone(&mut self, key: &ActionKey, at: Moment) {
        if self.step(key, Step::NotCalled(at.mono))
            && let Some(job) = self.jobs.get_mut(key)
        {
            job.alone = true;
        }
    }
}

/// Whether an action of this shape may share its call with others.
const fn may_share(action: &Action) -> bool {
    matches!(action, Action::UpdateAlert(_))
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
