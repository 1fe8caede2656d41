//! Decides, purely, which mail a report deserves, and gathers all that the mail will say.
//!
//! Which states of which kinds are told:
//!
//! | kind | told |
//! |---|---|
//! | `isolate`, `release`, `restrict_code`, `unrestrict_code`, `live_response`, `offboard`, and a judgement without any planned action | every state but `covered` |
//! | `stop_file`, `indicator`, of which one alert may ask for many | the same without `accepted` and `in_doubt`: what came of it, not that it was asked for |
//! | `collect_package` | `held`, `failed`, `timed_out`, `needs_human`, and `succeeded`, because its link is wanted |
//! | `scan`, `investigate`, `tag`, `set_device_value`, `update_alert`, `cancel` | `held`, `failed`, `timed_out`, `needs_human`. What `cancel` brought about, the cancelled action's own mail says |
//!
//! `covered` is told where people approved the action or asked for it, since they wait for an answer, and where Defender
//! was called: then whose action was found instead, and later what became of it. What only a cap, the breaker or a pause
//! holds has no mail of its own, and nobody is told that it was denied or expired: a notice has told of the cause, and the
//! digests count what waits.
//!
//! Each decision that waits for a person is told once: `held` once per action key, attempt, intent and number of
//! approvals, so that what is held anew is told anew. Steps of an action that was begun, approved or denied, or that
//! people asked for, `expired`, and a judgement that needs a person are told once per action key, attempt and state; once per
//! alert and state where there is no action. `refused` and `would` are told once per machine, kind, state and UTC day,
//! because ten alerts on one machine are one thing to look at.
//!
//! What may come in numbers is folded ([`MailDecision::Fold`]): the first is told at once, the others in a digest (see `window`).

use cordon_records::{ActionRecord, ActionState, GuardVerdict, Notice, NoticeKind, Report, Ruling};
use jiff::Timestamp;
use serde::Serialize;

use crate::clean;
use crate::clean::{MAX_BLOCK, MAX_LINE};
use crate::digest::{self, Item, Line, Series};
use crate::facts::{self, Guards, Link, RuleView, Section};
use crate::mistakes;
use crate::wording::kinds::Told;
use crate::wording::{self, Step, Tone, Wording};

pub use crate::clean::MAX_SUBJECT;

/// The switches that hold everything at once; a notice of its own tells of each.
const SWITCHES: [&str; 2] = ["breaker", "pause"];
/// The caps that latch the breaker; its notice tells of them.
const CAPS: &str = "caps";
/// The cap that is reached together with the others in a storm; on its own it is told for each machine.
const BESIDE_CAPS: &str = "fleet-share";

/// What is to be done with one report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailDecision {
    /// Send this, unless its key says that it was sent.
    Mail(Box<Message>),
    /// Send this when it is the first for a while; tell it in a digest otherwise.
    Fold(Box<Folded>),
    /// Nobody needs a mail; the metric label says why.
    Skip(&'static str),
}

/// A report of those that may come in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// With which it is told.
    pub series: Series,
    /// Whether it may be told on its own when it is the first; not where a notice has told of the cause.
    pub leads: bool,
    /// Its line in a digest.
    pub line: Line,
    /// Its own mail.
    pub message: Message,
}

/// Everything that a mail says, ready for the templates: cleaned, shortened, and in the order of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The notification key: what was sent under it is not sent again.
    pub key: String,
    /// What the mails have in common that form one thread: the alert and the machine.
    pub thread: Option<String>,
    /// How loud the mail is.
    pub tone: Tone,
    /// The subject, at most [`MAX_SUBJECT`] characters on one line.
    pub subject: String,
    /// The words above the headline: whether there is something to do.
    pub badge: &'static str,
    /// The headline: of an action's step the subject, otherwise the subject without its call to action.
    pub headline: String,
    /// What happened, in full sentences.
    pub summary: String,
    /// Why, whole: a guard's plain words, or the responder's own line; `""` in a digest.
    pub reason: String,
    /// The rest of what the responder said, line by line as written; `""` where the reason is all.
    pub rest: String,
    /// What to do next, in order.
    pub next: Vec<Step>,
    /// Where the outcome can be fetched for a short time.
    pub download: Option<Link>,
    /// The rules that asked for it.
    pub rules: Vec<RuleView>,
    /// What the guards say besides.
    pub guards: Guards,
    /// Facts about alert, machine and action.
    pub sections: Vec<Section>,
    /// What stands above the items of a digest.
    pub items_title: &'static str,
    /// The worst of what a digest tells.
    pub items: Vec<Item>,
    /// The record's id, for the foot.
    pub record: String,
    /// When it happened, UTC, for people.
    pub at: String,
    /// When it happened.
    #[serde(skip)]
    pub happened_at: Timestamp,
}

/// Which mail the report deserves.
#[must_use]
pub fn message_for(report: &Report) -> MailDecision {
    match report {
        Report::Notice(notice) => MailDecision::Mail(Box::new(notice_message(notice))),
        Report::Action(record) => match skip_reason(record) {
            Some(reason) => MailDecision::Skip(reason),
            None => action_decision(record),
        },
    }
}

fn action_decision(record: &ActionRecord) -> MailDecision {
    let message = action_message(record);
    match series(record) {
        None => MailDecision::Mail(Box::new(message)),
        Some(series) => {
            let (leads, line) = (!is_noticed(record), line_of(record, &message));
            MailDecision::Fold(Box::new(Folded { series, leads, line, message }))
        }
    }
}

/// The line of a report whose own mail would be `message`.
#[must_use]
pub fn line_of(record: &ActionRecord, message: &Message) -> Line {
    let against = |ruling| ruling == Ruling::Hold || ruling == Ruling::Refuse;
    let guards = record.guards.iter().filter(|verdict| against(verdict.ruling));
    let kind = record.action.as_ref().map_or("none planned", |action| action.kind().as_str());
    Line {
        key: message.key.clone(),
        tone: message.tone,
        outcome: clean::line(&wording::outcome(record), 200),
        machine: wording::short_name(record),
        title: clean::short_ids(&clean::foreign(&record.alert.title, 120)),
        why: message.reason.clone(),
        action_key: record.key.as_ref().filter(|_| record.state == ActionState::Held).map(ToString::to_string),
        refused: record.state == ActionState::Held && record.tenant_refuses,
        action: kind.replace('_', " "),
        state: record.state.as_str().replace('_', " "),
        severity: clean::foreign(record.alert.severity.as_str(), 40),
        guards: guards.map(|verdict| clean::line(&verdict.guard, 60)).collect(),
        rules: record.rules.iter().map(ToString::to_string).collect(),
        at: record.at,
        rank: digest::rank(&record.alert.severity),
    }
}

/// Which reports may come in numbers: all that no cap on attempts bounds.
const fn series(record: &ActionRecord) -> Option<Series> {
    if people_wait(record) {
        return None;
    }
    match record.state {
        ActionState::Held => Some(Series::Held),
        ActionState::Refused | ActionState::Expired => Some(Series::NotDone),
        ActionState::NeedsHuman if record.attempt == 0 => Some(Series::NotDone),
        ActionState::Would => Some(Series::Rehearsed),
        ActionState::NeedsHuman
        | ActionState::Covered
        | ActionState::InDoubt
        | ActionState::Accepted
        | ActionState::Succeeded
        | ActionState::Failed
        | ActionState::TimedOut
        | ActionState::Cancelled
        | ActionState::ClosedMeanwhile
        | ActionState::Approved
        | ActionState::Denied
        | ActionState::Overdue => None,
    }
}

impl Told {
    const fn includes(self, state: ActionState) -> bool {
        match state {
            ActionState::Held | ActionState::Failed | ActionState::TimedOut | ActionState::NeedsHuman => true,
            ActionState::Succeeded => !matches!(self, Self::Trouble),
            ActionState::Accepted | ActionState::InDoubt => matches!(self, Self::Everything),
            ActionState::Refused
            | ActionState::Would
            | ActionState::Covered
            | ActionState::Cancelled
            | ActionState::ClosedMeanwhile
            | ActionState::Approved
            | ActionState::Denied
            | ActionState::Expired
            | ActionState::Overdue => matches!(self, Self::Everything | Self::Outcome),
        }
    }
}

fn skip_reason(record: &ActionRecord) -> Option<&'static str> {
    let waited = matches!(record.state, ActionState::Denied | ActionState::Expired);
    if is_covered_unasked(record) && !people_wait(record) {
        Some("covered")
    } else if waited && is_noticed(record) && !people_wait(record) {
        Some("told_by_breaker_notice")
    } else if !wording::kinds::of(record.action.as_ref()).told.includes(record.state) {
        Some("quiet_kind")
    } else {
        None
    }
}

/// Another action had the effect before Defender was asked for anything; or somebody else's, and it did its work.
const fn is_covered_unasked(record: &ActionRecord) -> bool {
    match record.state {
        ActionState::Covered => record.attempt == 0,
        ActionState::Succeeded => record.attempt == 0 && record.other_action.is_some(),
        _ => false,
    }
}

/// People approved it or asked for it.
const fn people_wait(record: &ActionRecord) -> bool {
    record.requested_by.is_some() || !record.approvals.is_empty()
}

/// Whether nothing but what a notice tells of, for all machines, holds the action.
fn is_noticed(record: &ActionRecord) -> bool {
    let holds = |verdict: &&GuardVerdict| verdict.ruling == Ruling::Hold;
    let holding: Vec<&str> = record.guards.iter().filter(holds).map(|verdict| verdict.guard.as_str()).collect();
    let noticed = |guard: &&str| SWITCHES.contains(guard) || *guard == CAPS;
    holding.iter().any(noticed) && holding.iter().all(|guard| noticed(guard) || *guard == BESIDE_CAPS)
}

/// The notification key of an action's step; see the module's header for the rule.
#[must_use]
pub fn notification_key(record: &ActionRecord) -> String {
    let state = record.state.as_str();
    let kind = record.action.as_ref().map_or("none", |action| action.kind().as_str());
    match (&record.key, is_told_daily(record)) {
        (Some(key), false) => match &record.intent {
            Some(intent) => format!("{key}|{}|{state}|{intent}#{}", record.attempt, record.approvals.len()),
            None => format!("{key}|{}|{state}", record.attempt),
        },
        (None, false) => format!("{}|{kind}|{state}", record.alert.id),
        (Some(_) | None, true) => format!("{}|{kind}|{state}|{}", target(record), record.at.strftime("%Y-%m-%d")),
    }
}

/// What is told of once a day: the machine, else the alert.
fn target(record: &ActionRecord) -> &str {
    record.machine.as_ref().map_or_else(|| record.alert.id.as_str(), |machine| machine.id.as_str())
}

/// What is held names its intent, but for records of builds that did not know it.
const fn is_told_daily(record: &ActionRecord) -> bool {
    match record.state {
        ActionState::Held => record.intent.is_none() && !people_wait(record),
        ActionState::Refused | ActionState::Would => !people_wait(record),
        ActionState::NeedsHuman
        | ActionState::Expired
        | ActionState::Covered
        | ActionState::InDoubt
        | ActionState::Accepted
        | ActionState::Succeeded
        | ActionState::Failed
        | ActionState::TimedOut
        | ActionState::Cancelled
        | ActionState::ClosedMeanwhile
        | ActionState::Approved
        | ActionState::Denied
        | ActionState::Overdue => false,
    }
}

impl Message {
    /// A mail that tells of no single action: without alert, rule or guard of its own.
    pub(crate) fn plain(words: Wording, (key, record): (String, String), happened_at: Timestamp) -> Self {
        Self {
            key,
            thread: None,
            tone: words.tone,
            subject: clean::line(&words.loud_headline(), MAX_SUBJECT),
            badge: words.badge,
            headline: clean::line(&words.headline, MAX_LINE),
            summary: words.summary,
            reason: String::new(),
            rest: String::new(),
            next: words.next,
            download: None,
            rules: Vec::new(),
            guards: Guards::default(),
            sections: Vec::new(),
            items_title: "",
            items: Vec::new(),
            record,
            at: facts::instant(happened_at),
            happened_at,
        }
    }
}

fn action_message(record: &ActionRecord) -> Message {
    let words = wording::of_action(record);
    Message {
        key: notification_key(record),
        thread: record.key.as_ref().map(|_| thread(record)),
        tone: words.tone,
        subject: clean::line(&words.headline, MAX_SUBJECT),
        badge: words.badge,
        headline: clean::line(&words.headline, MAX_LINE),
        summary: words.summary,
        reason: clean::line(&wording::why(record), MAX_BLOCK),
        rest: String::new(),
        next: words.next,
        download: facts::download(record),
        rules: facts::rules(record),
        guards: facts::guards(record),
        sections: facts::of_action(record),
        items_title: "",
        items: Vec::new(),
        record: clean::line(&record.id, MAX_LINE),
        at: facts::instant(record.at),
        happened_at: record.at,
    }
}

/// An isolation and its release have keys of their own, but one alert and one machine.
fn thread(record: &ActionRecord) -> String {
    let machine = record.machine.as_ref().map_or("", |machine| machine.id.as_str());
    format!("{}|{machine}", record.alert.id)
}

/// The longest line about one machine, in characters.
const MAX_NAME: usize = 80;

/// What a notice says, as a line and the rest. Mistakes in files are shown as they were written, place and caret too, as far
/// as a phone has room.
fn said(notice: &Notice) -> (String, String) {
    match notice.kind {
        NoticeKind::PolicyReloaded | NoticeKind::PolicyRefused => {
            let (first, rest) = notice.text.trim().split_once('\n').unwrap_or((notice.text.trim(), ""));
            (clean::line(first, MAX_BLOCK), mistakes::for_a_phone(&clean::block(rest, MAX_BLOCK)))
        }
        // Machines that wait, one a line: others chose their names.
        NoticeKind::BreakerLatched => {
            let (first, rest) = notice.text.trim().split_once('\n').unwrap_or((notice.text.trim(), ""));
            let names: Vec<String> = rest.lines().map(|name| clean::foreign(name, MAX_NAME)).collect();
            (clean::foreign(first, MAX_BLOCK), clean::block(&names.join("\n"), MAX_BLOCK))
        }
        NoticeKind::Paused | NoticeKind::Resumed | NoticeKind::CommandRefused => {
            (clean::foreign(&notice.text, MAX_BLOCK), String::new())
        }
    }
}

fn notice_message(notice: &Notice) -> Message {
    let words = wording::of_notice(notice);
    let (reason, rest) = said(notice);
    let (key, record) = (format!("notice|{}", notice.id), clean::line(&notice.id, MAX_LINE));
    Message { reason, rest, ..Message::plain(words, (key, record), notice.at) }
}
