//! What one guard says of one case.

use cordon_records::{GuardVerdict, Ruling};

/// What a guard answers, before its name is put to it.
#[derive(Debug)]
pub struct Word {
    pub ruling: Ruling,
    pub why: String,
}

impl Word {
    pub const fn pass(why: String) -> Self {
        Self { ruling: Ruling::Pass, why }
    }

    pub const fn covered(why: String) -> Self {
        Self { ruling: Ruling::Covered, why }
    }

    pub const fn hold(why: String) -> Self {
        Self { ruling: Ruling::Hold, why }
    }

    pub const fn refuse(why: String) -> Self {
        Self { ruling: Ruling::Refuse, why }
    }

    /// The word as a verdict of the guard of this name.
    pub fn of(self, guard: &str) -> GuardVerdict {
        GuardVerdict { guard: guard.to_owned(), ruling: self.ruling, why: self.why }
    }
}
