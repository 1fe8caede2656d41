//! Changes of alerts that are ready at about the same time and equal go out as one call. Pure.

use std::time::{Duration, Instant};

use cordon_records::{Action, ActionKey};

use super::event::{Answer, Effect, Moment, Order};
use super::job::Step;
use super::responder::Responder;
use super::schedule::Due;

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
pub(super) const fn may_share(action: &Action) -> bool {
    matches!(action, Action::UpdateAlert(_))
}
