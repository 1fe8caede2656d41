//! Asks every guard about one case and sums up.

use cordon_records::{GuardVerdict, Ruling};

use super::caps::{self, Counted, Trip};
use super::table::Guard;
use super::verdict::Verdict;
use super::{
    Case, Consent, Guards, alert, history, machine, maintenance::maintenance, observable::observable, retired::retired,
    switches,
};

/// The guards' judgement of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// One verdict of each guard that was asked, in the order in which they were asked. Which guards those are depends
    /// on the kind of action and on who asks for it.
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

/// One guard's word, with what a counting guard counted.
fn ask(guard: Guard, guards: &Guards, case: &Case) -> Counted {
    let word = |word: Verdict| Counted { word, used: None, trip: None };
    match guard {
        Guard::Pause => word(switches::pause(case)),
        Guard::Breaker => word(switches::breaker(case)),
        Guard::Mode => word(switches::mode(case)),
        Guard::HoldKinds => word(switches::hold_kinds(guards, case)),
        Guard::Observable => word(observable(case)),
        Guard::Retired => word(retired(case)),
        Guard::Closed => word(alert::closed(case)),
        Guard::MachineFacts => word(machine::facts(case)),
        Guard::Scope => word(machine::scope(guards, case)),
        Guard::AllowOs => word(machine::allow_os(guards, case)),
        Guard::NeverList => word(machine::never(guards, case)),
        Guard::HoldTags => word(machine::hold_tags(guards, case)),
        Guard::HoldUsers => word(alert::users(guards, case)),
        Guard::DeviceValue => word(machine::device_value(guards, case)),
        Guard::Age => word(alert::age(guards, case)),
        Guard::Released => word(history::released(guards, case)),
        Guard::Isolation => word(history::isolation(case)),
        Guard::Standing => word(history::standing(case)),
        Guard::Maintenance => word(maintenance(guards, case)),
        Guard::RuleLimits => caps::rule_limits(case),
        Guard::PerRule => caps::per_rule(guards, case),
        Guard::PerDeviceGroup => caps::per_device_group(guards, case),
        Guard::GentleCaps => caps::gentle(guards, case),
        Guard::Caps => caps::all_rules(guards, case),
        Guard::FleetShare => caps::fleet_share(guards, case),
    }
}

/// Asks every guard that the kind of action meets. Pure: the same case gives the same judgement.
#[must_use]
pub fn judge(guards: &Guards, case: &Case) -> Judgement {
    let mut verdicts = Vec::new();
    let mut cap_use: Option<(u32, u32)> = None;
    let mut trip = None;
    let mut free = true;
    for guard in Guard::ALL.into_iter().filter(|guard| guard.is_asked(case.action.kind(), case.asker)) {
        let counted = ask(guard, guards, case);
        let word = with_consent(guard, counted.word, case);
        if guard.latches() && word.ruling == Ruling::Hold {
            trip = trip.or(counted.trip);
        } else {
            free &= word.ruling == Ruling::Pass;
        }
        cap_use = tighter(cap_use, counted.used);
        verdicts.push(word.of(guard.name()));
    }
    let ruling = strongest(&verdicts);
    let reason = reason(&verdicts, ruling);
    Judgement { verdicts, ruling, reason, tripped: trip.filter(|_| free), cap_use }
}

/// What the guard's word comes to where people have approved the action.
fn with_consent(guard: Guard, word: Verdict, case: &Case) -> Verdict {
    match (case.consent, guard) {
        (Consent::None, _) => word,
        (Consent::Breaker(latched), Guard::Breaker) => switches::breaker_approved(case, latched),
        (Consent::Own, _) | (Consent::Breaker(_), Guard::Mode | Guard::Age) => word.approved(),
        (Consent::Breaker(_), _) => word,
    }
}

/// Asks the counting guards alone: whether one more attempt fits every cap and limit.
///
/// # Errors
/// The guard that it does not fit, and why.
pub fn within_caps(guards: &Guards, case: &Case) -> Result<(), String> {
    let asked = Guard::ALL.into_iter().filter(|guard| guard.counts() && guard.is_asked(case.action.kind(), case.asker));
    for guard in asked {
        let word = ask(guard, guards, case).word;
        if word.ruling != Ruling::Pass {
            return Err(format!("{}: {}", guard.name(), word.why));
        }
    }
    Ok(())
}

/// The use with less left.
fn tighter(one: Option<(u32, u32)>, other: Option<(u32, u32)>) -> Option<(u32, u32)> {
    [one, other].into_iter().flatten().min_by_key(|(made, limit)| (limit.saturating_sub(*made), *limit))
}

fn strongest(verdicts: &[GuardVerdict]) -> Ruling {
    verdicts.iter().map(|verdict| verdict.ruling).max_by_key(|ruling| weight(*ruling)).unwrap_or(Ruling::Hold)
}

fn reason(verdicts: &[GuardVerdict], ruling: Ruling) -> String {
    let deciding = verdicts.iter().find(|verdict| verdict.ruling == ruling && ruling != Ruling::Pass);
    deciding.map_or_else(|| "all guards passed".to_owned(), |verdict| format!("{}: {}", verdict.guard, verdict.why))
}
