//! The sentences of what waited until its time was over: nobody decided, or that was not for people to say.

use cordon_records::{ActionRecord, HELD_ALL_THE_SAME};

use super::digests::CHECK;
use super::{Phrases, Wording, approvers, trouble, trouble_badge};

/// Why it ran out.
enum RanOut {
    /// Nobody said anything.
    Undecided,
    /// These approved it, and it took more of them.
    TooFew(String),
    /// These approved it, and a guard held it all the same.
    Held(String),
    /// Entra or Defender refused our application: nobody could decide.
    Refused,
}

impl RanOut {
    fn of(record: &ActionRecord) -> Self {
        if record.tenant_refuses {
            return Self::Refused;
        }
        match approvers(record) {
            Some(who) if record.reason.contains(HELD_ALL_THE_SAME) => Self::Held(who),
            Some(who) => Self::TooFew(who),
            None => Self::Undecided,
        }
    }

    const fn outcome(&self) -> &'static str {
        match self {
            Self::Undecided => "nobody decided in time",
            Self::TooFew(_) => "expired: too few approved in time",
            Self::Held(_) => "expired: approved, held by a guard",
            Self::Refused => "expired: Entra or Defender refused",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Undecided => "Cordon waited for a person to approve or deny it, and has stopped waiting.".to_owned(),
            Self::TooFew(who) => format!(
                "Approved by {who}, which was not enough: Cordon waited for another person, and has stopped waiting."
            ),
            Self::Held(who) => format!(
                "{who} approved it, but when Cordon asked the guards once more, the one named below held it all the \
                 same, until its time was over."
            ),
            Self::Refused => "Entra or Defender refused Cordon until its time was over, as the reason below says, so \
                              that nobody could decide. Cordon has stopped waiting."
                .to_owned(),
        }
    }
}

/// The words for what expired.
pub fn of(phrases: &Phrases, record: &ActionRecord) -> Wording {
    let ran_out = RanOut::of(record);
    let headline = format!("{}, {}", phrases.not_done("NOT"), ran_out.outcome());
    let summary = format!("{} It did not {}, and does not come back to it.", ran_out.sentence(), phrases.errand());
    let words = Wording::new(trouble(record), trouble_badge(record), headline, summary);
    let words = match ran_out {
        RanOut::Refused => words.run("To see what is missing, and whether it is fixed:", CHECK.to_owned()),
        RanOut::Undecided | RanOut::TooFew(_) | RanOut::Held(_) => words,
    };
    words.next(phrases.by_hand())
}
