//! The words of a mail: what is true, how loud to say it, and what to do next.
//!
//! A request is never called a deed: Defender accepts it long before the machine is reached, and a machine that is
//! switched off may never be. What did not happen is louder than what did.
//!
//! Each kind of action contributes its few words in `kinds`, each state its sentences in `states`; no state knows a
//! kind by name, and no kind a state. Here is what all share: a kind's words with the names of one record in them
//! (`Phrases`), how loud trouble is, and what a mail is about. Notices are in `notices`.
//!
//! Subject and heading say it first: "High · Ransomware behaviour on LAPTOP-ANNA", and behind it what came of it. Neither
//! how severe it is nor what came of it is ever cut off: the alert's title gives way, and then the machine's name.

mod dead_letters;
mod digests;
mod expiry;
pub(crate) mod kinds;
mod notices;
mod others;
mod people;
mod states;

use cordon_defender::permissions::to_ask_for_action;
use cordon_records::{Action, ActionRecord, Impact, Severity};
use serde::Serialize;

use crate::clean::{self, MAX_SUBJECT};
use crate::facts;
use kinds::Kind;

pub use dead_letters::of_dead_letters;
pub use digests::{CHECK, of_digest};
pub use notices::of_notice;
pub use states::{decides, plain, why};

/// The longest outcome in a headline, in characters; the number of an attempt comes behind it.
const OUTCOME: usize = 88;
/// What is left at least of a name in an outcome, in characters.
const LEAST_NAME: usize = 8;
/// Characters of a SHA-1 in a headline: enough to tell files apart; the facts have all of it.
const SHA1_SHOWN: usize = 12;
/// Characters of any such name in a headline: what is said of it stands behind it.
const SHOWN: usize = 24;
/// The longest title, and the least of it that is left beside a long name of a machine, in characters.
const TITLE: usize = 60;
const LEAST_TITLE: usize = 16;
/// The longest name of a machine, and the least of it that is left, in characters.
const MACHINE: usize = 40;
const LEAST_MACHINE: usize = 8;
/// The longest name of a severity that is new to us, in characters.
const SEVERITY: usize = 13;
/// Between title and machine.
const ON: &str = " on ";
/// The longest name of a person in a headline, in characters.
const WHO: usize = 40;
/// The longest reason of a person in a headline, in characters.
const WHY: usize = 60;

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
    Wording { headline: headline(record, &outcome), ..words }
}

/// What came of one step of an action, in a few words for a place that names alert and machine already.
#[must_use]
pub fn outcome(record: &ActionRecord) -> String {
    states::of(record).headline
}

/// The words of one record's kind.
struct Phrases {
    kind: &'static Kind,
    permission: Option<&'static str>,
    /// What people call the machine.
    name: String,
    thing: String,
    id: String,
}

impl Phrases {
    fn of(record: &ActionRecord) -> Self {
        Self {
            kind: kinds::of(record.action.as_ref()),
            permission: record.action.as_ref().and_then(|action| to_ask_for_action(action).first().copied()),
            name: short_name(record),
            thing: record.action.as_ref().map(thing).unwrap_or_default(),
            id: record.machine.as_ref().map(|machine| machine.id.to_string()).unwrap_or_default(),
        }
    }

    /// "isolate LAPTOP".
    fn errand(&self) -> String {
        self.fill(self.kind.errand)
    }

    /// "isolation".
    const fn noun(&self) -> &'static str {
        self.kind.noun
    }

    /// "LAPTOP has not been isolated yet".
    fn not_yet(&self) -> String {
        format!("{} has not been {} yet", self.fill(self.kind.object), self.fill(self.kind.participle))
    }

    /// "isolated", of a machine that is named already.
    fn done(&self) -> String {
        self.fill_with(self.kind.done, &self.name, &self.shown())
    }

    /// "isolate it", of a machine that is named already.
    fn errand_on_it(&self) -> String {
        self.fill_with(self.kind.errand, "it", &self.shown())
    }

    /// "NOT isolated", "package NOT collected", of a machine that is named already.
    fn not_done(&self, not: &str) -> String {
        format!("{}{not} {}", self.part(), self.fill_with(self.kind.participle, "it", &self.shown()))
    }

    /// "it was isolated", of a machine that is named already.
    fn was_it(&self) -> String {
        let part = self.part();
        let what = if part.is_empty() { "it ".to_owned() } else { format!("the {part}") };
        format!("{what}was {}", self.fill_with(self.kind.participle, "it", &self.shown()))
    }

    fn part(&self) -> String {
        self.fill_with(self.kind.part, &self.name, &self.shown())
    }

    /// The thing as headlines name it.
    fn shown(&self) -> String {
        clean::line(&self.thing, SHOWN)
    }

    /// The app role that it takes: "Machine.Isolate"; `None` where there is no action, or none that Microsoft takes.
    const fn permission(&self) -> Option<&'static str> {
        self.permission
    }

    fn meaning(&self) -> String {
        self.fill(self.kind.meaning)
    }

    fn after(&self) -> Vec<Step> {
        let last = self.kind.after.len().saturating_sub(1);
        let command = |index| if index == last { self.fill(self.kind.command) } else { String::new() };
        let steps = self.kind.after.iter().enumerate();
        steps.map(|(index, step)| Step { text: self.fill(step), command: command(index) }).collect()
    }

    fn by_hand(&self) -> String {
        self.fill(self.kind.by_hand)
    }

    fn fill(&self, template: &str) -> String {
        self.fill_with(template, &self.name, &self.thing)
    }

    /// Puts the names in, in one pass: a brace in a name stays a brace.
    fn fill_with(&self, template: &str, machine: &str, thing: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, name, after)) = placeholder(rest) {
            out.push_str(before);
            out.push_str(match name {
                "machine" => machine,
                "thing" => thing,
                "id" => &self.id,
                other => other,
            });
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// What people call the machine: the first label of its name as Defender gives it, else the begin of its id. Without a
/// machine, the alert.
#[must_use]
pub fn short_name(record: &ActionRecord) -> String {
    let Some(machine) = &record.machine else { return "the alert".to_owned() };
    let name = clean::line(machine.known_name().unwrap_or_default(), 255);
    let label = name.split('.').next().unwrap_or_default();
    if label.is_empty() {
        return format!("machine {}", clean::short_line(machine.id.as_str(), 63));
    }
    clean::short_line(label, 63)
}

fn thing(action: &Action) -> String {
    match action {
        Action::Scan { scan, .. } => scan.as_str().to_lowercase(),
        Action::StopFile { sha1, .. } => clean::line(sha1.as_str(), SHA1_SHOWN),
        Action::Tag { tag, .. } => clean::short_foreign(tag, 60),
        Action::SetDeviceValue { value } => value.as_str().to_owned(),
        Action::Indicator(indicator) => {
            format!("{} {}", indicator.action.as_str(), clean::short_foreign(&indicator.value, 70))
        }
        Action::Cancel { what, .. } => kinds::of_kind(*what).noun.to_owned(),
        Action::Isolate { .. }
        | Action::Release { .. }
        | Action::RestrictCode { .. }
        | Action::UnrestrictCode { .. }
        | Action::CollectPackage { .. }
        | Action::Investigate { .. }
        | Action::LiveResponse { .. }
        | Action::Offboard { .. }
        | Action::UpdateAlert(_) => String::new(),
    }
}

/// How loud it is that something did not happen.
fn trouble(record: &ActionRecord) -> Tone {
    match record.action.as_ref().map(|action| action.kind().impact()) {
        Some(Impact::LowImpact) => Tone::Minor,
        Some(Impact::Disruptive | Impact::Restoring) | None => Tone::Alarm,
    }
}

/// What stands above the headline of trouble.
fn trouble_badge(record: &ActionRecord) -> &'static str {
    match trouble(record) {
        Tone::Alarm => "Action needed",
        Tone::Minor | Tone::Progress | Tone::Done | Tone::Calm => "No hurry",
    }
}

/// The first few of those who approved.
fn approvers(record: &ActionRecord) -> Option<String> {
    let who: Vec<String> = record.approvals.iter().take(3).map(|yes| clean::short_line(&yes.by, WHO)).collect();
    (!who.is_empty()).then(|| who.join(", "))
}

/// A sentence of ours behind a colon.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Subject and heading of a mail about this action.
fn headline(record: &ActionRecord, outcome: &str) -> String {
    let room = MAX_SUBJECT.saturating_sub(outcome.chars().count() + 2);
    format!("{}: {outcome}", about(record, room))
}

fn about(record: &ActionRecord, room: usize) -> String {
    let Some(alert) = facts::alert_of(record) else { return clean::line(&short_name(record), room.min(MACHINE)) };
    let severity = match &alert.severity {
        Severity::UnSpecified => String::new(),
        known => format!("{} · ", clean::foreign(known.as_str(), SEVERITY)),
    };
    let room = room.saturating_sub(severity.chars().count());
    let machine = room.saturating_sub(LEAST_TITLE + ON.len()).clamp(LEAST_MACHINE, MACHINE);
    let place = match &record.machine {
        Some(_) => format!("{ON}{}", clean::line(&short_name(record), machine)),
        None => String::new(),
    };
    let title = clean::short_foreign(&alert.title, TITLE);
    let title = if title.is_empty() { "an alert without a title".to_owned() } else { title };
    format!("{severity}{}{place}", clean::line(&title, room.saturating_sub(place.chars().count())))
}
