//! The switches: the pause, the breaker and the mode in force.

use cordon_records::{Latch, Mode};

use super::Case;
use super::word::Word;

fn latch(latch: Option<&Latch>, name: &str) -> Word {
    match latch {
        Some(latch) if latch.on => Word::hold(format!("{name} since {} by {}: {}", latch.at, latch.by, latch.why)),
        Some(_) | None => Word::pass(format!("not {name}")),
    }
}

pub fn pause(case: &Case) -> Word {
    latch(case.pause, "paused")
}

pub fn breaker(case: &Case) -> Word {
    latch(case.breaker, "latched")
}

/// Shadow is no guard: what passes in shadow mode is reported as what would have been done.
pub fn mode(case: &Case) -> Word {
    match case.mode {
        Mode::Approve => Word::hold("approval is asked for".to_owned()),
        Mode::Auto | Mode::Shadow => Word::pass(format!("mode {}", case.mode.as_str())),
    }
}
