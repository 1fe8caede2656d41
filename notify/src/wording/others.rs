//! The sentences where somebody else's action has the effect that we wanted: whose it is, how far it reaches, and how it
//! ended. It is never called Cordon's.

use cordon_records::{Action, ActionRecord, ActionState, IsolationType, OtherAction};

use super::people::{called_off, canceller, keeps_it_connected};
use super::{Phrases, Tone, Wording, around, lower, trouble, trouble_badge};
use crate::clean;

/// The longest name of somebody in a sentence, in characters; a headline may have room for less.
const WHO: usize = 60;

/// The words for one step that tells of somebody else's action.
pub fn of(record: &ActionRecord, other: &OtherAction) -> Option<Wording> {
    let true_record = as_it_is(record, other);
    let (phrases, who) = (&Phrases::of(&true_record), clean::short_line(&other.to_string(), WHO));
    match record.state {
        ActionState::Covered => Some(covered(phrases, record, other, &who)),
        ActionState::Succeeded => Some(succeeded(phrases, record, other, &who)),
        ActionState::Failed => Some(not_done(phrases, record, &who, |who| format!("the action of {who} failed"))),
        ActionState::TimedOut => {
            Some(not_done(phrases, record, &who, |who| format!("Defender gave up on the action of {who}")))
        }
        ActionState::Cancelled => Some(match canceller(record) {
            Some(canceller) => called_off(phrases, &canceller),
            None => not_done(phrases, record, &who, |who| format!("the action of {who} was cancelled")),
        }),
        ActionState::NeedsHuman => Some(unknown(phrases, record, &who)),
        ActionState::Overdue => Some(overdue(phrases, record, &who)),
        ActionState::Refused
        | ActionState::Held
        | ActionState::Would
        | ActionState::InDoubt
        | ActionState::Accepted
        | ActionState::ClosedMeanwhile
        | ActionState::Approved
        | ActionState::Denied
        | ActionState::Expired => None,
    }
}

/// The record with what was done in place of what was asked for.
fn as_it_is(record: &ActionRecord, other: &OtherAction) -> ActionRecord {
    let mut told = record.clone();
    if let (Some(Action::Isolate { isolation, .. }), Some(scope)) = (&mut told.action, scope(other)) {
        *isolation = scope;
    }
    told
}

fn scope(other: &OtherAction) -> Option<IsolationType> {
    let scope = other.scope.as_deref()?;
    IsolationType::ALL.iter().copied().find(|known| known.as_str().eq_ignore_ascii_case(scope))
}

/// Whether it is known to leave connected what the rule wanted cut off.
fn is_narrower(record: &ActionRecord, other: &OtherAction) -> bool {
    let full = matches!(record.action, Some(Action::Isolate { isolation: IsolationType::Full, .. }));
    full && scope(other).is_some_and(|scope| scope != IsolationType::Full)
}

const fn isolates(record: &ActionRecord) -> bool {
    matches!(record.action, Some(Action::Isolate { .. }))
}

/// What makes it louder, and what to do about it.
fn less(words: Wording, record: &ActionRecord, other: &OtherAction) -> Wording {
    if !is_narrower(record, other) {
        return words;
    }
    let summary = words.summary + " It leaves more connected than was asked for.";
    Wording { tone: Tone::Alarm, badge: "Action needed", summary, ..words }
        .next("Decide whether that is enough. If it is not, isolate the machine in full on its page in the portal.")
}

fn covered(phrases: &Phrases, record: &ActionRecord, other: &OtherAction, who: &str) -> Wording {
    let headline = around(who, |who| format!("{} already asked for by {who}, not by Cordon", phrases.noun()));
    let errand = phrases.errand();
    let found = if record.attempt > 0 {
        format!("Cordon asked Defender to {errand}, and found the action of {who} in its place.")
    } else {
        format!("People asked Cordon to {errand}, and the action of {who} has that effect or is about to.")
    };
    let theirs = if isolates(record) { " and neither releases nor cancels it by itself" } else { "" };
    let summary =
        format!("{found} That one is theirs: Cordon follows it to its end{theirs}.") + &keeps_it_connected(record);
    let words =
        Wording::new(Tone::Progress, "Nothing to do yet", headline, summary).next("A further mail says how it ended.");
    less(words, record, other)
}

fn succeeded(phrases: &Phrases, record: &ActionRecord, other: &OtherAction, who: &str) -> Wording {
    let headline = format!("{}, by {who}", phrases.done());
    if !isolates(record) {
        let summary = phrases.meaning() + &keeps_it_connected(record);
        return Wording::new(Tone::Done, "Done", headline, summary).then(phrases.after());
    }
    let meaning = match scope(other) {
        Some(_) => phrases.meaning(),
        None => "Defender reports that the isolation is done. How much it cuts off, Defender does not say.".to_owned(),
    };
    let summary = format!("{meaning} It is the isolation of {who}: Cordon never ends it by itself.");
    let words = Wording::new(Tone::Done, "Done", headline, summary).next(format!(
        "Investigate the alert, and speak with {} before you let the machine back.",
        clean::line(&other.by, WHO)
    ));
    less(words, record, other)
}

fn not_done(phrases: &Phrases, record: &ActionRecord, who: &str, how: impl Fn(&str) -> String) -> Wording {
    let summary = format!(
        "Cordon wanted to {}. Somebody else had asked for it already, but {}. Cordon does not try again by itself.",
        phrases.errand(),
        how(who)
    );
    let headline = around(who, |who| format!("{}, {}", phrases.not_done("NOT"), how(who)));
    Wording::new(trouble(record), trouble_badge(record), headline, summary).next(phrases.by_hand())
}

fn unknown(phrases: &Phrases, record: &ActionRecord, who: &str) -> Wording {
    let headline = format!("unknown whether {}", phrases.was_it());
    let summary = format!("Cordon cannot tell what became of the action of {who}. It may be done, or not.");
    Wording::new(trouble(record), trouble_badge(record), headline, summary)
        .next("See in the portal whether it was done.")
        .next(format!("If it was not: {}", lower(&phrases.by_hand())))
}

fn overdue(phrases: &Phrases, record: &ActionRecord, who: &str) -> Wording {
    let headline = around(who, |who| format!("{} by {who}, NOT confirmed in time", phrases.noun()));
    let summary = format!(
        "Defender has not said for too long how the action of {who} ended. Count it as not done; Cordon still follows it."
    );
    Wording::new(trouble(record), trouble_badge(record), headline, summary)
        .next("See in the portal whether the machine is online: Defender cannot reach one that is switched off.")
        .next("If it cannot wait, act on the machine in another way: at its switch port, its VPN or at the desk.")
}
