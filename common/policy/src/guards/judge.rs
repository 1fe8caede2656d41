//! Asks every guard about one case and sums up.

use cordon_records::{GuardVerdict, Ruling};

use super::caps::{Counted, Trip, caps, fleet_share, rule_limits};
use super::{Case, Guards, alert, history, machine, maintenance::maintenance, switches};

/// The guards' stable names, in the order in which they are asked.
pub mod guard {
    /// The pause switch.
    pub const PAUSE: &str = "pause";
    /// The breaker.
    pub const BREAKER: &str = "breaker";
    /// Whether approval is asked for.
    pub const MODE: &str = "mode";
    /// Whether people closed the alert.
    pub const CLOSED: &str = "closed";
    /// Whether the machine could be read.
    pub const MACHINE_FACTS: &str = "machine-facts";
    /// The pilot's scope.
    pub const SCOPE: &str = "scope";
    /// Allowed platforms.
    pub const ALLOW_OS: &str = "allow-os";
    /// Machines that are never touched.
    pub const NEVER_LIST: &str = "never-list";
    /// Tags for which a person decides.
    pub const HOLD_TAGS: &str = "hold-tags";
    /// Users for whom a person decides.
    pub const HOLD_USERS: &str = "hold-users";
    /// Device values for which a person decides.
    pub const DEVICE_VALUE: &str = "device-value";
    /// The alert's age.
    pub const AGE: &str = "age";
    /// A release by a person.
    pub const RELEASED: &str = "released-by-person";
    /// An isolation that stands or runs.
    pub const ISOLATION: &str = "isolation";
    /// Maintenance windows.
    pub const MAINTENANCE: &str = "maintenance";
    /// The rules' own limits.
    pub const RULE_LIMITS: &str = "rule-limits";
    /// Caps over all rules.
    pub const CAPS: &str = "caps";
    /// The share of the fleet.
    pub const FLEET_SHARE: &str = "fleet-share";
}

/// The guards' judgement of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// One verdict of each guard, in the order in which they were asked.
    pub verdicts: Vec<GuardVerdict>,
    /// What follows: Refuse beats Covered, Covered beats Hold, Hold beats Pass.
    pub ruling: Ruling,
    /// One line for people: the guard that decided, and why.
    pub reason: String,
    /// The cap that this case ran into, when nothing else stood against it: the breaker is to latch.
    pub tripped: Option<Trip>,
    /// This attempt's number in the window of the tightest cap, and how many are allowed there (1 of 10). When the
    /// cap is reached: how many were made.
    pub cap_use: Option<(u32, u32)>,
}

/// How strongly a ruling stands against the others.
const fn weight(ruling: Ruling) -> u8 {
    match ruling {
        Ruling::Pass => 0,
        Ruling::Hold => 1,
        Ruling::Covered => 2,
        Ruling::Refuse => 3,
    }
}

/// Everything but the caps.
fn ask_all(guards: &Guards, case: &Case) -> Vec<GuardVerdict> {
    vec![
        switches::pause(case).of(guard::PAUSE),
        switches::breaker(case).of(guard::BREAKER),
        switches::mode(case).of(guard::MODE),
        alert::closed(case).of(guard::CLOSED),
        machine::facts(case).of(guard::MACHINE_FACTS),
        machine::scope(guards, case).of(guard::SCOPE),
        machine::allow_os(guards, case).of(guard::ALLOW_OS),
        machine::never(guards, case).of(guard::NEVER_LIST),
        machine::hold_tags(guards, case).of(guard::HOLD_TAGS),
        alert::users(guards, case).of(guard::HOLD_USERS),
        machine::device_value(guards, case).of(guard::DEVICE_VALUE),
        alert::age(guards, case).of(guard::AGE),
        history::released(guards, case).of(guard::RELEASED),
        history::isolation(case).of(guard::ISOLATION),
        maintenance(guards, case).of(guard::MAINTENANCE),
        rule_limits(case).word.of(guard::RULE_LIMITS),
    ]
}

/// Asks every guard. Pure: the same case gives the same judgement.
#[must_use]
pub fn judge(guards: &Guards, case: &Case) -> Judgement {
    let mut verdicts = ask_all(guards, case);
    let free = verdicts.iter().all(|verdict| verdict.ruling == Ruling::Pass);
    let (caps, share) = (caps(guards, case), fleet_share(guards, case));
    let cap_use = [&caps, &share]
        .into_iter()
        .filter_map(|counted| counted.used)
        .min_by_key(|(made, limit)| (limit.saturating_sub(*made), *limit));
    let tripped = if free { caps.trip.clone().or_else(|| share.trip.clone()) } else { None };
    verdicts.extend([caps, share].into_iter().zip([guard::CAPS, guard::FLEET_SHARE]).map(named));
    let ruling = strongest(&verdicts);
    let reason = reason(&verdicts, ruling);
    Judgement { verdicts, ruling, reason, tripped, cap_use }
}

fn named((counted, name): (Counted, &str)) -> GuardVerdict {
    counted.word.of(name)
}

fn strongest(verdicts: &[GuardVerdict]) -> Ruling {
    verdicts.iter().map(|verdict| verdict.ruling).max_by_key(|ruling| weight(*ruling)).unwrap_or(Ruling::Hold)
}

fn reason(verdicts: &[GuardVerdict], ruling: Ruling) -> String {
    let deciding = verdicts.iter().find(|verdict| verdict.ruling == ruling && ruling != Ruling::Pass);
    deciding.map_or_else(|| "all guards passed".to_owned(), |verdict| format!("{}: {}", verdict.guard, verdict.why))
}
