//! The counting guards: caps over all rules, on each rule, on each device group and on gentle actions, the share of the
//! fleet, and the rules' own limits.
//!
//! Counted are attempts in the window that ends now and leaves its beginning out, so that at most `limit` pass in
//! any window of that length. An attempt dated later than now (a clock that was set back) counts too. A cap counts the
//! attempts of those kinds that it is asked about: gentle actions use up no cap on disrupting ones.

use cordon_records::{MachineSummary, known};

use super::alert::seconds;
use super::machine::{not_known, same};
use super::settings::Cap;
use super::table::Guard;
use super::verdict::Verdict;
use super::{Asker, Attempt, Case, Fleet, Guards};
use crate::window;

/// A count of the fleet older than this is no count, in seconds.
const FLEET_VALID: u64 = 86_400;

/// A cap that was reached: the breaker is to latch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// Which cap, as people know it (`all_rules 10m`).
    pub cap: String,
    /// How many attempts it allows.
    pub limit: u32,
    /// Its window, in seconds.
    pub window_s: u64,
}

/// A counting guard's word: the verdict, the use of its tightest cap, and the cap that was reached.
pub struct Counted {
    pub word: Verdict,
    /// This attempt's number in the tightest window, and the limit there.
    pub used: Option<(u32, u32)>,
    pub trip: Option<Trip>,
}

/// How many attempts of the window `guard` counts and `also` picks.
fn count(guard: Guard, case: &Case, window_s: u64, also: impl Fn(&Attempt) -> bool) -> u32 {
    // Before all time where the window is longer than that: then every attempt is inside.
    let beginning = case.now.checked_sub(seconds(window_s)).ok();
    let inside = case.attempts.iter().filter(|attempt| {
        beginning.is_none_or(|beginning| attempt.at > beginning)
            && guard.is_asked(attempt.kind, Asker::Rules)
            && also(attempt)
    });
    u32::try_from(inside.count()).unwrap_or(u32::MAX)
}

struct Use {
    name: String,
    window_s: u64,
    limit: u32,
    made: u32,
}

impl Use {
    fn left(&self) -> u32 {
        self.limit.saturating_sub(self.made)
    }
}

/// The verdict over several caps: the tightest speaks.
fn tightest(uses: impl IntoIterator<Item = Use>) -> Counted {
    let Some(tight) = uses.into_iter().min_by_key(|cap| (cap.left(), cap.limit)) else {
        return Counted { word: Verdict::pass("none is set".to_owned()), used: None, trip: None };
    };
    let Use { name, window_s, limit, made } = tight;
    let window = window::format(window_s);
    if made >= limit {
        let word = Verdict::hold(format!("{name}: {made} of {limit} in {window}"));
        let trip = Trip { cap: format!("{name} {window}"), limit, window_s };
        return Counted { word, used: Some((made, limit)), trip: Some(trip) };
    }
    let word = Verdict::pass(format!("passed, {} of {limit} in {window}", made + 1));
    Counted { word, used: Some((made + 1, limit)), trip: None }
}

/// The uses of one list of caps that all count the same attempts.
fn uses<'c>(caps: &'c [Cap], name: &'c str, made: impl Fn(u64) -> u32 + 'c) -> impl Iterator<Item = Use> + 'c {
    caps.iter().map(move |&(window_s, limit)| Use { name: name.to_owned(), window_s, limit, made: made(window_s) })
}

/// Caps over all rules together.
pub fn all_rules(guards: &Guards, case: &Case) -> Counted {
    tightest(uses(&guards.caps.all_rules, "all_rules", |window_s| count(Guard::Caps, case, window_s, |_| true)))
}

/// Caps on gentle actions, over all rules together.
pub fn gentle(guards: &Guards, case: &Case) -> Counted {
    tightest(uses(&guards.caps.gentle, "gentle", |window_s| count(Guard::GentleCaps, case, window_s, |_| true)))
}

/// The cap on each rule, for each of the rules that ask.
pub fn per_rule(guards: &Guards, case: &Case) -> Counted {
    tightest(case.rules.iter().flat_map(|rule| {
        guards.caps.per_rule.iter().map(move |&(window_s, limit)| Use {
            name: format!("per_rule {rule}"),
            window_s,
            limit,
            made: count(Guard::PerRule, case, window_s, |attempt| attempt.rules.contains(rule)),
        })
    }))
}

/// The cap on each device group; machines without one count together. An attempt whose group was not known counts in
/// every group.
pub fn per_device_group(guards: &Guards, case: &Case) -> Counted {
    let caps = &guards.caps.per_device_group;
    let Some(group) = case.machine.and_then(MachineSummary::known_group) else {
        if caps.is_empty() {
            return tightest([]);
        }
        return Counted { word: not_known("group"), used: None, trip: None };
    };
    let in_group = |attempt: &Attempt| attempt.group.as_deref().and_then(known).is_none_or(|other| same(other, group));
    let name = format!("per_device_group {group}");
    tightest(uses(caps, &name, |window_s| count(Guard::PerDeviceGroup, case, window_s, in_group)))
}

/// The share of the fleet. Below the floor it passes however small or unknown the fleet is; above it, an unknown or
/// outdated fleet holds, without latching the breaker, because nothing shows that a cap was reached.
pub fn fleet_share(guards: &Guards, case: &Case) -> Counted {
    let fleet = case.fleet.filter(|fleet| case.now.duration_since(fleet.at) <= seconds(FLEET_VALID));
    let floor = guards.caps.floor;
    let mut uses = Vec::new();
    for &(window_s, share) in &guards.caps.fleet_share {
        let made = count(Guard::FleetShare, case, window_s, |_| true);
        let limit = match fleet {
            Some(fleet) => floor.max(part_of(fleet, share)),
            None if made < floor => floor,
            None => {
                let why = "the fleet's size is not known or older than 1d, and the floor is used up";
                let word = Verdict::hold_firmly(format!("{why}: {made} of {floor}"));
                return Counted { word, used: None, trip: None };
            }
        };
        uses.push(Use { name: "fleet_share".to_owned(), window_s, limit, made });
    }
    tightest(uses)
}

/// Hundredths of a percent of the fleet, rounded down.
fn part_of(fleet: Fleet, share: u32) -> u32 {
    let part = u128::from(fleet.machines) * u128::from(share) / 10_000;
    u32::try_from(part).unwrap_or(u32::MAX)
}

/// The rules' own limits, counted for each rule and each kind of its actions by itself: the second action of a rule
/// does not halve what its first may do.
pub fn rule_limits(case: &Case) -> Counted {
    let kind = case.action.kind();
    tightest(case.limits.iter().flat_map(|&(window_s, limit)| {
        case.rules.iter().map(move |rule| Use {
            name: format!("rule {rule}"),
            window_s,
            limit,
            made: count(Guard::RuleLimits, case, window_s, |attempt| {
                attempt.kind == kind && attempt.rules.contains(rule)
            }),
        })
    }))
}
