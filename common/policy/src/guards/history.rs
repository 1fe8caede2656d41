//! Guards that ask what was done to the machine before: an isolation that stands, a release by a person.

use super::alert::seconds;
use super::word::Word;
use super::{Case, Guards, Isolation};
use crate::window;

/// An isolation that stands or runs has the effect already.
pub fn isolation(case: &Case) -> Word {
    match case.isolation {
        Isolation::Unknown => Word::hold_firmly("the machine's running actions could not be read".to_owned()),
        Isolation::Running { id } => Word::covered(format!("isolation {id} is already on its way")),
        Isolation::Isolated { id } => Word::covered(format!("already isolated by {id}")),
        Isolation::None | Isolation::Released { .. } => Word::pass("not isolated".to_owned()),
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
