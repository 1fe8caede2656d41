//! Isolations that end by themselves, after a time that their rule has set, with a question first where it wants one. Pure.
//!
//! Nothing but the ledger keeps the time, until the release has come to something: then it is there after a restart, too.

use std::collections::BTreeSet;
use std::time::Duration;

use cordon_policy::Asker;
use cordon_records::{
    Action, ActionKey, ActionKind, ActionState, AlertId, AttemptState, LedgerEntry, LedgerRecord, Mode, ReleaseTerms,
};
use jiff::{SignedDuration, Timestamp};

use super::super::asker::asker;
use super::super::event::Moment;
use super::super::schedule::Due;
use super::super::settlement::OnDurable;
use super::Responder;

/// The isolations whose time is over while everything is paused: dealt with once the pause is.
#[derive(Debug, Default)]
pub(super) struct Timers {
    paused: BTreeSet<ActionKey>,
}

#[cfg(test)]
impl Timers {
    pub(super) fn waits_for_the_pause(&self, isolation: &ActionKey) -> bool {
        self.paused.contains(isolation)
    }
}

/// When the machine of an isolation that has just succeeded is to be let back. Somebody else's isolation has no end that
/// we set.
pub(super) fn release_at(entry: &LedgerEntry, now: Timestamp) -> Option<Timestamp> {
    if entry.other_action.is_some() {
        return None;
    }
    let Action::Isolate { release: Some(config), .. } = &entry.action else { return None };
    now.checked_add(SignedDuration::from_secs(i64::try_from(config.after_s).ok()?)).ok()
}

impl Responder {
    /// Sets the timers that the restored ledger asks for.
    pub(super) fn resume_timers(&mut self, at: Moment) {
        let timed = self.ledger.timers().iter().filter_map(|(_, key)| self.ledger.get(key));
        let timed: Vec<LedgerEntry> = timed.cloned().collect();
        for entry in &timed {
            self.set_timer(entry, at);
        }
    }

    /// Sets the timer of this isolation, if it has one. Due in the past, because nobody held the ledger, is due now.
    pub(super) fn set_timer(&mut self, entry: &LedgerEntry, at: Moment) {
        if let Some(due) = entry.release_at {
            let left = Duration::try_from(due.duration_since(at.wall)).unwrap_or_default();
            self.schedule.set(Due::Release(entry.key.clone()), at.mono + left);
        }
    }

    /// The pause is over: the time that passed meanwhile counts.
    pub(super) fn timers_after_a_pause(&mut self, at: Moment) {
        if !self.is_paused() {
            for key in std::mem::take(&mut self.timers.paused) {
                self.schedule.set(Due::Release(key), at.mono);
            }
        }
    }

    /// A pause has caught a release that a timer asks for and that has not begun: it is due again once the pause is over.
    pub(super) fn waits_for_the_pause(&mut self, key: &ActionKey, at: Moment) -> bool {
        let timed = self.jobs.get(key).filter(|job| asker(&job.entry) == Asker::Timer && job.entry.attempt == 0);
        let Some(isolation) = timed.and_then(|job| self.ledger.get(job.entry.about.as_ref()?)).cloned() else {
            return false;
        };
        self.jobs.remove(key, &mut self.schedule);
        self.set_timer(&isolation, at);
        true
    }

    /// During a pause nobody is let back by a timer. The ledger keeps the time until the release has come to something: a
    /// crash before that finds it due again, under the same key.
    pub(super) fn time_is_over(&mut self, key: &ActionKey, at: Moment) {
        if self.is_paused() {
            self.timers.paused.insert(key.clone());
            return;
        }
        // A stale writer may have dealt with it since.
        let Some(isolation) = self.ledger.get(key).filter(|entry| entry.release_at.is_some()).cloned() else { return };
        let (Action::Isolate { release: Some(config), .. }, Ok(named)) =
            (&isolation.action, AlertId::new(key.as_str()))
        else {
            return self.out_of_place("time", Some(key), "an action without a timer");
        };
        let wanted = self.wanted_by_others(&isolation);
        let action = Action::Release { comment: why_over(&isolation, *config, wanted.as_ref()) };
        let release = ActionKey::derive(&self.config.tenant, &named, &isolation.machine.id, &action);
        if self.jobs.contains(&release) {
            // Its end says so.
            return;
        }
        if self.ledger.knows(&release) {
            let dealt_with = self.timer_done(key);
            self.record(Vec::new(), dealt_with, OnDurable::default());
            return;
        }
        let about = (isolation.alert.clone(), isolation.machine.clone());
        let mut entry = LedgerEntry::new(release, action, about, at.wall);
        entry.mode = if config.ask || wanted.is_some() { Mode::Approve } else { Mode::Auto }.min(self.config.mode);
        entry.rules = isolation.rules;
        entry.decision = isolation.decision;
        entry.about = Some(isolation.key);
        self.queue(entry);
    }

    /// Another alert that wanted the machine isolated while this isolation stood, and was told that it is: then a person is
    /// asked before it ends.
    fn wanted_by_others(&self, isolation: &LedgerEntry) -> Option<AlertId> {
        let began = isolation.intents.last().copied();
        let covered = |other: &&LedgerEntry| {
            other.action.kind() == ActionKind::Isolate
                && (other.state == AttemptState::Reported(ActionState::Covered) || other.other_action.is_some())
                && other.alert.id != isolation.alert.id
                && Some(other.at) >= began
        };
        self.ledger.entries_on(&isolation.machine.id).find(covered).map(|other| other.alert.id.clone())
    }

    /// The time of this isolation is dealt with: the ledger record that says so.
    pub(super) fn timer_done(&mut self, isolation: &ActionKey) -> Vec<LedgerRecord> {
        let Some(mut entry) = self.ledger.get(isolation).filter(|entry| entry.release_at.is_some()).cloned() else {
            return Vec::new();
        };
        entry.release_at = None;
        vec![LedgerRecord::Action(Box::new(entry))]
    }
}

fn why_over(isolation: &LedgerEntry, config: ReleaseTerms, wanted: Option<&AlertId>) -> String {
    let after = cordon_settings::format_duration(Duration::from_secs(config.after_s));
    let wanted = wanted.map_or_else(String::new, |alert| format!("; alert {alert} wanted it isolated, too"));
    format!("isolated for alert {}, for {after}: that time is over{wanted}", isolation.alert.id)
}
