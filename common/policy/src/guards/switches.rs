//! The switches: the pause, the breaker, the mode in force and the kinds of action that ask a person.

use cordon_records::{Latch, Mode};
use jiff::Timestamp;

use super::verdict::Verdict;
use super::{Asker, Case, Guards};

/// Somebody put the switch on; approving one action does not lift it.
fn latch(latch: Option<&Latch>, name: &str) -> Verdict {
    match latch {
        Some(latch) if latch.on => {
            Verdict::hold_firmly(format!("{name} since {} by {}: {}", latch.at, latch.by, latch.why))
        }
        Some(_) | None => Verdict::pass(format!("not {name}")),
    }
}

/// Holds what rules and timers ask for. A person who gives something back is not held up: the pause is against what
/// Cordon does by itself. A person can ask for nothing but that.
pub fn pause(case: &Case) -> Verdict {
    match (case.asker, case.pause) {
        (asker, Some(latch)) if asker.is_person() && latch.on => {
            Verdict::pass(format!("paused since {} by {}, but a person asks for this", latch.at, latch.by))
        }
        (Asker::Person | Asker::Undo | Asker::Rules | Asker::Timer, pause) => latch(pause, "paused"),
    }
}

pub fn breaker(case: &Case) -> Verdict {
    latch(case.breaker, "latched")
}

/// The breaker where people have approved all that it holds since `latched`: one that latched at another time holds.
pub fn breaker_approved(case: &Case, latched: Timestamp) -> Verdict {
    match case.breaker {
        Some(latch) if latch.on && latch.at == latched => {
            Verdict::pass(format!("latched since {latched}; approved by its notice"))
        }
        Some(_) | None => breaker(case),
    }
}

/// Shadow is no guard: what passes in shadow mode is reported as what would have been done. What a person asks for
/// needs no second person by its mode.
pub fn mode(case: &Case) -> Verdict {
    match (case.asker, case.mode) {
        (Asker::Person | Asker::Undo, _) => Verdict::pass("a person asks for this".to_owned()),
        (Asker::Rules | Asker::Timer, Mode::Approve) => Verdict::hold("approval is asked for".to_owned()),
        (Asker::Rules | Asker::Timer, Mode::Auto | Mode::Shadow) => {
            Verdict::pass(format!("mode {}", case.mode.as_str()))
        }
    }
}

/// Kinds of action for which a person decides, whatever the rule's mode.
pub fn hold_kinds(guards: &Guards, case: &Case) -> Verdict {
    let kind = case.action.kind();
    if guards.hold.kinds.contains(&kind) {
        Verdict::hold(format!("{kind} needs approval"))
    } else {
        Verdict::pass(format!("{kind} needs no approval by its kind"))
    }
}
