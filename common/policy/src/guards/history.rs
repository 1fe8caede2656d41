//! Guards that ask what was done to the machine before: an isolation that stands, and whose; a release by a person.

use super::alert::seconds;
use super::word::Word;
use super::{Asker, Case, Guards, Isolation};
use crate::window;

/// An isolation that stands or runs has the effect already, unless it leaves programs connected that this one would not.
pub fn isolation(case: &Case) -> Word {
    match case.isolation {
        Isolation::Running { id } | Isolation::Isolated { id } if case.narrower => {
            Word::hold(format!("isolated only in part, by action {id}: a person decides whether that is enough"))
        }
        Isolation::Unknown => Word::hold_firmly("the machine's running actions could not be read".to_owned()),
        Isolation::Running { id } => Word::covered(format!("isolation {id} is already on its way")),
        Isolation::Isolated { id } => Word::covered(format!("already isolated by {id}")),
        Isolation::None | Isolation::Released { .. } => Word::pass("not isolated".to_owned()),
    }
}

/// There must be an isolation to release. Neither rules nor timers end one that people put there, nor does a person who
/// takes back one of ours.
pub fn standing(case: &Case) -> Word {
    let (id, asker) = match (case.isolation, case.asker) {
        (Isolation::Unknown, Asker::Person) => {
            return Word::pass("whether it is isolated could not be read, but a person asks".to_owned());
        }
        (Isolation::Unknown, Asker::Rules | Asker::Timer | Asker::Undo) => {
            return Word::hold_firmly("whether it is isolated, and by whom, could not be read".to_owned());
        }
        (Isolation::None | Isolation::Released { .. }, _) => {
            return Word::covered("the machine is not isolated".to_owned());
        }
        (Isolation::Running { id } | Isolation::Isolated { id }, asker) => (id, asker),
    };
    match asker {
        _ if case.ours => Word::pass(format!("isolated by Cordon itself, action {id}")),
        Asker::Person => Word::pass(format!("isolated by somebody else, action {id}, but a person asks")),
        Asker::Undo => Word::covered(format!(
            "isolated anew by action {id}, which is not the one that was to be taken back: it is left alone"
        )),
        Asker::Rules => Word::hold(format!("isolated by somebody else, action {id}: a person decides")),
        Asker::Timer => Word::covered(format!(
            "isolated by action {id}, which is not the one whose time is over: people decide when it ends"
        )),
    }
}

/// What a person released stays released for a while.
pub fn released(guards: &Guards, case: &Case) -> Word {
    let within = window::format(guards.hold.released_within);
    match case.isolation {
        Isolation::Released { at, by } if case.now.duration_since(*at) <= seconds(guards.hold.released_within) => {
            Word::hold(format!("released by {by} at {at}, less than {within} ago"))
        }
        Isolation::Unknown => Word::hold_firmly("whether a person released it could not be read".to_owned()),
        Isolation::Released { .. } | Isolation::None | Isolation::Running { .. } | Isolation::Isolated { .. } => {
            Word::pass(format!("not released by a person within {within}"))
        }
    }
}
