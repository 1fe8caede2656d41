//! What one guard says of one case.

use cordon_records::{GuardVerdict, Ruling};

/// What a guard answers, before its name is put to it.
#[derive(Debug)]
pub struct Verdict {
    pub ruling: Ruling,
    pub why: String,
    /// A hold that stays although people approved: a switch that somebody put on, or a fact that nobody has.
    firm: bool,
}

impl Verdict {
    pub const fn pass(why: String) -> Self {
        Self { ruling: Ruling::Pass, why, firm: false }
    }

    pub const fn covered(why: String) -> Self {
        Self { ruling: Ruling::Covered, why, firm: false }
    }

    /// A person decides.
    pub const fn hold(why: String) -> Self {
        Self { ruling: Ruling::Hold, why, firm: false }
    }

    /// Held, and no approval changes that.
    pub const fn hold_firmly(why: String) -> Self {
        Self { ruling: Ruling::Hold, why, firm: true }
    }

    pub const fn refuse(why: String) -> Self {
        Self { ruling: Ruling::Refuse, why, firm: false }
    }

    /// What is left of the word when people have approved the action: a hold that a person may lift passes.
    pub fn approved(self) -> Self {
        match self.ruling {
            Ruling::Hold if !self.firm => Self::pass(format!("{}; approved", self.why)),
            Ruling::Hold | Ruling::Pass | Ruling::Covered | Ruling::Refuse => self,
        }
    }

    /// The word as a verdict of the guard of this name.
    pub fn of(self, guard: &str) -> GuardVerdict {
        GuardVerdict { guard: guard.to_owned(), ruling: self.ruling, why: self.why }
    }
}
