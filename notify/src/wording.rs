//! The words for each state: what is true, how loud to say it, and what to do next.
//!
//! A request is never called an isolation: Defender accepts it long before the machine is cut off, and a machine
//! that is switched off may never be. What did not happen is louder than what did.

use cordon_records::{Action, ActionRecord, ActionState, IsolationType, Notice, NoticeKind, Ruling};
use serde::Serialize;

use crate::clean;
use crate::facts::instant;

/// How loud a mail is: its colour, and whether it is marked important.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// A person must do something.
    Alarm,
    /// Something is on its way.
    Progress,
    /// Something is done.
    Done,
    /// Nothing was done, on purpose.
    Shadow,
}

/// The words of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// How loud.
    pub tone: Tone,
    /// The word above the headline.
    pub badge: &'static str,
    /// The headline.
    pub headline: String,
    /// What happened, in full sentences.
    pub summary: String,
    /// What to do next.
    pub next: Vec<String>,
}

impl Wording {
    /// The subject: the headline, after a call to action where one is due.
    #[must_use]
    pub fn subject(&self) -> String {
        match self.tone {
            Tone::Alarm => format!("ACTION NEEDED: {}", self.headline),
            Tone::Progress | Tone::Done | Tone::Shadow => self.headline.clone(),
        }
    }

    fn new(tone: Tone, badge: &'static str, headline: String, summary: String) -> Self {
        Self { tone, badge, headline, summary, next: Vec::new() }
    }

    fn next(mut self, step: impl Into<String>) -> Self {
        self.next.push(step.into());
        self
    }
}

/// What people call the machine: the first label of its name as Defender gives it, else its id. Without a machine,
/// the alert.
#[must_use]
pub fn short_name(record: &ActionRecord) -> String {
    match &record.machine {
        Some(machine) => {
            let name = clean::line(machine.label(), 255);
            let label = name.split('.').next().unwrap_or_default();
            clean::line(if label.is_empty() { machine.id.as_str() } else { label }, 63)
        }
        None => format!("alert {}", record.alert.id),
    }
}

const BY_HAND: &str =
    "Look at the alert now, and decide whether to isolate the machine by hand on its page in the portal.";

/// The words for one step of an action.
#[must_use]
pub fn of_action(record: &ActionRecord) -> Wording {
    let name = short_name(record);
    match record.state {
        ActionState::Accepted => accepted(&name),
        ActionState::Succeeded => succeeded(&name, record.action.as_ref()),
        ActionState::InDoubt => in_doubt(&name),
        ActionState::Would => rehearsed(&name, record),
        ActionState::Covered => covered(&name),
        ActionState::ClosedMeanwhile => closed_meanwhile(&name),
        ActionState::Approved => not_done(&name, "People approved it; Cordon asks the guards once more."),
        ActionState::Denied => not_done(&name, "A person denied it."),
        ActionState::Expired => not_done(&name, "Nobody approved it in time."),
        ActionState::Overdue => not_done(&name, "Defender took the request, but names no end in time."),
        ActionState::Held => held(&name, record),
        ActionState::NeedsHuman if record.attempt > 0 => unknown_outcome(&name),
        ActionState::NeedsHuman => not_done(&name, "Cordon could not judge this alert and asked for nothing."),
        ActionState::Refused => not_done(
            &name,
            "A guard forbids it, so Cordon asked Defender for nothing. Approval would not change that; only the guards \
             can.",
        ),
        ActionState::Failed => not_done(&name, "Defender refused the request, or reports that it failed."),
        ActionState::TimedOut => {
            not_done(&name, "Defender had accepted the request, but gave up waiting for the machine.")
        }
        ActionState::Cancelled => {
            not_done(&name, "Defender had accepted the request, but it was cancelled before it was carried out.")
        }
    }
}

fn accepted(name: &str) -> Wording {
    let headline = format!("{name}: isolation requested, not yet confirmed");
    let summary = format!(
        "Defender accepted the request to isolate {name}. The machine is not isolated yet: Defender still has to reach \
         it."
    );
    Wording::new(Tone::Progress, "Requested", headline, summary)
        .next("Nothing yet. Cordon follows the request, and a second mail says how it ended.")
        .next(
            "If that mail stays out, see in the portal whether the machine is online: Defender waits about three days.",
        )
}

fn succeeded(name: &str, action: Option<&Action>) -> Wording {
    let open = match action {
        Some(Action::Isolate { isolation: IsolationType::Selective, .. }) => {
            "Defender's own connection stays, and so do Outlook, Teams and Skype, as the rule asked."
        }
        Some(_) | None => "Only Defender's own connection stays.",
    };
    let summary = format!("Defender reports that {name} is cut off the network. {open}");
    Wording::new(Tone::Done, "Confirmed", format!("{name} is isolated"), summary)
        .next("Investigate the alert.")
        .next("When the machine is clean, release it on its page in the portal.")
}

fn in_doubt(name: &str) -> Wording {
    let headline = format!("{name}: isolation requested, answer lost");
    let summary = format!(
        "Cordon asked Defender to isolate {name}, but no readable answer came back. It is not known whether Defender \
         took the request, and the machine must be counted as not isolated."
    );
    Wording::new(Tone::Progress, "In doubt", headline, summary)
        .next("Nothing yet. In a few minutes Cordon reads Defender's list of actions, and a mail says what it found.")
}

/// In shadow mode the guards speak too: what they would have stopped must not be announced as an isolation.
fn rehearsed(name: &str, record: &ActionRecord) -> Wording {
    let said = |ruling| record.guards.iter().any(|verdict| verdict.ruling == ruling);
    let stopped = if said(Ruling::Refuse) {
        "would have been refused by a guard"
    } else if said(Ruling::Hold) {
        "would have been held for a person"
    } else {
        return would(name);
    };
    let headline = format!("WOULD NOT isolate {name} (shadow mode): it {stopped}");
    let summary = format!("The rules ask to isolate {name}, but it {stopped}. Cordon only watches here.");
    Wording::new(Tone::Shadow, "Shadow mode", headline, summary)
        .next("Look at the alert as you would without Cordon.")
        .next("If the guard is wrong, correct the guards before Cordon is allowed to act.")
}

fn would(name: &str) -> Wording {
    let headline = format!("WOULD isolate {name} (shadow mode, nothing was done)");
    let summary = format!(
        "Rules and guards agree that {name} should be isolated. Cordon only watches here: it asked Defender for \
         nothing."
    );
    Wording::new(Tone::Shadow, "Shadow mode", headline, summary)
        .next("Look at the alert as you would without Cordon.")
        .next("If this verdict is wrong, correct the rule before it is allowed to act.")
}

fn covered(name: &str) -> Wording {
    let summary =
        format!("Another isolation of {name} already stands or is on its way. Cordon asked for nothing more.");
    Wording::new(Tone::Shadow, "Covered", format!("{name}: isolation already stands or runs"), summary)
}

fn closed_meanwhile(name: &str) -> Wording {
    let headline = format!("{name} is being isolated but its alert was closed");
    let summary = format!(
        "The alert was closed while the isolation of {name} was on its way. Cordon does not call the isolation back."
    );
    Wording::new(Tone::Alarm, "Action needed", headline, summary)
        .next("If the isolation is no longer wanted, cancel it in the portal's action centre, or release the machine.")
        .next("If it still is, reopen the alert so that others see why the machine is cut off.")
}

fn held(name: &str, record: &ActionRecord) -> Wording {
    let mut words =
        not_done(name, "The isolation waits for a person to decide; until then Cordon asks Defender for nothing.");
    words.badge = "Held for a person";
    match record.expires_at {
        Some(at) => words.next(format!("Cordon stops waiting at {}. Nothing happens by itself then.", instant(at))),
        None => words,
    }
}

fn unknown_outcome(name: &str) -> Wording {
    let headline = format!("it is unknown whether {name} was isolated");
    let summary = format!(
        "Cordon asked Defender to isolate {name} and cannot tell what became of it. The machine may be isolated, or \
         not; Cordon does not try again by itself."
    );
    Wording::new(Tone::Alarm, "Action needed", headline, summary)
        .next("See in the portal whether the machine is isolated, and isolate it by hand if it should be.")
}

fn not_done(name: &str, why: &str) -> Wording {
    let summary = format!("Cordon has not isolated {name}. {why}");
    Wording::new(Tone::Alarm, "Action needed", format!("{name} was not isolated"), summary).next(BY_HAND)
}

/// The words for a notice about the whole responder.
#[must_use]
pub fn of_notice(notice: &Notice) -> Wording {
    // The first sentence names the cap; the rest is in the body.
    let cap = clean::foreign(notice.text.split(". ").next().unwrap_or_default(), 200);
    match notice.kind {
        NoticeKind::BreakerLatched => Wording::new(
            Tone::Alarm,
            "Breaker latched",
            format!("Cordon stopped isolating: {}", cap.trim_end_matches('.')),
            "A cap was reached, so Cordon isolates nothing more until a person resumes it. Every further isolation is \
             held and written to the topic of actions; no mail follows for those that only the cap holds."
                .to_owned(),
        )
        .next("Find out whether this is an attack on many machines or a rule that matches too much.")
        .next("Handle open alerts by hand meanwhile: Cordon does not isolate.")
        .next(resume("When the cause is understood, resume", notice)),
        NoticeKind::Paused => Wording::new(
            Tone::Alarm,
            "Paused",
            "Cordon is paused".to_owned(),
            "A person paused Cordon. It isolates nothing until a person resumes it; every isolation is held."
                .to_owned(),
        )
        .next("Handle open alerts by hand meanwhile: Cordon does not isolate.")
        .next(resume("To resume", notice)),
        NoticeKind::Resumed => Wording::new(
            Tone::Done,
            "Resumed",
            "Cordon acts again".to_owned(),
            "A person resumed Cordon. It isolates again as rules and guards allow. What was held meanwhile stays held."
                .to_owned(),
        )
        .next("Look through what was held meanwhile: Cordon does not come back to it by itself."),
        NoticeKind::CommandRefused => Wording::new(
            Tone::Alarm,
            "Command refused",
            "Cordon refused a command".to_owned(),
            "A command on the topic of commands was not what it claims to be, so Cordon did nothing.".to_owned(),
        )
        .next("Ask the person whom it names whether they gave it."),
        NoticeKind::PolicyReloaded => Wording::new(
            Tone::Done,
            "Rules changed",
            "Changed rules or guards are in force".to_owned(),
            "The files were checked and taken over without a restart.".to_owned(),
        ),
        NoticeKind::PolicyRefused => Wording::new(
            Tone::Alarm,
            "Rules refused",
            "Changed rules or guards are wrong; the old ones stay in force".to_owned(),
            "The files were checked and not taken over.".to_owned(),
        )
        .next("Correct the files; cordon check names every mistake with its place."),
    }
}

/// How a switch is lifted: by the id of its notice, so that a restart with the same argument lifts nothing new.
fn resume(when: &str, notice: &Notice) -> String {
    format!("{when}: start cordon-act with --resume {}", clean::line(&notice.id, 100))
}
