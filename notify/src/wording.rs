//! The words of a mail: what is true, how loud to say it, and what to do next.
//!
//! A request is never called a deed: Defender accepts it long before the machine is reached, and a machine that is
//! switched off may never be. What did not happen is louder than what did.
//!
//! Each kind of action contributes its few words in `kinds`, each state its sentences in `states`; no state knows a
//! kind by name, and no kind a state. What all share, and what the mail is about, stands in `phrases`. Notices are in `notices`.

mod dead_letters;
mod digests;
mod expiry;
mod guards;
pub(crate) mod kinds;
mod notices;
mod others;
mod people;
mod phrases;
mod states;

use cordon_records::ActionRecord;
use serde::Serialize;

use crate::clean;

pub use dead_letters::of_dead_letters;
pub use digests::{CHECK, of_digest};
pub use guards::{decides, plain, why};
pub use notices::of_notice;
pub use phrases::short_name;

/// The longest outcome in a headline, in characters; the number of an attempt comes behind it.
const OUTCOME: usize = 88;
/// What is left at least of a name in an outcome, in characters.
const LEAST_NAME: usize = 8;

/// How loud a mail is: its colour, and whether it is marked important.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// A person must do something.
    Alarm,
    /// Something that takes nothing away from anybody went wrong or waits: worth knowing, not worth waking anybody.
    Minor,
    /// Something is on its way.
    Progress,
    /// Something is done.
    Done,
    /// Nothing was done, on purpose.
    Calm,
}

/// An outcome with a name in it that others chose: the name gives way, not what is said behind it.
fn around(name: &str, outcome: impl Fn(&str) -> String) -> String {
    let room = OUTCOME.saturating_sub(outcome("").chars().count()).max(LEAST_NAME);
    outcome(&clean::short_line(name, room))
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What, in a sentence.
    pub text: String,
    /// The command that does it, on a line of its own so that it can be copied; `""` for none.
    pub command: String,
}

/// The words of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// How loud.
    pub tone: Tone,
    /// The words above the headline: whether there is something to do.
    pub badge: &'static str,
    /// The headline; of an action's step at first what came of it, and then what it is about, too.
    pub headline: String,
    /// What happened, in full sentences.
    pub summary: String,
    /// What to do next.
    pub next: Vec<Step>,
}

impl Wording {
    /// The subject of a mail about no alert of its own: the headline, after a call to action where one is due. Where there
    /// is an alert, its severity stands there.
    #[must_use]
    pub fn loud_headline(&self) -> String {
        match self.tone {
            Tone::Alarm => format!("ACTION NEEDED: {}", self.headline),
            Tone::Minor | Tone::Progress | Tone::Done | Tone::Calm => self.headline.clone(),
        }
    }

    fn new(tone: Tone, badge: &'static str, headline: String, summary: String) -> Self {
        Self { tone, badge, headline, summary, next: Vec::new() }
    }

    fn next(self, text: impl Into<String>) -> Self {
        self.run(text, String::new())
    }

    fn run(mut self, text: impl Into<String>, command: String) -> Self {
        self.next.push(Step { text: text.into(), command });
        self
    }

    fn then(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.next.extend(steps);
        self
    }
}

/// The words for one step of an action. From the second attempt on, the headline has its number.
#[must_use]
pub fn of_action(record: &ActionRecord) -> Wording {
    let words = states::of(record);
    let attempt = if record.attempt > 1 { format!(" (attempt {})", record.attempt) } else { String::new() };
    let outcome = clean::short_line(&words.headline, OUTCOME) + &attempt;
    Wording { headline: phrases::headline(record, &outcome), ..words }
}

/// What came of one step of an action, in a few words for a place that names alert and machine already.
#[must_use]
pub fn outcome(record: &ActionRecord) -> String {
    states::of(record).headline
}
