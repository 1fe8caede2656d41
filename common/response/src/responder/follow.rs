//! Accepted actions to their end: what the list says of them, and the link to what one collected. Pure.
//!
//! The report that a package is there waits for its link, because a report is told once; it never waits long, and never stays
//! out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cordon_records::{
    ActionKey, ActionKind, ActionState, ActionStatus, AttemptState, LedgerRecord, MachineActionId, Report,
};

use super::super::event::{Effect, Moment, Unreadable};
use super::super::facts::ActionSnapshot;
use super::super::follow::LookedAt;
use super::super::report;
use super::super::schedule::Due;
use super::super::settlement::OnDurable;
use super::super::unseen::with_what_is_unseen;
use super::Responder;
use super::timer::release_at;

/// How often the link is asked for.
const TRIES: u32 = 3;

/// How far apart. Two calls a minute are granted.
const AGAIN: Duration = Duration::from_secs(30);

/// How long the report waits altogether, also behind other packages.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

#[derive(Debug)]
struct Fetch {
    id: MachineActionId,
    tries: u32,
    until: Instant,
    /// What the report of success will say.
    reason: String,
}

/// The packages whose link is being asked for.
#[derive(Debug, Default)]
pub(super) struct Links {
    open: BTreeMap<ActionKey, Fetch>,
}

#[cfg(test)]
impl Links {
    pub(super) fn open(&self) -> impl Iterator<Item = &ActionKey> {
        self.open.keys()
    }
}

impl Responder {
    pub(super) fn followed(&mut self, standings: Result<Vec<ActionSnapshot>, Unreadable>, at: Moment) {
        if !self.follow.told(standings) {
            return self.out_of_place("list of accepted actions", None, "no look is under way");
        }
        self.go_through_what_was_told(at);
    }

    /// Does what follows from a part of what the look told.
    pub(super) fn go_through_what_was_told(&mut self, at: Moment) {
        let Some(looked_at) = self.follow.advance(&mut self.schedule, at) else {
            return self.out_of_place("time", None, "no look has told anything");
        };
        for LookedAt { key, found, alarm, given_up } in looked_at {
            // A list that could not be read says of no action that it has an end, or none.
            let standing = found.as_ref().ok().and_then(Option::as_ref);
            if let Some((state, reason)) = standing.and_then(ended) {
                let by_an_app = standing.is_some_and(ActionSnapshot::is_cancelled_by_no_person);
                let ours = by_an_app.then(|| self.called_off(&key)).flatten();
                self.end(&key, state, ours.unwrap_or(reason), at);
            } else if given_up {
                let why = "Defender names no outcome after 73 hours; look at the machine".into();
                self.end(&key, ActionState::NeedsHuman, why, at);
            } else if alarm {
                let found = match found {
                    Err(failure) => format!("its list cannot be read: {}", failure.why),
                    Ok(None) => "its list does not show it".into(),
                    Ok(Some(standing)) => standing.status.as_str().to_owned(),
                };
                self.alarm(&key, &found, at);
            }
        }
    }

    /// Tells people, once for each attempt, that Defender names no end. The action stays accepted and is followed.
    fn alarm(&mut self, key: &ActionKey, found: &str, at: Moment) {
        // A stale writer may have brought it further since.
        let Some(mut entry) = self.ledger.get(key).filter(|entry| entry.awaited().is_some()).cloned() else { return };
        let minutes = at.wall.duration_since(entry.at).as_secs() / 60;
        entry.alarmed = true;
        let mut told = entry.clone();
        told.at = at.wall;
        let taken = match &entry.other_action {
            Some(other) => format!("Defender answered with the action of {other}"),
            None => "Defender took the request".to_owned(),
        };
        told.reason =
            format!("{taken} {minutes} min ago and names no end yet ({found}); Cordon looks on, look at the machine");
        let reports = vec![Report::Action(Box::new(report::of(&told, ActionState::Overdue)))];
        self.record(reports, vec![LedgerRecord::Action(Box::new(entry))], OnDurable::default());
    }

    fn end(&mut self, key: &ActionKey, state: ActionState, reason: String, at: Moment) {
        self.follow.forget(key, &mut self.schedule);
        let Some(entry) = self.ledger.get(key) else { return self.not_in_the_ledger("end", key) };
        match &entry.machine_action_id {
            Some(id) if state == ActionState::Succeeded && entry.action.kind() == ActionKind::CollectPackage => {
                self.fetch_link(key, id.clone(), reason, at);
            }
            Some(_) => self.end_with(key, (state, reason), None, at),
            None => {
                let whose = entry.other_action.as_ref().map(|other| format!("the action of {other}: {reason}"));
                self.end_with(key, (state, whose.unwrap_or(reason)), None, at);
            }
        }
    }

    /// Records the end of an accepted action, with the link to its outcome if there is one.
    pub(super) fn end_with(
        &mut self,
        key: &ActionKey,
        (state, reason): (ActionState, String),
        link: Option<String>,
        at: Moment,
    ) {
        let Some(mut entry) = self.ledger.get(key).cloned() else { return self.not_in_the_ledger("end", key) };
        let (state, reason) = with_what_is_unseen(&entry, (state, reason));
        entry.state = AttemptState::Reported(state);
        entry.reason = if state == ActionState::Succeeded { reason + &self.ends_besides(&entry) } else { reason };
        entry.at = at.wall;
        if state == ActionState::Succeeded {
            entry.release_at = release_at(&entry, at.wall);
            self.set_timer(&entry, at);
        }
        let again = self.plan_retry(&entry, at);
        let mut report = report::of(&entry, state);
        report.link = link;
        if again {
            report.reason += &format!("; a new attempt is due in {} s", self.config.waits.retry.after.as_secs());
        }
        let reports = vec![Report::Action(Box::new(report))];
        self.record(reports, vec![LedgerRecord::Action(Box::new(entry))], OnDurable::default());
    }
}

impl Responder {
    /// Defender says that the package is there.
    pub(super) fn fetch_link(&mut self, key: &ActionKey, id: MachineActionId, reason: String, at: Moment) {
        let fetch = Fetch { id: id.clone(), tries: 1, until: at.mono + PATIENCE, reason };
        self.schedule.set(Due::Link(key.clone()), fetch.until);
        self.links.open.insert(key.clone(), fetch);
        self.effects.push(Effect::FetchLink(key.clone(), id));
    }

    /// Asks once more, or no longer.
    pub(super) fn fetch_link_again(&mut self, key: &ActionKey, at: Moment) {
        let Some(fetch) = self.links.open.get_mut(key) else {
            return self.out_of_place("time", Some(key), "no link is asked for");
        };
        if fetch.until <= at.mono {
            self.without_link(key, "no answer in time", at);
            return;
        }
        fetch.tries += 1;
        self.schedule.set(Due::Link(key.clone()), fetch.until);
        self.effects.push(Effect::FetchLink(key.clone(), fetch.id.clone()));
    }

    pub(super) fn linked(&mut self, key: &ActionKey, link: Result<String, Unreadable>, at: Moment) {
        // It was not waited for any longer.
        let Some(fetch) = self.links.open.get_mut(key) else { return };
        match link {
            Ok(link) => {
                let reason = std::mem::take(&mut fetch.reason);
                self.links.open.remove(key);
                self.schedule.cancel(&Due::Link(key.clone()));
                self.end_with(key, (ActionState::Succeeded, reason), Some(link), at);
            }
            Err(failure) if fetch.tries < TRIES => {
                let again = at.mono + failure.retry_after.unwrap_or(AGAIN).max(AGAIN);
                self.schedule.set(Due::Link(key.clone()), again.min(fetch.until));
            }
            Err(failure) => self.without_link(key, &failure.why, at),
        }
    }

    /// The package is there all the same: people fetch it in the portal.
    fn without_link(&mut self, key: &ActionKey, why: &str, at: Moment) {
        let Some(fetch) = self.links.open.remove(key) else {
            return self.out_of_place("no link", Some(key), "no link is asked for");
        };
        self.schedule.cancel(&Due::Link(key.clone()));
        let reason = format!("{}; fetch the package in the portal, its link could not be had: {why}", fetch.reason);
        self.end_with(key, (ActionState::Succeeded, reason), None, at);
    }
}

fn ended(standing: &ActionSnapshot) -> Option<(ActionState, String)> {
    let detail = |text: &str| match &standing.detail {
        Some(detail) => format!("{text} ({detail})"),
        None => text.to_owned(),
    };
    match &standing.status {
        ActionStatus::Succeeded => Some((ActionState::Succeeded, "Defender says Succeeded".into())),
        ActionStatus::Failed => Some((ActionState::Failed, detail("Defender says Failed"))),
        ActionStatus::TimeOut => Some((ActionState::TimedOut, detail("Defender gave up waiting for the machine"))),
        ActionStatus::Cancelled => Some((ActionState::Cancelled, detail("the action was cancelled"))),
        ActionStatus::Pending | ActionStatus::InProgress | ActionStatus::Other(_) => None,
    }
}
