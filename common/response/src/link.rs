//! The link to an investigation package, asked for once the package is there. Pure.
//!
//! The report of success waits for the link, because a report is told once; it never waits long, and never stays out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cordon_records::{ActionKey, ActionState, MachineActionId};

use super::event::{Effect, Moment, Unreadable};
use super::responder::Responder;
use super::schedule::Due;

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
