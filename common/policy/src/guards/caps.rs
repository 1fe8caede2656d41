//! The counting guards: caps over all rules, the share of the fleet, and the rules' own limits.
//!
//! Counted are attempts in the window that ends now and leaves its beginning out, so that at most `limit` pass in
//! any window of that length. An attempt dated later than now (a clock that was set back) counts too.

use cordon_records::RuleId;

use super::alert::seconds;
use super::word::Word;
use super::{Case, Fleet, Guards};
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
    pub word: Word,
    /// This attempt's number in the tightest window, and the limit there.
    pub used: Option<(u32, u32)>,
    pub trip: Option<Trip>,
}

fn count(case: &Case, window_s: u64, rule: Option<&RuleId>) -> u32 {
    let length = seconds(window_s);
    let inside = case.attempts.iter().filter(|attempt| {
        case.now.duration_since(attempt.at) < length && rule.is_none_or(|rule| attempt.rules.contains(rule))
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
fn tightest(uses: Vec<Use>) -> Counted {
    let Some(tight) = uses.into_iter().min_by_key(|cap| (cap.left(), cap.limit)) else {
        return Counted { word: Word::pass("none is set".to_owned()), used: None, trip: None };
    };
    let Use { name, window_s, limit, made } = tight;
    if made >= limit {
        let word =
            Word::hold(format!("{name} allows {limit} attempts in {}, and {made} were made", window::format(window_s)));
        return Counted { word, used: Some((made, limit)), trip: Some(Trip { cap: name, limit, window_s }) };
    }
    let word = Word::pass(format!("passed, {} of {limit} in {}", made + 1, window::format(window_s)));
    Counted { word, used: Some((made + 1, limit)), trip: None }
}

/// Caps over all rules together.
pub fn caps(guards: &Guards, case: &Case) -> Counted {
    let uses = guards.caps.all_rules.iter().map(|&(window_s, limit)| Use {
        name: format!("all_rules {}", window::format(window_s)),
        window_s,
        limit,
        made: count(case, window_s, None),
    });
    tightest(uses.collect())
}

/// The share of the fleet. Below the floor it passes however small or unknown the fleet is; above it, an unknown or
/// outdated fleet holds, without latching the breaker, because nothing shows that a cap was reached.
pub fn fleet_share(guards: &Guards, case: &Case) -> Counted {
    let fleet = case.fleet.filter(|fleet| case.now.duration_since(fleet.at) <= seconds(FLEET_VALID));
    let floor = guards.caps.floor;
    let mut uses = Vec::new();
    for &(window_s, share) in &guards.caps.fleet_share {
        let made = count(case, window_s, None);
        let limit = match fleet {
            Some(fleet) => floor.max(part_of(fleet, share)),
            None if made < floor => floor,
            None => {
                let why = "the fleet's size is not known or older than 1d, and the floor is used up";
                return Counted { word: Word::hold(format!("{why}: {made} of {floor}")), used: None, trip: None };
            }
        };
        uses.push(Use { name: format!("fleet_share {}", window::format(window_s)), window_s, limit, made });
    }
    tightest(uses)
}

/// Hundredths of a percent of the fleet, rounded down.
fn part_of(fleet: Fleet, share: u32) -> u32 {
    let part = u128::from(fleet.machines) * u128::from(share) / 10_000;
    u32::try_from(part).unwrap_or(u32::MAX)
}

/// The rules' own limits, counted for each rule by itself. They hold; they never latch the breaker.
pub fn rule_limits(case: &Case) -> Counted {
    let uses = case.limits.iter().flat_map(|&(window_s, limit)| {
        case.rules.iter().map(move |rule| Use {
            name: format!("rule {rule}"),
            window_s,
            limit,
            made: count(case, window_s, Some(rule)),
        })
    });
    Counted { trip: None, ..tightest(uses.collect()) }
}
