//! The link to an investigation package, asked for once the package is there. Pure.
//!
//! The report of success waits for the link, because a report is told once; it never waits long, and never stays out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cordon_records::{ActionKey, ActionState, MachineActionId};

use super::event::{Effect, Moment, Unreadable};
use super::responder::Responder;

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
    /// The next time to ask; `None` while the answer is awaited.
    next: Option<Instant>,
    until: Instant,
    /// What the report of success will say.
    reason: String,
}

impl Fetch {
    fn due(&self) -> Instant {
        self.next.unwrap_or(self.until).min(self.until)
    }
}

/// The packages whose link is being asked for.
#[derive(Debug, Default)]
pub(super) struct Links {
    open: BTreeMap<ActionKey, Fetch>,
}

impl Links {
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.open.values().map(Fetch::due).min()
    }
}

impl Responder {
    /// Defender says that the package is there.
    pub(super) fn fetch_link(&mut self, key: &ActionKey, id: MachineActionId, reason: String, at: Moment) {
        let fetch = Fetch { id: id.clone(), tries: 1, next: None, until: at.mono + PATIENCE, reason };
        self.links.open.insert(key.clone(), fetch);
        self.effects.push(Effect::FetchLink(key.clone(), id));
    }

    pub(super) fn fetch_links_when_due(&mut self, at: Moment) {
        let due = self.links.open.iter().filter(|(_, fetch)| fetch.due() <= at.mono);
        let due: Vec<ActionKey> = due.map(|(key, _)| key.clone()).collect();
        for key in due {
            let Some(fetch) = self.links.open.get_mut(&key) else { continue };
            if fetch.until <= at.mono {
                self.without_link(&key, "no answer in time", at);
                continue;
            }
            fetch.tries += 1;
            fetch.next = None;
            self.effects.push(Effect::FetchLink(key.clone(), fetch.id.clone()));
        }
    }

    pub(super) fn linked(&mut self, key: &ActionKey, link: Result<String, Unreadable>, at: Moment) {
        let Some(fetch) = self.links.open.get_mut(key) else { return };
        match link {
            Ok(link) => {
                let reason = std::mem::take(&mut fetch.reason);
                self.links.open.remove(key);
                self.end_with(key, (ActionState::Succeeded, reason), Some(link), at);
            }
            Err(failure) if fetch.tries < TRIES => {
                fetch.next = Some(at.mono + failure.retry_after.unwrap_or(AGAIN).max(AGAIN));
            }
            Err(failure) => self.without_link(key, &failure.why, at),
        }
    }

    /// The package is there all the same: people fetch it in the portal.
    fn without_link(&mut self, key: &ActionKey, why: &str, at: Moment) {
        let Some(fetch) = self.links.open.remove(key) else { return };
        let reason = format!("{}; fetch the package in the portal, its link could not be had: {why}", fetch.reason);
        self.end_with(key, (ActionState::Succeeded, reason), None, at);
    }
}
