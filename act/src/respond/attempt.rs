//! One attempt: INTENT written, read back, called, answered. Pure.

use cordon_records::{ActionKey, ActionState, AttemptState, LedgerRecord, Report};
use cordon_runtime::kafka::Fate;

use super::facts::{self, Standing};
use super::report;
use super::responder::{Afterwards, Answer, Effect, Moment, Order, Phase, Responder};

impl Responder {
    pub(super) fn intent_written(&mut self, key: &ActionKey, offset: i64, at: Moment) {
        if let Some(job) = self.jobs.get_mut(key)
            && let Phase::IntentSent(since) = job.phase
        {
            job.phase = Phase::IntentAt(since, offset);
        }
        self.call_read_back(at);
    }

    /// Calls for every INTENT that the tail has reached. No claim above ours stood before it, or we would have
    /// been superseded.
    pub(super) fn call_read_back(&mut self, at: Moment) {
        let ready: Vec<ActionKey> = self
            .jobs
            .iter()
            .filter(|(_, job)| matches!(job.phase, Phase::IntentAt(_, offset) if offset <= self.tailed_to))
            .map(|(key, _)| key.clone())
            .collect();
        for key in ready {
            self.call(&key, at);
        }
    }

    fn call(&mut self, key: &ActionKey, at: Moment) {
        let paused = self.is_paused();
        let Some(job) = self.jobs.get_mut(key) else { return };
        let Phase::IntentAt(since, _) = job.phase else { return };
        let until = since + self.terms.lease;
        if paused || at.mono >= until {
            // Nothing was sent: the fresh read and the guards decide anew under the same attempt.
            job.again = true;
            job.phase = Phase::Resting(at.mono);
            return;
        }
        job.phase = Phase::Calling;
        let entry = &job.entry;
        let order = Order {
            key: key.clone(),
            alert: entry.alert.id.clone(),
            machine: entry.machine.id.clone(),
            action: entry.action.clone(),
            comment: facts::comment(entry.action.comment(), key.as_str(), entry.attempt),
        };
        let effect = Effect::Act { order: Box::new(order), until };
        self.effects.push(effect);
    }

    pub(super) fn answered(&mut self, key: &ActionKey, answer: Answer, at: Moment) {
        match answer {
            Answer::Accepted(standing) => self.accept(key, &standing, at),
            Answer::Rejected(why) => self.finish(key, ActionState::Failed, why, at),
            Answer::NotDone { after, .. } => {
                if let Some(job) = self.jobs.get_mut(key) {
                    job.again = true;
                    job.phase = Phase::Resting(at.mono + after);
                }
            }
            Answer::AlreadyRunning => self.look(key, false),
            Answer::Lost(why) => self.doubt(key, why, at),
        }
    }

    /// Defender has the request. Its words "Succeeded" come through the follow-up, never from here.
    pub(super) fn accept(&mut self, key: &ActionKey, standing: &Standing, at: Moment) {
        if let Some(job) = self.jobs.get_mut(key) {
            job.entry.machine_action_id = Some(standing.id.clone());
        }
        self.follow.accepted(key, standing);
        let reason = format!("Defender took the request ({})", standing.status.as_str());
        self.finish(key, ActionState::Accepted, reason, at);
    }

    /// The answer was lost: reported and settled as in doubt, looked up later. The ledger drives it from here.
    pub(super) fn doubt(&mut self, key: &ActionKey, why: String, at: Moment) {
        let until = at.mono + self.terms.settle;
        let Some(job) = self.jobs.get_mut(key) else { return };
        job.entry.state = AttemptState::InDoubt;
        job.entry.reason = why;
        job.entry.at = at.wall;
        job.entry.epoch = self.epoch;
        job.tries = 0;
        job.phase = Phase::InDoubt(until);
        let entry = job.entry.clone();
        let settle = job.offset.take().map(|offset| (offset, Fate::Sent));
        self.book.put(entry.clone());
        let reports = vec![Report::Action(Box::new(report::of(&entry, ActionState::InDoubt)))];
        self.record(reports, vec![LedgerRecord::Action(Box::new(entry))], Afterwards { settle, follow: None });
    }
}
