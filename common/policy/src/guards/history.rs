//! Guards that ask what was done to the machine before: an isolation that stands, and whose; a release by a person.

use cordon_records::MachineActionId;

use super::alert::seconds;
use super::verdict::Verdict;
use super::{Asker, Case, Guards, Isolation};
use crate::window;

/// An isolation that stands or runs has the effect already, unless it leaves programs connected that this one would not.
pub fn isolation(case: &Case) -> Verdict {
    match (case.isolation, case.elsewhere) {
        (Isolation::Running { id } | Isolation::Isolated { id }, _) if case.narrower => Verdict::hold(format!(
            "isolated only in part, by {}: a person decides whether that is enough",
            whose(case, id)
        )),
        (Isolation::Unknown, _) => Verdict::hold_firmly("the machine's running actions could not be read".to_owned()),
        (Isolation::Running { id }, _) => {
            Verdict::covered(format!("an isolation is already on its way, by {}", whose(case, id)))
        }
        (Isolation::Isolated { id }, _) => Verdict::covered(format!("already isolated by {}", whose(case, id))),
        (Isolation::None | Isolation::Released { .. }, Some(first)) => Verdict::hold(format!(
            "alert {} has an isolation on {first} already: a person decides whether this machine is meant, too",
            case.alert.id
        )),
        (Isolation::None | Isolation::Released { .. }, None) if !case.read => {
            Verdict::pass("whether it is isolated was not read".to_owned())
        }
        (Isolation::None | Isolation::Released { .. }, None) => Verdict::pass("not isolated".to_owned()),
    }
}

/// Who isolated the machine, as far as that is known, and the action by which.
fn whose(case: &Case, id: &MachineActionId) -> String {
    match case.isolated_by {
        Some(who) => format!("{who}, action {id}"),
        None => format!("action {id}"),
    }
}

/// There must be an isolation to release. Neither rules nor timers end one that people put there, nor does a person who
/// takes back one of ours.
pub fn standing(case: &Case) -> Verdict {
    let (id, asker) = match (case.isolation, case.asker) {
        (Isolation::Unknown, Asker::Person) => {
            return Verdict::pass("whether it is isolated could not be read, but a person asks".to_owned());
        }
        (Isolation::Unknown, Asker::Rules | Asker::Timer | Asker::Undo) => {
            return Verdict::hold_firmly("whether it is isolated, and by whom, could not be read".to_owned());
        }
        (Isolation::None | Isolation::Released { .. }, _) => {
            return Verdict::covered("the machine is not isolated".to_owned());
        }
        (Isolation::Running { id } | Isolation::Isolated { id }, asker) => (id, asker),
    };
    match asker {
        _ if case.ours => Verdict::pass(format!("isolated by Cordon itself, action {id}")),
        Asker::Person => Verdict::pass(format!("isolated not by Cordon but by {}; a person asks", whose(case, id))),
        Asker::Undo => Verdict::covered(format!(
            "isolated anew by {}, which is not the one that was to be taken back: it is left alone",
            whose(case, id)
        )),
        Asker::Rules => Verdict::hold(format!("isolated not by Cordon but by {}: a person decides", whose(case, id))),
        Asker::Timer => Verdict::covered(format!(
            "isolated by {}, which is not the one whose time is over: people decide when it ends",
            whose(case, id)
        )),
    }
}

/// What a person released stays released for a while.
pub fn released(guards: &Guards, case: &Case) -> Verdict {
    let within = window::format(guards.hold.released_within);
    match case.isolation {
        Isolation::Released { at, by } if case.now.duration_since(*at) <= seconds(guards.hold.released_within) => {
            Verdict::hold(format!("released by {by} at {at}, less than {within} ago"))
        }
        Isolation::Unknown => Verdict::hold_firmly("whether a person released it could not be read".to_owned()),
        Isolation::None if !case.read => Verdict::pass("whether a person released it was not read".to_owned()),
        Isolation::Released { .. } | Isolation::None | Isolation::Running { .. } | Isolation::Isolated { .. } => {
            Verdict::pass(format!("not released by a person within {within}"))
        }
    }
}
