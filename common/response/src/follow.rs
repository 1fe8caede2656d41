//! Which accepted actions are followed, and when: one list call serves all that are due. Pure.
//!
//! So hundreds may end with one look. Each end is a report, records and a mail, and what is on its way to a call would stand
//! behind all of them; so what a look told is gone through a few at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cordon_records::{ActionKey, ActionState, AttemptState, LedgerEntry, MachineActionId};
use jiff::{SignedDuration, Timestamp};

use super::event::{Effect, Moment, Unreadable};
use super::facts::ActionSnapshot;
use super::schedule::{Due, Schedule};

/// Defender has taken it, and names no end yet.
pub(super) const ACCEPTED: AttemptState = AttemptState::Reported(ActionState::Accepted);

/// Defender itself gives up after about three days; an hour later nobody will answer any more.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(73);

/// So many looks in a row, some four hours, have to be unreadable before nobody waits for the list any more.
const UNREADABLE: u32 = 60;

/// The list is asked from a little before the oldest action due. Of one that was accepted before a restart only the
/// INTENT's time is known, and our clock may differ from Defender's.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(10);

/// What a look told of so many is gone through at once.
const AT_ONCE: usize = 16;

/// What it told of more is gone through in so many parts at most, over half the distance to the next look.
const PARTS: u32 = 25;

/// Defender may write one instant more or less exactly in its answer and in its list.
const ROUNDING: SignedDuration = SignedDuration::from_secs(1);

#[derive(Debug)]
struct FollowUp {
    id: MachineActionId,
    asked: Timestamp,
    /// Where the list may be asked from.
    since: Timestamp,
    next: Instant,
    step: u32,
    /// When people are told that the end stays out.
    alarm: Option<Instant>,
    /// Looks in a row that could not be read.
    unread: u32,
}

impl FollowUp {
    fn due(&self) -> Instant {
        self.alarm.map_or(self.next, |alarm| alarm.min(self.next))
    }
}

/// One action after a look at the list.
pub(super) struct LookedAt {
    pub key: ActionKey,
    /// What the list says of it, if it shows it at all.
    pub found: Result<Option<ActionSnapshot>, Unreadable>,
    /// People are to be told that the end stays out.
    pub alarm: bool,
    /// Nobody will answer any more.
    pub given_up: bool,
}

/// Which accepted actions are followed, and those of which a look is due.
#[derive(Debug)]
pub(crate) struct FollowUps {
    first: Duration,
    alarm_after: Duration,
    open: BTreeMap<ActionKey, FollowUp>,
    /// When Defender says that it created what it has just accepted.
    created: BTreeMap<ActionKey, Timestamp>,
    /// Those whose look is due, until it is made.
    due: BTreeSet<ActionKey>,
    under_way: Option<Look>,
}

/// A look at the list that is under way.
#[derive(Debug)]
struct Look {
    asked_at: Instant,
    /// What it was asked for and was not gone through yet.
    about: BTreeSet<ActionKey>,
    told: Option<Told>,
}

/// What a look told.
#[derive(Debug)]
struct Told {
    standings: Result<BTreeMap<MachineActionId, ActionSnapshot>, Unreadable>,
    /// How many are gone through at a time.
    part: usize,
}

impl FollowUps {
    /// `first` is the distance of the first looks; later ones are wider. The alarm is due `alarm_after` the acceptance.
    pub(super) fn new(first: Duration, alarm_after: Duration) -> Self {
        let (open, created, due) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { first, alarm_after, open, created, due, under_way: None }
    }

    /// Notes what Defender said when it accepted an action that is to be followed.
    pub(super) fn accepted(&mut self, key: &ActionKey, standing: &ActionSnapshot) {
        self.created.extend(standing.created.map(|created| (key.clone(), created)));
    }

    pub(super) fn add(&mut self, entry: &LedgerEntry, schedule: &mut Schedule, at: Moment) {
        let created = self.created.remove(&entry.key);
        // What has no id of Defender's has nothing to be found by in its list.
        let Some(id) = entry.awaited().cloned() else { return };
        let asked = entry.intents.last().copied().unwrap_or(entry.at);
        let next = at.mono + distance(self.first, 0);
        let since = match created {
            Some(created) => created.saturating_sub(ROUNDING).unwrap_or(created),
            None => asked.saturating_sub(CLOCK_SLACK).unwrap_or(asked),
        };
        let passed = Duration::try_from(at.wall.duration_since(entry.at)).unwrap_or_default();
        let alarm = (!entry.alarmed).then(|| at.mono + self.alarm_after.saturating_sub(passed));
        let follow = FollowUp { id, asked, since, next, step: 0, alarm, unread: 0 };
        self.due.remove(&entry.key);
        schedule.set(Due::Look(entry.key.clone()), follow.due());
        self.open.insert(entry.key.clone(), follow);
    }

    /// Has this action looked at anew as often as one that was just accepted.
    pub(super) fn hurry(&mut self, key: &ActionKey, schedule: &mut Schedule, at: Moment) {
        // It may have ended meanwhile.
        if let Some(follow) = self.open.get_mut(key) {
            (follow.next, follow.step) = (at.mono, 0);
            schedule.set(Due::Look(key.clone()), at.mono);
        }
    }

    #[cfg(test)]
    pub(crate) fn assert_nothing_forgotten(&self, schedule: &Schedule) {
        for key in self.open.keys() {
            let looked_at = self.under_way.as_ref().is_some_and(|look| look.about.contains(key));
            let is_due = self.due.contains(key) || looked_at;
            assert!(schedule.has(&Due::Look(key.clone())) || is_due, "nobody looks at {key} any more");
        }
        assert!(self.due.iter().all(|key| self.open.contains_key(key)), "{:?} of {:?}", self.due, self.open);
        assert!(self.due.is_empty() || self.under_way.is_some() || schedule.has(&Due::Looks));
        let is_told = self.under_way.as_ref().is_some_and(|look| look.told.is_some());
        assert_eq!(schedule.has(&Due::Told), is_told, "the rest of {:?}", self.under_way);
    }

    /// Nobody looks at this action any more.
    pub(super) fn forget(&mut self, key: &ActionKey, schedule: &mut Schedule) {
        self.open.remove(key);
        self.due.remove(key);
        schedule.cancel(&Due::Look(key.clone()));
    }

    /// This action is looked at next time.
    pub(super) fn is_due(&mut self, key: ActionKey) {
        self.due.insert(key);
    }

    /// Looks for everything that is due, unless a look is under way: looks are at least the first distance apart, so that
    /// many actions share each.
    pub(super) fn look(&mut self, schedule: &mut Schedule, at: Moment) -> Option<Effect> {
        if self.due.is_empty() || self.under_way.is_some() || schedule.has(&Due::Looks) {
            return None;
        }
        let about = std::mem::take(&mut self.due);
        let follows = || about.iter().filter_map(|key| self.open.get(key));
        let ids = follows().map(|follow| follow.id.clone()).collect();
        let since = follows().map(|follow| follow.since).min()?;
        self.under_way = Some(Look { asked_at: at.mono, about, told: None });
        schedule.set(Due::Looks, at.mono + self.first);
        Some(Effect::Follow { ids, since })
    }

    /// The look that is under way told this. `false` where none is.
    #[must_use]
    pub(super) fn told(&mut self, standings: Result<Vec<ActionSnapshot>, Unreadable>) -> bool {
        let Some(look) = self.under_way.as_mut().filter(|look| look.told.is_none()) else { return false };
        let by_id = |standing: ActionSnapshot| (standing.id.clone(), standing);
        let standings = standings.map(|standings| standings.into_iter().map(by_id).collect());
        let part = look.about.len().div_ceil(PARTS as usize).max(AT_ONCE);
        look.told = Some(Told { standings, part });
        true
    }

    /// Moves the next part of what was due to its next look, and gives back what the look told of it. A look that could not be
    /// read is no reason to give up, but many of them are. `None` where no look has told anything.
    pub(super) fn advance(&mut self, schedule: &mut Schedule, at: Moment) -> Option<Vec<LookedAt>> {
        let Look { asked_at, about, told } = self.under_way.as_mut()?;
        let Told { standings, part } = told.as_ref()?;
        let mut looked_at = Vec::new();
        for key in std::iter::from_fn(|| about.pop_first()).take(*part) {
            // What has ended or was taken up anew since is not what was asked for.
            let Some(follow) = self.open.get_mut(&key).filter(|follow| follow.due() <= *asked_at) else { continue };
            follow.step += 1;
            follow.next = at.mono + distance(self.first, follow.step);
            let alarm = follow.alarm.take_if(|alarm| *alarm <= *asked_at).is_some();
            follow.unread = if standings.is_ok() { 0 } else { follow.unread + 1 };
            let is_over = at.wall.duration_since(follow.asked) > GIVE_UP;
            let given_up = is_over && (standings.is_ok() || follow.unread >= UNREADABLE);
            let found = standings.as_ref().map(|standings| standings.get(&follow.id).cloned()).map_err(Clone::clone);
            schedule.set(Due::Look(key.clone()), follow.due());
            looked_at.push(LookedAt { key, found, alarm, given_up });
        }
        if about.is_empty() {
            self.under_way = None;
        } else {
            schedule.set(Due::Told, at.mono + self.first / 2 / PARTS);
        }
        Some(looked_at)
    }
}

/// Six looks at the first distance, ten at six times it, then sixty times: with 5 s that is 5 s, 30 s and 5 min.
fn distance(first: Duration, step: u32) -> Duration {
    match step {
        0..6 => first,
        6..16 => first.saturating_mul(6),
        _ => first.saturating_mul(60),
    }
}

#[cfg(test)]
mod tests {
    use cordon_records::{ActionStatus, LedgerRecord};

    use super::*;

    #[test]
    fn looks_are_five_seconds_then_thirty_then_five_minutes_apart() {
        let at = |step| distance(Duration::from_secs(5), step).as_secs();
        assert_eq!([at(0), at(5), at(6), at(15), at(16), at(1000)], [5, 5, 30, 30, 300, 300]);
    }

    const EXAMPLE: &str = include_str!("../../../common/records/examples/v1/ledger-action.json");

    fn entry(key: u8, id: &str) -> LedgerEntry {
        let LedgerRecord::Action(mut entry) = serde_json::from_str(EXAMPLE).unwrap() else { panic!("an action") };
        entry.key = serde_json::from_str(&format!("\"{key:032x}\"")).unwrap();
        entry.machine_action_id = Some(MachineActionId::new(id).unwrap());
        entry.state = AttemptState::Reported(ActionState::Accepted);
        *entry
    }

    #[test]
    fn the_list_is_asked_from_defenders_own_time_and_the_looks_of_many_actions_are_shared() {
        let (first, wall) = (Duration::from_secs(5), "2026-11-22T22:41:09Z".parse().unwrap());
        let (mut follow, start) = (FollowUps::new(first, Duration::from_secs(900)), Instant::now());
        let mut schedule = Schedule::default();
        let at = |seconds| Moment { wall, mono: start + Duration::from_secs(seconds) };
        for (second, id) in [(0u8, "a"), (1, "b"), (2, "c")] {
            let entry = entry(second, id);
            let created = Some(format!("2026-11-22T22:40:0{second}Z").parse().unwrap());
            let standing = ActionSnapshot {
                id: MachineActionId::new(id).unwrap(),
                status: ActionStatus::Pending,
                by: String::new(),
                cancelled_by: None,
                detail: None,
                created,
            };
            follow.accepted(&entry.key, &standing);
            follow.add(&entry, &mut schedule, at(u64::from(second)));
        }
        let look = |follow: &mut FollowUps, schedule: &mut Schedule, second| {
            for due in schedule.due(at(second).mono) {
                if let Due::Look(key) = due {
                    follow.is_due(key);
                }
            }
            follow.look(schedule, at(second))
        };
        let Some(Effect::Follow { ids, since }) = look(&mut follow, &mut schedule, 5) else { panic!("one is due") };
        assert_eq!((ids.len(), since), (1, "2026-11-22T22:39:59Z".parse().unwrap()));
        assert!(follow.told(Ok(Vec::new())) && !follow.told(Ok(Vec::new())), "one look is told once");
        assert_eq!(follow.advance(&mut schedule, at(6)).map(|looked_at| looked_at.len()), Some(1));
        assert!(look(&mut follow, &mut schedule, 9).is_none(), "two are due, but the last look was four seconds ago");
        let Some(Effect::Follow { ids, since }) = look(&mut follow, &mut schedule, 10) else { panic!("two are due") };
        assert_eq!((ids.len(), since), (2, "2026-11-22T22:40:00Z".parse().unwrap()));
    }

    #[test]
    fn what_a_look_told_of_many_is_gone_through_a_few_at_a_time_and_before_the_next_look() {
        for (count, most) in [(16, 16), (250, 16), (1_000, 40)] {
            let (first, wall) = (Duration::from_secs(5), "2026-11-22T22:41:09Z".parse().unwrap());
            let (mut follow, start) = (FollowUps::new(first, Duration::from_secs(900)), Instant::now());
            let mut schedule = Schedule::default();
            let at = |mono| Moment { wall, mono };
            for number in 0..count {
                let mut entry = entry(0, &number.to_string());
                entry.key = serde_json::from_str(&format!("\"{number:032x}\"")).unwrap();
                follow.add(&entry, &mut schedule, at(start));
                follow.is_due(entry.key);
            }
            schedule.due(start + first);
            let asked = follow.look(&mut schedule, at(start + first));
            assert!(matches!(asked, Some(Effect::Follow { ids, .. }) if ids.len() == count));
            assert!(follow.told(Ok(Vec::new())));
            let (mut now, mut parts) = (start + first, Vec::new());
            parts.extend(follow.advance(&mut schedule, at(now)).map(|part| part.len()));
            while schedule.has(&Due::Told) {
                now += first / 2 / PARTS;
                assert!(schedule.due(now).contains(&Due::Told));
                parts.extend(follow.advance(&mut schedule, at(now)).map(|part| part.len()));
                follow.assert_nothing_forgotten(&schedule);
            }
            assert_eq!((parts.iter().sum::<usize>(), parts.iter().max()), (count, Some(&most)));
            assert!(now <= start + first + first / 2, "{:?}", now - start);
            assert!(follow.advance(&mut schedule, at(now)).is_none(), "all of it was gone through");
        }
    }
}
