//! Decides, purely, which mail a report deserves, and gathers all that the mail will say.
//!
//! One mail per machine and state. Steps of an action that was begun are told once per action key, attempt and
//! state. `refused`, `held`, `would` and a judgement that needs a person before any attempt are told once per
//! machine, kind, state and UTC day, because ten alerts on one machine are one thing to look at. A step that
//! another action covers is not told at all, nor one that only a cap or the breaker holds: the breaker's own
//! notice speaks for all of those.

use cordon_records::{ActionRecord, ActionState, GuardVerdict, Notice, Report, Ruling};
use jiff::Timestamp;
use serde::Serialize;

use crate::clean;
use crate::facts;
use crate::wording::{self, Tone};

/// The longest subject, in characters.
pub const MAX_SUBJECT: usize = 150;
/// The longest single line taken over from a record, in characters.
pub const MAX_LINE: usize = 400;
/// The longest rule condition shown, in characters.
const MAX_CONDITION: usize = 2_000;
/// More rules or guards than this are counted instead of shown.
const MAX_ITEMS: usize = 40;

/// The guards that hold everything at once; a notice of its own tells of each.
const TOLD_BY_NOTICE: [&str; 3] = ["caps", "breaker", "pause"];
/// The cap that is reached together with the others in a storm; on its own it is told for each machine.
const BESIDE_CAPS: &str = "fleet-share";

/// What is to be done with one report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Send this, unless its key says that it was sent.
    Mail(Box<Message>),
    /// Nobody needs a mail; the metric label says why.
    Skip(&'static str),
}

/// Everything that a mail says, ready for the templates: cleaned, shortened, and in the order of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The notification key: what was sent under it is not sent again.
    pub key: String,
    /// The action key whose mails form one thread.
    pub thread: Option<String>,
    /// How loud the mail is.
    pub tone: Tone,
    /// The subject, at most [`MAX_SUBJECT`] characters on one line.
    pub subject: String,
    /// The word above the headline.
    pub badge: &'static str,
    /// The headline: the subject without its call to action.
    pub headline: String,
    /// What happened, in full sentences.
    pub summary: String,
    /// The responder's own line on why.
    pub reason: String,
    /// What to do next, in order.
    pub next: Vec<String>,
    /// The rules that asked for it.
    pub rules: Vec<RuleView>,
    /// Every guard's word, those against it first.
    pub guards: Vec<GuardView>,
    /// Facts about alert, machine and action.
    pub sections: Vec<Section>,
    /// The record's id, for the foot.
    pub record: String,
    /// When it happened, UTC, for people.
    pub at: String,
    /// When it happened.
    #[serde(skip)]
    pub happened_at: Timestamp,
}

/// One rule and its condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleView {
    /// The rule's id.
    pub id: String,
    /// The condition as written; `""` when the record has none.
    pub condition: String,
}

/// One guard's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardView {
    /// The guard's name.
    pub guard: String,
    /// `pass`, `covered`, `hold` or `refuse`.
    pub word: &'static str,
    /// Why.
    pub why: String,
}

/// A titled group of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// The group's title.
    pub title: &'static str,
    /// Name and value, in order.
    pub facts: Vec<(&'static str, String)>,
    /// A link into the portal: its label and its address, built from an id only.
    pub link: Option<(&'static str, String)>,
}

/// Which mail the report deserves.
#[must_use]
pub fn message_for(report: &Report) -> Fate {
    match report {
        Report::Notice(notice) => Fate::Mail(Box::new(notice_message(notice))),
        Report::Action(record) => match skip_reason(record) {
            Some(reason) => Fate::Skip(reason),
            None => Fate::Mail(Box::new(action_message(record))),
        },
    }
}

fn skip_reason(record: &ActionRecord) -> Option<&'static str> {
    match record.state {
        ActionState::Covered => Some("covered"),
        ActionState::Held => held_by_breaker_alone(&record.guards).then_some("told_by_breaker_notice"),
        ActionState::Refused
        | ActionState::Would
        | ActionState::InDoubt
        | ActionState::Accepted
        | ActionState::Succeeded
        | ActionState::Failed
        | ActionState::TimedOut
        | ActionState::Cancelled
        | ActionState::NeedsHuman
        | ActionState::ClosedMeanwhile
        | ActionState::Approved
        | ActionState::Denied
        | ActionState::Expired
        | ActionState::Overdue => None,
    }
}

/// A cap, the breaker or a pause holds, and nothing else does: one notice tells it for all machines.
fn held_by_breaker_alone(guards: &[GuardVerdict]) -> bool {
    let holding =
        || guards.iter().filter(|verdict| verdict.ruling == Ruling::Hold).map(|verdict| verdict.guard.as_str());
    holding().any(|guard| TOLD_BY_NOTICE.contains(&guard))
        && holding().all(|guard| TOLD_BY_NOTICE.contains(&guard) || guard == BESIDE_CAPS)
}

/// The notification key of an action's step; see the module's header for the rule.
#[must_use]
pub fn notification_key(record: &ActionRecord) -> String {
    let state = record.state.as_str();
    match (&record.key, is_told_daily(record)) {
        (Some(key), false) => format!("{key}|{}|{state}", record.attempt),
        (Some(_) | None, _) => {
            let target = record.machine.as_ref().map_or_else(|| record.alert.id.as_str(), |m| m.id.as_str());
            let kind = record.action.as_ref().map_or("none", |action| action.kind().as_str());
            format!("{target}|{kind}|{state}|{}", record.at.strftime("%Y-%m-%d"))
        }
    }
}

const fn is_told_daily(record: &ActionRecord) -> bool {
    match record.state {
        ActionState::Refused | ActionState::Held | ActionState::Would | ActionState::Covered => true,
        ActionState::NeedsHuman => record.attempt == 0,
        ActionState::InDoubt
        | ActionState::Accepted
        | ActionState::Succeeded
        | ActionState::Failed
        | ActionState::TimedOut
        | ActionState::Cancelled
        | ActionState::ClosedMeanwhile
        | ActionState::Approved
        | ActionState::Denied
        | ActionState::Expired
        | ActionState::Overdue => false,
    }
}

fn action_message(record: &ActionRecord) -> Message {
    let words = wording::of_action(record);
    Message {
        key: notification_key(record),
        thread: record.key.as_ref().map(ToString::to_string),
        tone: words.tone,
        subject: clean::line(&words.subject(), MAX_SUBJECT),
        badge: words.badge,
        headline: clean::line(&words.headline, MAX_LINE),
        summary: words.summary,
        reason: clean::foreign(&record.reason, MAX_LINE),
        next: words.next,
        rules: rules(record),
        guards: guards(&record.guards),
        sections: facts::of_action(record),
        record: clean::line(&record.id, MAX_LINE),
        at: facts::instant(record.at),
        happened_at: record.at,
    }
}

fn notice_message(notice: &Notice) -> Message {
    let words = wording::of_notice(notice);
    Message {
        key: format!("notice|{}", notice.id),
        thread: None,
        tone: words.tone,
        subject: clean::line(&words.subject(), MAX_SUBJECT),
        badge: words.badge,
        headline: clean::line(&words.headline, MAX_LINE),
        summary: words.summary,
        reason: clean::foreign(&notice.text, MAX_LINE),
        next: words.next,
        rules: Vec::new(),
        guards: Vec::new(),
        sections: Vec::new(),
        record: clean::line(&notice.id, MAX_LINE),
        at: facts::instant(notice.at),
        happened_at: notice.at,
    }
}

fn rules(record: &ActionRecord) -> Vec<RuleView> {
    let conditions = record.conditions.iter().map(String::as_str).chain(std::iter::repeat(""));
    record
        .rules
        .iter()
        .zip(conditions)
        .take(MAX_ITEMS)
        .map(|(id, condition)| RuleView { id: id.to_string(), condition: clean::block(condition, MAX_CONDITION) })
        .collect()
}

fn guards(verdicts: &[GuardVerdict]) -> Vec<GuardView> {
    let mut ordered: Vec<&GuardVerdict> = verdicts.iter().collect();
    ordered.sort_by_key(|verdict| match verdict.ruling {
        Ruling::Refuse => 0,
        Ruling::Covered => 1,
        Ruling::Hold => 2,
        Ruling::Pass => 3,
    });
    ordered
        .into_iter()
        .take(MAX_ITEMS)
        .map(|verdict| GuardView {
            guard: clean::line(&verdict.guard, 60),
            word: match verdict.ruling {
                Ruling::Pass => "pass",
                Ruling::Covered => "covered",
                Ruling::Hold => "hold",
                Ruling::Refuse => "refuse",
            },
            why: clean::foreign(&verdict.why, MAX_LINE),
        })
        .collect()
}
